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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

_SHORT, _LONG = 8, 16
_ROOM: Final = frozenset({b"free", b"skip", b"wide"})
# A film that was signed in pieces before holds a box for each; one that claims more than this is hostile.
_MOST_BOXES: Final = 1 << 16
_IMPOSSIBLE_BYTES: Final = 1 << 56


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int
    header: int
    size: int


def heads_for_pieces(file: BinaryIO) -> Mapping[int, bytes] | None:
    """What to read a film with so that its pieces cover the payload.

    Args:
        file: of the ISO family (MP4, MOV, M4A); it is only read.

    Returns:
        Offsets in bytes, and the 16 bytes to read there instead; empty where all is well as it is. None when the film
        must be hashed whole.
    """
    heads: dict[int, bytes] = {}
    before: _Box | None = None
    known = False
    for box in _outermost(file):
        if box.kind == b"moof":
            return None
        if box.kind == b"mdat":
            known = True
            if box.header == _SHORT:
                if before is None or before.kind not in _ROOM or before.size != _SHORT:
                    return None
                heads[before.start] = b"\0\0\0\1mdat" + (box.size + _SHORT).to_bytes(8, "big")
        before = box
    whole = before is not None and before.start + before.size == file.seek(0, io.SEEK_END)
    return heads if known and whole else None


def _outermost(file: BinaryIO) -> Iterator[_Box]:
    """The outermost boxes; it ends at the first that is none, and at one that has no end of its own."""
    place = 0
    for _ in range(_MOST_BOXES):
        file.seek(place)
        head = file.read(_LONG)
        size, header = int.from_bytes(head[:4], "big"), _SHORT
        if size == 1:
            size, header = int.from_bytes(head[8:], "big"), _LONG
        if len(head) < _SHORT or not header <= size < _IMPOSSIBLE_BYTES:
            return
        yield _Box(head[4:8], place, header, size)
        place += size


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
