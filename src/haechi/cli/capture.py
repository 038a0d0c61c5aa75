"""`haechi capture`: a public page or media file becomes an exhibit."""

from __future__ import annotations

from typing import Annotated

import typer

from haechi.cli.exhibit import Account, Authority, Platform, Posted, Tsa, authorities, tell
from haechi.cli.options import Json
from haechi.cli.records import Because, CaseId
from haechi.cli.session import Session
from haechi.core.language import mark


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
    json: Json = False,
) -> None:
    from haechi.core.fetch import Client
    from haechi.preserve.browser import find_browser
    from haechi.preserve.custody import Intent
    from haechi.preserve.facts import Found
    from haechi.workflows.intake import take_page

    session: Session = context.obj
    evidence, person = session.evidence()
    found = Found(url, posted, account, platform).checked()
    intent = Intent(found, "http", authority=authority, why=because)
    browser = None if plain else find_browser(session.settings.chromium)
    asked, look = authorities(session, tsa), session.classifier()
    exhibit = take_page(evidence, person, case, intent, asked, Client(), browser, look, platforms=not plain)
    tell(session, evidence, exhibit, json)
    if browser is None and not plain:
        words = mark(
            "captured as served, without scripts or screenshot: install Chromium and haechi[capture] for those"
        )
        session.note(session.say(words))
