"""`haechi verify-bundle`: is a bundle, or another container of evidence, intact? Needs the file and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from haechi.cli.failures import FAILED
from haechi.cli.options import Json, file_argument
from haechi.cli.session import Session
from haechi.core.language import mark


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command(
        "verify-bundle",
        short_help=mark("Find out whether a bundle is intact; needs the file and nothing else."),
        help=mark(
            "Find out whether a bundle is intact: no database, no network, no home. Also web archives (WACZ, WARC) and "
            "time stamps. Exit code 1 when something is wrong, and where."
        ),
        epilog=mark("Example: haechi verify-bundle case.zip"),
    )(_verify_bundle)


def _verify_bundle(
    context: typer.Context,
    path: Annotated[Path, file_argument("FILE", mark("The bundle."))],
    chain: Annotated[
        Path | None,
        typer.Option(metavar="PEM", help=mark("For a time stamp: certificates to believe."), show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    from haechi.preserve.judge import judge

    session: Session = context.obj
    found = judge(path, chain)
    if json:
        faults = [{"where": fault.where, "what": fault.what} for fault in found.faults]
        record = {"kind": found.kind, "ok": not faults, "facts": dict(found.facts), "remarks": list(found.remarks)}
        session.emit({"schema": "haechi.bundle_verification/1", "path": str(path), **record, "faults": faults})
    else:
        for fault in found.faults:
            session.result(f"{fault.where}: {fault.what}")
        told = ", ".join(f"{name} {value}" for name, value in found.facts.items())
        words = mark("WRONG: {count} faults") if found.faults else mark("intact ({kind}): {facts}")
        session.result(session.say(words, count=len(found.faults), kind=found.kind, facts=told))
        for remark in found.remarks:
            session.note(remark)
    if found.faults:
        raise typer.Exit(FAILED)
