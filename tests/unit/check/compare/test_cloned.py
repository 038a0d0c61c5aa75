"""A patch of the same picture elsewhere is told from what is laid over it; a frame's inside is the master's own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.check.compare.changes import Component
from haechi.check.compare.cloned import is_cloned
from haechi.check.compare.window import Window
from haechi.core.records import Region

Plane = NDArray[np.uint8]
CELL = 8
# Top, left, side of the place that differs, in pixels.
TOP, LEFT, SIDE = 160, 200, 80


@pytest.fixture(scope="module")
def scene(astronaut: Plane) -> Plane:
    return np.asarray(cv2.cvtColor(astronaut, cv2.COLOR_BGR2GRAY), np.uint8)


def told(probe: Plane, scene: Plane, colours: tuple[Plane, Plane] | None = None) -> bool:
    footprint = np.zeros((scene.shape[0] // CELL, scene.shape[1] // CELL), bool)
    footprint[TOP // CELL - 1 : (TOP + SIDE) // CELL + 1, LEFT // CELL - 1 : (LEFT + SIDE) // CELL + 1] = True
    window = cast(Window, SimpleNamespace(probe=probe[None], expected=scene[None], colours_at=lambda _: colours))
    return is_cloned(Component(Region.BACKGROUND, 0, 0, footprint, 30.0, 0, {Region.BACKGROUND: 1.0}), window)


def with_patch(scene: Plane, patch: Plane | int) -> Plane:
    probe = scene.copy()
    probe[TOP : TOP + SIDE, LEFT : LEFT + SIDE] = patch
    return probe


def coded(picture: Plane, quality: int) -> Plane:
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


@pytest.mark.parametrize("quality", [95, 60, 30])
@pytest.mark.parametrize(("y", "x"), [(20, 40), (400, 100), (330, 400)])
def test_a_moved_patch_is_found(scene: Plane, y: int, x: int, quality: int) -> None:
    assert told(coded(with_patch(scene, scene[y : y + SIDE, x : x + SIDE]), quality), scene)


def test_a_patch_found_by_its_luma_has_the_colours_of_its_source_too(scene: Plane, astronaut: Plane) -> None:
    moved = with_patch(scene, scene[400 : 400 + SIDE, 100 : 100 + SIDE])
    ours = astronaut.copy()
    ours[TOP : TOP + SIDE, LEFT : LEFT + SIDE] = astronaut[400 : 400 + SIDE, 100 : 100 + SIDE]
    assert told(moved, scene, (ours, astronaut))
    # As bright, and yellow: 0.114 of what blue loses goes to green and red.
    yellow = ours.astype(np.float32)
    yellow[TOP : TOP + SIDE, LEFT : LEFT + SIDE] += np.array([-80.0, 80 * 0.114 / 0.886, 80 * 0.114 / 0.886])
    assert not told(moved, scene, (np.clip(yellow, 0, 255).astype(np.uint8), astronaut))


def test_what_the_master_does_not_hold_is_not_found(scene: Plane) -> None:
    patch = scene[400 : 400 + SIDE, 100 : 100 + SIDE]
    stripes = np.kron(np.tile([[0, 255], [255, 0]], (4, 4)), np.ones((10, 10))).astype(np.uint8)
    others = (stripes, 255 - patch, patch[::-1], patch.T, np.clip(patch.astype(int) + 40, 0, 255).astype(np.uint8), 200)
    assert not any(told(with_patch(scene, other), scene) for other in others)


def test_the_inside_of_a_frame_is_the_masters_own(scene: Plane) -> None:
    framed = with_patch(scene, 255)
    inside = np.s_[TOP + 8 : TOP + SIDE - 8, LEFT + 8 : LEFT + SIDE - 8]
    framed[inside] = scene[inside]
    assert not told(coded(framed, 85), scene)
    assert not told(coded(scene, 30), scene)


def test_a_plain_patch_and_one_that_is_too_small_are_not_told(scene: Plane) -> None:
    plain = scene.copy()
    plain[400:500, 20:120] = 120
    assert not told(with_patch(plain, 120), plain)
    small = np.zeros((64, 64), bool)
    small[20:22, 20:22] = True
    window = cast(Window, SimpleNamespace(probe=scene[None], expected=np.roll(scene, 30, 1)[None]))
    assert not is_cloned(Component(Region.BODY, 0, 0, small, 30.0, 0, {Region.BODY: 1.0}), window)
