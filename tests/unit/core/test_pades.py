"""Signatures inside a PDF: every kind of key, and the level that each authority and certificate allows."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pkcs11
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from haechi.core.errors import InputError, IntegrityError
from haechi.core.pades import B_LTA, B_T, PdfKey, SignedPdf, sign_pdf
from haechi.core.provenance.keys import trust_stamps
from haechi.core.timestamp.local import local_token

pytest.importorskip("pyhanko")
pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
MODULES = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"]


@pytest.fixture(scope="session")
def pdf() -> bytes:
    import typst

    return bytes(typst.compile(b"= Notice", format="pdf", pdf_standards=["a-2b"]))


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A time stamp authority on loopback, and its root."""
    place = tmp_path / "authority"

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = local_token(place, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", place / "keys" / "stamps" / "root.pem"
    server.shutdown()
    server.server_close()


def certificates(key: Key, crl: str = "", days: int = 30) -> list[x509.Certificate]:
    """A person's certificate below a root."""
    root_key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    made: list[x509.Certificate] = []
    for name, public, is_root in (("Root", root_key.public_key(), True), ("J. Kim", key.public_key(), False)):
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Root")]))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=60))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(not is_root, not is_root, False, False, False, is_root, is_root, False, False),
                critical=True,
            )
        )
        if crl and not is_root:
            point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl)], None, None, None)
            builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
        made.insert(0, builder.sign(root_key, hashes.SHA256()))
    return made


def as_file(key: Key, folder: Path, crl: str = "", *, p12: bool = False, days: int = 30) -> PdfKey:
    chain = certificates(key, crl, days)
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path = folder / ("hand.p12" if p12 else "hand.key")
    if p12:
        how = serialization.NoEncryption()
        path.write_bytes(pkcs12.serialize_key_and_certificates(b"hand", key, chain[0], chain[1:], how))
    else:
        path.write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    path.chmod(0o600)
    (folder / "chain.pem").write_bytes(b"".join(one.public_bytes(pem) for one in chain))
    return PdfKey(f"file:{path}", None if p12 else folder / "chain.pem")


def said_by_pdfsig(signed: SignedPdf, folder: Path) -> str:
    if shutil.which("pdfsig") is None:
        pytest.skip("poppler-utils (pdfsig) is not installed")
    (folder / "signed.pdf").write_bytes(signed.data)
    return subprocess.run(
        ["pdfsig", folder / "signed.pdf"], capture_output=True, text=True, check=False, timeout=120
    ).stdout


def sign(pdf: bytes, key: PdfKey, home: Path, tsa: str = "local:") -> SignedPdf:
    return sign_pdf(pdf, key, tsa, home, name="J. Kim", reason="counsel")


@pytest.mark.parametrize("p12", [False, True])
@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_every_kind_of_key(pdf: bytes, tmp_path: Path, kind: str, p12: bool) -> None:
    key: Key = ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)
    signed = sign(pdf, as_file(key, tmp_path, p12=p12), tmp_path / "home")
    assert (signed.level, signed.independent) == (B_LTA, False)
    said = said_by_pdfsig(signed, tmp_path)
    assert "Signature is Valid." in said
    assert "Common Name: J. Kim" in said


def test_authority_over_http_makes_it_independent(pdf: bytes, tmp_path: Path, authority: tuple[str, Path]) -> None:
    uri, root = authority
    key, home = as_file(ec.generate_private_key(ec.SECP256R1()), tmp_path), tmp_path / "home"
    signed = sign(pdf, key, home, uri)
    assert (signed.level, signed.independent) == (B_T, True), "its root is not believed yet"
    assert "Signature is Valid." in said_by_pdfsig(signed, tmp_path)
    trust_stamps(home, root)
    assert sign(pdf, key, home, uri).level == B_LTA


def test_no_long_term_level_where_a_revocation_service_is_named(pdf: bytes, tmp_path: Path) -> None:
    key = as_file(ec.generate_private_key(ec.SECP256R1()), tmp_path, crl="http://127.0.0.1:9/crl")
    signed = sign(pdf, key, tmp_path / "home")
    assert signed.level == B_T
    assert "Signature is Valid." in said_by_pdfsig(signed, tmp_path)


def test_key_in_a_hardware_module(pdf: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool, module = shutil.which("softhsm2-util"), next((one for one in MODULES if Path(one).exists()), None)
    if tool is None or module is None:
        pytest.skip("SoftHSM is not installed")
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path}/tokens\nobjectstore.backend = file\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    pkcs11.unload(module)  # another test of this process may have loaded it with tokens of its own
    plain = as_file(ec.generate_private_key(ec.SECP256R1()), tmp_path)
    made = [tool, "--module", module]
    subprocess.run(
        [*made, "--init-token", "--free", "--label", "t", "--so-pin", "0000", "--pin", "1234"], check=True, timeout=120
    )
    take_in = ["--import", tmp_path / "hand.key", "--token", "t", "--pin", "1234", "--label", "k", "--id", "01"]
    subprocess.run([*made, *take_in], check=True, timeout=120)
    (tmp_path / "pin").write_text("1234")
    (tmp_path / "pin").chmod(0o600)
    uri = f"pkcs11:token=t;object=k?module-path={module}&pin-source=file:{tmp_path / 'pin'}"
    signed = sign(pdf, PdfKey(uri, plain.chain), tmp_path / "home")
    assert "Signature is Valid." in said_by_pdfsig(signed, tmp_path)


@pytest.mark.parametrize("change", [lambda path: path.chmod(0o644), lambda path: path.write_bytes(b"no key")])
def test_key_that_is_not_kept_is_refused(pdf: bytes, tmp_path: Path, change: Callable[[Path], object]) -> None:
    for p12 in (False, True):
        key = as_file(ec.generate_private_key(ec.SECP256R1()), tmp_path, p12=p12)
        change(Path(key.uri.removeprefix("file:")))
        with pytest.raises(InputError):
            sign(pdf, key, tmp_path / "home")


def test_certificate_that_has_ended_signs_nothing(pdf: bytes, tmp_path: Path) -> None:
    key = as_file(ec.generate_private_key(ec.SECP256R1()), tmp_path, days=-1)
    with pytest.raises(IntegrityError):
        sign(pdf, key, tmp_path / "home")
