"""Adding up the frames of a film."""

from __future__ import annotations

import numpy as np

from haechi.core.watermark.code import encode
from haechi.core.watermark.decide import score_of
from haechi.core.watermark.pattern import pattern_of
from haechi.core.watermark.spread import chips
from haechi.core.watermark.video.summing import best_sum, soft_summed

PATTERN, PAYLOAD = pattern_of(b"a company's key!"), 0x9123456789


def views(marked: list[float], noise: list[float], seed: int = 0) -> np.ndarray:
    """Views with so much mark and noise each; half of the noise is the same in all."""
    rng = np.random.default_rng(seed)
    mark = chips(PATTERN, encode(PAYLOAD), 4, 8, lattice=False)
    shared = rng.normal(size=mark.shape)
    out = [a * mark + b * (rng.normal(size=mark.shape) + shared) for a, b in zip(marked, noise, strict=True)]
    return np.array(out, np.float32)


def test_views_without_the_mark_do_not_drown_the_others() -> None:
    found = views([0.3, 0.3, *[0.0] * 22], [1.0, 1.0, *[2.0] * 22])
    plain = soft_summed(PATTERN, found.sum(0, keepdims=True))
    best = soft_summed(PATTERN, found)
    assert max(score_of(one, PAYLOAD) for one in best) > max(score_of(one, PAYLOAD) for one in plain) + 0.15


def test_noise_that_views_share_is_taken_out() -> None:
    found = views([0.1] * 12 + [0.0] * 12, [1.0] * 24, seed=1)
    plain = soft_summed(PATTERN, found[:12].sum(0, keepdims=True))
    best = soft_summed(PATTERN, found)
    assert max(score_of(one, PAYLOAD) for one in best) > max(score_of(one, PAYLOAD) for one in plain)


def test_nothing_in_nothing_out() -> None:
    empty = np.zeros((3, 2, 4, 472), np.float32)
    assert not best_sum(PATTERN, empty).any()
    assert np.isfinite(soft_summed(PATTERN, empty)).all()
