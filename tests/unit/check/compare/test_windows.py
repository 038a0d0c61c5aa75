"""Windows of a long clip: each follows the one before where the clip runs on, and is searched where it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from clips import Frames
from haechi.check.compare import windows
from haechi.check.compare.files import Files
from haechi.check.compare.reading import Reading, cut
from haechi.core.media.probe import probe_media
from haechi.core.settings import Limits

Make = Callable[..., Path]
RATE, SIDE = 12.5, 160


@pytest.fixture(scope="module")
def long_frames(astronaut: NDArray[np.uint8]) -> Frames:
    """Forty seconds in which a piece of the photograph wanders over it, never twice alike."""
    scene = cv2.resize(astronaut, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    walker = cv2.resize(astronaut[60:200, 160:300], (44, 44), interpolation=cv2.INTER_AREA)
    frames = []
    for k in range(round(40 * RATE)):
        frame, t = scene.copy(), k / RATE
        x, y = round(58 + 50 * np.sin(0.61 * t)), round(58 + 50 * np.cos(0.83 * t + 0.01 * t * t))
        frame[y : y + 44, x : x + 44] = walker
        frames.append(np.asarray(frame, np.uint8))
    return frames


def found(probe: Path, master: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[float], int]:
    """Offset of each window's first frame in the master, seconds, and how many windows had to be searched."""
    searched, search = [], windows._Search._searched
    monkeypatch.setattr(windows._Search, "_searched", lambda *args: searched.append(args) or search(*args))
    limits = Limits()
    files = Files(probe, probe_media(probe, limits), master, probe_media(master, limits), limits)
    offsets = []
    with Reading(files, ()) as reading:
        for _, window in windows.find(reading, reading.cuts):
            assert window is not None
            line, start_s = window.located.alignment.lines[0], float(window.probe.times_s[0])
            offsets.append(line.offset_s + line.speed * start_s - start_s)
    return offsets, len(searched)


def test_where_a_clip_runs_on_only_its_first_window_is_searched(
    make_clip: Make, long_frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = make_clip(long_frames[50:500], rate=RATE, crf=30)
    offsets, searched = found(probe, make_clip(long_frames, rate=RATE, crf=16), monkeypatch)
    assert offsets == pytest.approx([4.0] * 4, abs=0.1)
    assert searched == 1


def test_where_a_clip_was_joined_the_next_window_is_searched_anew(
    make_clip: Make, long_frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two windows of 8 s, the second from earlier in the master than the first.
    probe = make_clip(long_frames[300:400] + long_frames[25:125], rate=RATE, crf=30)
    offsets, searched = found(probe, make_clip(long_frames, rate=RATE, crf=16), monkeypatch)
    assert offsets == pytest.approx([24.0, 2.0 - 8.0], abs=0.1)
    assert searched == 2


def test_a_caller_that_stops_early_is_not_held_up(make_clip: Make, long_frames: Frames) -> None:
    clip = make_clip(long_frames[:450], rate=RATE, crf=30)
    limits = Limits()
    info = probe_media(clip, limits)
    files = Files(clip, info, clip, info, limits)
    with Reading(files, ()) as reading:
        stream = windows.find(reading, reading.cuts)
        _, first = next(stream)
        assert first is not None
        stream.close()


def test_windows_of_tall_pictures_are_shorter(make_clip: Make, long_frames: Frames) -> None:
    clip = make_clip(long_frames[:25], rate=RATE, crf=30)
    limits = Limits()
    info = probe_media(clip, limits)
    for (width, height), seconds in (
        ((1920, 1080), 10.0),
        ((720, 1280), 10.0),
        ((848, 480), 10.0),
        ((1080, 1080), 5.75),
        ((256, 256), 10.0),
    ):
        probe = replace(info, width=width, height=height, duration_s=60.0)
        cuts = cut(Files(clip, probe, clip, info, limits), ())
        assert len(cuts) == np.ceil(60.0 / seconds)
