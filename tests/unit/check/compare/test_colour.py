from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.check.compare.colour import fit_tone


def test_tone_curve_and_blur_are_recovered(astronaut: NDArray[np.uint8]) -> None:
    master = np.asarray(cv2.cvtColor(astronaut, cv2.COLOR_BGR2GRAY), np.uint8)
    graded = 255 * (master / 255.0) ** 0.8
    probe = np.round(cv2.GaussianBlur(graded, (0, 0), 0.9)).astype(np.uint8)
    tone = fit_tone([(probe, master)], np.ones(master.shape, bool))
    error = np.abs(tone.apply(master) - probe)[8:-8, 8:-8]
    before = np.abs(master.astype(float) - probe)[8:-8, 8:-8]
    assert error.mean() < 0.15 * before.mean()
    assert tone.curve[128] == pytest.approx(255 * (128 / 255) ** 0.8, abs=3)
    assert tone.sharpness < 0.6


def test_changed_minority_does_not_bend_the_curve(astronaut: NDArray[np.uint8]) -> None:
    master = np.asarray(cv2.cvtColor(astronaut, cv2.COLOR_BGR2GRAY), np.uint8)
    probe = master.copy()
    probe[100:220, 150:290] = 255 - probe[100:220, 150:290]
    tone = fit_tone([(probe, master)], np.ones(master.shape, bool))
    assert np.abs(tone.curve[40:220] - np.arange(40, 220)).max() < 6


def test_flat_picture_keeps_the_identity() -> None:
    flat = np.full((64, 64), 90, np.uint8)
    tone = fit_tone([(flat, flat)], np.ones((64, 64), bool))
    assert np.abs(tone.apply(flat) - 90).max() < 1
