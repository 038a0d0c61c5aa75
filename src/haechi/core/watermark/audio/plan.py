"""Which gain each cell of a sound gets: informed by the sound itself.

Method: the reader's value of a cell answers nearly linearly to gains in dB. For each coded bit, in each half period,
the votes of the bit's cells are summed as the reader will sum them, for the sound as it is and under white noise 20 dB
below it. Gains follow the gradient of these sums; bits whose sum stays weak get a greater share, round by round [1]. So
the gains go where the sound itself is quiet to the reader, and the sound's own votes are outweighed. The r.m.s. of the
gains over a period is the first of `STRENGTHS_DB` at which nearly all stretches of 6 s would be read under the noise.
Limits: gains of one cell reach into the next ones (windows overlap); the model leaves that out.
Invariant: none; how a writer plans may change, a reader does not notice.
[1] Miller, Doerr, Cox. IEEE Trans. Image Processing 13 (2004), informed coding and embedding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from haechi.core.watermark.audio.cells import CLIP, HOP, RATE, cells, loudness, unwhiten, weight, whiten
from haechi.core.watermark.audio.pattern import BANDS, CELL_S, CELLS, EDGES_HZ, Pattern, signed
from haechi.core.watermark.code import CODED_BITS, encode

STRENGTHS_DB: Final = (1.4, 1.6, 1.8, 2.1)
"""Root mean square of the gains, dB, to choose from."""
_MOST = 2.0
_NOISE_DB = -20.0
_ROUNDS = 4
_RATE, _LEAST_NEED, _MOST_NEED = 0.2, 0.3, 3.0
_HALF = CELLS // 2
_PILOT_BIT = CODED_BITS
_BITS = CODED_BITS + 1
_SAFE, _UNSAFE_SHARE = 0.86, 0.1

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with a sound.

    Attributes:
        gains_db: float32 (count, BANDS), for the cells from the start of the sound on.
        strength_db: their root mean square over a period.
        survives: whether the model reads nearly all stretches under noise at this strength.
    """

    gains_db: Floats
    strength_db: float
    survives: bool


@dataclass(frozen=True, slots=True)
class _View:
    """The sound in one condition.

    Attributes:
        rest: whitened level in dB, before the gains.
        spread: its local deviation.
        trust: the reader's weight of each cell.
        answer: dB that the level rises per dB of gain.
    """

    rest: Floats
    spread: Floats
    trust: Floats
    answer: Floats


def plan(power: Floats, pattern: Pattern, payload: int, strength_db: float | None = None) -> Plan:
    """Gains for a sound.

    Args:
        power: of bands over time, of the sound in mono at 16 kHz, float32 (n, BANDS), from `band_power`.
        pattern: the key's choices.
        payload: 40 bits.
        strength_db: r.m.s. of the gains; None lets the model choose.
    """
    count = max(1, math.ceil(len(power) * HOP / RATE / CELL_S))
    sound = _Sound.of(power, signed(pattern, encode(payload), count), _groups(pattern, count))
    made = None
    for strength in STRENGTHS_DB if strength_db is None else (strength_db,):
        gains = sound.gains(strength)
        made = Plan(gains, strength, sound.readable(gains))
        if made.survives:
            break
    assert made is not None  # noqa: S101  there is at least one strength
    return made


@dataclass(frozen=True, slots=True)
class _Sound:
    """What planning needs of a sound, computed once for all strengths."""

    views: tuple[_View, _View]
    wanted: Floats
    group: Ints

    @classmethod
    def of(cls, power: Floats, wanted: Floats, group: Ints) -> _Sound:
        share = np.diff(EDGES_HZ) / (EDGES_HZ[-1] - EDGES_HZ[0])
        noise = float(power.sum(1).mean()) * 10 ** (_NOISE_DB / 10) * share if len(power) else np.zeros(BANDS)
        views = _view(power, np.zeros(BANDS), len(wanted)), _view(power, noise, len(wanted))
        return cls(views, wanted, group)

    def gains(self, strength_db: float) -> Floats:
        """Rounds of informed embedding."""
        heard = self.views[0].trust
        need = np.ones((int(self.group.max()) // _BITS + 1, _BITS), np.float32)
        gains = _scaled(self.wanted * heard, heard, strength_db)
        for _ in range(_ROUNDS):
            worst = np.minimum(*(_relative(_near(self.votes(view, gains))) for view in self.views))
            need = _needed(need, worst)
            slope = sum((self._slope(view, need) for view in self.views), np.zeros_like(gains))
            gains = _scaled(slope, heard, strength_db)
        return gains

    def votes(self, view: _View, gains: Floats) -> Floats:
        """Sum of votes of each bit in each half period, float32 (halves, bits)."""
        value = (view.rest + unwhiten(gains * view.answer)) / view.spread
        votes = np.clip(value, -CLIP, CLIP) * view.trust * self.wanted
        sums = np.bincount(self.group.ravel(), votes.ravel(), (int(self.group.max()) // _BITS + 1) * _BITS)
        return sums.reshape(-1, _BITS).astype(np.float32)

    def readable(self, gains: Floats) -> bool:
        """Whether nearly all periods' worth of sound would be read under noise."""
        votes = self.votes(self.views[1], gains)[:, :CODED_BITS]
        both = votes[:-1] + votes[1:] if len(votes) > 1 else votes
        cosine = both.sum(1) / np.maximum(np.sqrt((both * both).sum(1) * CODED_BITS), 1e-9)
        return float(np.quantile(cosine, _UNSAFE_SHARE)) >= _SAFE

    def _slope(self, view: _View, need: Floats) -> Floats:
        """How the weighed sum of votes answers to each gain."""
        pull = need.ravel()[self.group] * self.wanted * view.trust / view.spread
        return unwhiten(np.asarray(pull, np.float32)) * view.answer


def _view(power: Floats, noise: NDArray[np.float64], count: int) -> _View:
    start = np.zeros(1)
    level, over = (one[0] for one in cells(loudness(power + noise.astype(np.float32)), 1.0, start, count))
    alone = cells(loudness(power), 1.0, start, count)[0][0]
    rest, spread = whiten(level)
    return _View(rest, spread, weight(over), np.minimum(10 ** ((alone - level) / 10), 1).astype(np.float32))


def _groups(pattern: Pattern, count: int) -> Ints:
    """The group of each cell: bit by half period; the pilot's cells of a half period are one more bit."""
    bit = np.resize(pattern.bit, (count, BANDS)).astype(np.int64)
    return np.arange(count)[:, None] // _HALF * _BITS + np.where(bit < 0, _PILOT_BIT, bit)


def _near(sums: Floats) -> Floats:
    """Neighbouring half periods count half: a probe may begin anywhere."""
    out = sums.copy()
    out[1:] += 0.5 * sums[:-1]
    out[:-1] += 0.5 * sums[1:]
    return out


def _relative(sums: Floats) -> Floats:
    unit = np.abs(sums[:, :CODED_BITS]).mean(1, keepdims=True)
    return np.asarray(sums / np.maximum(unit, 1e-6), np.float32)


def _needed(need: Floats, votes: Floats) -> Floats:
    """Weak bits get more."""
    grown = need * np.exp(-_RATE * np.clip(votes - 1, -1.5, 1.5))
    grown /= grown[:, :CODED_BITS].mean(1, keepdims=True)
    grown[:, _PILOT_BIT] = 1.0
    return np.asarray(np.clip(grown, _LEAST_NEED, _MOST_NEED), np.float32)


def _scaled(slope: Floats, heard: Floats, strength_db: float) -> Floats:
    """Gains limited to `_MOST` times the wanted strength, which they have over each period."""
    gains, most = slope, _MOST * strength_db
    for _ in range(3):
        square = _around((gains * gains * heard).sum(1)) / np.maximum(_around(heard.sum(1)), 1e-3)
        factor = (strength_db / np.sqrt(np.maximum(square, 1e-12))).astype(np.float32)
        gains = np.asarray(np.clip(gains * factor[:, None], -most, most), np.float32)
    return gains


def _around(values: Floats) -> Floats:
    """Sums over a period."""
    before = np.concatenate([np.zeros(1), np.cumsum(values, dtype=np.float64)])
    at = np.arange(len(values))
    low, high = np.maximum(at - _HALF, 0), np.minimum(at + _HALF + 1, len(values))
    return np.asarray(before[high] - before[low], np.float32)
