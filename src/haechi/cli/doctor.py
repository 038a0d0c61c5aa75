"""`haechi doctor`: is everything here that a check needs?"""

from __future__ import annotations

import typer

from haechi.cli.failures import FAILED
from haechi.cli.options import Json
from haechi.cli.session import Session
from haechi.core.language import mark


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command(
        "doctor",
        help=mark("Look over versions, weights, store and disk. Exit code 1 when something is wrong."),
        epilog=mark("Example: haechi doctor --json"),
    )(_doctor)


def _doctor(context: typer.Context, json: Json = False) -> None:
    from haechi.workflows.doctor import examine

    session: Session = context.obj
    wrong = 0
    for part in examine(session.settings):
        wrong += not part.ok
        if json:
            session.emit({"schema": "haechi.doctor/1", "name": part.name, "ok": part.ok, "detail": part.detail})
        else:
            state = session.say(mark("ok") if part.ok else mark("WRONG"))
            session.result(f"{state:6} {part.name}: {part.detail}")
    if wrong:
        raise typer.Exit(FAILED)
