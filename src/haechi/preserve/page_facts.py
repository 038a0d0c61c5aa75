"""Facts that a page states of itself: title, Open Graph, JSON-LD, canonical and oEmbed address, poster. No script runs.

Source: ogp.me; JSON-LD 1.1. Limits: at most `MOST_BYTES` of the page are looked at, and so many facts of a bounded
length are kept: a page of a stranger may be built to be endless.
"""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any, Final

MOST_BYTES: Final = 4 << 20
MOST_FACTS: Final = 100
LONGEST: Final = 2000
OEMBED: Final = "application/json+oembed"
_PREFIXES: Final = ("og:", "twitter:", "article:", "video:", "music:", "profile:")


def page_facts(data: bytes) -> dict[str, Any]:
    """Facts of a page in HTML; an empty dictionary when it states none."""
    reader = _Reader()
    try:
        reader.feed(data[:MOST_BYTES].decode("utf-8", "replace"))
        reader.close()
    except (AssertionError, RecursionError):
        pass  # malformed on purpose: what was found before stands
    facts: dict[str, Any] = dict(reader.facts)
    if reader.title.strip():
        facts["title"] = reader.title.strip()[:LONGEST]
    linked = [found for text in reader.scripts if (found := _linked(text)) is not None]
    if linked:
        facts["json_ld"] = linked
    return facts


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
