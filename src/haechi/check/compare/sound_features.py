"""Sound features: spectra, log-mel bands and a resampler that lays one sound on the time line of another.

Everything works on mono samples at `SAMPLE_RATE`, float32 in -1..1 or int16; arrays may be memory maps, only
the asked stretch is read. Spectra have one row per `HOP_S` seconds, the row's centre at row * `HOP_S`; they
keep 120-7,000 Hz: the telephone band and what a speech codec at 16 kHz still carries.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

SAMPLE_RATE = 16_000
WINDOW = 512
HOP = 160
HOP_S = HOP / SAMPLE_RATE
LOW_HZ, HIGH_HZ = 120.0, 7_000.0
BANDS = 24
SINC_HALF = 10
PHASES = 512

Samples = NDArray[Any]
_FIRST = int(np.ceil(LOW_HZ * WINDOW / SAMPLE_RATE))
_LAST = int(np.floor(HIGH_HZ * WINDOW / SAMPLE_RATE)) + 1
BIN_HZ = np.arange(_FIRST, _LAST) * SAMPLE_RATE / WINDOW


def take(samples: Samples, start: int, stop: int) -> NDArray[np.float32]:
    """Samples [start, stop) as float32 in -1..1; outside the track there is silence."""
    inside = np.asarray(samples[max(0, start) : max(0, min(stop, len(samples)))])
    values = inside.astype(np.float32) / 32768.0 if inside.dtype == np.int16 else inside.astype(np.float32)
    before = min(max(0, -start), max(0, stop - start))
    after = max(0, stop - start) - before - len(values)
    return np.pad(values, (before, max(0, after)))


def take_line(samples: Samples, start_s: float, speed: float, count: int) -> NDArray[np.float32]:
    """Samples of a sound as if played from `start_s` at `speed` (pitch follows), float32 (count,).

    Band-limited interpolation by a Hann-windowed sinc of 2 * SINC_HALF taps; exact copies when the step is
    one sample and the start falls on one.
    """
    first = round(start_s * SAMPLE_RATE)
    if abs(speed - 1.0) * count < 0.02:
        return take(samples, first, first + count)
    positions = start_s * SAMPLE_RATE + speed * np.arange(count)
    whole = np.floor(positions).astype(np.int64)
    base = int(whole[0]) - SINC_HALF + 1
    source = take(samples, base, int(whole[-1]) + SINC_HALF + 1)
    phase = ((positions - whole) * PHASES + 0.5).astype(np.int64)
    at = whole - int(whole[0])
    result = np.zeros(count, np.float32)
    weights = _sinc(round(min(1.0, 1.0 / speed), 3))
    for tap in range(2 * SINC_HALF):
        result += source[at + tap] * weights[tap][phase]
    return result


@lru_cache(maxsize=64)
def _sinc(cut: float) -> NDArray[np.float32]:
    """Interpolation weights, float32 (2 * SINC_HALF taps, PHASES + 1 fractions), pass band `cut` of Nyquist."""
    fraction = np.arange(PHASES + 1) / PHASES
    distance = np.arange(-SINC_HALF + 1, SINC_HALF + 1)[:, None] - fraction
    weights = cut * np.sinc(cut * distance) * np.cos(0.5 * np.pi * np.clip(distance / SINC_HALF, -1, 1)) ** 2
    return np.asarray(weights, np.float32)


def spectrum(samples: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Short-time spectrum, complex64 (rows, bins of BIN_HZ); one row per HOP samples."""
    padded = np.pad(samples, (WINDOW // 2, WINDOW // 2))
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    rows = fft.rfft(windows * _hann(WINDOW), axis=1)
    return np.asarray(rows[:, _FIRST:_LAST], np.complex64)


def log_bands(samples: NDArray[np.float32], rows: int, *, hop: int = HOP, pitch: float = 1.0) -> NDArray[np.float32]:
    """Log energy of BANDS mel-spaced bands, float32 (rows, BANDS), natural logarithm of power.

    Args:
        samples: mono sound; row i is centred on sample i * hop.
        rows: how many rows; the sound is padded with silence.
        hop: samples from row to row.
        pitch: the bands lie at `pitch` times their usual frequencies, to look at a sound whose pitch was
        raised by it.
    """
    need = (rows - 1) * hop + 2 * WINDOW
    padded = np.pad(samples, (WINDOW, max(0, need - len(samples))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * WINDOW)[::hop][:rows]
    power = np.abs(fft.rfft(windows * _hann(2 * WINDOW), axis=1)) ** 2
    return np.asarray(np.log(power @ _filters(round(pitch, 4)) + 1e-7), np.float32)


@lru_cache(maxsize=256)
def _filters(pitch: float) -> NDArray[np.float32]:
    """Triangular filters, float32 (WINDOW + 1, BANDS), equally wide on the mel scale from 100 to 6,000 Hz."""
    mel = np.linspace(_mel(100.0), _mel(6_000.0), BANDS + 2)
    edges = 700.0 * (10.0 ** (mel / 2595.0) - 1.0) * pitch
    hz = np.arange(WINDOW + 1) * SAMPLE_RATE / (2 * WINDOW)
    rising = (hz[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hz[:, None]) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(weights / np.maximum(weights.sum(axis=0), 1e-6), np.float32)


def _mel(hz: float) -> float:
    return float(2595.0 * np.log10(1.0 + hz / 700.0))


@lru_cache(maxsize=4)
def _hann(length: int) -> NDArray[np.float32]:
    return np.hanning(length + 1)[:-1].astype(np.float32)
