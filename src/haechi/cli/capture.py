"""`haechi capture`: a public page or media file becomes an exhibit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from haechi.cli.exhibit import Account, Authority, Platform, Posted, Tsa, authorities, tell
from haechi.cli.options import Json
from haechi.cli.records import Because, CaseId
from haechi.cli.session import Session
from haechi.core.errors import InputError
from haechi.core.language import mark

if TYPE_CHECKING:
    from haechi.core.evidence import Exhibit
    from haechi.core.people import Person
    from haechi.core.store.evidence import Evidence


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command(
        "capture",
        short_help=mark("Preserve a public page or media file as it answers now."),
        help=mark(
            "Preserve a public page or media file as it answers now, as a web archive (WACZ), with a screenshot where "
            "Chromium and haechi[capture] are installed, and with what yt-dlp reads of it where haechi[platforms] is. "
            "Pages that are gone are exhibits, too. No sign-in, no private addresses; robots.txt is respected."
        ),
        epilog=mark("Example: haechi capture https://example.org/v/1 --case C-3f9c2a71d0"),
    )(_capture)


def _capture(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help=mark("Address of the page or file."))],
    case: CaseId,
    posted: Posted = "",
    account: Account = "",
    platform: Platform = "",
    authority: Authority = "",
    because: Because = "",
    tsa: Tsa = None,
    plain: Annotated[bool, typer.Option("--plain", help=mark("Plain HTTP, without a browser or yt-dlp."))] = False,
    every: Annotated[
        str | None,
        typer.Option(
            metavar="INTERVAL",
            help=mark("Capture again every 6h, 1d or 2w, by haechi schedule run."),
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="DATE", help=mark("Last day of the schedule, e.g. 2026-12-31."), show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    from haechi.core.fetch import Client
    from haechi.preserve.browser import find_browser
    from haechi.preserve.custody import Intent
    from haechi.preserve.facts import Found
    from haechi.workflows.intake import take_page

    session: Session = context.obj
    evidence, person = session.evidence()
    go_on = _schedule(session, evidence, person, case, every, until)
    found = Found(url, posted, account, platform).checked()
    intent = Intent(found, "http", authority=authority, why=because)
    browser = None if plain else find_browser(session.settings.chromium)
    asked, look = authorities(session, tsa), session.classifier()
    exhibit = take_page(
        evidence,
        person,
        case,
        intent,
        asked,
        Client(),
        browser,
        look,
        platforms=not plain,
        recognise=session.recogniser(),
    )
    tell(session, evidence, exhibit, json)
    if browser is None and not plain:
        words = mark(
            "captured as served, without scripts or screenshot: install Chromium and haechi[capture] for those"
        )
        session.note(session.say(words))
    if go_on is not None:
        go_on(exhibit, plain, json)


def _schedule(
    session: Session, evidence: Evidence, person: Person, case: str, every: str | None, until: str | None
) -> Callable[[Exhibit, bool, bool], None] | None:
    """What adds the schedule once the first capture stands; all that can be wrong with it is said before that."""
    from datetime import UTC, datetime

    from haechi.cli import schedule
    from haechi.workflows.recapture import add_schedule, end_of, interval, need_schedulable

    if every is None and until is None:
        return None
    if every is None or until is None:
        raise InputError(session.say(mark("a schedule takes both: --every 1d --until DATE")))
    step, end, now = interval(every), end_of(until), datetime.now(UTC)
    need_schedulable(evidence, person, case, end, now)

    def add(exhibit: Exhibit, plain: bool, json: bool) -> None:
        schedule.tell(session, add_schedule(evidence, person, exhibit, step, end, now, plain=plain), json)

    return add
