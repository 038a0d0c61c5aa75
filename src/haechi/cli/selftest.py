"""`haechi selftest`: does this installation compute what it must?"""

from __future__ import annotations

import typer

from haechi.cli.failures import FAILED
from haechi.cli.options import Json
from haechi.cli.session import Session
from haechi.core.language import mark

_STATES = {True: mark("ok"), False: mark("WRONG"), None: mark("not tested")}


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
            failed += test.ok is False
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
                    state = session.say(_STATES[test.ok])
                    session.result(f"{state:10} {test.name}: {test.detail}")
    if failed:
        raise typer.Exit(FAILED)
