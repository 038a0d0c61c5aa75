"""What surrounds a master that does not fill the probe."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.check.compare.edits import surroundings

Image = NDArray[np.uint8]


@pytest.fixture
def scene(astronaut: Image) -> Image:
    return np.asarray(cv2.cvtColor(cv2.resize(astronaut, (240, 240)), cv2.COLOR_BGR2GRAY), np.uint8)


def _inside(back: Image, scene: Image, x: int, y: int) -> str | None:
    probe, covered = back.copy(), np.zeros(back.shape, bool)
    height, width = scene.shape
    probe[y : y + height, x : x + width] = scene
    covered[y : y + height, x : x + width] = True
    found = surroundings(probe, covered, covered)
    return None if found is None else found.kind


def test_the_picture_itself_blurred_behind_is_told_whether_it_was_enlarged_or_stretched(scene: Image) -> None:
    enlarged = cv2.resize(scene, (426, 426))[93:333]
    for back in (enlarged, cv2.resize(scene, (426, 240))):
        blurred = np.asarray(cv2.GaussianBlur(back, (0, 0), 10), np.uint8)
        assert _inside(blurred, scene, 93, 0) == "blurred_fill"


def test_another_picture_is_told_however_smooth_it_is(scene: Image) -> None:
    other = cv2.resize(scene[::-1, ::-1], (640, 360))
    for sigma in (1, 12):
        assert (
            _inside(np.asarray(cv2.GaussianBlur(other, (0, 0), sigma), np.uint8), scene, 40, 40) == "picture_in_picture"
        )


def test_a_picture_of_one_tone_is_not_told_to_lie_on_itself(scene: Image) -> None:
    back = np.asarray(cv2.GaussianBlur(cv2.resize(scene, (640, 360)), (0, 0), 12), np.uint8)
    assert _inside(back, np.full_like(scene, 90), 40, 40) == "picture_in_picture"


def test_bars_and_borders_have_one_tone(scene: Image) -> None:
    assert _inside(np.full((240, 400), 16, np.uint8), scene, 80, 0) == "letterbox"
    assert _inside(np.full((280, 280), 200, np.uint8), scene, 20, 20) == "border"
    assert _inside(np.zeros((240, 240), np.uint8), scene, 0, 0) is None
