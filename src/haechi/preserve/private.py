"""Private folders: what a capture holds in the clear, in memory where the machine has such a place, and only meanwhile.

Method: a folder for its owner alone, locked (flock) as long as its process lives. The system frees the lock when the
process dies, whatever killed it; `remove_left` takes away every folder that nobody holds, and ends a browser that still
writes into it. It runs before each capture and whenever evidence is opened on the command line.
Invariant: a folder is never taken from a living process: who gets the lock of a folder that is gone makes another.
Limits: after a kill the clear bytes stay, in memory, until the next run of the same account, or until the machine ends.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - folders in it are made anew for their owner alone
_PREFIX: Final = "haechi-clear-"


@contextmanager
def private_folder(where: Path | None = None) -> Iterator[Path]:
    """A new folder for its owner alone; it goes with whoever holds it.

    Args:
        where: for tests; memory where there is some, else the folder for temporary files.
    """
    remove_left(where)
    folder, lock = _made(where or _place())
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def remove_left(where: Path | None = None) -> int:
    """Remove what killed captures of this account left; gives how many folders."""
    removed = 0
    for folder in (where or _place()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another's, or gone meanwhile
            lock = _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                _end_browser(folder)
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
            finally:
                os.close(lock)
    return removed


def _end_browser(folder: Path) -> None:
    from haechi.preserve.browser.watch import end, processes

    end(processes(folder))


def _made(where: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(dir=where, prefix=_PREFIX))
        with suppress(OSError):  # swept away before it was locked
            lock = _locked(folder, fcntl.LOCK_EX)
            if folder.is_dir():
                return folder, lock
            os.close(lock)


def _locked(folder: Path, how: int) -> int:
    """A descriptor of a folder that is ours, locked.

    Raises:
        OSError: it is another's, a link, gone, or held.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.fstat(descriptor).st_uid != os.geteuid():
            raise PermissionError(f"{folder} is another's")
        fcntl.flock(descriptor, how)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _place() -> Path:
    return MEMORY if MEMORY.is_dir() else Path(tempfile.gettempdir())
