"""Reading films blind."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from haechi.core.watermark.pattern import pattern_of
from haechi.core.watermark.video import LumaMarker, read_frames_mark
from haechi.core.watermark.video.blind import content
from unit.core.watermark.video.films import coded, film

KEY, OTHER = b"a company's key!", b"another company!"
PAYLOAD = 0x9123456789


@pytest.fixture(scope="module")
def original() -> list[np.ndarray]:
    return film(640, 480, 10, seed=4)


@pytest.fixture(scope="module")
def marked(original: list[np.ndarray]) -> list[np.ndarray]:
    marker = LumaMarker(pattern_of(KEY), PAYLOAD, (480, 640))
    return [marker.mark(frame) for frame in original]


def payload(frames: list[np.ndarray], key: bytes = KEY, *, search: bool = True) -> int | None:
    reading = read_frames_mark([np.ascontiguousarray(frame) for frame in frames], key, search=search)
    return reading.payload if reading else None


def test_it_reads_as_it_lies_and_mirrored(marked: list[np.ndarray]) -> None:
    assert payload(marked, search=False) == PAYLOAD
    assert payload([frame[:, ::-1] for frame in marked], search=False) == PAYLOAD


def test_several_frames_read_where_one_does_not(marked: list[np.ndarray]) -> None:
    hard = coded(marked, 4)
    assert sum(payload([frame], search=False) is None for frame in hard) >= 5
    assert payload(hard, search=False) == PAYLOAD


def test_it_reads_rotated_scaled_and_cropped(marked: list[np.ndarray]) -> None:
    turn = cv2.getRotationMatrix2D((320, 240), 3, 1.2)
    turned = [cv2.warpAffine(frame, turn, (640, 480)) for frame in marked]
    assert payload(coded(turned, 80)) == PAYLOAD
    cropped = [cv2.resize(frame[120:360, 160:480], (640, 480), interpolation=cv2.INTER_CUBIC) for frame in marked]
    assert payload(coded(cropped, 80)) == PAYLOAD


def test_it_reads_within_black_borders(marked: list[np.ndarray]) -> None:
    boxed = [cv2.copyMakeBorder(frame, 100, 100, 0, 0, cv2.BORDER_CONSTANT) for frame in marked]
    assert content(boxed) == (0, 100, 640, 580)
    assert payload(coded(boxed, 80)) == PAYLOAD


def test_unmarked_films_and_wrong_keys_read_nothing(original: list[np.ndarray], marked: list[np.ndarray]) -> None:
    assert payload(original, search=False) is None
    assert payload(marked, OTHER) is None
    assert payload([]) is None
    assert payload([np.zeros((40, 40), np.uint8)]) is None
