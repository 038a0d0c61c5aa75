"""A file must stay the same while it is read: what is said of it must hold for the bytes that were hashed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from haechi.core.errors import UnreadableMediaError
from haechi.core.media.probe import hash_file


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a file was when reading began.

    Attributes:
        path: the file.
        sha256: its digest.
        identity: device, inode, size and time of change (nanoseconds), taken before it was hashed.
    """

    path: Path
    sha256: str
    identity: tuple[int, ...]

    def confirm(self) -> None:
        """See that the file is still the one that was hashed.

        It is hashed again only when its identity differs, so that a touch does no harm and a master of many
        gigabytes is read once.

        Raises:
            UnreadableMediaError: it has other bytes by now, or is gone; whatever was concluded from it is
            void.
        """
        if _identity(self.path) != self.identity and hash_file(self.path) != self.sha256:
            raise UnreadableMediaError(f"{self.path} changed while it was being read; try again when it is complete")


def take_snapshot(path: Path) -> Snapshot:
    """Hash a file and note what it is.

    Raises:
        InputError: it is not a regular file or cannot be read.
    """
    identity = _identity(path)
    return Snapshot(path, hash_file(path), identity)


def _identity(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "impossible name"
        raise UnreadableMediaError(f"{path}: cannot be read: {reason}; check the path and its permissions") from error
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
