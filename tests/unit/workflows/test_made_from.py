"""Edits of earlier releases that lost their credentials: led back by the mark, where the content agrees."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.check.match import match
from haechi.check.verify import Verification, verify
from haechi.core.media.encode import write_video
from haechi.core.media.probe import MediaInfo, probe_media
from haechi.core.provenance.keys import new_identity, ours
from haechi.core.settings import Limits
from haechi.core.store import Store, open_store
from haechi.core.watermark.mark_key import make_mark_key
from haechi.register import protect as protecting
from haechi.register import release
from haechi.register.protect import STAGING, Protected, Wish, protect
from haechi.workflows import protect as workflow
from haechi.workflows.protect import made_from
from unit.core.watermark.scenery import scene as scenery
from unit.core.watermark.video.films import film

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Scene:
    """A home in which one photo went out."""

    folder: Path
    store: Store
    wish: Wish
    master: Picture
    first: Protected

    def protected(self, source: Path, folder: str = "out") -> Protected:
        place = source.parent / folder
        return protect(source, place / source.name, place / STAGING, self.store, Limits(), self.wish)

    def verified(self, done: Protected) -> Verification:
        return verify(done.output, self.store, Limits(), ours(self.store.home))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, astronaut: Picture) -> Scene:
    folder = tmp_path_factory.mktemp("made from")
    store = open_store(folder / "home")
    wish = Wish(
        new_identity(store.home, "예시"),
        mark_key=make_mark_key(store.home),
        made_from=lambda path, info, own: made_from(path, info, own, store, Limits()),
    )
    cv2.imwrite(str(folder / "photo.png"), astronaut)
    empty = Scene(folder, store, replace(wish, title="첫눈"), astronaut, None)  # type: ignore[arg-type]
    return replace(empty, wish=wish, first=empty.protected(folder / "photo.png"))


def read(path: Path) -> Picture:
    return np.asarray(cv2.imread(str(path)), np.uint8)


def never(*_: object) -> None:
    pytest.fail("looked for a parent")


def test_the_master_of_a_release_was_not_made_from_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its mark is not even looked for, which takes long in a film that has none."""
    monkeypatch.setattr(workflow, "read_mark", never)
    found = scene.verified(scene.protected(scene.folder / "photo.png", "again"))
    assert (found.release, found.parent) == (scene.first.release, None)


def test_an_unmarked_picture_is_not_searched_for_by_its_fingerprints(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks like the release whose mark it lacks: that costs most to find out, and would change nothing."""
    monkeypatch.setattr(workflow, "match", never)
    cv2.imwrite(str(tmp_path / "unmarked.jpg"), scene.master[40:470, 30:500])
    assert scene.verified(scene.protected(tmp_path / "unmarked.jpg")).parent is None


def test_a_mark_is_not_looked_for_in_a_film_of_unmarked_releases(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = film(322, 242, 60, seed=2)
    write_video(tmp_path / "marked.mp4", film(322, 242, 60, seed=3), 20.0, crf=14)
    write_video(tmp_path / "unmarked.mp4", frames, 20.0, crf=14)
    write_video(tmp_path / "edit.mp4", [one[:224] for one in frames], 20.0, crf=20)
    unmarked = replace(scene, wish=replace(scene.wish, mark_key=None)).protected(tmp_path / "unmarked.mp4")
    assert scene.protected(tmp_path / "marked.mp4").mark is not None
    found = match(tmp_path / "edit.mp4", probe_media(tmp_path / "edit.mp4", Limits()), scene.store, Limits())
    assert {one.item_id for one in found} == {unmarked.release.id}
    monkeypatch.setattr(workflow, "read_mark", never)
    assert scene.verified(scene.protected(tmp_path / "edit.mp4")).parent is None


def test_the_second_recipients_copy_has_the_parent_of_the_first_or_none(scene: Scene, tmp_path: Path) -> None:
    """What was signed since the first came later than the source."""
    cv2.imwrite(str(tmp_path / "another.png"), scenery(512, 512, 9))
    scene.protected(tmp_path / "another.png")
    later = replace(scene, wish=replace(scene.wish, recipient="press", made_from=never))
    assert scene.verified(later.protected(tmp_path / "another.png", "press")).parent is None


def test_a_source_is_probed_once(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, probed = tmp_path / "once.png", []

    def probe(path: Path, limits: Limits) -> MediaInfo:
        probed.append(path)
        return probe_media(path, limits)

    for module in (protecting, release):
        monkeypatch.setattr(module, "probe_media", probe)
    cv2.imwrite(str(source), scenery(512, 512, 10))
    scene.protected(source)
    assert probed.count(source) == 1


def test_a_crop_without_credentials_names_its_parent_and_carries_its_manifest(scene: Scene, tmp_path: Path) -> None:
    edit = tmp_path / "crop.jpg"
    cv2.imwrite(str(edit), read(scene.first.output)[40:470, 30:500], [cv2.IMWRITE_JPEG_QUALITY, 80])
    done = scene.protected(edit)
    assert done.release != scene.first.release
    found = scene.verified(done)
    assert (found.verdict, found.release, found.parent) == ("authentic", done.release, scene.first.release)
    assert found.manifest is not None
    assert found.manifest["parent"] == scene.first.protection.label
    assert (found.manifest["ingredients"], found.manifest["problems"]) == (["첫눈"], [])
    # once it is a release, a fingerprint may lead to itself alone
    again = replace(scene, wish=replace(scene.wish, made_from=never)).protected(edit, "for another")
    assert scene.verified(again).parent == scene.first.release


def test_a_film_names_its_parent(scene: Scene, tmp_path: Path) -> None:
    master = tmp_path / "film.mp4"
    write_video(master, film(322, 242, 60, seed=1), 20.0, crf=14)
    first = scene.protected(master)
    assert first.mark is not None
    edit = tmp_path / "edit.mp4"
    with av.open(str(first.output)) as file:
        write_video(edit, [one.to_ndarray(format="gray")[:224] for one in file.decode(video=0)], 20.0, crf=24)
    found = scene.verified(scene.protected(edit))
    assert found.parent == first.release


def test_a_mark_moved_to_other_content_makes_no_parent(scene: Scene, tmp_path: Path) -> None:
    """The other content is a release, too: the fingerprint finds that one, the mark names another."""
    other = scenery(512, 512, 6)
    cv2.imwrite(str(tmp_path / "other.png"), other)
    scene.protected(tmp_path / "other.png")
    moved = other.astype(int) + read(scene.first.output).astype(int) - scene.master
    edit = tmp_path / "moved.png"
    cv2.imwrite(str(edit), np.clip(moved, 0, 255).astype(np.uint8))
    assert verify(edit, scene.store, Limits(), ours(scene.store.home)).verdict == "transplanted"
    found = scene.verified(scene.protected(edit))
    assert found.parent is None
    assert found.manifest is not None
    assert (found.manifest["parent"], found.manifest["ingredients"]) == (None, ["moved.png"])


def test_what_carries_credentials_keeps_them_and_nothing_is_looked_for(scene: Scene, tmp_path: Path) -> None:
    again = tmp_path / "again.png"
    again.write_bytes(scene.first.output.read_bytes())
    found = scene.verified(replace(scene, wish=replace(scene.wish, made_from=never)).protected(again))
    assert found.parent == scene.first.release
    assert found.manifest is not None
    assert found.manifest["ingredients"] == ["again.png"]
