"""Time stamps of a local authority: a signature outlives its certificate, and no stamp means no signature."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from time import sleep

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from PIL import Image

from haechi.core.errors import InputError, RemoteError
from haechi.core.provenance import certificates
from haechi.core.provenance.certificates import make_root
from haechi.core.provenance.keys import Identity, new_identity, ours, trust_stamps
from haechi.core.provenance.origin import read_origin
from haechi.core.provenance.read import sidecar_of
from haechi.core.provenance.sign import Claim, sign_media
from haechi.core.settings import Limits

OPENSSL = shutil.which("openssl")
CLAIM = Claim("t", "Example", None, "a.jpg", "2026-05-01T00:00:00+00:00")
LIFE_S = 4
CONFIGURATION = """[tsa]
default_tsa = one
[one]
serial = {0}/serial
crypto_device = builtin
signer_cert = {0}/unit.pem
certs = {0}/root.pem
signer_key = {0}/unit.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
"""


class Authority(BaseHTTPRequestHandler):
    """Answers with OpenSSL's `ts`; any other path than the root is refused."""

    folder: Path

    def do_POST(self) -> None:
        query, answer = self.folder / "query", self.folder / "answer"
        query.write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
        command = [str(OPENSSL), "ts", "-reply", "-config", self.folder / "tsa.cnf", "-queryfile", query]
        subprocess.run([*command, "-out", answer], check=True, capture_output=True, timeout=120)
        data = answer.read_bytes()
        self.send_response(200 if self.path == "/" else 503)
        self.send_header("Content-Type", "application/timestamp-reply")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Address of a time stamp authority on this machine, and its root."""
    if OPENSSL is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tsa")
    root = make_root("Example TSA")
    issuer = x509.load_pem_x509_certificate(root.certificate)
    issuer_key = serialization.load_pem_private_key(root.key, None)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = certificates._subject("Example TSA", "Example TSA unit")
    builder = certificates._builder(subject, issuer.subject, key, issuer_key, 300)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(certificates._usage(signs=True), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    unit = builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    files = {"unit.pem": unit, "root.pem": root.certificate, "unit.key": certificates._secret(key), "serial": b"01"}
    for name, data in {**files, "tsa.cnf": CONFIGURATION.format(folder).encode()}.items():
        (folder / name).write_bytes(data)
    server = HTTPServer(("127.0.0.1", 0), type("Here", (Authority,), {"folder": folder}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", folder / "root.pem"
    server.shutdown()
    server.server_close()
    thread.join(60)


@pytest.fixture
def short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Identity:
    """A certificate that ends in a few seconds."""
    earlier = timedelta(days=certificates.SIGNER_DAYS) - timedelta(seconds=LIFE_S)
    monkeypatch.setattr(certificates, "_EARLIER", earlier)
    return new_identity(tmp_path / "home", "Example")


def stamped(folder: Path, identity: Identity, tsa: str) -> Path:
    source, target = folder / "a.jpg", folder / "signed.jpg"
    Image.new("RGB", (64, 48), (200, 90, 10)).save(source)
    sign_media(source, target, sidecar_of(target), CLAIM, identity, tsa=tsa)
    return target


def test_a_stamped_signature_outlives_its_certificate(
    tmp_path: Path, short: Identity, authority: tuple[str, Path]
) -> None:
    address, root = authority
    home = tmp_path / "home"
    target = stamped(tmp_path, short, address)
    sleep(LIFE_S + 1.5)
    unknown = read_origin(target, Limits(), ours(home))
    assert unknown is not None
    assert (unknown.by_us, unknown.reading.state) == (False, "expired")
    assert trust_stamps(home, root) == 1 == trust_stamps(home, root)
    known = read_origin(target, Limits(), ours(home))
    assert known is not None
    assert (known.by_us, known.reading.state) == (True, "trusted")
    assert known.reading.signed_at is not None
    data = bytearray(target.read_bytes())
    data[-20] ^= 1
    target.write_bytes(data)
    changed = read_origin(target, Limits(), ours(home))
    assert changed is not None
    assert (changed.by_us, changed.reading.state) == (False, "invalid")


def test_a_stamped_parent_goes_along(tmp_path: Path, authority: tuple[str, Path]) -> None:
    identity, second = new_identity(tmp_path / "home", "Example"), tmp_path / "second.jpg"
    first = stamped(tmp_path, identity, authority[0])
    manifest = sign_media(first, tmp_path / "b.jpg", sidecar_of(tmp_path / "b.jpg"), CLAIM, identity, tsa=authority[0])
    sign_media(tmp_path / "a.jpg", second, sidecar_of(second), replace(CLAIM, parent=manifest), identity)
    found = read_origin(second, Limits(), ours(tmp_path / "home"))
    assert found is not None
    assert (found.by_us, found.reading.problems, found.reading.parent is not None) == (True, (), True)


@pytest.mark.parametrize("path", ["busy", None])
def test_no_stamp_no_signature(tmp_path: Path, authority: tuple[str, Path], path: str | None) -> None:
    address = authority[0] + path if path else "http://127.0.0.1:9/"
    identity = new_identity(tmp_path / "home", "Example")
    with pytest.raises(RemoteError, match="no time stamp") as raised:
        stamped(tmp_path, identity, address)
    assert not raised.value.permanent
    with pytest.raises(InputError, match="https"):
        stamped(tmp_path, identity, "ftp://example.org")


def test_roots_without_certificates_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        trust_stamps(tmp_path / "home", tmp_path / "missing.pem")
    (tmp_path / "empty.pem").write_bytes(b"")
    with pytest.raises(InputError):
        trust_stamps(tmp_path / "home", tmp_path / "empty.pem")
