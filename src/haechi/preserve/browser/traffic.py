"""What a page asks for, fetched by the guarded client: the browser itself has no network.

Steps, for each request:
1. Only GET is passed on: a capture changes nothing at anyone's server. The first document was fetched already.
2. The guarded client fetches: public addresses alone, checked after DNS and at each redirect, robots.txt, no cookies,
   bytes and time bounded. Every exchange is kept for the archive.
3. The browser gets the body of the last exchange, without cookies; a body that is too large is in the archive alone.
Limits: pages that load their content by POST, WebSocket or a service worker stay without it. After a redirect the
browser knows a part of the page by its first address.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from haechi.core.errors import HaechiError
from haechi.core.fetch import Client, Exchange
from haechi.preserve.browser.browser import BrowserLimits

_SLOTS: Final = 6
_MOST_TOLD: Final = 100
_NOT_PASSED: Final = (
    "connection",
    "content-encoding",
    "content-length",
    "keep-alive",
    "set-cookie",
    "strict-transport-security",
    "transfer-encoding",
)


@dataclass
class Traffic:
    """Answers the requests of one page.

    Attributes:
        client: fetches; its limits are those of the whole capture.
        page: exchanges that led to the page; the last one is its document.
        folder: for bodies.
        limits: of the page.
        exchanges: what else was fetched.
        refused: what was not, and why.
        pending: requests under way.
        asked: how many requests there were.
    """

    client: Client
    page: Sequence[Exchange]
    folder: Path
    limits: BrowserLimits
    exchanges: list[Exchange] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)
    pending: int = 0
    asked: int = 0

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)
        self._threads = ThreadPoolExecutor(_SLOTS, "haechi-fetch")
        self._ends = self.client.clock() + self.limits.page_seconds
        self._lock = threading.Lock()
        self._left = self.client.limits.max_bytes - sum(one.size for one in self.page)
        self._closed = False
        self._begun = False

    async def answer(self, route: Any) -> None:
        """Answer one request, or refuse it."""
        from playwright.async_api import Error

        url, method = str(route.request.url), str(route.request.method)
        self.pending += 1
        self.asked += 1
        try:
            if method != "GET" or self._closed:
                raise _RefusedError("after the end" if self._closed else f"{method} is not passed on")
            exchange = await self._fetch(url) if self._begun else self.page[-1]
            self._begun = True
            with suppress(Error):  # the page has gone on meanwhile
                await route.fulfill(**_answer(exchange, self.limits.most_inline))
        except (HaechiError, _RefusedError) as error:
            if len(self.refused) < _MOST_TOLD:
                self.refused.append({"url": url[:2000], "why": str(error)[:500]})
            with suppress(Error):
                await route.abort("blockedbyclient")
        finally:
            self.pending -= 1

    def close(self) -> None:
        """Answer nothing more, and wait for what is under way: its bodies are being written."""
        self._closed = True
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def _fetch(self, url: str) -> Exchange:
        number = next(self._numbers)
        if number > self.limits.most_requests:
            raise _RefusedError(f"more than {self.limits.most_requests} requests")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._fetch_now, url, number)

    def _fetch_now(self, url: str, number: int) -> Exchange:
        """Fetch with what is left of bytes and time; the share is taken first, what was not used is given back."""
        seconds = self._ends - self.client.clock()
        with self._lock:
            share = self._left // _SLOTS
            self._left -= share
        if seconds <= 0 or share <= 0:
            raise _RefusedError("no time or no room is left")
        folder = self.folder / f"fetched-{number}"
        folder.mkdir()
        limits = replace(self.client.limits, max_bytes=share, max_seconds=seconds)
        found: list[Exchange] = []
        try:
            found = replace(self.client, limits=limits, any_kind=True).fetch(url, folder)
            return found[-1]
        finally:
            with self._lock:
                self._left += share - sum(one.size for one in found)
                self.exchanges += found


class _RefusedError(Exception):
    """A request of a page that is not passed on."""


def _answer(exchange: Exchange, most: int) -> dict[str, Any]:
    """What the browser is told of an exchange."""
    if exchange.size > most:
        raise _RefusedError("too large to be shown; the archive has it")
    body = exchange.body.read_bytes()
    if exchange.header("content-encoding").lower() in ("gzip", "x-gzip", "deflate"):
        body = _unpacked(body, most)
    headers: dict[str, str] = {}
    for name, value in exchange.headers:
        key = name.lower()
        if key not in _NOT_PASSED:
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return {"status": exchange.status, "headers": headers, "body": body}


def _unpacked(body: bytes, most: int) -> bytes:
    """Decompress no more than is shown at most."""
    try:
        unpacked = zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(body, most + 1)
    except zlib.error as error:
        raise _RefusedError("the server's compression is broken") from error
    if len(unpacked) > most:
        raise _RefusedError("too large to be shown once decompressed; the archive has it")
    return unpacked
