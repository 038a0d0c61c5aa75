"""A signing authority made for one test run: root and leaf (ES256), and files that it signs."""

from __future__ import annotations

import datetime
import io
import json
from collections.abc import Callable
from dataclasses import dataclass

import c2pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

Key = ec.EllipticCurvePrivateKey
Sign = Callable[..., bytes]


@dataclass(frozen=True)
class Authority:
    """PEM texts: the chain (leaf first), the leaf's key, and the root to trust."""

    chain: bytes
    key: bytes
    root: str


def _certificate(
    name: str, key: Key, issuer: x509.Certificate | None, issuer_key: Key, *, root: bool
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name), x509.NameAttribute(NameOID.COMMON_NAME, f"{name} test")]
    )
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=300))
        .add_extension(x509.BasicConstraints(ca=root, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=not root, key_cert_sign=root, crl_sign=root, **usage), critical=True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if not root:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


@pytest.fixture(scope="session")
def authority() -> Authority:
    """Root "Haechi Test Root" and leaf "Haechi Test Signer", valid now."""
    root_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _certificate("Haechi Test Root", root_key, None, root_key, root=True)
    leaf = _certificate("Haechi Test Signer", leaf_key, root, root_key, root=False)
    pem = serialization.Encoding.PEM
    key = leaf_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Authority(leaf.public_bytes(pem) + root.public_bytes(pem), key, root.public_bytes(pem).decode())


def _jpeg(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def plain() -> bytes:
    """A JPEG without credentials."""
    return _jpeg((200, 120, 40))


@pytest.fixture(scope="session")
def sign(authority: Authority) -> Sign:
    """sign(jpeg, ingredients=[(title, bytes)], actions=[...]): the JPEG with a manifest."""

    def _sign(
        jpeg: bytes, ingredients: tuple[tuple[str, bytes], ...] = (), actions: tuple[dict[str, str], ...] = ()
    ) -> bytes:
        manifest = {
            "claim_generator_info": [{"name": "haechi-test", "version": "1"}],
            "title": "teaser\nphoto 1",
            "format": "image/jpeg",
            "assertions": [{"label": "c2pa.actions", "data": {"actions": list(actions)}}] if actions else [],
        }
        # a context for each call: one must not be shared across tests that fork
        context = c2pa.Context(c2pa.Settings.from_dict({"builder": {"thumbnail": {"enabled": False}}}))
        info = c2pa.C2paSignerInfo(b"es256", authority.chain, authority.key, None)
        with c2pa.Signer.from_info(info) as signer, c2pa.Builder(json.dumps(manifest), context=context) as builder:
            for title, data in ingredients:
                about = json.dumps({"title": title, "relationship": "componentOf"})
                builder.add_ingredient(about, "image/jpeg", io.BytesIO(data))
            target = io.BytesIO()
            builder.sign(signer, "image/jpeg", io.BytesIO(jpeg), target)
            return target.getvalue()

    return _sign
