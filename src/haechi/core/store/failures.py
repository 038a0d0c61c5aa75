"""What can go wrong with the database, in words that say what to do."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from haechi.core.errors import StoreError

_FULL = "the disk that holds {home} is full; free some space and run the command again"
_BUSY = "another program keeps {home} busy; wait until it ends and run the command again"
_READ_ONLY = "{home} is read-only; make it writable or choose another folder with --home"
_CLOSED = "the database in {home} cannot be opened; check its owner and permissions"
_DAMAGED = "the database in {home} is damaged; restore a backup or choose another folder with --home"
_DISK = "the disk that holds {home} failed while reading or writing; check its space and health"
_NO_FOLDER = "{home} is not a folder; choose another with --home"

_SQLITE_WORDS = {
    "SQLITE_FULL": _FULL,
    "SQLITE_BUSY": _BUSY,
    "SQLITE_LOCKED": _BUSY,
    "SQLITE_READONLY": _READ_ONLY,
    "SQLITE_PERM": _CLOSED,
    "SQLITE_AUTH": _CLOSED,
    "SQLITE_CANTOPEN": _CLOSED,
    "SQLITE_NOTADB": _DAMAGED,
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_IOERR": _DISK,
}
_OS_WORDS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _READ_ONLY,
    errno.EPERM: _READ_ONLY,
    errno.EIO: _DISK,
    errno.ENOTDIR: _NO_FOLDER,
    errno.EEXIST: _NO_FOLDER,
}


@contextmanager
def store_failures(home: Path) -> Iterator[None]:
    """Turn what the database and the file system raise into a `StoreError` that says what to do.

    Raises:
        StoreError: for any SQLAlchemy, sqlite3 or operating system error inside the block.
    """
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise StoreError(_words(error.orig, home)) from error
    except sa.exc.SQLAlchemyError as error:
        raise StoreError(f"the database in {home} cannot be used: {_first_line(error)}") from error
    except (sqlite3.Error, OSError) as error:
        raise StoreError(_words(error, home)) from error


def _words(error: BaseException | None, home: Path) -> str:
    if isinstance(error, OSError):
        words = _OS_WORDS.get(error.errno or 0)
        return words.format(home=home) if words else f"{home} cannot be used: {error.strerror or error}"
    name = getattr(error, "sqlite_errorname", "") or ""
    for code, words in _SQLITE_WORDS.items():
        if name.startswith(code):
            return words.format(home=home)
    return f"the database in {home} cannot be used: {_first_line(error)}"


def _first_line(error: BaseException | None) -> str:
    return str(error).splitlines()[0] if error and str(error) else type(error).__name__
