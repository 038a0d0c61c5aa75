"""The same work on many files in a row: one failing file never stops the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import typer

from haechi.cli.failures import UNREADABLE, as_haechi_error
from haechi.cli.lines import failure_line
from haechi.cli.session import Session
from haechi.core.errors import HaechiError, StoreError
from haechi.core.language import mark
from haechi.workflows.files import Failed, Listing

Entry = TypeVar("Entry")
Done = TypeVar("Done")


def register_each(
    session: Session,
    listing: Listing,
    register: Callable[[Path, Callable[[float], None]], Done],
    show: Callable[[Done], None],
) -> None:
    """Register every entry and show it at once; what fails gets its line on standard error.

    Args:
        session: where to say what.
        listing: what is to be registered.
        register: registers one file; takes its path and where to tell the progress.
        show: writes the result line.

    Raises:
        StoreError: the store cannot take any more; the rest is not tried.
        typer.Exit: with code 3 at the end, when a file could not be registered.
    """
    note_passed_over(session, listing.passed_over)
    if work_through(session, listing.entries, lambda path: path, register, show):
        raise typer.Exit(UNREADABLE)


def work_through(
    session: Session,
    entries: Sequence[Entry | Failed],
    path_of: Callable[[Entry], Path],
    work: Callable[[Entry, Callable[[float], None]], Done],
    show: Callable[[Done], None],
) -> int:
    """Work on every entry and show what came of it at once; gives the number of those that failed.

    Args:
        session: where to say what.
        entries: what is to be worked on, and what stands in the way of others.
        path_of: the file that an entry is about.
        work: does one; takes the entry and where to tell the progress.
        show: writes the result line.

    Raises:
        StoreError: the store cannot take any more; the rest is not tried.
    """
    failures = 0
    with session.bar() as bar:
        for index, entry in enumerate(entries):
            path = entry.path if isinstance(entry, Failed) else path_of(entry)
            try:
                done = _one(entry, work, bar.begin(path.name, index, len(entries)))
            except StoreError:
                raise
            except HaechiError as error:
                failures += 1
                with bar.paused():
                    session.note(failure_line(path, str(error)))
            else:
                with bar.paused():
                    show(done)
    return failures


def note_passed_over(session: Session, count: int) -> None:
    """Say how many files of folders were not taken for media."""
    if count:
        session.note(session.say(mark("passed over, hidden or not media: {count}"), count=count))


def _one(
    entry: Entry | Failed,
    work: Callable[[Entry, Callable[[float], None]], Done],
    progress: Callable[[float], None],
) -> Done:
    if isinstance(entry, Failed):
        raise HaechiError(entry.reason)
    try:
        return work(entry, progress)
    except Exception as error:
        raise as_haechi_error(error) from error
