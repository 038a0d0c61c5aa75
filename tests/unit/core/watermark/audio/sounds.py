"""Sounds for the tests of the audio mark: notes with overtones and breath, loud and quiet in turn; nothing recorded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 16_000


def song(length_s: float, seed: int = 0, rate: int = RATE) -> NDArray[np.float32]:
    """float32 (n,), about -0.5..0.5: syllables of changing pitch, with noise and short pauses."""
    rng = np.random.default_rng(seed)
    count = round(length_s * rate)
    out = 0.002 * rng.standard_normal(count)
    start = 0
    while start < count:
        size = round(rng.uniform(0.12, 0.4) * rate)
        time = np.arange(min(size, count - start)) / rate
        f0 = rng.uniform(110, 330)
        overtones = np.arange(1, 40)[:, None]
        tilt = overtones ** -rng.uniform(0.5, 1.2) * (overtones * f0 < 0.45 * rate)
        wave = (tilt * np.sin(2 * np.pi * f0 * overtones * time + rng.uniform(0, 6.28, overtones.shape))).sum(0)
        wave += rng.uniform(0.1, 0.8) * rng.standard_normal(len(time))
        out[start : start + len(time)] += (
            rng.uniform(0.3, 1) * wave * np.sin(np.pi * np.arange(len(time)) / size) ** 0.5
        )
        start += size + round(rng.choice([0, 0, 0.1]) * rate)
    return (0.5 * out / np.abs(out).max()).astype(np.float32)


def faster(samples: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """Played faster, so higher too."""
    at = np.arange(0, len(samples) - 1, factor)
    return np.interp(at, np.arange(len(samples)), samples).astype(np.float32)


def noisy(samples: NDArray[np.float32], db: float, seed: int = 1) -> NDArray[np.float32]:
    """With white noise `db` below it."""
    noise = np.random.default_rng(seed).standard_normal(len(samples)) * samples.std() * 10 ** (-db / 20)
    return (samples + noise).astype(np.float32)
