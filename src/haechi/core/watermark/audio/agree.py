"""Whether a sound is what its mark points to: a mark can be moved from one sound to another.

Method: a reading says where the probe begins in the marked sound, up to multiples of 96 s, how fast it runs and how
high. Its whitened cells are correlated with the master's there, in blocks of 2 s; a block agrees from a correlation of
0.25 on (codecs, noise and music beside it leave more than that, another sound about 0 +- 0.03). Of the laps of the loop
the best one counts. Blocks in which either is silent are left out.
Limits: very strong noise takes the agreement away, too; then the mark is hardly readable either.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from haechi.core.watermark.audio import cells as sound
from haechi.core.watermark.audio.pattern import BANDS, CELL_S, LOOP

_BLOCK_CELLS: Final = 30
_AGREES = 0.25
_LEAST_POWER = 1e-9

Floats = NDArray[np.float32]


def agreeing_share(
    samples: Floats, master: Floats, start_s: float, tempo: float = 1.0, pitch: float = 1.0
) -> float | None:
    """Share of the comparable blocks that agree, 0-1; None when there is none.

    Args:
        samples: the probe, float32 (n,), mono, at 16 kHz.
        master: what the mark points to, likewise.
        start_s: where in the marked sound the probe begins, modulo the loop.
        tempo: factor by which the probe runs faster.
        pitch: factor by which its frequencies are higher.
    """
    cell = round(start_s / CELL_S)
    offset_s = (cell * CELL_S - start_s) / tempo
    if offset_s < 0:
        cell, offset_s = cell + 1, offset_s + CELL_S / tempo
    probe = _values(samples, tempo, pitch, offset_s)
    known = _values(master, 1.0, 1.0, 0.0)
    laps = range(0, max(1, len(known) - cell), LOOP)
    shares = [share for lap in laps if (share := _share(probe, known[cell + lap :])) is not None]
    return max(shares, default=None)


def _values(samples: Floats, tempo: float, pitch: float, offset_s: float) -> Floats:
    count: int = int((len(samples) / sound.RATE - offset_s) * tempo / CELL_S)
    if count < 1:
        return np.zeros((0, BANDS), np.float32)
    of = sound.loudness(sound.band_power(sound.running_power(samples), pitch))
    return np.asarray(sound.values(*sound.cells(of, tempo, np.array([offset_s]), count))[0], np.float32)


def _share(probe: Floats, known: Floats) -> float | None:
    agreeing = comparable = 0
    for start in range(0, min(len(probe), len(known)) - _BLOCK_CELLS + 1, _BLOCK_CELLS):
        one, other = (values[start : start + _BLOCK_CELLS].ravel() for values in (probe, known))
        power = float(one @ one), float(other @ other)
        if min(power) < _LEAST_POWER * len(one):
            continue
        comparable += 1
        agreeing += float(one @ other) >= _AGREES * float(np.sqrt(power[0] * power[1]))
    return agreeing / comparable if comparable else None
