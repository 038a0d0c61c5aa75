"""The picture that a page declares of itself (Open Graph, Twitter card, poster): what its post looks like.

Where a film comes in pieces (HLS, DASH) it is not fetched, and this picture stands for it: what is shared with the
page, else the poster that its first `<video>` shows before it plays. It is asked for by the guarded
client, under the rules of every address that a stranger gave, and lies in the archive with the page.
Source: ogp.me, `og:image` and `og:image:secure_url`; HTML Living Standard 4.8.8, `poster`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from haechi.core.errors import HaechiError
from haechi.core.fetch import Client, Exchange, absolute

MOST_BYTES: Final = 20 << 20
MOST_SECONDS: Final = 30.0
_NAMES: Final = (
    "og:image:secure_url",
    "og:image",
    "og:image:url",
    "twitter:image",
    "twitter:image:src",
    "video_poster",
)
_LONGEST: Final = 2000


def ask_declared(
    client: Client, page: Mapping[str, Any], url: str, known: Sequence[Exchange], folder: Path
) -> tuple[dict[str, Any], list[Exchange]]:
    """Facts of the picture that a page declares, and the exchanges that brought it; both empty when it declares none.

    Args:
        client: fetches.
        page: facts of the page, as `haechi.preserve.page_facts` gives them.
        url: of the page.
        known: what was fetched already: a picture among it is not asked for again.
        folder: for the bodies; made here.
    """
    link = next((str(page[name]) for name in _NAMES if page.get(name)), "")
    if not link:
        return {}, []
    limits = replace(client.limits, max_bytes=MOST_BYTES, max_seconds=MOST_SECONDS, max_redirects=3)
    address = link
    try:
        address = absolute(url, link)
        if any(one.url == address and one.size for one in known):
            return {"url": address[:_LONGEST]}, []
        folder.mkdir()
        found = replace(client, limits=limits).fetch(address, folder)
    except HaechiError as error:
        return {"url": address[:_LONGEST], "missing": str(error)[:_LONGEST]}, []
    last = found[-1]
    is_picture = last.header("content-type").strip().lower().startswith("image/")
    if last.status != 200 or last.truncated or not last.size or not is_picture:
        return {"url": last.url[:_LONGEST], "missing": f"no picture; status {last.status}"}, found
    return {"url": last.url[:_LONGEST]}, found
