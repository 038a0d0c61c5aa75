"""`haechi deadlines`: what ends when."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from haechi.cli.options import Json
from haechi.cli.session import Session
from haechi.core.language import mark

STATES = {
    "gone": mark("gone"),
    "there": mark("STILL THERE"),
    "empty": mark("empty"),
    "cut off": mark("there, cut off at a limit"),
    "error": mark("answers with an error: look again"),
}


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command(
        "deadlines",
        help=mark("List what ends when: answers that are due, blocks, appeals, retention."),
        epilog=mark("Example: haechi deadlines --ics deadlines.ics"),
    )(_deadlines)


def _deadlines(
    context: typer.Context,
    ics: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=mark("Also write them as a calendar."), show_default=False),
    ] = None,
    recheck: Annotated[
        bool,
        typer.Option(
            "--recheck", help=mark("Fetch the addresses of notices whose deadline has passed; each becomes an exhibit.")
        ),
    ] = False,
    json: Json = False,
) -> None:
    from datetime import UTC, datetime

    from haechi.act.deadline import deadlines, to_ics
    from haechi.core.durable import write_out

    session: Session = context.obj
    evidence, person = session.evidence()
    person.need("case.see")
    found, now = deadlines(evidence), datetime.now(UTC)
    for one in found:
        at, late = one.at.isoformat(timespec="minutes"), one.overdue(now)
        if json:
            record = {"at": at, "subject": one.subject, "case": one.case, "law": one.law, "what": one.what}
            session.emit({"schema": "haechi.deadline/1", **record, "statutory": one.statutory, "overdue": late})
        else:
            words = session.say(mark("OVERDUE")) if late else ""
            parts = (words, one.law, one.subject, session.say(one.what))
            session.result(f"{at}  {' · '.join(part for part in parts if part)}")
    if ics is not None:
        write_out(ics, to_ics(found, now, session.say).encode(), over=True)
        session.note(session.say(mark("written: {path}"), path=str(ics)))
    if not found:
        session.note(session.say(mark("no deadline runs")))
    if recheck:
        recheck_due(session, json)


def recheck_due(session: Session, json: bool) -> bool:
    """Look again where the deadline of a notice has passed; whether there was anything to look at."""
    from dataclasses import asdict
    from datetime import UTC, datetime

    from haechi.core.fetch import Client
    from haechi.workflows.recheck import recheck

    evidence, person = session.evidence()
    tsas, look = session.settings.tsa.split(), session.classifier()
    looked = False
    for one in recheck(evidence, person, tsas, Client(), datetime.now(UTC), look, session.recogniser()):
        looked = True
        if json:
            session.emit({"schema": "haechi.recheck/1", **asdict(one)})
        elif one.exhibit:
            session.result(" · ".join((one.notice, one.exhibit, one.url, session.say(STATES[one.state]))))
        else:
            words = mark("{notice}: {url} was not kept: {reason}")
            session.note(session.say(words, notice=one.notice, url=one.url, reason=one.state))
    return looked
