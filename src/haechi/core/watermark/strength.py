"""Where the mark is, and where it is gone: a replaced region carries none.

Method: lay the probe on the mark's canvas, multiply it with the mark that should be there, and average over a window:
the result over its own deviation is a score with zero mean and about unit deviation where there is no mark. With the
master the picture itself is subtracted first, which makes the score several times sharper.
Limits: a window of 40 px of the canvas (a twelfth of the long side) is the finest that says something; hard
texture hides the mark from the blind map; a transplanted mark lies everywhere. One cue among others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.watermark.canvas import canvas, from_tiles, luma, scaling, synthesise, whiten
from haechi.core.watermark.code import encode
from haechi.core.watermark.informed import residual
from haechi.core.watermark.pattern import MAP, TILE, pattern_of
from haechi.core.watermark.records import Reading
from haechi.core.watermark.spread import WEIGHT, chips

WINDOW_PX: Final = 40

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StrengthMap:
    """The mark's presence over a probe.

    Attributes:
        score: float32 (rows, columns), on the mark's canvas; about standard normal where the mark is gone, clearly
            above zero where it is present; NaN outside the probe.
        matrix: float64 (2, 3), pixels (x, y) of the probe -> (column, row) of `score`.
    """

    score: Floats
    matrix: Matrix


def strength_map(image_bgr: Bytes, reading: Reading, key: bytes, master_bgr: Bytes | None = None) -> StrengthMap:
    """Map the mark's presence.

    Args:
        image_bgr: the probe, uint8 (h, w, 3), BGR.
        reading: what was read in it, blind or informed.
        key: the company's watermark key.
        master_bgr: the unmarked master, when at hand; then the reading must be one of this master.
    """
    gray = luma(image_bgr)
    matrix = np.vstack([reading.geometry.matrix, [0, 0, 1]])
    if master_bgr is not None:
        master = luma(master_bgr)
        white, start = residual(gray, master, matrix), np.zeros(2)
        inside = _warped(np.ones(gray.shape, np.float32), matrix, white.shape[1], white.shape[0], cv2.INTER_NEAREST)
    else:
        white, inside, start = _laid_out(gray, matrix)
    rows, columns = -(-white.shape[0] // TILE), -(-white.shape[1] // TILE)
    row, column = (int(v) % MAP for v in start[::-1] // TILE)
    weight = WEIGHT if master_bgr is None else np.float32(1)
    wanted = chips(pattern_of(key), encode(reading.payload), rows, columns, row=row, column=column) * weight
    product = white * from_tiles(synthesise(np.asarray(wanted, np.float32)), *white.shape)
    window = (WINDOW_PX, WINDOW_PX)
    power = cv2.blur(product * product, window)
    # neighbouring pixels are not independent: the band holds about one independent value in nine pixels
    unit = np.sqrt(np.maximum(power, 1e-12) * _CORRELATED) / WINDOW_PX
    score = np.where(inside > 0, cv2.blur(product, window) / unit, np.float32(np.nan))
    shifted = matrix[:2].copy()
    shifted[:, 2] -= start
    return StrengthMap(score.astype(np.float32), shifted)


_CORRELATED: Final = 9.0


def _laid_out(gray: Bytes, matrix: Matrix) -> tuple[Floats, Floats, NDArray[np.float64]]:
    """The whitened probe on the mark's canvas, where it is, and the canvas pixel it starts at (whole tiles)."""
    height, width = gray.shape
    corners = (matrix @ np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]], np.float64))[:2]
    start = np.floor((corners.min(1) + 1) / TILE) * TILE
    size = (np.ceil((corners.max(1) - 1) / TILE) * TILE - start).astype(int)
    moved = matrix.copy()
    moved[:2, 2] -= start
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    base = canvas(gray, max(TILE, round(max(gray.shape) * scale)))
    to_mark = moved @ np.linalg.inv(scaling(gray.shape, base.shape))
    plane = _warped(base, to_mark, int(size[0]), int(size[1]), cv2.INTER_CUBIC)
    inside = _warped(np.ones_like(base), to_mark, int(size[0]), int(size[1]), cv2.INTER_NEAREST)
    return whiten(plane) * inside, inside, start


def _warped(plane: Floats, matrix: Matrix, width: int, height: int, way: int) -> Floats:
    border = cv2.BORDER_CONSTANT if way == cv2.INTER_NEAREST else cv2.BORDER_REPLICATE
    return np.asarray(cv2.warpAffine(plane, matrix[:2], (width, height), flags=way, borderMode=border), np.float32)
