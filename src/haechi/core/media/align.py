"""Cut faces out of pictures: similarity warps that do not alias.

Method: a least-squares similarity (Umeyama, IEEE TPAMI 13 (1991) 376) maps a few mesh points to fixed places in the
crop. A crop that shrinks the picture to less than half is cut from an area-averaged copy.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def similarity(source: NDArray[np.float32], target: NDArray[np.float32]) -> NDArray[np.float64]:
    """Find the similarity that maps source to target best.

    Args:
        source: float (n, 2), n >= 2, not all equal.
        target: float (n, 2).

    Returns:
        float64 (2, 3).
    """
    from_mean, to_mean = source.mean(axis=0, dtype=np.float64), target.mean(axis=0, dtype=np.float64)
    one, other = source - from_mean, target - to_mean
    u, weights, v = np.linalg.svd(other.T @ one / len(source))
    flip = np.array([1.0, np.sign(np.linalg.det(u @ v))])
    rotation = u @ np.diag(flip) @ v
    scale = float((weights * flip).sum()) / max(float(one.var(axis=0).sum()), 1e-12)
    shift = to_mean - scale * rotation @ from_mean
    return np.asarray(np.column_stack([scale * rotation, shift]), np.float64)


def cut(image_bgr: NDArray[np.uint8], matrix: NDArray[np.float64], side: int) -> NDArray[np.uint8]:
    """Warp a square out of a picture; what lies outside the picture repeats its border.

    Args:
        image_bgr: uint8 (h, w, 3).
        matrix: float64 (2, 3), picture pixels to crop pixels, a similarity.
        side: of the crop, pixels.
    """
    source, matrix = _shrunk(image_bgr, matrix, side)
    crop = cv2.warpAffine(source, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(crop, np.uint8)


def _shrunk(
    image: NDArray[np.uint8], matrix: NDArray[np.float64], side: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    factor = int(1 / max(float(np.sqrt(abs(np.linalg.det(matrix[:, :2])))), 1e-6))
    if factor < 2:
        return image, matrix
    back = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
    corners = np.array([[0, 0, 1], [side, 0, 1], [0, side, 1], [side, side, 1]]) @ back.T
    height, width = image.shape[:2]
    left, top = (int(max(value, 0)) for value in np.floor(corners[:, :2].min(axis=0)) - factor)
    right, bottom = np.ceil(corners[:, :2].max(axis=0)) + factor
    part = image[top : int(min(max(bottom, 0), height)), left : int(min(max(right, 0), width))]
    wide, high = part.shape[1] // factor, part.shape[0] // factor
    if wide < 1 or high < 1:
        return image, matrix
    small = cv2.resize(part[: high * factor, : wide * factor], (wide, high), interpolation=cv2.INTER_AREA)
    # A small pixel's centre i lies at picture pixel left + factor * i + (factor - 1) / 2.
    grow = np.array([[factor, 0, left + (factor - 1) / 2], [0, factor, top + (factor - 1) / 2], [0, 0, 1]])
    return np.asarray(small, np.uint8), np.asarray(matrix @ grow, np.float64)
