"""Find the releases and known fakes whose sound a file contains; see `core.fingerprint.audio` for the method.

Votes: each landmark that the probe, at one of seven speeds, shares with a master votes for a time line (master
second minus probe second). The
fullest 0.1 s of time lines with its neighbour counts. Distinct landmarks only: a repeated beat cannot vote twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from haechi.core.fingerprint.audio import RATE, SPEEDS, at_speed, landmarks
from haechi.core.fingerprint.catalogue import Catalogue
from haechi.core.records import Segment, Span

MIN_VOTES: Final = 15

_BIN_S = 0.1
_MAX_PIECES = 6
_CLEAR_SHARE = 0.35
"""A line with fewer votes than this share of the same stretch's best one is the echo of a common sound."""


@dataclass(frozen=True, slots=True)
class SoundMatch:
    """One stretch of the probe's sound that is in a stored sound.

    Attributes:
        row: row of the catalogue.
        segment: where in both.
        votes: landmarks that agree.
    """

    row: int
    segment: Segment
    votes: int


def match_sound(samples: NDArray[np.float32], catalogue: Catalogue) -> list[SoundMatch]:
    """Accepted matches of mono sound at 8 kHz, float32 (n,), best first."""
    found: list[SoundMatch] = []
    for speed in SPEEDS:
        keys, times = landmarks(at_speed(samples, speed))
        hits = catalogue.search_landmarks(keys)
        for row in np.unique(hits.row):
            mine = hits.row == row
            found += _lines(int(row), speed, times[hits.query[mine]].astype(float), hits.place[mine])
    found.sort(key=lambda one: -one.votes)
    limit = len(samples) / RATE
    return _clear([_clipped(one, limit) for one in found])


def _lines(row: int, speed: float, probe: NDArray[np.float64], master: NDArray[np.float64]) -> list[SoundMatch]:
    """Time lines with enough votes. `probe` counts seconds of the sound after its speed was undone."""
    lines: list[SoundMatch] = []
    while len(lines) < _MAX_PIECES and len(probe) >= MIN_VOTES:
        bins = np.floor((master - probe) / _BIN_S).astype(np.int64)
        low = int(bins.min())
        counts = np.bincount(bins - low)
        pairs = counts + np.append(counts[1:], 0)
        at = low + int(pairs.argmax())
        inside = (bins == at) | (bins == at + 1)
        votes = len(np.unique(np.round(probe[inside] * 50)))
        if votes < MIN_VOTES:
            break
        offset = float(np.median((master - probe)[inside]))
        start, end = _extent(probe[inside])
        segment = Segment(Span(start / speed, end / speed), offset + start, speed, mirrored=False)
        lines.append(SoundMatch(row, segment, votes))
        probe, master = probe[~inside], master[~inside]
    return lines


def _extent(times: NDArray[np.float64]) -> tuple[float, float]:
    """First and last second of the votes without stray ones: 1 % are cut at each end."""
    return float(np.quantile(times, 0.01)), float(np.quantile(times, 0.99)) + 0.5


def _clipped(one: SoundMatch, limit: float) -> SoundMatch:
    span = one.segment.span
    end = min(span.end_s, limit)
    start = max(0.0, min(span.start_s, end - 0.1))
    segment = Segment(Span(start, end), one.segment.offset_s, one.segment.speed, mirrored=False)
    return SoundMatch(one.row, segment, one.votes)


def _clear(found: list[SoundMatch]) -> list[SoundMatch]:
    """Without weaker explanations of a stretch of the probe that the same master explains better at another line."""
    kept: list[SoundMatch] = []
    for one in found:
        rivals = [k for k in kept if _overlap(k.segment.span, one.segment.span) > 0.3]
        same = any(k.row == one.row for k in rivals)
        if not same and all(one.votes >= _CLEAR_SHARE * k.votes for k in rivals):
            kept.append(one)
    return kept


def _overlap(a: Span, b: Span) -> float:
    """Share of the shorter span that lies in the other."""
    common = min(a.end_s, b.end_s) - max(a.start_s, b.start_s)
    return common / max(1e-6, min(a.duration_s, b.duration_s))
