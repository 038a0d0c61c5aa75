"""`haechi selftest`: does this installation compute what it must?"""

from __future__ import annotations

import typer

from haechi.cli.failures import FAILED
from haechi.cli.options import Json
from haechi.cli.session import Session
from haechi.core.language import mark


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command(
        "selftest",
        help=mark("Compute known examples and compare with the known results. Exit code 1 when one differs."),
        epilog=mark("Example: haechi selftest"),
    )(_selftest)


def _selftest(context: typer.Context, json: Json = False) -> None:
    from haechi.workflows.selftest import run_selftest

    session: Session = context.obj
    failed = 0
    with session.bar() as bar:
        bar.begin("selftest")
        for test in run_selftest(session.settings):
            failed += not test.ok
            with bar.paused():
                if json:
                    session.emit(
                        {
                            "schema": "haechi.selftest/1",
                            "name": test.name,
                            "ok": test.ok,
                            "detail": test.detail,
                        }
                    )
                else:
                    state = session.say(mark("ok") if test.ok else mark("WRONG"))
                    session.result(f"{state:6} {test.name}: {test.detail}")
    if failed:
        raise typer.Exit(FAILED)
