"""Films that can be hashed in pieces so that every reader finds them intact.

A piece's hash covers part of the payload of an `mdat` box, and the pieces cover all of it [1, A.5.4.1.1]. The first 16
bytes of the box stay in the hash of the rest of the file [1, A.5.6]. c2pa-python 0.38.1 begins the first piece behind
those 16 bytes. That is where the payload begins if the box tells its size in 64 bits (a header of 16 bytes). A header
of 8 bytes leaves the payload's first 8 bytes in no piece: nothing is unprotected, but a reader that follows the text
(encypher-c2pa 1.7.1) calls such a film changed, and it is right.
Method: writers leave an empty box of 8 bytes in front of `mdat` for this very purpose: `wide` [2] or `free` (FFmpeg).
The two headers become one of 16 bytes when the film is read for signing; no other byte moves or changes.
Limits: where there is no such room, and in fragments (which the library refuses), the film must be hashed whole.
[1] C2PA Technical Specification 2.2.   [2] QuickTime File Format, Wide Atoms.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import BinaryIO, Final

from haechi.core.media.boxes import SHORT, Box, outermost

_ROOM: Final = frozenset({b"free", b"skip", b"wide"})


def heads_for_pieces(file: BinaryIO) -> Mapping[int, bytes] | None:
    """What to read a film with so that its pieces cover the payload.

    Args:
        file: of the ISO family (MP4, MOV, M4A); it is only read.

    Returns:
        Offsets in bytes, and the 16 bytes to read there instead; empty where all is well as it is. None when the film
        must be hashed whole.
    """
    heads: dict[int, bytes] = {}
    before: Box | None = None
    known = False
    for box in outermost(file):
        if box.kind == b"moof":
            return None
        if box.kind == b"mdat":
            known = True
            if box.header == SHORT:
                if before is None or before.kind not in _ROOM or before.size != SHORT:
                    return None
                heads[before.start] = b"\0\0\0\1mdat" + (box.size + SHORT).to_bytes(8, "big")
        before = box
    whole = before is not None and before.start + before.size == file.seek(0, io.SEEK_END)
    return heads if known and whole else None


class WithHeads(io.BufferedIOBase):
    """A file, read as if other bytes stood at some places."""

    def __init__(self, file: BinaryIO, heads: Mapping[int, bytes]) -> None:
        """Over `file`, which stays the caller's to close; `heads` as from `heads_for_pieces`."""
        self._file, self._heads = file, heads

    def read(self, size: int | None = -1, /) -> bytes:
        """As of any file."""
        start = self._file.tell()
        data = self._file.read(-1 if size is None else size)
        for at, head in self._heads.items():
            low, high = max(at, start), min(at + len(head), start + len(data))
            if low < high:
                data = data[: low - start] + head[low - at : high - at] + data[high - start :]
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """As of any file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As of any file."""
        return self._file.tell()
