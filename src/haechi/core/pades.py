"""Signatures inside a PDF (PAdES, ETSI EN 319 142-1) with a time stamp, by pyHanko (extra `haechi[sign]`).

Keys, chosen by URI:
- `file:PATH.p12` (or `.pfx`): PKCS#12 with its certificates; a passphrase comes from a file of its own;
- `file:PATH.pem`, `pkcs11:...`, `exec:...`: as `core.provenance.signers`; certificates come beside it, signer first.
Levels: B-LTA when everything that verifies the signature could be put beside it and stamped: the certificates of signer
and authority, and of each that names a revocation service what it says now (`revocation`). Else B-T.
Invariants: what comes out was verified, every signature in it; earlier signatures of a PDF stay as they are.
"""

from __future__ import annotations

import asyncio
import io
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import pkcs12

from haechi.core.errors import HaechiError, InputError, IntegrityError
from haechi.core.fetch import Client
from haechi.core.provenance.certificates import load_chain
from haechi.core.provenance.signers import algorithm_of, open_signer
from haechi.core.revocation import Revocation, ask_revocation, names_service
from haechi.core.timestamp.authorities import AUTHORITIES, believed

B_T: Final = "B-T"
B_LTA: Final = "B-LTA"
_DIGEST: Final = "sha256"
_LIKELY_BYTES: Final = 600
"""Room for a signature of any kind of key that we take, while its real size is not known."""


@dataclass(frozen=True, slots=True)
class PdfKey:
    """Where a person's key is; nothing here is secret.

    Attributes:
        uri: see the module.
        chain: file with the certificates, PEM, signer first; None for PKCS#12.
        passphrase: file with the passphrase of PKCS#12, or None.
    """

    uri: str
    chain: Path | None = None
    passphrase: Path | None = None


@dataclass(frozen=True, slots=True)
class SignedPdf:
    """A PDF that was signed.

    Attributes:
        data: the file.
        level: `B_T` or `B_LTA`.
        certificate: SHA-256 of the signer's, "sha256:...".
        independent: False when the time stamp is by the home's own authority.
    """

    data: bytes
    level: str
    certificate: str
    independent: bool


@dataclass(frozen=True, slots=True)
class _Hand:
    """A key and its certificates.

    `sign` gives a signature over a message as CMS has it (ECDSA in DER).
    """

    chain: list[x509.Certificate]
    mechanism: str
    sign: Callable[[bytes], bytes]


def sign_pdf(
    pdf: bytes, key: PdfKey, tsa: str, home: Path, *, name: str, reason: str, client: Client | None = None
) -> SignedPdf:
    """Sign a PDF, beneath whatever signatures it has.

    Args:
        pdf: the file.
        key: whose.
        tsa: URI of a time stamp authority.
        home: folder of the store, with the roots that are believed.
        name: of the person.
        reason: e.g. the role in which the person signs.
        client: asks revocation services that certificates name; None: none is asked.

    Raises:
        InputError: the key, its certificates or the authority cannot be used, a certificate was revoked, or pyHanko is
            not here.
        IntegrityError: what was made does not verify; it is thrown away.
        RemoteError: the authority cannot be reached.
    """
    if tsa.partition(":")[0] not in AUTHORITIES:
        known = ", ".join(f"{one}:" for one in AUTHORITIES)
        raise InputError(f"no time stamp authority for {tsa!r}; known are {known}")
    hand = _hand(key)
    digest = f"sha256:{hand.chain[0].fingerprint(hashes.SHA256()).hex()}"
    _need_pyhanko()
    last: HaechiError = IntegrityError("the signature in the PDF does not verify; nothing was signed")
    for level in (B_LTA, B_T):
        try:
            data = _alone(partial(_signed, pdf, hand, tsa, home, name, reason, level, client))
        except IntegrityError as error:
            last = error
            continue
        return SignedPdf(data, level, digest, tsa.partition(":")[0] != "local")
    raise last


def _signed(
    pdf: bytes, hand: _Hand, tsa: str, home: Path, name: str, reason: str, level: str, client: Client | None
) -> bytes:
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.sign import fields, signers
    from pyhanko.sign.general import SigningError
    from pyhanko_certvalidator.errors import PathError

    try:
        writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
        number = len(writer.prev.embedded_regular_signatures) + 1
        stamper = _stamper(tsa, home)
        asyncio.run(stamper.async_dummy_response(_DIGEST))  # the home's own authority makes its root when first asked
        stamps = [one for token in stamper.tokens for one in token]
        said = _said_of([*hand.chain, *stamps, *believed(home)], client) if level == B_LTA else Revocation()
        trust = _trust(hand, home, said=said)
        metadata = signers.PdfSignatureMetadata(
            field_name=f"Signature{number}",
            md_algorithm=_DIGEST,
            subfilter=fields.SigSeedSubFilter.PADES,
            name=name,
            reason=reason,
            embed_validation_info=level == B_LTA,
            use_pades_lta=level == B_LTA,
            validation_context=trust if level == B_LTA else None,
            signer_key_usage=_usage(hand.chain[0]),
        )
        output = signers.PdfSigner(metadata, _signer(hand), timestamper=stamper).sign_pdf(writer)
    except (PdfError, SigningError, PathError, ValueError) as error:
        raise IntegrityError(f"the PDF cannot be signed at level {level}: {error}") from error
    data: bytes = output.getvalue()
    _see_that_it_verifies(data, hand, home, [one for token in stamper.tokens for one in token])
    return data


def _said_of(certificates: Sequence[x509.Certificate], client: Client | None) -> Revocation:
    """What is known of their revocation.

    Raises:
        IntegrityError: one names a service that said nothing: no long-term level.
        InputError: one was revoked.
    """
    if not any(names_service(one) for one in certificates):
        return Revocation()
    if client is None:
        raise IntegrityError("a certificate names a revocation service, and none is asked: no long-term level")
    said = ask_revocation(certificates, client)
    if said.unanswered:
        raise IntegrityError(f"nothing is known of the revocation of {said.unanswered[0]}: no long-term level")
    return said


def _see_that_it_verifies(data: bytes, hand: _Hand, home: Path, stamps: list[x509.Certificate]) -> None:
    """Every signature in a PDF is whole; the newest is by this hand, and its certificates and its time stamp hold.

    Raises:
        IntegrityError: it does not.
    """
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko.sign.validation.settings import KeyUsageConstraints

    found = PdfFileReader(io.BytesIO(data)).embedded_regular_signatures
    good = bool(found)
    for one in found:
        signer = _certificate(one.signer_cert)
        roots = [] if one is found[-1] else [_certificate(other) for other in one.other_embedded_certs]
        trust = _trust(hand, home, stamps, [other for other in roots if other.issuer == other.subject])
        status = validate_pdf_signature(one, trust, key_usage_settings=KeyUsageConstraints(key_usage=_usage(signer)))
        stamped = status.timestamp_validity is not None and status.timestamp_validity.valid
        good = good and status.intact and status.valid and stamped
        good = good and (one is not found[-1] or (signer == hand.chain[0] and status.trusted))
    if not good:
        raise IntegrityError("the signature in the PDF does not verify; nothing was signed")


def _certificate(found: Any) -> x509.Certificate:
    return x509.load_der_x509_certificate(found.dump())


def _hand(key: PdfKey) -> _Hand:
    scheme, _, rest = key.uri.partition(":")
    if scheme == "file" and Path(rest).suffix.lower() in (".p12", ".pfx"):
        return _from_pkcs12(Path(rest).expanduser(), key.passphrase)
    if key.chain is None:
        raise InputError("the key needs its certificates beside it, PEM, the signer's first: HAECHI_NOTICE_CHAIN")
    chain = load_chain(_read(key.chain))
    raw = open_signer(key.uri, chain[0])
    algorithm = algorithm_of(chain[0])
    if algorithm == "ps256":
        return _Hand(chain, "rsassa_pss", raw)
    if algorithm != "es256":
        raise InputError("PDFs are signed here with P-256 or RSA keys; use such a key")
    return _Hand(chain, "sha256_ecdsa", lambda data: _der(raw(data)))


def _from_pkcs12(path: Path, passphrase: Path | None) -> _Hand:
    secret = _read(passphrase).split(b"\n", 1)[0].rstrip(b"\r") if passphrase is not None else None
    data = _read(path)
    if path.stat().st_mode & 0o077:
        raise InputError(f"others may read the key {path}; run chmod 600 on it")
    try:
        private, leaf, further = pkcs12.load_key_and_certificates(data, secret)
    except ValueError as error:
        raise InputError(f"{path} cannot be opened: no PKCS#12, or another passphrase") from error
    if leaf is None or not isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise InputError(f"{path} holds no certificate with an EC or RSA key")
    chain = _ordered(leaf, further)
    if isinstance(private, rsa.RSAPrivateKey):
        key = private
        return _Hand(chain, "sha256_rsa", lambda text: key.sign(text, padding.PKCS1v15(), hashes.SHA256()))
    curve = private
    return _Hand(chain, "sha256_ecdsa", lambda text: curve.sign(text, ec.ECDSA(hashes.SHA256())))


def _ordered(leaf: x509.Certificate, further: list[x509.Certificate]) -> list[x509.Certificate]:
    """Signer first, then each issuer."""
    chain, left = [leaf], list(further)
    while left:
        issuer = next((one for one in left if one.subject == chain[-1].issuer), None)
        if issuer is None:
            break
        left.remove(issuer)
        chain.append(issuer)
    return chain


def _signer(hand: _Hand) -> Any:
    """The hand as pyHanko takes it."""
    from asn1crypto import x509 as asn1
    from pyhanko.sign import signers
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    class Hand(signers.Signer):
        async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
            return bytes(_LIKELY_BYTES) if dry_run else hand.sign(data)

    certificates = [asn1.Certificate.load(one.public_bytes(serialization.Encoding.DER)) for one in hand.chain]
    store: Any = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    store.register_multiple(certificates)
    return Hand(signing_cert=certificates[0], cert_registry=store, signature_mechanism=_mechanism(hand))


def _mechanism(hand: _Hand) -> Any:
    from asn1crypto import algos

    if hand.mechanism != "rsassa_pss":
        return algos.SignedDigestAlgorithm({"algorithm": hand.mechanism})
    digest = algos.DigestAlgorithm({"algorithm": _DIGEST})
    mask = algos.MaskGenAlgorithm({"algorithm": "mgf1", "parameters": digest})
    told = algos.RSASSAPSSParams({"hash_algorithm": digest, "mask_gen_algorithm": mask, "salt_length": 32})
    return algos.SignedDigestAlgorithm({"algorithm": "rsassa_pss", "parameters": told})


def _stamper(tsa: str, home: Path) -> Any:
    """Our authorities as pyHanko takes them; `tokens` are the certificates of what they gave."""
    from asn1crypto import tsp
    from pyhanko.sign.timestamps import TimeStamper

    class Stamper(TimeStamper):
        def __init__(self) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self.tokens: list[list[x509.Certificate]] = []

        async def async_request_tsa_response(self, req: Any) -> Any:
            answer = tsp.TimeStampResp.load(AUTHORITIES[tsa.partition(":")[0]](tsa, req.dump(), home))
            granted = answer["status"]["status"].native in ("granted", "granted_with_mods")
            carried = answer["time_stamp_token"]["content"]["certificates"] if granted else []
            self.tokens.append([_certificate(one.chosen) for one in carried])
            return answer

    return Stamper()


def _trust(
    hand: _Hand,
    home: Path,
    further: Sequence[x509.Certificate] = (),
    roots: Sequence[x509.Certificate] = (),
    said: Revocation | None = None,
) -> Any:
    """What a signature is verified against: the signer's own root, and the authorities that the home believes."""
    from asn1crypto import x509 as asn1
    from pyhanko_certvalidator import ValidationContext

    def taken(certificates: Iterable[x509.Certificate]) -> list[Any]:
        return [asn1.Certificate.load(one.public_bytes(serialization.Encoding.DER)) for one in certificates]

    anchors = taken([hand.chain[-1], *believed(home), *roots])
    others = taken([*hand.chain[1:-1], *further])
    told = Revocation() if said is None else said
    return ValidationContext(
        trust_roots=anchors,
        other_certs=others,
        allow_fetching=False,
        crls=list(told.lists),
        ocsps=list(told.answers),
        revocation_mode="soft-fail" if said is None else "hard-fail",
    )


def _usage(certificate: x509.Certificate) -> set[str]:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return set()
    return {"non_repudiation"} if usage.content_commitment else {"digital_signature"}


def _der(joined: bytes) -> bytes:
    """An ECDSA signature in DER, from r and s joined."""
    half = len(joined) // 2
    return encode_dss_signature(int.from_bytes(joined[:half], "big"), int.from_bytes(joined[half:], "big"))


def _alone(work: Callable[[], bytes]) -> bytes:
    """Run in a thread of its own where an event loop already runs: pyHanko starts one."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    done: list[bytes] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:  # noqa: BLE001 - handed over to the thread that waits
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]


def _read(path: Path) -> bytes:
    try:
        return path.expanduser().read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def _need_pyhanko() -> None:
    try:
        import pyhanko.sign  # noqa: F401
    except ImportError as error:
        raise InputError("signatures inside a PDF need pyHanko; install haechi[sign]") from error
    # what it has to say is said here; without a handler its remarks would go to standard error
    logging.getLogger("pyhanko").addHandler(logging.NullHandler())
