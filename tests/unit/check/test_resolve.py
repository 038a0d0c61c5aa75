"""Manifests found again by mark, code and content."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from pathlib import Path

import c2pa
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.check.resolve import by_binding, by_content, manifest_store, supported_algorithms
from haechi.core.errors import InputError
from haechi.core.fingerprint.iscc import distance, image_code, sound_code
from haechi.core.media.encode import write_audio
from haechi.core.provenance.keys import new_identity
from haechi.core.provenance.sign import MARK_LABEL
from haechi.core.settings import Limits
from haechi.core.store import Store, open_store
from haechi.core.watermark.mark_key import make_mark_key
from haechi.register.protect import STAGING, Protected, Wish, protect
from haechi.workflows.selftest import melody

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Scene:
    store: Store
    one: Protected
    other: Protected
    plain: Protected


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, astronaut: Picture) -> Scene:
    folder = tmp_path_factory.mktemp("resolve")
    store = open_store(folder / "home")
    photo = folder / "photo.png"
    cv2.imwrite(str(photo), cv2.resize(astronaut, (400, 400)))
    wish = Wish(new_identity(store.home, "예시"), mark_key=make_mark_key(store.home))

    def run(wish: Wish, name: str) -> Protected:
        place = folder / name
        return protect(photo, place / "photo.png", place / STAGING, store, Limits(), wish)

    named = replace(wish, recipient="pool 8")
    return Scene(store, run(wish, "a"), run(named, "b"), run(replace(wish, mark_key=None), "c"))


def assertions(path: Path, mime: str = "image/png") -> dict[str, object]:
    with path.open("rb") as file, c2pa.Reader(mime, file) as reader:
        store = json.loads(reader.json())
    manifest = store["manifests"][store["active_manifest"]]
    return {one["label"]: one["data"] for one in manifest["assertions"]}


def test_the_manifest_names_its_code_and_a_digest_of_its_mark(scene: Scene) -> None:
    found = assertions(scene.one.output)
    binding = found["c2pa.soft-binding"]
    assert isinstance(binding, dict)
    assert binding["alg"] == "io.iscc.v0"
    assert base64.b64decode(binding["blocks"][0]["value"]) == image_code(scene.one.output, Limits())
    private = found[MARK_LABEL]
    assert isinstance(private, dict)
    assert private["alg"] == "haechi-mark-image-v1"
    digest = base64.b64decode(private["value"])
    assert by_binding(scene.store, private["alg"], digest)[0].manifest_id == scene.one.protection.label
    assert scene.one.mark is not None
    number = scene.one.mark.payload
    assert number.to_bytes(5, "big") not in scene.one.output.read_bytes()
    actions = found["c2pa.actions.v2"]
    assert isinstance(actions, dict)
    assert [one["action"] for one in actions["actions"]] == [
        "c2pa.opened",
        "c2pa.watermarked.unbound",
        "c2pa.published",
    ]
    plain = assertions(scene.plain.output)
    assert MARK_LABEL not in plain
    assert "c2pa.soft-binding" in plain


def test_by_binding_finds_near_codes_and_no_others(scene: Scene, tmp_path: Path, astronaut: Picture) -> None:
    small = tmp_path / "small.jpg"
    cv2.imwrite(str(small), cv2.resize(astronaut, (200, 200)), [cv2.IMWRITE_JPEG_QUALITY, 50])
    found = by_binding(scene.store, "io.iscc.v0", image_code(small, Limits()))
    assert {one.manifest_id for one in found} == {one.protection.label for one in (scene.one, scene.other, scene.plain)}
    assert all(90 <= one.similarity_score <= 100 for one in found)
    assert by_binding(scene.store, "io.iscc.v0", image_code(small, Limits()), most=1) == found[:1]
    turned = tmp_path / "turned.png"
    cv2.imwrite(str(turned), cv2.rotate(astronaut, cv2.ROTATE_180))
    assert by_binding(scene.store, "io.iscc.v0", image_code(turned, Limits())) == []
    assert by_binding(scene.store, "haechi-mark-image-v1", bytes(16)) == []
    with pytest.raises(InputError, match="known are"):
        by_binding(scene.store, "com.example.other", b"")
    with pytest.raises(InputError, match="Image-Code"):
        by_binding(scene.store, "io.iscc.v0", b"short")


def test_by_content_finds_the_very_output_after_everything_was_stripped(scene: Scene, tmp_path: Path) -> None:
    probe = tmp_path / "probe.jpg"
    image = cv2.imread(str(scene.other.output))
    assert image is not None
    cv2.imwrite(str(probe), image[20:380, 10:370], [cv2.IMWRITE_JPEG_QUALITY, 70])
    best = by_content(probe, scene.store, Limits())[0]
    assert (best.manifest_id, best.similarity_score) == (scene.other.protection.label, 100)
    manifest = manifest_store(scene.store, best.manifest_id)
    assert manifest is not None
    assert best.manifest_id.encode() in manifest
    assert best.as_data() == {"manifestId": best.manifest_id, "similarityScore": 100}


def test_strangers_find_nothing(scene: Scene, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    cv2.imwrite(str(other), np.random.default_rng(3).integers(0, 255, (300, 300, 3), np.uint8))
    assert by_content(other, scene.store, Limits()) == []
    assert manifest_store(scene.store, "urn:c2pa:unknown") is None
    assert supported_algorithms().as_data()["fingerprints"] == [{"alg": "io.iscc.v0"}]
    assert {"alg": "haechi-mark-image-v1"} in supported_algorithms().as_data()["watermarks"]


def test_a_removed_release_is_not_found(tmp_path: Path, astronaut: Picture) -> None:
    store = open_store(tmp_path / "home")
    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), cv2.resize(astronaut, (300, 300)))
    done = protect(
        photo,
        tmp_path / "out" / "p.png",
        tmp_path / "out" / STAGING,
        store,
        Limits(),
        Wish(new_identity(store.home, "x")),
    )
    assert len(store.soft_bindings("io.iscc.v0")) == 1
    store.remove_release(done.release.id)
    assert store.soft_bindings("io.iscc.v0") == []


@dataclass(frozen=True)
class SoundScene:
    store: Store
    marked: Protected
    plain: Protected
    folder: Path


@pytest.fixture(scope="module")
def sound_scene(tmp_path_factory: pytest.TempPathFactory) -> SoundScene:
    folder = tmp_path_factory.mktemp("sound")
    store = open_store(folder / "home")
    wish = Wish(new_identity(store.home, "예시"), mark_key=make_mark_key(store.home))
    write_audio(folder / "song.wav", melody(48_000, 16, 7, [0.9, 0.4]), 48_000)
    write_audio(folder / "other.flac", melody(48_000, 16, 8, [0.9, 0.4]), 48_000, codec="flac")

    def run(name: str, wish: Wish) -> Protected:
        return protect(folder / name, folder / "out" / name, folder / "out" / STAGING, store, Limits(), wish)

    return SoundScene(store, run("song.wav", wish), run("other.flac", replace(wish, mark_key=None)), folder)


def test_the_manifest_of_sound_names_its_code(sound_scene: SoundScene) -> None:
    for done, mime in ((sound_scene.marked, "audio/wav"), (sound_scene.plain, "audio/flac")):
        binding = assertions(done.output, mime)["c2pa.soft-binding"]
        assert isinstance(binding, dict)
        assert binding["alg"] == "io.iscc.v0"
        assert base64.b64decode(binding["blocks"][0]["value"]) == sound_code(done.output, Limits())
    assert sound_scene.marked.mark is not None


def test_copies_of_sound_lead_to_its_manifest_by_their_code(sound_scene: SoundScene) -> None:
    copy = sound_scene.folder / "copy.mp3"
    write_audio(copy, melody(48_000, 16, 8, [0.9, 0.4]), 48_000, codec="libmp3lame", bit_rate=64_000)
    code = sound_code(copy, Limits())
    assert code is not None
    (found,) = by_binding(sound_scene.store, "io.iscc.v0", code)
    assert found.manifest_id == sound_scene.plain.protection.label
    assert found.similarity_score >= 88
    assert by_content(copy, sound_scene.store, Limits())[0].manifest_id == found.manifest_id
    stranger = sound_scene.folder / "stranger.wav"
    write_audio(stranger, melody(48_000, 16, 3, [1.0]), 48_000)
    code = sound_code(stranger, Limits())
    assert code is not None
    assert by_binding(sound_scene.store, "io.iscc.v0", code) == []
    assert by_content(stranger, sound_scene.store, Limits()) == []


def test_a_near_code_of_foreign_sound_is_held_against_the_sound(
    sound_scene: SoundScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, label = sound_scene.store, sound_scene.plain.protection.label
    known = dict(store.soft_bindings("io.iscc.v0"))[label]
    near = known[:-2] + bytes((known[-2] ^ 0xFF, known[-1] ^ 0xFF))  # as long talk of others is: 16 bits
    assert [one.manifest_id for one in by_binding(store, "io.iscc.v0", near)] == [label]
    monkeypatch.setattr("haechi.check.resolve.content_code", lambda *_: near)
    foreign, copy = sound_scene.folder / "talk.wav", sound_scene.folder / "copy.flac"
    write_audio(foreign, melody(48_000, 16, 5, [0.7, 0.6]), 48_000)
    write_audio(copy, melody(48_000, 16, 8, [0.9, 0.4]), 48_000, codec="flac")
    assert by_content(foreign, store, Limits()) == []
    assert by_content(copy, store, Limits())[0].manifest_id == label


def test_codes_of_pictures_and_of_sound_are_never_held_against_each_other(sound_scene: SoundScene) -> None:
    ((_, known), *_) = sound_scene.store.soft_bindings("io.iscc.v0")
    as_picture = b"\x21" + known[1:]
    assert distance(known, as_picture) == 2
    assert by_binding(sound_scene.store, "io.iscc.v0", known) != []
    assert by_binding(sound_scene.store, "io.iscc.v0", as_picture) == []


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp3", "libmp3lame"), ("a.m4a", "aac"), ("a.ogg", "libopus"), ("a.opus", "libopus")]
)
def test_sound_of_every_kind_gets_a_code(sound_scene: SoundScene, name: str, codec: str) -> None:
    folder, store = sound_scene.folder / name, sound_scene.store
    folder.mkdir()
    write_audio(folder / name, melody(48_000, 8, 20, [1.0]), 48_000, codec=codec)
    wish = Wish(new_identity(store.home, "x"))
    done = protect(folder / name, folder / "out" / name, folder / "out" / STAGING, store, Limits(), wish)
    kept = {label: value for label, value in store.soft_bindings("io.iscc.v0")}
    assert kept[done.protection.label] == sound_code(done.output, Limits())
