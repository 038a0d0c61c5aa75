"""A file that is read forward once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from clips import Frames
from haechi.check.compare import reel
from haechi.check.compare.reel import Reel
from haechi.core.media.decode import FrameRequest, FrameStream, read_frames
from haechi.core.settings import Limits

Make = Callable[..., Path]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Start of each reading."""
    starts: list[float] = []

    def counted(path: Path, limits: Limits, request: FrameRequest) -> FrameStream:
        starts.append(request.start_s)
        return read_frames(path, limits, request)

    monkeypatch.setattr(reel, "read_frames", counted)
    return starts


@pytest.fixture(scope="module")
def clip(make_clip: Make, moving_frames: Frames) -> Path:
    return make_clip(moving_frames, crf=20)


def test_stretches_that_overlap_are_read_once(clip: Path, opened: list[float]) -> None:
    one = Reel(clip, Limits(), 96)
    first, second = one.take(0.0, 1.0), one.take(0.5, 2.0)
    one.close()
    assert first is not None and second is not None
    assert opened == [0.0]
    assert first.frames.shape == (25, 96, 96)
    assert second.times_s == pytest.approx(np.arange(13, 50) / 25, abs=1e-3)
    assert (first.frames[13:] == second.frames[:12]).all()


def test_going_back_opens_the_file_anew(clip: Path, opened: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reel, "KEEP_S", 0.1)
    one = Reel(clip, Limits(), 96)
    later, earlier = one.take(2.0, 2.5), one.take(1.0, 1.5)
    one.close()
    assert later is not None and earlier is not None
    assert opened == [2.0, 1.0]
    assert earlier.times_s[0] == pytest.approx(1.0, abs=1e-3)


def test_behind_the_end_there_is_nothing(clip: Path) -> None:
    one = Reel(clip, Limits(), 96)
    assert one.take(50.0, 60.0) is None
    end = one.take(2.9, 60.0)
    one.close()
    assert end is not None and len(end.times_s) == 2
