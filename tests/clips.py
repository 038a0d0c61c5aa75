"""Moving pictures made from the sample photograph: the camera moves, the person is repainted from itself."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Frames = list[NDArray[np.uint8]]


def camera(image: NDArray[np.uint8], t: float, side: int = 384) -> NDArray[np.uint8]:
    """What the camera sees at time t."""
    zoom = 1.25 + 0.08 * np.sin(1.1 * t)
    x, y = 235 + 14 * np.sin(1.7 * t), 210 + 10 * np.cos(2.3 * t) + 3 * t
    scale = zoom * side / 512
    matrix = np.array([[scale, 0, side / 2 - scale * x], [0, scale, side / 2 - scale * y]])
    return np.asarray(
        cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT), np.uint8
    )


def repaint_mouth(frames: Frames, first: int, last: int, image: NDArray[np.uint8]) -> Frames:
    """Lay cheek over the mouth of the photograph's face in frames first..last, before the camera moves."""
    altered = image.copy()
    # Mouth and cheek of the 512 px photograph, pixels.
    mouth, cheek = (slice(136, 160), slice(199, 247)), (slice(112, 136), slice(182, 230))
    patch = altered[cheek]
    mask = np.zeros((24, 48, 1), np.float32)
    cv2.ellipse(mask, (24, 12), (21, 10), 0, 0, 360, 1.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), 2)[..., None]
    altered[mouth] = np.round(mask * patch + (1 - mask) * altered[mouth]).astype(np.uint8)
    out = list(frames)
    for k in range(first, last + 1):
        out[k] = camera(altered, k / 25)
    return out
