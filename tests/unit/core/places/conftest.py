from __future__ import annotations

import socket
import ssl
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from certificates import self_signed


@dataclass
class Inbox:
    """A real SMTP server on loopback and what it was handed."""

    uri: str
    mails: list[Any] = field(default_factory=list)
    users: list[tuple[str, str]] = field(default_factory=list)


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate for localhost that this process believes."""
    chain, key = tmp_path / "tls.pem", tmp_path / "tls.key"
    self_signed("localhost", chain, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(chain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context


@pytest.fixture(params=["smtp", "smtps"])
def inbox(request: pytest.FixtureRequest, certificate: ssl.SSLContext) -> Iterator[Inbox]:
    yield from _serve(request.param, certificate, tls=True)


@pytest.fixture
def plain_inbox() -> Iterator[Inbox]:
    """A server that offers no TLS."""
    yield from _serve("smtp", None, tls=False)


def _serve(scheme: str, context: ssl.SSLContext | None, *, tls: bool) -> Iterator[Inbox]:
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult

    inbox = Inbox("")

    class Handler:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
            inbox.mails.append(envelope)
            return "250 OK"

    def sign_in(_server: Any, _session: Any, _envelope: Any, _mechanism: str, login: Any) -> AuthResult:
        inbox.users.append((login.login.decode(), login.password.decode()))
        return AuthResult(success=inbox.users[-1] == ("haechi", "a password"), handled=False)

    more: dict[str, Any] = {"authenticator": sign_in, "auth_require_tls": tls}
    if scheme == "smtps":
        more |= {"ssl_context": context, "auth_require_tls": False}
    elif context is not None:
        more |= {"tls_context": context, "require_starttls": True}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(Handler(), hostname="127.0.0.1", port=port, ready_timeout=30, **more)
    controller.start()
    try:
        inbox.uri = f"{scheme}://localhost:{port}"
        yield inbox
    finally:
        controller.stop()


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A real S3 server on loopback with one empty bucket; gives the query that names it."""
    import logging

    import boto3
    from moto.server import ThreadedMotoServer

    for name, value in (("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "secret")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        endpoint = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
        # its state is one for the whole process
        urllib.request.urlopen(f"{endpoint}/moto-api/reset", data=b"").close()  # noqa: S310
        boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket="checkpoints")
        yield f"?endpoint={endpoint}"
    finally:
        server.stop()
