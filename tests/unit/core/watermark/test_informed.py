"""Reading with the master, recipient codes, and the map of the mark's strength."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from haechi.core.watermark.blind import read
from haechi.core.watermark.embed import RECIPIENT, embed
from haechi.core.watermark.informed import read_informed
from haechi.core.watermark.records import Marked
from haechi.core.watermark.strength import strength_map
from unit.core.watermark.scenery import jpeg, scene

KEY, OTHER = b"a company's key!", b"another company!"
PAYLOAD, POOL = 0x9123456789, 77


@pytest.fixture(scope="module")
def master() -> np.ndarray:
    return scene(640, 480, seed=8)


@pytest.fixture(scope="module")
def marked(master: np.ndarray) -> Marked:
    return embed(master, PAYLOAD, KEY, recipient=POOL)


def test_both_payloads_are_read_from_a_small_coarse_crop(master: np.ndarray, marked: Marked) -> None:
    probe = jpeg(marked.image[80:340, 240:560], 50)
    release = read_informed(probe, master, KEY)
    assert release is not None
    assert release.payload == PAYLOAD
    assert release.geometry.matrix @ np.array([0, 0, 1]) == pytest.approx((240 * 0.8, 80 * 0.8), abs=1)
    pool = read_informed(probe, master, KEY, label=RECIPIENT)
    assert pool is not None
    assert pool.payload == POOL


def test_the_second_payload_leaves_the_first_and_the_quality(marked: Marked) -> None:
    assert marked.psnr_db >= 40
    reading = read(marked.image, KEY)
    assert reading is not None
    assert reading.payload == PAYLOAD


def test_a_mirror_image_is_registered(master: np.ndarray, marked: Marked) -> None:
    reading = read_informed(jpeg(np.ascontiguousarray(marked.image[:, ::-1]), 60), master, KEY)
    assert reading is not None
    assert reading.geometry.mirrored


def test_it_reads_what_is_too_faint_for_the_blind(master: np.ndarray) -> None:
    faint = jpeg(embed(master, PAYLOAD, KEY, strength_db=50).image, 60)
    reading = read_informed(faint, master, KEY)
    assert reading is not None
    assert reading.payload == PAYLOAD


def test_a_number_that_is_asked_for_is_found_where_no_other_could_be(master: np.ndarray) -> None:
    worn = jpeg(embed(master, PAYLOAD, KEY, strength_db=52).image, 12)
    assert read_informed(worn, master, KEY) is None
    reading = read_informed(worn, master, KEY, among=[7, 8, PAYLOAD])
    assert reading is not None
    assert reading.payload == PAYLOAD
    assert read_informed(worn, master, KEY, among=[7, 8, 9]) is None


def test_asking_for_a_number_does_not_make_it_be_there(master: np.ndarray, marked: Marked) -> None:
    numbers = [int(one) for one in np.random.default_rng(4).integers(0, 1 << 40, 500)]
    assert read_informed(jpeg(master, 70), master, KEY, among=numbers) is None
    assert read_informed(marked.image, master, OTHER, among=[*numbers, PAYLOAD]) is None
    reading = read_informed(marked.image, master, KEY, among=numbers)
    assert reading is not None
    assert reading.payload == PAYLOAD


def test_a_wrong_key_and_an_unmarked_copy_read_nothing(master: np.ndarray, marked: Marked) -> None:
    assert read_informed(marked.image, master, OTHER) is None
    assert read_informed(jpeg(master, 70), master, KEY) is None


def test_a_picture_without_features_reads_nothing(master: np.ndarray) -> None:
    assert read_informed(np.full((64, 96, 3), 60, np.uint8), master, KEY) is None


@pytest.mark.parametrize("informed", [False, True])
def test_a_replaced_region_shows_in_the_map(master: np.ndarray, marked: Marked, informed: bool) -> None:
    probe = marked.image.copy()
    probe[160:320, 240:400] = scene(160, 160, seed=99)
    probe = jpeg(probe, 80)
    reading = read(probe, KEY)
    assert reading is not None
    found = strength_map(probe, reading, KEY, master if informed else None)
    corner = cv2.transform(np.array([[[265, 185], [375, 295]]], np.float64), found.matrix)[0].astype(int)
    inside = np.zeros(found.score.shape, bool)
    inside[corner[0, 1] : corner[1, 1], corner[0, 0] : corner[1, 0]] = True
    away = cv2.dilate(inside.astype(np.uint8), np.ones((91, 91))) == 0
    assert float(np.nanmean(found.score[inside])) < 1
    assert float(np.nanmean(found.score[away])) > (4 if informed else 1.3)


def test_the_map_is_empty_where_there_was_never_a_mark(master: np.ndarray, marked: Marked) -> None:
    reading = read(marked.image, KEY)
    assert reading is not None
    score = strength_map(jpeg(master, 90), reading, KEY).score
    assert abs(float(np.nanmean(score))) < 0.5
    assert 0.5 < float(np.nanstd(score)) < 1.7
