"""`haechi check`: many files and folders, one line or one JSON object each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from haechi.cli.failures import UNREADABLE, as_haechi_error
from haechi.cli.options import Json, ReportFolder, file_argument
from haechi.cli.remote import Remote, manifest_client
from haechi.cli.session import Session
from haechi.core.language import mark

if TYPE_CHECKING:
    from haechi.cli.progress import Bar
    from haechi.core.records import Report
    from haechi.core.store import Store
    from haechi.workflows.files import Failed, Listing
    from haechi.workflows.triage import Checked


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command(
        "check",
        short_help=mark("Check suspicious files against everything registered."),
        help=mark(
            "Check suspicious files: which release each was made from, what was changed and where. "
            "Folders are searched for media. A check that was stopped goes on where it stopped. Nothing is fetched; "
            "with --remote, content credentials that lie on a server are, and the server learns of it."
        ),
        epilog=mark("Example: haechi check downloads suspicious.mp4 --report reports"),
    )(_check)


def _check(
    context: typer.Context,
    paths: Annotated[
        list[Path],
        file_argument("FILE", mark("Files or folders to check.")),
    ],
    json: Json = False,
    report: ReportFolder = None,
    again: Annotated[
        bool, typer.Option("--again", help=mark("Check again what an earlier run has checked already."))
    ] = False,
    remote: Remote = False,
) -> None:
    # The decoders load beside all else.
    from haechi.core.media.sandbox import warm_up

    warm_up()
    from haechi.cli.each import stoppable
    from haechi.cli.lines import Tally, failure_line, outcome_line
    from haechi.workflows.files import Failed, list_files

    session: Session = context.obj
    session.need_models()
    listing = list_files(paths)
    tally = Tally(listing.passed_over)
    with stoppable(session, len(listing.entries), goes_on=not again) as count, session.bar() as bar:
        for outcome in _outcomes(session, listing, report, again, remote, bar):
            tally.count(outcome)
            count()
            with bar.paused():
                if isinstance(outcome, Failed):
                    session.note(failure_line(outcome.path, outcome.reason))
                elif json:
                    session.emit(outcome.report)
                else:
                    session.result(outcome_line(session.say, outcome.report, outcome.page, reused=outcome.reused))
    for line in tally.notes(session.say):
        session.note(line)
    if not json and len(listing.entries) != 1:
        session.result(tally.summary(session.say))
    if tally.failed:
        raise typer.Exit(UNREADABLE)


def _outcomes(
    session: Session, listing: Listing, folder: Path | None, again: bool, remote: bool, bar: Bar
) -> Iterator[Checked | Failed]:
    from haechi.core.media.sandbox import warm_up

    warm_up()  # the decoding service starts while the rest is loaded
    from haechi.workflows.software import software_id
    from haechi.workflows.triage import Pages, triage

    pages = None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        pages = Pages(folder, session.language)
    store = session.store()
    return triage(
        listing.entries,
        store,
        _checker(session, store, listing, folder is not None, remote, bar),
        software_id=software_id(session.settings, remote=remote),
        pages=pages,
        again=again,
    )


def _checker(
    session: Session, store: Store, listing: Listing, pictures: bool, remote: bool, bar: Bar
) -> Callable[[Path], Report]:
    """Check one file; what nobody foresaw becomes that file's failure, and the others are still checked."""
    from haechi.check.check import check_file

    client = manifest_client(remote)
    places = {entry: index for index, entry in enumerate(listing.entries)}

    def checked(path: Path) -> Report:
        progress = bar.begin(path.name, places[path], len(places))
        try:
            return check_file(path, store, session.settings, pictures=pictures, progress=progress, remote=client)
        except Exception as error:
            raise as_haechi_error(error) from error

    return checked
