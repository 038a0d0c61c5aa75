"""Whether a sound is what its mark points to: a mark can be moved from one sound to another.

Method: a reading says where the probe begins in the marked sound, up to multiples of 96 s, how fast it runs and how
high. Its cells are correlated with the master's there, in blocks of 2 s, twice. Fine: as the reader whitens them;
codecs, noise and music beside it leave 0.25 or more, another sound about 0 +- 0.03. Broad: their levels in dB over each
band's mean; copies keep 0.6 or more (0.5 under a bed of music), another sound stays below 0.4. Whoever takes the marked
sound's fine structure for the mark and lays it on another sound copies the fine correlation too (0.3 to 0.6), but not
the broad one (below 0.45 even at 9 dB of gain): a block agrees when both do. Where half of the blocks agree finely but
only half-way broadly, nothing is said. Of the laps of the loop the best one counts. Blocks in which either is silent
are left out.
Limits: very strong noise takes the agreement away, too; then the mark is hardly readable either. Whoever lays the
release's whole course of loudness, band by band, on another sound, makes it agree - and audibly follow the release.
Another moment of the same piece of music can be near enough by itself.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from haechi.core.watermark.audio import cells as sound
from haechi.core.watermark.audio.pattern import BANDS, CELL_S, LOOP

_BLOCK_CELLS: Final = 30
_AGREES, _AGREES_BROADLY, _DIFFERS_BROADLY = 0.25, 0.6, 0.3
_LEAST_POWER = 1e-9

Floats = NDArray[np.float32]


def agreeing_share(
    samples: Floats, master: Floats, start_s: float, tempo: float = 1.0, pitch: float = 1.0
) -> float | None:
    """Share of the comparable blocks that agree, 0-1; None when too few say something.

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
    probe = _cells(samples, tempo, pitch, offset_s)
    known = _cells(master, 1.0, 1.0, 0.0)
    laps = range(0, max(1, known.shape[1] - cell), LOOP)
    shares = [share for lap in laps if (share := _share(probe, known[:, cell + lap :])) is not None]
    return max(shares, default=None)


def _cells(samples: Floats, tempo: float, pitch: float, offset_s: float) -> Floats:
    """Fine and broad view of each cell, float32 (2, count, BANDS): whitened values, levels in dB."""
    count: int = int((len(samples) / sound.RATE - offset_s) * tempo / CELL_S)
    if count < 1:
        return np.zeros((2, 0, BANDS), np.float32)
    of = sound.loudness(sound.band_power(sound.running_power(samples), pitch))
    level, over = sound.cells(of, tempo, np.array([offset_s]), count)
    return np.stack([sound.values(level, over)[0], level[0]])


def _share(probe: Floats, known: Floats) -> float | None:
    agreeing = halfway = comparable = 0
    for start in range(0, min(probe.shape[1], known.shape[1]) - _BLOCK_CELLS + 1, _BLOCK_CELLS):
        (fine, broad), (fine_known, broad_known) = (one[:, start : start + _BLOCK_CELLS] for one in (probe, known))
        if min(float((fine * fine).mean()), float((fine_known * fine_known).mean())) < _LEAST_POWER:
            continue
        alike = _correlation(broad - broad.mean(0), broad_known - broad_known.mean(0))
        finely = _correlation(fine, fine_known) >= _AGREES
        comparable += 1
        agreeing += finely and alike >= _AGREES_BROADLY
        halfway += finely and _DIFFERS_BROADLY <= alike < _AGREES_BROADLY
    return agreeing / comparable if comparable > 2 * halfway else None


def _correlation(one: Floats, other: Floats) -> float:
    return float((one * other).sum() / max(float(np.sqrt((one * one).sum() * (other * other).sum())), 1e-9))
