"""What is kept of pictures and videos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from clips import Frames
from haechi.core.errors import UnreadableMediaError
from haechi.core.fingerprint import FingerprintSet, fingerprint_media
from haechi.core.fingerprint.visual import features_of, plan_sampling
from haechi.core.media.probe import MediaInfo, probe_media
from haechi.core.settings import Limits

LIMITS = Limits()


def pictures_of(path: Path) -> FingerprintSet:
    return fingerprint_media(path, probe_media(path, LIMITS), LIMITS)[0]


def test_short_video_keeps_its_motion(master_clip: Path) -> None:
    told: list[float] = []
    info = probe_media(master_clip, LIMITS)
    (found,) = fingerprint_media(master_clip, info, LIMITS, told.append)
    arrays = found.arrays
    assert found.algorithm == "video_fingerprint_v1" and arrays["dense"][0] == 1
    assert np.allclose(np.diff(arrays["times"]), 0.5, atol=0.08) and arrays["times"][0] == 0
    assert arrays["small"].shape[1:] == (48, 48) and 30 <= len(arrays["small"]) <= 40
    assert len(arrays["orb_codes"]) == arrays["orb_first"][-1] and len(arrays["orb_first"]) == len(arrays["times"]) + 1
    assert told == sorted(told) and told[-1] == 1.0
    back = FingerprintSet.from_bytes(found.to_bytes())
    assert np.array_equal(features_of(back, 2).codes, features_of(found, 2).codes)


def test_picture(tmp_path: Path, astronaut: NDArray[np.uint8]) -> None:
    page = cv2.copyMakeBorder(astronaut, 200, 200, 0, 0, cv2.BORDER_CONSTANT)
    (tmp_path / "a.png").write_bytes(cv2.imencode(".png", page)[1].tobytes())
    found = pictures_of(tmp_path / "a.png")
    assert found.algorithm == "image_fingerprint_v1"
    assert found.arrays["size"].tolist() == [512, 912] and found.arrays["times"].tolist() == [0]
    assert len(found.arrays["pdq"]) == 2  # with and without its bars
    assert features_of(found, 0).xy.max() <= 512


def test_nothing_decodes(tmp_path: Path, master_clip: Path) -> None:
    data = master_clip.read_bytes()
    start = data.index(b"mdat") + 4
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(data[:start] + bytes(len(data) - start))
    with pytest.raises(UnreadableMediaError):
        fingerprint_media(broken, probe_media(master_clip, LIMITS), LIMITS)


@pytest.mark.parametrize(
    ("size", "duration", "dense", "key_only"),
    [
        ((640, 360), 60.0, True, False),
        ((1920, 1080), 10.0, True, False),
        ((1920, 1080), 240.0, False, True),
        ((3840, 2160), 60.0, False, True),
        ((320, 240), 3600.0, False, False),
    ],
)
def test_sampling_by_what_decoding_costs(
    master_clip: Path, size: tuple[int, int], duration: float, dense: bool, key_only: bool
) -> None:
    info: MediaInfo = replace(
        probe_media(master_clip, LIMITS), width=size[0], height=size[1], duration_s=duration, frame_rate=30.0
    )
    plan = plan_sampling(info)
    assert (plan.dense, plan.key_only) == (dense, key_only)
    assert duration / plan.interval_s <= 3001


def test_key_frames_alone_are_enough_for_a_long_video(
    make_clip: Callable[..., Path], moving_frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("haechi.core.fingerprint.visual._DENSE_COST_S", 0.0)
    monkeypatch.setattr("haechi.core.fingerprint.visual._DENSE_COST_SHARE", 0.0)
    found = pictures_of(make_clip(moving_frames, options={"g": "25"}))
    assert found.arrays["dense"][0] == 0
    times = found.arrays["times"]
    assert times[0] == 0 and 3 <= len(times) <= 4 and np.diff(times).max() <= 1.3
