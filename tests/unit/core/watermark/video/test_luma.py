"""Marking the luma of films."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from haechi.core.media.orientation import Orientation
from haechi.core.watermark.blind import read
from haechi.core.watermark.pattern import pattern_of
from haechi.core.watermark.video.luma import LumaMarker, quick_mask, shrunk, turned_back
from unit.core.watermark.video.films import film

KEY = b"a company's key!"
PAYLOAD = 0x9123456789


def marked(frames: list[np.ndarray], **how: object) -> tuple[list[np.ndarray], LumaMarker]:
    marker = LumaMarker(pattern_of(KEY), PAYLOAD, frames[0].shape, **how)
    return [marker.mark(frame) for frame in frames], marker


def test_every_frame_has_the_wanted_fidelity() -> None:
    frames = film(640, 360, 12)
    out, marker = marked(frames)
    for before, after in zip(frames, out, strict=True):
        assert cv2.PSNR(before, after) == pytest.approx(42, abs=0.3)
    assert marker.psnr_db == pytest.approx(42, abs=0.3)


def test_the_frame_that_was_changed_most_is_told() -> None:
    frames = film(640, 360, 6)
    out, marker = marked(frames)
    worst = min(cv2.PSNR(before, after) for before, after in zip(frames, out, strict=True))
    assert marker.least_psnr_db == pytest.approx(worst, abs=0.01)


def test_even_places_beside_lively_ones_are_no_trouble() -> None:
    """Running sums of a box filter end just below zero there."""
    rng = np.random.default_rng(1)
    for seed in range(40):
        frame = np.full((360, 640), 128, np.uint8)
        frame[:180] = rng.integers(0, 256, (180, 640))
        frame[200:230, 100:140] = 16 + seed
        shape = quick_mask(shrunk(frame, (288, 512)))
        assert np.isfinite(shape).all()
        assert shape.min() > 0


def test_the_pattern_stands_still_while_the_picture_moves() -> None:
    frames = film(640, 360, 24)
    out, _ = marked(frames)
    changes = [after.astype(float) - before for before, after in zip(frames, out, strict=True)]
    first, last = (np.sign(changes[k]) for k in (0, -1))
    assert float(np.mean(first * last)) > 0.4


def test_a_still_of_the_film_reads_as_a_marked_picture() -> None:
    out, _ = marked(film(640, 360, 3))
    reading = read(cv2.cvtColor(out[2], cv2.COLOR_GRAY2BGR), KEY, search=False)
    assert reading is not None
    assert reading.payload == PAYLOAD


@pytest.mark.parametrize("shape", [(361, 641), (128, 2000), (1000, 129)])
def test_odd_and_extreme_sizes(shape: tuple[int, int]) -> None:
    frames = film(shape[1], shape[0], 2)
    out, _ = marked(frames)
    assert out[0].shape == shape
    assert out[0].dtype == np.uint8
    assert (out[0] != frames[0]).mean() > 0.3


def test_ten_bits_are_marked_like_eight() -> None:
    frames = film(640, 360, 2)
    eight, _ = marked(frames)
    ten, marker = marked([frame.astype(np.uint16) * 4 for frame in frames], bits=10)
    assert ten[0].dtype == np.uint16
    assert marker.psnr_db == pytest.approx(42, abs=0.3)
    assert float(np.abs(ten[1] / 4 - eight[1]).mean()) < 0.5


@pytest.mark.parametrize("bits", [8, 10])
def test_the_mark_stays_between_black_and_white(bits: int) -> None:
    """What lay beyond them before is left there."""
    unit, frame = 1 << (bits - 8), film(640, 360, 1)[0]
    frame = np.clip(frame.astype(np.uint16) + 16, 16, 235)
    frame[:60], frame[60:120], frame[-20:], frame[-40:-20] = 16, 235, 7, 250
    frame = (frame * unit).astype(np.uint8 if bits == 8 else np.uint16)
    (out,), _ = marked([frame], bits=bits, levels=(16 * unit, 235 * unit))
    assert (out[:60].min(), out[60:120].max()) == (16 * unit, 235 * unit)
    assert out[:60].max() > 16 * unit
    assert out[60:120].min() < 235 * unit
    assert 7 * unit < out[-20:].max() <= 16 * unit
    assert out[-20:].min() >= 7 * unit
    assert 250 * unit > out[-40:-20].min() >= 235 * unit
    assert out[-40:-20].max() <= 250 * unit


@pytest.mark.parametrize("turn", [Orientation(True, True, False), Orientation(False, True, True)])
def test_turned_films_are_marked_as_they_are_displayed(turn: Orientation) -> None:
    shown = film(640, 360, 1)
    stored = [turned_back(frame, turn) for frame in shown]
    assert np.array_equal(turn.apply(stored[0]), shown[0])
    out, _ = marked(stored, displayed=(640, 360), orientation=turn)
    reading = read(cv2.cvtColor(turn.apply(out[0]), cv2.COLOR_GRAY2BGR), KEY, search=False)
    assert reading is not None
    assert reading.payload == PAYLOAD


def test_wide_pixels_are_marked_as_they_are_displayed() -> None:
    shown = film(640, 360, 1)[0]
    stored = cv2.resize(shown, (480, 360), interpolation=cv2.INTER_AREA)
    out, _ = marked([stored], displayed=(640, 360))
    reading = read(cv2.cvtColor(cv2.resize(out[0], (640, 360)), cv2.COLOR_GRAY2BGR), KEY, search=False)
    assert reading is not None
    assert reading.payload == PAYLOAD


def test_even_frames_do_no_harm() -> None:
    for level in (0, 128, 255):
        out, _ = marked([np.full((200, 300), level, np.uint8)])
        assert np.abs(out[0].astype(int) - level).max() < 16
