"""What must outlast a power cut: a file's content, and the names in a folder, are only safe once they are synced."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from pathlib import Path

from haechi.core.errors import InputError


def write_whole(path: Path, data: bytes, *, mode: int = 0o600, over: bool = False) -> bool:
    """Write a file that appears whole or not at all, and is on the disk when this returns.

    It is written beside its place, synced, and then given its name: a kill or a full disk leaves at most a file whose
    name starts with a dot. Keys, shares and certificates are all written by this.

    Args:
        path: where; its folder is there.
        data: all of it.
        mode: permissions from the moment it exists.
        over: take the place of what stands there; else of two that write at once the first one's stands.

    Returns:
        False when another file stood there already and `over` is not set; nothing was written then.

    Raises:
        OSError: it cannot be written.
    """
    staged = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if over:
            staged.replace(path)
        else:
            os.link(staged, path)
    except FileExistsError:
        return False
    finally:
        with contextlib.suppress(FileNotFoundError):
            staged.unlink()
    sync(path.parent)
    return True


def write_out(path: Path, data: bytes, *, over: bool = False) -> None:
    """Write whole what a user asked for, at a place that the user named, readable as the umask lets it be.

    Args:
        path: where.
        data: all of it.
        over: take the place of what stands there.

    Raises:
        InputError: it cannot be written, or something stands there and `over` is not set.
    """
    try:
        if not write_whole(path, data, mode=0o644, over=over):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error


def sync(path: Path) -> None:
    """Write a file, or the names in a folder, through to the disk.

    Raises:
        OSError: it cannot be opened or written.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
