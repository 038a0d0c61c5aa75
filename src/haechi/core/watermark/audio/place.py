"""Where a stretch of sound may lie in the pattern, under one hypothesis of tempo and pitch.

Method: the pilot, zero elsewhere, is correlated with the sound's cells at every place of the loop at once, by Fourier
transforms over time; cells that begin at four places within a cell are tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from haechi.core.watermark.audio import cells as sound
from haechi.core.watermark.audio.pattern import CELL_S, LOOP, Pattern
from haechi.core.watermark.code import CODED_BITS

_PHASES = 4
_PILOT_SHARE: Final = 130 / 450

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Place:
    """A place.

    Attributes:
        tempo: factor by which the sound runs faster than it was marked.
        pitch: factor by which its frequencies were raised.
        offset_s: where the first whole cell begins, seconds of the sound.
        cell: of the loop, that this is.
        score: agreement of the pilot: zero mean, unit deviation without a mark, before the choice.
    """

    tempo: float
    pitch: float
    offset_s: float
    cell: int
    score: float


class Stretch:
    """A stretch of sound, ready for many hypotheses.

    Args:
        samples: float32 (n,), mono, at 16 kHz.
        pattern: the key's choices.
        pilot: of the pattern, transformed by `transformed_pilot`.
    """

    def __init__(self, samples: Floats, pattern: Pattern, pilot: NDArray[np.complex64]) -> None:
        self._running = sound.running_power(samples)
        self._length_s = len(samples) / sound.RATE
        self._pattern = pattern
        self._pilot = pilot
        self._known: tuple[float, sound.Loudness] | None = None

    def places(self, tempo: float, pitch: float, count: int) -> list[Place]:
        """The most credible places, best first."""
        offsets = np.arange(_PHASES) / _PHASES * CELL_S / tempo
        values = sound.values(*self._cells(tempo, pitch, offsets))
        score = fft.irfft((fft.rfft(values, LOOP, axis=1).conj() * self._pilot).sum(2), LOOP, axis=1)
        score /= max(float(np.sqrt((values * values).sum() / _PHASES * _PILOT_SHARE)), 1e-9)
        best = np.argpartition(score.ravel(), -count)[-count:]
        best = best[np.argsort(-score.ravel()[best])]
        return [
            Place(tempo, pitch, float(offsets[phase]), cell, float(score[phase, cell]))
            for phase, cell in (divmod(int(at), LOOP) for at in best)
        ]

    def soft(self, place: Place) -> Floats:
        """Soft bits at a place, float32 (CODED_BITS,)."""
        values = sound.values(*self._cells(place.tempo, place.pitch, np.array([place.offset_s])))[0]
        rows = (place.cell + np.arange(len(values))) % LOOP
        bit = self._pattern.bit[rows]
        data = bit >= 0
        votes = (values * self._pattern.signs[rows])[data]
        return np.bincount(bit[data], votes, CODED_BITS).astype(np.float32)

    def _cells(self, tempo: float, pitch: float, offset_s: Doubles) -> tuple[Floats, Floats]:
        if self._known is None or self._known[0] != pitch:
            self._known = pitch, sound.loudness(sound.band_power(self._running, pitch))
        count = max(1, int(self._length_s * tempo / CELL_S) - 1)
        return sound.cells(self._known[1], tempo, offset_s, count)


def transformed_pilot(pattern: Pattern) -> NDArray[np.complex64]:
    """complex64 (LOOP // 2 + 1, BANDS)."""
    return np.asarray(fft.rfft(pattern.pilot, axis=0), np.complex64)
