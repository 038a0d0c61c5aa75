"""Clear copies that leave the vault: new files for their owner alone, there whole or not at all.

Method: the bytes go into a file without a name (O_TMPFILE), which gets its name when all of them are on the disk: a
kill, or a part that turns out to be damaged, leaves nothing. Where the file system knows no such files, a hidden one
beside the target takes their place; a kill leaves that one.
Invariant: nothing that exists is ever written over.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from haechi.core.errors import InputError


@contextmanager
def clear_copy(path: Path) -> Iterator[BinaryIO]:
    """What is written to this becomes the file `path`.

    Raises:
        InputError: it exists, or cannot be written.
    """
    need_new(path)
    with _described(path):
        descriptor, staged = _unnamed(path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            with _described(path):
                file.flush()
                os.fsync(file.fileno())
                _name(file.fileno(), staged, path)
    finally:
        if staged is not None:
            Path(staged).unlink(missing_ok=True)


def need_new(path: Path) -> None:
    """See that nothing is there yet.

    Raises:
        InputError: something is.
    """
    if os.path.lexists(path):
        raise InputError(f"{path} cannot be written: {os.strerror(17)}")


def _name(descriptor: int, staged: str | None, path: Path) -> None:
    if staged is not None:
        os.link(staged, path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # A folder is named so that Python takes linkat(2): link(2) would not follow the descriptor's link.
        os.link(f"/proc/self/fd/{descriptor}", path.name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


def _unnamed(folder: Path) -> tuple[int, str | None]:
    unnamed = getattr(os, "O_TMPFILE", None)
    if unnamed is not None and Path("/proc/self/fd").is_dir():
        try:
            return os.open(folder, os.O_WRONLY | unnamed | os.O_CLOEXEC, 0o600), None
        except OSError:
            pass  # this file system knows none
    return tempfile.mkstemp(dir=folder, prefix=".haechi-")


@contextmanager
def _described(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{path} cannot be written: {os.strerror(error.errno or 0)}") from error
