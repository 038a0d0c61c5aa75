"""Alignment by motion: the right offset and speed, joined pieces apart, nothing for another motion."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.core.fingerprint.alignment import Motion, align, is_still

LEAST = 0.55


def film(times: NDArray[np.float64], seed: int) -> Motion:
    """Blobs that wander over 24 x 24 pixels; a smooth function of time."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:24, 0:24]
    pictures = np.zeros((len(times), 24 * 24), np.float32)
    for _ in range(5):
        fx, fy, px, py = rng.uniform(0.5, 3, 2).tolist() + rng.uniform(0, 6, 2).tolist()
        cx, cy = 12 + 8 * np.sin(fx * times + px), 12 + 8 * np.sin(fy * times + py)
        blob = np.exp(-((x - cx[:, None, None]) ** 2 + (y - cy[:, None, None]) ** 2) / 18)
        pictures += 90 * blob.reshape(len(times), -1).astype(np.float32)
    return Motion(times, pictures)


def moments(start: float, end: float, step: float = 0.08) -> NDArray[np.float64]:
    return np.arange(start, end, step)


def shown(start: float, length: float, speed: float, seed: int) -> Motion:
    """A probe that shows the film from `start` at `speed`, with a filter, a still logo and noise."""
    times = moments(0, length)
    pictures = film(start + speed * times, seed).pictures * 0.7 + 20
    pictures[:, :60] = 255
    noise = np.random.default_rng(1).normal(0, 3, pictures.shape)
    return Motion(times, (pictures + noise).astype(np.float32))


@pytest.mark.parametrize("speed", [0.92, 1.0, 1.08])
def test_offset_and_speed(speed: float) -> None:
    best = align(shown(4.0, 6.0, speed, 7), film(moments(0, 20), 7), LEAST)[0]
    assert best.speed == pytest.approx(speed, abs=0.021)
    assert best.offset_s - best.speed * best.start_s == pytest.approx(4.0, abs=0.12)
    assert best.end_s - best.start_s > 5.5 and best.correlation > 0.8


def test_joined_pieces() -> None:
    first, second = shown(2.0, 4.0, 1.0, 7), shown(12.0, 4.0, 1.0, 7)
    joined = Motion(
        np.concatenate([first.times, second.times + 4.0]), np.concatenate([first.pictures, second.pictures])
    )
    found = sorted(align(joined, film(moments(0, 20), 7), LEAST), key=lambda a: a.start_s)
    origins = [a.offset_s - a.speed * a.start_s for a in found if a.correlation > 0.8]
    assert origins[0] == pytest.approx(2.0, abs=0.15) and origins[-1] == pytest.approx(8.0, abs=0.15)


def test_another_motion_does_not_align() -> None:
    found = [align(shown(3.0, 5.0, 1.0, seed), film(moments(0, 20), seed + 50), 0.8) for seed in range(6)]
    assert found == [[]] * 6


def test_still_and_short_stretches_say_nothing() -> None:
    still = Motion(moments(0, 5), np.full((63, 576), 80.0, np.float32))
    assert is_still(still) and not is_still(film(moments(0, 5), 1))
    assert align(still, film(moments(0, 5), 1), LEAST) == []
    assert align(shown(0, 0.3, 1, 1), film(moments(0, 5), 1), LEAST) == []
