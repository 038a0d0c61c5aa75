from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.check.compare.clip import Clip, bright
from haechi.check.compare.geometry import Placement
from haechi.check.compare.locate import look, settle, stretches

RATE = 25.0
N_MASTER = 100
FIRST = 30
N_PROBE = 24


def camera_walk(picture: NDArray[np.uint8]) -> Clip:
    """A camera that wanders over a photograph, float steps, 192 x 160."""
    luma = bright(picture)
    times = np.arange(N_MASTER) / RATE
    x, y = 90 + 80 * np.sin(1.3 * times), 60 + 50 * np.sin(2.1 * times + 1)
    frames = [
        cv2.warpAffine(luma, np.array([[1.0, 0, -a], [0, 1.0, -b]]), (192, 160)) for a, b in zip(x, y, strict=True)
    ]
    return Clip(np.stack(frames).astype(np.uint8), times)


def part_of(master: Clip, matrix: NDArray[np.float64], size: tuple[int, int]) -> Clip:
    """A second of the master, laid out otherwise, its clock starting at zero."""
    frames = [cv2.warpAffine(f, matrix, size) for f in master.frames[FIRST : FIRST + N_PROBE]]
    return Clip(np.stack(frames).astype(np.uint8), np.arange(N_PROBE) / RATE)


@pytest.mark.parametrize(
    ("matrix", "size"),
    [
        (np.array([[1.0, 0, 0], [0, 1.0, 0]]), (192, 160)),
        (np.array([[1.25, 0, -24.0], [0, 1.25, -20.0]]), (192, 160)),
        (np.array([[0.6, 0, 70.0], [0, 0.6, 30.0]]), (256, 160)),
        (np.array([[-1.0, 0, 191.0], [0, 1.0, 0]]), (192, 160)),
    ],
    ids=["same", "cropped", "picture in picture", "mirrored"],
)
def test_time_and_place_are_found_together(
    astronaut: NDArray[np.uint8], matrix: NDArray[np.float64], size: tuple[int, int]
) -> None:
    master = camera_walk(astronaut)
    probe = part_of(master, matrix, size)
    found = look(probe, master)
    assert found is not None
    found = settle(probe, master, found.placement)
    assert found is not None
    assert np.abs(found.alignment.matched - np.arange(FIRST, FIRST + N_PROBE)).max() == 0
    corners = np.array([[0, 0, 1], [191, 0, 1], [0, 159, 1], [191, 159, 1]], np.float64)
    assert np.abs(corners @ (found.placement.matrix - matrix).T).max() < 0.3


@pytest.mark.parametrize("frames", [5, 6])
def test_a_clip_of_uneven_rate_keeps_its_place_while_the_camera_moves(
    astronaut: NDArray[np.uint8], frames: int
) -> None:
    master = camera_walk(astronaut)
    # It runs ahead of its line and falls behind it by nearly two frames.
    shown = FIRST + np.round(np.arange(30) + 1.8 * np.sin(np.arange(30) / frames)).astype(int)
    probe = Clip(master.frames[shown], np.arange(30) / RATE)
    found = settle(probe, master, Placement(np.eye(3)[:2], 99))
    assert found is not None
    assert np.abs(found.alignment.matched - shown).max() <= 1
    corners = np.array([[0, 0, 1], [191, 0, 1], [0, 159, 1], [191, 159, 1]], np.float64)
    assert np.abs(corners @ (found.placement.matrix - np.eye(3)[:2]).T).max() < 0.3


def test_only_the_moments_found_are_decoded_large(astronaut: NDArray[np.uint8]) -> None:
    master = camera_walk(astronaut)
    found = look(part_of(master, np.array([[1.0, 0, 0], [0, 1.0, 0]]), (192, 160)), master)
    assert found is not None
    ((start_s, end_s),) = stretches(found)
    first_s, last_s = FIRST / RATE, (FIRST + N_PROBE - 1) / RATE
    assert first_s - 1.0 < start_s < first_s and last_s < end_s < last_s + 1.0
