"""Certificates for signing: a root of our own, and below it a signing certificate as C2PA wants it.

Method: X.509 v3, ECDSA on P-256 with SHA-256 (ES256). The signing certificate is an end entity with
digitalSignature, the extended usages emailProtection and c2pa-kp, key identifiers, and a year of life.
Source: C2PA Technical Specification 2.2, section 14.5 (X.509 certificates).
Limits: for trials. A public validator does not know this root; it shows "issuer not recognised" until a company
signs with a certificate of an issuer on C2PA's trust list (`haechi keys add`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from haechi.core.errors import InputError

SIGNER_DAYS = 365
ROOT_DAYS = 3650
# Clocks differ: a certificate made here must hold at once elsewhere.
_EARLIER = timedelta(days=1)
_C2PA_SIGNING = x509.ObjectIdentifier("1.3.6.1.4.1.62558.2.1")
_PEM = serialization.Encoding.PEM


@dataclass(frozen=True, slots=True)
class Root:
    """A certificate authority of our own, PEM; `key` is secret."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return "Root(key=secret)"


def make_root(name: str) -> Root:
    """A new root in the name of an organisation.

    Raises:
        InputError: the name cannot stand in a certificate.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(name, f"{name} root")
    builder = _builder(subject, subject, key, key, ROOT_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs=False), critical=True)
    return Root(builder.sign(key, hashes.SHA256()).public_bytes(_PEM), _secret(key))


def make_signer(name: str, root: Root) -> tuple[bytes, bytes]:
    """A signing certificate below `root` and its key, both PEM; the second is secret."""
    issuer = x509.load_pem_x509_certificate(root.certificate)
    issuer_key = serialization.load_pem_private_key(root.key, None)
    if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
        raise InputError("the key of the root is of another kind than Haechi makes")
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_subject(name, f"{name} signer"), issuer.subject, key, issuer_key, SIGNER_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs=True), critical=True)
    purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION, _C2PA_SIGNING])
    builder = builder.add_extension(purposes, critical=False)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(_PEM), _secret(key)


def load_chain(pem: bytes) -> list[x509.Certificate]:
    """The certificates of a PEM text, signer first.

    Raises:
        InputError: no certificate is in it, or the first is not one that signs.
    """
    try:
        chain = x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise InputError("the chain is not a PEM text of certificates, signer first") from error
    try:
        is_authority = chain[0].extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        is_authority = False
    if is_authority:
        raise InputError("the first certificate of the chain belongs to an authority; put the signer's own first")
    return chain


def read_anchors(path: Path) -> str:
    """The certificates of a file of PEM text and nothing else that may be in it.

    Raises:
        InputError: it cannot be read, or holds no certificate.
    """
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {os.strerror(error.errno or 0)}") from error
    except ValueError as error:
        raise InputError(f"{path}: not a PEM text of certificates; name one with those of the issuers") from error
    return "".join(one.public_bytes(_PEM).decode("ascii") for one in found)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    days: int,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC).replace(microsecond=0)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + timedelta(days=days) - _EARLIER)
        .add_extension(identifier, critical=False)
        .add_extension(above, critical=False)
    )


def _subject(name: str, common_name: str) -> x509.Name:
    try:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, name[:64]),
                x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64]),
            ]
        )
    except ValueError as error:
        raise InputError(f"{name!r} cannot stand in a certificate; give the name of your organisation") from error


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        key_cert_sign=not signs,
        crl_sign=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _secret(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
