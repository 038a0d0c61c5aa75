"""Still and animated images by Pillow; runs only inside the decoding child.

JPEGs are decoded at a reduced scale when the caller wants a small picture (libjpeg's 1/2, 1/4, 1/8), and
only their luma when grey is wanted. EXIF orientation is applied, also the mirrored ones; EXIF that cannot
be parsed counts as upright. CMYK and palettes become RGB, 16 bits become 8, alpha is blended over mid grey.
HEIC, which Pillow does not know, is in `heic`. Pillow skips the checksums of a PNG's pixels; they are compared here,
since a damaged picture would look like an altered one.
Limits: the other formats carry no checksums, so damage that still decodes is not noticed. Colour profiles other than
sRGB are not converted; of a multi-page TIFF only the first page is read.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, JpegImagePlugin

from haechi.core.errors import UnreadableMediaError
from haechi.core.media import avif, tiff
from haechi.core.media.orientation import Orientation, from_exif
from haechi.core.media.pixels import fit, over_mid_grey, refuse_too_many_pixels, shrink

DECODE_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    ArithmeticError,
    EOFError,
    struct.error,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    Image.DecompressionBombError,
)
_ORIENTATION_TAG = 0x0112
_DEFAULT_DELAY_S = 0.1  # browsers show GIF frames of 10 ms or less for 100 ms
_SHORTEST_DELAY_S = 0.011
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_PNG_ANIMATION = frozenset({b"fcTL", b"fdAT"})
_CRC_BLOCK_BYTES = 1 << 20
_PNG_DEPTH_AT, _PNG_COLOUR_AT = 24, 25
_DEEP = 16
_WRITTEN_AGAIN = frozenset({"JPEG", "PNG", "WEBP", "AVIF", "TIFF"})
_PLAIN_MODES = frozenset({"L", "LA", "RGB", "RGBA", "I;16", "I;16B"})
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "TIFF", "BMP")
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"hevc", b"hevx"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What the header of an image says; sizes as displayed."""

    container: str
    width: int
    height: int
    mode: str
    bit_depth: int
    orientation: Orientation
    has_alpha: bool
    animated: bool
    notes: tuple[str, ...]


def sniff(descriptor: int) -> str | None:
    """Name of the image format by the file's first bytes, None when it is not an image."""
    head = os.pread(descriptor, 64, 0)
    if head[4:8] == b"ftyp":
        brands = {head[8:12], *(head[i : i + 4] for i in range(16, min(len(head), _ftyp_size(head)), 4))}
        if brands & _AVIF_BRANDS:
            return "AVIF"
        return "HEIC" if head[8:12] in _HEIF_BRANDS else None
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    for magic, name in (
        (b"\xff\xd8\xff", "JPEG"),
        (_PNG_MAGIC, "PNG"),
        (b"GIF8", "GIF"),
        (b"II*\x00", "TIFF"),
        (b"MM\x00*", "TIFF"),
        (b"BM", "BMP"),
    ):
        if head.startswith(magic):
            return name if name != "BMP" or head[6:10] == b"\0\0\0\0" else None
    return None


def _ftyp_size(head: bytes) -> int:
    return int.from_bytes(head[:4], "big")


class ImageReader:
    """One opened image.

    Raises:
        UnreadableMediaError: damaged, or larger than `max_pixels`.
    """

    def __init__(self, descriptor: int, name: str, max_pixels: int) -> None:
        self._name = name
        self._file = io.FileIO(descriptor, closefd=False)
        self._file.seek(0)
        Image.MAX_IMAGE_PIXELS = None  # the check below is ours, with its own message
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        try:
            self._image: Any = Image.open(self._file, formats=_FORMATS)
        except DECODE_ERRORS as error:
            raise self._unreadable() from error
        refuse_too_many_pixels(*self._image.size, max_pixels, name)
        if self._image.format == "PNG" and not _png_checksums_hold(descriptor):
            raise self._unreadable()
        self._orientation = self._read_orientation()

    def info(self) -> ImageInfo:
        """Header facts; looks for a second frame but decodes nothing."""
        image = self._image
        notes = []
        animated = self._is_animated()
        if image.format == "TIFF" and self._has_more_pages():
            notes.append("only the first page was read")
        if image.mode == "CMYK":
            notes.append("CMYK was converted to RGB without a colour profile")
        deep = image.mode.startswith(("I", "F"))
        if deep:
            notes.append("more than 8 bits were reduced to 8")
        width, height = self._orientation.displayed_size(*image.size)
        return ImageInfo(
            image.format,
            width,
            height,
            image.mode,
            16 if deep else 8,
            self._orientation,
            "A" in image.mode or "transparency" in image.info,
            animated,
            tuple(notes),
        )

    def still(self, max_side: int | None, *, gray: bool) -> NDArray[np.uint8]:
        """The first frame: uint8 (h, w, 3) BGR or (h, w) luma."""
        if max_side is not None and self._image.format in {"JPEG", "MPO"}:
            size = fit(self._image.width, self._image.height, max_side)
            self._image.draft("L" if gray else "RGB", size)
        elif gray and self._image.format in {"JPEG", "MPO"}:
            self._image.draft("L", self._image.size)
        return self._current(max_side, gray)

    def stored(self) -> tuple[dict[str, Any], NDArray[np.uint8] | None]:
        """The first frame as it is stored, not turned, uint8 (h, w, channels), and what it takes to write it again.

        The facts name why it cannot be written again ("refused") when there are no pixels. Of 16 bits a colour ("deep")
        these are the upper 8.
        """
        image = self._image
        facts = self._described()
        if "refused" in facts:
            return facts, None
        turn = from_exif(facts["turn"]) if "turn" in facts else self._orientation
        facts |= {
            "format": image.format,
            "mode": image.mode,
            "orientation": [turn.transpose, turn.mirror_x, turn.mirror_y],
        }
        try:
            values = np.asarray(image)
        except DECODE_ERRORS as error:
            raise self._unreadable() from error
        pixels = values if values.dtype == np.uint8 else (values >> 8).astype(np.uint8)
        if image.format == "TIFF":  # Pillow turns TIFFs by itself
            pixels = turn.undo(pixels)
        if pixels.ndim == 3 and self._is_grey(facts):
            pixels = pixels[:, :, [0, -1]] if pixels.shape[2] in (2, 4) else pixels[:, :, :1]
        return facts, pixels if pixels.ndim == 3 else pixels[:, :, None]

    def _described(self) -> dict[str, Any]:
        """What only this format has: "deep" and how it is coded; or the word that "refused" it."""
        image = self._image
        if image.format not in _WRITTEN_AGAIN:
            return {"refused": "pages" if image.format == "MPO" else "format"}
        if self._is_animated():
            return {"refused": "pages"}
        facts: dict[str, Any] = {"deep": False}
        if image.format == "JPEG":
            tables = getattr(image, "quantization", {})
            facts["tables"] = [list(map(int, tables[number])) for number in sorted(tables)]
            facts["sampling"] = JpegImagePlugin.get_sampling(image)
            facts["progressive"] = bool(image.info.get("progressive"))
        elif image.format == "PNG":
            bits = os.pread(self._file.fileno(), 1, _PNG_DEPTH_AT)[0]
            facts |= {"deep": bits == _DEEP} if bits in (8, _DEEP) else {"refused": "depth"}
        elif image.format == "AVIF":
            facts |= avif.describe(self._file.fileno(), image.info.get("xmp"))
        elif image.format == "TIFF":
            self._file.seek(0)
            facts |= tiff.describe(self._file.readall())
        if image.mode not in _PLAIN_MODES or "transparency" in image.info:
            facts.setdefault("refused", "colours")
        return facts

    def _is_grey(self, facts: dict[str, Any]) -> bool:
        """Whether the file stores grey; Pillow may call it RGBA when there is alpha."""
        if self._image.format == "AVIF":
            return bool(facts["subsampling"] == avif.GREY)
        return self._image.format == "PNG" and os.pread(self._file.fileno(), 1, _PNG_COLOUR_AT) in (b"\0", b"\4")

    def frames(self, max_side: int | None, *, gray: bool) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """(time in seconds, picture) of every frame of an animation; a damaged one ends it.

        Raises:
            UnreadableMediaError: not even the first frame decodes.
        """
        time_s = 0.0
        index = 0
        while True:
            try:
                self._image.seek(index)
            except EOFError:
                return
            except DECODE_ERRORS as error:
                if index == 0:
                    raise self._unreadable() from error
                return
            try:
                picture = self._current(max_side, gray)
            except UnreadableMediaError:
                if index == 0:
                    raise
                return
            yield time_s, picture
            time_s += self._delay_s()
            index += 1

    def durations(self) -> Iterator[float]:
        """Seconds that each frame is shown, without handing out pictures."""
        for index in range(1 << 24):
            try:
                self._image.seek(index)
                self._image.load()
            except DECODE_ERRORS:
                return
            yield self._delay_s()

    def _current(self, max_side: int | None, gray: bool) -> NDArray[np.uint8]:
        try:
            image = _to_array(self._image, gray)
        except DECODE_ERRORS as error:
            raise self._unreadable() from error
        size = fit(image.shape[1], image.shape[0], max_side)
        if size != (image.shape[1], image.shape[0]):
            image = shrink(image, size)
        return self._orientation.apply(image)

    def _delay_s(self) -> float:
        try:
            delay = float(self._image.info.get("duration", 0)) / 1000.0
        except (TypeError, ValueError):
            return _DEFAULT_DELAY_S
        return delay if _SHORTEST_DELAY_S <= delay < 86_400 else _DEFAULT_DELAY_S

    def _has_more_pages(self) -> bool:
        """Of a TIFF; a further directory without a picture counts: C2PA puts manifests of several pages there."""
        try:
            return bool(self._image.n_frames > 1)
        except DECODE_ERRORS:
            self._image.seek(0)
            return True

    def _is_animated(self) -> bool:
        if self._image.format not in {"GIF", "WEBP", "PNG", "AVIF"}:
            return False
        try:
            return bool(getattr(self._image, "is_animated", False))
        except DECODE_ERRORS:
            return False

    def _read_orientation(self) -> Orientation:
        if self._image.format == "TIFF":  # Pillow turns TIFFs by itself
            return Orientation()
        try:
            return from_exif(self._image.getexif().get(_ORIENTATION_TAG))
        except DECODE_ERRORS:
            return Orientation()

    def _unreadable(self) -> UnreadableMediaError:
        return UnreadableMediaError(
            f"{self._name}: the picture is damaged or cut off; get the file again from its source"
        )


def _png_checksums_hold(descriptor: int) -> bool:
    """Whether every chunk that pixels depend on has the CRC-32 it states (PNG, ISO/IEC 15948, 5.3)."""
    at = len(_PNG_MAGIC)
    while len(head := os.pread(descriptor, 8, at)) == 8:
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind == b"IEND":
            return True
        if kind[:1].isupper() or kind in _PNG_ANIMATION:
            crc = zlib.crc32(kind)
            for start in range(at + 8, at + 8 + length, _CRC_BLOCK_BYTES):
                block = os.pread(descriptor, min(_CRC_BLOCK_BYTES, at + 8 + length - start), start)
                if not block:
                    return False
                crc = zlib.crc32(block, crc)
            if crc.to_bytes(4, "big") != os.pread(descriptor, 4, at + 8 + length):
                return False
        at += 12 + length
    return True


def _to_array(image: Any, gray: bool) -> NDArray[np.uint8]:
    """Decode to uint8 BGR (h, w, 3) or luma (h, w)."""
    image.load()
    if image.mode.startswith("I;16") or image.mode in {"I", "F"}:
        image = Image.fromarray(_deep_to_8_bits(np.asarray(image)))
    if "A" in image.mode or "transparency" in image.info or image.mode in {"PA", "La", "RGBa"}:
        pixels = np.asarray(image.convert("RGBA"))
        rgb = over_mid_grey(pixels[:, :, :3], pixels[:, :, 3])
    elif image.mode == "L":
        luma = np.array(image, dtype=np.uint8)
        return luma if gray else np.asarray(cv2.cvtColor(luma, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    else:
        rgb = np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
    code = cv2.COLOR_RGB2GRAY if gray else cv2.COLOR_RGB2BGR
    return np.asarray(cv2.cvtColor(rgb, code), dtype=np.uint8)


def _deep_to_8_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Grey of 16 bits, 32 bits or floats to 8 bits; floats are taken as 0..1 unless they go beyond."""
    if values.dtype.kind == "f":
        finite = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        top = max(1.0, float(finite.max(initial=0.0)))
        return np.asarray(np.clip(np.rint(finite * (255.0 / top)), 0, 255), dtype=np.uint8)
    wide = values.astype(np.int64)
    shift = 8 if int(wide.max(initial=0)) < 1 << 16 else 24
    return np.asarray(np.clip(wide >> shift, 0, 255), dtype=np.uint8)
