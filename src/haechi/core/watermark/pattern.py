"""The keyed pattern of `haechi-mark-image-v1`: which frequencies of a tile carry what, with which signs.

The picture, scaled to a long side of 512 px, is laid out in tiles of 64 x 64 px. A tile's real Fourier coefficients
with 1.8 to 13 cycles per tile, the axes left out, form one orthonormal basis. Three groups share it:

* 64 coefficients (32 frequencies, closed under rotation by 90 degrees and mirroring): the **lattice**, the same in
  every tile, with keyed phases. A periodic signal is a lattice of spectral peaks, which gives scale and angle back.
* 320 coefficients: the **payload**, one coded bit each. In each place of a 16 x 16 map of tiles another keyed
  permutation says which bit a coefficient carries, and another keyed sign multiplies it.
* the rest: the **pilot**, keyed signs only, different in each place of the map: it finds the place after a crop.

So folding a marked picture at the tile's period yields the lattice and nothing of the payload, and whoever lacks the
key sees random signs. All keyed choices come from SHAKE-256 of label and key: the same on each platform.
Limits: the lattice can be estimated and removed; then only readings at known geometry remain (direct, informed).
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

NAME: Final = "haechi-mark-image-v1"
TILE: Final = 64
MAP: Final = 16
LONG_SIDE: Final = 512

_LOW, _HIGH = 1.8, 13.0
_LATTICE = ((5, 2), (6, 1), (5, 4), (6, 3), (7, 2), (6, 5), (7, 4), (8, 1))

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


def _half_plane() -> Ints:
    """Frequencies (ky, kx), cycles per tile, int64 (n, 2): kx > 0 and ky != 0; the conjugate half follows."""
    reach = int(_HIGH) + 1
    return np.array(
        [
            (ky, kx)
            for kx in range(1, reach)
            for ky in range(-reach, reach + 1)
            if ky and _LOW <= np.hypot(ky, kx) <= _HIGH
        ]
    )


def _lattice_rows(frequencies: Ints) -> Ints:
    wanted = {(a * s, b) for pair in _LATTICE for a, b in (pair, pair[::-1]) for s in (1, -1)}
    return np.array([row for row, (ky, kx) in enumerate(frequencies) if (int(ky), int(kx)) in wanted])


FREQUENCIES: Final = _half_plane()
"""int64 (n, 2): (ky, kx) of the band, cycles per tile."""
COUNT: Final = len(FREQUENCIES)
LATTICE_ROWS: Final = _lattice_rows(FREQUENCIES)
"""Which rows of `FREQUENCIES` the lattice takes: 32."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """All keyed choices of one key.

    A coefficient has the number 2 * row + (0 for the cosine, 1 for the sine).

    Attributes:
        lattice: complex64 (32,), unit phases at `LATTICE_ROWS`.
        data_at: int64 (CODED_BITS,), the payload's coefficients.
        pilot_at: int64 (n_pilot,), the pilot's coefficients.
        order: int16 (MAP, MAP, CODED_BITS): coefficient number i of `data_at` carries the bit order[row, column, i].
        signs: int8 (MAP, MAP, CODED_BITS), keyed signs of the payload's coefficients.
        pilot: int8 (MAP, MAP, n_pilot), the pilot's signs.
    """

    lattice: NDArray[np.complex64]
    data_at: Ints
    pilot_at: Ints
    order: NDArray[np.int16]
    signs: NDArray[np.int8]
    pilot: NDArray[np.int8]


@lru_cache(maxsize=8)
def pattern_of(key: bytes, label: str = "release") -> Pattern:
    """The pattern of a key; `label` separates marks that lie in the same picture."""
    if len(key) < 16:
        raise InputError("a watermark key has at least 16 bytes: make one with secrets.token_bytes(32)")
    free = np.setdiff1d(np.arange(2 * COUNT), np.concatenate([2 * LATTICE_ROWS, 2 * LATTICE_ROWS + 1]))
    free = free[np.argsort(_words(key, label, "groups", len(free)), kind="stable")]
    data_at, pilot_at = np.sort(free[:CODED_BITS]), np.sort(free[CODED_BITS:])
    phases = 2 * np.pi * _words(key, "any", "lattice", len(LATTICE_ROWS)) / 2.0**32
    places = MAP * MAP
    order = np.argsort(_words(key, label, "order", places * CODED_BITS).reshape(places, -1), axis=1, kind="stable")
    return Pattern(
        lattice=np.exp(1j * phases).astype(np.complex64),
        data_at=data_at,
        pilot_at=pilot_at,
        order=order.astype(np.int16).reshape(MAP, MAP, CODED_BITS),
        signs=_signs(key, label, "signs", places * CODED_BITS).reshape(MAP, MAP, CODED_BITS),
        pilot=_signs(key, label, "pilot", places * len(pilot_at)).reshape(MAP, MAP, -1),
    )


def _stream(key: bytes, label: str, purpose: str, size: int) -> NDArray[np.uint8]:
    seed = b"\0".join((NAME.encode(), label.encode(), purpose.encode(), key))
    return np.frombuffer(hashlib.shake_256(seed).digest(size), np.uint8)


def _words(key: bytes, label: str, purpose: str, count: int) -> NDArray[np.uint32]:
    return _stream(key, label, purpose, 4 * count).view("<u4").astype(np.uint32)


def _signs(key: bytes, label: str, purpose: str, count: int) -> NDArray[np.int8]:
    bits = np.unpackbits(_stream(key, label, purpose, -(-count // 8)))[:count]
    return (2 * bits.astype(np.int8) - 1).astype(np.int8)
