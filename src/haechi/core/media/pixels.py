"""From a decoded video frame to the array that Haechi looks at; runs only inside the decoding child.

Order: scale to the requested size (area filter) and convert to BGR or luma with the frame's own matrix and
range; HDR to SDR; alpha over mid grey; display orientation.
Assumption: a frame without a stated matrix is BT.709 from 720 lines up and BT.601 below, as players do.
Luma of limited range is stretched to 0-255. Luma of colour models other than YUV is BT.601 luma of the RGB
values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from haechi.core.errors import UnreadableMediaError
from haechi.core.media.hdr import ToneMap
from haechi.core.media.orientation import Orientation, from_display_matrix

MID_GREY = 128
_LUMA_FIRST = re.compile(r"^(yuvj?4|yuva4|gray|nv12|nv21|nv16|nv24|p01|p21|p41)")
_HIGH_BITS = re.compile(r"^p[024]1")  # P010 and kin keep their bits at the top of 16
_BGR, _GRAY = 3, 1
_QUARTER_TURNS = {  # av_display_rotation_get counts anticlockwise
    90: Orientation(transpose=True, mirror_y=True),
    180: Orientation(mirror_x=True, mirror_y=True),
    270: Orientation(transpose=True, mirror_x=True),
}
_ASPECT_LIMIT = 8.0
_SMPTE2084, _HLG = 16, 18  # ITU-T H.273 transfer characteristics
_RGB_MATRIX, _UNSPECIFIED = 0, 2
_FULL_RANGE = 2


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where a stored picture of one size goes.

    Attributes:
        scaled: width, height after scaling, still in stored orientation.
        displayed: width, height as displayed at full size.
    """

    scaled: tuple[int, int]
    displayed: tuple[int, int]
    orientation: Orientation


def frame_orientation(frame: Any) -> Orientation:
    """Orientation from the frame's display matrix, upright without one."""
    try:
        matrix = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # side data of a kind that PyAV does not know
        return _QUARTER_TURNS.get(frame.rotation % 360, Orientation())
    return Orientation() if matrix is None else from_display_matrix(bytes(matrix))


def hdr_kind(transfer: int) -> str | None:
    """Name of the HDR curve of an H.273 transfer code, None for SDR."""
    return {_SMPTE2084: "pq", _HLG: "hlg"}.get(transfer)


def pixel_aspect(stream: Any) -> float:
    """Width of a pixel over its height; an absurd value counts as square."""
    ratio = stream.codec_context.sample_aspect_ratio or stream.sample_aspect_ratio
    value = float(ratio) if ratio else 1.0
    return value if 1 / _ASPECT_LIMIT <= value <= _ASPECT_LIMIT else 1.0


def fit(width: int, height: int, max_side: int | None) -> tuple[int, int]:
    """Scale down, never up, so that the long side is at most `max_side`; no side falls under 1."""
    if max_side is None or max(width, height) <= max_side:
        return width, height
    scale = max_side / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def shrink(image: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Scale to (width, height) by area averaging; whole halvings first, which OpenCV does several times faster."""
    result: Any = image
    while True:
        height, width = result.shape[:2]
        if width % 2 or height % 2 or width < 2 * size[0] or height < 2 * size[1]:
            break
        result = cv2.resize(result, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(result, size, interpolation=cv2.INTER_AREA))


def plan(frame: Any, stream: Any, max_side: int | None, max_pixels: int, name: str) -> Geometry:
    """Geometry for frames like this one.

    Raises:
        UnreadableMediaError: the picture as displayed has more than `max_pixels`.
    """
    width = max(1, round(frame.width * pixel_aspect(stream)))
    orientation = frame_orientation(frame)
    refuse_too_many_pixels(width, frame.height, max_pixels, name)
    displayed = orientation.displayed_size(width, frame.height)
    return Geometry(fit(width, frame.height, max_side), displayed, orientation)


def refuse_too_many_pixels(width: int, height: int, max_pixels: int, name: str) -> None:
    """Raise UnreadableMediaError when a picture is larger than the limit."""
    if width * height > max_pixels:
        raise UnreadableMediaError(
            f"{name}: {width} x {height} pixels are more than the limit of {max_pixels:,}; "
            "scale it down or raise HAECHI_LIMIT_MAX_PIXELS"
        )


class PictureMaker:
    """Turns frames of one stream into arrays of one size.

    Args:
        geometry: from the first frame; later frames of other sizes are scaled to it.
        gray: luma instead of BGR.
        tone_mapped: HDR becomes SDR; False leaves its code values as they are.
    """

    def __init__(self, geometry: Geometry, *, gray: bool, tone_mapped: bool = True) -> None:
        self._tone_mapped = tone_mapped
        self._geometry = geometry
        self._gray = gray
        self._reformatter = VideoReformatter()
        self._tone_maps: dict[str, ToneMap] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of one picture."""
        width, height = self._geometry.scaled
        return width * height * (_GRAY if self._gray else _BGR)

    def __call__(self, frame: Any) -> NDArray[np.uint8]:
        """uint8 (h, w, 3) BGR or (h, w) luma in display orientation; rows may be padded, copy it soon."""
        hdr = hdr_kind(frame.color_trc) if self._tone_mapped else None
        tone_map = self._tone_map(hdr) if hdr else None
        if any(component.is_alpha for component in frame.format.components):
            image = self._over_grey(frame)
        elif self._gray and _LUMA_FIRST.match(frame.format.name) and frame.colorspace != _RGB_MATRIX:
            image = self._luma(frame, tone_map)
        elif tone_map is not None:
            image = tone_map.colour(self._reformat(frame, "bgr48le").to_ndarray())
        else:
            image = _packed(self._reformat(frame, "bgr24"))
        if self._gray and image.ndim == 3:
            image = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
        return self._geometry.orientation.apply(image)

    def _tone_map(self, hdr: str) -> ToneMap:
        if hdr not in self._tone_maps:
            self._tone_maps[hdr] = ToneMap(hdr)
        return self._tone_maps[hdr]

    def _reformat(self, frame: Any, pixel_format: str, *, scale: bool = True) -> Any:
        width, height = self._geometry.scaled if scale else (frame.width, frame.height)
        full = frame.color_range == _FULL_RANGE or frame.format.name.startswith("yuvj")
        yuv = not frame.format.is_rgb
        return self._reformatter.reformat(
            frame,
            width,
            height,
            pixel_format,
            src_colorspace=_matrix(frame) if yuv else None,
            dst_colorspace=Colorspace.ITU709 if yuv else None,
            interpolation=Interpolation.AREA if scale else Interpolation.BICUBIC,
            src_color_range=ColorRange.JPEG if full or not yuv else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            threads=1,
        )

    def _luma(self, frame: Any, tone_map: ToneMap | None) -> NDArray[np.uint8]:
        plane = frame.planes[0]
        component = frame.format.components[0]
        kind = np.dtype(np.uint8) if component.bits <= 8 else np.dtype("<u2")
        rows: Any = np.frombuffer(plane, kind).reshape(plane.height, plane.line_size // kind.itemsize)
        bits = 16 if _HIGH_BITS.match(frame.format.name) else component.bits
        if frame.format.name.endswith("be"):
            rows = rows.byteswap()
        rows = rows[:, : plane.width]
        if (plane.width, plane.height) != self._geometry.scaled:
            rows = shrink(rows, self._geometry.scaled)
        full = is_luma_full_range(frame)
        if tone_map is not None:
            return tone_map.luma(rows, bits, full)
        return _stretch(rows, bits, full)

    def _over_grey(self, frame: Any) -> NDArray[np.uint8]:
        pixels: Any = self._reformat(frame, "bgra", scale=False).to_ndarray()
        image = over_mid_grey(pixels[:, :, :3], pixels[:, :, 3])
        if (frame.width, frame.height) != self._geometry.scaled:
            image = shrink(image, self._geometry.scaled)
        return image


def over_mid_grey(colour: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Blend straight-alpha pixels uint8 (h, w, 3) or (h, w) over mid grey; alpha uint8 (h, w)."""
    weight = alpha.astype(np.uint16)
    if colour.ndim == 3:
        weight = weight[:, :, None]
    mixed = colour.astype(np.uint16) * weight + MID_GREY * (255 - weight) + 127
    return (mixed // 255).astype(np.uint8)


def _packed(frame: Any) -> NDArray[np.uint8]:
    """View of a bgr24 frame as (h, w, 3); it keeps the frame alive."""
    plane = frame.planes[0]
    return np.ndarray((frame.height, frame.width, 3), np.uint8, plane, strides=(plane.line_size, 3, 1))


def is_luma_full_range(frame: Any) -> bool:
    """Whether black and white of a frame's luma are the least and the greatest code value."""
    return bool(frame.color_range == _FULL_RANGE or frame.format.name.startswith(("yuvj", "gray")))


def _matrix(frame: Any) -> Colorspace:
    code = frame.colorspace
    if code in (1, 4, 7, 9):
        return {1: Colorspace.ITU709, 4: Colorspace.FCC, 7: Colorspace.SMPTE240M, 9: Colorspace.BT2020}[code]
    if code in (5, 6):
        return Colorspace.ITU601
    if code == 10:
        return Colorspace.BT2020
    if frame.format.name.startswith("yuvj"):
        return Colorspace.ITU601
    return Colorspace.ITU709 if frame.height >= 720 or frame.width >= 1280 else Colorspace.ITU601


def _stretch(rows: Any, bits: int, full: bool) -> NDArray[np.uint8]:
    """Luma of `bits` bits to 8 bits of full range."""
    if bits == 8 and full:
        return np.asarray(rows, dtype=np.uint8)
    if bits == 8:
        return np.asarray(cv2.LUT(rows, _LIMITED_LUT), dtype=np.uint8)
    top = float(1 << (bits - 8))
    low, gain = (0.0, 255.0 / (256.0 * top - 1.0)) if full else (16.0 * top, 255.0 / (219.0 * top))
    scaled = cv2.addWeighted(rows, gain, rows, 0.0, -low * gain, dtype=cv2.CV_8U)
    return np.asarray(scaled, dtype=np.uint8)


_LIMITED_LUT = np.clip(np.rint((np.arange(256) - 16.0) * 255.0 / 219.0), 0, 255).astype(np.uint8)
