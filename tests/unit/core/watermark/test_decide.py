"""The decision on soft bits."""

from __future__ import annotations

import numpy as np
import pytest

from haechi.core.watermark.code import CODED_BITS, encode
from haechi.core.watermark.decide import MIN_SCORE, Asked, least_score


def noisy(payload: int, score: float, seed: int = 0) -> np.ndarray:
    """Soft bits whose cosine with the payload's codeword is `score`."""
    word = encode(payload) / CODED_BITS**0.5
    noise = np.random.default_rng(seed).normal(0, 1, CODED_BITS)
    noise -= (noise @ word) * word
    return (score * word + (1 - score**2) ** 0.5 * noise / np.linalg.norm(noise)).astype(np.float32)[None]


def test_the_more_numbers_are_asked_for_the_surer_each_must_be() -> None:
    assert [least_score(count) for count in (1, 20, 1000)] == pytest.approx([0.37, 0.39, 0.42], abs=0.011)
    assert least_score(1_000_000) < MIN_SCORE


def test_a_number_asked_for_needs_no_decoding() -> None:
    soft = noisy(12345, 0.42)
    assert Asked().find(soft) == []
    assert [number for number, _ in Asked([7, 12345]).find(soft)] == [12345]
    assert Asked([7, 8]).find(soft) == []


def test_below_the_least_score_it_is_not_found() -> None:
    assert Asked([12345]).find(noisy(12345, least_score(1) - 0.01)) == []


def test_noise_is_none_of_a_thousand_numbers() -> None:
    rng = np.random.default_rng(3)
    asked = Asked([int(one) for one in rng.integers(0, 1 << 40, 1000)])
    assert asked.find(rng.normal(0, 1, (50, CODED_BITS)).astype(np.float32)) == []
