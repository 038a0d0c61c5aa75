"""Geometry from the lattice: which scale, angle, aspect, mirroring and shift brought the mark into this picture.

Method: the lattice is periodic, so its 32 frequencies stand out in the spectrum of the whole whitened picture,
however it was cropped.
(1) Power: for each hypothesis of a grid (period x angle; period x aspect), sum the power, normalised by its
surroundings and capped, at the places where the peaks would be [1].
(2) Phase: for the best ones, read the complex values there, undo the keyed phases for each of the eight ways to turn
and mirror, and take the best shift by one small transform: now the sum is coherent.
(3) Refine the four numbers of the linear map by coordinate ascent.
Limits: angles beyond +-`_ANGLES` of a multiple of 90 degrees are not tried; perspective is not modelled.
[1] Kutter. SPIE 3528 (1998), periodic marks as calibration signal.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.watermark.pattern import FREQUENCIES, LATTICE_ROWS, TILE

SIZE: Final = 1024
"""Side of the padded transform; the picture's long side is half of it."""

_PERIODS_PX = (29.0, 210.0)
_STEP = 0.004
_ANGLES = 11.5
_ASPECT = 0.13
_CAP = 6.0
_KEPT = 240
_SHIFTS = 32
_GAINED: Final = 1.0
"""What refining adds to a score: .2 mostly, less than this in 19 of 20 cases."""

Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]

_WAVES: Final = FREQUENCIES[LATTICE_ROWS][:, ::-1].astype(np.float64)
"""The lattice's frequencies as (x, y), cycles per tile, float64 (32, 2)."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A geometry.

    Attributes:
        linear: float64 (2, 2), pixels of the analysed canvas, from its centre -> pixels of the mark's canvas.
        shift: float64 (2,), added to it, modulo one tile.
        score: coherent agreement of the lattice: zero mean, unit deviation where there is no mark, before the choice.
    """

    linear: Matrix
    shift: NDArray[np.float64]
    score: float


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Transform of a whitened canvas about its centre, scaled to unit power in each neighbourhood.

    Attributes:
        values: complex64 (SIZE, SIZE), frequency zero in the middle.
        power: float32 (SIZE, SIZE), capped.
    """

    values: NDArray[np.complex64]
    power: Floats


def spectrum_of(white: Floats) -> Spectrum:
    """The spectrum of a whitened canvas (h, w), both at most SIZE / 2."""
    from scipy import fft  # loaded by readers that search; a film is marked without it

    height, width = white.shape
    padded = np.zeros((SIZE, SIZE), np.float32)
    padded[:height, :width] = white
    padded = np.roll(padded, (-(height // 2), -(width // 2)), (0, 1))
    half = fft.rfft2(padded)
    full = np.empty((SIZE, SIZE), np.complex64)
    full[:, SIZE // 2 :] = half[:, : SIZE // 2]
    full[:, 1 : SIZE // 2] = np.conj(np.roll(half[::-1], 1, 0)[:, SIZE // 2 - 1 : 0 : -1])
    full[:, 0] = 0
    full = np.roll(full, SIZE // 2, 0)
    power = full.real**2 + full.imag**2
    local = cv2.blur(power, (31, 31)) + np.float32(1e-6 * float(power.mean()) + 1e-12)
    return Spectrum(full / np.sqrt(local), np.minimum(power / local, np.float32(_CAP)))


def search(spectrum: Spectrum, phases: NDArray[np.complex64], count: int, *, least: float = 0.0) -> list[Hypothesis]:
    """The most credible geometries, best first.

    Args:
        spectrum: of the whitened canvas.
        phases: complex64 (32,), of the key's lattice.
        count: how many at most.
        least: score that all but the first must have.
    """
    kept = []
    for places, matrices in (_grid_of_angles(), _grid_of_aspects()):
        score = spectrum.power.reshape(-1).take(places).sum(0)
        best = np.argpartition(score, -_KEPT)[-_KEPT:]
        kept.append(matrices[best])
    found = _coherent(spectrum, phases, np.concatenate(kept))
    first, *others = _distinct(found, count)
    better = [refined(spectrum, phases, one) for one in others if one.score >= least - _GAINED]
    return [refined(spectrum, phases, first), *(one for one in better if one.score >= least)]


def refined(spectrum: Spectrum, phases: NDArray[np.complex64], start: Hypothesis) -> Hypothesis:
    """Coordinate ascent over scale, angle, aspect and shear."""
    best, step = start, _STEP / 2
    for _ in range(5):
        trials = np.stack([best.linear @ (np.eye(2) + sign * step * way) for way in _WAYS for sign in (1, -1)])
        found = _coherent(spectrum, phases, trials, keep_turn=True)
        top = max(found, key=lambda one: one.score)
        if top.score > best.score:
            best = top
        else:
            step /= 2
    return best


_WAYS: Final = np.array([[[1, 0], [0, 1]], [[0, -1], [1, 0]], [[1, 0], [0, -1]], [[0, 1], [1, 0]]], np.float64)
_TURNS: Final = np.array(
    [m for a in (1, -1) for b in (1, -1) for m in ([[a, 0], [0, b]], [[0, a], [b, 0]])], np.float64
)


def _distinct(found: list[Hypothesis], count: int) -> list[Hypothesis]:
    out: list[Hypothesis] = []
    for one in sorted(found, key=lambda one: -one.score):
        if all(float(np.abs(one.linear - other.linear).max()) > 2 * _STEP * TILE / _PERIODS_PX[0] for other in out):
            out.append(one)
        if len(out) == count:
            break
    return out


def _coherent(
    spectrum: Spectrum, phases: NDArray[np.complex64], linear: Matrix, *, keep_turn: bool = False
) -> list[Hypothesis]:
    """Score linear maps (n, 2, 2) by phase; each may be turned and mirrored unless `keep_turn`."""
    from scipy import fft

    turned = linear if keep_turn else np.einsum("tij,njk->ntik", _TURNS, linear).reshape(-1, 2, 2)
    values = _sampled(spectrum.values, np.einsum("kj,nji->nki", _WAVES, turned) / TILE)
    matched = np.zeros((len(turned), _SHIFTS, _SHIFTS), np.complex64)
    x, y = _WAVES[:, 0].astype(int), _WAVES[:, 1].astype(int)
    matched[:, y % _SHIFTS, x % _SHIFTS] = values * np.conj(phases)
    # X(f) = S exp(2 pi i k . shift / TILE): the forward transform peaks at the shift
    score = fft.fft2(matched).real.reshape(len(turned), -1)
    top = score.argmax(1)
    ways = 1 if keep_turn else len(_TURNS)
    chosen = score[np.arange(len(turned)), top].reshape(-1, ways).argmax(1) + np.arange(len(linear)) * ways
    unit = np.sqrt(len(_WAVES) / 2)
    return [
        Hypothesis(turned[one], _shift(score[one], int(top[one])), float(score[one, top[one]] / unit)) for one in chosen
    ]


def _shift(score: Floats, top: int) -> NDArray[np.float64]:
    """The peak's place in mark pixels (x, y), between grid points by parabolas."""
    grid = score.reshape(_SHIFTS, _SHIFTS)
    row, column = divmod(top, _SHIFTS)
    down = _peak(grid[(row - 1) % _SHIFTS, column], grid[row, column], grid[(row + 1) % _SHIFTS, column])
    right = _peak(grid[row, (column - 1) % _SHIFTS], grid[row, column], grid[row, (column + 1) % _SHIFTS])
    return np.array([column + right, row + down]) * (TILE / _SHIFTS)


def _peak(before: float, middle: float, after: float) -> float:
    bend = before - 2 * middle + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0


def _sampled(values: NDArray[np.complex64], frequencies: Matrix) -> NDArray[np.complex64]:
    """Bilinear samples at frequencies (..., 2), cycles per pixel as (x, y)."""
    x = np.clip(frequencies[..., 0] * SIZE + SIZE // 2, 0, SIZE - 2)
    y = np.clip(frequencies[..., 1] * SIZE + SIZE // 2, 0, SIZE - 2)
    left, top = x.astype(np.int32), y.astype(np.int32)
    right, down = (x - left).astype(np.float32), (y - top).astype(np.float32)
    flat, at = values.reshape(-1), top * SIZE + left
    upper = flat[at] * (1 - right) + flat[at + 1] * right
    lower = flat[at + SIZE] * (1 - right) + flat[at + SIZE + 1] * right
    return np.asarray(upper * (1 - down) + lower * down, np.complex64)


@lru_cache(maxsize=1)
def _grid_of_angles() -> tuple[NDArray[np.int32], Matrix]:
    angles = np.deg2rad(np.arange(-_ANGLES, _ANGLES, np.rad2deg(_STEP)))
    periods = _periods()
    angle, period = (axis.reshape(-1) for axis in np.meshgrid(angles, periods))
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], 1).reshape(-1, 2, 2)
    matrices = turn * (TILE / period)[:, None, None]
    return _places(matrices), matrices


@lru_cache(maxsize=1)
def _grid_of_aspects() -> tuple[NDArray[np.int32], Matrix]:
    aspects = np.arange(-_ASPECT, _ASPECT, _STEP)
    aspect, period = (axis.reshape(-1) for axis in np.meshgrid(aspects, _periods()))
    matrices = np.zeros((len(aspect), 2, 2))
    matrices[:, 0, 0] = TILE / period * np.exp(aspect / 2)
    matrices[:, 1, 1] = TILE / period * np.exp(-aspect / 2)
    return _places(matrices), matrices


def _periods() -> NDArray[np.float64]:
    low, high = _PERIODS_PX
    return np.asarray(low * np.exp(np.arange(0, np.log(high / low), _STEP)), np.float64)


def _places(matrices: Matrix) -> NDArray[np.int32]:
    """Flat positions in the spectrum of the lattice's peaks, int32 (32, n)."""
    bins = np.rint(np.einsum("kj,nji->kni", _WAVES, matrices) * (SIZE / TILE)).astype(np.int32) + SIZE // 2
    return np.asarray(np.clip(bins[..., 1], 0, SIZE - 1) * SIZE + np.clip(bins[..., 0], 0, SIZE - 1), np.int32)
