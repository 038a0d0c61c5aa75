"""The same work on many files in a row: one failing file never stops the others."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Generic, Self, TypeVar

import typer
from threadpoolctl import threadpool_limits

from haechi.cli.failures import UNREADABLE, Stopped, as_haechi_error
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
    *,
    side_by_side: int = 1,
) -> int:
    """Work on every entry and show what came of it, in their order; gives the number of those that failed.

    Args:
        session: where to say what.
        entries: what is to be worked on, and what stands in the way of others.
        path_of: the file that an entry is about.
        work: does one; takes the entry and where to tell the progress.
        show: writes the result line.
        side_by_side: how many are worked on at once; more than one takes work that threads can do.

    Raises:
        StoreError: the store cannot take any more; the rest is not tried.
    """
    failures = 0
    if not entries:
        session.note(session.say(mark("nothing to do: no media were found")))
    with (
        stoppable(session, len(entries)) as count,
        session.bar() as bar,
        _Ahead(entries, work, side_by_side) as ahead,
    ):
        for index, entry in enumerate(entries):
            path = entry.path if isinstance(entry, Failed) else path_of(entry)
            try:
                done = ahead.result(index, bar.begin(path.name, index, len(entries)))
            except StoreError:
                raise
            except HaechiError as error:
                failures += 1
                count()
                with bar.paused():
                    session.note(failure_line(path, str(error)))
            else:
                count()
                with bar.paused():
                    show(done)
    return failures


@contextmanager
def stoppable(session: Session, total: int, *, goes_on: bool = True) -> Iterator[Callable[[], None]]:
    """Give what is to be called after each of `total` files: a run that is stopped then says how far it came.

    Args:
        session: in whose language that is said.
        total: number of files.
        goes_on: whether the same command goes on from there.
    """
    done = 0

    def count() -> None:
        nonlocal done
        done += 1

    try:
        yield count
    except Stopped as stopped:
        words = mark("stopped; files done: {done} of {total}; the same command goes on from there")
        if not goes_on:
            words = mark("stopped; files done: {done} of {total}")
        if total > 1:
            stopped.words = session.say(words, done=done, total=total)
        raise


class _Ahead(Generic[Entry, Done]):
    """Does the work of some entries ahead of the one that is shown; the progress is that of the one that is shown."""

    def __init__(
        self,
        entries: Sequence[Entry | Failed],
        work: Callable[[Entry, Callable[[float], None]], Done],
        side_by_side: int,
    ) -> None:
        self._entries = entries
        self._work = work
        self._pool = ThreadPoolExecutor(side_by_side) if side_by_side > 1 else None
        # Files share the cores already. For the whole run: limits that files take one by one would undo each other's.
        self._products = threadpool_limits(1 if side_by_side > 1 else None, user_api="blas")
        self._ahead: deque[Future[Done]] = deque()
        self._begun = 0
        self._most = side_by_side
        self._shown: tuple[int, Callable[[float], None]] = (0, _ignore)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._pool is None:
            return
        if kind is not None and issubclass(kind, Stopped):
            from haechi.core.media.sandbox import stop_jobs

            stop_jobs()  # marking a film takes minutes
        self._pool.shutdown(cancel_futures=True)
        self._products.restore_original_limits()

    def result(self, index: int, progress: Callable[[float], None]) -> Done:
        """What the work on the next entry gives or raises."""
        if self._pool is None:
            return _one(self._entries[index], self._work, progress)
        self._shown = index, progress
        while self._begun < len(self._entries) and len(self._ahead) < self._most:
            told = partial(self._tell, self._begun)
            self._ahead.append(self._pool.submit(_one, self._entries[self._begun], self._work, told))
            self._begun += 1
        return self._ahead.popleft().result()

    def _tell(self, index: int, fraction: float) -> None:
        shown, progress = self._shown
        if shown == index:
            progress(fraction)


def _ignore(_fraction: float) -> None:
    return


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
