"""Facts and media of a platform's page, read by yt-dlp in a process that has no network.

Steps:
1. yt-dlp starts in a child without network, programs or a place to write (`extractor`), its environment empty.
2. Each address that it asks for is answered from what the capture has already, or fetched by the guarded client: public
   addresses alone, robots.txt, no cookies, GET alone, bytes, requests and time bounded; every exchange is archived.
3. What it read is kept as a part (`platform.json`); a few fields, bounded, become facts.
4. Where the platform offers the media as one file (http or https), the guarded client fetches it: a part of its own.
Limits: platforms that want POST, scripts, cookies or a sign-in tell less, or nothing; streams in pieces (HLS, DASH) are
named and not fetched. What cannot be read never keeps the page from being preserved: the reason stands in the facts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Final

from haechi.core.errors import HaechiError
from haechi.core.fetch import Client, Exchange

INFO: Final = "platform.json"
SECONDS: Final = 90.0
MOST_REQUESTS: Final = 30
MOST_BODY: Final = 16 << 20
MOST_LINE: Final = 8 << 20
TALLEST: Final = 1080
_LONGEST: Final = 2000
_TEXTS: Final = (
    "id",
    "title",
    "description",
    "uploader",
    "uploader_id",
    "uploader_url",
    "channel",
    "channel_id",
    "channel_url",
    "upload_date",
    "webpage_url",
    "extractor",
    "availability",
    "live_status",
)
_NUMBERS: Final = (
    "timestamp",
    "release_timestamp",
    "duration",
    "view_count",
    "like_count",
    "comment_count",
    "repost_count",
    "age_limit",
)
_SUFFIXES: Final = {"video/mp4": ".mp4", "video/webm": ".webm", "audio/mpeg": ".mp3", "audio/mp4": ".m4a"}


@dataclass
class Looked:
    """What was read of a page.

    Attributes:
        facts: JSON types only.
        parts: name -> media type and file.
        exchanges: what was fetched for it.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, tuple[str, Path]] = field(default_factory=dict)
    exchanges: list[Exchange] = field(default_factory=list)


def find_extractor() -> str | None:
    """Version of yt-dlp, or None where `haechi[platforms]` is not installed."""
    try:
        return version("yt-dlp") if find_spec("yt_dlp") else None
    except PackageNotFoundError:
        return None


def look_up(client: Client, known: Sequence[Exchange], url: str, folder: Path, seconds: float = SECONDS) -> Looked:
    """Read a page that was captured; see the module for the steps.

    Args:
        client: fetches what is asked for besides.
        known: exchanges of the capture; what they brought is not asked for again.
        url: of the page.
        folder: private, made here; for everything that is written.
        seconds: that reading may take, its fetches included.
    """
    folder.mkdir()
    looked = Looked()
    info = _Reading(client, known, folder, looked.exchanges, seconds).read(url)
    looked.facts = {"tool": f"yt-dlp {find_extractor()}"}
    if "error" in info:
        looked.facts["missing"] = str(info["error"])[:_LONGEST]
        return looked
    told = _first(info.get("info"))
    path = folder / INFO
    path.write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf-8")
    looked.parts[INFO] = ("application/json", path)
    looked.facts |= _facts(told)
    _fetch_media(client, known, told, folder, looked)
    return looked


class _Reading:
    """Step 1 and 2: the child, and whoever answers it."""

    def __init__(
        self, client: Client, known: Sequence[Exchange], folder: Path, exchanges: list[Exchange], seconds: float
    ) -> None:
        self._client, self._folder, self._exchanges = client, folder, exchanges
        self._known = {one.url: one for one in known}
        self._ends, self._seconds = client.clock() + seconds, seconds
        self._asked = 0

    def read(self, url: str) -> dict[str, Any]:
        command = [sys.executable, "-I", "-m", "haechi.preserve.platforms.extractor", url]
        environment = {"HOME": str(self._folder), "YTDLP_NO_PLUGINS": "1", "PATH": os.devnull, "LANG": "C.UTF-8"}
        with subprocess.Popen(  # noqa: S603 - our own module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=self._folder,
        ) as child:
            late = threading.Timer(self._seconds, child.kill)
            late.start()
            try:
                return self._converse(child)
            except (OSError, ValueError) as error:
                return {"error": f"yt-dlp gave no answer that can be read: {error}"}
            finally:
                late.cancel()
                child.kill()

    def _converse(self, child: subprocess.Popen[bytes]) -> dict[str, Any]:
        asks, tells = child.stdout, child.stdin
        if asks is None or tells is None:
            raise ValueError("no pipes")
        while True:
            said = _line(asks)
            if said is None:
                return {"error": "yt-dlp ended without a word, or took too long"}
            if "url" not in said:
                return said
            tells.write(json.dumps(self._answer(str(said.get("url")))).encode() + b"\n")
            tells.flush()

    def _answer(self, url: str) -> dict[str, Any]:
        try:
            exchange = self._known.get(url) or self._fetch(url)
        except (HaechiError, OSError) as error:
            return {"error": str(error)}
        return {
            "status": exchange.status,
            "url": exchange.url,
            "headers": list(exchange.headers),
            "body": str(exchange.body),
        }

    def _fetch(self, url: str) -> Exchange:
        self._asked += 1
        left = self._ends - self._client.clock()
        if self._asked > MOST_REQUESTS or left <= 0:
            raise HaechiError(f"no more than {MOST_REQUESTS} requests in {self._seconds:.0f} seconds")
        folder = self._folder / f"asked-{self._asked}"
        folder.mkdir()
        most = min(MOST_BODY, self._client.limits.max_bytes)
        limits = replace(self._client.limits, max_bytes=most, max_seconds=left)
        found = replace(self._client, limits=limits, any_kind=True).fetch(url, folder)
        self._exchanges += found
        self._known[url] = found[-1]
        return found[-1]


def _line(stream: IO[bytes]) -> dict[str, Any] | None:
    data = stream.readline(MOST_LINE)
    if not data.endswith(b"\n"):
        return None
    found = json.loads(data)
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


def _first(info: Any) -> dict[str, Any]:
    """The item itself: of a list, its first one."""
    if not isinstance(info, dict):
        return {}
    entries = info.get("entries")
    inner = entries[0] if isinstance(entries, list) and entries and isinstance(entries[0], dict) else None
    return {**{name: info[name] for name in ("title", "webpage_url") if name in info}, **inner} if inner else info


def _facts(told: Mapping[str, Any]) -> dict[str, Any]:
    """Step 3: text as text and numbers as numbers, each bounded."""
    facts: dict[str, Any] = {name: str(told[name])[:_LONGEST] for name in _TEXTS if told.get(name)}
    for name in _NUMBERS:
        value = told.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15:
            facts[name] = value
    return facts


def _fetch_media(
    client: Client, known: Sequence[Exchange], told: Mapping[str, Any], folder: Path, looked: Looked
) -> None:
    """Step 4."""
    offered = _one_file(told)
    if offered is None:
        if told.get("formats") or told.get("url"):
            looked.facts["media"] = {"missing": "offered in pieces only (HLS, DASH or apart); not fetched"}
        return
    last = next(
        (one for one in known if one.url == offered and one.status == HTTPStatus.OK and not one.truncated), None
    )
    if last is None:
        place = folder / "media"
        place.mkdir()
        try:
            found = client.fetch(offered, place)
        except HaechiError as error:
            looked.facts["media"] = {"url": offered[:_LONGEST], "missing": str(error)[:_LONGEST]}
            return
        # What was fetched of it for a look was a part of it.
        looked.exchanges[:] = [one for one in looked.exchanges if one.url != offered] + found
        last = found[-1]
    kind = last.header("content-type").split(";")[0].strip().lower()
    looked.facts["media"] = {"url": last.url[:_LONGEST], "status": last.status, "truncated": last.truncated}
    if last.status == HTTPStatus.OK and last.size:
        looked.parts[f"media{_SUFFIXES.get(kind, '.bin')}"] = (kind or "application/octet-stream", last.body)


def _one_file(told: Mapping[str, Any]) -> str | None:
    """Address of the best format that is one file with picture (and sound, where that is known)."""
    formats = told.get("formats")
    offered = formats if isinstance(formats, list) else [told]
    whole = [
        one
        for one in offered
        if isinstance(one, dict)
        and one.get("protocol", "https") in ("http", "https")
        and str(one.get("url", "")).startswith(("http://", "https://"))
        and one.get("vcodec") != "none"
        and one.get("acodec") != "none"
        and not one.get("fragments")
        and not one.get("has_drm")
    ]
    best = max(whole, key=lambda one: _height(one) if _height(one) <= TALLEST else 0, default=None)
    return None if best is None else str(best["url"])


def _height(one: Mapping[str, Any]) -> int:
    height = one.get("height")
    return int(height) if isinstance(height, int | float) else 0
