"""Whether a picture shows what its mark points to: a mark can be moved from one picture to another.

Method: a reading says where each pixel of the probe lies in the marked picture. Lay the master there, and correlate the
two in blocks of 32 px of the mark's canvas (512 px long), fine structure only (Gaussian, sigma 8 px, taken away;
sigma 1 against noise and a pixel's error). A block agrees from a correlation of 0.6 on, if it is also at least 0.35
times as strong as the master's (copies at a quarter of the size or at 0.6 of the contrast keep 0.55 and more): else a
breath of a release over a plain picture, too faint to be seen, would agree with it. Blocks in which both deviate by
less than 5 grey levels are left out: that much may be the mark itself.
Copies agree in nearly all blocks, altered ones in those that were not altered, foreign pictures hardly in any (measured
in docs/watermark.md).
Limits: even pictures have nothing to compare; then nothing is said. A release that is seen through another picture at a
third of its contrast agrees: it is there.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.watermark.canvas import canvas, luma, scaling

BLOCK_PX: Final = 32
_COARSE_SIGMA, _NOISE_SIGMA = 8.0, 1.0
_AGREES, _STRUCTURE, _AS_STRONG = 0.6, 5.0, 0.35
_FEWEST_BLOCKS = 4

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]


def agreeing_share(image_bgr: Bytes, master_bgr: Bytes, matrix: Matrix) -> float | None:
    """Share of the comparable blocks that agree, 0-1; None when fewer than four can be compared.

    Args:
        image_bgr: the probe, uint8 (h, w, 3).
        master_bgr: what the mark points to, uint8 (h, w, 3).
        matrix: float64 (2, 3), from `Reading.geometry`.
    """
    probe, target = luma(image_bgr), canvas(luma(master_bgr))
    whole = np.vstack([matrix, [0.0, 0.0, 1.0]])
    scale = float(np.sqrt(abs(np.linalg.det(whole[:2, :2]))))
    view = canvas(probe, max(BLOCK_PX, round(max(probe.shape) * min(scale, 1.0))))
    to_target = (whole @ np.linalg.inv(scaling(probe.shape, view.shape)))[:2]
    size = (target.shape[1], target.shape[0])
    seen = _warped(view, to_target, size, cv2.INTER_LINEAR)
    inside = _warped(np.ones_like(view), to_target, size, cv2.INTER_NEAREST)
    return _share(_fine(seen), _fine(target), inside)


def _share(seen: Floats, known: Floats, inside: Floats) -> float | None:
    agreeing = comparable = 0
    for top in range(0, known.shape[0] - BLOCK_PX + 1, BLOCK_PX):
        for left in range(0, known.shape[1] - BLOCK_PX + 1, BLOCK_PX):
            block = np.s_[top : top + BLOCK_PX, left : left + BLOCK_PX]
            a, b = seen[block] - seen[block].mean(), known[block] - known[block].mean()
            norms = float(np.linalg.norm(a)), float(np.linalg.norm(b))
            if inside[block].min() < 1 or max(norms) < _STRUCTURE * BLOCK_PX:
                continue
            comparable += 1
            alike = float(np.sum(a * b)) >= _AGREES * max(norms[0] * norms[1], 1e-6)
            agreeing += alike and norms[0] >= _AS_STRONG * norms[1]
    return agreeing / comparable if comparable >= _FEWEST_BLOCKS else None


def _fine(plane: Floats) -> Floats:
    smooth = cv2.GaussianBlur(plane, (0, 0), _NOISE_SIGMA)
    return np.asarray(smooth - cv2.GaussianBlur(plane, (0, 0), _COARSE_SIGMA), np.float32)


def _warped(plane: Floats, matrix: Matrix, size: tuple[int, int], way: int) -> Floats:
    return np.asarray(cv2.warpAffine(plane, matrix, size, flags=way, borderMode=cv2.BORDER_CONSTANT), np.float32)
