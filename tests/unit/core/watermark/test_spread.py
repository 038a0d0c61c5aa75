"""Coefficients, levelled."""

from __future__ import annotations

import numpy as np

from haechi.core.watermark.code import encode
from haechi.core.watermark.decide import score_of
from haechi.core.watermark.pattern import COUNT, FREQUENCIES, pattern_of
from haechi.core.watermark.spread import PICTURE, by_pilot, chips, gathered, held_pilot, levelled, soft_bits


def test_a_loud_stripe_becomes_as_loud_as_the_rest() -> None:
    values = np.random.default_rng(1).normal(0, 1, (3, 4, 2 * COUNT)).astype(np.float32)
    row = int(np.flatnonzero((FREQUENCIES == (5, 3)).all(1))[0])
    values[1, 2, 2 * row : 2 * row + 2] *= 40
    out = levelled(values)
    assert np.abs(out[1, 2, 2 * row : 2 * row + 2]).max() < 4
    assert 0.8 < float(out[0, 0].std()) < 1.2


def test_empty_tiles_stay_empty() -> None:
    assert not levelled(np.zeros((2, 2, 2 * COUNT), np.float32)).any()


def test_weights_by_the_pilot_find_the_frequencies_that_are_left() -> None:
    pattern = pattern_of(b"a company's key!")
    rng = np.random.default_rng(5)
    radius = np.repeat(np.hypot(FREQUENCIES[:, 0], FREQUENCIES[:, 1]), 2)
    mark = chips(pattern, encode(77), 6, 8) * (radius < 5)
    values = (0.5 * mark + rng.normal(0, 1, mark.shape)).astype(np.float32)
    weight = by_pilot(pattern, values)
    assert weight[radius < 4].mean() > 5 * weight[radius > 7].mean()
    assert held_pilot(pattern, values, weight) > 5 * abs(held_pilot(pattern, values[::-1, ::-1].copy(), weight))
    soft = gathered(pattern, values, weight)
    assert score_of(soft, 77) > score_of(soft_bits(pattern, values, weight=PICTURE[1]), 77) + 0.1
