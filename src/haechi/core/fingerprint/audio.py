"""Landmarks of sound: pairs of spectral peaks, which survive noise, speech on top, other codecs and, by seven
speed hypotheses, speed changes of up to 10 %.

Method: after Wang [1]. Mono sound at 8 kHz, a spectrogram of 64 ms windows every 16 ms, local maxima over 11 bins by
0.11 s, at most 30 peaks a second; each peak with the next 6 within 0.06-1.2 s gives a key of both frequencies and their
distance in time. A probe is resampled by each speed, and keys that a master shares vote for its offset in time; the
votes of one 0.1 s bin and its neighbour count.
Arrays of `audio_fingerprint_v1` (k landmarks): keys uint32 (k,), times float32 (k,) seconds.
Limits: a tempo change that keeps the pitch, or a pitch change that keeps the tempo, is found only where small.
[1] Wang. An industrial-strength audio search algorithm. ISMIR 2003.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.fingerprint.sets import FingerprintSet
from haechi.core.media.audio import read_audio
from haechi.core.settings import Limits

AUDIO_FINGERPRINT: Final = "audio_fingerprint_v1"
SPEEDS: Final = (1.0, 0.97, 1.03, 0.94, 1.06, 0.91, 1.09)
RATE: Final = 8000

_WINDOW, _HOP = 512, 128
_LOW_BIN, _HIGH_BIN = 8, 240
_REACH_BINS, _REACH_FRAMES = 5, 3
_PEAKS_PER_S, _FAN_OUT = 30, 6
_MIN_GAP, _MAX_GAP = 4, 75
_BLOCK_S = 20.0

Floats = NDArray[np.float32]


def fingerprint_sound(path: Path, limits: Limits) -> FingerprintSet | None:
    """Landmarks of a file's sound, read in blocks; None when it has no peaks (silence, no sound track)."""
    parts = [landmarks(samples, start_s) for start_s, samples in _blocks(path, limits)]
    if not parts:
        return None
    keys, times = (np.concatenate(column) for column in zip(*parts, strict=True))
    if not len(keys):
        return None
    return FingerprintSet(AUDIO_FINGERPRINT, {"keys": keys, "times": times})


def landmarks(samples: Floats, start_s: float = 0.0) -> tuple[NDArray[np.uint32], Floats]:
    """Keys, uint32 (k,), and their times in seconds, float32 (k,), of mono sound at 8 kHz, float32 (n,)."""
    frames, bins = _peaks(samples)
    keys, times = [], []
    for step in range(1, _FAN_OUT + 1):
        gap = frames[step:] - frames[:-step]
        near = (gap >= _MIN_GAP) & (gap <= _MAX_GAP)
        first, second = bins[:-step][near], bins[step:][near]
        keys.append(
            (first.astype(np.uint32) << np.uint32(16))
            | (second.astype(np.uint32) << np.uint32(8))
            | gap[near].astype(np.uint32)
        )
        times.append((frames[:-step][near] * (_HOP / RATE) + start_s).astype(np.float32))
    return np.concatenate(keys), np.concatenate(times)


def at_speed(samples: Floats, speed: float) -> Floats:
    """The sound as it was before somebody played it `speed` times as fast."""
    if speed == 1.0 or len(samples) < 2:
        return samples
    ratio = Fraction(speed).limit_denominator(100)
    count = int(len(samples) * ratio)
    places = np.arange(count) / float(ratio)
    return np.interp(places, np.arange(len(samples)), samples).astype(np.float32)


def _peaks(samples: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Frame and frequency bin of the strongest local maxima, by time."""
    empty = np.zeros(0, np.int64)
    if len(samples) < _WINDOW:
        return empty, empty
    windows = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP]
    spectrum = np.abs(np.fft.rfft(windows * np.hanning(_WINDOW).astype(np.float32), axis=1))[:, :256]
    level = np.log10(spectrum + 1e-4).astype(np.float32)
    level -= cv2.GaussianBlur(level, (0, 0), sigmaX=20, sigmaY=12)
    kernel = np.ones((2 * _REACH_FRAMES + 1, 2 * _REACH_BINS + 1), np.uint8)
    top = (level >= cv2.dilate(level, kernel)) & (level > 0.15)
    top[:, :_LOW_BIN] = False
    top[:, _HIGH_BIN:] = False
    top &= spectrum > 2e-3
    frames, bins = np.nonzero(top)
    return _strongest(frames, bins, level[frames, bins])


def _strongest(
    frames: NDArray[np.int64], bins: NDArray[np.int64], level: Floats
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    second = (frames * _HOP) // RATE
    order = np.lexsort((-level, second))
    rank = np.arange(len(order)) - np.searchsorted(second[order], second[order])
    kept = np.sort(order[rank < _PEAKS_PER_S])
    return frames[kept], bins[kept]


def _blocks(path: Path, limits: Limits) -> Iterator[tuple[float, Floats]]:
    """Stretches of about 20 s that overlap by the reach of a landmark."""
    overlap = _MAX_GAP * _HOP + _WINDOW
    held: list[Floats] = []
    start, count = 0, 0
    for block in read_audio(path, limits, sample_rate=RATE):
        held.append(block.samples)
        count += len(block.samples)
        if count >= _BLOCK_S * RATE:
            samples = np.concatenate(held)
            used = (len(samples) - overlap) // _HOP * _HOP
            yield start / RATE, samples
            held, start, count = [samples[used:]], start + used, len(samples) - used
    if count:
        yield start / RATE, np.concatenate(held)
