"""Sound as the audio mark sees it."""

from __future__ import annotations

import numpy as np
import pytest

from haechi.core.watermark.audio import cells
from haechi.core.watermark.audio.pattern import BANDS, CELL_S, EDGES_HZ
from unit.core.watermark.audio.sounds import RATE, faster, song


def levels(samples: np.ndarray, tempo: float = 1.0, pitch: float = 1.0) -> np.ndarray:
    power = cells.band_power(cells.running_power(samples), pitch)
    return cells.cells(cells.loudness(power), tempo, np.zeros(1), int(len(samples) / RATE * tempo / CELL_S) - 1)[0][0]


def test_a_tone_lies_in_its_band() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    power = cells.band_power(cells.running_power(tone))
    assert int(power.mean(0).argmax()) == int(np.searchsorted(EDGES_HZ, 1000)) - 1


def test_a_gain_of_one_cell_raises_its_level_by_as_much() -> None:
    noise = np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32)
    louder = noise.copy()
    begin, end = round(10 * CELL_S * RATE), round(11 * CELL_S * RATE)
    louder[begin:end] *= 2
    change = levels(louder) - levels(noise)
    assert float(change[10].mean()) == pytest.approx(6, abs=1.5)
    assert abs(float(change[7].mean())) < 0.01


def test_faster_sound_read_as_faster_is_the_same() -> None:
    sound = song(4)
    plain, fast = levels(sound), levels(faster(sound, 1.05), 1.05, 1.05)
    count = min(len(plain), len(fast))
    inside = slice(0, BANDS - 3)
    agree = np.corrcoef(plain[:count, inside].ravel(), fast[:count, inside].ravel())[0, 1]
    blunt = np.corrcoef(plain[:50, inside].ravel(), levels(faster(sound, 1.05))[:50, inside].ravel())[0, 1]
    assert agree > 0.97 > blunt


def test_values_do_not_depend_on_volume() -> None:
    sound = song(2)
    for quiet in (sound * np.float32(0.1), sound * np.float32(0.01)):
        assert np.abs(levels(quiet) - levels(sound)).std() < 0.2


@pytest.mark.parametrize("samples", [np.zeros(RATE, np.float32), np.zeros(10, np.float32), np.ones(RATE, np.float32)])
def test_silence_gives_finite_values(samples: np.ndarray) -> None:
    power = cells.band_power(cells.running_power(samples))
    values = cells.values(*cells.cells(cells.loudness(power), 1.0, np.zeros(1), 14))
    assert np.isfinite(values).all()
    assert values.shape == (1, 14, BANDS)
