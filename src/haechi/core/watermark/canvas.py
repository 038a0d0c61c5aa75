"""Pictures as the mark sees them: scaled luma, whitening, perceptual mask, and the coefficients of tiles.

Method: luma (BT.601) scaled to a long side of 512 px. Whitening, the same for writer and reader: subtract what a
bilateral filter [1] leaves (9 px, 12 grey levels; 80 for blurred pictures), so that edges and letters go and the mark
stays; divide by the local deviation (box 7 px, twice), clip at 1.8. The mask that scales the mark follows the local
deviation of everything that is not coarser than the band (Gaussian, sigma 4 px), so that texture hides it and smooth
skin is spared [2].
[1] Tomasi, Manduchi. ICCV 1998.   [2] Voloshynovskiy et al. Information Hiding 1999 (noise visibility function).
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.watermark.pattern import COUNT, FREQUENCIES, LONG_SIDE, TILE

MIN_SIDE_PX: Final = 64
COARSE_SIGMA: Final = 4.0
_BOX = 7
_FLOOR = 1.0
_CLIP = 1.8
_REACH_PX, _NEAR_PX = 9, 5.0
ALIKE_GREY: Final = 12.0
"""Grey levels up to which the bilateral filter takes neighbours for one surface."""
BLURRED_GREY: Final = 80.0
"""The same for blurred and for clipped pictures, where the mark lies on slopes."""
_MASK_POWER, _MASK_FLOOR, _MASK_TOP = 0.7, 2.0, 14.0
LEAST_MASK: Final = _MASK_FLOOR**_MASK_POWER
"""What `mask` gives an even place."""
_SCALE = np.float32(np.sqrt(2) / TILE)
_REACH = int(np.abs(FREQUENCIES).max()) + 1
_ROWS, _COLUMNS = np.abs(FREQUENCIES[:, 0]), FREQUENCIES[:, 1]
_TURN = np.sign(FREQUENCIES[:, 0]).astype(np.float32)
_ANGLES = 2 * np.pi / TILE * np.arange(TILE)[:, None] * np.arange(_REACH)
_WAVES: Final = np.concatenate([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1).astype(np.float32)
"""Cosines and sines of the band's few frequencies, float32 (TILE, 2 * _REACH): a whole transform is not needed."""

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


def luma(image_bgr: Bytes) -> Bytes:
    """uint8 (h, w), BT.601."""
    return np.asarray(cv2.cvtColor(image_bgr, cv2.COLOR_BGR2GRAY) if image_bgr.ndim == 3 else image_bgr, np.uint8)


def canvas(gray: Bytes, long_side: int = LONG_SIDE) -> Floats:
    """Luma scaled to a long side, float32 (h, w), 0-255."""
    height, width = gray.shape
    factor = long_side / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(gray, size, interpolation=way).astype(np.float32)


def scaling(shape: tuple[int, ...], scaled: tuple[int, ...]) -> NDArray[np.float64]:
    """Pixels (x, y, 1) of a picture of a shape (h, w) -> pixels of its scaled form, float64 (3, 3)."""
    matrix = np.diag([scaled[1] / shape[1], scaled[0] / shape[0], 1.0])
    matrix[:2, 2] = (matrix[0, 0] - 1) / 2, (matrix[1, 1] - 1) / 2
    return matrix


def deviation(fine: Floats) -> Floats:
    """Local deviation of a picture without coarse structure, float32 (h, w), grey levels."""
    power = cv2.blur(cv2.blur(fine * fine, (_BOX, _BOX)), (_BOX, _BOX))
    return np.sqrt(np.maximum(power, 0))  # the running sums of the box can end just below zero


def without_coarse(scaled: Floats) -> Floats:
    """What the band can hold."""
    return scaled - cv2.GaussianBlur(scaled, (0, 0), COARSE_SIGMA)


def whiten(scaled: Floats, alike_grey: float = ALIKE_GREY) -> Floats:
    """float32 (h, w), about unit deviation everywhere."""
    levels = np.clip(scaled + np.float32(0.5), 0, 255).astype(np.uint8)
    fine = scaled - cv2.bilateralFilter(levels, _REACH_PX, alike_grey, _NEAR_PX)
    return np.asarray(np.clip(fine / (deviation(fine) + np.float32(_FLOOR)), -_CLIP, _CLIP), np.float32)


def mask(scaled: Floats) -> Floats:
    """How much of the mark each pixel bears, float32 (h, w), relative."""
    return lively(deviation(without_coarse(scaled)))


def lively(local: Floats) -> Floats:
    """How much of the mark places of a local deviation (grey levels) bear, float32 of the same shape, relative."""
    bounded = np.clip(local, 0, _MASK_TOP) + np.float32(_MASK_FLOOR)
    return np.asarray(cv2.pow(bounded, _MASK_POWER), np.float32)


def to_tiles(plane: Floats) -> Floats:
    """Tiles of a plane padded with zeros: float32 (rows, columns, TILE, TILE)."""
    height, width = plane.shape
    rows, columns = -(-height // TILE), -(-width // TILE)
    padded = np.zeros((rows * TILE, columns * TILE), np.float32)
    padded[:height, :width] = plane
    return np.ascontiguousarray(padded.reshape(rows, TILE, columns, TILE).swapaxes(1, 2))


def coefficients(tiles: Floats) -> Floats:
    """Coefficients of tiles in the band's orthonormal basis.

    Args:
        tiles: float32 (..., TILE, TILE).

    Returns:
        float32 (..., 2 * COUNT): cosine and sine in turn.
    """
    across = tiles @ _WAVES  # (..., TILE, cosines and sines of kx)
    both = (_WAVES.T @ across).reshape(*tiles.shape[:-2], 2, _REACH, 2, _REACH)[..., :, _ROWS, :, _COLUMNS]
    both = np.moveaxis(both, 0, -1)  # (..., 2 of ky, 2 of kx, COUNT)
    out = np.empty((*tiles.shape[:-2], COUNT, 2), np.float32)
    out[..., 0] = both[..., 0, 0, :] - _TURN * both[..., 1, 1, :]
    out[..., 1] = both[..., 0, 1, :] + _TURN * both[..., 1, 0, :]
    return out.reshape(*tiles.shape[:-2], 2 * COUNT) * _SCALE


def synthesise(values: Floats) -> Floats:
    """Tiles from coefficients (..., 2 * COUNT): the inverse of `coefficients` within the band."""
    pairs = values.reshape(-1, COUNT, 2) * _SCALE
    both = np.zeros((len(pairs), 2, _REACH, 2, _REACH), np.float32)
    for sign in (1, -1):  # ky and -ky share their products
        of = sign == _TURN
        rows, columns = _ROWS[of], _COLUMNS[of]
        both[:, 0, rows, 0, columns] += pairs[:, of, 0]
        both[:, 1, rows, 1, columns] -= sign * pairs[:, of, 0]
        both[:, 0, rows, 1, columns] += pairs[:, of, 1]
        both[:, 1, rows, 0, columns] += sign * pairs[:, of, 1]
    tiles = _WAVES @ both.reshape(len(pairs), 2 * _REACH, 2 * _REACH) @ _WAVES.T
    return np.asarray(tiles.reshape(*values.shape[:-1], TILE, TILE), np.float32)


def from_tiles(tiles: Floats, height: int, width: int) -> Floats:
    """The plane that tiles (rows, columns, TILE, TILE) cover, cut to size."""
    rows, columns = tiles.shape[:2]
    return np.ascontiguousarray(tiles.swapaxes(1, 2).reshape(rows * TILE, columns * TILE)[:height, :width])
