"""Facts that a page states of itself: title, Open Graph, JSON-LD, canonical and oEmbed address, poster. No script runs.

Films that come in pieces (HLS, DASH) are named where the address of their list stands in quotes, in a tag or a script.
Source: ogp.me; JSON-LD 1.1; RFC 8216; ISO/IEC 23009-1. Limits: at most `MOST_BYTES` of the page are looked at, and so
many facts of a bounded length are kept: a page of a stranger may be built to be endless. An address that a script puts
together is not seen.
"""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from itertools import islice
from typing import Any, Final

MOST_BYTES: Final = 4 << 20
MOST_FACTS: Final = 100
LONGEST: Final = 2000
OEMBED: Final = "application/json+oembed"
_STREAM: Final = re.compile(r"(?<=\w)\.(?:m3u8|mpd)(?=[?#\"'`\\])", re.IGNORECASE)
_QUOTES: Final = "\"'`"
_NO_ADDRESS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\s<>{}]")
_PREFIXES: Final = ("og:", "twitter:", "article:", "video:", "music:", "profile:")


def page_facts(data: bytes) -> dict[str, Any]:
    """Facts of a page in HTML; an empty dictionary when it states none."""
    reader, text = _Reader(), data[:MOST_BYTES].decode("utf-8", "replace")
    try:
        reader.feed(text)
        reader.close()
    except (AssertionError, RecursionError):
        pass  # malformed on purpose: what was found before stands
    facts: dict[str, Any] = dict(reader.facts)
    if reader.title.strip():
        facts["title"] = reader.title.strip()[:LONGEST]
    linked = [found for text in reader.scripts if (found := _linked(text)) is not None]
    if linked:
        facts["json_ld"] = linked
    if streams := _streams(text):
        facts["streams"] = streams
    return facts


def _streams(text: str) -> list[str]:
    """Addresses of HLS and DASH lists that stand in quotes, as the page writes them; each once."""
    text, found = html.unescape(text), dict[str, None]()
    for ending in islice(_STREAM.finditer(text), MOST_FACTS):
        before = text[max(0, ending.start() - LONGEST) : ending.start()]
        opening = max(before.rfind(mark) for mark in _QUOTES)
        if opening < 0:
            continue
        address, closing, _ = text[ending.start() : ending.end() + LONGEST].partition(before[opening])
        address = (before[opening + 1 :] + address).replace("\\/", "/").rstrip("\\")
        if closing and not _NO_ADDRESS.search(address):
            found[address[:LONGEST]] = None
    return list(found)


def _linked(text: str) -> Any:
    """JSON-LD, if it is JSON and not absurdly large or deep."""
    if len(text) > LONGEST * 20:
        return None
    try:
        found = json.loads(text)
        json.dumps(found)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict | list) else None


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.facts: dict[str, str] = {}
        self.scripts: list[str] = []
        self.title = ""
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "meta":
            name = values.get("property") or values.get("name") or ""
            if name.startswith(_PREFIXES) and len(self.facts) < MOST_FACTS:
                self.facts.setdefault(name[:LONGEST], (values.get("content") or "")[:LONGEST])
        elif tag == "link":
            self._link(values)
        elif tag == "video" and values.get("poster"):
            self.facts.setdefault("video_poster", str(values["poster"])[:LONGEST])
        elif tag == "title" and not self.title:
            self._inside = "title"
        elif tag == "script" and values.get("type") == "application/ld+json" and len(self.scripts) < MOST_FACTS:
            self._inside = "script"
            self.scripts.append("")

    def _link(self, values: dict[str, str | None]) -> None:
        relations = (values.get("rel") or "").lower().split()
        if "canonical" in relations:
            self.facts.setdefault("canonical", (values.get("href") or "")[:LONGEST])
        if "alternate" in relations and (values.get("type") or "").strip().lower() == OEMBED:
            self.facts.setdefault("oembed_url", (values.get("href") or "")[:LONGEST])

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "title" and len(self.title) < LONGEST:
            self.title += data
        elif self._inside == "script" and len(self.scripts[-1]) < LONGEST * 20:
            self.scripts[-1] += data
