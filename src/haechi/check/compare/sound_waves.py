"""Fine sound alignment by waves: generalised cross-correlation of short windows, and a vote for one line.

Windows around a predicted line are correlated with partial whitening [1]; those whose peak is sharp vote for
one line of delay over time. A line that several sharp windows agree on cannot be chance, and it tells the
speed to about 1e-6. Sound whose tempo was changed with the pitch kept has no such line.
[1] Knapp, Carter. IEEE Trans. ASSP 24 (1976).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from haechi.check.compare.sound_features import HOP, HOP_S, SAMPLE_RATE, Samples, spectrum, take, take_line
from haechi.check.compare.sound_lines import Line, Piece
from haechi.core.records import Span

SHARP = 6.0
MAX_WINDOWS = 160
CONFIRM_S = 12.0
MIN_EXPLAINED = 0.28


def polish(probe: Samples, master: Samples, piece: Piece, *, window_s: float, lag_s: float) -> Piece | None:
    """The line on which sharp windows agree, within `lag_s` of the piece's; None when no such line exists."""
    span = piece.span
    window_s = min(window_s, max(0.3, span.duration_s / 2))
    room = max(span.duration_s - window_s, 1e-6)
    count = int(np.clip(np.ceil(3 * room / window_s) + 1, 1, MAX_WINDOWS))
    starts = span.start_s + np.linspace(0.0, room, count)
    line = replace(piece.line, pitch=piece.line.speed)
    delays, sharpness = _delays(probe, master, line, starts, window_s, lag_s)
    centres = starts + window_s / 2
    tolerance = 0.0015 if window_s < 1.4 else 0.0006
    agreed = _vote(centres, delays, sharpness, tolerance)
    if agreed is None:
        return None
    slope, level, inliers = agreed
    strength = float(np.mean(sharpness[inliers]))
    needed = 1 if strength > 2 * SHARP and count <= 3 else 2 if strength > 1.5 * SHARP else 4
    if inliers.sum() < needed:
        return None
    speed = line.speed + slope
    if abs(speed - 1.0) * span.duration_s * SAMPLE_RATE < 1.0:
        # less than a sample over the whole stretch: the clocks are the same, and no resampling is needed
        middle = float(np.mean(centres[inliers]))
        level, speed = level + (speed - 1.0) * middle, 1.0
    return Piece(span, Line(line.offset_s + level, speed, speed), True, strength)


def settle(probe: Samples, master: Samples, piece: Piece) -> Piece:
    """A coherent piece with its line as exact as its length allows: each round looks closer around the one before."""
    for window_s, lag_s in ((0.75, 0.02), (1.5, 0.01), (1.5, 0.004)):
        piece = polish(probe, master, piece, window_s=window_s, lag_s=lag_s) or piece
    return piece


def confirm(probe: Samples, master: Samples, piece: Piece, *, window_s: float, lag_s: float) -> Piece | None:
    """`polish`, and `settle`, and the waves themselves must then agree: buzzing voices give sharp peaks by chance."""
    found = polish(probe, master, piece, window_s=window_s, lag_s=lag_s)
    if found is None:
        return None
    found = settle(probe, master, found)
    return found if explained(probe, master, found) > MIN_EXPLAINED else None


def explained(probe: Samples, master: Samples, piece: Piece) -> float:
    """Mean likeness of the better half of the rows around the middle of a coherent piece, about 0..1."""
    middle = 0.5 * (piece.span.start_s + piece.span.end_s)
    reach = min(piece.span.duration_s, CONFIRM_S) / 2
    likeness = wave_likeness(probe, master, piece.line, Span(middle - reach, middle + reach))
    return float(np.sort(likeness)[-(len(likeness) + 1) // 2 :].mean())


def wave_likeness(probe: Samples, master: Samples, line: Line, window: Span) -> NDArray[np.float64]:
    """Local correlation of waves, float64 (rows of HOP_S from window.start_s): near 0 for strangers, 1 for the same."""
    rows = max(1, round(window.duration_s / HOP_S))
    first = round(window.start_s * SAMPLE_RATE)
    ours = spectrum(take(probe, first, first + rows * HOP))[:rows]
    theirs = spectrum(take_line(master, line.at(window.start_s), line.speed, rows * HOP))[:rows]
    across = np.sum((ours * np.conj(theirs)).real / np.sqrt(np.abs(ours) * np.abs(theirs) + 1e-6), axis=1)
    power = np.sqrt(np.sum(np.abs(ours), axis=1) * np.sum(np.abs(theirs), axis=1)) + 1e-3
    return np.asarray(ndimage.uniform_filter1d(across, 9) / ndimage.uniform_filter1d(power, 9), np.float64)


def _delays(
    probe: Samples, master: Samples, line: Line, starts: NDArray[np.float64], window_s: float, lag_s: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each window: master time minus predicted master time (s), and the peak's height over the rest's
    r.m.s.
    """
    count = int(window_s * SAMPLE_RATE)
    margin = int(lag_s * SAMPLE_RATE) + 8
    size = fft.next_fast_len(count + 2 * margin, real=True)
    keep = (fft.rfftfreq(size, 1 / SAMPLE_RATE) > 100) & (fft.rfftfreq(size, 1 / SAMPLE_RATE) < 4500)
    delays, sharpness = np.zeros(len(starts)), np.zeros(len(starts))
    for index, start in enumerate(starts):
        first = round(start * SAMPLE_RATE)
        ours = take(probe, first, first + count)
        begin = line.at(first / SAMPLE_RATE) - margin * line.speed / SAMPLE_RATE
        theirs = take_line(master, begin, line.speed, count + 2 * margin)
        if float(np.abs(ours).max()) < 1e-4 or float(np.abs(theirs).max()) < 1e-4:
            continue
        cross = fft.rfft(theirs, size) * np.conj(fft.rfft(ours * _taper(count), size))
        cross = np.where(keep, cross / (np.abs(cross) ** 0.7 + 1e-9), 0)
        curve = fft.irfft(cross, size)[: 2 * margin + 1]
        row, height = _peak(curve)
        rest = np.delete(curve, np.s_[max(0, int(row) - 12) : int(row) + 13])
        delays[index] = (row - margin) / SAMPLE_RATE * line.speed
        sharpness[index] = height / (float(np.sqrt(np.mean(rest**2))) + 1e-12)
    return delays, sharpness


def _taper(count: int) -> NDArray[np.float32]:
    edge = min(400, count // 4)
    ramp = np.sin(0.5 * np.pi * np.arange(edge) / edge) ** 2
    return np.concatenate([ramp, np.ones(count - 2 * edge), ramp[::-1]]).astype(np.float32)


def _peak(curve: NDArray[np.float64]) -> tuple[float, float]:
    """Position (fraction of a row) and height of the greatest value, by a parabola through its neighbours."""
    row = int(np.argmax(curve))
    height = float(curve[row])
    if 0 < row < len(curve) - 1:
        left, right = float(curve[row - 1]), float(curve[row + 1])
        bend = left - 2 * height + right
        if bend < 0:
            return row + 0.5 * (left - right) / bend, height
    return float(row), height


def _vote(
    centres: NDArray[np.float64],
    delays: NDArray[np.float64],
    sharpness: NDArray[np.float64],
    tolerance: float,
) -> tuple[float, float, NDArray[np.bool_]] | None:
    """The line delay = level + slope * time with most sharp windows on it: (slope, level, windows on it)."""
    sharp = np.flatnonzero(sharpness > SHARP)
    if len(sharp) == 0:
        return None
    pairs = [(i, j) for n, i in enumerate(sharp) for j in sharp[n + 1 :]][:: max(1, len(sharp) ** 2 // 1200)]
    lines = [(0.0, float(delays[i])) for i in sharp]
    for i, j in pairs:
        slope = float((delays[j] - delays[i]) / (centres[j] - centres[i]))
        if abs(slope) < 8e-3:
            lines.append((slope, float(delays[i] - slope * centres[i])))
    table = np.asarray(lines)
    miss = np.abs(delays[sharp][None] - table[:, :1] * centres[sharp][None] - table[:, 1:])
    votes = np.sum(np.where(miss < tolerance, sharpness[sharp][None], 0.0), axis=1) - 1e-3 * np.abs(table[:, 0])
    chosen = int(np.argmax(votes))
    inliers = np.zeros(len(centres), np.bool_)
    inliers[sharp[miss[chosen] < tolerance]] = True
    if inliers.sum() >= 3 and float(np.ptp(centres[inliers])) > 0.5:
        slope, level = np.polyfit(centres[inliers], delays[inliers], 1, w=sharpness[inliers])
        return float(slope), float(level), inliers
    return 0.0, float(np.mean(delays[inliers])), inliers
