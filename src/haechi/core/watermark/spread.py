"""Spread spectrum: codewords into coefficients of tiles, coefficients of tiles into soft bits.

Method: every coefficient of the band is one chip. Its amplitude falls slowly with frequency. A reader divides each
coefficient by the local power of its tile's spectrum (`levelled`: a stripe pattern, a fence, a line of text are loud at
some frequencies only), then weighs by what of the mark is left there: the amplitude over the usual noise of photographs
(deviation 2.7 up to 3.6 cycles per tile, then falling as one over frequency), alike, or low frequencies only; or by
what is left of the pilot, whose signs the reader knows (`by_pilot`). The pilot's signs say nothing of the payload's, so
that weighing by it makes no number of an unmarked picture likelier.
Invariant: `chips` is part of the mark's version; readers may change.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from haechi.core.watermark.code import CODED_BITS
from haechi.core.watermark.pattern import COUNT, FREQUENCIES, LATTICE_ROWS, MAP, Pattern

_TILT = 0.1
_LATTICE_GAIN = 1.8

Floats = NDArray[np.float32]

_RADIUS: Final = np.repeat(np.hypot(FREQUENCIES[:, 0], FREQUENCIES[:, 1]), 2)
NOISE: Final = np.minimum(2.7, 9.6 / _RADIUS).astype(np.float32)
"""Deviation of whitened photographs at each coefficient, float32 (2 * COUNT,)."""
AMPLITUDE: Final = ((_RADIUS / 8.0) ** -_TILT).astype(np.float32)
WEIGHT: Final = (AMPLITUDE / NOISE**2).astype(np.float32)
"""Matched filter of a coefficient that is not levelled, float32 (2 * COUNT,)."""
LOW: Final = np.exp(-((_RADIUS / 9.0) ** 2)).astype(np.float32)
"""Weights for films of low quality: what coders leave lies low."""
LOWEST: Final = np.exp(-((_RADIUS / 5.0) ** 2)).astype(np.float32)
"""The same for the hardest coding."""
OCTAVES: Final = np.log2(_RADIUS / 6.0).astype(np.float32)
"""Of each coefficient above 6 cycles per tile, float32 (2 * COUNT,)."""
PICTURE: Final = ((AMPLITUDE / NOISE).astype(np.float32), np.ones(2 * COUNT, np.float32), LOW)
"""How levelled coefficients are weighed: as photographs are, alike, and for pictures that lost their fine structure."""


_NEAR, _SHARED = 1.0, 0.1


def _neighbours() -> Floats:
    """Weights with which the powers of all frequencies make the local power of one, float32 (COUNT, COUNT)."""
    near = np.zeros((COUNT, COUNT))
    for sign in (1, -1):  # a frequency and its conjugate are one
        apart = FREQUENCIES[:, None, :] - sign * FREQUENCIES[None, :, :]
        near += np.exp(-np.sum(apart**2, axis=2) / (2 * _NEAR**2)) * (np.abs(apart).max(2) <= 2)
    return np.asarray(near / near.sum(0), np.float32)


_NEIGHBOURS: Final = _neighbours()


def loudness(values: Floats) -> Floats:
    """Local deviation of each tile's spectrum, float32 (rows, columns, 2 * COUNT).

    Args:
        values: coefficients float32 (rows, columns, 2 * COUNT), whitened.
    """
    pairs = values.reshape(*values.shape[:-1], COUNT, 2)
    local = (pairs * pairs).sum(-1) @ (_NEIGHBOURS / 2)
    return np.repeat(np.sqrt(local + _SHARED * local.mean((0, 1)) + np.float32(1e-9)), 2, axis=-1)


def levelled(values: Floats) -> Floats:
    """Coefficients over their local deviation."""
    return values / loudness(values)


def size(values: Floats) -> Floats:
    """Deviation of each tile, float32 (rows, columns, 1), 1 on average.

    A clipped copy has tiles of which only a small part is left. Their levelled coefficients are as loud as others' and
    say less, in proportion to this.
    """
    size = np.sqrt(np.mean(values * values, axis=2, keepdims=True))
    return np.asarray(size / max(float(size.mean()), 1e-9), np.float32)


def places(rows: int, columns: int, row: int = 0, column: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Index arrays into the 16 x 16 map for a grid of tiles whose first tile lies at (row, column) of the map."""
    return (np.arange(row, row + rows) % MAP)[:, None], (np.arange(column, column + columns) % MAP)[None, :]


def chips(
    pattern: Pattern, codeword: Floats, rows: int, columns: int, *, row: int = 0, column: int = 0, lattice: bool = True
) -> Floats:
    """The mark in coefficients, float32 (rows, columns, 2 * COUNT), relative amplitudes.

    Args:
        pattern: the key's choices.
        codeword: float32 (CODED_BITS,), signs.
        rows: of tiles.
        columns: of tiles.
        row: map row of the first tile.
        column: map column of the first tile.
        lattice: False leaves the lattice out.
    """
    at = places(rows, columns, row, column)
    out = np.zeros((rows, columns, 2 * COUNT), np.float32)
    out[..., pattern.data_at] = codeword[pattern.order[at]] * pattern.signs[at]
    out[..., pattern.pilot_at] = pattern.pilot[at]
    out[..., lattice_at()] = lattice_chips(pattern) * np.float32(_LATTICE_GAIN) if lattice else 0
    return out * AMPLITUDE


def lattice_at() -> NDArray[np.int64]:
    """Coefficient numbers of the lattice, int64 (64,): cosine and sine in turn."""
    return np.stack([2 * LATTICE_ROWS, 2 * LATTICE_ROWS + 1], axis=1).reshape(-1)


def lattice_chips(pattern: Pattern) -> Floats:
    """The lattice in the coefficients `lattice_at`, float32 (64,), unit deviation."""
    phases = np.stack([pattern.lattice.real, -pattern.lattice.imag], axis=1) * np.sqrt(2)
    return np.asarray(phases.reshape(-1), np.float32)


def soft_bits(pattern: Pattern, values: Floats, row: int = 0, column: int = 0, *, weight: Floats) -> Floats:
    """Soft bits of tiles at a place of the map.

    Args:
        pattern: the key's choices.
        values: coefficients float32 (rows, columns, 2 * COUNT), levelled or at least whitened.
        row: map row of the first tile.
        column: map column of the first tile.
        weight: float32 (2 * COUNT,), the matched filter.

    Returns:
        float32 (CODED_BITS,), unit deviation on unmarked photographs.
    """
    at = places(values.shape[0], values.shape[1], row, column)
    weighed = values[..., pattern.data_at] * weight[pattern.data_at] * pattern.signs[at]
    soft = np.bincount(pattern.order[at].reshape(-1), weighed.reshape(-1), CODED_BITS).astype(np.float32)
    return soft / max(float(np.sqrt(np.mean(weighed * weighed) * weighed.size / CODED_BITS)), 1e-9)


def gathered(pattern: Pattern, values: Floats, weight: Floats) -> Floats:
    """Soft bits of tiles at the map's first place, in the scale of values and weights: sums of such sums are fair.

    Args:
        pattern: the key's choices.
        values: as for `soft_bits`.
        weight: float32 (2 * COUNT,).

    Returns:
        float32 (CODED_BITS,).
    """
    at = places(values.shape[0], values.shape[1])
    weighed = values[..., pattern.data_at] * weight[pattern.data_at] * pattern.signs[at]
    return np.bincount(pattern.order[at].reshape(-1), weighed.reshape(-1), CODED_BITS).astype(np.float32)


RINGS: Final = np.digitize(_RADIUS, (2.6, 3.2, 3.8, 4.5, 5.3, 6.2, 7.2, 8.3, 9.6, 11.0))


def by_pilot(pattern: Pattern, values: Floats) -> Floats:
    """The weight of each coefficient by how much of the pilot its ring of frequencies holds, float32 (2 * COUNT,).

    Args:
        pattern: the key's choices.
        values: coefficients float32 (rows, columns, 2 * COUNT), whitened, whose first tile lies at (0, 0) of the map.
    """
    pilot, ring = pattern.pilot[places(*values.shape[:2])], RINGS[pattern.pilot_at]
    rings = int(RINGS.max()) + 1
    agreeing = np.bincount(ring, (values[..., pattern.pilot_at] * pilot).sum((0, 1)), rings)
    count = np.bincount(ring, minlength=rings) * pilot[..., 0].size
    power = np.bincount(RINGS, (values * values).mean((0, 1)), rings) / np.bincount(RINGS, minlength=rings)
    left = np.maximum(_smoothed(agreeing), 0) / np.maximum(_smoothed(count), 1)
    return np.asarray((left / np.maximum(power, 1e-12))[RINGS], np.float32)


def _smoothed(rings: NDArray[Any]) -> NDArray[np.float64]:
    """With the neighbouring rings: few of a pilot's coefficients lie in one."""
    return np.convolve(np.pad(rings, 1, mode="edge"), (0.25, 0.5, 0.25), "valid")


def held_pilot(pattern: Pattern, values: Floats, weight: Floats) -> float:
    """How much of the pilot coefficients hold, weighed; 0 on average where there is no mark.

    Args:
        pattern: the key's choices.
        values: float32 (rows, columns, 2 * COUNT), whose first tile lies at (0, 0) of the map.
        weight: float32 (2 * COUNT,).
    """
    at = pattern.pilot_at
    return float((values[..., at] * pattern.pilot[places(*values.shape[:2])] * weight[at]).sum())


def pilot_scores(pattern: Pattern, values: Floats) -> Floats:
    """How well the pilot agrees for each place of the map that the first tile may have, float32 (MAP, MAP).

    Args:
        pattern: the key's choices.
        values: coefficients float32 (rows, columns, 2 * COUNT), levelled.

    Returns:
        Scores with zero mean and unit deviation on unmarked photographs.
    """
    rows, columns = values.shape[:2]
    folded = np.zeros((MAP, MAP, len(pattern.pilot_at)), np.float32)
    weighed = values[..., pattern.pilot_at] * PICTURE[0][pattern.pilot_at]
    np.add.at(folded, places(rows, columns), weighed)
    ahead = np.fft.rfft2(folded, axes=(0, 1))
    pilot = np.fft.rfft2(pattern.pilot.astype(np.float32), axes=(0, 1))
    score = np.fft.irfft2((np.conj(ahead) * pilot).sum(2), s=(MAP, MAP))
    return (score / max(float(np.sqrt(np.sum(weighed * weighed))), 1e-9)).astype(np.float32)
