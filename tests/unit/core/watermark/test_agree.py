"""A mark's word against the content, and where the mark is gone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from haechi.core.watermark.agree import agreeing_share
from haechi.core.watermark.blind import read
from haechi.core.watermark.embed import embed
from haechi.core.watermark.gone import gone_places
from haechi.core.watermark.marks import LEAST_AGREEING
from haechi.core.watermark.records import Reading
from haechi.core.watermark.strength import strength_map
from unit.core.watermark.scenery import jpeg, scene

KEY, PAYLOAD = b"a company's key!", 0x0123456789


@pytest.fixture(scope="module")
def master() -> np.ndarray:
    return scene(640, 480, seed=8, depth=9)


@pytest.fixture(scope="module")
def marked(master: np.ndarray) -> np.ndarray:
    return embed(master, PAYLOAD, KEY).image


def reading_of(probe: np.ndarray) -> Reading:
    reading = read(probe, KEY)
    assert reading is not None
    assert reading.payload == PAYLOAD
    return reading


@pytest.mark.parametrize("part", [np.s_[:, :], np.s_[60:420, 100:580]])
def test_a_copy_agrees_also_cropped_and_coarse(master: np.ndarray, marked: np.ndarray, part: tuple[slice, ...]) -> None:
    probe = jpeg(marked[part], 60)
    share = agreeing_share(probe, master, reading_of(probe).geometry.matrix)
    assert share is not None
    assert share > 0.9


def test_a_mark_in_foreign_content_does_not(master: np.ndarray, marked: np.ndarray) -> None:
    """Whoever adds the difference of a marked picture to another one moves the mark."""
    other = scene(640, 480, seed=99, depth=9)
    moved = np.clip(other.astype(int) + marked.astype(int) - master, 0, 255).astype(np.uint8)
    share = agreeing_share(moved, master, reading_of(moved).geometry.matrix)
    assert share is not None
    assert share < LEAST_AGREEING / 3


def test_a_breath_of_the_release_over_a_plain_picture_does_not(master: np.ndarray, marked: np.ndarray) -> None:
    """Fine structure of a marked picture, too faint to be seen, carries its mark and looks like it to a correlation."""
    plain = np.full(marked.shape, 120, np.float32) + np.linspace(0, 40, marked.shape[1])[:, None]
    fine = marked.astype(np.float32) - cv2.GaussianBlur(marked.astype(np.float32), (0, 0), 4)
    ghost = np.clip(plain + fine * (2.5 / fine.std()), 0, 255).round().astype(np.uint8)
    share = agreeing_share(ghost, master, reading_of(ghost).geometry.matrix)
    assert share is not None
    assert share < LEAST_AGREEING / 3


def test_an_even_picture_says_nothing() -> None:
    even = np.full((480, 640, 3), 120, np.uint8)
    assert agreeing_share(even, even, np.array([[0.8, 0, 0], [0, 0.8, 0]])) is None


def test_a_replaced_place_is_told_and_a_whole_copy_has_none(master: np.ndarray, marked: np.ndarray) -> None:
    replaced = marked.copy()
    replaced[150:350, 200:420] = cv2.GaussianBlur(master, (0, 0), 1)[150:350, 200:420]
    strength = strength_map(replaced, reading_of(replaced), KEY, master)
    (box,) = gone_places(strength, 640, 480)
    assert abs(box.x + box.w / 2 - 310) < 40
    assert abs(box.y + box.h / 2 - 250) < 40
    probe = jpeg(marked, 70)
    assert gone_places(strength_map(probe, reading_of(probe), KEY, master), 640, 480) == []
