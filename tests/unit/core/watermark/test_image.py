"""Marking a picture and reading it back, blind."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from haechi.core.errors import InputError
from haechi.core.watermark import lattice
from haechi.core.watermark.blind import read
from haechi.core.watermark.embed import embed
from haechi.core.watermark.records import Marked
from threads import product_threads
from unit.core.watermark.scenery import jpeg, page, scene

KEY, OTHER = b"a company's key!", b"another company!"
PAYLOAD = 0x9123456789


@pytest.fixture(scope="module")
def original() -> np.ndarray:
    return scene(720, 512, seed=3)


@pytest.fixture(scope="module")
def marked(original: np.ndarray) -> Marked:
    return embed(original, PAYLOAD, KEY)


def payload(image: np.ndarray, key: bytes = KEY) -> int | None:
    reading = read(np.ascontiguousarray(image), key)
    return reading.payload if reading else None


def test_the_mark_is_faint_and_passes_its_own_test(original: np.ndarray, marked: Marked) -> None:
    assert marked.survives
    assert marked.psnr_db >= 40
    assert marked.image.shape == original.shape
    assert marked.image.dtype == np.uint8


def test_it_reads_as_it_lies(marked: Marked) -> None:
    reading = read(marked.image, KEY, search=False)
    assert reading is not None
    assert reading.payload == PAYLOAD
    assert reading.score > 0.8
    assert reading.geometry.scale == pytest.approx(512 / 720, rel=0.01)


def test_neither_the_original_nor_another_key_reads(original: np.ndarray, marked: Marked) -> None:
    assert payload(original) is None
    assert payload(marked.image, OTHER) is None


def test_a_search_keeps_to_one_core(original: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads for its small products wait for each other."""
    search, used = lattice.search, []
    assert payload(original) is None  # all that has such products is loaded by now

    def watched(*given: Any, **named: Any) -> Any:
        used.append(product_threads())
        return search(*given, **named)

    monkeypatch.setattr(lattice, "search", watched)
    with threadpool_limits(2, user_api="blas"):
        assert payload(original) is None
        after = product_threads()
    assert (used, after) == ([{1}], {2})


@pytest.mark.parametrize("quality", [90, 50, 30])
def test_jpeg(marked: Marked, quality: int) -> None:
    assert payload(jpeg(marked.image, quality)) == PAYLOAD


def test_smaller_mirrored_grey_and_dark(marked: Marked) -> None:
    assert payload(cv2.resize(marked.image, None, fx=0.37, fy=0.37, interpolation=cv2.INTER_AREA)) == PAYLOAD
    assert payload(marked.image[:, ::-1]) == PAYLOAD
    assert payload(cv2.cvtColor(cv2.cvtColor(marked.image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)) == PAYLOAD
    assert payload((marked.image * 0.6).astype(np.uint8)) == PAYLOAD


def test_strongly_denoised(marked: Marked) -> None:
    worn = cv2.bilateralFilter(cv2.medianBlur(marked.image, 3), 7, 40, 5)
    worn = jpeg(cv2.resize(worn, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA), 40)
    assert payload(cv2.resize(worn, (720, 512), interpolation=cv2.INTER_CUBIC)) == PAYLOAD


def test_a_white_page_reads_brightened() -> None:
    marked = embed(page(700, 900), PAYLOAD, KEY)
    assert marked.psnr_db >= 40
    assert payload(marked.image) == PAYLOAD
    assert payload(np.clip(marked.image.astype(int) + 35, 0, 255).astype(np.uint8)) == PAYLOAD


def test_a_blurred_fine_texture_reads() -> None:
    texture = (
        np.clip(np.random.default_rng(2).normal(128, 45, (512, 512, 1)), 0, 255).astype(np.uint8).repeat(3, axis=2)
    )
    texture = cv2.GaussianBlur(texture, (0, 0), 0.7)
    marked = embed(texture, PAYLOAD, KEY)
    assert payload(cv2.GaussianBlur(marked.image, (0, 0), 2)) == PAYLOAD


def test_a_crop_of_unknown_scale_is_found(marked: Marked) -> None:
    part = cv2.resize(marked.image[72:456, 160:688], (622, 452), interpolation=cv2.INTER_AREA)
    reading = read(jpeg(part, 80), KEY)
    assert reading is not None
    assert reading.payload == PAYLOAD
    x, y = reading.geometry.matrix @ np.array([0, 0, 1])
    assert (x * 720 / 512, y * 720 / 512) == pytest.approx((160, 72), abs=3)
    assert not reading.geometry.mirrored


def test_rotated_and_turned(marked: Marked) -> None:
    height, width = marked.image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 6, 1.0)
    reading = read(cv2.warpAffine(marked.image, matrix, (width, height)), KEY)
    assert reading is not None
    assert reading.payload == PAYLOAD
    assert abs(reading.geometry.angle_deg) == pytest.approx(6, abs=0.3)
    assert payload(np.rot90(marked.image)) == PAYLOAD


def test_letterbox(marked: Marked) -> None:
    assert payload(cv2.copyMakeBorder(marked.image, 500, 500, 0, 0, cv2.BORDER_CONSTANT)) == PAYLOAD


def test_what_cannot_be_marked_says_why() -> None:
    with pytest.raises(InputError, match="64 px"):
        embed(np.zeros((40, 400, 3), np.uint8), 1, KEY)
    with pytest.raises(InputError, match="8 bits"):
        embed(np.zeros((400, 400, 3), np.uint16), 1, KEY)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="payload"):
        embed(np.zeros((400, 400, 3), np.uint8), 1 << 40, KEY)


def test_an_even_picture_has_nothing_to_read_and_does_no_harm() -> None:
    even = np.full((300, 400, 3), 90, np.uint8)
    assert read(even, KEY) is None
    assert embed(even, 5, KEY).psnr_db >= 40


def test_the_smallest_pictures_do_not_break() -> None:
    assert embed(scene(64, 64), 5, KEY).image.shape == (64, 64, 3)
    assert read(scene(30, 30), KEY) is None
