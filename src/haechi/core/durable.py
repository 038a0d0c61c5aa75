"""What must outlast a power cut: a file's content, and the names in a folder, are only safe once they are synced."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


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
