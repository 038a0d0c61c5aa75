"""Voice changes from sound evidence: where the master's sound is gone, and where speech was put into its
pauses.

A change is a maximal scoring run [1] of the evidence: rows above 0 pull it wider, rows below 0 stop it,
silence is free, so the edges need no threshold. It counts when its score adds up to more than benign
processing ever reached (`MIN_SUM`, measured by `benchmarks/sound.py`). Kinds:

- `replaced`: the master spoke, the probe has something else there;
- `removed`: the master spoke, the probe is silent there;
- `inserted`: the master was silent, the probe has a short sound there that the rest of the probe does not
  have. A bed of music or noise sounds in the other pauses and under the speech too; then it is no insertion.

[1] Ruzzo, Tompa. ISMB 7 (1999): all maximal scoring subsequences, linear time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from haechi.check.compare.sound_features import HOP_S
from haechi.check.compare.sound_lines import Piece
from haechi.check.compare.sound_residual import PRESENT, QUIET, Evidence, Rows
from haechi.core.records import Span

WINDOW_ROWS = 30
NULL_ROWS = 20
MIN_SUM = 6.0
MIN_ROWS = 8
MIN_REMOVED_ROWS = 15
ROW_LIMIT = 1.0
INTRUDER_ROW = 0.6
INTRUDER_LEVEL = 0.04
BED_LEVEL = 0.004
QUIET_NATS, BED_NATS, RESTLESS = 1.8, 1.1, 5.0
MIN_INSERTED_S = 0.18


@dataclass(frozen=True, slots=True)
class Null:
    """What a z stands on.

    Attributes:
        middle: median of the windowed score where the master is present in the same probe.
        spread: its robust standard deviation there.
        rows: how many rows that were; 0 when they were too few and usual values were assumed.
        threshold: the z from which the master explains nothing and adds nothing (score 0).
    """

    middle: float
    spread: float
    rows: int
    threshold: float


@dataclass(frozen=True, slots=True)
class VoiceSpan:
    """A stretch whose voice differs.

    Attributes:
        span: probe time.
        kind: as the module says.
        strength: greatest z against `null`.
        total: sum of row scores.
        null: what the z stands on.
        source: where in the master it comes from instead, if that was found.
    """

    span: Span
    kind: str
    strength: float
    total: float
    null: Null
    source: Piece | None = None


@dataclass(frozen=True, slots=True)
class Strength:
    """Strength over time, float64 (rows,), z against the null."""

    z: Rows
    null: Null


def find_changes(evidence: Evidence) -> tuple[list[VoiceSpan], Strength]:
    """All voice changes of a stretch, in time order, and the strength over time."""
    intruder = _intruders(evidence)
    values = np.clip(evidence.score * evidence.weight, -ROW_LIMIT, ROW_LIMIT)
    values = np.where(intruder, INTRUDER_ROW, values)
    strength = _strength(evidence, values, intruder)
    spans = []
    for start, stop in _maximal_runs(values - 0.01):
        kind = _kind(evidence, intruder, start, stop)
        total = float(values[start:stop].sum())
        rows = float(np.maximum(evidence.weight[start:stop], intruder[start:stop]).sum())
        if kind is None or total < MIN_SUM or rows < MIN_ROWS:
            continue
        span = Span(evidence.start_s + start * HOP_S, evidence.start_s + stop * HOP_S)
        spans.append(VoiceSpan(span, kind, float(strength.z[start:stop].max()), total, strength.null))
    return spans, strength


def _kind(evidence: Evidence, intruder: NDArray[np.bool_], start: int, stop: int) -> str | None:
    spoken = (evidence.weight[start:stop] > 0.2) & ~intruder[start:stop]
    if spoken.mean() < 0.25:
        inserted = intruder[start:stop].sum() * HOP_S >= MIN_INSERTED_S
        return "inserted" if inserted and _only_here(evidence, start, stop) else None
    expected = float((evidence.gain[start:stop] ** 2 * evidence.master[start:stop])[spoken].mean())
    heard = float(evidence.probe[start:stop][spoken].mean())
    if heard >= 0.03 * expected:
        return "replaced"
    return "removed" if stop - start >= MIN_REMOVED_ROWS and _starts_sharply(evidence, start, stop) else None


def _starts_sharply(evidence: Evidence, start: int, stop: int) -> bool:
    """On at least one side the master is heard at its level right beside the gap; a fade is not."""
    usual = float(np.median(evidence.gain))
    for beside in (slice(max(0, start - 12), max(0, start - 2)), slice(stop + 2, stop + 12)):
        master, probe = evidence.master[beside], evidence.probe[beside]
        heard = np.sqrt(probe[master > QUIET] / master[master > QUIET])
        if len(heard) and float(heard.max()) > 0.25 * usual:
            return True
    return False


def _intruders(evidence: Evidence) -> NDArray[np.bool_]:
    """Rows where the master is silent and the probe is clearly louder than in most of the master's pauses, in
    units of how restless the pauses are.
    """
    silent = evidence.gain**2 * evidence.master < QUIET
    if silent.sum() < 5 or not evidence.coherent:
        return np.zeros(len(silent), np.bool_)
    level = np.log(evidence.probe + 1e-9)
    low, usual = np.percentile(level[silent], [10, 40])
    bed = usual > np.log(BED_LEVEL)
    above = max(BED_NATS, RESTLESS * float(usual - low)) if bed else QUIET_NATS
    loud = level > max(float(np.log(INTRUDER_LEVEL)), float(usual) + above)
    return np.asarray(silent & loud & (evidence.agreement < PRESENT))


def _only_here(evidence: Evidence, start: int, stop: int) -> bool:
    """The sound of these rows is not part of a bed that goes on outside them."""
    level = float(evidence.extra[start:stop].mean())
    outside = np.ones(len(evidence.extra), np.bool_)
    outside[max(0, start - 10) : stop + 10] = False
    pause = outside & (evidence.gain**2 * evidence.master < QUIET)
    present = outside & (evidence.agreement > PRESENT)
    if not present.any():
        return False
    if pause.sum() * HOP_S < 0.3:
        return float(np.percentile(evidence.extra[present], 90)) < 0.25 * level
    clean = float(np.percentile(evidence.extra[pause], 90)) < 0.2 * level
    return clean and float(np.percentile(evidence.extra[present], 75)) < 0.5 * level


def _strength(evidence: Evidence, values: Rows, intruder: NDArray[np.bool_]) -> Strength:
    """Windowed mean score, as robust standard deviations above what present rows of the same probe show."""
    weight = np.where(intruder, 1.0, evidence.weight)
    raw = np.where(intruder, INTRUDER_ROW, np.clip(evidence.score, None, ROW_LIMIT) * evidence.weight)
    mean, mass = _windowed(raw, weight)
    present = (evidence.agreement > PRESENT) & (mass > 0.3 * min(WINDOW_ROWS, len(values)))
    enough = int(present.sum()) >= NULL_ROWS
    null = mean[present] if enough else np.array([-2.0])
    middle = min(float(np.median(null)), -0.1)
    spread = max(1.4826 * float(np.median(np.abs(null - middle))), 0.25 * abs(middle) / 2.0, 0.02)
    return _against(Null(middle, spread, int(present.sum()) if enough else 0, -middle / spread), mean, mass)


def strength_if_heard(evidence: Evidence, null: Null) -> Strength:
    """Strength over time where whatever sounds in the probe has to be the master's, pauses included: for words
    that were put in or moved.
    """
    weight = np.clip(evidence.probe / (5 * QUIET), 0.0, 1.0)
    return _against(null, *_windowed(np.clip(evidence.score, None, ROW_LIMIT) * weight, weight))


def _windowed(raw: Rows, weight: Rows) -> tuple[Rows, Rows]:
    rows = min(WINDOW_ROWS, len(raw))
    total = ndimage.uniform_filter1d(raw, rows, mode="constant") * rows
    mass = ndimage.uniform_filter1d(weight, rows, mode="constant") * rows
    return total / (mass + 3.0), mass


def _against(null: Null, mean: Rows, mass: Rows) -> Strength:
    z = np.where(mass > 3.0, (mean - null.middle) / null.spread, 0.0)
    return Strength(np.maximum(z, 0.0), null)


def _maximal_runs(values: Rows) -> list[tuple[int, int]]:
    """All maximal scoring runs [start, stop) of a sequence, in order."""
    runs: list[tuple[int, int, float, float]] = []
    total = 0.0
    for index, value in enumerate(values.tolist()):
        left, total = total, total + value
        if value <= 0:
            continue
        run = (index, index + 1, left, total)
        while True:
            before = next((k for k in range(len(runs) - 1, -1, -1) if runs[k][2] < run[2]), None)
            if before is None or runs[before][3] >= run[3]:
                runs.append(run)
                break
            run = (runs[before][0], run[1], runs[before][2], run[3])
            del runs[before:]
    return [(start, stop) for start, stop, _, _ in runs]
