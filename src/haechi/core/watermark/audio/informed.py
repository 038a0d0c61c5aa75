"""Informed reading: with the unmarked master the sound itself is no noise, only a guide to where the probe lies in it.

Steps:
1. Windows of the probe are laid on the master: whitened cells of both are correlated at every place at once, unchanged
   first, then under changed speed, tempo and pitch; place, tempo and pitch are refined.
2. What the master explains, with a gain and a noise floor for each band, is subtracted from the probe's level, cell by
   cell; the rest is weighed by its local deviation and by how far the level answers to a gain under that noise.
3. Its soft bits, those of a blind reader at the same place, and the sum of both are decoded, window by window and
   summed over the windows.
Limits: a window must hold one unbroken stretch of the master; masters of hours are searched slowly.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from haechi.core.watermark.audio import cells as sound
from haechi.core.watermark.audio.blind import LEAST_S, WINDOW_S, hypotheses
from haechi.core.watermark.audio.pattern import CELL_S, LOOP, Pattern, pattern_of
from haechi.core.watermark.audio.records import AudioReading
from haechi.core.watermark.code import CODED_BITS
from haechi.core.watermark.decide import Asked

_PHASES = 4
_MOST_WINDOWS = 8
_LAID, _SURE = 9.0, 0.5
_WAYS = 3
_SLOW, _BOX, _SPREAD_FLOOR_DB, _CLIP = 15, (7, 3), 0.7, 2.0
_TEMPO_STEP, _PITCH_STEP, _OFFSET_STEP_S = 0.0015, 0.004, CELL_S / 8

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Laid:
    """Where a window lies: its second `offset_s` is the beginning of the master's cell `cell`."""

    score: float
    tempo: float
    pitch: float
    offset_s: float
    cell: int


class _Master:
    """Cells of the master."""

    def __init__(self, samples: Floats) -> None:
        self.power = sound.band_power(sound.running_power(samples))
        of = sound.loudness(self.power)
        self.count = max(1, int(len(samples) / sound.RATE / CELL_S))
        self.level, self.over = (one[0] for one in sound.cells(of, 1.0, np.zeros(1), self.count))
        self.values = sound.values(self.level, self.over)


class _Probe:
    """A window of the probe."""

    def __init__(self, samples: Floats) -> None:
        self._running = sound.running_power(samples)
        self._length_s = len(samples) / sound.RATE
        self._known: tuple[float, sound.Loudness] | None = None

    def power(self, pitch: float) -> Floats:
        """Of the bands, float32 (n, BANDS)."""
        return sound.band_power(self._running, pitch)

    def cells(self, tempo: float, pitch: float, offset_s: Doubles) -> tuple[Floats, Floats]:
        """Level and power over the floor, (offsets, count, BANDS) each."""
        if self._known is None or self._known[0] != pitch:
            self._known = pitch, sound.loudness(sound.band_power(self._running, pitch))
        count = max(1, int((self._length_s - float(offset_s.max())) * tempo / CELL_S))
        return sound.cells(self._known[1], tempo, offset_s, count)


def read_informed(
    samples: Floats, master: Floats, key: bytes, *, label: str = "release", among: Collection[int] = ()
) -> AudioReading | None:
    """The payload of a sound that was made from a master, or None.

    Args:
        samples: the probe, float32 (n,), mono, at 16 kHz.
        master: the sound before it was marked, likewise.
        key: the company's watermark key.
        label: "release" or "recipient": which of the two payloads.
        among: payloads that the master's copies bear: they are found where a number of any other could not be read.
    """
    pattern, known, asked = pattern_of(key, label), _Master(master), Asked(among)
    summed = np.zeros((_WAYS, CODED_BITS), np.float32)
    way: tuple[float, float] | None = None
    for start_s, part in _windows(samples):
        probe = _Probe(part)
        laid = _lay(probe, known, way)
        if laid is None:
            continue
        way = laid.tempo, laid.pitch
        soft = _soft(probe, known, laid, pattern)
        summed += soft
        origin_s = float((laid.cell * CELL_S - (laid.offset_s + start_s) * laid.tempo) % (LOOP * CELL_S))
        for candidate in (soft, summed):
            found = max(asked.find(candidate), key=lambda one: one[1], default=None)
            if found is not None:
                return AudioReading(*found, origin_s, laid.tempo, laid.pitch)
    return None


def _windows(samples: Floats) -> Iterator[tuple[float, Floats]]:
    """Windows spread over the probe."""
    size = round(WINDOW_S * sound.RATE)
    count = min(_MOST_WINDOWS, max(1, round(len(samples) / size)))
    for start in np.linspace(0, max(0, len(samples) - size), count).astype(int):
        part = samples[start : start + size]
        if len(part) >= LEAST_S * sound.RATE and part.any():
            yield start / sound.RATE, part


def _lay(probe: _Probe, master: _Master, way: tuple[float, float] | None) -> _Laid | None:
    """Step 1."""
    best: _Laid | None = None
    for some in ([(1.0, 1.0)] if way is None else [way, (1.0, 1.0)], hypotheses()):
        found = max((_found(probe, master, *one) for one in some), key=lambda one: one.score)
        if found.score >= _LAID:
            found = _refined(probe, master, found)
            best = found if best is None or found.score > best.score else best
        if best is not None and best.score >= _SURE:
            break
    return best


def _found(probe: _Probe, master: _Master, tempo: float, pitch: float) -> _Laid:
    offsets = np.arange(_PHASES) / _PHASES * CELL_S / tempo
    values = sound.values(*probe.cells(tempo, pitch, offsets))
    size = int(fft.next_fast_len(values.shape[1] + master.count, real=True))
    ahead = fft.rfft(master.values, size, axis=0)
    product = fft.irfft((fft.rfft(values, size, axis=1).conj() * ahead).sum(2), size, axis=1)
    unit = np.sqrt((values * values).sum() / _PHASES * float(np.mean(master.values**2)))
    phase, cell = divmod(int(product.argmax()), size)
    score = float(product[phase, cell] / max(unit, 1e-9))
    return _Laid(score, tempo, pitch, float(offsets[phase]), cell if cell < master.count else cell - size)


def _refined(probe: _Probe, master: _Master, start: _Laid) -> _Laid:
    """Coordinate ascent over offset, tempo and pitch."""
    best = _Laid(_agreement(probe, master, start), start.tempo, start.pitch, start.offset_s, start.cell)
    scale = 1.0
    for _ in range(4):
        for offset, tempo, pitch in ((1, 0, 0), (0, 1, 0), (0, 0, 1)):
            for sign in (scale, -scale):
                moved = best.offset_s + sign * offset * _OFFSET_STEP_S
                trial = _Laid(
                    0.0,
                    best.tempo + sign * tempo * _TEMPO_STEP,
                    best.pitch + sign * pitch * _PITCH_STEP,
                    moved,
                    best.cell,
                )
                score = _agreement(probe, master, trial)
                if score > best.score:
                    best = _Laid(score, trial.tempo, trial.pitch, trial.offset_s, trial.cell)
        scale /= 2
    return best


def _agreement(probe: _Probe, master: _Master, laid: _Laid) -> float:
    level, over = probe.cells(laid.tempo, laid.pitch, np.array([laid.offset_s]))
    mine, theirs = _common(sound.values(level[0], over[0]), master.values, laid.cell)
    return float((mine * theirs).sum() / max(float(np.sqrt((mine * mine).sum() * (theirs * theirs).sum())), 1e-9))


def _common(mine: Floats, theirs: Floats, cell: int) -> tuple[Floats, Floats]:
    """Rows of both that lie on each other: the first row of `mine` on row `cell` of `theirs`."""
    begin, end = max(0, -cell), min(len(mine), len(theirs) - cell)
    return mine[begin : max(begin, end)], theirs[cell + begin : max(cell + begin, cell + end)]


def _soft(probe: _Probe, master: _Master, laid: _Laid, pattern: Pattern) -> Floats:
    """Steps 2 and 3: soft bits, float32 (_WAYS, CODED_BITS): informed, blind at the same place, and both."""
    level, over = probe.cells(laid.tempo, laid.pitch, np.array([laid.offset_s]))
    seen, expected, answer = _expected(probe, master, laid, len(level[0]))
    blind, _ = _common(sound.values(level[0], over[0]), master.values, laid.cell)
    rest = seen - expected
    rest = rest - cv2.blur(rest, (1, _SLOW), borderType=cv2.BORDER_REPLICATE)
    power = cv2.blur(rest * rest, _BOX, borderType=cv2.BORDER_REPLICATE)
    spread = np.sqrt(np.maximum(power, 0)) + np.float32(_SPREAD_FLOOR_DB)
    informed = np.clip(rest / spread, -_CLIP, _CLIP) / spread * answer
    rows = (max(laid.cell, 0) + np.arange(len(blind))) % LOOP
    soft = [_gathered(values, pattern, rows) for values in (informed, blind)]
    return np.stack([*soft, soft[0] + soft[1]])


def _expected(probe: _Probe, master: _Master, laid: _Laid, count: int) -> tuple[Floats, Floats, Floats]:
    """Levels of the probe, levels that the master explains, and how far they answer to a gain, (n, BANDS) each."""
    offset_s, start = np.array([laid.offset_s]), np.zeros(1)
    power = probe.power(laid.pitch)
    mine = sound.cell_power(power, laid.tempo, offset_s, count)[0]
    theirs = sound.cell_power(master.power, 1.0, start, master.count)[0]
    gain, noise = _explained(*_common(mine, theirs, laid.cell))
    floor, loud = noise + np.float32(1e-9), master.power * gain
    seen = sound.cells(sound.levels(power, floor), laid.tempo, offset_s, count)[0][0]
    known = sound.cells(sound.levels(loud + noise, floor), 1.0, start, master.count)[0][0]
    alone = sound.cells(sound.levels(loud, floor * np.float32(1e-3)), 1.0, start, master.count)[0][0]
    answer = np.minimum(10 ** ((alone - known) / 10), 1)
    return *_common(seen, known, laid.cell), _common(seen, answer, laid.cell)[1]


def _gathered(values: Floats, pattern: Pattern, rows: NDArray[np.int64]) -> Floats:
    """Votes of cells summed to soft bits of unit length, float32 (CODED_BITS,)."""
    bit = pattern.bit[rows]
    data = bit >= 0
    soft = np.bincount(bit[data], (values * pattern.signs[rows])[data], CODED_BITS).astype(np.float32)
    return soft / max(float(np.linalg.norm(soft)), 1e-9)


def _explained(mine: Floats, theirs: Floats) -> tuple[Floats, Floats]:
    """Each band's gain, and what was added to it, float32 (BANDS,): mine = gain * theirs + noise."""
    if not len(mine):
        return np.ones(mine.shape[1], np.float32), np.zeros(mine.shape[1], np.float32)
    order = np.argsort(theirs, axis=0)
    loud, quiet = order[-max(1, len(order) // 3) :], order[: max(1, len(order) // 4)]
    at = np.arange(mine.shape[1])[None, :]
    gain = np.exp(np.median(np.log((mine[loud, at] + 1e-9) / (theirs[loud, at] + 1e-9)), axis=0))
    for _ in range(3):
        noise = np.maximum(np.median(mine[quiet, at] - gain * theirs[quiet, at], axis=0), 0)
        net = np.maximum(mine[loud, at] - noise, 0.1 * mine[loud, at])
        gain = np.exp(np.median(np.log((net + 1e-9) / (theirs[loud, at] + 1e-9)), axis=0))
    return gain.astype(np.float32), noise.astype(np.float32)
