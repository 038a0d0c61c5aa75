"""Speech-like sound, made here: a buzzing voice through moving formants, in syllables with pauses."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

RATE = 16_000
Voice = Callable[..., NDArray[np.float32]]


def _voice(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    count = int(seconds * RATE)
    grid = np.arange(0, seconds + 0.5, 0.16)
    time = np.arange(count) / RATE
    pitch = np.interp(time, grid, rng.uniform(95, 190, len(grid)))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    formants = [np.interp(time, grid, rng.uniform(low, high, len(grid))) for low, high in ((250, 850), (900, 2300))]
    result = np.zeros(count)
    for harmonic in range(1, 30):
        hz = harmonic * pitch
        shape = sum(1.0 / (1.0 + ((hz - formant) / 120.0) ** 2) for formant in formants)
        result += np.where(hz < 5_000, shape, 0.0) * np.cos(harmonic * phase + rng.uniform(0, 6.3))
    result += 0.15 * rng.standard_normal(count)
    loud = rng.uniform(0.3, 1.0, len(grid)) * (rng.random(len(grid)) > 0.2)
    result *= np.interp(time, grid, loud)
    result += 0.002 * rng.standard_normal(count)
    return np.asarray(0.25 * result / np.abs(result).max(), np.float32)


@pytest.fixture(scope="session")
def voice() -> Voice:
    """voice(seconds, seed): float32 (n,) at 16 kHz, never the same for two seeds."""
    return _voice
