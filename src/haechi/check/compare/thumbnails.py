"""Small luma pictures of a probe and its master in one geometry, and how far every frame of one is from every frame
of the other: what `timing` finds its lines in.

Method: both clips become small luma thumbnails in the probe's geometry, less the places where something foreign lies
over the probe (captions, logos), and under the probe's shade (a vignette). The squared distance of every probe frame to
every master frame is one matrix product; each pair gets the gain that fits it best.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.check.compare.geometry import Affine, square

THUMB_SIDE = 128
# A lasting difference above this is foreign content, not coding or a moment's misalignment; levels.
OVERLAY_LEVELS = 16.0
# How much a copy's contrast may differ.
GAIN = (0.5, 2.0)
# A shade counts from this ratio of its lightest to its darkest place; so many pairs tell it.
LEAST_SHADE, SHADE_PAIRS, SHADE_ROUNDS = 1.2, 8, 4
# Half a picture that agrees so well is ours, whatever the other half was replaced with.
SAME_HALF = 0.9

Stack = NDArray[np.uint8]


class Thumbnails:
    """Small blurred luma pictures of a clip, laid into the probe's geometry by any map.

    Args:
        frames: luma uint8 (n, h, w).
        side: long side of a thumbnail.
    """

    def __init__(self, frames: Stack, side: int = THUMB_SIDE) -> None:
        self._frames = frames
        self._side = side
        self._shrunk: dict[float, Stack] = {}

    def plain(self) -> NDArray[np.float32]:
        """The clip's own pictures, float32 (n, th, tw), made as `laid` makes those of another clip."""
        height, width = self._frames.shape[1:]
        return self.laid(np.eye(2, 3), (height, width))

    def laid(self, matrix: Affine, shape: tuple[int, int]) -> NDArray[np.float32]:
        """The pictures in probe geometry, float32 (n, th, tw).

        Args:
            matrix: map from these frames to the probe.
            shape: (h, w) of the probe at its working size.
        """
        size = self._size(shape)
        frames = self._at(self._shrink(matrix, shape, size))
        height, width = self._frames.shape[1:]
        shrunk = _stretching(frames.shape[2] / width, frames.shape[1] / height)
        small = _stretching(size[0] / shape[1], size[1] / shape[0]) @ square(matrix) @ np.linalg.inv(shrunk)
        return _blurred([cv2.warpAffine(frame, small[:2], size, flags=cv2.INTER_LINEAR) for frame in frames])

    def covered(self, matrix: Affine, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Where these pictures lie in the probe, bool (th, tw)."""
        ones = np.full(self._frames.shape[1:], 255, np.uint8)
        return np.asarray(Thumbnails(ones[None], self._side).laid(matrix, shape)[0] > 250)

    def _size(self, shape: tuple[int, int]) -> tuple[int, int]:
        factor = self._side / max(shape)
        return max(8, round(shape[1] * factor)), max(8, round(shape[0] * factor))

    def _shrink(self, matrix: Affine, shape: tuple[int, int], size: tuple[int, int]) -> float:
        """How far the frames are shrunk before they are laid, so that nothing aliases.

        In steps, so that placements of about one scale share the shrunk frames.
        """
        scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
        wanted = min(1.0, 1.5 * max(size[0] / shape[1], size[1] / shape[0]) * scale)
        return min(1.0, float(2.0 ** (np.ceil(4 * np.log2(max(wanted, 1e-3))) / 4)))

    def _at(self, shrink: float) -> Stack:
        if shrink >= 1.0:
            return self._frames
        if shrink not in self._shrunk:
            height, width = self._frames.shape[1:]
            size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
            small = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in self._frames]
            self._shrunk[shrink] = np.stack(small).astype(np.uint8)
        return self._shrunk[shrink]


def _stretching(x: float, y: float) -> NDArray[np.float64]:
    """What resizing by a factor per axis does to pixel coordinates, float64 (3, 3)."""
    return np.array([[x, 0.0, 0.5 * (x - 1.0)], [0.0, y, 0.5 * (y - 1.0)], [0.0, 0.0, 1.0]])


def _blurred(pictures: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
    return np.stack([cv2.GaussianBlur(p.astype(np.float32), (0, 0), 0.7) for p in pictures])


def distances(
    probe: NDArray[np.float32],
    master: NDArray[np.float32],
    seen: NDArray[np.bool_],
    matched: NDArray[np.int64] | None = None,
    alike: NDArray[np.float32] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How far every probe frame is from every master frame.

    Once a first alignment is known, pixels that something foreign covers for long (captions, logos) are left out, and
    the master is shaded as the probe is: a vignette differs from all moments alike and would hide which one it is.

    Args:
        probe: thumbnails float32 (n_probe, h, w).
        master: thumbnails float32 (n_master, h, w), in probe geometry.
        seen: bool (h, w), where the probe shows the master.
        matched: int64 (n_probe,) from a first alignment, or None.
        alike: the correlations, where a call without `matched` has told them.

    Returns:
        Mean squared difference of moving content, and correlation of the whole pictures or of the half that agrees
        nearly wholly, float32 (n_probe, n_master) each.
    """
    x, y = probe[:, seen], master[:, seen]
    if x.shape[1] == 0:
        zeros = np.zeros((len(probe), len(master)), np.float32)
        return zeros, zeros
    x, y = _centred(x), _centred(y)
    if alike is None:
        alike = _alike(x, y)
        for half in _halves(seen):
            part = _alike(_centred(probe[:, half]), _centred(master[:, half]))
            alike = np.where(part >= SAME_HALF, np.maximum(part, alike), alike)
    kept = np.flatnonzero(matched >= 0) if matched is not None else np.zeros(0, np.int64)
    if matched is not None and len(kept) >= 8:
        shade = _shade(probe[kept], master[matched[kept]], seen)
        apart = _apart(x[kept], y[matched[kept]])
        if shade is not None:
            shaded = _centred(master[:, seen] * shade[seen])
            apart_shaded = _apart(x[kept], shaded[matched[kept]])
            # Of a black picture a shade is fitted to noise: it must bring the aligned pairs nearer.
            if _typical(apart_shaded) < _typical(apart):
                y, apart = shaded, apart_shaded
        ours = _never_covered(apart)
        x, y = _centred(x[:, ours]), _centred(y[:, ours])
    # Each pair with the gain that fits it best: contrast may differ from frame to frame.
    power, product = (x**2).sum(1)[:, None], x @ y.T
    gains = np.clip(product / np.maximum(power, 1e-3), *GAIN)
    squared = gains**2 * power - 2.0 * gains * product + (y**2).sum(1)[None, :]
    return np.asarray(np.maximum(squared, 0.0) / x.shape[1], dtype=np.float32), alike.astype(np.float32)


def _apart(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Aligned pictures less each other under one gain; all float32 (n, n_pixels), x and y centred."""
    gain = np.clip((x * y).sum() / max(float((x**2).sum()), 1e-3), *GAIN)
    return np.asarray(np.float32(gain) * x - y, np.float32)


def _typical(apart: NDArray[np.float32]) -> float:
    """How far most aligned pictures are apart, squared levels."""
    return float(np.median((apart**2).mean(1)))


def _alike(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Correlation of every picture with every other; both (n, n_pixels), centred."""
    lengths = np.linalg.norm(x, axis=1)[:, None] * np.linalg.norm(y, axis=1)[None, :]
    return np.asarray((x @ y.T) / np.maximum(lengths, 1e-3), dtype=np.float32)


def _halves(seen: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Upper, lower, left and right half of what is seen, every fourth pixel; each bool (h, w)."""
    ys, xs = np.nonzero(seen)
    sparse = np.zeros_like(seen)
    sparse[::2, ::2] = seen[::2, ::2]
    row, column = np.median(ys), np.median(xs)
    y, x = np.indices(seen.shape)
    return [sparse & side for side in (y < row, y >= row, x < column, x >= column)]


def _centred(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(pictures - pictures.mean(1, keepdims=True), dtype=np.float32)


def _shade(
    probe: NDArray[np.float32], master: NDArray[np.float32], seen: NDArray[np.bool_]
) -> NDArray[np.float32] | None:
    """How much darker or lighter each place of the probe is, float32 (h, w); None where that is even.

    Method: a surface of seven terms in place (a vignette is even in the fourth power of the distance), times the
    master, and a level; Cauchy-weighted least squares, so that captions and faces in other moments pull little.

    Args:
        probe: thumbnails of aligned pairs, float32 (n_pairs, h, w).
        master: their masters, same shape.
        seen: bool (h, w), where the probe shows the master.
    """
    height, width = seen.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y, (x * x + y * y) ** 2], -1)
    sparse = np.zeros_like(seen)
    sparse[::2, ::2] = seen[::2, ::2]
    some = np.unique(np.linspace(0, len(probe) - 1, SHADE_PAIRS).astype(int))
    theirs, ours = master[some][:, sparse].astype(np.float64), probe[some][:, sparse].astype(np.float64).ravel()
    rows = (theirs[..., None] * terms[sparse]).reshape(len(ours), -1)
    rows = np.concatenate([rows, np.ones((len(ours), 1))], 1)
    weight = np.ones(len(ours))
    for _ in range(SHADE_ROUNDS):
        weighted = rows * weight[:, None]
        fitted = np.linalg.solve(weighted.T @ rows + 1e-3 * np.eye(rows.shape[1]), weighted.T @ ours)
        error = np.abs(ours - rows @ fitted)
        weight = 1.0 / (1.0 + (error / max(2.0 * float(np.median(error)), 1.0)) ** 2)
    surface = terms @ fitted[:-1]
    low, high = float(surface[seen].min()), float(surface[seen].max())
    if low <= 0 or high / low < LEAST_SHADE:
        return None
    return np.asarray(surface / np.median(surface[seen]), np.float32)


def _never_covered(apart: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Pixels that nothing foreign covers for long (captions, logos, a replaced face), bool (n_pixels,).

    Args:
        apart: probe less master of aligned pairs, float32 (n_pairs, n_pixels).
    """
    # What is foreign moves the pictures' means, and with them all the rest.
    apart = apart - np.median(apart, axis=1, keepdims=True)
    covered = _mostly_over(np.abs(apart), OVERLAY_LEVELS)
    return np.asarray(~covered if covered.mean() < 0.6 else np.ones_like(covered))


def _mostly_over(values: NDArray[np.float32], bound: float) -> NDArray[np.bool_]:
    """Whether the 80th percentile of each column lies over a bound, bool (n_columns,), of float32 (n_rows, n_columns).

    Counting tells it of most columns at a tenth of the time.
    """
    over, below = (values > bound).sum(0), int(0.8 * (len(values) - 1))
    told = over >= len(values) - below
    between = over == len(values) - below - 1
    told[between] = np.percentile(values[:, between], 80, axis=0) > bound
    return np.asarray(told)
