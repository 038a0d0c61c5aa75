"""HEIC still images: HEVC pictures, single or in a grid of tiles; runs only inside the decoding child.

Source: ISO/IEC 14496-12 (boxes pitm, iloc, iinf, iref, iprp) and ISO/IEC 23008-12 (grid, ispe, irot, imir,
hvcC). Each coded item is handed to FFmpeg's HEVC decoder with its hvcC; tiles are pasted row by row and cut
to the size that the grid states. `irot` and `imir` are applied in their order; EXIF orientation is then not
(23008-12, A.2.2).
Limits: overlay and derived images other than grids, alpha planes and image sequences are not read.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from haechi.core.errors import UnreadableMediaError, UnsupportedMediaError
from haechi.core.media.orientation import Orientation
from haechi.core.media.pixels import Geometry, PictureMaker, fit, refuse_too_many_pixels, shrink

_MAX_META_BYTES = 8 << 20
_MAX_ITEM_BYTES = 256 << 20
_MAX_TILES = 4096


@dataclass(frozen=True, slots=True)
class HeicInfo:
    """Size as displayed and facts of the first tile."""

    width: int
    height: int
    pixel_format: str
    bit_depth: int
    rotation_deg: int


@dataclass(slots=True)
class _Meta:
    """The item tables of the file."""

    primary: int = 0
    types: dict[int, bytes] = field(default_factory=dict)
    places: dict[int, tuple[int, list[tuple[int, int]]]] = field(default_factory=dict)
    parts: dict[int, list[int]] = field(default_factory=dict)
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


def read(descriptor: int, name: str, max_side: int | None, *, gray: bool, max_pixels: int) -> NDArray[np.uint8]:
    """Decode the primary picture to uint8 BGR (h, w, 3) or luma (h, w), as displayed."""
    image, _ = _decode(descriptor, name, max_pixels, gray)
    size = fit(image.shape[1], image.shape[0], max_side)
    if size != (image.shape[1], image.shape[0]):
        image = shrink(image, size)
    return image


def info(descriptor: int, name: str, max_pixels: int) -> HeicInfo:
    """Decode and describe the primary picture."""
    image, facts = _decode(descriptor, name, max_pixels, gray=True)
    return HeicInfo(image.shape[1], image.shape[0], facts[0], facts[1], facts[2])


def _decode(descriptor: int, name: str, max_pixels: int, gray: bool) -> tuple[NDArray[np.uint8], tuple[str, int, int]]:
    damaged = UnreadableMediaError(f"{name}: the HEIC picture is damaged; get the file again from its source")
    try:
        meta = _read_meta(descriptor)
        tiles, columns, width, height = _layout(descriptor, meta, name)
        refuse_too_many_pixels(width, height, max_pixels, name)
        decoder = _TileDecoder(descriptor, meta, gray)
        canvas = np.zeros((height, width) if gray else (height, width, 3), np.uint8)
        for index, item in enumerate(tiles):
            tile = decoder.picture(item)
            top, left = index // columns * tile.shape[0], index % columns * tile.shape[1]
            target = canvas[top : top + tile.shape[0], left : left + tile.shape[1]]
            target[...] = tile[: target.shape[0], : target.shape[1]]
    except (struct.error, IndexError, ValueError, av.FFmpegError, StopIteration) as error:
        raise damaged from error
    turned, rotation = _turn(canvas, meta)
    return turned, (decoder.pixel_format, decoder.bit_depth, rotation)


def _layout(descriptor: int, meta: _Meta, name: str) -> tuple[list[int], int, int, int]:
    """Tile items in reading order, tiles per row, width and height of the whole."""
    kind = meta.types.get(meta.primary)
    if kind == b"hvc1":
        width, height = struct.unpack(">4xII", (meta.property(meta.primary, b"ispe") or b"")[:12])
        return [meta.primary], 1, width, height
    if kind != b"grid":
        raise UnsupportedMediaError(f"{name}: this kind of HEIF picture is not read; convert it to JPEG")
    data = _item_bytes(descriptor, meta, meta.primary)
    rows, columns = data[2] + 1, data[3] + 1
    width, height = struct.unpack_from(">II" if data[1] & 1 else ">HH", data, 4)
    tiles = meta.parts.get(meta.primary, [])
    if len(tiles) != rows * columns or len(tiles) > _MAX_TILES:
        raise ValueError("grid and tiles disagree")
    return tiles, columns, width, height


class _TileDecoder:
    """Decodes coded items; keeps one decoder per configuration."""

    def __init__(self, descriptor: int, meta: _Meta, gray: bool) -> None:
        self._descriptor = descriptor
        self._meta = meta
        self._gray = gray
        self.pixel_format = ""
        self.bit_depth = 8

    def picture(self, item: int) -> NDArray[np.uint8]:
        """uint8 BGR or luma of one tile, as stored."""
        context: Any = av.CodecContext.create("hevc", "r")
        context.extradata = self._meta.property(item, b"hvcC")
        packet = av.Packet(_item_bytes(self._descriptor, self._meta, item))
        frames = [*context.decode(packet), *context.decode(None)]
        frame = next(iter(frames))
        self._apply_colour(item, frame)
        self.pixel_format, self.bit_depth = frame.format.name, frame.format.components[0].bits
        size = (frame.width, frame.height)
        return PictureMaker(Geometry(size, size, Orientation()), gray=self._gray)(frame)

    def _apply_colour(self, item: int, frame: Any) -> None:
        """The colr box of kind nclx wins over what the HEVC stream says."""
        for owner in (item, self._meta.primary):
            body = self._meta.property(owner, b"colr")
            if body is not None and body[:4] == b"nclx":
                _, transfer, matrix, full = struct.unpack_from(">HHHB", body, 4)
                frame.colorspace, frame.color_trc = matrix, transfer
                frame.color_range = 2 if full & 0x80 else 1
                return
        if frame.colorspace == 2:
            frame.colorspace = 6


def _turn(image: NDArray[np.uint8], meta: _Meta) -> tuple[NDArray[np.uint8], int]:
    rotation = 0
    for kind, body in meta.of(meta.primary):
        if kind == b"irot" and body:
            rotation = (rotation - 90 * (body[0] & 3)) % 360
            image = np.rot90(image, body[0] & 3)
        elif kind == b"imir" and body:
            image = image[:, ::-1] if body[0] & 1 else image[::-1]
    return np.ascontiguousarray(image), rotation


def _item_bytes(descriptor: int, meta: _Meta, item: int) -> bytes:
    method, extents = meta.places.get(item, (0, []))
    if sum(length for _, length in extents) > _MAX_ITEM_BYTES:
        raise ValueError("item too large")
    if method == 1:
        return b"".join(meta.idat[start : start + length] for start, length in extents)
    return b"".join(os.pread(descriptor, length, start) for start, length in extents)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(kind, content) of the boxes in `data`."""
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


def _read_meta(descriptor: int) -> _Meta:
    head = os.pread(descriptor, _MAX_META_BYTES, 0)
    body = next((content for kind, content in _boxes(head) if kind == b"meta"), None)
    if body is None:
        raise ValueError("no meta box")
    meta = _Meta()
    for kind, content in _boxes(body[4:]):
        if kind == b"pitm":
            meta.primary = struct.unpack_from(">H" if content[0] == 0 else ">I", content, 4)[0]
        elif kind == b"iinf":
            _read_types(content, meta)
        elif kind == b"iloc":
            _read_places(content, meta)
        elif kind == b"iref":
            _read_parts(content, meta)
        elif kind == b"iprp":
            _read_properties(content, meta)
        elif kind == b"idat":
            meta.idat = content
    return meta


def _read_types(content: bytes, meta: _Meta) -> None:
    for kind, entry in _boxes(content[6 if content[0] == 0 else 8 :]):
        if kind == b"infe" and entry[0] in (2, 3):
            wide = entry[0] == 3
            item = struct.unpack_from(">I" if wide else ">H", entry, 4)[0]
            start = 10 if wide else 8
            meta.types[item] = entry[start : start + 4]


def _read_places(content: bytes, meta: _Meta) -> None:
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


def _read_parts(content: bytes, meta: _Meta) -> None:
    wide = 4 if content[0] else 2
    for kind, entry in _boxes(content[4:]):
        if kind == b"dimg":
            cursor = _Cursor(entry, 0)
            owner = cursor.take(wide)
            meta.parts[owner] = [cursor.take(wide) for _ in range(cursor.take(2))]


def _read_properties(content: bytes, meta: _Meta) -> None:
    for kind, body in _boxes(content):
        if kind == b"ipco":
            meta.properties = list(_boxes(body))
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
