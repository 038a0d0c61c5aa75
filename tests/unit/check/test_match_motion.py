"""The motion of probes: what of the master is read for their windows, and what moves alike."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.check.match_motion import MIN_CORRELATION, _joined, align_own
from haechi.core.fingerprint.alignment import Motion, align
from haechi.core.records import Span


def test_stretches_that_overlap_are_read_as_one() -> None:
    spans = [Span(20.0, 36.0), Span(-2.0, 14.0), Span(12.0, 28.0), Span(50.0, 66.0)]
    assert _joined(spans) == [Span(-2.0, 36.0), Span(50.0, 66.0)]
    assert _joined([Span(0.0, 30.0), Span(5.0, 9.0)]) == [Span(0.0, 30.0)]


def moving(rng: np.random.Generator, frames: int, pixels: int, levels: float) -> NDArray[np.float32]:
    """Pixels that each go their own way, slowly, by about so many levels."""
    times = np.arange(frames)[:, None] * 0.04
    phases, rates = rng.uniform(0, 2 * np.pi, (2, pixels)), rng.uniform(1.0, 6.0, (2, pixels))
    return (120 + levels * sum(np.sin(rates[k] * times + phases[k]) for k in (0, 1))).astype(np.float32)


def test_a_film_in_a_corner_does_not_hide_how_the_rest_moves() -> None:
    rng = np.random.default_rng(3)
    scene = moving(rng, 150, 400, 5.0)
    shown = scene[25:115].copy()
    shown[:, :130] = moving(rng, 90, 130, 50.0)
    master, probe = Motion(np.arange(150) * 0.04, scene), Motion(np.arange(90) * 0.04, shown)
    assert align(probe, master, MIN_CORRELATION) == []
    found = align_own(probe, master)
    assert found is not None
    (line,) = found
    assert (line.offset_s - line.speed * line.start_s, line.speed) == pytest.approx((1.0, 1.0), abs=0.1)


def test_another_take_with_a_film_in_its_corner_is_none() -> None:
    rng = np.random.default_rng(3)
    scene, take = moving(rng, 150, 400, 5.0), moving(rng, 90, 400, 5.0)
    take[:, :130] = moving(rng, 90, 130, 50.0)
    assert align_own(Motion(np.arange(90) * 0.04, take), Motion(np.arange(150) * 0.04, scene)) == []
