"""Blind reading: the payload of a picture of unknown scale, angle, aspect, mirroring and crop.

Steps:
1. As the picture lies: read at the mark's own geometry, then mirrored; both once more as blurred and clipped pictures
   are whitened and weighed.
2. Without even borders (letterbox), should there be any: again as it lies.
3. Search the lattice for geometries (without the borders): the best, and up to eleven more of high score; resample the
   picture to the mark's canvas for each, find the place in the map of tiles by the pilot.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from haechi.core.watermark import lattice
from haechi.core.watermark.canvas import ALIKE_GREY, BLURRED_GREY, MIN_SIDE_PX, canvas, luma, scaling, whiten
from haechi.core.watermark.decide import Candidate, choose, known_place, known_place_worn, placed
from haechi.core.watermark.pattern import TILE, Pattern, pattern_of
from haechi.core.watermark.records import Geometry, Reading

_CANDIDATES, _TOGETHER = 12, 3
_LEAST_LATTICE: Final = 6.0
"""Score of the lattice under which only the first geometry is worth a look. Of 389 readings by search none had less
than 6.3, and all had the first; pictures without a mark have 5.2 to 5.9, but for stripes, weaves and letters.
"""
_EVEN = 3.0

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]


def read(image_bgr: Bytes, key: bytes, *, search: bool = True) -> Reading | None:
    """The payload of a picture, or None.

    Args:
        image_bgr: uint8 (h, w, 3), BGR; any size from 64 px.
        key: the company's watermark key.
        search: False reads only the picture as it lies (mirrored too), within milliseconds.
    """
    gray, pattern = luma(image_bgr), pattern_of(key)
    if min(gray.shape) < MIN_SIDE_PX:
        return None
    reading = choose(_as_it_lies(gray, pattern))
    if reading is not None or not search:
        return reading
    # The products are small: threads for them wait for each other, and take three times as much of two cores.
    with threadpool_limits(1, user_api="blas"):
        return _without_borders(gray, pattern)


def _without_borders(gray: Bytes, pattern: Pattern) -> Reading | None:
    """Steps 2 and 3."""
    left, top, right, bottom = _content(gray)
    inner = np.ascontiguousarray(gray[top:bottom, left:right])
    bordered = inner.shape != gray.shape
    if bordered and (reading := choose(_as_it_lies(inner, pattern))) is not None:
        return _shifted(reading, left, top)
    reading = choose(_searched(inner, pattern))
    return None if reading is None else _shifted(reading, left, top)


def _as_it_lies(gray: Bytes, pattern: Pattern) -> Iterator[list[Candidate]]:
    """Step 1: the mark's own geometry, then mirrored; again as blurred pictures are whitened."""
    small = canvas(gray)
    factor = scaling(gray.shape, small.shape)
    mirror = np.array([[-1.0, 0, small.shape[1] - 1], [0, 1, 0], [0, 0, 1]])
    for alike_grey, place in ((ALIKE_GREY, known_place), (BLURRED_GREY, known_place_worn)):
        white = whiten(small, alike_grey)
        yield [place(pattern, white, factor)]
        yield [place(pattern, np.ascontiguousarray(white[:, ::-1]), mirror @ factor)]


def _searched(gray: Bytes, pattern: Pattern) -> Iterator[list[Candidate]]:
    """Step 3."""
    small = canvas(gray)
    found = lattice.search(lattice.spectrum_of(whiten(small)), pattern.lattice, _CANDIDATES, least=_LEAST_LATTICE)
    for start in range(0, len(found), _TOGETHER):
        part = found[start : start + _TOGETHER]
        yield [placed(pattern, *laid_out(gray, one, small.shape)) for one in part]


def laid_out(gray: Bytes, one: lattice.Hypothesis, analysed: tuple[int, ...]) -> tuple[Floats, Matrix]:
    """The whitened picture in the mark's pixels, and the map from the picture's pixels to the mark's (3, 3)."""
    scale = float(np.sqrt(abs(np.linalg.det(one.linear))))
    base = canvas(gray, max(TILE, round(max(analysed) * scale)))
    rows, columns = base.shape
    centred = np.eye(3)
    centred[:2, 2] = -(analysed[1] // 2), -(analysed[0] // 2)
    mark = np.eye(3)
    mark[:2, :2], mark[:2, 2] = one.linear, one.shift
    matrix = mark @ centred @ scaling(base.shape, analysed)
    corners = matrix @ np.array([[0, columns, 0, columns], [0, 0, rows, rows], [1, 1, 1, 1]], np.float64)
    start = np.floor(corners[:2].min(1) / TILE) * TILE
    end = np.ceil(corners[:2].max(1) / TILE) * TILE
    matrix[:2, 2] -= start
    size = (int(end[0] - start[0]), int(end[1] - start[1]))
    plane = cv2.warpAffine(base, matrix[:2], size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(np.ones_like(base), matrix[:2], size, flags=cv2.INTER_NEAREST)
    white = whiten(np.asarray(plane, np.float32)) * np.asarray(inside, np.float32)
    return white, matrix @ scaling(gray.shape, base.shape)


def _content(gray: Bytes) -> tuple[int, int, int, int]:
    """The picture without even borders: left, top, right, bottom."""
    spans = []
    for axis in (1, 0):
        lively = np.flatnonzero(gray.std(axis) > _EVEN)
        spans.append((int(lively[0]), int(lively[-1]) + 1) if len(lively) else (0, gray.shape[1 - axis]))
    (top, bottom), (left, right) = spans
    big = right - left >= MIN_SIDE_PX and bottom - top >= MIN_SIDE_PX
    return (left, top, right, bottom) if big else (0, 0, gray.shape[1], gray.shape[0])


def _shifted(reading: Reading, x: int, y: int) -> Reading:
    matrix = reading.geometry.matrix.copy()
    matrix[:, 2] -= matrix[:, :2] @ np.array([x, y], np.float64)
    return Reading(reading.payload, reading.score, Geometry(matrix))
