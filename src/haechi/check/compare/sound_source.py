"""Where in the master does a stretch come from that is not there where it should be?

A forger who puts words into a mouth mostly takes them from the same person, often from the same recording.
Then the stretch is found again, wave by wave: it is correlated with the whole master (within REACH_S), with
partial whitening [1], and a peak that stands SHARP times above the rest and whose waves then agree is no
chance. What it tells: the source, to the millisecond, and where exactly the foreign stretch begins and ends,
because there the likeness changes from one line to the other.
Limits: speed and pitch must be those of the piece around it; words of another recording have no source here.
[1] Knapp, Carter. IEEE Trans. ASSP 24 (1976).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from haechi.check.compare.sound_features import HOP_S, SAMPLE_RATE, Samples, take, take_line
from haechi.check.compare.sound_lines import Line, Piece
from haechi.check.compare.sound_waves import MIN_EXPLAINED, polish, wave_likeness
from haechi.core.records import Span

REACH_S = 600.0
LONGEST_S = 4.0
STEP = 2
BLOCK = 1 << 17
SHARP = 10.0
SURE = 14.0
OWN_S = 0.25
STRANGE = 0.12
SWITCH_COST = 4.0
SILENT_COST = 0.03


def find_source(probe: Samples, master: Samples, piece: Piece, span: Span, *, own_s: float = OWN_S) -> Piece | None:
    """The place in the master from which a stretch of the probe was taken.

    Args:
        probe: mono samples.
        master: mono samples.
        piece: what lies around the stretch; its line gives the speed and the place that is not asked for.
        span: the stretch, probe time.
        own_s: a place nearer than this to the piece's own line is no answer.

    Returns:
        The stretch on its line, or None.
    """
    line = piece.line
    middle = 0.5 * (span.start_s + span.end_s)
    half = min(span.duration_s, LONGEST_S) / 2
    count = round(2 * half * line.speed * SAMPLE_RATE)
    first = round((middle - half) * SAMPLE_RATE)
    patch = take_line(take(probe, first, first + round(2 * half * SAMPLE_RATE)), 0.0, 1.0 / line.speed, count)
    if count < 0.1 * SAMPLE_RATE or float(np.abs(patch).max()) < 1e-3:
        return None
    own = line.at(first / SAMPLE_RATE)
    place, height = _search(patch, master, own, own_s)
    if height < SHARP:
        return None
    rough = Line(place - line.speed * first / SAMPLE_RATE, line.speed, line.speed)
    found = Piece(span, rough, True, height)
    found = polish(probe, master, found, window_s=0.75, lag_s=0.01) or found
    found = replace(found, line=replace(found.line, speed=line.speed, pitch=line.pitch), score=height)
    found = _centred(found, rough, middle)
    likeness = np.sort(wave_likeness(probe, master, found.line, span))
    alike = float(likeness[-(len(likeness) + 1) // 2 :].mean())
    return found if alike > (0.5 * MIN_EXPLAINED if height > SURE else MIN_EXPLAINED) else None


def _centred(found: Piece, rough: Line, middle: float) -> Piece:
    """`polish` may have tilted the line: keep its place in the middle, if that is still the one found."""
    at = found.line.at(middle)
    return found if abs(at - rough.at(middle)) < 0.02 else replace(found, line=rough)


def _search(patch: NDArray[np.float32], master: Samples, own: float, own_s: float) -> tuple[float, float]:
    """Master time (s) at which a patch starts, and the peak's height over the r.m.s. of its block."""
    low = max(0, round((own - REACH_S) * SAMPLE_RATE))
    high = min(len(master), round((own + REACH_S) * SAMPLE_RATE) + len(patch))
    short = _thinned(patch)
    spectrum = np.conj(fft.rfft(short, BLOCK))
    hz = fft.rfftfreq(BLOCK, STEP / SAMPLE_RATE)
    keep = (hz > 100) & (hz < 3500)
    best = (0.0, 0.0)
    room = BLOCK - len(short)
    for start in range(low, max(low + 1, high), room * STEP):
        block = _thinned(take(master, start, min(start + BLOCK * STEP, high)))
        cross = np.where(keep, fft.rfft(block, BLOCK) * spectrum, 0)
        curve = np.abs(fft.irfft(cross / (np.abs(cross) ** 0.7 + 1e-9), BLOCK)[:room])
        curve[min(room, max(1, len(block) - len(short) // 2)) :] = 0.0
        scale = float(np.sqrt(np.mean(curve[curve > 0] ** 2))) if (curve > 0).any() else 1.0
        avoid = round((own * SAMPLE_RATE - start) / STEP)
        reach = round(own_s * SAMPLE_RATE / STEP)
        curve[max(0, avoid - reach) : max(0, avoid + reach)] = 0.0
        row = int(np.argmax(curve))
        height = float(curve[row]) / (scale + 1e-12)
        if height > best[1]:
            best = ((start + row * STEP) / SAMPLE_RATE, height)
    return best


def _thinned(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Every second sample of a sound whose upper half was averaged away, zero mean."""
    half = len(samples) // STEP * STEP
    values = samples[:half].reshape(-1, STEP).mean(axis=1)
    return np.asarray(values - values.mean() if len(values) else values, np.float32)


def divide(probe: Samples, master: Samples, lines: list[Line], window: Span) -> NDArray[np.int64]:
    """Which line each row of a window follows, int64 (rows of HOP_S from window.start_s); -1 for none of them.

    The path with the greatest sum of likeness; a change of lines costs SWITCH_COST rows of full likeness.
    """
    return _path(gains_of(probe, master, lines, window))


def stretch_on(probe: Samples, master: Samples, host: Line, source: Line, window: Span) -> tuple[Span, Span] | None:
    """The longest stretch of a window on the source's line, and the part of it that is surely heard to be; None when
    no row follows the source.
    """
    gains = gains_of(probe, master, [host, source], window)
    path = _path(gains)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (path == 1).astype(np.int8), [0]])))
    runs = list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
    if not runs:
        return None
    start, stop = max(runs, key=lambda run: run[1] - run[0])
    total = np.concatenate([[0.0], np.cumsum(gains[1, start:stop] - SILENT_COST)])
    last = int(np.argmax(total - np.minimum.accumulate(total)))
    first = int(np.argmin(total[: last + 1]))
    longest = Span(window.start_s + start * HOP_S, window.start_s + stop * HOP_S)
    return longest, Span(longest.start_s + first * HOP_S, longest.start_s + last * HOP_S)


def gains_of(probe: Samples, master: Samples, lines: list[Line], window: Span) -> NDArray[np.float64]:
    """Likeness above that of strangers, float64 (lines + 1, rows), silence as 0; the last line is none of them."""
    likeness = [wave_likeness(probe, master, line, window) - STRANGE for line in lines]
    power = row_power(probe, window, len(likeness[0]))
    loud = np.clip(power / (0.05 * np.mean(power) + 1e-9), 0.0, 1.0)
    return np.stack([*(np.clip(like, -0.3, 1.0) * loud for like in likeness), np.zeros(len(power))])


def _path(gain: NDArray[np.float64]) -> NDArray[np.int64]:
    total = gain[:, 0].copy()
    rows = gain.shape[1]
    back = np.zeros(gain.shape, np.int64)
    for row in range(1, rows):
        best = int(np.argmax(total))
        stay = total >= total[best] - SWITCH_COST
        back[:, row] = np.where(stay, np.arange(len(total)), best)
        total = np.where(stay, total, total[best] - SWITCH_COST) + gain[:, row]
    path = np.empty(rows, np.int64)
    path[-1] = int(np.argmax(total))
    for row in range(rows - 1, 0, -1):
        path[row - 1] = back[path[row], row]
    return np.where(path == len(gain) - 1, -1, path)


def row_power(probe: Samples, window: Span, rows: int) -> NDArray[np.float64]:
    """Power of each row of a window, smoothed over 5 rows, float64 (rows,)."""
    first = round(window.start_s * SAMPLE_RATE)
    hop = round(HOP_S * SAMPLE_RATE)
    values = take(probe, first, first + rows * hop).reshape(rows, hop)
    return np.asarray(ndimage.uniform_filter1d(np.mean(values**2, axis=1), 5), np.float64)
