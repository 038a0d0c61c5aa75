"""Coefficients, levelled."""

from __future__ import annotations

import numpy as np

from haechi.core.watermark.pattern import COUNT, FREQUENCIES
from haechi.core.watermark.spread import levelled


def test_a_loud_stripe_becomes_as_loud_as_the_rest() -> None:
    values = np.random.default_rng(1).normal(0, 1, (3, 4, 2 * COUNT)).astype(np.float32)
    row = int(np.flatnonzero((FREQUENCIES == (5, 3)).all(1))[0])
    values[1, 2, 2 * row : 2 * row + 2] *= 40
    out = levelled(values)
    assert np.abs(out[1, 2, 2 * row : 2 * row + 2]).max() < 4
    assert 0.8 < float(out[0, 0].std()) < 1.2


def test_empty_tiles_stay_empty() -> None:
    assert not levelled(np.zeros((2, 2, 2 * COUNT), np.float32)).any()
