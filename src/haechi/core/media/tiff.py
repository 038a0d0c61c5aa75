"""TIFFs written again: what one must be like for that, and the writing.

Source: TIFF 6.0 (sections 2, 7, 13, 14, 18), EXIF 2.32 (4.6.3: the pointers to its directories). `describe` runs in the
decoding child. `write` puts new strips first and then the source's directory, with every value byte for byte in the
source's own byte order, and with its EXIF, GPS and interoperability directories. Pixels keep their depth, predictor and
compression; Pillow (libtiff) packs them: LZW and Deflate know only bytes, so it is given rows of bytes.
Limits: one page, chunky, 8 or 16 bits, grey or RGB, with or without straight alpha; none, LZW or Deflate. Tiles become
strips. Layers and pages of whatever kind are refused, not dropped. A maker note that points into the file by absolute
offsets no longer does, as after any editor.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SHORT, _LONG, _DIRECTORY = 3, 4, 13
_BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER, _STRIPS, _TURN = 258, 259, 262, 266, 273, 274
_CHANNELS, _ROWS_PER_STRIP, _STRIP_BYTES, _PLANAR, _PREDICTOR = 277, 278, 279, 284, 317
_EXTRA, _SAMPLE_FORMAT, _KIND_OF_PAGE = 338, 339, 254
_POINTERS: Final = {0: {34665, 34853}, 34665: {40965}}
"""Tags that point to a directory, by the tag of the directory that they stand in; 0 is the first one."""
_LAYERS: Final = {330, 400, 37724}  # SubIFDs, GlobalParametersIFD, Photoshop's ImageSourceData
_DNG_VERSION: Final = 50706
_OLD_LAYOUT: Final = {_STRIPS, _ROWS_PER_STRIP, _STRIP_BYTES, 288, 289, 322, 323, 324, 325}  # free bytes, tiles
_CREDENTIALS: Final = 0xCD41
_PACKING: Final = {1: "raw", 5: "tiff_lzw", 8: "tiff_adobe_deflate", 32946: "tiff_adobe_deflate"}
_GREY, _RGB, _STRAIGHT_ALPHA = 1, 2, 2
_HORIZONTAL: Final = 2
_MOST_ENTRIES: Final = 4096

Bytes = NDArray[np.uint8]
Samples = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Field:
    """A tag's value as it lies in the file: TIFF's number of its type, number of values, their bytes."""

    kind: int
    count: int
    data: bytes


Directory: TypeAlias = "dict[int, Field | Directory]"


def describe(data: bytes) -> dict[str, Any]:
    """What writing it again takes - "deep", "turn" (EXIF's value) - or the word that "refused" it."""
    try:
        order, at = _header(data)
        directory, following = _read(data, at, order, 0)
        page = _Page(directory, order)
        refused = "pages" if following or _LAYERS & set(directory) else page.refusal()
        return {"refused": refused} if refused else {"deep": page.bits == {16}, "turn": page.number(_TURN, 1)}
    except (struct.error, ValueError):
        return {"refused": "format"}


def write(samples: Samples, data: bytes) -> bytes:
    """The TIFF with other pixels.

    Args:
        samples: uint8 or uint16 (h, w, 1-4), as stored.
        data: the source, which `describe` did not refuse.
    """
    order, at = _header(data)
    directory, _ = _read(data, at, order, 0)
    page = _Page(directory, order)
    strips, rows_per_strip = _packed(_rows(samples, order, page.number(_PREDICTOR, 1)), page.number(_COMPRESSION, 1))
    kept: Directory = {tag: value for tag, value in directory.items() if tag not in _OLD_LAYOUT | {_CREDENTIALS}}
    out, places = bytearray(8), []
    for strip in strips:
        places.append(len(out))
        out += strip + bytes(len(strip) % 2)
    kept[_STRIPS] = _longs(order, places)
    kept[_STRIP_BYTES] = _longs(order, [len(strip) for strip in strips])
    kept[_ROWS_PER_STRIP] = _longs(order, [rows_per_strip])
    out[:8] = data[:4] + struct.pack(order + "I", len(out))
    return bytes(out) + _laid(kept, len(out), order)


class _Page:
    """The first directory's numbers."""

    def __init__(self, directory: Directory, order: str) -> None:
        self._directory = directory
        self._order = order

    @property
    def bits(self) -> set[int]:
        """Of each channel."""
        return set(self.numbers(_BITS) or [1])

    def numbers(self, tag: int) -> list[int]:
        """Values of a tag of whole numbers; none when it is missing."""
        field = self._directory.get(tag)
        letter = {1: "B", _SHORT: "H", _LONG: "I"}.get(field.kind) if isinstance(field, Field) else None
        if not isinstance(field, Field) or letter is None:
            return []
        return list(struct.unpack(f"{self._order}{field.count}{letter}", field.data))

    def number(self, tag: int, default: int) -> int:
        """The first value."""
        return next(iter(self.numbers(tag)), default)

    def refusal(self) -> str | None:
        """Why its pixels cannot be written again."""
        if self.bits not in ({8}, {16}) or set(self.numbers(_SAMPLE_FORMAT)) - {1}:
            return "depth"
        colours = {_GREY: 1, _RGB: 3}.get(self.number(_PHOTOMETRIC, -1))
        alpha = self.numbers(_EXTRA)
        if colours is None or alpha not in ([], [_STRAIGHT_ALPHA]) or self.number(_CHANNELS, 1) != colours + len(alpha):
            return "colours"
        usual = self.number(_PLANAR, 1) == self.number(_FILL_ORDER, 1) == 1 and self.number(_PREDICTOR, 1) in (1, 2)
        packing = self.number(_COMPRESSION, 1) in _PACKING
        plain = self.number(_KIND_OF_PAGE, 0) == 0 and _DNG_VERSION not in self._directory
        return None if usual and packing and plain else "format"


def _header(data: bytes) -> tuple[str, int]:
    """Byte order for `struct`, and where the first directory lies."""
    order = {b"II": "<", b"MM": ">"}[data[:2]]
    return order, int(struct.unpack_from(order + "I", data, 4)[0])


def _read(data: bytes, at: int, order: str, owner: int) -> tuple[Directory, int]:
    """A directory with those that it points to, and where the next one lies.

    Raises:
        ValueError, struct.error: something points out of the file, or a value is of an unknown type.
    """
    (count,) = struct.unpack_from(order + "H", data, at)
    if count > _MOST_ENTRIES:
        raise ValueError("too many tags")
    found: Directory = {}
    for place in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, number = struct.unpack_from(order + "HHI", data, place)
        size = _SIZES.get(kind, 0) * number
        (start,) = (place + 8,) if size <= 4 else struct.unpack_from(order + "I", data, place + 8)
        if kind not in _SIZES or start + size > len(data):
            raise ValueError("a tag without a value")
        if tag in _POINTERS.get(owner, ()):
            (inner,) = struct.unpack_from(order + "I", data, place + 8)
            found[tag], _ = _read(data, inner, order, tag)
        elif kind == _DIRECTORY and tag not in _LAYERS:
            raise ValueError("a directory that is not known")
        else:
            found[tag] = Field(kind, number, data[start : start + size])
    return found, int(struct.unpack_from(order + "I", data, at + 2 + 12 * count)[0])


def _laid(directory: Mapping[int, Field | Directory], at: int, order: str) -> bytes:
    """A directory that is to lie at `at`, and behind it all that it points to."""
    entries, behind = bytearray(), bytearray()
    first = at + 2 + 12 * len(directory) + 4
    for tag, value in sorted(directory.items()):
        place = struct.pack(order + "I", first + len(behind))
        if isinstance(value, Field):
            entries += struct.pack(order + "HHI", tag, value.kind, value.count)
            entries += value.data.ljust(4, b"\0") if len(value.data) <= 4 else place
            content = value.data if len(value.data) > 4 else b""
        else:
            entries += struct.pack(order + "HHI", tag, _LONG, 1) + place
            content = _laid(value, first + len(behind), order)
        behind += content + bytes(len(content) % 2)
    return struct.pack(order + "H", len(directory)) + bytes(entries) + bytes(4) + bytes(behind)


def _longs(order: str, numbers: Iterable[int]) -> Field:
    values = list(numbers)
    return Field(_LONG, len(values), struct.pack(f"{order}{len(values)}I", *values))


def _rows(samples: Samples, order: str, predictor: int) -> Bytes:
    """Bytes of each row as they are packed: uint8 (h, bytes of a row)."""
    values = samples.copy()
    if predictor == _HORIZONTAL:
        values[:, 1:] -= samples[:, :-1]  # modulo 2**8 or 2**16 (TIFF 6.0, section 14)
    ordered = np.ascontiguousarray(values, values.dtype.newbyteorder(order))  # type: ignore[arg-type]
    return ordered.reshape(len(samples), -1).view(np.uint8)


def _packed(rows: Bytes, compression: int) -> tuple[list[bytes], int]:
    """Strips, and the rows in each."""
    target = io.BytesIO()
    Image.fromarray(rows).save(target, format="TIFF", compression=_PACKING[compression])
    coded = target.getvalue()
    order, at = _header(coded)
    page = _Page(_read(coded, at, order, 0)[0], order)
    places = zip(page.numbers(_STRIPS), page.numbers(_STRIP_BYTES), strict=True)
    return [coded[start : start + size] for start, size in places], page.number(_ROWS_PER_STRIP, len(rows))
