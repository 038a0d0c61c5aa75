from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.check.compare.geometry import Features, Placement, place, refine


def grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def laid(image: NDArray[np.uint8], matrix: NDArray[np.float64], size: int = 400) -> NDArray[np.uint8]:
    return np.asarray(cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_AREA), np.uint8)


@pytest.mark.parametrize(
    "matrix",
    [
        [[0.7, 0.0, 12.5], [0.0, 0.7, 30.25]],
        [[0.0, -0.75, 395.0], [0.75, 0.0, 5.0]],
        [[-0.75, 0.0, 390.0], [0.0, 0.75, 8.0]],
        [[0.74, -0.09, 30.0], [0.09, 0.74, -20.0]],
        [[1.5, 0.0, -180.0], [0.0, 1.4, -150.0]],
    ],
    ids=["scaled", "quarter turn", "mirrored", "tilted", "cropped and squeezed"],
)
def test_master_is_placed_to_a_tenth_of_a_pixel(astronaut: NDArray[np.uint8], matrix: list[list[float]]) -> None:
    wanted = np.array(matrix)
    master = grey(astronaut)
    probe = laid(master, wanted)
    found = place(Features(probe), Features(master), mirrored=bool(np.linalg.det(wanted[:, :2]) < 0))
    assert found is not None
    sharp = refine([(probe, master)], found)
    corners = np.array([[100, 100], [400, 100], [250, 400]], np.float64)
    seen = corners @ sharp.matrix[:, :2].T + sharp.matrix[:, 2]
    expected = corners @ wanted[:, :2].T + wanted[:, 2]
    assert np.abs(seen - expected).max() < 0.35
    assert sharp.mirrored == (np.linalg.det(wanted[:, :2]) < 0)


def test_straight_edges_do_not_pull_the_place_along_themselves() -> None:
    # A window on a graded screen, coded coarsely: flow along its long sides is free to drift by pixels.
    down, across = np.mgrid[0:360, 0:640].astype(np.float32)
    screen = np.clip(255 - 0.25 * across - 0.35 * down, 0, 255).astype(np.uint8)
    screen[40:340, 200:575] = 0
    screen[40:52, 200:575], screen[328:340, 200:575], screen[55:328, 570] = 60, 50, 120
    cv2.putText(screen, "Hello world", (240, 28), cv2.FONT_HERSHEY_COMPLEX, 0.8, (0,), 2, cv2.LINE_AA)
    cv2.putText(screen, "name@host", (205, 72), cv2.FONT_HERSHEY_PLAIN, 0.9, (230,), 1, cv2.LINE_AA)
    data = cv2.imencode(".jpg", screen, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    coded = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
    found = refine([(coded, screen)], Placement(np.eye(3)[:2], 99))
    corners = np.array([[0, 0, 1], [640, 0, 1], [0, 360, 1], [640, 360, 1]], np.float64)
    assert np.abs(corners @ (found.matrix - np.eye(3)[:2]).T).max() < 0.4


def test_other_pictures_are_not_placed(astronaut: NDArray[np.uint8]) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (60, 60), np.uint8)
    other = np.asarray(cv2.resize(noise, (400, 400), interpolation=cv2.INTER_CUBIC), np.uint8)
    assert place(Features(other), Features(grey(astronaut))) is None


def test_flat_picture_has_no_features() -> None:
    flat = np.full((100, 100), 128, np.uint8)
    assert place(Features(flat), Features(flat)) is None


def test_placement_names_its_parts() -> None:
    turn = np.deg2rad(7.0)
    matrix = 0.5 * np.array([[np.cos(turn), -np.sin(turn), 0.0], [np.sin(turn), np.cos(turn), 0.0]])
    placement = Placement(matrix, 50)
    assert placement.scale == pytest.approx(0.5)
    assert placement.rotation_deg == pytest.approx(7.0)
    assert placement.aspect == pytest.approx(1.0)
    assert placement.rescaled(2.0, 1.0).scale == pytest.approx(1.0)
