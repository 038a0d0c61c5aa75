"""Registering many files in a row: one failing file never stops the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import typer

from haechi.cli.failures import UNREADABLE, as_haechi_error
from haechi.cli.lines import failure_line
from haechi.cli.session import Session
from haechi.core.errors import HaechiError, StoreError
from haechi.core.language import mark
from haechi.workflows.files import Failed, Listing

Registered = TypeVar("Registered")


def register_each(
    session: Session,
    listing: Listing,
    register: Callable[[Path, Callable[[float], None]], Registered],
    show: Callable[[Registered], None],
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
    failures = 0
    entries = listing.entries
    note_passed_over(session, listing)
    with session.bar() as bar:
        for index, entry in enumerate(entries):
            try:
                registered = _one(entry, register, bar.begin(_name(entry), index, len(entries)))
            except StoreError:
                raise
            except HaechiError as error:
                failures += 1
                with bar.paused():
                    session.note(failure_line(_path(entry), str(error)))
            else:
                with bar.paused():
                    show(registered)
    if failures:
        raise typer.Exit(UNREADABLE)


def note_passed_over(session: Session, listing: Listing) -> None:
    """Say how many files of folders were not taken for media."""
    if listing.passed_over:
        words = mark("passed over, hidden or not media: {count}")
        session.note(session.say(words, count=listing.passed_over))


def _one(
    entry: Path | Failed,
    register: Callable[[Path, Callable[[float], None]], Registered],
    progress: Callable[[float], None],
) -> Registered:
    if isinstance(entry, Failed):
        raise HaechiError(entry.reason)
    try:
        return register(entry, progress)
    except Exception as error:
        raise as_haechi_error(error) from error


def _path(entry: Path | Failed) -> Path:
    return entry.path if isinstance(entry, Failed) else entry


def _name(entry: Path | Failed) -> str:
    return _path(entry).name
