"""oEmbed: what a platform tells of a page of its own to whoever would show it elsewhere: title, author, thumbnail.

Method: the page names the address (`<link rel="alternate" type="application/json+oembed">`); the guarded client asks
it, under the rules of every address that a stranger gave. Only the specification's text and number fields are kept as
facts, each bounded; the answer as it came is in the archive. `html` is never looked at.
Source: oembed.com, sections 2.3.4 and 4.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from haechi.core.errors import HaechiError
from haechi.core.fetch import Client, Exchange, absolute

LINK: Final = "oembed_url"
MOST_BYTES: Final = 128 << 10
MOST_SECONDS: Final = 30.0
_LONGEST: Final = 2000
_FIELDS: Final = (
    "type",
    "version",
    "title",
    "author_name",
    "author_url",
    "provider_name",
    "provider_url",
    "url",
    "width",
    "height",
    "thumbnail_url",
    "thumbnail_width",
    "thumbnail_height",
)


def ask_oembed(
    client: Client, page: Mapping[str, Any], url: str, folder: Path
) -> tuple[dict[str, Any], list[Exchange]]:
    """Facts of a page's oEmbed answer, and the exchanges that brought it; both empty when the page names none.

    Args:
        client: fetches.
        page: facts of the page, as `haechi.preserve.page_facts` gives them.
        url: of the page.
        folder: for the bodies; made here.
    """
    link = str(page.get(LINK, ""))
    if not link:
        return {}, []
    folder.mkdir()
    limits = replace(client.limits, max_bytes=MOST_BYTES, max_seconds=MOST_SECONDS, max_redirects=3)
    try:
        found = replace(client, limits=limits).fetch(absolute(url, link), folder)
    except HaechiError as error:
        return {"url": link[:_LONGEST], "missing": str(error)[:_LONGEST]}, []
    last = found[-1]
    told = _read(last) if last.status == 200 and not last.truncated else None
    if told is None:
        return {"url": last.url[:_LONGEST], "missing": f"no oEmbed answer; status {last.status}"}, found
    return {"url": last.url[:_LONGEST], **told}, found


def _read(answer: Exchange) -> dict[str, Any] | None:
    try:
        found = json.loads(answer.body.read_bytes())
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    kept = {name: found[name] for name in _FIELDS if name in found}
    return {name: value if _is_number(value) else str(value)[:_LONGEST] for name, value in kept.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 31
