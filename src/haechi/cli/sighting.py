"""`haechi sighting`: where an item was seen, and how it spread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from haechi.cli.exhibit import Account, Platform, Posted
from haechi.cli.options import Json
from haechi.cli.recognition import item_words
from haechi.cli.records import Because, CaseId, details, show
from haechi.cli.session import Session
from haechi.core.errors import InputError
from haechi.core.language import mark

if TYPE_CHECKING:
    from haechi.act.spread import Impact
    from haechi.act.tracing import Traced

app = typer.Typer(
    name="sighting",
    no_args_is_help=True,
    rich_markup_mode=None,
    help=mark("Follow where an item is seen and how it spreads, by what pages show."),
)
_Item = Annotated[
    str, typer.Option("--item", metavar="ID", help=mark("Exhibit, bank item or digest."), show_default=False)
]
_InCase = Annotated[
    str, typer.Option("--case", metavar="CASE", help=mark("Only what was seen in this case."), show_default=False)
]
_Exhibit = Annotated[str, typer.Argument(metavar="EXHIBIT", help=mark("Id of the exhibit."), show_default=False)]


@app.command(
    "add",
    help=mark("Note that an item was seen at an address, is gone from there, or came back."),
    epilog=mark("Example: haechi sighting add https://example.org/v/1 --case C-3f9c2a71d0 --item E-3f9c2a71d0"),
)
def _add(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help=mark("Where it was seen."))],
    case: CaseId,
    item: _Item,
    posted: Posted = "",
    account: Account = "",
    platform: Platform = "",
    state: Annotated[str, typer.Option(metavar="STATE", help=mark("up, removed or reappeared."))] = "up",
    reach: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=COUNT", help=mark("A figure that the page shows; several."), show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    from haechi.act.spread import add_sighting
    from haechi.core.evidence import Sighting
    from haechi.preserve.facts import Found

    session: Session = context.obj
    evidence, person = session.evidence()
    found = Found(url, posted, account, platform).checked()
    given = Sighting("", "", item, url, found.platform, account, posted, "", state, _figures(session, reach or []))
    seen = add_sighting(evidence, person, case, given)
    show(session, seen, [seen.platform, seen.account, seen.url, seen.state, seen.seen_at], json)


@app.command(
    "show",
    help=mark(
        "Show how an item spread, over all cases: first seen, order, accounts, reach, removals, re-uploads. The item "
        "is named by any exhibit that shows it, or by a digest."
    ),
    epilog=mark("Example: haechi sighting show --item E-3f9c2a71d0"),
)
def _one(context: typer.Context, item: _Item, case: _InCase = "", json: Json = False) -> None:
    from dataclasses import asdict, replace

    from haechi.act.spread import impact
    from haechi.act.tracing import trace
    from haechi.check.report_page.text import visible

    session: Session = context.obj
    evidence, person = session.evidence()
    person.need("case.see")
    traced = trace(evidence, item)
    if not traced.exhibits and not traced.sightings:
        session.note(session.say(mark("no exhibit shows {item}, and no sighting names it"), item=visible(item)))
    if case:
        traced = replace(traced, sightings=tuple(one for one in traced.sightings if one.parent == case))
    found = impact(traced.sightings, traced.item)
    if json:
        record = asdict(found)
        for place in record["places"]:
            place["posted"] = place["posted"].isoformat() if place["posted"] else None
        linked = {"exhibits": traced.exhibits, "links": [one.to_fields() for one in traced.links]}
        known = {"item": traced.item, **linked, "known_sources": traced.known_sources}
        session.emit({"schema": "haechi.impact/1", **known, **record})
        return
    _show_impact(session, traced, found)


def _show_impact(session: Session, traced: Traced, found: Impact) -> None:
    for link in traced.links:
        details(session, [(link.id, item_words(session, link))])
    for number, place in enumerate(found.places, 1):
        when = place.posted.isoformat() if place.posted else place.first.seen_at
        parts = (when, place.first.platform, place.first.account, place.first.url, place.last.state)
        details(session, [(str(number), " · ".join(part for part in parts if part))])
    words = mark("addresses up {up}, removed {removed}, reappeared {reappeared}")
    session.result(session.say(words, up=found.up, removed=found.removed, reappeared=found.reappeared))
    details(session, [(name, str(value)) for name, value in found.reach.items()])
    details(session, [(at, _told(figures)) for at, figures in found.reach_over_time.items()])
    counts = (
        (mark("services"), _told(found.platforms)),
        (mark("accounts"), _told(found.accounts)),
        (mark("known sources (other items)"), _told(traced.known_sources)),
        (mark("uploaded again after a removal"), ", ".join(found.reuploads)),
        (mark("hours to removal"), ", ".join(str(hours) for hours in found.hours_to_removal)),
    )
    details(session, [(session.say(name), value) for name, value in counts if value])


@app.command(
    "join",
    help=mark("Say that two exhibits show one item. It stands above what was matched."),
    epilog=mark('Example: haechi sighting join E-3f9c2a71d0 E-77aa01b2c3 --because "filmed off a screen"'),
)
def _join(context: typer.Context, exhibit: _Exhibit, other: _Exhibit, because: Because, json: Json = False) -> None:
    from haechi.preserve.items import join

    session: Session = context.obj
    evidence, person = session.evidence()
    known = join(evidence, person, exhibit, other, because)
    show(session, known, [item_words(session, known)], json)


@app.command(
    "unjoin",
    help=mark("Say that an exhibit shows an item of its own. It stands above what was matched."),
    epilog=mark('Example: haechi sighting unjoin E-3f9c2a71d0 --because "another fake of the same stage"'),
)
def _unjoin(context: typer.Context, exhibit: _Exhibit, because: Because, json: Json = False) -> None:
    from haechi.preserve.items import part

    session: Session = context.obj
    evidence, person = session.evidence()
    known = part(evidence, person, exhibit, because)
    show(session, known, [item_words(session, known)], json)


def _told(figures: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {value}" for name, value in figures.items())


def _figures(session: Session, given: list[str]) -> dict[str, int]:
    figures = {}
    for one in given:
        name, _, value = one.partition("=")
        if not name or not value.isdigit():
            raise InputError(session.say(mark("a figure is given as NAME=COUNT, e.g. --reach views=1200")))
        figures[name] = int(value)
    return figures
