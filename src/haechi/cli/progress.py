"""A progress bar for people: on standard error, and only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

_LONGEST_LABEL = 40


class Bar:
    """One line that shows what is being worked on and how much is done; silent without a terminal."""

    def __init__(self) -> None:
        self._progress: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._progress = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f} %"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._task = self._progress.add_task("", total=1.0, visible=False)
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def begin(self, words: str, index: int = 0, count: int = 1) -> Callable[[float], None]:
        """Show `words`; the function that is returned takes the fraction done of item `index` of `count`."""
        if self._progress is None:
            return _ignore
        from haechi.check.report_page.text import visible

        shown = visible(words, longest=_LONGEST_LABEL)
        label = f"{shown} ({index + 1}/{count})" if count > 1 else shown
        self._progress.update(self._task, description=label, completed=index / count, visible=True)
        return lambda fraction: self._progress.update(self._task, completed=(index + fraction) / count)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Take the bar away while lines are written, so that the two do not mix on one terminal."""
        if self._progress is None:
            yield
            return
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()


def _ignore(_fraction: float) -> None:
    return
