"""The guarded client: plain HTTP(S), one exchange after the other, nothing kept between two.

Steps of `fetch`:
1. The address is checked and resolved; robots.txt of its host is asked (RFC 9309) and respected.
2. The connection goes to the checked address; TLS certificates are verified and kept as a fact.
3. The body streams into a file, raw: never decompressed, at most so many bytes, at most so long.
4. A redirect starts again at 1; each one is an exchange of its own.
Invariants: no cookies, no credentials, no JavaScript; the client says who it is; dead pages are results, not errors.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
import urllib.robotparser
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from haechi.core.errors import PolicyError, RemoteError
from haechi.core.fetch.addresses import PUBLIC, RULE, Guard, Target, absolute

AGENT: Final = "HaechiEvidence"
REDIRECTS: Final = (301, 302, 303, 307, 308)
_CHUNK: Final = 1 << 16
_ROBOTS_BYTES: Final = 512 << 10
_KINDS: Final = ("text/", "image/", "video/", "audio/", "application/json", "application/ld+json", "application/xhtml")
_MORE_KINDS: Final = ("application/xml", "application/pdf", "application/octet-stream", "application/vnd.apple.mpegurl")
_EVEN_MORE: Final = ("application/x-mpegurl", "application/dash+xml", "application/mp4", "application/ogg")


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What one fetch may cost."""

    max_bytes: int = 4 << 30
    max_seconds: float = 600.0
    wait_seconds: float = 20.0
    max_redirects: int = 10


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its response.

    Attributes:
        url: that was asked.
        address: that was connected to.
        request: header lines that were sent.
        status: of the response.
        reason: beside it.
        headers: of the response, in order.
        body: file with the raw body.
        size: bytes in it.
        truncated: "", "length" or "time".
        certificate: the server's, DER, or None.
        started_at: ISO 8601, UTC.
        ended_at: ISO 8601, UTC.
    """

    url: str
    address: str
    request: tuple[tuple[str, str], ...]
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: Path
    size: int
    truncated: str
    certificate: bytes | None
    started_at: str
    ended_at: str

    def header(self, name: str) -> str:
        """Value of the first header of that name, or an empty string."""
        return next((value for known, value in self.headers if known.lower() == name), "")


@dataclass
class Client:
    """Fetches within limits.

    Attributes:
        guard: whom it may speak to.
        limits: what one fetch may cost.
        clock: monotonic seconds; for tests.
        any_kind: fetch also what is neither text nor media: the scripts and fonts of a page.
    """

    guard: Guard = PUBLIC
    limits: FetchLimits = FetchLimits()
    clock: Callable[[], float] = time.monotonic
    any_kind: bool = False
    _robots: dict[str, urllib.robotparser.RobotFileParser] = field(default_factory=dict)

    def fetch(self, url: str, folder: Path) -> list[Exchange]:
        """Fetch an address and follow its redirects.

        Args:
            url: the address.
            folder: for the bodies; `body-0`, `body-1`, ...

        Returns:
            Every exchange; the last one is no redirect, or the one at which following ended.

        Raises:
            InputError: it is no address.
            PolicyError: a private address, another scheme, robots.txt, a kind of content that is not fetched.
            RemoteError: no answer.
        """
        ends = self.clock() + self.limits.max_seconds
        found: list[Exchange] = []
        for number in range(self.limits.max_redirects + 1):
            target = self.guard.check(url)
            self._ask_robots(target, folder, ends)
            body = folder / f"body-{number}"
            found.append(self._exchange(target, body, self.limits.max_bytes, ends, any_kind=self.any_kind))
            location = found[-1].header("location")
            if found[-1].status not in REDIRECTS or not location:
                return found
            url = absolute(url, quote(location, safe="%/:=&?~#+!$,;'@()*[]"))
        return found

    def _ask_robots(self, target: Target, folder: Path, ends: float) -> None:
        host = f"[{target.host}]" if ":" in target.host else target.host
        origin = f"{target.scheme}://{host}:{target.port}"
        if origin not in self._robots:
            self._robots[origin] = self._read_robots(self.guard.check(f"{origin}/robots.txt"), folder, ends)
        if not self._robots[origin].can_fetch(AGENT, target.url):
            raise PolicyError(f"{RULE}: robots.txt of {target.host} forbids {target.url}; ask the platform instead")

    def _read_robots(self, target: Target, folder: Path, ends: float) -> urllib.robotparser.RobotFileParser:
        """RFC 9309 section 2.3.1: none means all is allowed, a server in trouble means nothing is."""
        parser = urllib.robotparser.RobotFileParser()
        answer = self._exchange(target, folder / "robots", _ROBOTS_BYTES, ends, any_kind=True)
        text = answer.body.read_bytes().decode("utf-8", "replace")
        answer.body.unlink()
        if answer.status >= 500:
            parser.parse(["User-agent: *", "Disallow: /"])
        else:
            parser.parse(text.splitlines() if answer.status == 200 else [])
        return parser

    def _exchange(self, target: Target, body: Path, most: int, ends: float, *, any_kind: bool = False) -> Exchange:
        address = self.guard.address(target.host, target.port)
        started = _now()
        try:
            connection = _Pinned(target, address, self.limits.wait_seconds)
            connection.request("GET", quote(target.path, safe="%/:=&?~#+!$,;'@()*[]"), headers=dict(_headers()))
            peer = connection.sock
            certificate = peer.getpeercert(binary_form=True) if isinstance(peer, ssl.SSLSocket) else None
            response = connection.getresponse()
            kind = (response.headers.get_content_type() or "").lower()
            if not any_kind and response.status == 200 and not kind.startswith((*_KINDS, *_MORE_KINDS, *_EVEN_MORE)):
                raise PolicyError(f"{RULE}: content of the kind {kind} is not fetched")
            size, truncated = self._stream(response, body, most, ends)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise RemoteError(
                f"{target.host} gives no answer: {error or type(error).__name__}", permanent=False
            ) from error
        finally:
            if "connection" in locals():
                connection.close()
        return Exchange(
            url=target.url,
            address=address,
            request=(("Host", target.host), *_headers()),
            status=response.status,
            reason=response.reason,
            headers=tuple(response.getheaders()),
            body=body,
            size=size,
            truncated=truncated,
            certificate=certificate,
            started_at=started,
            ended_at=_now(),
        )

    def _stream(self, response: http.client.HTTPResponse, body: Path, most: int, ends: float) -> tuple[int, str]:
        size = 0
        with body.open("wb") as file:
            for chunk in _chunks(response):
                if size + len(chunk) > most:
                    file.write(chunk[: most - size])
                    return most, "length"
                file.write(chunk)
                size += len(chunk)
                if self.clock() > ends:
                    return size, "time"
        return size, ""


class _Pinned(http.client.HTTPConnection):
    """A connection to one checked address, whatever its name resolves to by now."""

    def __init__(self, target: Target, address: str, wait_s: float) -> None:
        super().__init__(target.host, target.port, timeout=wait_s)
        self._target = target
        self._address = address

    def connect(self) -> None:
        """Connect to the address, not to the name."""
        plain = socket.create_connection((self._address, self._target.port), timeout=self.timeout)
        if self._target.scheme == "https":
            context = ssl.create_default_context()
            self.sock: Any = context.wrap_socket(plain, server_hostname=self._target.host)
        else:
            self.sock = plain


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            chunk = response.read1(_CHUNK)
        except http.client.IncompleteRead as error:
            yield error.partial
            return
        if not chunk:
            return
        yield chunk


def _headers() -> tuple[tuple[str, str], ...]:
    return (
        ("User-Agent", f"{AGENT}/{version('haechi')} (evidence preservation)"),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
