"""Which stretch of a master a stretch of a probe shows, read from how the small pictures move.

Method: probe pictures are warped into the master's frame. A window of about 2.5 s of them, less its mean over
time, is correlated with the master at every
offset and speed: captions, logos, bars and filters stand still and drop out, and another take of the same scene
moves otherwise.
Windows that agree on one offset and speed make a segment; what is left is searched for further segments (joined
pieces).
Limits: a still scene has no motion to compare; then only the pictures themselves speak.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

SPEEDS: Final = tuple(round(0.9 + 0.02 * k, 2) for k in range(11))

_WINDOW_S, _STEP_S, _GRID_S = 2.4, 0.8, 0.04
_FINE = 4
"""Steps of time to one of the grid: far less than what two pictures are apart."""
_MIN_WINDOW_PICTURES = 8
_OVERHANG_S = 0.06
_ENERGY_POINTS = 16
_STILL = 2.0
"""Deviation over time, grey levels, that codec noise does not reach."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Motion:
    """Small pictures over time.

    Attributes:
        times: float64 (n,) seconds.
        pictures: float32 (n, d), the pixels that are compared.
    """

    times: NDArray[np.float64]
    pictures: Floats


@dataclass(frozen=True, slots=True)
class Alignment:
    """A probe stretch that moves like a master stretch.

    Attributes:
        start_s, end_s: probe seconds.
        offset_s: master seconds at `start_s`.
        speed: master seconds per probe second.
        correlation: mean over the windows, -1 to 1.
        windows: how many windows agree.
    """

    start_s: float
    end_s: float
    offset_s: float
    speed: float
    correlation: float
    windows: int


@dataclass(frozen=True, slots=True)
class _Windows:
    starts: NDArray[np.float64]
    length_s: float
    correlation: Floats
    """(windows, speeds, offsets) on the grid of master times"""


@dataclass(frozen=True, slots=True)
class _Target:
    """The master, prepared for windows of one length.

    Attributes:
        times: float64 (n,) seconds.
        pictures: float32 (n, d), each less its own mean.
        grid: float64 (g,) starts that are tried.
        energy: float64 (speeds, g), mean square deviation over time of the stretch; nan where it does not fit.
    """

    times: NDArray[np.float64]
    pictures: Floats
    grid: NDArray[np.float64]
    energy: NDArray[np.float64]


def align(probe: Motion, master: Motion, least: float, most: int = 6) -> list[Alignment]:
    """Stretches whose mean correlation reaches `least`, best first; at most `most`."""
    windows = _correlate(probe, master)
    found: list[Alignment] = []
    if windows is None:
        return found
    free = np.ones(len(windows.starts), bool)
    while free.any() and len(found) < most:
        one, used = _best_line(windows, free, master, least)
        if one is None:
            break
        found.append(one)
        free &= ~used
    return found


def is_still(motion: Motion) -> bool:
    """Nothing moves enough to be compared: even of the most moving pixels most stay within the noise."""
    return _stirring(motion.pictures) < _STILL


def _stirring(pictures: Floats) -> float:
    """Deviation over time, grey levels, that a twentieth of the pixels exceed."""
    if len(pictures) < 2 or not pictures.shape[1]:
        return 0.0
    return float(np.quantile(pictures.std(axis=0), 0.95))


def _correlate(probe: Motion, master: Motion) -> _Windows | None:
    if len(probe.times) < _MIN_WINDOW_PICTURES or len(master.times) < _MIN_WINDOW_PICTURES:
        return None
    whole = float(probe.times[-1] - probe.times[0])
    length = min(_WINDOW_S, whole, float(master.times[-1] - master.times[0]) / SPEEDS[-1])
    target = _prepare(master, length)
    centred = probe.pictures - probe.pictures.mean(axis=1, keepdims=True)
    last = max(probe.times[0], probe.times[-1] - length)
    starts, kept = [], []
    for first in np.unique(np.append(np.arange(probe.times[0], last, _STEP_S), last)):
        inside = (probe.times >= first - 1e-6) & (probe.times <= first + length + 1e-6)
        part = centred[inside]
        if len(part) >= _MIN_WINDOW_PICTURES and _stirring(part) >= _STILL:
            starts.append(float(first))
            kept.append(_along_lines(part - part.mean(axis=0), probe.times[inside] - first, target))
    return _Windows(np.array(starts), length, np.stack(kept)) if starts else None


def _prepare(master: Motion, length: float) -> _Target:
    pictures = (master.pictures - master.pictures.mean(axis=1, keepdims=True)).astype(np.float32)
    times = master.times
    grid = np.arange(times[0], times[-1] + 1e-6, _GRID_S)
    products = pictures @ pictures.T
    delays = np.linspace(0.0, length, _ENERGY_POINTS)
    energy = np.full((len(SPEEDS), len(grid)), np.nan)
    for number, speed in enumerate(SPEEDS):
        fits = grid + speed * length <= times[-1] + _OVERHANG_S
        shown = _nearest(times, grid[fits][:, None] + speed * delays)
        # Mean square less square of the mean, from the products of the pictures shown.
        square = products[shown, shown].mean(axis=1)
        mean = np.mean([products[shown, column[:, None]].mean(axis=1) for column in shown.T], axis=0)
        energy[number, fits] = square - mean
    return _Target(times, pictures, grid, energy)


def _nearest(times: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.int64]:
    after = np.clip(np.searchsorted(times, wanted), 1, len(times) - 1)
    return np.asarray(after - (wanted - times[after - 1] < times[after] - wanted), np.int64)


def _along_lines(part: Floats, delays: NDArray[np.float64], target: _Target) -> Floats:
    """Correlation of one window at every speed and start, float32 (speeds, grid)."""
    product = _finely(part @ target.pictures.T, target.times)
    norm = float(np.linalg.norm(part))
    result = np.full(target.energy.shape, -1.0, np.float32)
    for number, speed in enumerate(SPEEDS):
        fits = np.isfinite(target.energy[number])
        count = int(fits.sum())  # the first of the grid
        total = np.zeros(count, np.float32)
        for row, step in zip(product, np.rint(speed * delays * (_FINE / _GRID_S)).astype(int), strict=True):
            total += row[step : step + _FINE * count : _FINE]
        expected = norm * np.sqrt(np.maximum(target.energy[number, fits], 1e-3) * len(delays))
        result[number, fits] = total / (expected + 1e-6)
    return result


def _finely(rows: Floats, times: NDArray[np.float64]) -> Floats:
    """Columns, which are at `times`, drawn out linearly to every fine step from the first to beyond the last."""
    wanted = np.arange(times[0], times[-1] + _OVERHANG_S + _GRID_S, _GRID_S / _FINE)
    after = np.clip(np.searchsorted(times, wanted), 1, len(times) - 1)
    share = np.clip((wanted - times[after - 1]) / (times[after] - times[after - 1]), 0.0, 1.0).astype(np.float32)
    return np.asarray((1.0 - share) * rows[:, after - 1] + share * rows[:, after], np.float32)


def _best_line(
    windows: _Windows, free: NDArray[np.bool_], master: Motion, least: float
) -> tuple[Alignment | None, NDArray[np.bool_]]:
    """The offset and speed on which most free windows agree, and which windows those are."""
    count = windows.correlation.shape[2]
    best: tuple[float, int, int] | None = None
    index = np.flatnonzero(free)
    for number, speed in enumerate(SPEEDS):
        shift = np.round(speed * windows.starts / _GRID_S).astype(int)
        reach = int(shift.max()) if len(shift) else 0
        total = np.zeros(count + reach)
        for w in index:
            begin = reach - shift[w]
            total[begin : begin + count] += np.maximum(0.0, _widened(windows.correlation[w, number]) - least) + 1e-6
        at = int(total.argmax())
        if best is None or total[at] > best[0]:
            best = (float(total[at]), number, at - reach)
    if best is None or best[0] <= 1e-3:
        return None, free
    _, number, origin = best
    speed = SPEEDS[number]
    values = np.full(len(windows.starts), -1.0)
    for w in index:
        at = origin + round(speed * windows.starts[w] / _GRID_S)
        near = windows.correlation[w, number, max(0, at - 2) : max(0, at + 3)]
        values[w] = float(near.max()) if near.size else -1.0
    used = free & (values >= least)
    if not used.any():
        return None, free
    start = float(windows.starts[used].min())
    end = float(windows.starts[used].max()) + windows.length_s
    offset = float(master.times[0]) + origin * _GRID_S + speed * start
    return Alignment(start, end, offset, speed, float(values[used].mean()), int(used.sum())), used


def _widened(values: Floats) -> Floats:
    """Each value replaced by the largest within two grid steps: speeds between those tried still agree."""
    padded = np.pad(values, 2, mode="edge")
    return np.asarray(np.max([padded[k : k + len(values)] for k in range(5)], axis=0), np.float32)
