from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from rfc3161_client import VerifierBuilder, decode_timestamp_response

from haechi.core.errors import InputError, IntegrityError, RemoteError
from haechi.core.provenance.keys import trust_stamps
from haechi.core.timestamp import ask, judge_token, load_certificates, read_token
from haechi.core.timestamp.local import local_root, local_token
from haechi.core.timestamp.tokens import as_response, query
from shared_data import FOLDER, rows

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
CONTENT = b"the record of an exhibit"
TOKENS = [row for row in rows("evidence/") if row[0].endswith(".tsr") or "timestamp_token" in row[0]]
OVER_OTHER_BYTES = "other_response.tsr"


class Authority(BaseHTTPRequestHandler):
    """An authority of its own home on the loopback interface."""

    home: Path
    answer: bytes | None = None

    def do_POST(self) -> None:
        request = self.rfile.read(int(self.headers["Content-Length"]))
        data = type(self).answer or local_token(self.home, request)
        self.send_response(200 if self.path == "/" else 503)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[tuple[str, type[Authority]]]:
    handler = type("Here", (Authority,), {"home": tmp_path / "authority"})
    server = HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", handler
    server.shutdown()
    server.server_close()


def test_local_authority_is_never_independent(tmp_path: Path) -> None:
    first, second = (ask("local:", CONTENT, tmp_path) for _ in range(2))
    assert (first.independent, first.trusted) == (False, True)
    assert abs((datetime.fromisoformat(first.at) - datetime.now(UTC)).total_seconds()) < 60
    assert read_token(second.token).serial != read_token(first.token).serial
    assert (tmp_path / "keys" / "stamps" / "unit.key").stat().st_mode & 0o777 == 0o600
    assert "not independent" in judge_token(first.token, CONTENT).signer.subject.rfc4514_string()


def test_authority_over_http_is_trusted_once_its_root_is(
    tmp_path: Path, authority: tuple[str, type[Authority]]
) -> None:
    uri, handler = authority
    home = tmp_path / "home"
    stamped = ask(uri, CONTENT, home)
    assert (stamped.independent, stamped.trusted) == (True, False)
    trust_stamps(home, handler.home / "keys" / "stamps" / "root.pem")
    assert ask(uri, CONTENT, home).trusted


def test_authority_that_fails_or_answers_another_is_refused(
    tmp_path: Path, authority: tuple[str, type[Authority]]
) -> None:
    uri, handler = authority
    with pytest.raises(RemoteError):
        ask(uri + "down", CONTENT, tmp_path)
    with pytest.raises(RemoteError):
        ask("http://127.0.0.1:1/", CONTENT, tmp_path)
    handler.answer = ask(uri, CONTENT, tmp_path).token
    with pytest.raises(IntegrityError, match="another request"):
        ask(uri, CONTENT, tmp_path)
    with pytest.raises(IntegrityError, match="other bytes"):
        ask(uri, b"other", tmp_path)
    handler.answer = b"<html>busy</html>"
    with pytest.raises(InputError):
        ask(uri, CONTENT, tmp_path)
    with pytest.raises(InputError, match="known are"):
        ask("ftp://example.org", CONTENT, tmp_path)


def test_independent_readers_agree(tmp_path: Path) -> None:
    stamped = ask("local:", CONTENT, tmp_path)
    root = local_root(tmp_path)
    assert root is not None
    verifier = VerifierBuilder().add_root_certificate(root).build()
    with suppress(ValueError):  # it wants certificates sorted, which OpenSSL leaves to chance
        assert verifier.verify_message(decode_timestamp_response(stamped.token), CONTENT)
    (tmp_path / "token").write_bytes(as_response(stamped.token))
    (tmp_path / "chain").write_text(stamped.chain)
    (tmp_path / "content").write_bytes(CONTENT)
    command = ["openssl", "ts", "-verify", "-data", "content", "-in", "token", "-CAfile", "chain"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120).returncode == 0


def test_no_byte_of_a_token_can_change_unnoticed(tmp_path: Path) -> None:
    stamped = ask("local:", CONTENT, tmp_path)
    root = local_root(tmp_path)
    assert root is not None
    token, original = stamped.token, judge_token(stamped.token, CONTENT, [root])
    unnoticed = []
    for at in range(len(token)):
        forged = token[:at] + bytes([token[at] ^ 0x01]) + token[at + 1 :]
        try:
            judged = judge_token(forged, CONTENT, [root])
        except (InputError, IntegrityError):
            continue
        same = judged.token.info == original.token.info and judged.token.signature == original.token.signature
        if judged.trusted and not same:
            unnoticed.append(at)
    assert unnoticed == []


@pytest.mark.skipif(not TOKENS, reason="the shared test data is not here")
@pytest.mark.parametrize(("path", "label"), TOKENS)
def test_tokens_are_judged_as_the_manifest_says(path: str, label: str) -> None:
    data = (FOLDER / path).read_bytes()
    chain = (FOLDER / path).parent / "ts_chain.pem"
    roots = load_certificates(chain.read_bytes()) if chain.is_file() else []
    if label == "invalid":
        with pytest.raises(IntegrityError):
            judge_token(data, None, roots)
        return
    judged = judge_token(data, None, roots)
    assert judged.trusted is (bool(roots) and OVER_OTHER_BYTES not in path)
    if label == "valid" and "trailofbits" in path and "identrust" not in path:
        assert judge_token(data, b"hello", roots).trusted
        with pytest.raises(IntegrityError, match="other bytes"):
            judge_token(data, b"hullo", roots)


@pytest.mark.skipif(not TOKENS, reason="the shared test data is not here")
def test_token_without_certificates_needs_its_chain() -> None:
    path = next(path for path, _ in TOKENS if path.endswith("no-embedded-cert.tsr"))
    with pytest.raises(IntegrityError, match="add its chain"):
        judge_token((FOLDER / path).read_bytes(), b"hello")


@pytest.mark.parametrize(
    "data", [b"", b"0", b"0\x80", b"0\x03\x02\x01", b"0\x84\xff\xff\xff\xff", bytes(100), b"0\x00"]
)
def test_what_is_no_token(data: bytes) -> None:
    with pytest.raises(InputError):
        read_token(data)


def test_refusal_of_the_authority_is_said() -> None:
    with pytest.raises(InputError, match="status 2"):
        read_token(bytes.fromhex("30053003020102"))
    assert query(bytes(32), 7)[:1] == b"0"


def test_certificates_are_read_from_pem_and_der(tmp_path: Path) -> None:
    ask("local:", CONTENT, tmp_path)
    pem = (tmp_path / "keys" / "stamps" / "root.pem").read_bytes()
    (one,) = load_certificates(b"subject = something\n" + pem)
    from cryptography.hazmat.primitives.serialization import Encoding

    assert load_certificates(one.public_bytes(Encoding.DER)) == [one]
    for nothing in (b"", b"text", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"):
        with pytest.raises(InputError):
            load_certificates(nothing)
