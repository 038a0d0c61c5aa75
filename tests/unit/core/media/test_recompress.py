"""Lossy copies in memory: as many pictures as went in, worse ones, and the same ones every time."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.core.media.recompress import recompress_image, recompress_video


def moving(count: int, height: int, width: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).integers(0, 256, (height + 80, width + 160), np.uint8)
    soft = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), np.empty(0), 0, 255, cv2.NORM_MINMAX)
    return np.stack([soft[k : k + height, 2 * k : 2 * k + width] for k in range(count)]).astype(np.uint8)


@pytest.mark.parametrize("preset", ["veryfast", "faster"])
def test_same_pictures_give_the_same_result(preset: str) -> None:
    frames, rng = moving(40, 330, 300), np.random.default_rng(1)
    results = set()
    for _ in range(6):
        # What other work leaves behind in memory must not matter.
        junk = [rng.integers(0, 256, int(size), np.uint8) for size in rng.integers(1_000, 3_000_000, 5)]
        results.add(recompress_video(frames, 12.5, 25.58, preset=preset).tobytes())
        del junk
    assert len(results) == 1


@pytest.mark.parametrize(("height", "width"), [(64, 96), (63, 95)])
def test_higher_crf_loses_more(height: int, width: int) -> None:
    frames = moving(8, height, width)

    def loss(crf: float) -> float:
        copy = recompress_video(frames, 25.0, crf)
        assert copy.shape == frames.shape
        return float(np.abs(copy.astype(np.int16) - frames).mean())

    assert loss(18) < loss(32) < loss(44)


def test_black_and_white_stay() -> None:
    frames = moving(8, 64, 96)
    frames[:, :16], frames[:, -16:] = 0, 255
    copy = recompress_video(frames, 25.0, 12.0)
    assert np.abs(copy.astype(np.int16) - frames).mean() < 1.0
    assert copy[:, 4:12].max() <= 4
    assert copy[:, -12:-4].min() >= 251


def test_lower_quality_loses_more() -> None:
    (image,) = moving(1, 96, 128)

    def loss(quality: int) -> float:
        return float(np.abs(recompress_image(image, quality).astype(np.int16) - image).mean())

    assert loss(90) < loss(40)
