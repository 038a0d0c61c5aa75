"""Capture: a public page or media file, as it answered, becomes an exhibit.

Steps:
1. The lane, the role and, where asked, the second person decide before anything is asked of the network.
2. The guarded client fetches, redirects included, into a private folder in memory where the machine has one.
3. Where a browser is there, it shows the page; whatever it asks for goes through the guarded client as well.
4. What tells of the page is asked for: the picture that it declares, oEmbed, and what yt-dlp reads, which has no
   network of its own.
5. The exchanges become a WACZ (WARC, SHA-256); the page's body is a part of its own, as are screenshot, DOM and MHTML.
6. What the page says of itself, addresses, status, certificate and times are facts of the exhibit.
A page that is gone (404, 410, 451), empty or endless is an exhibit as well: it proves removal, or what was served.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from cryptography import x509

from haechi.core.errors import InputError
from haechi.core.evidence import EVIDENTIARY, Case, Exhibit, Lane
from haechi.core.fetch import Client, Exchange, absolute
from haechi.core.flag import Classify, Flag
from haechi.core.ledger.entries import digest_of
from haechi.core.media.probe import hash_file
from haechi.core.people import Person
from haechi.core.recognition import Recognise
from haechi.core.store.evidence import Evidence
from haechi.preserve.archive import write_wacz
from haechi.preserve.browser import Browser, Rendered, render
from haechi.preserve.custody import Intent, Source, admit, keep
from haechi.preserve.declared import ask_declared
from haechi.preserve.items import refuse_minor
from haechi.preserve.page_facts import MOST_BYTES, page_facts
from haechi.preserve.platforms import Looked, ask_oembed, find_extractor, look_up
from haechi.preserve.private import private_folder

_SUFFIXES: Final = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/json": ".json",
    "text/plain": ".txt",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
}
_MOVING: Final = ("video/", "audio/")
_MEDIA: Final = ("image/", *_MOVING)
GONE: Final = (404, 410, 451)
MOST_LOOKED_AT: Final = 12
IN_PIECES: Final = "the film comes in pieces (HLS, DASH); it was not fetched whole"
LEAST_BYTES: Final = 4096
"""Smaller pictures are icons."""


def capture(
    evidence: Evidence,
    person: Person,
    case_id: str,
    intent: Intent,
    tsas: Sequence[str],
    client: Client,
    browser: Browser | None = None,
    classify: Classify | None = None,
    *,
    platforms: bool = False,
    recognise: Recognise | None = None,
) -> Exhibit:
    """Capture an address, by a browser where there is one and the address is a page, else by plain HTTP.

    What lies in a case that `classify` moved must be sealed by whoever calls this: see `haechi.workflows.intake`.

    Args:
        evidence: where it goes.
        person: who does it.
        case_id: the case.
        intent: what it is.
        tsas: URIs of time stamp authorities.
        client: fetches.
        browser: shows pages, or None.
        classify: flags sexual content, in the ordinary lane; None for nobody.
        platforms: let yt-dlp read the page, where it is installed.
        recognise: sees which exhibits show the same, in the ordinary lane; None for bytes alone.

    Raises:
        PolicyError: lane, role, second person, a private address, robots.txt; nothing was kept.
        RemoteError: no answer at all, or the browser does not start.
        InputError: no such case, or no address.
    """
    case, consent = admit(evidence, person, case_id, intent, "capturing")
    client.guard.check(intent.found.url)
    with private_folder() as folder:
        room = shutil.disk_usage(folder).free // 3  # the bodies, the WARC, the WACZ
        client = replace(client, limits=replace(client.limits, max_bytes=min(client.limits.max_bytes, room)))
        exchanges = client.fetch(intent.found.url, folder)
        facts, shown, told = _seen(client, browser, exchanges, folder, platforms=platforms)
        if shown.settings:
            intent = replace(intent, method="browser", settings={**(intent.settings or {}), **shown.settings})
        refuse_minor(evidence, _media_digests([exchanges[-1], *shown.exchanges, *told.exchanges]))
        media, facts["shown_by"] = main_media(exchanges[-1], shown.exchanges, told, facts)
        looks = recognise if case.lane is Lane.ORDINARY else None
        seen = looks(media) if looks is not None and media is not None else None
        flags = _flags(case, classify, exchanges[-1], [*shown.exchanges, *told.exchanges])
        title = str(facts.get("page", {}).get("title", ""))
        wacz = write_wacz([*exchanges, *shown.exchanges, *told.exchanges], title, folder)
        with ExitStack() as stack:
            files = [("capture.wacz", "application/wacz", wacz), *_body(exchanges[-1])]
            files += [(name, kind, path) for name, (kind, path) in {**shown.parts, **told.parts}.items()]
            parts = [
                Source(name, EVIDENTIARY, kind, stack.enter_context(path.open("rb"))) for name, kind, path in files
            ]
            return keep(evidence, person, case, intent, parts, facts, tsas, consent, flags, seen)


def _seen(
    client: Client, browser: Browser | None, exchanges: Sequence[Exchange], folder: Path, *, platforms: bool
) -> tuple[dict[str, Any], Rendered, Looked]:
    """Steps 3, 4 and 6: facts of what answered, and of a page what the browser shows and its platform tells."""
    last, facts, shown, told = exchanges[-1], capture_facts(exchanges), Rendered(), Looked()
    if is_page(last):
        with last.body.open("rb") as file:
            facts["page"] = page_facts(file.read(MOST_BYTES))
        whole = last.size > 0 and not last.truncated
        if browser is not None and whole:
            shown = render(browser, client, exchanges, folder)
            facts["browser"] = shown.facts
        if whole and last.status == HTTPStatus.OK:
            told = _platform(client, [*exchanges, *shown.exchanges], last.url, facts, folder, asks=platforms)
        if "streams" in facts["page"] and not _films(told):
            facts["stream"] = {"url": _address(last.url, facts["page"]["streams"][0]), "missing": IN_PIECES}
    return facts, shown, told


def _platform(
    client: Client, known: Sequence[Exchange], url: str, facts: dict[str, Any], folder: Path, *, asks: bool
) -> Looked:
    """The picture that the page declares; oEmbed where the page links it; the rest by yt-dlp where that is there."""
    oembed, exchanges = ask_oembed(client, facts["page"], url, folder / "oembed")
    if oembed:
        facts["oembed"] = oembed
    picture, fetched = ask_declared(client, facts["page"], url, known, folder / "declared")
    if picture:
        facts["declared_picture"] = picture
    exchanges = [*exchanges, *fetched]
    if not asks or find_extractor() is None:
        return Looked(exchanges=exchanges)
    told = look_up(client, known, url, folder / "platform")
    facts["platform"] = told.facts
    return replace(told, exchanges=[*exchanges, *told.exchanges])


def _flags(case: Case, classify: Classify | None, last: Exchange, besides: Sequence[Exchange]) -> dict[str, Flag]:
    """What a classifier says of the media file, or of the largest pictures and films that the page showed."""
    if classify is None or case.lane is not Lane.ORDINARY:
        return {}
    media = [one for one in (last, *besides) if _kind(one).startswith(("image/", "video/"))]
    looked_at = sorted((one for one in media if one.size >= LEAST_BYTES), key=lambda one: -one.size)[:MOST_LOOKED_AT]
    return {one.url: classify(one.body) for one in looked_at}


def main_media(
    last: Exchange, shown: Sequence[Exchange], told: Looked, facts: Mapping[str, Any]
) -> tuple[Path | None, str]:
    """The one file that says what a page shows, and which it is: "answer", "reader", "played", "declared_picture".

    The answer itself, else what the platform's reader brought, else the largest film or sound that was played, else
    the picture that the page declares (Open Graph, poster). Other pictures are ornament: a logo would make one item of
    a whole site.
    """
    if last.size and _kind(last).startswith(_MEDIA):
        return last.body, "answer"
    read = _films(told)
    played = [one.body for one in (*shown, *told.exchanges) if one.size and _kind(one).startswith(_MOVING)]
    for found, which in ((read, "reader"), (played, "played")):
        if found:
            return max(found, key=lambda path: path.stat().st_size), which
    declared = facts.get("declared_picture", {}).get("url")
    there = (one for one in (*shown, *told.exchanges) if one.size and _kind(one).startswith("image/"))
    picture = next((one.body for one in there if one.url == declared), None)
    return picture, "declared_picture" if picture is not None else ""


def _address(url: str, link: str) -> str:
    try:
        return absolute(url, link)
    except InputError:
        return link


def _films(told: Looked) -> list[Path]:
    return [path for kind, path in told.parts.values() if kind.startswith(_MOVING)]


def _media_digests(exchanges: Sequence[Exchange]) -> dict[str, str]:
    media = (one for one in exchanges if one.size >= LEAST_BYTES and _kind(one).startswith(_MEDIA))
    return {one.url: hash_file(one.body) for one in media}


def is_page(exchange: Exchange) -> bool:
    """Whether an exchange brought a page in HTML."""
    return _kind(exchange) in ("text/html", "application/xhtml+xml")


def _body(last: Exchange) -> list[tuple[str, str, Path]]:
    """The body as a part of its own: name, kind and file; none when it is empty."""
    kind = _kind(last)
    return [(f"body{_SUFFIXES.get(kind, '.bin')}", kind or "application/octet-stream", last.body)] if last.size else []


def _kind(exchange: Exchange) -> str:
    return exchange.header("content-type").split(";")[0].strip().lower()


def capture_facts(exchanges: Sequence[Exchange]) -> dict[str, Any]:
    """What the network told: where it led, what answered, from where, in which state."""
    last = exchanges[-1]
    facts: dict[str, Any] = {
        "final_url": last.url,
        "status": last.status,
        "state": state_of(last),
        "address": last.address,
        "started_at": exchanges[0].started_at,
        "ended_at": last.ended_at,
        "redirects": [{"url": one.url, "status": one.status} for one in exchanges[:-1]],
        "truncated": last.truncated,
    }
    if last.certificate is not None:
        certificate = x509.load_der_x509_certificate(last.certificate)
        facts["tls"] = {
            "sha256": digest_of(last.certificate),
            "subject": certificate.subject.rfc4514_string(),
            "issuer": certificate.issuer.rfc4514_string(),
        }
    return facts


def state_of(exchange: Exchange) -> str:
    """What a response says of the page: "gone", "empty", "cut off", "error" or "there"."""
    if exchange.status in GONE:
        return "gone"
    if exchange.truncated:
        return "cut off"
    if exchange.status >= 400:
        return "error"
    return "there" if exchange.size else "empty"
