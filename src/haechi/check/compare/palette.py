"""Pictures of few colours (GIF, small PNG): what a palette does to a picture, as a harmless re-post.

Method: every pixel takes the palette's nearest colour; which is near is judged on luma and colour planes together.
Limits: dithering is not imitated, its pattern counts as noise only as far as it looks like banding.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

MAX_COLOURS = 256

Colours = NDArray[np.float32]


def palette_of(image_bgr: NDArray[np.uint8]) -> Colours | None:
    """The colours of a picture uint8 (h, w, 3) as luma, Cr, Cb, float32 (n, 3); None when they are more than 256."""
    packed = image_bgr.astype(np.uint32) @ np.array([1, 256, 65536], np.uint32)
    values = np.unique(packed)
    if len(values) > MAX_COLOURS:
        return None
    colours = np.stack([values & 255, (values >> 8) & 255, values >> 16], 1).astype(np.uint8)
    return np.asarray(cv2.cvtColor(colours[None], cv2.COLOR_BGR2YCrCb)[0], dtype=np.float32)


def reduced(luma: NDArray[np.uint8], chroma: Colours, palette: Colours) -> NDArray[np.uint8]:
    """The luma of a picture after it was reduced to a palette, uint8 (h, w).

    Args:
        luma: uint8 (h, w).
        chroma: Cr and Cb less 128, float32, smaller than the luma.
        palette: from `palette_of`.
    """
    from scipy.spatial import cKDTree  # a sixth of a second to load, which only pictures of few colours need

    planes = cv2.resize(chroma, (luma.shape[1], luma.shape[0]), interpolation=cv2.INTER_LINEAR) + 128.0
    pixels = np.dstack([luma.astype(np.float32), planes]).reshape(-1, 3)
    nearest = cKDTree(palette).query(pixels)[1]
    return np.asarray(np.round(palette[nearest, 0]), dtype=np.uint8).reshape(luma.shape)
