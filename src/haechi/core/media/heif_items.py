"""The item tables of HEIF files, HEIC and AVIF: which items there are, where they lie and what is said about them.

Source: ISO/IEC 14496-12 (boxes pitm, iloc, iinf, iref, iprp, idat). What the tables say is only checked as far as
reading them takes: that an offset lies in the file, a reference leads to an item, is seen by whoever follows it.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

_MAX_META_BYTES = 8 << 20
_MAX_ITEM_BYTES = 256 << 20


@dataclass(slots=True)
class ItemTable:
    """The item tables of the file.

    Attributes:
        primary: number of the item that is displayed.
        types: four letters of each item.
        places: construction method and (offset, length) of the extents of each item.
        references: (kind, from which item, to which items).
        properties: (kind, content), all.
        owned: of each item, numbers of its properties, from 1.
        idat: what items of method 1 lie in.
    """

    primary: int = 0
    types: dict[int, bytes] = field(default_factory=dict)
    places: dict[int, tuple[int, list[tuple[int, int]]]] = field(default_factory=dict)
    references: list[tuple[bytes, int, list[int]]] = field(default_factory=list)
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)
    owned: dict[int, list[int]] = field(default_factory=dict)
    idat: bytes = b""

    def property(self, item: int, kind: bytes) -> bytes | None:
        """Content of the item's first property of this kind."""
        return next((body for name, body in self.of(item) if name == kind), None)

    def of(self, item: int) -> Iterator[tuple[bytes, bytes]]:
        """(kind, content) of every property of the item, in order."""
        for index in self.owned.get(item, []):
            if 0 < index <= len(self.properties):
                yield self.properties[index - 1]

    def referred(self, kind: bytes, item: int) -> list[int]:
        """Items that references of this kind lead to from the item."""
        return [to for name, owner, all_to in self.references if (name, owner) == (kind, item) for to in all_to]


def item_bytes(descriptor: int, meta: ItemTable, item: int) -> bytes:
    """Content of an item, its extents joined; empty when it has no place.

    Raises:
        ValueError: larger than any picture.
    """
    method, extents = meta.places.get(item, (0, []))
    if sum(length for _, length in extents) > _MAX_ITEM_BYTES:
        raise ValueError("item too large")
    if method == 1:
        return b"".join(meta.idat[start : start + length] for start, length in extents)
    return b"".join(os.pread(descriptor, length, start) for start, length in extents)


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(kind, content) of the boxes in `data`.

    Raises:
        ValueError, struct.error: a box that cannot be.
    """
    position = 0
    while position + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        header = 8
        if size == 1:
            size, header = struct.unpack_from(">Q", data, position + 8)[0], 16
        size = len(data) - position if size == 0 else size
        if size < header:
            raise ValueError("box too small")
        yield kind, data[position + header : position + size]
        position += size


def read_items(descriptor: int) -> ItemTable:
    """The tables of a file.

    Raises:
        ValueError, struct.error, IndexError: there are none, or they cannot be.
    """
    return items_of(os.pread(descriptor, _MAX_META_BYTES, 0))


def items_of(head: bytes) -> ItemTable:
    """As `read_items`, of the bytes that a file begins with."""
    body = next((content for kind, content in boxes(head) if kind == b"meta"), None)
    if body is None:
        raise ValueError("no meta box")
    meta = ItemTable()
    for kind, content in boxes(body[4:]):
        if kind == b"pitm":
            meta.primary = struct.unpack_from(">H" if content[0] == 0 else ">I", content, 4)[0]
        elif kind == b"iinf":
            _read_types(content, meta)
        elif kind == b"iloc":
            _read_places(content, meta)
        elif kind == b"iref":
            _read_references(content, meta)
        elif kind == b"iprp":
            _read_properties(content, meta)
        elif kind == b"idat":
            meta.idat = content
    return meta


def _read_types(content: bytes, meta: ItemTable) -> None:
    for kind, entry in boxes(content[6 if content[0] == 0 else 8 :]):
        if kind == b"infe" and entry[0] in (2, 3):
            wide = entry[0] == 3
            item = struct.unpack_from(">I" if wide else ">H", entry, 4)[0]
            start = 10 if wide else 8
            meta.types[item] = entry[start : start + 4]


def _read_places(content: bytes, meta: ItemTable) -> None:
    version = content[0]
    offset_size, length_size = content[4] >> 4, content[4] & 15
    base_size, index_size = content[5] >> 4, (content[5] & 15) if version else 0
    cursor = _Cursor(content, 6)
    wide = 4 if version == 2 else 2
    for _ in range(cursor.take(wide)):
        item = cursor.take(wide)
        method = cursor.take(2) & 15 if version else 0
        cursor.take(2)
        base = cursor.take(base_size)
        extents = []
        for _ in range(cursor.take(2)):
            cursor.take(index_size)
            start = base + cursor.take(offset_size)
            extents.append((start, cursor.take(length_size)))
        meta.places[item] = (method, extents)


def _read_references(content: bytes, meta: ItemTable) -> None:
    wide = 4 if content[0] else 2
    for kind, entry in boxes(content[4:]):
        cursor = _Cursor(entry, 0)
        owner = cursor.take(wide)
        meta.references.append((kind, owner, [cursor.take(wide) for _ in range(cursor.take(2))]))


def _read_properties(content: bytes, meta: ItemTable) -> None:
    for kind, body in boxes(content):
        if kind == b"ipco":
            meta.properties = list(boxes(body))
        elif kind == b"ipma":
            cursor = _Cursor(body, 4)
            long_index = body[3] & 1
            for _ in range(cursor.take(4)):
                item = cursor.take(2 if body[0] == 0 else 4)
                count = cursor.take(1)
                mask = 0x7FFF if long_index else 0x7F
                meta.owned[item] = [cursor.take(2 if long_index else 1) & mask for _ in range(count)]


class _Cursor:
    """Reads big-endian unsigned integers one after the other."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._position = position

    def take(self, size: int) -> int:
        """Next integer of `size` bytes; 0 bytes give 0."""
        end = self._position + size
        if end > len(self._data):
            raise ValueError("table ends early")
        value = int.from_bytes(self._data[self._position : end], "big")
        self._position = end
        return value
