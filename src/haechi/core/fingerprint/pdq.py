"""PDQ: a 256-bit perceptual hash of a picture, compatible with the ThreatExchange exchanges.

Method: luma, two box filters in each direction, 64 x 64 samples, 16 x 16 low frequencies of the cosine transform
without its constant row and column, one bit per coefficient above the median [1]. Everything before the median is
linear and separable, so it is two (sparse) matrix products, `rows @ luma @ columns.T`.
Profiles, stamped because the same picture hashes differently through each:
    pdq-v1/full       float luma of the whole picture, no resize: bit-identical to the `pdqhash` package
    pdq-v1/reduced    8-bit luma decoded by a JPEG scaled decode (1/2, 1/4, 1/8): 0-12 bits from full
    pdq-v1/512        float luma of the picture squeezed to 512 x 512 first, as the C++ tool does: median 8 bits
    from full
Limits: a crop, caption or changed face moves it past the usual radius of 31; `local_features` finds those.
[1] Facebook, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm", 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.errors import UnreadableMediaError

PROFILE_FULL = "pdq-v1/full"
PROFILE_REDUCED = "pdq-v1/reduced"
PROFILE_512 = "pdq-v1/512"
GOOD_QUALITY = 50
"""Pictures of lower quality have too little structure to be told apart by PDQ."""

_SIDE, _BITS_SIDE, _PASSES = 64, 16, 2
_MIN_REDUCED_SIDE = 360
_LUMA = np.array([[0.114, 0.587, 0.299]], np.float32)
"""Weights of blue, green, red."""

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Pdq:
    """Hash of one picture.

    Attributes:
        bits: uint8 (32,), big-endian: the bytes of the usual 64 hexadecimal digits.
        quality: 0 (flat) to 100.
        profile: how the picture was prepared.
    """

    bits: Bytes
    quality: int
    profile: str

    @property
    def hex(self) -> str:
        """The usual 64 hexadecimal digits."""
        return self.bits.tobytes().hex()


def pdq(image: Bytes) -> Pdq:
    """Hash a picture, uint8 (h, w, 3) BGR or (h, w) luma."""
    samples = _samples(luma(image))
    return Pdq(_pack(_transform(samples)), _quality(samples), PROFILE_FULL)


def pdq_512(image: Bytes) -> Pdq:
    """Hash as the C++ command does it: pictures are squeezed to 512 x 512 before anything else."""
    small = cv2.resize(image, (512, 512), interpolation=cv2.INTER_LINEAR) if max(image.shape[:2]) > 512 else image
    samples = _samples(luma(np.asarray(small, np.uint8)))
    return Pdq(_pack(_transform(samples)), _quality(samples), PROFILE_512)


def pdq_of_jpeg(data: bytes) -> Pdq:
    """Hash a trusted JPEG file by a scaled grey decode; untrusted files go through `core.media` instead.

    Raises:
        UnreadableMediaError: it does not decode.
    """
    flag = _scaled_decode(data)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    if image is None:
        raise UnreadableMediaError("the JPEG does not decode; get the file again from its source")
    samples = _samples(image.astype(np.float32))
    return Pdq(_pack(_transform(samples)), _quality(samples), PROFILE_REDUCED)


def luma(image: Bytes) -> Floats:
    """Float luma of a BGR picture with the weights of PDQ, or of a grey one as it is; float32 (h, w)."""
    if image.ndim == 2:
        return image.astype(np.float32)
    return np.asarray(cv2.transform(image.astype(np.float32), _LUMA), np.float32)


def trim_borders(image: Bytes) -> tuple[int, int, int, int] | None:
    """Box (x, y, w, h) without bars, frames or blurred fill, or None when there is nothing to trim.

    Method: a fill has little fine structure; rows and columns are cut from outside while their high-pass energy stays
    under a fifth of the energy of the middle half.
    """
    gray = image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    height, width = gray.shape
    if min(height, width) < 32:
        return None
    scale = 256 / max(height, width)
    small = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
    detail = np.abs(small - cv2.GaussianBlur(small, (0, 0), 1.0))
    top, bottom = _inner_range(detail.mean(axis=1))
    left, right = _inner_range(detail[top:bottom].mean(axis=0))
    x, y = round(left / scale), round(top / scale)
    w, h = min(width, round(right / scale)) - x, min(height, round(bottom / scale)) - y
    share = (w * h) / (width * height)
    return (x, y, w, h) if 0.15 < share < 0.96 and min(w, h) >= 32 else None


def distance(a: Bytes, b: Bytes) -> NDArray[np.int64]:
    """Number of differing bits along the last axis of uint8 (..., 32)."""
    return np.asarray(np.bitwise_count(np.bitwise_xor(a, b)).sum(axis=-1, dtype=np.int64))


def _inner_range(profile: NDArray[np.floating]) -> tuple[int, int]:
    middle = profile[len(profile) // 4 : -(len(profile) // 4) or None]
    busy = np.flatnonzero(profile > 0.2 * float(np.median(middle)))
    return (int(busy[0]), int(busy[-1]) + 1) if len(busy) else (0, len(profile))


def _scaled_decode(data: bytes) -> int:
    size = _jpeg_size(data)
    flags = {8: cv2.IMREAD_REDUCED_GRAYSCALE_8, 4: cv2.IMREAD_REDUCED_GRAYSCALE_4, 2: cv2.IMREAD_REDUCED_GRAYSCALE_2}
    for factor, flag in flags.items():
        if size and min(size) / factor >= _MIN_REDUCED_SIDE:
            return flag
    return cv2.IMREAD_GRAYSCALE


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Height and width from the frame header (ITU-T T.81, B.2.2), or None."""
    position = 2
    while position + 9 < len(data) and data[position] == 0xFF:
        marker, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height = int.from_bytes(data[position + 5 : position + 7], "big")
            return height, int.from_bytes(data[position + 7 : position + 9], "big")
        position += 2 + length
    return None


def _samples(plane: Floats) -> Floats:
    """The 64 x 64 smoothed samples, float32."""
    (rows, down), (columns, across) = (_taps(side) for side in plane.shape)
    low = np.matmul(down[:, None, :], plane[rows])[:, 0, :]
    return np.asarray(np.einsum("hxt,xt->hx", low[:, columns], across), np.float32)


def _transform(samples: Floats) -> Floats:
    matrix = _cosines()
    return _product(_product(matrix, samples), np.ascontiguousarray(matrix.T))


def _product(a: Floats, b: Floats) -> Floats:
    """Matrix product on the caller's core: on a busy machine a threaded one waits for cores, 50 times as long."""
    return np.asarray(cv2.gemm(a, b, 1.0, None, 0.0), np.float32)  # type: ignore[call-overload]


def _pack(coefficients: Floats) -> Bytes:
    """Bits above the median; the first coefficient is the lowest bit of the last byte."""
    flat = coefficients.ravel()
    median = np.partition(flat, 127)[127]
    return np.packbits((flat > median)[::-1])


def _quality(samples: Floats) -> int:
    """Sum of whole-percent luma steps between neighbours, divided by 90, at most 100."""
    total = 0
    for axis in (0, 1):
        steps = np.trunc(np.diff(samples, axis=axis) * (100 / 255))
        total += int(np.abs(steps).sum())
    return min(100, total // 90)


@lru_cache(maxsize=1)
def _cosines() -> Floats:
    i, j = np.arange(1, _BITS_SIDE + 1)[:, None], np.arange(_SIDE)[None, :]
    return np.asarray(np.sqrt(2 / _SIDE) * np.cos(np.pi / (2 * _SIDE) * i * (2 * j + 1)), np.float32)


@lru_cache(maxsize=64)
def _smoothing(size: int) -> Floats:
    """Two box filters and the sampling along one axis, float32 (64, size)."""
    window = (size + 2 * _SIDE - 1) // (2 * _SIDE)
    right = (window + 2) // 2 - 1
    left = window - right - 1
    index = np.arange(size)
    low, high = np.maximum(index - left, 0), np.minimum(index + right, size - 1) + 1
    rows = np.zeros((_SIDE, size))
    rows[np.arange(_SIDE), ((np.arange(_SIDE) + 0.5) * size / _SIDE).astype(int)] = 1.0
    for _ in range(_PASSES):
        # rows @ box, where box[i, low_i:high_i] = 1 / (high_i - low_i), by differences and a running sum.
        share = rows / (high - low)
        steps = np.zeros((_SIDE, size + 1))
        for row, steps_row in zip(share, steps, strict=True):
            np.add.at(steps_row, low, row)
            np.subtract.at(steps_row, high, row)
        rows = np.cumsum(steps[:, :-1], axis=1)
    return rows.astype(np.float32)


@lru_cache(maxsize=64)
def _taps(size: int) -> tuple[NDArray[np.int64], Floats]:
    """The few columns of `_smoothing` that are not zero: column numbers and weights, (64, taps)."""
    rows = _smoothing(size)
    rows = np.where(rows > 1e-9, rows, np.float32(0))
    first = (rows > 0).argmax(axis=1)
    count = int((rows > 0).sum(axis=1).max())
    index = np.minimum(first[:, None] + np.arange(count), size - 1)
    weight = np.take_along_axis(rows, index, axis=1)
    weight[(first[:, None] + np.arange(count)) >= size] = 0
    return index, weight.astype(np.float32)
