"""The keyed pattern of `haechi-mark-audio-v1`: which cell of time and frequency carries what, with which sign.

A period of 6 s is a grid of 90 cells of 1/15 s by 45 bands from 300 to 7,000 Hz (about 86 Hz wide below 1 kHz, then
growing: edges 2200 sinh u, u in equal steps). Five neighbouring bands are a stratum of 450 cells. In each stratum every
one of the 320 coded bits has one cell per period, so that losing an octave takes the same from each bit; the other
130 cells are the **pilot**, keyed signs only, which finds the place. Sixteen periods (96 s) have sixteen keyed
permutations and signs, then they repeat: folding a marked sound at the period yields nothing.
All keyed choices come from SHAKE-256 of label and key: the same on each platform.
Limits: whoever has 96 s of sound more than once, marked with one payload, can average.
Invariant: part of the mark's version; no constant here may change.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from haechi.core.errors import InputError
from haechi.core.watermark.code import CODED_BITS

NAME: Final = "haechi-mark-audio-v1"
CELLS: Final = 90
"""Cells of time in a period."""
CELL_S: Final = 1 / 15
BANDS: Final = 45
PERIODS: Final = 16
LOOP: Final = PERIODS * CELLS
"""Cells of time after which everything repeats."""

_STRATUM = 5
_LOW_HZ, _HIGH_HZ, _BEND_HZ = 300.0, 7000.0, 2200.0
_PILOT = -1

EDGES_HZ: Final = _BEND_HZ * np.sinh(
    np.linspace(np.arcsinh(_LOW_HZ / _BEND_HZ), np.arcsinh(_HIGH_HZ / _BEND_HZ), BANDS + 1)
)
"""Edges of the bands, float64 (BANDS + 1,)."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """All keyed choices of one key, over the loop of sixteen periods.

    Attributes:
        bit: int16 (LOOP, BANDS): the coded bit that a cell carries; -1 for the pilot.
        signs: int8 (LOOP, BANDS), keyed signs of all cells.
    """

    bit: NDArray[np.int16]
    signs: NDArray[np.int8]

    @property
    def pilot(self) -> NDArray[np.float32]:
        """Signs of the pilot's cells, 0 elsewhere, float32 (LOOP, BANDS)."""
        return np.where(self.bit == _PILOT, self.signs, 0).astype(np.float32)


@lru_cache(maxsize=8)
def pattern_of(key: bytes, label: str = "release") -> Pattern:
    """The pattern of a key; `label` separates marks that lie in the same sound."""
    if len(key) < 16:
        raise InputError("a watermark key has at least 16 bytes: make one with secrets.token_bytes(32)")
    strata, size = BANDS // _STRATUM, CELLS * _STRATUM
    words = _stream(key, label, "order", 4 * PERIODS * strata * size).view("<u4").reshape(PERIODS, strata, size)
    rank = np.argsort(np.argsort(words, axis=2, kind="stable"), axis=2, kind="stable")
    bit = np.where(rank < CODED_BITS, rank, _PILOT).astype(np.int16)
    bit = bit.reshape(PERIODS, strata, CELLS, _STRATUM).swapaxes(1, 2).reshape(LOOP, BANDS)
    signs = np.unpackbits(_stream(key, label, "signs", LOOP * BANDS // 8)).astype(np.int8) * 2 - 1
    return Pattern(np.ascontiguousarray(bit), signs.astype(np.int8).reshape(LOOP, BANDS))


def signed(pattern: Pattern, codeword: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """What each cell should do, -1 or 1, float32 (count, BANDS), from the start of the loop."""
    wanted = np.where(pattern.bit == _PILOT, 1, codeword[pattern.bit]) * pattern.signs
    return np.asarray(np.resize(wanted, (count, BANDS)), np.float32)


def _stream(key: bytes, label: str, purpose: str, size: int) -> NDArray[np.uint8]:
    seed = b"\0".join((NAME.encode(), label.encode(), purpose.encode(), key))
    return np.frombuffer(hashlib.shake_256(seed).digest(size), np.uint8)
