"""What several test folders share: the sample photograph and moving clips made from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from clips import Frames, camera
from haechi.core.media.encode import write_video
from haechi.core.media.models import model_path
from haechi.core.settings import Settings


@pytest.fixture(autouse=True, scope="session")
def one_core_products() -> Iterator[None]:
    """Matrix products of tests running side by side must not wait for each other's cores."""
    with threadpool_limits(1, user_api="blas"):
        yield


@pytest.fixture(scope="session")
def models() -> Path:
    """The folder of pulled models."""
    return Settings().models


@pytest.fixture(scope="session")
def astronaut(models: Path) -> NDArray[np.uint8]:
    """The sample photograph (public domain), BGR uint8 (512, 512, 3)."""
    image = cv2.imdecode(np.frombuffer(model_path("astronaut.png", models).read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image, np.uint8)


@pytest.fixture(scope="session")
def moving_frames(astronaut: NDArray[np.uint8]) -> Frames:
    """Three seconds at 25 frames a second: a slow, uneven camera move over the photograph, 384 x 384."""
    return [camera(astronaut, k / 25) for k in range(75)]


@pytest.fixture(scope="session")
def make_clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes frames to a new file and gives its path; keywords go to `write_video`."""
    folder = tmp_path_factory.mktemp("clips")
    count = iter(range(10_000))

    def make(frames: Frames, rate: float = 25.0, suffix: str = ".mp4", **options: object) -> Path:
        path = folder / f"clip{next(count)}{suffix}"
        write_video(path, frames, rate, **options)  # type: ignore[arg-type]
        return path

    return make


@pytest.fixture(scope="session")
def master_clip(make_clip: Callable[..., Path], moving_frames: Frames) -> Path:
    """The moving clip in good quality."""
    return make_clip(moving_frames, crf=14)
