"""PDQ: bits against values of the pdqhash package (vectors), borders, scaled JPEG."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.core.errors import UnreadableMediaError
from haechi.core.fingerprint.pdq import (
    PROFILE_FULL,
    PROFILE_REDUCED,
    distance,
    pdq,
    pdq_512,
    pdq_of_jpeg,
    trim_borders,
)


def ripples(height: int, width: int) -> NDArray[np.uint8]:
    """A picture that any machine computes alike: integer arithmetic only."""
    y, x = np.mgrid[0:height, 0:width]
    blue = (x * x // 97 + y * 3) % 256
    green = (x * y // 53 + 40) % 256
    red = ((x + 2 * y) * (y // 7 + 1) // 11) % 256
    soft = cv2.blur(np.dstack([blue, green, red]).astype(np.uint8), (9, 9))
    return np.asarray(soft, np.uint8)


# From pdqhash 0.2.8, pdqhash.compute(RGB).
VECTORS = {
    (240, 320): (
        "96cdacdb6db2d902322e65548ab53dad6349849b0b335672e9c6170ef87c07f0",
        100,
    ),
    (501, 333): (
        "b6db649bc99319337333e6628ce630c6e386870e1e1ef83ce07c03f87fe0fc00",
        100,
    ),
    (64, 64): (
        "5a0bbeb6501bda8a5a0d480c5a94095b5a21095d40294b5ffd7f0f55f95b8d7f",
        0,
    ),
    (1080, 1920): (
        "ff20ffa8ffecffe8ff00ffa0ffe8ffacff28610079007d0c6be8610020004100",
        100,
    ),
}


@pytest.mark.parametrize("size", VECTORS)
def test_bits_and_quality_are_those_of_pdqhash(size: tuple[int, int]) -> None:
    got = pdq(ripples(*size))
    assert (got.hex, got.quality, got.profile) == (*VECTORS[size], PROFILE_FULL)


def test_scaled_jpeg_decode_stays_within_its_profile(astronaut: NDArray[np.uint8]) -> None:
    large = np.asarray(cv2.resize(astronaut, (2048, 2048), interpolation=cv2.INTER_CUBIC), np.uint8)
    data = cv2.imencode(".jpg", large, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
    fast = pdq_of_jpeg(data)
    assert fast.profile == PROFILE_REDUCED
    assert distance(fast.bits, pdq(large).bits) <= 16


def test_512_profile_is_near_the_full_one(astronaut: NDArray[np.uint8]) -> None:
    large = np.asarray(cv2.resize(astronaut, (900, 700)), np.uint8)
    assert distance(pdq_512(large).bits, pdq(large).bits) <= 24


def test_damaged_jpeg_is_refused() -> None:
    with pytest.raises(UnreadableMediaError):
        pdq_of_jpeg(b"\xff\xd8\xff\xe0 nothing")


def test_flat_picture_has_no_quality() -> None:
    assert pdq(np.full((100, 100, 3), 90, np.uint8)).quality == 0


@pytest.mark.parametrize("fill", ["bars", "blur"])
def test_borders_are_trimmed(astronaut: NDArray[np.uint8], fill: str) -> None:
    page = np.zeros((910, 512, 3), np.uint8)
    if fill == "blur":
        page = np.asarray(cv2.GaussianBlur(cv2.resize(astronaut, (512, 910)), (0, 0), 20), np.uint8)
    page[199:711] = astronaut
    box = trim_borders(page)
    assert box is not None
    x, y, w, h = box
    assert abs(y - 199) <= 12 and abs(h - 512) <= 24 and x <= 8 and w >= 490


def test_nothing_to_trim(astronaut: NDArray[np.uint8]) -> None:
    assert trim_borders(astronaut) is None
