from __future__ import annotations

import struct

import numpy as np
import pytest

from haechi.core.media.orientation import Orientation, from_display_matrix, from_exif, to_exif

ONE = 1 << 16


def matrix(a: int, b: int, c: int, d: int) -> bytes:
    return struct.pack("=9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)


@pytest.mark.parametrize("value", range(1, 9))
def test_size_and_turn_agree(value: int) -> None:
    image = np.arange(6, dtype=np.uint8).reshape(2, 3)
    orientation = from_exif(value)
    assert to_exif(orientation) == value
    turned = orientation.apply(image)
    assert orientation.displayed_size(3, 2) == (turned.shape[1], turned.shape[0])
    assert orientation.mirrored == (value in {2, 4, 5, 7})
    assert orientation.rotation_deg % 90 == 0


@pytest.mark.parametrize(("value", "degrees"), [(1, 0), (3, 180), (6, 90), (8, 270)])
def test_exif_turns(value: int, degrees: int) -> None:
    image = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert from_exif(value).rotation_deg == degrees
    assert np.array_equal(from_exif(value).apply(image), np.rot90(image, -degrees // 90))


@pytest.mark.parametrize("value", [0, 9, -1, None, "6", 10**30, 6.0])
def test_nonsense_is_upright(value: object) -> None:
    assert from_exif(value) == Orientation()


def test_display_matrix() -> None:
    image = np.arange(6, dtype=np.uint8).reshape(2, 3)
    clockwise = from_display_matrix(matrix(0, ONE, -ONE, 0))
    assert np.array_equal(clockwise.apply(image), np.rot90(image, -1))
    assert np.array_equal(from_display_matrix(matrix(-ONE, 0, 0, ONE)).apply(image), image[:, ::-1])
    assert np.array_equal(from_display_matrix(matrix(ONE, 0, 0, -ONE)).apply(image), image[::-1])
    slanted = from_display_matrix(matrix(ONE, 3000, -3000, ONE))
    assert slanted == Orientation()
    assert from_display_matrix(b"") == Orientation()
