"""Which files a user means who names files and folders.

A named file is taken whatever it is: if it cannot be checked, its own error line says why. In a folder, at
any depth, a file is taken when its first bytes look like media, or its name does: a damaged video must not be
passed over in silence. Hidden files and folders are left out, as are files that neither way look like media;
they are counted. Links to folders are not followed, since they may lead in a circle: that is said too.
"""

from __future__ import annotations

import mimetypes
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_HEAD_BYTES = 512
_TRANSPORT_PACKET_BYTES = 188

_AT_START = (
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG",
    b"GIF8",
    b"BM",
    b"II*\x00",  # TIFF, little endian
    b"MM\x00*",  # TIFF, big endian
    b"\x00\x00\x00\x0cjP  ",  # JPEG 2000
    b"\x1aE\xdf\xa3",  # Matroska, WebM
    b"OggS",
    b"fLaC",
    b"ID3",
    b"FORM",  # AIFF
    b"FLV\x01",
    b"0&\xb2u\x8ef\xcf\x11",  # ASF: WMV, WMA
    b"\x00\x00\x01\xba",  # MPEG program stream
    b"\x00\x00\x01\xb3",  # MPEG video
    b"\x06\x0e+4",  # MXF
    b"#!AMR",
)


@dataclass(frozen=True, slots=True)
class Failed:
    """A file that was not checked, and why: one line that says what to do."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What the given paths hold.

    Attributes:
        entries: the files to check in their order, and what stands in the way of others.
        passed_over: number of files in folders that are hidden or not media.
    """

    entries: tuple[Path | Failed, ...]
    passed_over: int


def list_files(paths: Iterable[Path]) -> Listing:
    """Resolve files and folders to the files meant; see the module for the rules. No path comes twice."""
    entries: dict[Path, Path | Failed] = {}
    passed_over = 0
    for path in paths:
        found = _walk(path) if _is_folder(path) else iter([path])
        for entry in found:
            if entry is None:
                passed_over += 1
            else:
                entries.setdefault(entry.path if isinstance(entry, Failed) else entry, entry)
    return Listing(tuple(entries.values()), passed_over)


def _walk(folder: Path) -> Iterator[Path | Failed | None]:
    """Every entry below `folder`, sorted: a file to check, a failure, or None for one that is passed over."""
    try:
        children = sorted(folder.iterdir())
    except OSError as error:
        yield Failed(folder, f"the folder cannot be read: {error.strerror}")
        return
    for child in children:
        if child.name.startswith("."):
            yield None
        elif child.is_symlink() and _is_folder(child):
            yield Failed(child, "a link to a folder is not followed; name the folder itself")
        elif _is_folder(child):
            yield from _walk(child)
        else:
            yield _sort_out(child)


def _is_folder(path: Path) -> bool:
    """Whether it is a folder; what cannot even be looked at fails when it is opened, with its own line."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _sort_out(path: Path) -> Path | Failed | None:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return Failed(path, "not a file that can be checked (a device, pipe or socket)")
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        return Failed(path, f"cannot be read: {os.strerror(error.errno or 0)}")
    return path if looks_like_media(head) or _named_like_media(path) else None


def looks_like_media(head: bytes) -> bool:
    """Whether the first bytes of a file are those of an image, video or sound format."""
    if head.startswith(_AT_START) or head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"):
        return True
    if head[:4] in (b"RIFF", b"RF64"):
        return head[8:12] in (b"WEBP", b"AVI ", b"WAVE")
    if head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xE0 == 0xE0 and head[1] & 0x18 != 0x08:
        return True  # MPEG audio or ADTS frame
    return head[:1] == b"G" and head[_TRANSPORT_PACKET_BYTES : _TRANSPORT_PACKET_BYTES + 1] == b"G"


def _named_like_media(path: Path) -> bool:
    kind = mimetypes.guess_type(path.name)[0] or ""
    return kind.startswith(("image/", "video/", "audio/")) and not kind.endswith("+xml")
