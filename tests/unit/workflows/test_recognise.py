from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from accounts import DESK, evidence_of
from clips import Frames, camera, repaint_mouth
from haechi.act.case import open_case
from haechi.core.evidence import Case, Exhibit, Lane
from haechi.core.flag import Flag
from haechi.core.recognition import Recognition
from haechi.core.settings import Settings
from haechi.core.store import open_store
from haechi.core.store.evidence import Evidence
from haechi.preserve.custody import Intent
from haechi.preserve.facts import Found
from haechi.register.release import register_release
from haechi.workflows.intake import take_file, was_flagged
from haechi.workflows.lanes import move_to_lane
from haechi.workflows.recognise import Recogniser

Take = Callable[..., Exhibit]


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return evidence_of(tmp_path / "home")


@pytest.fixture
def take(evidence: Evidence) -> Take:
    settings = Settings(home=evidence.home)
    recogniser = Recogniser(open_store(evidence.home), settings)

    def run(path: Path, case: Case | None = None, score: float = 0.0) -> Exhibit:
        where = case or open_case(evidence, DESK, "t", "하늘")
        intent, look = Intent(Found(), "file", path.name), (lambda _: Flag(score, 1))
        return take_file(evidence, DESK, where.id, path, intent, [], settings.limits, look, recogniser)

    return run


def item(evidence: Evidence, exhibit: Exhibit) -> Recognition:
    return evidence.get(Recognition, exhibit.id)


def smaller(frames: Frames) -> list[NDArray[np.uint8]]:
    import cv2

    return [np.asarray(cv2.resize(one, (288, 288), interpolation=cv2.INTER_AREA), np.uint8) for one in frames]


def test_reposts_of_one_clip_are_one_item_and_other_scenes_are_not(
    evidence: Evidence, take: Take, make_clip: Any, moving_frames: Frames, astronaut: NDArray[np.uint8], tmp_path: Path
) -> None:
    first = take(make_clip(moving_frames))
    again = take(make_clip(smaller(moving_frames), crf=30))
    other = take(make_clip([camera(astronaut[::-1, ::-1].copy(), k / 25) for k in range(50)]))
    assert item(evidence, first).item == first.id
    assert (item(evidence, again).item, item(evidence, again).like) == (first.id, first.id)
    assert item(evidence, again).method == "video_fingerprint_v1"
    assert item(evidence, other).item == other.id
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a film" * 999)
    assert "broken.mp4" in item(evidence, take(broken)).abstained


def test_what_comes_in_is_matched_with_releases_once(
    evidence: Evidence, take: Take, make_clip: Any, moving_frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, store = Settings(home=evidence.home), open_store(evidence.home)
    release, _ = register_release(make_clip(moving_frames, crf=16), store, settings.limits, title="master")

    def again(*_: object) -> None:
        raise AssertionError("matched again")

    monkeypatch.setattr("haechi.check.check.match", again)
    origin = item(evidence, take(make_clip(moving_frames, crf=26))).origin
    assert origin is not None
    assert origin.release == release.id


def test_fakes_of_one_release_are_told_apart_by_what_they_change(
    evidence: Evidence, take: Take, make_clip: Any, moving_frames: Frames, astronaut: NDArray[np.uint8]
) -> None:
    settings, store = Settings(home=evidence.home), open_store(evidence.home)
    release, _ = register_release(make_clip(moving_frames, crf=16), store, settings.limits, title="master")
    copy = take(make_clip(moving_frames, crf=26))
    fake_frames = repaint_mouth(moving_frames, 25, 49, astronaut)
    fake = take(make_clip(fake_frames, crf=22))
    again = take(make_clip(smaller(fake_frames), crf=24))
    known = [item(evidence, one) for one in (copy, fake, again)]
    assert [one.item for one in known] == [copy.id, fake.id, fake.id]
    assert [one.origin.release if one.origin else "" for one in known] == [release.id] * 3
    assert [list(one.origin.differs) if one.origin else None for one in known] == [[], ["head"], ["head"]]
    assert release.proxy is not None
    store.blob_path(release.proxy).unlink()
    late = item(evidence, take(make_clip(moving_frames, crf=28)))
    assert "could not be compared" in late.abstained


def test_what_matches_the_sexual_lane_moves_its_case(
    evidence: Evidence, take: Take, make_clip: Any, moving_frames: Frames
) -> None:
    first = take(make_clip(moving_frames))
    move_to_lane(evidence, DESK, first.parent, Lane.SEXUAL, "intimate")
    exhibit = take(make_clip(smaller(moving_frames), crf=30))
    assert was_flagged(exhibit)
    assert evidence.get(Case, exhibit.parent).lane is Lane.SEXUAL
    event = next(one for one in evidence.history(exhibit.parent) if one.act == "case.tighten")
    assert event.why == f"it shows what {first.id} of the lane sexual shows"
    assert item(evidence, exhibit).sets == {}
    assert item(evidence, exhibit).item == first.id
    assert evidence.audit().faults == ()
