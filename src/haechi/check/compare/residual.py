"""How much more the probe differs from its master than a benign re-post would, for every cell and frame.

Method: probe and expected probe are band-passed (coding noise above and lighting below are cut), the probe's local gain
is taken out, and the energy of what is left is averaged over small cells. The same is done with a null: the expected
probe sent through an encoder whose loss equals the probe's (`match_quality`). The logarithm of the probe's energy is
regressed on the null's energy, texture and motion, robustly, so that a changed minority cannot hide itself; the
standardised remainder is the score z: about N(0, 1) on a benign copy, far above where content differs.
Invariant: everything here is luma in probe geometry at the working size.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from haechi.core.media.recompress import recompress_video

CRF_TRIED = (18.0, 24.0, 30.0, 36.0, 42.0, 48.0)
# Energy below this many squared levels is rounding: in flat areas its logarithm would mean nothing.
FLOOR = 3.0
# The same for detail that is kept.
KEPT_FLOOR = 10.0
# Least spread of the remainder, natural logarithm: where coding leaves nothing, differences stay small anyway.
MIN_SPREAD = 0.3
N_REGRESSED = 40_000
N_BINS = 12
N_LEVELS = 2048
# How many frames one thread measures in turn.
FRAMES_A_RUN = 24
# How much a whole frame's score may be set off, and over how many frames that is averaged.
FRAME_RANGE, FRAME_SMOOTH = (-1.0, 1.5), 5

Image = NDArray[np.uint8]
Stack = NDArray[np.uint8]
Map = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Bands:
    """The spatial scales of one working size, pixels."""

    fine: float
    coarse: float
    cell: int

    @classmethod
    def of(cls, shape: tuple[int, int]) -> Bands:
        """Scales for a working picture of `shape` (h, w)."""
        side = max(shape)
        return cls(fine=max(0.8, side / 500), coarse=max(5.0, side / 40), cell=max(2, round(side / 160)))


@dataclass(frozen=True, slots=True)
class Energies:
    """Cell maps of one window, float32 (n, gh, gw) each, natural logarithms of squared levels.

    Attributes:
        probe: energy of probe minus expectation.
        null: the same for the re-posted expectation.
        texture: energy of the expectation's own band-passed detail.
        motion: energy of its change since the frame before.
        seen: bool (gh, gw), cells where the probe shows the master.
        kept: how much of that detail the probe has; None where nobody asked.
        null_kept: the same of the re-posted expectation.
    """

    probe: Map
    null: Map
    texture: Map
    motion: Map
    seen: NDArray[np.bool_]
    kept: Map | None = None
    null_kept: Map | None = None


def band_pass(image: NDArray[np.float32], bands: Bands) -> Map:
    """Detail between the fine and the coarse scale, float32 (h, w)."""
    fine = cv2.GaussianBlur(image, (0, 0), bands.fine)
    # The wide blur is taken on a quarter-size picture: the same within 1 % of a level, twenty times faster.
    height, width = image.shape
    small = cv2.resize(image, (max(1, width // 4), max(1, height // 4)), interpolation=cv2.INTER_AREA)
    wide = cv2.GaussianBlur(small, (0, 0), bands.coarse / 4)
    return np.asarray(fine - cv2.resize(wide, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


class Grid:
    """Cells over the part of a picture that can be compared.

    Args:
        seen: bool (h, w), where the probe shows the master.
        bands: the working scales.

    Attributes:
        share: how much of each cell is seen, float32 (gh, gw).
    """

    def __init__(self, seen: NDArray[np.bool_], bands: Bands) -> None:
        self._size = (max(1, seen.shape[1] // bands.cell), max(1, seen.shape[0] // bands.cell))
        self._weight = None if seen.all() else seen.astype(np.float32)
        self._reach = 2 * round(2.5 * bands.coarse / bands.cell) + 1
        self.share = _spread(cv2.resize(seen.astype(np.float32), self._size, interpolation=cv2.INTER_AREA))

    def power(self, detail: Map) -> Map:
        """Sum of squared detail in each cell, over the cell's size, float32 (gh, gw)."""
        return self.product(detail, detail)

    def smoothed(self, power: Map) -> Map:
        """Power of what is seen, averaged with the neighbours' a little, float32 (gh, gw)."""
        return np.asarray(_spread(power) / np.maximum(self.share, 1e-3), dtype=np.float32)

    def apart(self, picture: Map, product: Map, power: Map) -> Map:
        """Energy of a picture's detail less the expected detail times the local gain, float32 (gh, gw).

        The gain varies slowly, so that it is the same all over a cell: the energy follows from the cell's own powers.

        Args:
            picture: detail, float32 (h, w).
            product: of it and of the expected detail.
            power: of the expected detail.
        """
        fitted, whole = (cv2.boxFilter(values, -1, (self._reach, self._reach)) for values in (product, power))
        gain = np.clip((fitted + 2.0) / (whole + 2.0), 0.5, 2.0)
        return self.smoothed(np.maximum(self.power(picture) - 2.0 * gain * product + gain * gain * power, 0.0))

    def product(self, a: Map, b: Map) -> Map:
        """Sum of two details' product in each cell, over the cell's size, float32 (gh, gw)."""
        product = cv2.multiply(a, b)
        if self._weight is not None:
            product = cv2.multiply(product, self._weight)
        return np.asarray(cv2.resize(product, self._size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def _spread(values: NDArray[Any]) -> Map:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), 0.8), dtype=np.float32)


def match_quality(
    probes: Sequence[Image], expected: Sequence[Map], seen: NDArray[np.bool_], frame_rate: float, bands: Bands
) -> float:
    """The x264 crf whose loss on the expectation equals the probe's typical loss.

    Args:
        probes: consecutive probe pictures, uint8 (h, w).
        expected: what they would be without loss, float32 (h, w).
        seen: bool (h, w), where the probe shows the master.
        frame_rate: of these frames.
        bands: the working scales.
    """
    clean = np.stack([np.clip(e, 0, 255).astype(np.uint8) for e in expected])
    wanted = loss(probes, expected, seen, bands)
    losses: dict[int, float] = {}

    def lost(k: int) -> float:
        if k not in losses:
            losses[k] = loss(list(recompress_video(clean, frame_rate, CRF_TRIED[k])), expected, seen, bands)
        return losses[k]

    # The loss grows with the crf: halve the range until two neighbours enclose what is wanted.
    low, high = 0, len(CRF_TRIED) - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if wanted <= lost(middle) else (middle, high)
    ends = lost(low), max(lost(low), lost(high))
    return float(np.interp(wanted, ends, (CRF_TRIED[low], CRF_TRIED[high])))


def loss(pictures: Sequence[Image], expected: Sequence[Map], seen: NDArray[np.bool_], bands: Bands) -> float:
    """Log of the median cell energy of pictures minus expectation: how much a chain typically lost."""
    grid = Grid(seen, bands)
    inside = grid.share > 0.9
    if not inside.any():
        return 0.0
    maps = []
    for picture, clean in zip(pictures, expected, strict=True):
        detail = band_pass(clean, bands)
        ours = band_pass(np.where(seen, picture, clean).astype(np.float32), bands)
        maps.append(grid.apart(ours, grid.product(ours, detail), grid.power(detail)))
    return float(np.log(np.median(np.stack(maps)[:, inside]) + FLOOR))


def measure(
    probes: Stack, expected: Sequence[NDArray[Any]], nulls: tuple[Stack, Stack], seen: NDArray[np.bool_], bands: Bands
) -> tuple[Energies, Energies]:
    """Energies of one window, and those it would have if it were a harmless copy.

    Args:
        probes: uint8 (n, h, w).
        expected: n pictures (h, w) of any type.
        nulls: two benign re-posts of the expectation, uint8 (n, h, w) each: what the probe is measured by, and another
            one that takes the probe's place in the second answer.
        seen: bool (h, w).
        bands: the working scales.
    """
    grid = Grid(seen, bands)

    def run(frames: NDArray[np.int64]) -> list[tuple[Map, ...]]:
        # The first frame has none before it: it is taken to move as the second does.
        first = expected[frames[0] - 1 if frames[0] else min(1, len(expected) - 1)]
        before = band_pass(first.astype(np.float32), bands)
        found = []
        for i in frames:
            clean = expected[i].astype(np.float32)
            detail = band_pass(clean, bands)
            power = grid.power(detail)
            # Foreign surroundings (bars, a frame) must not leak in through the wide blur.
            inner = np.where(seen, probes[i], clean).astype(np.float32)
            pictures = (inner, nulls[0][i].astype(np.float32), nulls[1][i].astype(np.float32))
            shown = [band_pass(picture, bands) for picture in pictures]
            products = [grid.product(picture, detail) for picture in shown]
            apart = [grid.apart(*one, power) for one in zip(shown, products, strict=True)]
            moved = grid.smoothed(grid.power(detail - before))
            kept = [np.log(np.maximum(grid.smoothed(one), 0.0) + KEPT_FLOOR) for one in products]
            found.append((*(np.log(energy + FLOOR) for energy in (*apart, grid.smoothed(power), moved)), *kept))
            before = detail
        return found

    runs = np.array_split(np.arange(len(probes)), max(1, len(probes) // FRAMES_A_RUN))
    with ThreadPoolExecutor() as pool:
        layers = [layer for found in pool.map(run, runs) for layer in found]
    stacks = [np.stack(layer).astype(np.float32) for layer in zip(*layers, strict=True)]
    probe, null, second, texture, motion, kept, null_kept, second_kept = stacks
    energies = Energies(probe, null, texture, motion, grid.share > 0.6, kept, null_kept)
    return energies, replace(energies, probe=second, kept=second_kept)


@dataclass(frozen=True, slots=True)
class Scores:
    """How far each cell and frame lies above a benign re-post.

    Attributes:
        z: standardised remainder, float32 (n, gh, gw); 0 where the probe does not show the master.
        predicted: log energy that a benign re-post has there, same shape: scores are comparable at equal prediction.
        seen: bool (gh, gw), cells that can be compared.
    """

    z: Map
    predicted: Map
    seen: NDArray[np.bool_]


def standardise(energies: Energies) -> Scores:
    """Score every cell and frame; see the module for the method."""
    features = _features(energies)
    inside = np.broadcast_to(energies.seen, energies.probe.shape)
    sample = _sample(inside)
    if len(sample) < 50:
        return Scores(np.zeros_like(energies.probe), np.zeros_like(energies.probe), energies.seen)
    x = np.stack([f.ravel()[sample] for f in features], 1).astype(np.float64)
    y = energies.probe.ravel()[sample].astype(np.float64)
    weights = _robust_fit(x, y)
    predicted = np.zeros_like(energies.probe)
    for feature, weight in zip(features, weights, strict=True):
        predicted += np.float32(weight) * feature
    z = level(energies.probe - predicted, predicted, inside, MIN_SPREAD)
    # An encoder spends less on some frames (the last ones, those that none refers to), over all of the picture.
    middles = ndimage.uniform_filter1d(np.median(z[:, energies.seen], axis=1), FRAME_SMOOTH, mode="nearest")
    z -= np.where(energies.seen, np.clip(middles, *FRAME_RANGE)[:, None, None], 0.0).astype(np.float32)
    return Scores(z, predicted, energies.seen)


def level(values: Map, predicted: Map, inside: NDArray[np.bool_], least: float) -> Map:
    """Values less their centre, over their spread, both at equal prediction; 0 outside of `inside`.

    Half of what lies below the centre gives the spread: changes only ever raise the energy.

    Args:
        values: float32 (n, gh, gw).
        predicted: same shape; its quantiles are the bins.
        inside: bool, same shape.
        least: smallest spread allowed.
    """
    picked = _sample(inside)
    sample, by = values.ravel()[picked], predicted.ravel()[picked]
    order = np.argsort(by)
    centres, middles, widths = [], [], []
    for part in np.array_split(order, max(1, min(N_BINS, len(order) // 100))):
        low, middle = np.percentile(sample[part], [15.87, 50])
        centres.append(float(np.median(by[part])))
        middles.append(float(middle))
        widths.append(max(float(middle - low), least))
    # By a table: exact interpolation of millions of cells takes several times as long and changes nothing.
    grid = np.linspace(centres[0], centres[-1], N_LEVELS)
    step = max(float(grid[-1] - grid[0]), 1e-6) / (N_LEVELS - 1)
    place = np.clip((predicted - np.float32(grid[0])) * np.float32(1 / step) + np.float32(0.5), 0, N_LEVELS - 1)
    place = place.astype(np.int16)
    middle_of, width_of = (np.interp(grid, centres, knots).astype(np.float32) for knots in (middles, widths))
    return np.where(inside, (values - middle_of[place]) / width_of[place], np.float32(0.0))


def _sample(inside: NDArray[np.bool_]) -> NDArray[np.int64]:
    """At most N_REGRESSED places of the flattened volume that are inside, the same ones each time."""
    picked = np.flatnonzero(inside.ravel())
    if len(picked) <= N_REGRESSED:
        return picked
    drawn = np.random.default_rng(1).choice(len(picked), N_REGRESSED, replace=False, shuffle=False)
    return np.asarray(picked[drawn])


def _features(energies: Energies) -> list[Map]:
    kernel = np.ones((5, 1, 1), np.float32)
    padded = np.pad(energies.null, ((2, 2), (0, 0), (0, 0)), mode="edge")
    steady = sum(padded[k : k + len(energies.null)] for k in range(len(kernel))) / np.float32(len(kernel))
    ones = np.ones_like(energies.null)
    return [ones, energies.null, np.asarray(steady, np.float32), energies.texture, energies.motion]


def _robust_fit(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least squares that repeatedly drops what lies far above: a change may fill a third of the picture."""
    keep = np.ones(len(y), bool)
    ridge = 1e-3 * np.eye(x.shape[1]) * len(y)
    ridge[0, 0] = 0.0
    weights: NDArray[np.float64] = np.zeros(x.shape[1])
    for _ in range(6):
        xs, ys = x[keep], y[keep]
        weights = np.asarray(np.linalg.solve(xs.T @ xs + ridge, xs.T @ ys), dtype=np.float64)
        remainder = y - x @ weights
        middle = float(np.median(remainder[keep]))
        scale = 1.4826 * float(np.median(np.abs(remainder[keep] - middle))) + 1e-6
        keep = (remainder - middle < 2.0 * scale) & (remainder - middle > -4.0 * scale)
    return weights
