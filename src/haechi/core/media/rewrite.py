"""The same picture file with other pixels: format, size and everything that is not pixels stay as they are.

Method: the picture is decoded as stored (limited child process); the new pixels are coded by Pillow as the source was
(JPEG with its quantisation tables and subsampling; OpenCV writes 16 bits), and the source's own segments, chunks or
tags - EXIF, colour profile, XMP, text, gamma, density - are put around them, byte for byte. Credentials (C2PA) of the
source are left out: they speak of other pixels.
Formats: JPEG, PNG, WebP, AVIF (see `avif`) and TIFF (see `tiff`), one picture, 8 bits (PNG and TIFF also 16), grey or
RGB, with or without alpha.
Others are refused with a word: "format", "pages" (animations, files that hold a second picture), "depth" (another
number of bits), "hdr" or "colours" (palettes, CMYK). What is displayed has 8 bits; samples of 16 take its difference
times 257, so that all that lies below 8 bits stays.
Limits: a JPEG, AVIF or lossy WebP is coded a second time; of the latter two the first quality is not known, and where
even high quality loses too much colour a WebP becomes a lossless one, several times as large.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from haechi.core.errors import UnreadableMediaError
from haechi.core.media import avif, sandbox, tiff
from haechi.core.media.orientation import Orientation
from haechi.core.media.pixels import over_mid_grey
from haechi.core.settings import Limits

FAITHFUL_QUALITY: Final = 95
_PNG_MAGIC: Final = b"\x89PNG\r\n\x1a\n"
_PIXEL_CHUNKS: Final = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"caBX"})
_JUMBF, _ADOBE = 0xEB, 0xEE
_WEBP_QUALITY, _WEBP_FAITHFUL = 90, 98
_DEEP_STEP: Final = 257  # one of 255 steps, of 65,535
_BGR_OF_RGB: Final = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}
_PNG_EFFORT: Final = (cv2.IMWRITE_PNG_COMPRESSION, 6, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_ALL_FILTERS)

SRGB: Final = (1, 13)  # ITU-T H.273: BT.709 primaries, IEC 61966-2-1

Bytes = NDArray[np.uint8]
Samples = NDArray[np.uint8] | NDArray[np.uint16]
Coding = Mapping[str, Any]
"""What Pillow is told when it codes a picture."""


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A picture as its file stores it.

    Attributes:
        pixels: uint8 or uint16 (h, w, 1-4): grey, grey and alpha, RGB, or RGB and alpha; not turned.
        format: "JPEG", "PNG", "WEBP", "AVIF" or "TIFF".
        orientation: how it is turned for display.
        coding: of the source, as Pillow is told it.
        cicp: primaries and curve that an AVIF states (ITU-T H.273).
    """

    pixels: Samples
    format: str
    orientation: Orientation
    coding: Coding = field(default_factory=dict)
    cicp: tuple[int, int] = SRGB

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel is alpha."""
        return self.pixels.shape[2] in (2, 4)

    def shown(self) -> Bytes:
        """As displayed: uint8 (h, w, 3), BGR, alpha over mid grey."""
        colour = self._colour()
        if self.has_alpha:
            colour = over_mid_grey(colour, _upper(self.pixels[:, :, -1]))
        return self.orientation.apply(np.ascontiguousarray(colour[:, :, ::-1]))

    def showing(self, image_bgr: Bytes) -> Samples:
        """Pixels to store for what is to be displayed; transparent ones take the same difference, alpha stays.

        Args:
            image_bgr: uint8 (h, w, 3), of the size of `shown()`.
        """
        wanted = self.orientation.undo(image_bgr)[:, :, ::-1]
        seen = self.orientation.undo(self.shown())[:, :, ::-1]
        colours = 1 if self.pixels.shape[2] <= 2 else 3
        difference = wanted[:, :, :colours].astype(np.int32) - seen[:, :, :colours]
        deep = self.pixels.dtype == np.uint16
        colour = self.pixels[:, :, :colours] + difference * (_DEEP_STEP if deep else 1)
        stored = np.clip(colour, 0, np.iinfo(self.pixels.dtype).max).astype(self.pixels.dtype)
        parts = [stored, *([self.pixels[:, :, -1:]] if self.has_alpha else [])]
        return np.ascontiguousarray(np.concatenate(parts, axis=2))

    def codings(self) -> tuple[Coding, ...]:
        """From the one most like the source to the most faithful one."""
        if self.format == "JPEG":
            return self.coding, {"quality": FAITHFUL_QUALITY, "subsampling": 0}
        if self.format == "WEBP" and not self.coding["lossless"]:
            return {"quality": _WEBP_QUALITY}, {"quality": _WEBP_FAITHFUL}, {"lossless": True, "exact": True}
        if self.format == "AVIF":
            full = avif.GREY if self.coding["subsampling"] == avif.GREY else "4:4:4"
            better = {"quality": avif.FAITHFUL_QUALITY, "subsampling": full}
            return {**self.coding, "quality": avif.QUALITY}, better
        return (self.coding,)

    def _colour(self) -> Bytes:
        """The upper 8 bits of red, green and blue."""
        grey = self.pixels.shape[2] <= 2
        upper = _upper(self.pixels)
        return np.repeat(upper[:, :, :1], 3, axis=2) if grey else upper[:, :, :3]


def read_stored(path: Path, limits: Limits) -> StoredPicture | str:
    """The picture as its file stores it, or the word that says why it cannot be written again.

    Raises:
        InputError: the file cannot be opened.
        UnreadableMediaError: it is damaged, or beyond a limit.
    """
    for header, pixels in sandbox.run_job("stored", path, limits, {"max_pixels": limits.max_pixels}):
        if "refused" in header:
            return str(header["refused"])
        if pixels is not None:
            return _picture(path, header.get("stored"), pixels)
    raise UnreadableMediaError(f"{path.name}: no picture could be decoded; get the file again from its source")


def rewrite(source: Path, picture: StoredPicture, image_bgr: Bytes, coding: Coding) -> bytes:
    """The source's file with other pixels.

    Args:
        source: the file that `picture` was read from.
        picture: from `read_stored`.
        image_bgr: what it shall display, uint8 (h, w, 3).
        coding: one of `picture.codings()`.
    """
    data = source.read_bytes()
    pixels = picture.showing(image_bgr)
    if picture.format == "AVIF":
        return avif.write(_upper(pixels), source, picture.orientation, picture.cicp, coding)
    if picture.format == "TIFF":
        return tiff.write(pixels, data)
    if pixels.dtype == np.uint16:
        return _with_chunks(_png_of_16_bits(pixels), data)
    around = _metadata_of_webp(data) if picture.format == "WEBP" else {}
    target = io.BytesIO()
    _image_of(pixels).save(target, format=picture.format, **coding, **around)
    if picture.format == "JPEG":
        return _with_segments(target.getvalue(), data)
    return _with_chunks(target.getvalue(), data) if picture.format == "PNG" else target.getvalue()


def _picture(path: Path, facts: Any, pixels: NDArray[Any]) -> StoredPicture:
    """Check the child's answer."""
    try:
        turn = Orientation(*map(bool, facts["orientation"]))
        depth = np.uint16 if facts["deep"] else np.uint8
        sane = pixels.dtype == depth and pixels.ndim == 3 and 1 <= pixels.shape[2] <= 4
        if not sane or facts["format"] not in ("JPEG", "PNG", "WEBP", "AVIF", "TIFF"):
            raise ValueError
        cicp = _cicp(*facts["cicp"]) if facts["format"] == "AVIF" else SRGB
        return StoredPicture(pixels, facts["format"], turn, _coding(path, facts), cicp)
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableMediaError(
            f"{path.name}: the decoder gave an impossible answer; treat the file as hostile"
        ) from error


def _coding(path: Path, facts: Any) -> Coding:
    if facts["format"] == "JPEG":
        tables = [list(map(int, table)) for table in facts["tables"]]
        # grey JPEGs have no subsampling, unusual ones are coded without
        sampling = max(int(facts["sampling"]), 0)
        return {"qtables": tables, "progressive": bool(facts["progressive"]), "subsampling": sampling}
    if facts["format"] == "WEBP":
        return {"lossless": _is_lossless_webp(path), "exact": True}
    return {"subsampling": str(facts["subsampling"])} if facts["format"] == "AVIF" else {}


def _cicp(primaries: int, curve: int) -> tuple[int, int]:
    if not all(type(code) is int and 0 <= code < 1 << 16 for code in (primaries, curve)):
        raise ValueError
    return primaries, curve


def _upper(samples: Samples) -> Bytes:
    """Their upper 8 bits."""
    return np.asarray(samples if samples.dtype == np.uint8 else samples >> 8, np.uint8)


def _image_of(pixels: Samples) -> Image.Image:
    return Image.fromarray(pixels if pixels.shape[2] > 1 else pixels[:, :, 0])


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and bytes of each segment of a JPEG before its first frame header or scan."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if not (0xE0 <= marker <= 0xEF or marker in (0xFE, 0xDB, 0xC4, 0xDD)):
            return
        size = 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        yield marker, data[at : at + size]
        at += size


def _with_segments(coded: bytes, source: bytes) -> bytes:
    """A coded JPEG with the APPn and comment segments of the source instead of its own."""
    kept = [part for marker, part in _segments(source) if _is_about(marker) and marker not in (_JUMBF, _ADOBE)]
    own = takewhile(lambda segment: _is_about(segment[0]), _segments(coded))
    return coded[:2] + b"".join(kept) + coded[2 + sum(len(part) for _, part in own) :]


def _is_about(marker: int) -> bool:
    return 0xE0 <= marker <= 0xEF or marker == 0xFE


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and whole bytes of each chunk of a PNG."""
    at = len(_PNG_MAGIC)
    while at + 12 <= len(data):
        size = 12 + int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], data[at : at + size]
        at += size


def _with_chunks(coded: bytes, source: bytes) -> bytes:
    """A coded PNG with the source's chunks around its pixels."""
    before: list[bytes] = []
    after: list[bytes] = []
    place = before
    for kind, chunk in _chunks(source):
        if kind == b"IDAT":
            place = after
        elif kind not in _PIXEL_CHUNKS:
            place.append(chunk)
    own = list(_chunks(coded))
    head = [chunk for kind, chunk in own if kind == b"IHDR"]
    pixels = [chunk for kind, chunk in own if kind == b"IDAT"]
    end = [chunk for kind, chunk in own if kind == b"IEND"]
    return b"".join([_PNG_MAGIC, *head, *before, *pixels, *after, *end])


def _png_of_16_bits(samples: Samples) -> bytes:
    """A PNG of uint16 (h, w, 1-4) samples.

    Nothing installed writes grey with alpha. Filters and compression know only bytes, so it is coded as the four bytes
    of RGBA, and the header then tells what they are.
    """
    if samples.shape[2] == 2:
        target = io.BytesIO()
        wide = samples.astype(">u2").view(np.uint8)
        Image.fromarray(wide).save(target, format="PNG")
        coded = target.getvalue()
        head = b"IHDR" + coded[16:24] + bytes([16, 4]) + coded[26:29]  # ISO/IEC 15948, 11.2.2
        return coded[:12] + head + zlib.crc32(head).to_bytes(4, "big") + coded[33:]
    done, buffer = cv2.imencode(".png", samples[:, :, _BGR_OF_RGB[samples.shape[2]]], _PNG_EFFORT)
    if not done:
        raise ValueError("the picture could not be coded")
    return buffer.tobytes()


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each chunk of a WebP file."""
    at = 12
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, at)
        yield kind, data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _metadata_of_webp(data: bytes) -> dict[str, bytes]:
    names = {b"ICCP": "icc_profile", b"EXIF": "exif", b"XMP ": "xmp"}
    return {names[kind]: content for kind, content in _webp_chunks(data) if kind in names}


def _is_lossless_webp(path: Path) -> bool:
    return any(kind == b"VP8L" for kind, _ in _webp_chunks(path.read_bytes()))
