"""Where on a page or screen a picture stands."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.core.fingerprint.framing import picture_on_page

Gray = NDArray[np.uint8]


def page(level: int, size: tuple[int, int] = (1000, 540)) -> Gray:
    """A page with a bar, a button and letters."""
    out = np.full(size, level, np.uint8)
    cv2.rectangle(out, (0, 0), (size[1], 80), 40, -1)
    cv2.circle(out, (270, 850), 25, 110, -1)
    cv2.putText(out, "12,345 likes", (30, 930), 0, 1.2, 20, 2)
    return out


def coded(gray: Gray, quality: int = 80) -> Gray:
    data = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


def sky(height: int, width: int) -> Gray:
    """Plain: only a slope and faint noise."""
    slope = np.linspace(140, 190, height)[:, None] + np.random.default_rng(1).normal(0, 1.5, (height, width))
    return np.asarray(np.clip(slope, 0, 255), np.uint8)


@pytest.mark.parametrize("level", [250, 18])
def test_a_plain_picture_is_found_on_its_page(level: int) -> None:
    screen = page(level)
    screen[200:520, 20:500] = sky(320, 480)
    x, y, w, h = picture_on_page(coded(screen)) or (0, 0, 0, 0)
    assert np.abs(np.array([x, y, x + w, y + h]) - [20, 200, 500, 520]).max() <= 2


@pytest.mark.parametrize("kind", ["no picture", "photograph", "person before an even wall", "rim", "flat"])
def test_what_is_no_picture_on_a_page_is_left_as_it_is(kind: str, astronaut: Gray) -> None:
    gray = np.asarray(cv2.cvtColor(astronaut, cv2.COLOR_BGR2GRAY), np.uint8)
    if kind == "no picture":
        gray = page(250)
    elif kind == "person before an even wall":
        gray = np.full((600, 600), 230, np.uint8)
        cv2.ellipse(gray, (300, 380), (120, 200), 0, 0, 360, 90, -1)
    elif kind == "rim":
        gray = np.asarray(cv2.copyMakeBorder(gray, 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=250), np.uint8)
    elif kind == "flat":
        gray = np.full((300, 300), 7, np.uint8)
    assert picture_on_page(gray) is None


def test_a_strip_holds_no_page() -> None:
    assert picture_on_page(np.full((1, 1024), 70, np.uint8)) is None
    assert picture_on_page(np.full((1024, 1), 70, np.uint8)) is None
