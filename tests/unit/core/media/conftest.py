"""Small media that the tests of this folder make for themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.core.settings import Limits

Picture = NDArray[np.uint8]


@pytest.fixture(scope="session")
def limits() -> Limits:
    return Limits(stall_s=30.0)


@pytest.fixture(scope="session")
def scene() -> Callable[[int, int, int], list[Picture]]:
    """scene(count, width, height): a smooth picture that drifts; each frame has its own mean."""

    def make(count: int, width: int, height: int) -> list[Picture]:
        rng = np.random.default_rng(7)
        small = rng.integers(40, 200, (4, 6, 3)).astype(np.uint8)
        base = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
        return [np.clip(np.roll(base, 2 * i, axis=1).astype(int) + i, 0, 255).astype(np.uint8) for i in range(count)]

    return make


@pytest.fixture(scope="session")
def corners() -> Picture:
    """64 x 32: red, green / blue, white quarters as BGR; every symmetry of it looks different."""
    image = np.zeros((32, 64, 3), np.uint8)
    image[:16, :32], image[:16, 32:] = (0, 0, 255), (0, 255, 0)
    image[16:, :32], image[16:, 32:] = (255, 0, 0), (255, 255, 255)
    return image


@pytest.fixture(scope="session")
def tone() -> Callable[..., NDArray[np.float32]]:
    """tone(seconds, rate, hz): a sine of amplitude 0.5."""

    def make(seconds: float, rate: int = 16_000, hz: float = 440.0) -> NDArray[np.float32]:
        return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)

    return make


@pytest.fixture
def korean_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "해치 시험 folder"
    folder.mkdir()
    return folder
