"""The outermost boxes of files of the ISO family: MP4, MOV, M4A (ISO/IEC 14496-12, 4.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

SHORT, LONG = 8, 16
"""Bytes of a header with a size of 32 bits, and of 64."""
# A film that was signed in pieces before holds a box for each; one that claims more than this is hostile.
_MOST_BOXES: Final = 1 << 16
_IMPOSSIBLE_BYTES: Final = 1 << 56


@dataclass(frozen=True, slots=True)
class Box:
    """A box.

    Attributes:
        kind: four letters.
        start: where its header begins, bytes.
        header: `SHORT` or `LONG`.
        size: with its header, bytes.
    """

    kind: bytes
    start: int
    header: int
    size: int


def outermost(file: BinaryIO) -> Iterator[Box]:
    """The outermost boxes; it ends at the first that is none, and at one that has no end of its own."""
    place = 0
    for _ in range(_MOST_BOXES):
        file.seek(place)
        head = file.read(LONG)
        size, header = int.from_bytes(head[:4], "big"), SHORT
        if size == 1:
            size, header = int.from_bytes(head[8:], "big"), LONG
        if len(head) < SHORT or not header <= size < _IMPOSSIBLE_BYTES:
            return
        yield Box(head[4:8], place, header, size)
        place += size


def is_fragmented(file: BinaryIO) -> bool:
    """Whether a film comes in fragments, as streams are delivered."""
    return any(box.kind == b"moof" for box in outermost(file))
