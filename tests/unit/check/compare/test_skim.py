"""Windows at a glance: what is plainly the same is cleared, what was changed or is too poor never."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from clips import Frames, camera, repaint_mouth
from haechi.check.compare import moving, reading, skim, windows
from haechi.check.compare.files import Files
from haechi.check.compare.reading import Reading
from haechi.check.compare.skim import Skimmed
from haechi.core.media import sandbox
from haechi.core.media.probe import probe_media
from haechi.core.settings import Limits

Make = Callable[..., Path]
RATE, SECONDS, WINDOW_S = 25.0, 12, 4.0


@pytest.fixture(scope="module")
def long_frames(astronaut: NDArray[np.uint8]) -> Frames:
    return [camera(astronaut, k / RATE) for k in range(int(SECONDS * RATE))]


@pytest.fixture(scope="module")
def long_master(make_clip: Make, long_frames: Frames) -> Path:
    return make_clip(long_frames, crf=14)


@pytest.fixture(autouse=True)
def short_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "WINDOW_S", WINDOW_S)


def files(probe: Path, master: Path) -> Files:
    limits = Limits()
    return Files(probe, probe_media(probe, limits), master, probe_media(master, limits), limits)


def skimmed(probe: Path, master: Path) -> list[Skimmed | None]:
    both = files(probe, master)
    with Reading(both, ()) as read:
        return [one for _, one in skim.skim(read)]


def cleared(probe: Path, master: Path) -> list[bool]:
    return [one is not None and one.plain for one in skimmed(probe, master)]


def test_a_copy_is_cleared_and_searched_only_once(
    make_clip: Make, long_frames: Frames, long_master: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, look = [], skim.locate.look
    monkeypatch.setattr(skim.locate, "look", lambda *args: looked.append(args) or look(*args))
    found = skimmed(make_clip(long_frames[25:], crf=24), long_master)
    assert [one is not None and one.plain for one in found] == [True] * 3
    assert len(looked) == 1
    assert found[-1] is not None
    assert found[-1].first.base is None, "a view would keep all frames of the window in memory"
    (line,) = found[-1].located.alignment.lines
    assert line.offset_s + line.speed * 11.0 == pytest.approx(12.0, abs=0.03)


def test_a_changed_mouth_leaves_its_window_in_doubt(
    make_clip: Make, long_frames: Frames, long_master: Path, astronaut: NDArray[np.uint8]
) -> None:
    altered = repaint_mouth(long_frames, 130, 160, astronaut)
    assert cleared(make_clip(altered, crf=24), long_master) == [True, False, True]


def test_a_change_just_behind_a_border_leaves_both_windows_in_doubt(
    make_clip: Make, long_frames: Frames, long_master: Path, astronaut: NDArray[np.uint8]
) -> None:
    altered = repaint_mouth(long_frames, 102, 150, astronaut)
    assert cleared(make_clip(altered, crf=24), long_master) == [False, False, True]


def test_poor_quality_is_never_cleared(make_clip: Make, long_frames: Frames, long_master: Path) -> None:
    assert cleared(make_clip(long_frames[:100], crf=44), long_master) == [False]


def test_a_gap_is_never_cleared(make_clip: Make, long_frames: Frames, long_master: Path) -> None:
    probe = make_clip(long_frames[:100], crf=24)
    both = files(probe, long_master)
    with Reading(both, ()) as read:
        ((cut, one),) = skim.skim(read)
    assert one is not None and one.plain
    thinned = np.delete(one.times_s, slice(20, 32))
    clip = skim.Clip(np.zeros((len(thinned), 4, 4), np.uint8), thinned)
    assert not skim._whole(cut, clip)


def test_joined_pieces_are_left_to_the_closer_look(make_clip: Make, long_frames: Frames, long_master: Path) -> None:
    probe = make_clip(long_frames[200:250] + long_frames[20:60], crf=24)
    assert cleared(probe, long_master) == [False]


def test_only_what_is_in_doubt_is_compared_closely(
    make_clip: Make,
    long_frames: Frames,
    long_master: Path,
    models: Path,
    astronaut: NDArray[np.uint8],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(moving, "AT_ONCE", 2)  # the last window comes in another round than those before
    closely: list[float] = []
    compare = moving._compare_one

    def counted(found: windows.Found, *rest: object, **options: bool) -> None:
        closely.append(float(found.probe.times_s[0]))
        compare(found, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(moving, "_compare_one", counted)
    both = files(make_clip(repaint_mouth(long_frames, 130, 160, astronaut), crf=24), long_master)
    with Reading(both, ()) as read:
        got = moving.compare_moving(read, models=models, pictures=True, progress=lambda _: None)
    assert closely == pytest.approx([4.0], abs=0.05)
    assert [c.region.value for c in got.changes] == ["mouth"]
    assert got.changes[0].span.start_s == pytest.approx(5.2, abs=0.2)
    assert len(got.segments) == 1 and got.segments[0].span.duration_s == pytest.approx(SECONDS, abs=0.2)
    assert {c.region for c in got.curves} > {None}
    assert {p.name for p in got.pictures} == {"probe", "master", "heat"}


def test_a_lone_window_is_read_once(
    make_clip: Make,
    long_frames: Frames,
    long_master: Path,
    models: Path,
    astronaut: NDArray[np.uint8],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()  # windows of the usual length
    sides: list[int | None] = []
    run_job = sandbox.run_job

    def counted(job: str, path: Path, limits: Limits, params: Mapping[str, Any]) -> Iterator[sandbox.Result]:
        if path == both.probe:
            sides.append(params["max_side"])
        return run_job(job, path, limits, params)

    both = files(make_clip(repaint_mouth(long_frames, 130, 160, astronaut)[75:250], crf=24), long_master)
    monkeypatch.setattr(sandbox, "run_job", counted)
    with Reading(both, ()) as read:
        got = moving.compare_moving(read, models=models, pictures=False, progress=lambda _: None)
    assert [c.region.value for c in got.changes] == ["mouth"]
    assert sides[0] == reading.WORKING_SIDE
    assert set(sides[1:]) <= {None}, "but for single frames in full size"
