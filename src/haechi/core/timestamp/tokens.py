"""Time stamp tokens, read: what time, over which digest, signed by whom.

Source: RFC 3161 section 2.4.2 (TimeStampResp, TSTInfo), RFC 5652 section 5 (SignedData).
A response and a bare token are both taken. Nothing is believed here: `judge` does that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cryptography import x509

from haechi.core.errors import InputError
from haechi.core.timestamp.der import BOOLEAN, INTEGER, OCTETS, OID, SEQUENCE, SET, Node, parse, wrap

MOST_BYTES: Final = 1 << 20
HASHES: Final = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
_TST_INFO: Final = "1.2.840.113549.1.9.16.1.4"
_CERTIFICATES, _ATTRIBUTES = 0xA0, 0xA0
_SHA256: Final = wrap(OID, bytes.fromhex("608648016503040201"))
_GRANTED: Final = (0, 1)


@dataclass(frozen=True, slots=True)
class Token:
    """A token, as it reads.

    Attributes:
        at: time that it states, UTC.
        hash_name: e.g. "sha256".
        imprint: digest that was stamped.
        serial: number that the authority gave it.
        policy: dotted policy of the authority.
        nonce: number that the request gave, or None.
        certificates: those that came with it.
        info: the signed statement (TSTInfo), DER.
        attributes: signed attributes, DER, as they are hashed.
        signer: issuer (DER) and number of the signer's certificate.
        digest_oid: hash over the statement.
        signature_oid: algorithm of the signature.
        signature_parameters: its parameters, DER, or None.
        signature: over the attributes.
    """

    at: datetime
    hash_name: str
    imprint: bytes
    serial: int
    policy: str
    nonce: int | None
    certificates: tuple[x509.Certificate, ...]
    info: bytes
    attributes: bytes
    signer: tuple[bytes, int]
    digest_oid: str
    signature_oid: str
    signature_parameters: bytes | None
    signature: bytes


def query(digest: bytes, nonce: int) -> bytes:
    """A request over a SHA-256 digest, with the certificates asked for (RFC 3161 section 2.4.1)."""
    imprint = wrap(SEQUENCE, wrap(SEQUENCE, _SHA256 + b"\x05\x00") + wrap(OCTETS, digest))
    number = wrap(INTEGER, nonce.to_bytes(nonce.bit_length() // 8 + 1, "big"))
    return wrap(SEQUENCE, wrap(INTEGER, b"\x01") + imprint + number + wrap(BOOLEAN, b"\xff"))


def read_token(data: bytes) -> Token:
    """Read a response or a bare token.

    Raises:
        InputError: it is none, it was not granted, or it has a form that is not understood.
    """
    if len(data) > MOST_BYTES:
        raise InputError("this is too long for a time stamp")
    try:
        return _token(_content_info(parse(data).expect(SEQUENCE)))
    except InputError:
        raise
    except (ValueError, IndexError, OverflowError, x509.InvalidVersion) as error:
        raise InputError(f"this is not a time stamp (RFC 3161): {error}") from error


def as_response(data: bytes) -> bytes:
    """A response as `openssl ts -verify -in` takes it, from a response or a bare token."""
    try:
        outer = parse(data)
        if outer.children()[0].tag != OID:
            return data
    except (ValueError, IndexError) as error:
        raise InputError(f"this is not a time stamp (RFC 3161): {error}") from error
    granted = wrap(SEQUENCE, wrap(INTEGER, b"\x00"))
    return wrap(SEQUENCE, granted + data)


def _content_info(outer: Node) -> Node:
    children = outer.children()
    if children[0].tag == OID:
        return outer
    status = children[0].expect(SEQUENCE).children()[0].integer()
    if status not in _GRANTED or len(children) < 2:
        raise InputError(f"the authority did not grant the time stamp (status {status}); ask again, or another one")
    return children[1]


def _token(content_info: Node) -> Token:
    kind, explicit = content_info.expect(SEQUENCE).children()
    if kind.oid() != _SIGNED_DATA:
        raise InputError("this is not a time stamp: no signed data")
    fields = explicit.children()[0].expect(SEQUENCE).children()
    content = fields[2].expect(SEQUENCE).children()
    if content[0].oid() != _TST_INFO:
        raise InputError("this is signed data, but not a time stamp")
    info = content[1].children()[0].expect(OCTETS).content
    certificates = next((node for node in fields[3:] if node.tag == _CERTIFICATES), None)
    signers = fields[-1].expect(SET).children()
    if len(signers) != 1:
        raise InputError("a time stamp has one signer")
    statement = parse(info).expect(SEQUENCE).children()
    hash_name, imprint = _imprint(statement[2])
    return Token(
        at=statement[4].time(),
        hash_name=hash_name,
        imprint=imprint,
        serial=statement[3].integer(),
        policy=statement[1].oid(),
        nonce=next((node.integer() for node in statement[5:] if node.tag == INTEGER), None),
        certificates=_certificates(certificates),
        info=info,
        **_signer(signers[0]),
    )


def _imprint(node: Node) -> tuple[str, bytes]:
    algorithm, digest = node.expect(SEQUENCE).children()
    oid = algorithm.children()[0].oid()
    if oid not in HASHES:
        raise InputError(f"the time stamp is over a digest that is not trusted any more ({oid})")
    return HASHES[oid], digest.expect(OCTETS).content


def _certificates(node: Node | None) -> tuple[x509.Certificate, ...]:
    found = node.children() if node is not None else []
    return tuple(x509.load_der_x509_certificate(one.raw) for one in found if one.tag == SEQUENCE)


def _signer(node: Node) -> dict[str, Any]:
    fields = node.expect(SEQUENCE).children()
    issuer, serial = fields[1].expect(SEQUENCE).children()
    if fields[3].tag != _ATTRIBUTES:
        raise InputError("the time stamp has no signed attributes")
    algorithm = fields[4].expect(SEQUENCE).children()
    return {
        "attributes": wrap(SET, fields[3].content),
        "signer": (issuer.raw, serial.integer()),
        "digest_oid": fields[2].children()[0].oid(),
        "signature_oid": algorithm[0].oid(),
        "signature_parameters": algorithm[1].raw if len(algorithm) > 1 else None,
        "signature": fields[5].expect(OCTETS).content,
    }
