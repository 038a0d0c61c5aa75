"""A page shown in the browser and kept as it stood: screenshot, DOM, MHTML, console, what its clock said.

Steps:
1. The browser starts without network, watched for memory; all its requests are answered by `Traffic`.
2. The page may settle: loaded, and nothing asked for during a second; or its time ends, which is noted.
3. Screenshot, DOM and MHTML are taken, each for itself: a page that hangs still gives what it can.
4. The browser is ended, whatever state it is in.
Invariants: a part that is missing is named with its reason; dialogs, downloads and other windows are turned away.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from haechi.core.errors import RemoteError
from haechi.core.fetch import Client, Exchange
from haechi.preserve.browser.browser import Browser
from haechi.preserve.browser.traffic import Traffic
from haechi.preserve.browser.watch import end, processes, watch

SCREENSHOT: Final = "screenshot.png"
DOM: Final = "dom.html"
MHTML: Final = "page.mhtml"
CONSOLE: Final = "console.json"
_QUIET_S: Final = 1.0
_TICK_S: Final = 0.1
_MOST_LINES: Final = 500
_LONGEST: Final = 2000
_NO_PEERS: Final = """for (const name of ["RTCPeerConnection", "webkitRTCPeerConnection", "WebTransport"]) {
  Object.defineProperty(window, name, {value: undefined});
}"""
_CLOCK: Final = "() => ({at: new Date().toISOString(), zone: Intl.DateTimeFormat().resolvedOptions().timeZone})"
_HEIGHT: Final = "() => Math.max(document.documentElement.scrollHeight, document.body ? document.body.scrollHeight : 0)"


@dataclass
class Rendered:
    """A page as the browser showed it.

    Attributes:
        parts: name -> media type and file.
        exchanges: what the page asked for.
        facts: how it stood, JSON types only.
        settings: of the browser, for the exhibit's record.
    """

    parts: dict[str, tuple[str, Path]] = field(default_factory=dict)
    exchanges: list[Exchange] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


def render(browser: Browser, client: Client, page: Sequence[Exchange], folder: Path) -> Rendered:
    """Show a page that was fetched, and keep what is seen.

    Args:
        browser: shows it.
        client: fetches what it asks for.
        page: exchanges that led to it; the last one is its document.
        folder: private; for everything that is written.

    Raises:
        RemoteError: the browser does not start.
    """
    # In a thread of its own: the caller may stand in an event loop already.
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(asyncio.run, _Showing(browser, client, page, folder).show()).result()


class _Showing:
    def __init__(self, browser: Browser, client: Client, page: Sequence[Exchange], folder: Path) -> None:
        self._browser, self._limits = browser, browser.limits
        self._folder = folder
        self._url = page[-1].url
        self._traffic = Traffic(replace(client), page, folder, browser.limits)
        self._console: list[dict[str, str]] = []
        self._missing: dict[str, str] = {}
        self._loaded = asyncio.Event()
        self._done = Rendered()

    async def show(self) -> Rendered:
        from playwright.async_api import Error, async_playwright

        self._errors = (Error, asyncio.TimeoutError, OSError)
        home = self._folder / "browser"
        home.mkdir()
        async with async_playwright() as playwright:
            try:
                start = playwright.chromium.launch_persistent_context(**self._browser.options(home))
                context = await asyncio.wait_for(start, self._limits.step_seconds)
            except self._errors as error:
                end(processes(home))
                reason = str(error).strip().split("\n", 1)[0]
                raise RemoteError(
                    f"{self._browser.executable} does not start: {reason}; "
                    "name another in HAECHI_CHROMIUM, or capture with --plain",
                    permanent=False,
                ) from error
            watching = asyncio.create_task(watch(home, self._limits.most_memory))
            try:
                await self._keep(context)
            finally:
                too_large = watching.done()
                watching.cancel()
                await asyncio.to_thread(self._traffic.close)
                await self._end(context, home)
        self._tell(too_large)
        return self._done

    async def _keep(self, context: Any) -> None:
        """Steps 2 and 3."""
        self._done.settings = {
            "browser": f"Chromium {context.browser.version if context.browser else ''}".strip(),
            "viewport": f"{self._browser.width}x{self._browser.height}",
            "sandbox": self._browser.sandboxed,
        }
        await context.route("**/*", self._traffic.answer)
        await context.add_init_script(_NO_PEERS)
        page = context.pages[0] if context.pages else await context.new_page()
        context.on("page", lambda other: asyncio.ensure_future(self._turn_away(other)))
        page.on("console", lambda message: self._hear(message.type, message.text))
        page.on("pageerror", lambda error: self._hear("exception", str(error)))
        page.on("load", lambda _: self._loaded.set())
        self._done.facts["settled"] = await self._settle(page)
        self._done.facts["shown_url"] = str(page.url)[:_LONGEST]
        clock = await self._step("clock", lambda: page.evaluate(_CLOCK))
        if isinstance(clock, dict):
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            told = {key: str(clock.get(key, ""))[:100] for key in ("at", "zone")}
            self._done.facts["page_clock"] = told | {"ours": now}
        await self._snapshots(context, page)

    async def _settle(self, page: Any) -> bool:
        """Step 2; gives whether the page came to rest."""
        ends = asyncio.get_running_loop().time() + self._limits.page_seconds
        try:
            await page.goto(self._url, wait_until="commit", timeout=self._limits.step_seconds * 1000)
        except self._errors as error:
            self._missing["page"] = _first_line(error)
            return False
        quiet, asked = 0.0, -1
        while asyncio.get_running_loop().time() < ends and not page.is_closed():
            # Requests may come and go between two looks.
            still = self._loaded.is_set() and not self._traffic.pending and self._traffic.asked == asked
            quiet, asked = quiet + _TICK_S if still else 0.0, self._traffic.asked
            if quiet >= _QUIET_S:
                return True
            await asyncio.sleep(_TICK_S)
        return False

    async def _snapshots(self, context: Any, page: Any) -> None:
        """Step 3."""
        height = await self._step("height", lambda: page.evaluate(_HEIGHT))
        tall = int(height) if isinstance(height, int | float) else self._browser.height
        shot: dict[str, Any] = {"full_page": True}
        if tall > self._limits.most_height:
            size = {"width": self._browser.width, "height": self._limits.most_height}
            shot["clip"] = {"x": 0, "y": 0, **size}
            self._done.facts["screenshot_cut_at"] = self._limits.most_height
        self._put(SCREENSHOT, "image/png", await self._step(SCREENSHOT, lambda: page.screenshot(**shot)))
        self._put(DOM, "text/html", await self._step(DOM, page.content))
        self._put(MHTML, "multipart/related", await self._step(MHTML, lambda: _mhtml(context, page)))

    async def _step(self, name: str, act: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """One look at the page; None when it fails or hangs, and then the reason is noted."""
        try:
            return await asyncio.wait_for(act(), self._limits.step_seconds)
        except self._errors as error:
            self._missing[name] = _first_line(error)
            return None

    def _put(self, name: str, kind: str, content: bytes | str | None) -> None:
        if content is None:
            return
        data = content.encode("utf-8", "replace") if isinstance(content, str) else content
        if len(data) > self._limits.most_part:
            self._missing[name] = f"has {len(data)} bytes, more than are kept"
            return
        path = self._folder / name
        path.write_bytes(data)
        self._done.parts[name] = (kind, path)

    def _hear(self, kind: str, text: str) -> None:
        if len(self._console) < _MOST_LINES:
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            self._console.append({"at": at, "kind": str(kind)[:50], "text": text[:_LONGEST]})

    async def _turn_away(self, other: Any) -> None:
        with suppress(*self._errors):
            await other.close()

    async def _end(self, context: Any, home: Path) -> None:
        """Step 4: politely for a moment, then not."""
        with suppress(*self._errors):
            await asyncio.wait_for(context.close(), 5)
        end(processes(home))

    def _tell(self, too_large: bool) -> None:
        if too_large:
            self._missing["page"] = f"took more than {self._limits.most_memory} bytes of memory and was ended"
        if self._console:
            self._put(CONSOLE, "application/json", json.dumps(self._console, ensure_ascii=False, indent=1))
        self._done.exchanges = self._traffic.exchanges
        self._done.facts |= {"requests": len(self._traffic.exchanges), "refused": self._traffic.refused}
        if self._missing:
            self._done.facts["missing"] = self._missing


async def _mhtml(context: Any, page: Any) -> str:
    session = await context.new_cdp_session(page)
    found = await session.send("Page.captureSnapshot", {"format": "mhtml"})
    return str(found["data"])


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n", 1)[0][:300] or "took too long"
