"""The search for the lattice: which geometries are worth a look."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from haechi.core.watermark import lattice
from haechi.core.watermark.canvas import canvas, luma, whiten
from haechi.core.watermark.embed import embed
from haechi.core.watermark.pattern import pattern_of
from unit.core.watermark.scenery import scene

KEY = b"a company's key!"
_COUNT, _LEAST = 12, 6.0


def _found(picture: np.ndarray, least: float) -> list[lattice.Hypothesis]:
    spectrum = lattice.spectrum_of(whiten(canvas(luma(picture))))
    return lattice.search(spectrum, pattern_of(KEY).lattice, _COUNT, least=least)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return scene(800, 600)


def test_of_a_picture_without_a_mark_the_first_geometry_alone_is_looked_at(picture: np.ndarray) -> None:
    everything = _found(picture, 0.0)
    assert len(everything) == _COUNT
    (first,) = _found(picture, _LEAST)
    assert first.score == everything[0].score
    assert first.score < _LEAST


def test_the_geometry_of_a_marked_part_comes_first_and_high(picture: np.ndarray) -> None:
    part = embed(picture, 77, KEY).image[100:460, 150:640]
    first, *others = _found(cv2.resize(part, None, fx=1.3, fy=1.3), _LEAST)
    assert first.score > 1.3 * _LEAST
    assert all(one.score >= _LEAST for one in others)
    shown = np.sqrt(abs(np.linalg.det(first.linear)))
    assert shown == pytest.approx(490 / 800, rel=0.01)  # both are laid out at 512 px
