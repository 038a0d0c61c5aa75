"""Sound residual: at each moment, is the master's sound still in the probe, and is there anything else?

Method. The channel H (equaliser, codec, level) is the least-squares filter from master to probe, fitted over
the rows where the master is present (five rounds of re-weighting), and a slow gain follows compressors and
fades. Every bin is weighed by what the channel and the background leave of it. Then, per row of 10 ms,

    score = log( energy of (probe - gain * H * master) / energy of probe )

is below 0 where taking the master away explains the probe, and above 0 where it only adds to it: there the
master's sound is gone. The comparison is of waves, phase included, so a re-synthesis with the same words,
timing and spectrum counts as gone; music on top of the master keeps the score below 0, and silence weighs
nothing. Zero is a property of the measure and not a tuned number. Where the pitch or tempo was changed
separately the waves no longer match, and the same question is asked of log-mel bands against the distance of
unrelated rows (coarser, blind to re-synthesis).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from haechi.check.compare.sound_bands import contrast, stretch
from haechi.check.compare.sound_features import (
    HOP,
    HOP_S,
    SAMPLE_RATE,
    Samples,
    log_bands,
    spectrum,
    take,
    take_line,
)
from haechi.check.compare.sound_lines import Piece

BLOCK_S = 120.0
ROUNDS = 5
SMOOTH_ROWS = 7
GAIN_ROWS = 101
SCORE_FLOOR, SCORE_CEILING = -3.0, 1.5
QUIET = 0.01
PRESENT = 0.5
AGREES = 0.4
AUDIBLE = 0.04
GATE = 0.01
SILENCED = 0.03

Rows = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Channel:
    """What the way from master to probe did to the sound.

    Attributes:
        response: complex64 (bins,), probe over master.
        trust: float64 (bins,), share 0..1 of each bin's energy that the master explains.
    """

    response: NDArray[np.complex64]
    trust: Rows


@dataclass(frozen=True, slots=True)
class Evidence:
    """Row i speaks of probe time `start_s + i * HOP_S`; all arrays float64 (rows,).

    Attributes:
        score: below 0 the master is there, above 0 it is gone; SCORE_FLOOR..SCORE_CEILING.
        weight: 0..1, how much the master has to say at this row (0: it is silent).
        master: energy of the master through the channel, mean of active rows = 1.
        probe: energy of the probe in the same unit.
        extra: energy in the probe that the master does not explain, same unit.
        gain: slow gain of the probe against the channel, 1 = none.
        agreement: -1..1, local correlation of waves (or of bands when not coherent).
        coherent: waves were compared.
        channel: None when bands were compared.
    """

    start_s: float
    score: Rows
    weight: Rows
    master: Rows
    probe: Rows
    extra: Rows
    gain: Rows
    agreement: Rows
    coherent: bool
    channel: Channel | None


def measure(probe: Samples, master: Samples, piece: Piece, channel: Channel | None = None) -> list[Evidence]:
    """Evidence over a piece, in blocks of at most BLOCK_S seconds so that memory stays bounded.

    Args:
        probe: mono samples.
        master: mono samples.
        piece: the stretch and its line.
        channel: the one to take when that of the stretch cannot be told from it.
    """
    blocks = max(1, int(np.ceil(piece.span.duration_s / BLOCK_S)))
    edges = np.linspace(piece.span.start_s, piece.span.end_s, blocks + 1)
    result: list[Evidence] = []
    for start, end in pairwise(edges.tolist()):
        rows = max(4, round((end - start) / HOP_S))
        if piece.coherent:
            evidence = _measure_waves(probe, master, piece, start, rows, channel)
            channel = evidence.channel
        else:
            evidence = _measure_bands(probe, master, piece, start, rows)
        result.append(evidence)
    return result


def _measure_waves(
    probe: Samples, master: Samples, piece: Piece, start_s: float, rows: int, before: Channel | None
) -> Evidence:
    first = round(start_s * SAMPLE_RATE)
    ours = spectrum(take(probe, first, first + rows * HOP))[:rows]
    line = piece.line
    theirs = spectrum(take_line(master, line.at(first / SAMPLE_RATE), line.speed, rows * HOP))[:rows]
    channel = _fit_channel(ours, theirs)
    if before is not None and channel.trust.mean() < 0.5 * before.trust.mean():
        channel = before
    master_energy, probe_energy, cross = _energies(ours, theirs, channel)
    agreement = cross / np.sqrt(master_energy * probe_energy + 1e-12)
    return _weigh(start_s, master_energy, probe_energy, cross, agreement, channel)


def _fit_channel(ours: NDArray[np.complex64], theirs: NDArray[np.complex64]) -> Channel:
    """Least squares per bin over the rows where the master is present; (rows, bins) complex64 on both
    sides.
    """
    product = ours * np.conj(theirs)
    power_ours, power_theirs = np.abs(ours) ** 2, np.abs(theirs) ** 2
    # no loud row may outvote the others: a foreign shout would bend the channel
    loud = np.mean(power_ours, axis=1)
    fair = (1.0 / (loud + np.mean(loud) + 1e-12)).astype(np.float32)
    rows = fair
    channel = Channel(np.ones(ours.shape[1], np.complex64), np.ones(ours.shape[1]))
    for _ in range(ROUNDS):
        across, own, other = rows @ product, rows @ power_theirs, rows @ power_ours
        response = across / (own + 1e-6 * own.max() + 1e-12)
        trust = np.abs(across) ** 2 / (own * other + 1e-12 + 1e-9 * (own * other).max())
        channel = Channel(response.astype(np.complex64), trust.astype(np.float64))
        master, probe, cross = _energies(ours, theirs, channel)
        agreement = cross / np.sqrt(master * probe + 1e-12)
        present = np.clip((agreement - 0.2) / 0.3, 0, 1).astype(np.float32)
        rows = fair * present if present.mean() >= 0.03 else fair
    return channel


def _energies(ours: NDArray[np.complex64], theirs: NDArray[np.complex64], channel: Channel) -> tuple[Rows, Rows, Rows]:
    """Smoothed energy of the master through the channel, of the probe, and their real product, float64
    (rows,).
    """
    through = theirs * channel.response
    level = np.mean(np.abs(through) ** 2, axis=0)
    background = level * (1.0 / np.maximum(channel.trust, 1e-3) - 1.0)
    bins = 1.0 / (
        ndimage.uniform_filter1d(background, 5) + 0.1 * ndimage.uniform_filter1d(level, 9) + 1e-4 * level.max() + 1e-12
    )
    kernel = np.hanning(SMOOTH_ROWS + 2)[1:-1]
    kernel /= kernel.sum()

    def smooth(values: NDArray[np.float32]) -> Rows:
        return np.asarray(ndimage.convolve1d(values.astype(np.float64), kernel, mode="nearest"), np.float64)

    weights = bins.astype(np.float32)
    master = smooth(np.abs(through) ** 2 @ weights)
    probe = smooth(np.abs(ours) ** 2 @ weights)
    cross = smooth((ours * np.conj(through)).real @ weights)
    return master, probe, cross


def _weigh(
    start_s: float, master: Rows, probe: Rows, cross: Rows, agreement: Rows, channel: Channel | None
) -> Evidence:
    present = agreement > PRESENT
    reference = master[present] if present.sum() > 10 else master
    unit = float(reference[reference > 0.1 * reference.mean()].mean()) + 1e-12
    master, probe, cross = master / unit, probe / unit, cross / unit
    gain = _slow_gain(master, cross, present & (master > QUIET))
    here = _fast_gain(gain, master, probe, cross, agreement)
    extra = np.maximum(probe - 2 * here * cross + here**2 * master, 0)
    floor = _floor(master, extra, present)
    score = np.log((extra + 0.3 * floor) / (probe + 0.3 * floor))
    expected = gain**2 * master
    # where the master would be a small part of what sounds, its absence cannot be told
    audible = np.clip((expected / (probe + floor) - AUDIBLE) / (4 * AUDIBLE), 0, 1)
    weight = np.clip(expected / (5 * floor), 0, 1) * audible
    return Evidence(
        start_s,
        np.clip(score, SCORE_FLOOR, SCORE_CEILING),
        np.where(weight < 0.04, 0.0, weight),
        master,
        probe,
        extra,
        gain,
        agreement,
        coherent=True,
        channel=channel,
    )


def _slow_gain(master: Rows, cross: Rows, usable: NDArray[np.bool_]) -> Rows:
    """Running median over a second of active rows of the gain by which the master sits in the probe."""
    at = np.flatnonzero(usable)
    if len(at) < 20:
        return np.ones(len(master))
    ratio = cross[at] / master[at]
    # a silenced word still agrees, 30 dB down: it is no slow gain
    at, ratio = at[ratio > SILENCED * np.median(ratio)], ratio[ratio > SILENCED * np.median(ratio)]
    median = ndimage.median_filter(ratio, size=min(GAIN_ROWS, len(at)), mode="nearest")
    return np.asarray(np.clip(np.interp(np.arange(len(master)), at, median), 0.05, 20.0), np.float64)


def _fast_gain(gain: Rows, master: Rows, probe: Rows, cross: Rows, agreement: Rows) -> Rows:
    """The slow gain, but the gain of the moment where waves agree: limiters and gates act within milliseconds.

    A word that was silenced is no limiter: far below its expected level the slow gain stays.
    """
    moment = np.clip(cross / (master + 1e-12), 0.1 * gain, 6.0 * gain)
    acting = (agreement > AGREES) & ((probe > GATE * gain**2 * master) | (master < 0.1))
    return np.where(acting, moment, gain)


def _floor(master: Rows, extra: Rows, present: NDArray[np.bool_]) -> float:
    """Energy below which the codec keeps nothing of the master: what it leaves unexplained in quiet
    present rows.
    """
    quiet = present & (master < 0.03)
    if quiet.sum() < 20:
        return QUIET
    return float(np.clip(3.0 * np.percentile(extra[quiet], 75), 1e-4, QUIET))


def _measure_bands(probe: Samples, master: Samples, piece: Piece, start_s: float, rows: int) -> Evidence:
    line = piece.line
    first = round(start_s * SAMPLE_RATE)
    theirs_rows = round(rows * line.speed) + 2
    begin = round(line.at(start_s) * SAMPLE_RATE)
    ours_bands = log_bands(take(probe, first, first + rows * HOP), rows, pitch=line.pitch)
    raw = log_bands(take(master, begin, begin + theirs_rows * HOP), theirs_rows)
    theirs_bands = stretch(raw, 1.0 / line.speed, rows)
    ours, theirs = contrast(ours_bands), contrast(theirs_bands)
    energy = np.exp(theirs_bands).mean(axis=1).astype(np.float64)
    unit = float(energy[energy > 0.1 * energy.mean()].mean()) + 1e-12
    probe_energy = np.exp(ours_bands).mean(axis=1).astype(np.float64)
    probe_unit = float(probe_energy[probe_energy > 0.1 * probe_energy.mean()].mean()) + 1e-12
    energy, probe_energy = energy / unit, probe_energy / probe_unit
    distance = _band_distance(ours, theirs)
    usual = float(np.median(distance[energy > QUIET])) if (energy > QUIET).any() else 1.0
    strange = _strange_distance(ours, theirs, energy > QUIET)
    middle = np.sqrt(max(usual, 1e-3) * max(strange, 2e-3))
    score = np.clip(2.0 * np.log((distance + 0.05) / (middle + 0.05)), SCORE_FLOOR, SCORE_CEILING)
    product = ndimage.uniform_filter1d(np.sum(ours * theirs, axis=1), 31).astype(np.float64)
    scale = np.sqrt(
        ndimage.uniform_filter1d(np.sum(ours**2, axis=1), 31) * ndimage.uniform_filter1d(np.sum(theirs**2, axis=1), 31)
    )
    weight = np.clip(energy / (5 * QUIET), 0, 1)
    return Evidence(
        start_s,
        score,
        np.where(weight < 0.04, 0.0, weight),
        energy,
        probe_energy,
        np.maximum(probe_energy - energy, 0),
        np.ones(rows),
        product / (scale.astype(np.float64) + 1e-6),
        coherent=False,
        channel=None,
    )


def _band_distance(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> Rows:
    """Mean absolute difference of bands per row, the smallest over shifts of +-2 rows (tempo changers
    jitter).
    """
    best: NDArray[np.float32] | None = None
    for shift in range(-2, 3):
        distance = ndimage.uniform_filter1d(np.mean(np.abs(ours - np.roll(theirs, shift, axis=0)), axis=1), 11)
        best = distance if best is None else np.minimum(best, distance)
    return np.asarray(best, np.float64)


def _strange_distance(ours: NDArray[np.float32], theirs: NDArray[np.float32], active: NDArray[np.bool_]) -> float:
    """Median distance between rows that do not belong together: the master shifted by a second and more."""
    shifts = [s for s in (97, 151, 211, 307, -131, -189) if abs(s) < len(theirs)] or [len(theirs) // 2]
    values = [
        np.median(_band_distance(ours, np.roll(theirs, shift, axis=0))[active]) for shift in shifts if active.any()
    ]
    return float(np.median(values)) if values else 1.0
