from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.check.compare.clip import bright, colour_planes
from haechi.check.compare.colour import _median, fit_tone

NO_COLOUR = np.zeros((16, 16, 2), np.float32)


def test_tone_curve_and_blur_are_recovered(astronaut: NDArray[np.uint8]) -> None:
    master = np.asarray(cv2.cvtColor(astronaut, cv2.COLOR_BGR2GRAY), np.uint8)
    graded = 255 * (master / 255.0) ** 0.8
    probe = np.round(cv2.GaussianBlur(graded, (0, 0), 0.9)).astype(np.uint8)
    tone = fit_tone([(probe, master, NO_COLOUR)], np.ones(master.shape, bool))
    error = np.abs(tone.apply(master, NO_COLOUR) - probe)[8:-8, 8:-8]
    before = np.abs(master.astype(float) - probe)[8:-8, 8:-8]
    assert error.mean() < 0.15 * before.mean()
    assert tone.curve[128] == pytest.approx(255 * (128 / 255) ** 0.8, abs=3)
    assert tone.sharpness < 0.6


def test_changed_minority_does_not_bend_the_curve(astronaut: NDArray[np.uint8]) -> None:
    master = np.asarray(cv2.cvtColor(astronaut, cv2.COLOR_BGR2GRAY), np.uint8)
    probe = master.copy()
    probe[100:220, 150:290] = 255 - probe[100:220, 150:290]
    tone = fit_tone([(probe, master, NO_COLOUR)], np.ones(master.shape, bool))
    assert np.abs(tone.curve[40:220] - np.arange(40, 220)).max() < 6


@pytest.mark.parametrize("values", [[7], [0, 255], [3, 3, 9], [1, 2, 2, 250], [0, 0, 4, 5, 5, 5]])
def test_median_of_counts_is_that_of_the_samples(values: list[int]) -> None:
    assert _median(np.bincount(values, minlength=256)) == np.median(values)


def test_flat_picture_keeps_the_identity() -> None:
    flat = np.full((64, 64), 90, np.uint8)
    tone = fit_tone([(flat, flat, NO_COLOUR)], np.ones((64, 64), bool))
    assert np.abs(tone.apply(flat, NO_COLOUR) - 90).max() < 1


def test_colour_filter_that_luma_follows_is_recovered(astronaut: NDArray[np.uint8]) -> None:
    filtered = np.clip(astronaut * np.array([0.7, 0.95, 1.2]), 0, 255).astype(np.uint8)
    probe = np.asarray(cv2.cvtColor(filtered, cv2.COLOR_BGR2GRAY), np.uint8)
    luma, chroma = bright(astronaut), colour_planes(astronaut)
    planes = chroma.astype(np.float32)
    whole = np.ones(luma.shape, bool)
    with_colour = fit_tone([(probe, luma, planes)], whole)
    without = fit_tone([(probe, luma, np.zeros_like(planes))], whole)
    error = [np.abs(t.apply(luma, planes) - probe).mean() for t in (with_colour, without)]
    assert with_colour.colour.any() and not without.colour.any()
    assert error[0] < 0.9 * error[1]


def test_rare_colour_does_not_follow_what_a_plain_wall_tells() -> None:
    rows = np.mgrid[:128, :128][0]
    # A wall that grows redder downwards and was made lighter there, and before it a hand that was left as it is.
    red = np.repeat((rows[::4, ::4] / 16.0)[..., None], 2, axis=-1).astype(np.float32) * np.float32([1.0, 0.0])
    luma = np.full((128, 128), 150, np.uint8)
    probe = (luma + np.round(rows / 16.0)).astype(np.uint8)
    wall = fit_tone([(probe, luma, red)], np.ones(luma.shape, bool))
    red[8:11, 27:], probe[32:44, 108:] = [40.0, 0.0], luma[32:44, 108:]
    with_hand = fit_tone([(probe, luma, red)], np.ones(luma.shape, bool))
    assert wall.colour[0] > 0.5
    assert np.abs(with_hand.apply(luma, red)[36:40, 112:124] - 150.0).max() < 6.0
