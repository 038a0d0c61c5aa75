"""Finding an even part of a marked picture by the mark itself."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from haechi.core.watermark.canvas import canvas, luma
from haechi.core.watermark.embed import embed
from haechi.core.watermark.informed import read_informed
from haechi.core.watermark.locate import SURE, located
from haechi.core.watermark.pattern import pattern_of
from unit.core.watermark.scenery import jpeg, sky

KEY, OTHER = b"a company's key!", b"another company!"
PAYLOAD = 0x9123456789
_LEFT, _TOP, _WIDTH, _HEIGHT = 410, 230, 250, 175


@pytest.fixture(scope="module")
def master() -> np.ndarray:
    return sky(1000, 700)


@pytest.fixture(scope="module")
def part(master: np.ndarray) -> np.ndarray:
    return jpeg(_cut(embed(master, PAYLOAD, KEY).image), 50)


def _cut(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(image[_TOP : _TOP + _HEIGHT, _LEFT : _LEFT + _WIDTH])


@pytest.mark.parametrize("factor", [1.0, 1.6])
def test_a_part_without_features_is_found_at_any_size(master: np.ndarray, part: np.ndarray, factor: float) -> None:
    probe = cv2.resize(part, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    place = located(luma(probe), canvas(luma(master)).shape, pattern_of(KEY))
    assert place is not None
    assert place.sureness > SURE + 2
    unit = 512 / 1000
    for x, y in ((0, 0), (_WIDTH, _HEIGHT)):
        seen = place.matrix @ np.array([x * factor, y * factor, 1])
        assert seen[:2] == pytest.approx(((_LEFT + x) * unit, (_TOP + y) * unit), abs=1.5)


def test_the_informed_reader_reads_it(master: np.ndarray, part: np.ndarray) -> None:
    reading = read_informed(part, master, KEY)
    assert reading is not None
    assert reading.payload == PAYLOAD


def test_no_place_without_the_mark_or_its_key(master: np.ndarray, part: np.ndarray) -> None:
    shape = canvas(luma(master)).shape
    assert located(luma(_cut(master)), shape, pattern_of(KEY)) is None
    assert located(luma(part), shape, pattern_of(OTHER)) is None


def test_a_part_too_small_or_too_long_for_the_canvas_has_none(part: np.ndarray) -> None:
    assert located(luma(part), (40, 50), pattern_of(KEY)) is None
    assert located(luma(part), (512, 61), pattern_of(KEY)) is None
