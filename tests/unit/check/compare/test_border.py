"""A border of one colour drawn over the picture, and what is none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.check.compare.border import Colours, border_over, coloured, drawn_border
from haechi.check.compare.clip import Clip, bright, colour_planes
from haechi.check.compare.geometry import Placement

Image = NDArray[np.uint8]
SIDE, RIM = 240, 14


@pytest.fixture
def scene(astronaut: Image) -> Image:
    return np.asarray(cv2.resize(astronaut, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def _frames(picture: Image, count: int = 3) -> Colours:
    rng = np.random.default_rng(2)
    noisy = [np.clip(picture + rng.normal(0, 1.5, picture.shape), 0, 255).astype(np.uint8) for _ in range(count)]
    return np.concatenate([coloured(bright(one), colour_planes(one)) for one in noisy])


def _framed(picture: Image, colour: tuple[int, int, int]) -> Image:
    return np.asarray(cv2.rectangle(picture.copy(), (0, 0), (SIDE - 1, SIDE - 1), colour, 2 * RIM), np.uint8)


def test_a_border_is_found_on_all_sides_and_no_wider_than_it_is(scene: Image) -> None:
    found = drawn_border(_frames(_framed(scene, (40, 200, 250))), _frames(scene))
    inner = ~found[RIM + 3 : -RIM - 3, RIM + 3 : -RIM - 3]
    assert inner.all() and found[: RIM - 4].all() and found[:, -RIM + 4 :].all()


def test_colour_tells_where_brightness_does_not() -> None:
    plain = np.full((SIDE, SIDE, 3), (160, 90, 90), np.uint8)
    grey = int(bright(plain)[0, 0])
    found = drawn_border(_frames(_framed(plain, (grey, grey, grey))), _frames(plain))
    assert found[:8].all() and found[:, :8].all() and not found[40:-40, 40:-40].any()
    only_luma = [coloured(bright(one), None) for one in (_framed(plain, (grey, grey, grey)), plain)]
    assert not drawn_border(only_luma[0], only_luma[1]).any()


def test_bars_on_two_opposite_sides_are_a_border_and_one_on_one_side_is_none(scene: Image) -> None:
    two, one = scene.copy(), scene.copy()
    two[:24] = two[-24:] = one[:24] = 0
    found = drawn_border(_frames(two), _frames(scene))
    assert found[:20].all() and found[-20:].all() and not found[30:-30].any()
    assert not drawn_border(_frames(one), _frames(scene)).any()


def test_what_was_taken_away_before_a_plain_backdrop_is_not_hidden() -> None:
    backdrop = np.full((SIDE, SIDE, 3), (150, 160, 60), np.uint8)
    cv2.circle(backdrop, (SIDE // 2, SIDE // 2), 60, (40, 60, 200), -1)
    arms = backdrop.copy()
    cv2.rectangle(arms, (0, 60), (40, 200), (120, 150, 210), -1)
    cv2.rectangle(arms, (SIDE - 40, 60), (SIDE, 200), (120, 150, 210), -1)
    assert not drawn_border(_frames(backdrop), _frames(arms)).any()


def test_a_border_that_the_master_has_too_is_no_addition(scene: Image) -> None:
    framed = _framed(scene, (40, 200, 250))
    assert not drawn_border(_frames(framed), _frames(framed)).any()


def test_a_border_that_goes_away_for_a_frame_is_none(scene: Image) -> None:
    ours, theirs = _frames(_framed(scene, (40, 200, 250))), _frames(scene)
    ours[1] = theirs[1]
    assert not drawn_border(ours, theirs).any()


def test_a_window_is_looked_at_where_its_frames_have_found_their_moments(scene: Image) -> None:
    def clip(pictures: list[Image]) -> Clip:
        luma, planes = [np.stack([make(one) for one in pictures]) for make in (bright, colour_planes)]
        return Clip(luma, np.arange(len(pictures)) / 25, planes)

    framed = _framed(scene, (40, 200, 250))
    probe, master = clip([scene[::-1].copy(), framed, framed, framed]), clip([scene] * 5)
    placement = Placement(np.eye(2, 3), 0)
    found = border_over(probe, master, np.array([-1, 1, 2, 3]), placement)
    assert found[: RIM - 4].all() and not found[40:-40, 40:-40].any()
    assert not border_over(probe, master, np.array([-1, -1, -1, -1]), placement).any()
    assert not border_over(probe, master, np.array([0, 1, 2, 3]), placement).any()
