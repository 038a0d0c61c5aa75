"""Planning gains."""

from __future__ import annotations

import numpy as np
import pytest

from haechi.core.watermark.audio import cells
from haechi.core.watermark.audio.pattern import pattern_of, signed
from haechi.core.watermark.audio.plan import STRENGTHS_DB, plan
from haechi.core.watermark.code import encode
from unit.core.watermark.audio.sounds import RATE, song

KEY = b"a company's key!"


@pytest.fixture(scope="module")
def power() -> np.ndarray:
    return cells.band_power(cells.running_power(song(12)))


def test_gains_have_the_wanted_strength_and_stay_limited(power: np.ndarray) -> None:
    made = plan(power, pattern_of(KEY), 5, strength_db=1.5)
    assert 1.2 < float(np.sqrt(np.mean(made.gains_db**2))) < 1.7
    assert float(np.abs(made.gains_db).max()) <= 3.0


def test_gains_follow_the_pattern(power: np.ndarray) -> None:
    gains = plan(power, pattern_of(KEY), 0x9123456789, strength_db=1.5).gains_db
    mine, other = (signed(pattern_of(KEY), encode(payload), len(gains)) for payload in (0x9123456789, 0x0F5A))
    assert np.mean(gains * mine) > 0.8 > np.mean(gains * other) + 0.3


def test_a_sound_that_bears_little_is_marked_stronger() -> None:
    steady = np.random.default_rng(0).standard_normal(12 * RATE).astype(np.float32)
    sparse = steady * np.repeat(np.random.default_rng(1).random(120) < 0.15, RATE // 10)
    strengths = [
        plan(cells.band_power(cells.running_power(sound.astype(np.float32))), pattern_of(KEY), 5).strength_db
        for sound in (steady, sparse)
    ]
    assert strengths[0] == STRENGTHS_DB[0] < strengths[1]


def test_silence_and_nothing_are_planned_too() -> None:
    for samples in (np.zeros(RATE, np.float32), np.zeros(0, np.float32)):
        made = plan(cells.band_power(cells.running_power(samples)), pattern_of(KEY), 5)
        assert np.isfinite(made.gains_db).all()
