"""Sound as the mark sees it: how loud each cell of time and frequency is, compared with its neighbours.

Steps:
1. Power spectra of 32 ms every 8 ms, of mono sound at 16 kHz; power of each band; what lies below the band's own floor
   (a low quantile over time) is raised to it, for there is only noise.
2. Logarithm in dB, averaged over each cell: a gain of the cell adds to it, whatever the sound.
3. Whitening: the separable filter [-.4 1 -.4] over time and [-.1 -.4 1 -.4 -.1] over frequency leaves what neighbours
   do not predict; it is divided by its local deviation and clipped.
4. A cell that hardly rises over the floor counts less.
A changed tempo stretches the cells, a changed pitch moves the bands' edges, a changed speed does both.
Invariant: part of the mark's version; no constant here may change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from haechi.core.watermark.audio.pattern import BANDS, CELL_S, EDGES_HZ

RATE: Final = 16_000
"""Samples per second at which the mark is read."""
HOP: Final = 128
_WINDOW = 512
_FLOOR_QUANTILE, _FLOOR_SHARE = 0.05, 0.5
_LEAST_SHARE = 1e-7
_OVER_TIME = np.array([-0.4, 1.0, -0.4], np.float32)
_OVER_FREQUENCY = np.array([-0.1, -0.4, 1.0, -0.4, -0.1], np.float32)
_SPREAD_BOX = (7, 3)
_SPREAD_FLOOR_DB = 0.5
CLIP: Final = 1.5
_DOUBTED = 2.0
_FRAMES_AT_ONCE = 4096
_DB = np.float32(10 / np.log(10))

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Loudness:
    """Bands over time.

    Attributes:
        level: float64 (n + 1, BANDS): running sum over spectra of each band's level in dB.
        over_floor: float64 (n + 1, BANDS): running sum of power over the floor's power, at most 100.
    """

    level: Doubles
    over_floor: Doubles


def running_power(samples: Floats) -> Doubles:
    """Step 1: power spectra summed over frequency from 0 on, float64 (n, bins + 1)."""
    padded = np.pad(samples, (_WINDOW // 2, _WINDOW // 2))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::HOP]
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    out = np.zeros((len(frames), _WINDOW // 2 + 2))
    for start in range(0, len(frames), _FRAMES_AT_ONCE):
        spectra = fft.rfft(frames[start : start + _FRAMES_AT_ONCE] * window)
        power = (spectra.real**2 + spectra.imag**2).astype(np.float64)
        np.cumsum(power, axis=1, out=out[start : start + _FRAMES_AT_ONCE, 1:])
    return out


def band_power(running: Doubles, pitch: float = 1.0) -> Floats:
    """Power of each band, float32 (n, BANDS); `pitch` is the factor by which frequencies were raised."""
    # bin k covers k - 1/2 to k + 1/2: the running sum at frequency f is that at f / step + 1/2
    at = np.clip(EDGES_HZ * pitch * _WINDOW / RATE + 0.5, 0, running.shape[1] - 1.001)
    low = at.astype(int)
    share = at - low
    sums = running[:, low] * (1 - share) + running[:, low + 1] * share
    return np.asarray(np.diff(sums, axis=1), np.float32)


def loudness(power: Floats) -> Loudness:
    """Step 2 but for the averaging."""
    floor = _FLOOR_SHARE * np.quantile(power[::4], _FLOOR_QUANTILE, axis=0) if len(power) else np.zeros(BANDS)
    floor = floor + _LEAST_SHARE * float(power.mean() if len(power) else 0) + 1e-9
    return levels(power, floor.astype(np.float32))


def levels(power: Floats, floor: Floats) -> Loudness:
    """Step 2 but for the averaging, over a known floor, float32 (BANDS,)."""
    return Loudness(_running(np.log(power + floor) * _DB), _running(np.minimum(power / floor, 100)))


def cell_power(power: Floats, tempo: float, offset_s: Doubles, count: int) -> Floats:
    """Mean power of each cell, float32 (k, count, BANDS); arguments as for `cells`."""
    length = CELL_S / tempo * RATE / HOP
    return _between(_running(power), offset_s[:, None] * (RATE / HOP) + 0.5 + np.arange(count + 1) * length, length)


def cells(of: Loudness, tempo: float, offset_s: Doubles, count: int) -> tuple[Floats, Floats]:
    """Cells from each of some offsets on.

    Args:
        of: bands over time.
        tempo: factor by which time runs faster.
        offset_s: float64 (k,), where the first cell begins, seconds.
        count: of cells.

    Returns:
        level in dB and power over the floor, float32 (k, count, BANDS) each.
    """
    length = CELL_S / tempo * RATE / HOP
    begin = offset_s[:, None] * (RATE / HOP) + 0.5 + np.arange(count + 1) * length
    return _between(of.level, begin, length), _between(of.over_floor, begin, length)


def whiten(level: Floats) -> tuple[Floats, Floats]:
    """Step 3 but for clipping: what neighbours do not predict and its local deviation, (..., count, BANDS) each."""
    parts = [_whiten(one) for one in level.reshape(-1, *level.shape[-2:])]
    rest, spread = (np.stack(column).reshape(level.shape) for column in zip(*parts, strict=True))
    return rest, spread


def weight(over_floor: Floats) -> Floats:
    """Step 4: how far a cell is trusted, 0 to 1."""
    return np.asarray(over_floor / (over_floor + np.float32(_DOUBTED)), np.float32)


def values(level: Floats, over_floor: Floats) -> Floats:
    """Steps 3 and 4: what is correlated with the pattern, about unit deviation."""
    rest, spread = whiten(level)
    return np.asarray(np.clip(rest / spread, -CLIP, CLIP) * weight(over_floor), np.float32)


def unwhiten(rest: Floats) -> Floats:
    """The transpose of the whitening filter (it is symmetric but for the borders)."""
    return _filtered(rest)


def _whiten(level: Floats) -> tuple[Floats, Floats]:
    rest = _filtered(level)
    power = cv2.blur(rest * rest, _SPREAD_BOX, borderType=cv2.BORDER_REPLICATE)
    return rest, np.sqrt(np.maximum(power, 0)) + np.float32(_SPREAD_FLOOR_DB)


def _filtered(plane: Floats) -> Floats:
    return np.asarray(
        cv2.sepFilter2D(plane, cv2.CV_32F, _OVER_FREQUENCY, _OVER_TIME, borderType=cv2.BORDER_REPLICATE), np.float32
    )


def _running(values: Floats) -> Doubles:
    out = np.zeros((len(values) + 1, values.shape[1]))
    np.cumsum(values, axis=0, dtype=np.float64, out=out[1:])
    return out


def _between(running: Doubles, edges: Doubles, length: float) -> Floats:
    at = np.clip(edges, 0, len(running) - 1.001)
    low = at.astype(int)
    share = (at - low)[..., None]
    sums = running[low] * (1 - share) + running[np.minimum(low + 1, len(running) - 1)] * share
    return np.asarray(np.diff(sums, axis=-2) / length, np.float32)
