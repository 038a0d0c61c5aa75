"""`haechi deadlines`: what ends when."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from haechi.cli.options import Json
from haechi.cli.session import Session
from haechi.core.language import mark


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
    json: Json = False,
) -> None:
    from datetime import UTC, datetime

    from haechi.act.deadline import deadlines, to_ics

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
        ics.write_text(to_ics(found, now), encoding="utf-8", newline="")
        session.note(session.say(mark("written: {path}"), path=str(ics)))
    if not found:
        session.note(session.say(mark("no deadline runs")))
