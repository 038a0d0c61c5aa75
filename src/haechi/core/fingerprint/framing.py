"""Where on a page or screen a picture stands: a screenshot is mostly page, and its picture only a part.

Method: the commonest grey level is the page's when it fills a fifth of the whole or more; the largest connected region
of other levels that fills its box is the picture.
Limits: a page of one even colour; a picture that has the page's level along its edges, or fills more than three fifths,
is left as it is (`pdq.trim_borders` takes bars and rims off).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_SIDE = 256
_SAME_LEVEL = 4
_LEAST_PAGE, _LEAST_FILLED = 0.2, 0.85
_LEAST_SHARE, _MOST_SHARE, _LEAST_SIDE = 0.1, 0.6, 64
_GAP = np.ones((3, 3), np.uint8)


def picture_on_page(gray: NDArray[np.uint8]) -> tuple[int, int, int, int] | None:
    """Box (x, y, w, h) of the one picture that stands on an even page, pixels of `gray`, uint8 (h, w); else None."""
    if min(gray.shape) < _LEAST_SIDE:
        return None
    scale = min(1.0, _SIDE / max(gray.shape))
    small = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    level = int(np.bincount(small.ravel(), minlength=256).argmax())
    other = (np.abs(small.astype(np.int16) - level) > _SAME_LEVEL).astype(np.uint8)
    if other.mean() > 1 - _LEAST_PAGE:
        return None
    # Thin lines, such as letters that touch it, do not belong to the picture; faint spots inside it do.
    solid = cv2.morphologyEx(cv2.morphologyEx(other, cv2.MORPH_CLOSE, _GAP), cv2.MORPH_OPEN, _GAP)
    count, _, stats, _ = cv2.connectedComponentsWithStats(solid, connectivity=4)
    if count < 2:
        return None
    x, y, w, h, area = stats[1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())].tolist()
    if area < _LEAST_FILLED * w * h or not _LEAST_SHARE <= w * h / small.size <= _MOST_SHARE:
        return None
    left, top = int(x / scale), int(y / scale)
    part = np.abs(gray[top : int((y + h) / scale) + 1, left : int((x + w) / scale) + 1].astype(np.int16) - level)
    rows, columns = (np.flatnonzero((part > _SAME_LEVEL).mean(axis=axis) > 0.5) for axis in (1, 0))
    if min(len(rows), len(columns)) < _LEAST_SIDE:
        return None
    return left + int(columns[0]), top + int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1
