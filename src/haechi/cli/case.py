"""`haechi case`: what belongs together for one artist and one matter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haechi.cli import statement
from haechi.cli.options import Json
from haechi.cli.records import Because, details, show
from haechi.cli.session import Session
from haechi.core.errors import InputError
from haechi.core.language import mark

if TYPE_CHECKING:
    from haechi.core.evidence import Case, Lane

app = typer.Typer(
    name="case",
    no_args_is_help=True,
    rich_markup_mode=None,
    help=mark("Keep together what belongs to one artist and one matter."),
)
_Id = Annotated[str, typer.Argument(metavar="CASE", help=mark("Id of the case, as the list shows it."))]
STATES = {"open": mark("open"), "closed": mark("closed"), "locked": mark("LOCKED")}
LANES = {
    "ordinary": mark("ordinary"),
    "sexual": mark("sexual (adult): sealed"),
    "minor": mark("minor: addresses only"),
}


@app.command(
    "new",
    help=mark("Open a case. In the lane of minors nothing but addresses is ever kept."),
    epilog=mark('Example: haechi case new "Faked interview" --artist Haneul'),
)
def _new(
    context: typer.Context,
    title: Annotated[str, typer.Argument(metavar="TITLE", help=mark("What the case is called."))],
    artist: Annotated[
        str, typer.Option("--artist", metavar="NAME", help=mark("Whom it is about."), show_default=False)
    ],
    lane: Annotated[
        str, typer.Option("--lane", metavar="LANE", help=mark("ordinary, sexual or minor (see the manual)."))
    ] = "ordinary",
    json: Json = False,
) -> None:
    from haechi.act.case import open_case

    session: Session = context.obj
    chosen = lane_named(session, lane)
    evidence, person = session.evidence()
    enrolled = session.store().artist(artist)
    name = enrolled.name if enrolled else artist
    case = open_case(evidence, person, title, name, enrolled.id if enrolled else None, chosen)
    _show(session, case, json)
    if person.alone and not json:
        session.note(session.say(mark("no accounts yet: the log names only the login; haechi user add makes them")))


@app.command("list", help=mark("List the cases."), epilog=mark("Example: haechi case list --json"))
def _list(context: typer.Context, json: Json = False) -> None:
    from haechi.core.evidence import Case

    session: Session = context.obj
    evidence, person = session.evidence()
    person.need("case.see")
    cases = evidence.all(Case)
    for case in cases:
        _show(session, case, json)
    if not cases:
        session.note(session.say(mark("no case yet")))


@app.command(
    "show",
    help=mark("Show a case with its exhibits and notices; in the lane of minors, whom to call."),
    epilog=mark("Example: haechi case show C-3f9c2a71d0"),
)
def _one(context: typer.Context, case_id: _Id, json: Json = False) -> None:
    from haechi.core.evidence import Case, Exhibit, Lane, Notice
    from haechi.core.lanes import WHOM_TO_CALL

    session: Session = context.obj
    evidence, person = session.evidence()
    person.need("case.see")
    case = evidence.get(Case, case_id)
    exhibits, notices = evidence.all(Exhibit, case.id), evidence.all(Notice, case.id)
    card = [list(row) for row in WHOM_TO_CALL] if case.lane is Lane.MINOR else []
    ids = {"exhibits": [one.id for one in exhibits], "notices": [one.id for one in notices], "call": card}
    _show(session, case, json, ids)
    if json:
        return
    for exhibit in exhibits:
        details(session, [(exhibit.id, " · ".join(filter(None, (exhibit.url, exhibit.source_name, exhibit.added_at))))])
    for notice in notices:
        details(session, [(notice.id, f"{notice.law} · {notice.to} · {notice.state}")])
    if card:
        session.result(session.say(mark("Whom to call:")))
        details(session, [(f"{country} {whom}", where) for country, whom, where in WHOM_TO_CALL])


@app.command(
    "lane",
    help=mark("Handle a case more strictly, at once; or less strictly, which takes a second person."),
    epilog=mark('Example: haechi case lane C-3f9c2a71d0 sexual --because "nudity at 0:12"'),
)
def _lane(
    context: typer.Context,
    case_id: _Id,
    lane: Annotated[str, typer.Argument(metavar="LANE", help=mark("ordinary, sexual or minor (see the manual)."))],
    because: Because,
    json: Json = False,
) -> None:
    from haechi.workflows.lanes import move_to_lane

    session: Session = context.obj
    evidence, person = session.evidence()
    _show(session, move_to_lane(evidence, person, case_id, lane_named(session, lane), because), json)


@app.command(
    "close",
    help=mark("Close a case. Nothing of it is removed."),
    epilog=mark('Example: haechi case close C-3f9c2a71d0 --because "removed everywhere"'),
)
def _close(context: typer.Context, case_id: _Id, because: Because, json: Json = False) -> None:
    from haechi.act.case import close_case

    session: Session = context.obj
    evidence, person = session.evidence()
    _show(session, close_case(evidence, person, case_id, because), json)


@app.command(
    "bundle",
    help=mark("Write a case into one ZIP that anyone can verify: report, exhibits by lane, time stamps, ledger proof."),
    epilog=mark("Example: haechi case bundle C-3f9c2a71d0 -o case.zip"),
)
def _bundle(
    context: typer.Context,
    case_id: _Id,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help=mark("The new file."), show_default=False)
    ],
    because: Because = "",
    json: Json = False,
) -> None:
    from haechi.preserve.bundle.write import write_bundle

    session: Session = context.obj
    evidence, person = session.evidence()
    done = write_bundle(evidence, person, case_id, output, because, fonts=session.settings.models)
    if json:
        record = {"case": case_id, "path": str(done.path), "sha256": done.sha256, "bytes": done.size}
        session.emit({"schema": "haechi.bundle/1", **record, "exhibits": done.exhibits, "parts": done.parts})
    else:
        session.result(
            session.say(
                mark("{path}: exhibits {exhibits}, {sha256}"),
                path=str(done.path),
                exhibits=done.exhibits,
                sha256=done.sha256,
            )
        )
    for note in done.notes:
        session.note(note)


statement.add_to(app)


def lane_named(session: Session, name: str) -> Lane:
    """The lane of that name.

    Raises:
        InputError: there is none.
    """
    from haechi.core.evidence import Lane

    try:
        return Lane(name)
    except ValueError as error:
        raise InputError(
            session.say(mark("there is no lane {name}; known are ordinary, sexual, minor"), name=name)
        ) from error


def _show(session: Session, case: Case, json: bool, told: Mapping[str, Any] | None = None) -> None:
    words = [session.say(STATES[case.state]), session.say(LANES[case.lane])]
    show(session, case, [case.title, case.artist, *words, case.opened_at[:10]], json, told)
