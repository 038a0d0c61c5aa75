"""Marks in `verify`, `check` and `leak`: a pointer that must agree, never a proof."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from haechi.check import check, marks, notes
from haechi.check.leak import find_leak
from haechi.check.verify import Standing, verify
from haechi.core.media.probe import probe_media
from haechi.core.provenance.keys import new_identity, ours
from haechi.core.records import Kind, Report, Verdict
from haechi.core.settings import Limits, Settings
from haechi.core.store import Store, open_store
from haechi.core.watermark.mark_key import make_mark_key
from haechi.core.watermark.markers import marker_for
from haechi.core.watermark.marks import Agreement, MarkReading
from haechi.register.protect import STAGING, Protected, Wish, protect

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Scene:
    """A home in which one photo went out three times."""

    store: Store
    master: Picture
    plain: Protected
    pool7: Protected
    pool8: Protected


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, astronaut: Picture) -> Scene:
    folder = tmp_path_factory.mktemp("marks")
    store = open_store(folder / "home")
    photo = folder / "photo.png"
    cv2.imwrite(str(photo), astronaut)
    wish = Wish(new_identity(store.home, "예시"), title="첫눈", mark_key=make_mark_key(store.home))

    def run(recipient: str | None) -> Protected:
        place = folder / f"out {recipient}"
        one = replace(wish, recipient=recipient)
        return protect(photo, place / "photo.png", place / STAGING, store, Limits(), one)

    return Scene(store, astronaut, run(None), run("pool 7"), run("pool 8"))


@pytest.fixture
def light_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "_identify", lambda *_: ())
    monkeypatch.setattr(check, "_detect", lambda *_: None)


def picture(path: Path) -> Picture:
    return np.asarray(cv2.imread(str(path)), np.uint8)


def saved(folder: Path, image: object, quality: int = 85) -> Path:
    path = folder / "probe.jpg"
    Image.fromarray(np.asarray(image, np.uint8)[:, :, ::-1]).save(path, quality=quality)
    return path


def transplanted(scene: Scene, folder: Path) -> Path:
    """The difference that the mark made, added to another picture."""
    rng = np.random.default_rng(6)
    other = cv2.resize(rng.integers(30, 220, (64, 64, 3)).astype(np.uint8), (512, 512), interpolation=cv2.INTER_CUBIC)
    moved = other.astype(int) + picture(scene.plain.output).astype(int) - scene.master
    return saved(folder, np.clip(moved, 0, 255), 95)


def checked(scene: Scene, path: Path) -> Report:
    return check.check_file(path, scene.store, Settings(home=scene.store.home), pictures=False)


def test_verify_tells_the_copy_from_a_stripped_crop(scene: Scene, tmp_path: Path) -> None:
    probe = saved(tmp_path, picture(scene.pool7.output)[40:470, 30:500], 70)
    found = verify(probe, scene.store, Limits(), ours(scene.store.home))
    assert (found.verdict, found.release) == (Standing.FROM_RELEASE, scene.plain.release)
    assert found.watermark is not None
    assert found.watermark.items() >= {"recipient": "pool 7", "reader": "blind", "agrees": True}.items()
    assert found.manifest is not None
    assert found.manifest["manifest"] == scene.pool7.protection.label


def test_verify_reads_with_the_master_what_the_blind_reader_cannot(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        type(marker_for(probe_media(scene.plain.output, Limits()).kind)), "detect", lambda *_, **__: None
    )
    probe = saved(tmp_path, picture(scene.pool8.output)[100:400, 100:400], 50)
    found = verify(probe, scene.store, Limits(), ours(scene.store.home))
    assert found.watermark is not None
    assert (found.watermark["reader"], found.watermark["recipient"]) == ("informed", "pool 8")


def test_a_moved_mark_is_red_in_verify(scene: Scene, tmp_path: Path) -> None:
    found = verify(transplanted(scene, tmp_path), scene.store, Limits(), ours(scene.store.home))
    assert (found.verdict, found.release) == (Standing.TRANSPLANTED, None)
    assert found.watermark is not None
    assert found.watermark["agrees"] is False
    assert found.manifest is None


@pytest.mark.usefixtures("light_check")
def test_check_compares_with_the_release_that_the_mark_names(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "match", lambda *_: ())
    report = checked(scene, saved(tmp_path, picture(scene.plain.output), 60))
    assert (report.verdict, report.decided_by) == (Verdict.AUTHENTIC_COPY, "comparison")
    assert report.release is not None
    assert (report.release.release_id, report.release.method) == (scene.plain.release.id, "haechi-mark-image-v1")
    (finding,) = [one for one in report.findings if one.name == "watermark"]
    assert finding.code == "watermark.found"


@pytest.mark.usefixtures("light_check")
def test_check_never_calls_a_moved_mark_a_copy(scene: Scene, tmp_path: Path) -> None:
    report = checked(scene, transplanted(scene, tmp_path))
    assert (report.verdict, report.decided_by) == (Verdict.INCONCLUSIVE, "watermark")
    (finding,) = [one for one in report.findings if one.name == "watermark"]
    assert (finding.code, finding.data["state"]) == ("watermark.differs", "image")
    assert finding.statement.endswith("the mark was moved here from another picture.")


def test_a_sound_mark_came_from_another_recording(scene: Scene) -> None:
    mark = replace(scene.plain.mark or pytest.fail("no mark"), kind=Kind.AUDIO)
    reading = MarkReading(mark.payload, 0.9, "blind", "haechi-mark-audio-v1")
    noted = notes.Notes()
    moved = marks.Pointer(reading, mark, scene.plain.release, Agreement(0.0))
    notes.note_mark(noted, moved, searched=True)
    (finding,) = noted.findings
    assert finding.statement.endswith("but holds something else: the mark was moved here from another recording.")
    assert finding.data["state"] == "audio"


@pytest.mark.usefixtures("light_check")
def test_check_says_where_the_mark_is_gone(scene: Scene, tmp_path: Path) -> None:
    image = picture(scene.plain.output)
    image[50:230, 140:330] = cv2.GaussianBlur(scene.master, (0, 0), 2)[50:230, 140:330]
    report = checked(scene, saved(tmp_path, image, 95))
    (gone,) = [one for one in report.findings if one.code == "watermark.gone"]
    ((x, y, w, h),) = gone.data["boxes"]
    assert abs(x + w / 2 - 235) < 45
    assert abs(y + h / 2 - 140) < 45


@pytest.mark.usefixtures("light_check")
def test_nothing_is_read_where_nothing_was_ever_marked(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("the mark was looked for")

    probe = saved(tmp_path, picture(scene.plain.output), 60)
    monkeypatch.setattr(type(marker_for(probe_media(probe, Limits()).kind)), "detect", fail)
    store = open_store(tmp_path / "home")
    report = check.check_file(probe, store, Settings(home=store.home), pictures=False)
    assert "watermark" not in {one.name for one in [*report.findings, *report.abstentions]}
    with pytest.raises(AssertionError):
        checked(scene, probe)


def test_a_number_that_is_not_known_here_leads_nowhere(scene: Scene, tmp_path: Path, astronaut: Picture) -> None:
    """Another machine with the same key, and a mark of its own."""
    (tmp_path / "home" / "keys").mkdir(parents=True)
    key = tmp_path / "home" / "keys" / "watermark.key"
    key.write_bytes((scene.store.home / "keys" / "watermark.key").read_bytes())
    key.chmod(0o600)
    store = open_store(tmp_path / "home")
    other = tmp_path / "other.png"
    cv2.imwrite(str(other), cv2.GaussianBlur(np.rot90(astronaut[300:, :200]), (0, 0), 3))
    wish = Wish(new_identity(store.home, "예시"), mark_key=key.read_bytes())
    protect(other, tmp_path / "out" / "other.png", tmp_path / "out" / STAGING, store, Limits(), wish)
    probe = saved(tmp_path, picture(scene.plain.output), 80)
    found = verify(probe, store, Limits(), ours(store.home))
    assert found.watermark is not None
    assert (found.watermark["release"], found.watermark["agrees"]) == (None, None)
    assert (found.verdict, found.release) == (Standing.UNKNOWN, None)
    assert find_leak(probe, store, Limits()).abstained == "unknown_number"


def test_a_leak_names_the_recipient(scene: Scene, tmp_path: Path) -> None:
    whole = find_leak(scene.pool8.output, scene.store, Limits())
    assert (whole.mark, whole.by) == (scene.pool8.mark, "same_bytes")
    crop = find_leak(saved(tmp_path, picture(scene.pool7.output)[90:350, 60:380], 50), scene.store, Limits())
    assert (crop.mark, crop.by, crop.release) == (scene.pool7.mark, "mark", scene.plain.release)
    assert {(one.label, one.reading.reader) for one in crop.heard} >= {
        ("recipient", "informed"),
        ("release", "informed"),
    }


def test_a_leak_names_nobody_without_a_mark_or_with_a_moved_one(
    scene: Scene, tmp_path: Path, astronaut: Picture
) -> None:
    assert find_leak(saved(tmp_path, astronaut, 85), scene.store, Limits()).abstained == "no_mark"
    noise = np.random.default_rng(1).integers(0, 255, (300, 300, 3), np.uint8)
    assert find_leak(saved(tmp_path, noise), scene.store, Limits()).abstained == "no_release"
    moved = find_leak(transplanted(scene, tmp_path), scene.store, Limits())
    assert (moved.mark, moved.abstained) == (None, "content_differs")
    mixed = find_leak(
        saved(tmp_path, np.vstack([picture(scene.pool7.output)[:256], picture(scene.pool8.output)[256:]]), 90),
        scene.store,
        Limits(),
    )
    assert mixed.mark in (None, scene.pool7.mark, scene.pool8.mark)
    assert find_leak(scene.plain.output, open_store(tmp_path / "empty"), Limits()).abstained == "nothing_marked"


@pytest.mark.usefixtures("light_check")
def test_of_two_releases_of_one_picture_the_marked_one_is_named(scene: Scene, tmp_path: Path) -> None:
    store = open_store(tmp_path / "home")
    photo = tmp_path / "photo.png"
    wish = Wish(new_identity(store.home, "예시"), mark_key=make_mark_key(store.home))
    grey = cv2.cvtColor(cv2.cvtColor(scene.master, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    protected = []
    for title, master in (("coloured", scene.master), ("grey", grey)):
        cv2.imwrite(str(photo), master)
        target = tmp_path / title / "photo.png"
        one = replace(wish, title=title)
        protected.append(protect(photo, target, target.parent / STAGING, store, Limits(), one))
    for one in protected:
        probe = saved(tmp_path, picture(one.output), 80)
        report = check.check_file(probe, store, Settings(home=store.home), pictures=False)
        assert report.release is not None
        assert report.release.release_id == one.release.id
        assert len(report.other_releases) == 1
