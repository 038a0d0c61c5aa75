"""What an authority says of revocation goes into the signature: a real one on loopback, by OCSP and by lists."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from haechi.core.errors import InputError
from haechi.core.fetch import Client, Guard
from haechi.core.pades import B_LTA, B_T, PdfKey, SignedPdf, sign_pdf

pytest.importorskip("pyhanko")
NOW = datetime.now(UTC).replace(microsecond=0)


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


class Authority:
    """A root, one signer below it, and what it says of that signer."""

    def __init__(self, *, answers: bool, lists: bool) -> None:
        self.key, self.hand = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self.revoked = self.silent = False
        self.signs_with = self.key
        self.asked: list[str] = []
        self.server = HTTPServer(("127.0.0.1", 0), type("Here", (Answering,), {"authority": self}))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.root = self.certificate("Root", self.key.public_key(), is_root=True)
        self.signer = self.certificate("J. Kim", self.hand.public_key(), answers=answers, lists=lists)

    def certificate(
        self,
        common: str,
        public: ec.EllipticCurvePublicKey,
        *,
        is_root: bool = False,
        answers: bool = False,
        lists: bool = False,
    ) -> x509.Certificate:
        usage = x509.KeyUsage(not is_root, not is_root, False, False, False, is_root, is_root, False, False)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(common))
            .issuer_name(name("Root"))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=9))
            .not_valid_after(NOW + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )
        if answers:
            place = x509.UniformResourceIdentifier(f"{self.url}/ocsp")
            access = [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, place)]
            builder = builder.add_extension(x509.AuthorityInformationAccess(access), critical=False)
        if lists:
            point = x509.DistributionPoint([x509.UniformResourceIdentifier(f"{self.url}/crl")], None, None, None)
            builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def list(self) -> bytes:
        builder = x509.CertificateRevocationListBuilder().issuer_name(name("Root"))
        builder = builder.last_update(NOW - timedelta(hours=1)).next_update(NOW + timedelta(days=1))
        if self.revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(self.signer.serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(NOW - timedelta(hours=2)).build())
        made = builder.sign(self.signs_with, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.DER)

    def answer(self, request: bytes) -> bytes:
        assert ocsp.load_der_ocsp_request(request).serial_number == self.signer.serial_number
        builder = ocsp.OCSPResponseBuilder().add_response(
            self.signer,
            self.root,
            hashes.SHA1(),  # noqa: S303 - as RFC 5019 asks
            ocsp.OCSPCertStatus.REVOKED if self.revoked else ocsp.OCSPCertStatus.GOOD,
            NOW - timedelta(hours=1),
            NOW + timedelta(days=1),
            NOW - timedelta(hours=2) if self.revoked else None,
            None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, self.root)
        return builder.sign(self.signs_with, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


class Answering(BaseHTTPRequestHandler):
    authority: Authority

    def do_GET(self) -> None:
        self.authority.asked.append(self.path)
        body, status = b"", 404
        if self.path == "/crl" and not self.authority.silent:
            body, status = self.authority.list(), 200
        elif self.path.startswith("/ocsp/") and not self.authority.silent:
            body, status = self.authority.answer(base64.b64decode(unquote(self.path.removeprefix("/ocsp/")))), 200
        self.send_response(status)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(params=["answers", "lists"])
def authority(request: pytest.FixtureRequest) -> Iterator[Authority]:
    one = Authority(answers=request.param == "answers", lists=request.param == "lists")
    yield one
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture(scope="module")
def pdf() -> bytes:
    import typst

    return bytes(typst.compile(b"= Notice", format="pdf", pdf_standards=["a-2b"]))


def sign(pdf: bytes, authority: Authority, folder: Path, client: Client | None = None) -> SignedPdf:
    pem = serialization.Encoding.PEM
    how = (pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "hand.key").write_bytes(authority.hand.private_bytes(*how))
    (folder / "hand.key").chmod(0o600)
    chain = (authority.signer, authority.root)
    (folder / "chain.pem").write_bytes(b"".join(one.public_bytes(pem) for one in chain))
    key = PdfKey(f"file:{folder / 'hand.key'}", folder / "chain.pem")
    return sign_pdf(pdf, key, "local:", folder / "home", name="J. Kim", reason="counsel", client=client)


def client_for(authority: Authority) -> Client:
    return Client(Guard(frozenset({("127.0.0.1", authority.server.server_port)})))


def test_what_it_says_makes_the_signature_last(pdf: bytes, authority: Authority, tmp_path: Path) -> None:
    from pyhanko.pdf_utils.reader import PdfFileReader

    signed = sign(pdf, authority, tmp_path, client_for(authority))
    assert signed.level == B_LTA
    (tmp_path / "signed.pdf").write_bytes(signed.data)
    with (tmp_path / "signed.pdf").open("rb") as file:
        kept = PdfFileReader(file).root["/DSS"]
        assert len(kept.get("/OCSPs", ())) + len(kept.get("/CRLs", ())) >= 1
    wanted = "/ocsp/" if authority.asked[-1].startswith("/ocsp") else "/crl"
    assert authority.asked[-1].startswith(wanted)


def test_without_an_answer_there_is_no_long_term_level(pdf: bytes, authority: Authority, tmp_path: Path) -> None:
    authority.silent = True
    assert sign(pdf, authority, tmp_path, client_for(authority)).level == B_T
    assert sign(pdf, authority, tmp_path).level == B_T
    authority.silent = False
    before = len(authority.asked)
    assert sign(pdf, authority, tmp_path, Client()).level == B_T, "the guard lets nobody ask inside one's own network"
    assert len(authority.asked) == before


def test_an_answer_by_somebody_else_is_none(pdf: bytes, authority: Authority, tmp_path: Path) -> None:
    authority.signs_with = ec.generate_private_key(ec.SECP256R1())
    assert sign(pdf, authority, tmp_path, client_for(authority)).level == B_T


def test_a_revoked_certificate_signs_nothing(pdf: bytes, authority: Authority, tmp_path: Path) -> None:
    authority.revoked = True
    with pytest.raises(InputError, match=r"J\. Kim was revoked"):
        sign(pdf, authority, tmp_path, client_for(authority))
