"""Laying gains over a sound."""

from __future__ import annotations

import numpy as np
import pytest

from haechi.core.watermark.audio.pattern import BANDS, CELL_S, EDGES_HZ
from haechi.core.watermark.audio.shape import Shaper


def shaped(samples: np.ndarray, rate: int, gains: np.ndarray, block: int) -> np.ndarray:
    shaper = Shaper(rate, samples.shape[1], gains)
    parts = [shaper.add(samples[start : start + block]) for start in range(0, len(samples), block)]
    return np.concatenate([*parts, shaper.finish()])


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100, 96_000])
@pytest.mark.parametrize("channels", [1, 6])
def test_no_gain_changes_nothing_at_any_rate(rate: int, channels: int) -> None:
    samples = np.random.default_rng(0).standard_normal((rate // 2 + 13, channels)).astype(np.float32)
    out = shaped(samples, rate, np.zeros((8, BANDS), np.float32), 1000)
    assert out.shape == samples.shape
    assert np.abs(out - samples).max() < 1e-5


def test_blocks_make_no_difference() -> None:
    rng = np.random.default_rng(1)
    samples, gains = (
        rng.standard_normal((9000, 2)).astype(np.float32),
        rng.uniform(-2, 2, (9, BANDS)).astype(np.float32),
    )
    one, other = shaped(samples, 16_000, gains, 9000), shaped(samples, 16_000, gains, 77)
    assert np.abs(one - other).max() < 1e-5


def test_a_gain_reaches_its_band_and_its_time_only() -> None:
    rate = 16_000
    time = np.arange(rate)[:, None] / rate
    gains = np.zeros((15, BANDS), np.float32)
    band = int(np.searchsorted(EDGES_HZ, 3000)) - 1
    gains[5:10, band - 1 : band + 2] = 6.02
    inside = shaped(np.sin(2 * np.pi * 3000 * time).astype(np.float32), rate, gains, 4000)
    outside = shaped(np.sin(2 * np.pi * 1000 * time).astype(np.float32), rate, gains, 4000)
    middle = slice(round(6 * CELL_S * rate), round(9 * CELL_S * rate))
    assert np.abs(inside[middle]).max() == pytest.approx(2, rel=0.02)
    assert np.abs(inside[: round(4 * CELL_S * rate)]).max() == pytest.approx(1, rel=0.01)
    assert np.abs(outside).max() == pytest.approx(1, rel=0.01)


def test_shorter_than_a_window() -> None:
    samples = np.ones((5, 1), np.float32)
    assert np.allclose(shaped(samples, 16_000, np.zeros((1, BANDS), np.float32), 5), samples, atol=1e-5)
    assert shaped(samples[:0], 16_000, np.zeros((1, BANDS), np.float32), 5).shape == (0, 1)
