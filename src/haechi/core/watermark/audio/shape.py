"""Gains in time and frequency, laid over a sound of any rate and number of channels.

Method: short-time Fourier transform with square-root Hann windows of 32 ms, half overlapped; each bin is multiplied
with the gain of its cell; overlap-add gives the sound back exactly where the gains are 1. All channels get the same
gains, so that the image of space stays. Block by block: memory does not grow with the length.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from haechi.core.watermark.audio.pattern import CELL_S, EDGES_HZ

_WINDOW_S = 0.032

Floats = NDArray[np.float32]


class Shaper:
    """Applies gains to a sound that comes in blocks.

    Args:
        rate: samples per second.
        channels: how many.
        gains_db: float32 (n, BANDS), from the start of the sound on.
    """

    def __init__(self, rate: int, channels: int, gains_db: Floats) -> None:
        self._hop = max(8, round(rate * _WINDOW_S / 2))
        size = 2 * self._hop
        self._window = np.sin(np.pi * (np.arange(size) + 0.5) / size).astype(np.float32)
        self._to_bins = _overlap(size, rate)
        self._untouched = (1 - self._to_bins.sum(0)).astype(np.float32)
        self._gains = np.power(10, gains_db / 20, dtype=np.float32)
        self._cells_per_hop = self._hop / rate / CELL_S
        self._held = np.zeros((self._hop, channels), np.float32)
        self._tail = np.zeros((self._hop, channels), np.float32)
        self._frame = 0
        self._taken = self._given = 0

    def add(self, samples: Floats) -> Floats:
        """Take float32 (n, channels), give what is ready."""
        self._taken += len(samples)
        self._held = np.concatenate([self._held, samples])
        return self._ready()

    def finish(self) -> Floats:
        """Give the rest: in all, as many samples come out as went in."""
        self._held = np.concatenate([self._held, np.zeros((2 * self._hop, self._held.shape[1]), np.float32)])
        left = self._taken - self._given
        return self._ready()[:left]

    def _ready(self) -> Floats:
        hop = self._hop
        count = len(self._held) // hop - 1
        if count <= 0:
            return np.zeros((0, self._held.shape[1]), np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(self._held[: (count + 1) * hop], 2 * hop, axis=0)[::hop]
        spectra = fft.rfft(frames * self._window) * self._of_frames(count)[:, None, :]
        shaped = fft.irfft(spectra, 2 * hop).astype(np.float32) * self._window
        halves = np.zeros((count + 1, self._held.shape[1], hop), np.float32)
        halves[:-1] += shaped[..., :hop]
        halves[1:] += shaped[..., hop:]
        halves[0] += self._tail.T
        self._tail = halves[-1].T
        self._held = self._held[count * hop :]
        out = halves[:-1].swapaxes(1, 2).reshape(count * hop, -1)
        if self._frame == 0:
            out = out[hop:]  # the first half window lies before the sound
        self._frame += count
        self._given += len(out)
        return np.asarray(out, np.float32)

    def _of_frames(self, count: int) -> Floats:
        """Gain of each bin in the next frames, float32 (count, bins)."""
        # frame i is centred at the start of block i: i * hop samples into the sound
        middle = (self._frame + np.arange(count)) * self._cells_per_hop
        cell = np.minimum(middle.astype(int), len(self._gains) - 1)
        return np.asarray(self._gains[cell] @ self._to_bins + self._untouched, np.float32)


def _overlap(size: int, rate: int) -> Floats:
    """Share of each bin that lies in each band, float32 (BANDS, bins)."""
    step = rate / size
    middle = np.arange(size // 2 + 1) * step
    low, high = EDGES_HZ[:-1, None], EDGES_HZ[1:, None]
    shared = np.minimum(middle + step / 2, high) - np.maximum(middle - step / 2, low)
    return np.asarray(np.maximum(shared, 0) / step, np.float32)
