"""Tuning a hard picture, and the worn copies that it is tuned by."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from haechi.core.watermark.blind import read
from haechi.core.watermark.canvas import canvas, luma
from haechi.core.watermark.embed import STRENGTHS_DB, embed, psnr
from haechi.core.watermark.pattern import pattern_of
from haechi.core.watermark.tune import Trial, Tuner, trial
from haechi.core.watermark.worn import first_lost, sight, worn_copies
from haechi.core.watermark.write import draft, host_of
from unit.core.watermark.scenery import scene, stars

KEY = b"a company's key!"
PAYLOAD = 0x9123456789
_HARSH = 4


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return stars(720, 600)


@pytest.fixture(scope="module")
def start(picture: np.ndarray) -> Trial:
    mark = draft(host_of(picture), pattern_of(KEY), PAYLOAD, STRENGTHS_DB[-1])
    return trial(mark, mark.drawn(), pattern_of(KEY), PAYLOAD)


def test_a_hard_picture_is_tuned_until_its_worn_copies_are_read(picture: np.ndarray, start: Trial) -> None:
    assert start.sights[_HARSH].score < 0.5
    best = Tuner(picture, pattern_of(KEY), PAYLOAD).tuned(start, 8)
    assert best.merit > start.merit
    assert min(one.score for one in best.sights) > 0.55
    assert best.found > 6.8  # crops are still found
    assert psnr(picture, best.image) == pytest.approx(psnr(picture, start.image), abs=0.2)


def test_without_rounds_the_mark_stays(picture: np.ndarray, start: Trial) -> None:
    assert Tuner(picture, pattern_of(KEY), PAYLOAD).tuned(start, 0) is start


@pytest.mark.parametrize("height", [301, 374])
def test_a_copy_that_rounds_to_a_row_of_tiles_less_or_more_is_tuned_for(height: int) -> None:
    picture = stars(600, height)
    mark = draft(host_of(picture), pattern_of(KEY), PAYLOAD, STRENGTHS_DB[-1])
    start = trial(mark, mark.drawn(), pattern_of(KEY), PAYLOAD)
    assert len({one.values.shape for one in start.sights}) > 1
    assert Tuner(picture, pattern_of(KEY), PAYLOAD).tuned(start, 1).merit >= start.merit


def test_stars_are_read_after_more_contrast(picture: np.ndarray) -> None:
    marked = embed(picture, PAYLOAD, KEY)
    assert marked.psnr_db >= 40
    harsh = np.clip((marked.image.astype(np.float32) - 128) * 1.4 + 128, 0, 255).astype(np.uint8)
    for probe in (harsh, np.ascontiguousarray(harsh[:, ::-1]), cv2.resize(harsh, None, fx=0.6, fy=0.6)):
        reading = read(probe, KEY, search=False)
        assert reading is not None
        assert reading.payload == PAYLOAD


def test_the_first_lost_copy_is_told_and_a_suspect_comes_first(start: Trial) -> None:
    for suspect in (0, _HARSH):
        lost = first_lost(start.image, pattern_of(KEY), PAYLOAD, suspect=suspect)
        assert lost is not None
        assert lost[0] == _HARSH
        assert lost[1] == pytest.approx(0.7 - start.sights[_HARSH].score, abs=1e-4)
    easy = embed(scene(640, 480), PAYLOAD, KEY).image
    assert first_lost(easy, pattern_of(KEY), PAYLOAD) is None


def test_an_unmarked_picture_shows_nothing_in_any_copy(picture: np.ndarray) -> None:
    scores = [sight(copy, pattern_of(KEY), PAYLOAD).score for copy in worn_copies(picture)]
    assert max(scores) < 0.4
    assert first_lost(picture, pattern_of(KEY), PAYLOAD) is not None
    assert worn_copies(picture)[0].plane.shape == canvas(luma(picture)).shape


@pytest.mark.parametrize(("level", "least_kept"), [(0, 45), (255, 45), (12, 44.5)])
def test_a_copy_that_nothing_can_save_does_not_drive_the_strength(level: int, least_kept: float) -> None:
    even = np.full((640, 960, 3), level, np.uint8)
    marked = embed(even, PAYLOAD, KEY)
    assert marked.strength == STRENGTHS_DB[0]
    assert marked.psnr_db > least_kept
    assert not marked.survives  # more contrast leaves nothing of it, and that is told
    reading = read(marked.image, KEY, search=False)
    assert reading is not None
    assert reading.payload == PAYLOAD


def test_a_title_on_black_is_tuned_not_given_up(start: Trial) -> None:
    card = np.zeros((360, 540, 3), np.uint8)
    cv2.putText(card, "HAECHI", (90, 200), cv2.FONT_HERSHEY_SIMPLEX, 3, (255, 255, 255), 8, cv2.LINE_AA)
    assert embed(card, PAYLOAD, KEY).strength == STRENGTHS_DB[-1]
    assert not start.hopeless


def test_spared_copies_are_neither_made_nor_asked_for(picture: np.ndarray, start: Trial) -> None:
    assert len(worn_copies(picture, frozenset({_HARSH}))) == len(worn_copies(picture)) - 1
    assert first_lost(start.image, pattern_of(KEY), PAYLOAD, spared=frozenset({_HARSH})) is None
