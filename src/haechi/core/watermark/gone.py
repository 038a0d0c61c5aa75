"""Places where the mark is gone: covered or replaced.

Method: the strength map with the master. Where the mark is strong on the whole (median 5 or more), connected
places below 0.75 that take 2 % of the probe or more are told, each as the box around it, in pixels of the probe.
Limits: harmless overlays take the mark away too; hard JPEG coding of smooth places can. A cue, no proof.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.records import Box
from haechi.core.watermark.strength import StrengthMap

_STRONG, _GONE, _LEAST_SHARE = 5.0, 0.75, 0.02
_MOST: Final = 4

Bytes = NDArray[np.uint8]


def gone_places(strength: StrengthMap, width: int, height: int) -> list[Box]:
    """Boxes in the probe, largest first.

    Args:
        strength: of the probe, with the master.
        width: of the probe, pixels.
        height: of the probe, pixels.
    """
    inside = np.isfinite(strength.score)
    if not inside.any() or float(np.median(strength.score[inside])) < _STRONG:
        return []
    weak = (inside & (np.nan_to_num(strength.score, nan=99.0) < _GONE)).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(weak)
    big = [row for row in stats[1:count] if row[cv2.CC_STAT_AREA] >= _LEAST_SHARE * inside.sum()]
    back = np.linalg.inv(np.vstack([strength.matrix, [0.0, 0.0, 1.0]]))
    boxes = [_box(row, back, width, height) for row in sorted(big, key=lambda row: -row[cv2.CC_STAT_AREA])]
    return boxes[:_MOST]


def _box(row: NDArray[np.int32], back: NDArray[np.float64], width: int, height: int) -> Box:
    x, y, w, h = (int(v) for v in row[:4])
    corners = (back @ np.array([[x, x + w, x, x + w], [y, y, y + h, y + h], [1, 1, 1, 1]], np.float64))[:2]
    low = np.clip(np.floor(corners.min(1)), 0, [width - 1, height - 1]).astype(int)
    high = np.clip(np.ceil(corners.max(1)), low + 1, [width, height]).astype(int)
    return Box(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))
