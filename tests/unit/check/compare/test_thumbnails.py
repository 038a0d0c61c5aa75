"""Thumbnails: what is told by counting is what percentiles tell."""

from __future__ import annotations

import numpy as np

from haechi.check.compare.thumbnails import _mostly_over


def test_counting_tells_which_columns_percentile_lies_over_a_bound() -> None:
    rng = np.random.default_rng(5)
    for rows in (*range(1, 30), 101):
        values = rng.uniform(0.0, 32.0, (rows, 400)).astype(np.float32)
        values[:, ::7] = 16.0
        wanted = np.percentile(values, 80, axis=0) > 16.0
        assert (_mostly_over(values, 16.0) == wanted).all()
