"""HEIC still images: HEVC pictures, single or in a grid of tiles; runs only inside the decoding child.

Source: ISO/IEC 23008-12 (grid, ispe, irot, imir, hvcC); the item tables are read by `heif_items`. Each coded item is
handed to FFmpeg's HEVC decoder with its hvcC; tiles are pasted row by row and cut to the size that the grid states.
`irot` and `imir` are applied in their order; EXIF orientation is then not (23008-12, A.2.2).
Limits: overlay and derived images other than grids, alpha planes and image sequences are not read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from haechi.core.errors import UnreadableMediaError, UnsupportedMediaError
from haechi.core.media.heif_items import ItemTable, item_bytes, read_items
from haechi.core.media.orientation import Orientation
from haechi.core.media.pixels import Geometry, PictureMaker, fit, refuse_too_many_pixels, shrink

_MAX_TILES = 4096


@dataclass(frozen=True, slots=True)
class HeicInfo:
    """Size as displayed and facts of the first tile."""

    width: int
    height: int
    pixel_format: str
    bit_depth: int
    rotation_deg: int


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
        meta = read_items(descriptor)
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


def _layout(descriptor: int, meta: ItemTable, name: str) -> tuple[list[int], int, int, int]:
    """Tile items in reading order, tiles per row, width and height of the whole."""
    kind = meta.types.get(meta.primary)
    if kind == b"hvc1":
        width, height = struct.unpack(">4xII", (meta.property(meta.primary, b"ispe") or b"")[:12])
        return [meta.primary], 1, width, height
    if kind != b"grid":
        raise UnsupportedMediaError(f"{name}: this kind of HEIF picture is not read; convert it to JPEG")
    data = item_bytes(descriptor, meta, meta.primary)
    rows, columns = data[2] + 1, data[3] + 1
    width, height = struct.unpack_from(">II" if data[1] & 1 else ">HH", data, 4)
    tiles = meta.referred(b"dimg", meta.primary)
    if len(tiles) != rows * columns or len(tiles) > _MAX_TILES:
        raise ValueError("grid and tiles disagree")
    return tiles, columns, width, height


class _TileDecoder:
    """Decodes coded items; keeps one decoder per configuration."""

    def __init__(self, descriptor: int, meta: ItemTable, gray: bool) -> None:
        self._descriptor = descriptor
        self._meta = meta
        self._gray = gray
        self.pixel_format = ""
        self.bit_depth = 8

    def picture(self, item: int) -> NDArray[np.uint8]:
        """uint8 BGR or luma of one tile, as stored."""
        context: Any = av.CodecContext.create("hevc", "r")
        context.extradata = self._meta.property(item, b"hvcC")
        packet = av.Packet(item_bytes(self._descriptor, self._meta, item))
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


def _turn(image: NDArray[np.uint8], meta: ItemTable) -> tuple[NDArray[np.uint8], int]:
    rotation = 0
    for kind, body in meta.of(meta.primary):
        if kind == b"irot" and body:
            rotation = (rotation - 90 * (body[0] & 3)) % 360
            image = np.rot90(image, body[0] & 3)
        elif kind == b"imir" and body:
            image = image[:, ::-1] if body[0] & 1 else image[::-1]
    return np.ascontiguousarray(image), rotation
