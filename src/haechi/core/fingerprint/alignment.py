"""Which stretch of a master a stretch of a probe shows, read from how the small pictures move.

Method: probe pictures are warped into the master's frame. A window of about 2.5 s of them, less its mean over time, is correlated with the master at every
offset and speed: captions, logos, bars and filters stand still and drop out, and another take of the same scene moves otherwise.
Windows that agree on one offset and speed make a segment; what is left is searched for further segments (joined pieces).
Limits: a still scene has no motion to compare; then only the pictures themselves speak.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

SPEEDS: Final = tuple(round(0.9 + 0.02 * k, 2) for k in range(11))

_WINDOW_S, _STEP_S, _GRID_S = 2.4, 0.8, 0.04
_MIN_WINDOW_PICTURES = 8
_STILL = 1.2
"""Mean deviation over time, grey levels, under which a window counts as still."""

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
    lengths: NDArray[np.float64]
    correlation: Floats
    """(windows, speeds, offsets) on the grid of master times"""


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


def stillness(motion: Motion) -> float:
    """Mean deviation over time, grey levels."""
    return float(motion.pictures.std(axis=0).mean()) if len(motion.times) > 1 else 0.0


def is_still(motion: Motion) -> bool:
    """Nothing moves enough to be compared."""
    return stillness(motion) < _STILL


def _correlate(probe: Motion, master: Motion) -> _Windows | None:
    if len(probe.times) < _MIN_WINDOW_PICTURES or len(master.times) < _MIN_WINDOW_PICTURES:
        return None
    a = probe.pictures - probe.pictures.mean(axis=1, keepdims=True)
    b = master.pictures - master.pictures.mean(axis=1, keepdims=True)
    grid = np.arange(master.times[0], master.times[-1] + 1e-6, _GRID_S)
    length = min(
        _WINDOW_S, float(probe.times[-1] - probe.times[0]), float(master.times[-1] - master.times[0]) / SPEEDS[-1]
    )
    firsts = np.arange(probe.times[0], probe.times[-1] - length + 1e-6, _STEP_S)
    sums = np.concatenate([np.zeros((1, b.shape[1]), np.float64), np.cumsum(b, axis=0, dtype=np.float64)])
    squares = np.concatenate([[0.0], np.cumsum((b.astype(np.float64) ** 2).sum(axis=1))])
    starts, kept = [], []
    for first in firsts:
        inside = (probe.times >= first - 1e-6) & (probe.times <= first + length + 1e-6)
        if inside.sum() < _MIN_WINDOW_PICTURES:
            continue
        part = a[inside] - a[inside].mean(axis=0)
        if float(part.std(axis=0).mean()) < _STILL:
            continue
        starts.append(float(first))
        kept.append(_along_lines(part, probe.times[inside] - first, b, master.times, grid, length, sums, squares))
    if not starts:
        return None
    return _Windows(np.array(starts), np.full(len(starts), length), np.stack(kept))


def _along_lines(
    part: Floats, delays: NDArray[np.float64], b: Floats, times: NDArray[np.float64], grid: NDArray[np.float64],
    length: float, sums: NDArray[np.float64], squares: NDArray[np.float64],
) -> Floats:  # fmt: skip
    """Correlation of one window at every speed and start, (speeds, grid)."""
    product = part @ b.T
    norm = float(np.sqrt((part.astype(np.float64) ** 2).sum()))
    result = np.full((len(SPEEDS), len(grid)), -1.0, np.float32)
    for number, speed in enumerate(SPEEDS):
        fits = grid + speed * length <= times[-1] + 0.06
        begin = grid[fits]
        if not len(begin):
            continue
        total = np.zeros(len(begin))
        for row, delay in zip(product, delays, strict=True):
            total += np.interp(begin + speed * delay, times, row)
        low = np.searchsorted(times, begin - 1e-6)
        high = np.maximum(np.searchsorted(times, begin + speed * length + 1e-6), low + 2)
        high = np.minimum(high, len(times))
        count = high - low
        energy = (squares[high] - squares[low]) / count - (((sums[high] - sums[low]) / count[:, None]) ** 2).sum(axis=1)
        result[number, fits] = total / (norm * np.sqrt(np.maximum(energy, 1e-3) * len(delays)) + 1e-6)
    return result


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
    end = float((windows.starts + windows.lengths)[used].max())
    offset = float(master.times[0]) + origin * _GRID_S + speed * start
    return Alignment(start, end, offset, speed, float(values[used].mean()), int(used.sum())), used


def _widened(values: Floats) -> Floats:
    """Each value replaced by the largest within two grid steps: speeds between those tried still agree."""
    padded = np.pad(values, 2, mode="edge")
    return np.asarray(np.max([padded[k : k + len(values)] for k in range(5)], axis=0), np.float32)
