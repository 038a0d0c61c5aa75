"""Geometry between pictures that share content, and none between those that do not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.core.fingerprint.local_features import (
    SIDE,
    all_features,
    find_geometry,
    orb_features,
    scaled_gray,
    sift_features,
    sift_geometry,
)

Image = NDArray[np.uint8]


def at(matrix: NDArray[np.float64], x: float, y: float) -> NDArray[np.float64]:
    point = matrix @ np.array([x, y, 1.0])
    return np.asarray(point[:2] / point[2])


def test_long_side_is_the_same_for_all() -> None:
    assert max(scaled_gray(np.zeros((100, 50, 3), np.uint8)).shape) == SIDE
    assert max(scaled_gray(np.zeros((900, 1600), np.uint8)).shape) == SIDE


@pytest.mark.parametrize("method", ["orb", "sift"])
def test_crop_gives_its_place(astronaut: Image, method: str) -> None:
    crop = np.ascontiguousarray(astronaut[100:356, 120:376])
    a, b = scaled_gray(crop), scaled_gray(astronaut)
    if method == "sift":
        one, other = sift_features(a), sift_features(b)
        assert one is not None and other is not None
        found = sift_geometry(one, other)
    else:
        found = find_geometry(orb_features(a), orb_features(b))
    assert found is not None and found.inliers >= 16 and found.spread > 0.1
    assert np.allclose(at(found.matrix, 0, 0), [120, 100], atol=4)
    assert np.allclose(at(found.matrix, 511, 511), [376, 356], atol=4)


def test_perspective(astronaut: Image) -> None:
    corners = np.array([[0, 0], [511, 0], [511, 511], [0, 511]], np.float32)
    moved = corners + np.array([[30, 20], [-10, 0], [-35, -25], [5, -10]], np.float32)
    there = cv2.getPerspectiveTransform(corners, moved)
    seen = np.asarray(cv2.warpPerspective(astronaut, there, (512, 512)), np.uint8)
    found = find_geometry(orb_features(scaled_gray(seen)), orb_features(scaled_gray(astronaut)))
    assert found is not None
    assert np.allclose(at(found.matrix @ there, 256, 256), [256, 256], atol=4)


def test_a_caption_cannot_take_all_features(astronaut: Image) -> None:
    image = astronaut.copy()
    for row in range(400, 512, 16):
        cv2.putText(image, "xkwz#%&" * 8, (0, row), 0, 0.5, (255, 255, 255), 1)
    xy = orb_features(scaled_gray(image)).xy
    assert (xy[:, 1] < 380).mean() > 0.3


def test_nothing_in_common(astronaut: Image) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (400, 500, 3), np.uint8)
    found = find_geometry(orb_features(scaled_gray(noise)), orb_features(scaled_gray(astronaut)))
    assert found is None or found.inliers < 10


def clouds(seed: int) -> Image:
    rng = np.random.default_rng(seed)
    soft = sum(
        cv2.resize(rng.normal(0, 1, (512 // s, 512 // s)), (512, 512), interpolation=cv2.INTER_CUBIC) * s**0.5
        for s in (8, 16, 32, 64)
    )
    return np.clip(170 + np.linspace(-30, 30, 512)[:, None] + 0.8 * np.asarray(soft), 0, 255).astype(np.uint8)


def test_faint_structure_tells_skies_apart() -> None:
    sky = scaled_gray(clouds(1))
    brighter = np.clip(sky.astype(np.float32) * 0.9 + 30, 0, 255).astype(np.uint8)
    same = find_geometry(all_features(brighter, thorough=False), all_features(sky, thorough=False))
    other = find_geometry(all_features(scaled_gray(clouds(2)), thorough=False), all_features(sky, thorough=False))
    assert same is not None and same.inliers >= 24
    assert other is None or other.inliers < 12


def test_tiny_and_flat_pictures_have_no_features() -> None:
    assert len(orb_features(np.zeros((30, 512), np.uint8)).codes) == 0
    assert len(all_features(np.full((512, 512), 9, np.uint8), thorough=True).codes) == 0
