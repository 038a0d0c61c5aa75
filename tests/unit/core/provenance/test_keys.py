"""Keys and certificates: nothing secret leaks, and only our own certificates are ours."""

from __future__ import annotations

import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from haechi.core.errors import InputError, IntegrityError
from haechi.core.provenance import certificates, keys
from haechi.core.provenance.certificates import load_chain, make_root, make_signer, read_anchors
from haechi.core.provenance.keys import add_identity, identities, identity, new_identity, ours
from haechi.core.provenance.signers import open_signer

NAME = "예시 Entertainment"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def chain_file(folder: Path, root: certificates.Root) -> tuple[Path, Path]:
    """A chain and its key, as another issuer would hand them over."""
    certificate, key = make_signer("Someone", root)
    chain, secret = folder / "chain.pem", folder / "someone.key"
    chain.write_bytes(certificate + root.certificate)
    secret.touch(0o600)
    secret.write_bytes(key)
    return chain, secret


def test_a_new_key_is_readable_by_its_owner_alone(home: Path) -> None:
    made = new_identity(home, NAME)
    folder = home / "keys" / made.id
    assert stat.S_IMODE((home / "keys").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert made.algorithm == "es256"
    assert 360 < made.days_left <= 365
    assert identity(home) == made == identity(home, NAME) == identity(home, made.id)
    assert "PRIVATE" not in repr(made) + made.chain_pem
    assert "PRIVATE" not in repr(make_root("x"))
    assert not list((home / "keys").glob(".new-*"))


def test_the_certificate_is_what_c2pa_wants(home: Path) -> None:
    leaf, root = load_chain(new_identity(home, NAME).chain_pem.encode())
    leaf.verify_directly_issued_by(root)
    extensions = leaf.extensions
    assert extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [one.dotted_string for one in purposes] == ["1.3.6.1.5.5.7.3.4", "1.3.6.1.4.1.62558.2.1"]
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= timedelta(days=366)


def test_the_next_certificate_of_a_name_goes_below_the_same_root(home: Path) -> None:
    first, second, other = new_identity(home, NAME), new_identity(home, NAME), new_identity(home, "Other")
    assert first.root_pem == second.root_pem != other.root_pem
    assert len(identities(home)) == 3
    assert ours(home).serials == {first.serial, second.serial, other.serial}
    assert ours(home).anchors_pem.count("BEGIN CERTIFICATE") == 2


def test_a_signature_verifies_and_a_foreign_key_is_refused(home: Path) -> None:
    one, other = new_identity(home, NAME), new_identity(home, NAME)
    assert len(one.signer()(b"data")) == 64
    with pytest.raises(IntegrityError, match="another key"):
        open_signer(other.key, load_chain(one.chain_pem.encode())[0])(b"data")


def test_a_key_that_others_may_read_is_refused(home: Path) -> None:
    made = new_identity(home, NAME)
    Path(made.key.removeprefix("file:")).chmod(0o644)
    with pytest.raises(InputError, match="chmod 600"):
        made.signer()


@pytest.mark.parametrize("uri", ["pkcs11:slot", "file:/nowhere/key.pem", "exec:", "exec:/nowhere/sign", "exec:'"])
def test_unusable_uris_are_our_errors(home: Path, uri: str) -> None:
    leaf = load_chain(new_identity(home, NAME).chain_pem.encode())[0]
    with pytest.raises(InputError):
        open_signer(uri, leaf)(b"data")


def test_an_external_signer_signs(home: Path, tmp_path: Path) -> None:
    chain, secret = chain_file(tmp_path, make_root("Someone"))
    script = tmp_path / "sign.py"
    script.write_text(
        "import sys\n"
        "from cryptography.hazmat.primitives import hashes, serialization\n"
        "from cryptography.hazmat.primitives.asymmetric import ec\n"
        "key = serialization.load_pem_private_key(open(sys.argv[1], 'rb').read(), None)\n"
        "sys.stdout.buffer.write(key.sign(sys.stdin.buffer.read(), ec.ECDSA(hashes.SHA256())))\n"
    )
    added = add_identity(home, "Someone", chain, f"exec:'{sys.executable}' '{script}' '{secret}'")
    assert added.root_pem is None
    assert len(added.signer()(b"data")) == 64
    assert {path.name for path in (home / "keys" / added.id).iterdir()} == {"identity.json", "chain.pem"}
    with pytest.raises(IntegrityError, match="failed"):
        add_identity(home, "Someone", chain, f"exec:'{sys.executable}' '{script}' /nowhere")
    with pytest.raises(IntegrityError, match="another key"):
        add_identity(home, "Someone", chain, "exec:echo no signature")
    assert len(identities(home)) == 1


def test_a_chain_needs_the_signer_first_and_its_issuer(home: Path, tmp_path: Path) -> None:
    root = make_root("Someone")
    chain, secret = chain_file(tmp_path, root)
    leaf = load_chain(chain.read_bytes())[0].public_bytes(serialization.Encoding.PEM)
    for text in (leaf, root.certificate + leaf, b"", b"nonsense"):
        chain.write_bytes(text)
        with pytest.raises(InputError):
            add_identity(home, "Someone", chain, f"file:{secret}")
    with pytest.raises(InputError, match=r"chain.*: not a PEM text"):
        read_anchors(chain)
    with pytest.raises(InputError, match=r"absent: cannot be read"):
        read_anchors(tmp_path / "absent")


def test_other_kinds_of_keys_sign(home: Path, tmp_path: Path) -> None:
    root = make_root("Someone")
    issuer = x509.load_pem_x509_certificate(root.certificate)
    issuer_key = serialization.load_pem_private_key(root.key, None)
    key = ed25519.Ed25519PrivateKey.generate()
    now = datetime.now(UTC)
    leaf = (
        x509.CertificateBuilder()
        .subject_name(issuer.subject)
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=9))
        .sign(issuer_key, certificates.hashes.SHA256())  # type: ignore[arg-type]
    )
    pem = serialization.Encoding.PEM
    secret, chain = tmp_path / "ed.key", tmp_path / "ed.pem"
    secret.touch(0o600)
    secret.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    chain.write_bytes(leaf.public_bytes(pem) + root.certificate)
    added = add_identity(home, "Ed", chain, f"file:{secret}")
    assert (added.algorithm, added.serial, len(added.signer()(b"data"))) == ("ed25519", "7", 64)


def test_an_ended_certificate_signs_no_more(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "SIGNER_DAYS", 1)
    with pytest.raises(InputError, match="ended"):
        new_identity(home, NAME).signer()


def test_a_damaged_key_is_an_integrity_error(home: Path) -> None:
    made = new_identity(home, NAME)
    (home / "keys" / made.id / "chain.pem").write_bytes(b"x")
    with pytest.raises(IntegrityError, match="restore"):
        identities(home)


def test_no_name_and_no_key_are_said(home: Path) -> None:
    with pytest.raises(InputError):
        new_identity(home, " ")
    with pytest.raises(InputError, match="haechi keys new"):
        identity(home)
    new_identity(home, NAME)
    with pytest.raises(InputError, match="haechi keys list"):
        identity(home, "nobody")
    assert ours(home / "none") == keys.Ours()


def test_a_root_that_cannot_be_written_leaves_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keys, "write_whole", fail)
    with pytest.raises(Exception, match="space"):
        new_identity(home, NAME)
    assert list((home / "keys").iterdir()) == []
