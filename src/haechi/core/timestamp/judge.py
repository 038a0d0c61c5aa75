"""Time stamp tokens, judged: does the signature hold, over this digest, and does its chain end at a root we believe?

Steps:
1. The imprint is the digest of the stamped bytes.
2. The signed attributes name the hash of the statement, and the signature over them holds with the signer's key.
3. The signer is the one certificate that the token names by issuer and number, and by its own hash (ESS, RFC 5816):
   certificates that were slipped in beside it change nothing.
4. Its one purpose, marked critical, is time stamping (RFC 3161 section 2.3); it held at the stated time.
5. A chain of certificates that held at that time leads to a root that is believed.
Without step 5 a token is intact but "unproven": whoever made it could have made the certificate, too.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from haechi.core.errors import InputError, IntegrityError
from haechi.core.timestamp.der import OCTETS, SEQUENCE, Node, parse
from haechi.core.timestamp.tokens import HASHES, Token, read_token

_MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
_CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
_ESS: Final = {"1.2.840.113549.1.9.16.2.12": "sha1", "1.2.840.113549.1.9.16.2.47": "sha256"}
_PSS: Final = "1.2.840.113549.1.1.10"
_SIGNED_WITH: Final = {
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
    "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384",
    "1.2.840.10045.4.3.4": "sha512",
}
_PRIMITIVES: Final[Mapping[str, hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_DAMAGED: Final = (
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
_LONGEST_CHAIN: Final = 8
_PEM: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a token proves.

    Attributes:
        token: as it reads.
        signer: the authority's certificate.
        chain: from the signer up, as far as it goes.
        trusted: True when the chain ends at a believed root.
        remark: why it is not trusted, else empty.
    """

    token: Token
    signer: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    trusted: bool
    remark: str


def judge_token(
    data: bytes,
    content: bytes | None,
    roots: Sequence[x509.Certificate] = (),
    others: Iterable[x509.Certificate] = (),
) -> Judgement:
    """Judge a response or a bare token; see the module for the steps.

    Args:
        data: the token.
        content: the bytes that were stamped; None leaves step 1 out.
        roots: certificates that are believed.
        others: further certificates that a chain may use.

    Raises:
        InputError: it is no time stamp.
        IntegrityError: it does not hold.
    """
    token = read_token(data)
    if content is not None and hashlib.new(token.hash_name, content).digest() != token.imprint:
        raise IntegrityError("the time stamp is over other bytes than these")
    try:
        return _judge(token, roots, [*token.certificates, *others, *roots])
    except _DAMAGED as error:
        raise IntegrityError(f"the time stamp or its chain is damaged: {error}") from error


def load_certificates(pem: bytes) -> list[x509.Certificate]:
    """Every certificate of a PEM text, whatever else is in it; or the one that stands there in DER.

    Raises:
        InputError: there is none, or one is damaged.
    """
    try:
        found = [x509.load_pem_x509_certificate(block) for block in _PEM.findall(pem)]
        if not found and pem[:1] == b"0":
            found = [x509.load_der_x509_certificate(pem)]
    except (ValueError, x509.InvalidVersion) as error:
        raise InputError("one of the certificates is damaged") from error
    if not found:
        raise InputError("there is no certificate in it")
    return found


def _judge(token: Token, roots: Sequence[x509.Certificate], known: list[x509.Certificate]) -> Judgement:
    """Steps 2 to 5."""
    signer = _named(token, known)
    _check_signature(token, signer)
    _check_purpose(signer)
    chain = _chain(signer, known, token.at)
    remark = ""
    if not _holds(signer, token.at):
        remark = "the authority's certificate did not hold at the stated time"
    elif not any(one in roots for one in chain):
        remark = "no root that is believed stands behind it"
    return Judgement(token, signer, tuple(chain), not remark, remark)


def _named(token: Token, known: Iterable[x509.Certificate]) -> x509.Certificate:
    issuer, serial = token.signer
    for one in known:
        if one.serial_number == serial and one.issuer.public_bytes() == issuer and _is_ess(token, one):
            return one
    raise IntegrityError("the certificate of the authority that signed the time stamp is not here; add its chain")


def _attributes(token: Token) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for attribute in parse(token.attributes).children():
        kind, values = attribute.children()
        if kind.oid() in found:
            raise IntegrityError("the time stamp states an attribute twice")
        found[kind.oid()] = values.children()[0]
    return found


def _is_ess(token: Token, certificate: x509.Certificate) -> bool:
    """Whether the signed attributes name this certificate by its hash."""
    for oid, default in _ESS.items():
        value = _attributes(token).get(oid)
        if value is None:
            continue
        first = value.children()[0].expect(SEQUENCE).children()[0].expect(SEQUENCE).children()
        name, digest = default, first[0]
        if digest.tag == SEQUENCE:
            name, digest = HASHES[digest.children()[0].oid()], first[1]
        der = certificate.public_bytes(Encoding.DER)
        return hashlib.new(name, der, usedforsecurity=False).digest() == digest.expect(OCTETS).content
    raise IntegrityError("the time stamp does not name its signer by hash (RFC 5816)")


def _check_signature(token: Token, signer: x509.Certificate) -> None:
    named = _attributes(token)
    name = HASHES[token.digest_oid]
    if named[_MESSAGE_DIGEST].expect(OCTETS).content != hashlib.new(name, token.info).digest():
        raise IntegrityError("the time stamp was changed: its statement has not the digest that was signed")
    if named[_CONTENT_TYPE].oid() != "1.2.840.113549.1.9.16.1.4":
        raise IntegrityError("what was signed was not a time stamp")
    algorithm = _PRIMITIVES[_SIGNED_WITH.get(token.signature_oid, name)]
    key: Any = signer.public_key()
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(token.signature, token.attributes, ec.ECDSA(algorithm))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(token.signature, token.attributes, _padding(token, algorithm), algorithm)
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(token.signature, token.attributes)
        else:
            raise IntegrityError("the authority signs with a kind of key that is not known")
    except InvalidSignature as error:
        raise IntegrityError("the signature of the time stamp does not hold") from error


def _padding(token: Token, algorithm: hashes.HashAlgorithm) -> padding.AsymmetricPadding:
    if token.signature_oid == _PSS:
        return padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO)
    return padding.PKCS1v15()


def _check_purpose(signer: x509.Certificate) -> None:
    try:
        usage = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound as error:
        raise IntegrityError("the authority's certificate is not one for time stamps") from error
    if not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise IntegrityError("the authority's certificate is not one for time stamps alone (RFC 3161, 2.3)")


def _chain(signer: x509.Certificate, known: list[x509.Certificate], at: datetime) -> list[x509.Certificate]:
    chain = [signer]
    while len(chain) < _LONGEST_CHAIN and chain[-1].issuer != chain[-1].subject:
        above = next((one for one in known if one not in chain and _issued(one, chain[-1]) and _holds(one, at)), None)
        if above is None:
            break
        chain.append(above)
    return chain


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        if not issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        certificate.verify_directly_issued_by(issuer)
    except (*_DAMAGED, InvalidSignature, x509.ExtensionNotFound):
        return False
    return True


def _holds(certificate: x509.Certificate, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc
