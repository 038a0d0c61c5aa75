"""Room: which pixels of a picture keep a mark when its tones are clipped.

Method: a pixel between the tones that brightening by 35 grey levels and a contrast of 1.4 leave apart keeps what is
added to it; a lighter or darker one loses it. Looked at in the picture's own pixels: black letters on white leave
nothing but their soft edges, which the mark's canvas, where letters and paper have run together, cannot show.
Limits: luma only; where one colour of several is clipped, room is told by all together.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_DARKEST, _BRIGHTEST, _FADES = np.float32(38.0), np.float32(217.0), np.float32(12.0)

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Room:
    """Where the mark may go.

    Attributes:
        share: of the mark that each of the picture's pixels takes, float32 (h, w), 0 to 1.
        mean: its mean over each of the canvas' pixels, float32 (rows, columns).
        energy: the mean of its square, of the same shape.
    """

    share: Floats
    mean: Floats
    energy: Floats


def room_of(gray: Bytes, shape: tuple[int, ...], left: float) -> Room:
    """The room of a picture.

    Args:
        gray: luma uint8 (h, w).
        shape: of the canvas, (rows, columns).
        left: share that pixels without room take, 0 to 1.
    """
    share = np.asarray(cv2.LUT(gray, _shares(left)), np.float32)
    size = (shape[1], shape[0])
    way = cv2.INTER_AREA if gray.shape[1] > shape[1] else cv2.INTER_LINEAR
    mean, energy = (cv2.resize(plane, size, interpolation=way) for plane in (share, share * share))
    return Room(share, np.asarray(mean, np.float32), np.asarray(energy, np.float32))


def _shares(left: float) -> Floats:
    """Of each tone, float32 (256,)."""
    tones = np.arange(256, dtype=np.float32)
    beyond = np.maximum(tones - _BRIGHTEST, _DARKEST - tones) / _FADES
    return np.asarray(np.clip(1 - beyond, left, 1), np.float32)
