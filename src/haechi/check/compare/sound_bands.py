"""Coarse sound alignment by log-mel bands: finds a stretch of sound in a master without any hint.

Each band is freed of its slow mean (equaliser, level) and the patterns are correlated over the whole master
by FFT, for speeds 0.9-1.1, with the pitch kept or following the speed; `sound_waves` then confirms and
refines.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from haechi.check.compare.sound_features import BANDS, HOP, HOP_S, SAMPLE_RATE, Samples, log_bands, take
from haechi.check.compare.sound_lines import Line, Piece, wave_like
from haechi.check.compare.sound_waves import confirm, explained
from haechi.core.records import Span

CHUNK_S = 6.0
COARSE_HOP = 640
BLOCK_ROWS = 2048
SURE_BANDS = 0.60
CERTAIN = 0.60
HINT_LAG_S = 1.2
PITCH_REACH = 4.0


def contrast(bands: NDArray[np.float32], *, hop: int = HOP) -> NDArray[np.float32]:
    """Bands freed of noise floor, equaliser and slow level: what changes within a second. float32, same
    shape.
    """
    level = np.log(np.mean(np.exp(bands), axis=0) + 1e-7)
    floored = np.logaddexp(bands, level - 7.0)
    width = max(3, round(1.0 * SAMPLE_RATE / hop))
    return np.asarray(floored - ndimage.uniform_filter1d(floored, width, axis=0), np.float32)


def stretch(features: NDArray[np.float32], factor: float, rows: int) -> NDArray[np.float32]:
    """Features on a time axis `factor` times as long, float32 (rows, BANDS), linear interpolation, edges
    repeated.
    """
    position = np.clip(np.arange(rows) / factor, 0, len(features) - 1)
    low = np.minimum(position.astype(np.int64), max(0, len(features) - 2))
    part = (position - low).astype(np.float32)[:, None]
    high = np.minimum(low + 1, len(features) - 1)
    return np.asarray(features[low] * (1 - part) + features[high] * part, np.float32)


def _correlate(template: NDArray[np.float32], stage: NDArray[np.float32]) -> NDArray[np.float64]:
    """Normalised correlation of a template at each start row of a stage at least as long."""
    size = fft.next_fast_len(len(stage), real=True)
    product = fft.rfft(stage, size, axis=0) * np.conj(fft.rfft(template, size, axis=0))
    raw = fft.irfft(product.sum(axis=1), size)[: len(stage) - len(template) + 1]
    return np.asarray(raw / _scale(template, np.sum(stage.astype(np.float64) ** 2, axis=1)), np.float64)


def _scale(template: NDArray[np.float32], energy: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.concatenate([[0.0], np.cumsum(energy)])
    window = total[len(template) :] - total[: len(total) - len(template)]
    own = float(np.sum(template.astype(np.float64) ** 2))
    return np.asarray(np.sqrt(own * np.maximum(window, 0.25 * own)) + 1e-6, np.float64)


def locate_near(
    probe: Samples,
    master: Samples,
    span: Span,
    line: Line,
    *,
    lag_s: float = HINT_LAG_S,
    steps: Sequence[float] = (-0.004, -0.002, 0.0, 0.002, 0.004),
    pitches: Sequence[float] | None = None,
) -> Piece | None:
    """The best line by bands within `lag_s` of a line, over the speeds `line.speed + steps` and both
    kinds of pitch.
    """
    middle = 0.5 * (span.start_s + span.end_s)
    reach = min(span.duration_s, 2 * CHUNK_S) / 2
    start = middle - reach
    rows = max(8, round(2 * reach / HOP_S))
    ours = take(probe, round(start * SAMPLE_RATE), round((start + 2 * reach) * SAMPLE_RATE))
    begin = line.at(start) - lag_s
    extent = round((2 * reach * line.speed * 1.02 + 2 * lag_s) / HOP_S)
    theirs = take(master, round(begin * SAMPLE_RATE), round(begin * SAMPLE_RATE) + extent * HOP)
    stage = contrast(log_bands(theirs, extent))
    best: Piece | None = None
    for pitch in pitches if pitches is not None else dict.fromkeys((line.pitch, 1.0, line.speed)):
        features = contrast(log_bands(ours, rows, pitch=pitch))
        for step in steps:
            speed = line.speed + step
            template = stretch(features, speed, round(rows * speed))
            if len(template) > len(stage):
                continue
            scores = _correlate(template, stage)
            row = int(np.argmax(scores))
            if best is None or scores[row] > best.score:
                offset = begin + row * HOP_S - speed * start
                shift = speed if abs(pitch - line.speed) < 1e-9 else pitch
                best = Piece(span, Line(offset, speed, shift), False, float(scores[row]))
    return best


def find_pitch(probe: Samples, master: Samples, piece: Piece) -> Piece:
    """The piece with the pitch that fits its bands best, within PITCH_REACH semitones of none and of the speed's."""
    best = piece
    steps = 2.0 ** (np.arange(-PITCH_REACH, PITCH_REACH + 0.1, 0.25) / 12.0)
    for pitch in steps.tolist():
        line = Line(piece.line.offset_s, piece.line.speed, pitch)
        found = locate_near(probe, master, piece.span, line, lag_s=0.1, steps=(0.0,), pitches=(pitch,))
        if found is not None and found.score > best.score + 0.002:
            best = Piece(piece.span, found.line, False, found.score)
    return best


def band_likeness(probe: Samples, master: Samples, line: Line, window: Span) -> NDArray[np.float64]:
    """Local correlation of bands, float64 (rows of HOP_S from window.start_s): near 0 for strangers, 1 for the same."""
    rows = max(1, round(window.duration_s / HOP_S))
    first = round(window.start_s * SAMPLE_RATE)
    length = int(rows * HOP * line.speed) + 1
    begin = round(line.at(window.start_s) * SAMPLE_RATE)
    ours = contrast(log_bands(take(probe, first, first + rows * HOP), rows, pitch=line.pitch))
    raw = contrast(log_bands(take(master, begin, begin + length), round(rows * line.speed) + 1))
    theirs = stretch(raw, 1.0 / line.speed, rows)
    product = ndimage.uniform_filter1d(np.sum(ours * theirs, axis=1), 31)
    scale = ndimage.uniform_filter1d(np.sum(ours**2, axis=1), 31) * ndimage.uniform_filter1d(
        np.sum(theirs**2, axis=1), 31
    )
    return np.asarray(product / np.sqrt(scale + 1e-3), np.float64)


class BandIndex:
    """The master's bands, transformed in blocks once, ready to be correlated with many chunks.

    Memory: 1.3 MB for a minute of master.
    """

    def __init__(self, master: Samples) -> None:
        self._master = master
        rows = len(master) // COARSE_HOP + 1
        self._features = contrast(_long_bands(master, rows), hop=COARSE_HOP)
        self._energy = np.sum(self._features.astype(np.float64) ** 2, axis=1)
        self._keep = BLOCK_ROWS - int(CHUNK_S * 1.25 * 1.12 * SAMPLE_RATE / COARSE_HOP) - 2
        blocks = []
        for start in range(0, rows, self._keep):
            blocks.append(fft.rfft(self._features[start : start + BLOCK_ROWS].T, BLOCK_ROWS, axis=1))
        self._blocks = np.stack(blocks).astype(np.complex64)

    def search(self, probe: Samples, chunk: Span) -> Piece | None:
        """The chunk's place in the master, or None; the plain speed first, then 0.9-1.1 with pitch kept
        or following.
        """
        plain = self._finish(probe, self._best(probe, chunk, (1.0,), follow=True))
        if plain is not None and self._quality(probe, plain) >= CERTAIN:
            return plain
        speeds = tuple(np.round(np.arange(0.9, 1.1001, 0.01), 3).tolist())
        trials = [self._best(probe, chunk, speeds, follow=follow) for follow in (True, False)]
        good = [c for c in (plain, *(self._finish(probe, trial) for trial in trials)) if c is not None]
        return max(good, key=lambda c: self._quality(probe, c)) if good else None

    def _quality(self, probe: Samples, piece: Piece) -> float:
        """Waves that agree in half of their rows beat any bands; fewer, only bands that are no better than usual."""
        if not piece.coherent:
            return piece.score - 0.35
        return explained(probe, self._master, piece) + 0.1

    def _best(self, probe: Samples, chunk: Span, speeds: Sequence[float], *, follow: bool) -> Piece:
        ours = take(probe, round(chunk.start_s * SAMPLE_RATE), round(chunk.end_s * SAMPLE_RATE))
        rows = max(4, len(ours) // COARSE_HOP)
        best = Piece(chunk, Line(0.0, 1.0, 1.0), False, -1.0)
        kept = None if follow else contrast(log_bands(ours, rows, hop=COARSE_HOP), hop=COARSE_HOP)
        for speed in speeds:
            pitch = speed if follow else 1.0
            features = kept
            if features is None:
                features = contrast(log_bands(ours, rows, hop=COARSE_HOP, pitch=pitch), hop=COARSE_HOP)
            row, score = self._correlate(stretch(features, speed, max(4, round(rows * speed))))
            if score > best.score:
                offset = row * COARSE_HOP / SAMPLE_RATE - speed * chunk.start_s
                best = Piece(chunk, Line(offset, speed, pitch), False, score)
        return best

    def _correlate(self, template: NDArray[np.float32]) -> tuple[int, float]:
        """Best start row of a template in the whole master (it may stick out at both ends), and its
        correlation.
        """
        spectrum_ = np.conj(fft.rfft(template.T, BLOCK_ROWS, axis=1)).astype(np.complex64)
        raw = fft.irfft(np.einsum("bkf,kf->bf", self._blocks, spectrum_), BLOCK_ROWS, axis=1)
        length = len(self._energy)
        total = np.concatenate([[0.0], np.cumsum(self._energy)])
        own = float(np.sum(template.astype(np.float64) ** 2))
        starts = np.arange(length)
        window = total[np.minimum(starts + len(template), length)] - total[starts]
        flat = raw[:, : self._keep].reshape(-1)[:length]
        scores = flat / (np.sqrt(own * np.maximum(window, 0.25 * own)) + 1e-6)
        head = raw[0, BLOCK_ROWS - len(template) // 2 :]
        covered = total[np.minimum(len(template) - np.arange(len(head), 0, -1), length)]
        early = head / (np.sqrt(own * np.maximum(covered, 0.25 * own)) + 1e-6)
        if len(early) and float(early.max()) > float(scores.max()):
            return int(np.argmax(early)) - len(early), float(early.max())
        row = int(np.argmax(scores))
        return row, float(scores[row])

    def _finish(self, probe: Samples, rough: Piece) -> Piece | None:
        """Refine a coarse line by bands at the fine step, then by waves; None when neither confirms it."""
        if rough.score < 0.2:
            return None
        steps = (0.0,) if rough.line.speed == 1.0 else tuple(np.arange(-0.006, 0.0061, 0.001).tolist())
        fine = locate_near(probe, self._master, rough.span, rough.line, lag_s=0.2, steps=steps) or rough
        waves = None
        if wave_like(fine.line):
            waves = confirm(probe, self._master, fine, window_s=0.75, lag_s=0.06)
        if waves is not None:
            return waves
        return fine if fine.score >= SURE_BANDS else None


def _long_bands(samples: Samples, rows: int) -> NDArray[np.float32]:
    """`log_bands` at the coarse step of a sound of any length, block by block."""
    step = 1500
    result = np.empty((rows, BANDS), np.float32)
    for row in range(0, rows, step):
        count = min(step, rows - row)
        start = row * COARSE_HOP
        # two windows of context on the left keep block borders from showing
        block = take(samples, start - 2 * COARSE_HOP, start + (count + 2) * COARSE_HOP)
        result[row : row + count] = log_bands(block, count + 2, hop=COARSE_HOP)[2:]
    return result
