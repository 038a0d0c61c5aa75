"""`haechi compare`: what differs between a probe and a master; nothing needs to be registered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from haechi.cli.failures import UNREADABLE
from haechi.cli.options import Json, ReportFolder, file_argument
from haechi.cli.session import Session
from haechi.core.errors import InputError
from haechi.core.language import mark

if TYPE_CHECKING:
    from haechi.core.records import Report


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command(
        "compare",
        short_help=mark("Compare a suspicious file with one master."),
        help=mark("Compare a suspicious file with a master and say what differs, where. Needs no registration."),
        epilog=mark("Example: haechi compare suspicious.mp4 master.mov --report reports"),
    )(_compare)


def _compare(
    context: typer.Context,
    probe: Annotated[Path, file_argument("PROBE", mark("The file under check."))],
    master: Annotated[Path, file_argument("MASTER", mark("The authentic file."))],
    json: Json = False,
    report: ReportFolder = None,
) -> None:
    # The decoders load beside all else.
    from haechi.core.media.sandbox import warm_up

    warm_up()
    from haechi.check.report import report_json, write_report
    from haechi.cli.lines import failure_line, outcome_line

    session: Session = context.obj
    session.need_models()
    try:
        result = _result(session, probe, master, report is not None)
    except InputError as error:
        at_fault = master if str(error).startswith((f"{master.name}: ", f"{master}: ")) else probe
        session.note(failure_line(at_fault, str(error)))
        raise typer.Exit(UNREADABLE) from error
    page = None
    if report is not None:
        report.mkdir(parents=True, exist_ok=True)
        page = write_report(result, report, session.language)
    contract = report_json(result)
    if json:
        session.emit(contract)
    else:
        session.result(outcome_line(session.say, contract, page))


def _result(session: Session, probe: Path, master: Path, pictures: bool) -> Report:
    from haechi.core.media.sandbox import warm_up

    warm_up()  # the decoding service starts while the rest is loaded
    from haechi.check.pair import compare_pair

    with session.bar() as bar:
        progress = bar.begin(probe.name)
        return compare_pair(probe, master, session.settings, pictures=pictures, progress=progress)
