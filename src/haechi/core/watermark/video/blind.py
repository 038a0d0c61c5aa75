"""Blind reading of a film: frames are whitened one by one, then added up, so that noise averages out.

Steps:
1. As it lies: whitened canvases of all frames, their mean read at the mark's own geometry, then mirrored.
2. Without even borders, should there be any.
3. The lattice is searched in the mean; for each geometry, frames are laid on the mark's canvas, whitened there and
   added up; the pilot says where in the map.
Words near the likeliest are looked at, too (`listing`).
False positives: as `decide` says, at most 7e-12 per decoding, 48 decodings at most: below 4e-10 a reading.
Limits: frames of one geometry; a slow zoom or a shaking crop blurs the sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from haechi.core.watermark import lattice
from haechi.core.watermark.blind import laid_out
from haechi.core.watermark.canvas import MIN_SIDE_PX, canvas, scaling, whiten
from haechi.core.watermark.decide import Asked, Candidate, choose, known_place, placed
from haechi.core.watermark.pattern import Pattern, pattern_of
from haechi.core.watermark.records import Geometry, Reading

_CANDIDATES, _TOGETHER = 12, 3
_LAID_FRAMES = 12
_EVEN = 3.0
_LISTED: Final = Asked(listed=True)

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]


def read_frames_mark(frames: Sequence[Bytes], key: bytes, *, search: bool = True) -> Reading | None:
    """The payload of some frames of a film, or None.

    Args:
        frames: luma, uint8 (h, w), all of one size, spread over the film.
        key: the company's watermark key.
        search: False reads only the frames as they lie (mirrored too).
    """
    if not frames or min(frames[0].shape) < MIN_SIDE_PX:
        return None
    pattern = pattern_of(key)
    reading = choose(_as_they_lie(frames, pattern), _LISTED)
    if reading is not None or not search:
        return reading
    left, top, right, bottom = content(frames)
    inner = [np.ascontiguousarray(frame[top:bottom, left:right]) for frame in frames]
    bordered = inner[0].shape != frames[0].shape
    if bordered and (reading := choose(_as_they_lie(inner, pattern), _LISTED)) is not None:
        return _shifted(reading, left, top)
    reading = choose(_searched(inner, pattern), _LISTED)
    return None if reading is None else _shifted(reading, left, top)


def mean_white(frames: Sequence[Bytes]) -> Floats:
    """Mean of the whitened canvases, float32 (h, w)."""
    total = whiten(canvas(frames[0]))
    for frame in frames[1:]:
        total = total + whiten(canvas(frame))
    return total / np.float32(len(frames))


def _as_they_lie(frames: Sequence[Bytes], pattern: Pattern) -> Iterator[list[Candidate]]:
    """Step 1."""
    white = mean_white(frames)
    factor = scaling(frames[0].shape, white.shape)
    yield [known_place(pattern, white, factor)]
    mirror = np.array([[-1.0, 0, white.shape[1] - 1], [0, 1, 0], [0, 0, 1]])
    yield [known_place(pattern, np.ascontiguousarray(white[:, ::-1]), mirror @ factor)]


def _searched(frames: Sequence[Bytes], pattern: Pattern) -> Iterator[list[Candidate]]:
    """Step 3."""
    white = mean_white(frames)
    found = lattice.search(lattice.spectrum_of(white), pattern.lattice, _CANDIDATES)
    some = frames[:: max(1, len(frames) // _LAID_FRAMES)]
    for start in range(0, len(found), _TOGETHER):
        part = found[start : start + _TOGETHER]
        yield [placed(pattern, *_laid_out(some, one, white.shape)) for one in part]


def _laid_out(frames: Sequence[Bytes], one: lattice.Hypothesis, analysed: tuple[int, ...]) -> tuple[Floats, Matrix]:
    total, matrix = laid_out(frames[0], one, analysed)
    for frame in frames[1:]:
        total = total + laid_out(frame, one, analysed)[0]
    return total, matrix


def content(frames: Sequence[Bytes]) -> tuple[int, int, int, int]:
    """The picture without borders that are even in all frames: left, top, right, bottom."""
    some = frames[:: max(1, len(frames) // 8)]
    spans = []
    for axis in (1, 0):
        lively = np.flatnonzero(np.max([frame.std(axis) for frame in some], axis=0) > _EVEN)
        spans.append((int(lively[0]), int(lively[-1]) + 1) if len(lively) else (0, frames[0].shape[1 - axis]))
    (top, bottom), (left, right) = spans
    big = right - left >= MIN_SIDE_PX and bottom - top >= MIN_SIDE_PX
    return (left, top, right, bottom) if big else (0, 0, frames[0].shape[1], frames[0].shape[0])


def _shifted(reading: Reading, x: int, y: int) -> Reading:
    matrix = reading.geometry.matrix.copy()
    matrix[:, 2] -= matrix[:, :2] @ np.array([x, y], np.float64)
    return Reading(reading.payload, reading.score, Geometry(matrix))
