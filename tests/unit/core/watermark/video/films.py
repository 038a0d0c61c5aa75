"""Films for the tests of the video mark: drawn scenes that drift, or before which something moves."""

from __future__ import annotations

import cv2
import numpy as np

from unit.core.watermark.scenery import scene


def still_film(width: int, height: int, count: int, seed: int = 0) -> list[np.ndarray]:
    """A scene before which a disc moves: luma, uint8 (height, width) each."""
    back = cv2.cvtColor(scene(width, height, seed, depth=3.0), cv2.COLOR_BGR2GRAY)
    places = [(width // 4 + k * width // (2 * count), height // 2) for k in range(count)]
    return [cv2.circle(back.copy(), place, height // 6, 60, -1) for place in places]


def film(width: int, height: int, count: int, seed: int = 0) -> list[np.ndarray]:
    """A scene that drifts: luma, uint8 (height, width) each."""
    large = cv2.cvtColor(scene(width + 2 * count, height + count, seed), cv2.COLOR_BGR2GRAY)
    return [np.ascontiguousarray(large[k : k + height, 2 * k : 2 * k + width]) for k in range(count)]


def coded(frames: list[np.ndarray], quality: int) -> list[np.ndarray]:
    """Each through JPEG."""
    data = [cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])[1] for frame in frames]
    return [cv2.imdecode(one, cv2.IMREAD_GRAYSCALE) for one in data]
