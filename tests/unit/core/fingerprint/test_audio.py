"""Landmarks of sound: the same from blocks as from the whole, found again under noise and at another speed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from haechi.core.fingerprint.audio import RATE, SPEEDS, at_speed, fingerprint_sound, landmarks
from haechi.core.media.encode import write_audio
from haechi.core.settings import Limits


def melody(seconds: float, seed: int, rate: int = RATE) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    count = round(0.15 * rate)
    t = np.arange(count) / rate
    parts = [
        sum(np.sin(2 * np.pi * 180 * 2 ** (int(n) / 12) * t) for n in rng.integers(0, 40, 4)) * np.exp(-7 * t)
        for _ in range(int(seconds / 0.15))
    ]
    return (0.1 * np.concatenate(parts)).astype(np.float32)


def shared(a: NDArray[np.float32], b: NDArray[np.float32]) -> int:
    """Landmarks of a that b has at one time offset."""
    keys_a, times_a = landmarks(a)
    keys_b, times_b = landmarks(b)
    best = 0
    offsets = [times_b[keys_b == key] - time for key, time in zip(keys_a, times_a, strict=True)]
    every = np.concatenate(offsets)
    for bin_start in np.unique(np.round(every, 1)):
        best = max(best, int((np.abs(every - bin_start) < 0.1).sum()))
    return best


def test_noise_and_silence() -> None:
    sound = melody(6, 1)
    noisy = sound + np.random.default_rng(2).normal(0, 0.02, len(sound)).astype(np.float32)
    assert shared(noisy, sound) > 40
    assert shared(melody(6, 5), sound) < 15
    assert len(landmarks(np.zeros(RATE * 3, np.float32))[0]) == 0
    assert len(landmarks(np.zeros(10, np.float32))[0]) == 0


def test_speed_is_undone() -> None:
    sound = melody(8, 3)
    faster = np.interp(np.arange(int(len(sound) / 1.07)) * 1.07, np.arange(len(sound)), sound).astype(np.float32)
    votes = {speed: shared(at_speed(faster, speed), sound) for speed in SPEEDS}
    assert max(votes, key=lambda speed: votes[speed]) == 1.06 and votes[1.06] > 3 * votes[1.0]


def test_blocks_join_without_a_seam(tmp_path: Path) -> None:
    sound = melody(50, 4, 16_000)
    write_audio(tmp_path / "long.wav", sound, 16_000)
    found = fingerprint_sound(tmp_path / "long.wav", Limits())
    assert found is not None
    times = found.arrays["times"]
    assert 40 < times.max() < 50
    per_second = np.histogram(times, bins=np.arange(0, 48))[0]
    assert (per_second > 0).mean() > 0.95 and per_second.max() < 4 * np.median(per_second)


def test_silent_file_has_no_fingerprint(tmp_path: Path) -> None:
    write_audio(tmp_path / "silent.wav", np.zeros(16_000, np.float32), 16_000)
    assert fingerprint_sound(tmp_path / "silent.wav", Limits()) is None
