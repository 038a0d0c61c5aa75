"""Verifying: only our own, unchanged signature makes a file authentic; a stripped file finds its manifest again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from haechi.check import check
from haechi.check import verify as verifying
from haechi.check.verify import Standing, Verification, verify
from haechi.core.errors import InputError, UnreadableMediaError
from haechi.core.media.encode import write_video
from haechi.core.provenance import origin
from haechi.core.provenance.keys import identity, new_identity, ours
from haechi.core.provenance.read import ManifestReading, read_manifest, sidecar_of
from haechi.core.provenance.sign import Claim, sign_media
from haechi.core.records import Verdict
from haechi.core.settings import Limits, Settings
from haechi.core.store import Store, open_store
from haechi.register.bank import add_to_bank
from haechi.register.protect import Protected, Wish, protect

CLAIM = Claim("Mine too", "예시 Entertainment", None, "x.jpg", "2026-05-01T00:00:00+00:00")


@dataclass(frozen=True)
class Scene:
    """A home with a key and one photo that was protected."""

    store: Store
    photo: Path
    wish: Wish
    done: Protected

    def look(self, path: Path, trust_pem: str = "") -> Verification:
        return verify(path, self.store, Limits(), ours(self.store.home), trust_pem=trust_pem)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, astronaut: NDArray[np.uint8]) -> Scene:
    folder = tmp_path_factory.mktemp("verify")
    store = open_store(folder / "home")
    photo = folder / "photo.jpg"
    Image.fromarray(astronaut[:, :, ::-1]).save(photo, quality=92)
    wish = Wish(new_identity(store.home, "예시 Entertainment"), title="첫눈")
    done = protect(photo, folder / "out" / "photo.jpg", folder / "out" / "staging", store, Limits(), wish)
    return Scene(store, photo, wish, done)


def stranger_signs(folder: Path, source: Path) -> tuple[Path, str]:
    """A file signed by a stranger who calls himself by our name, and his root."""
    stranger = new_identity(folder / "stranger", "예시 Entertainment")
    target = folder / "theirs.jpg"
    sign_media(source, target, sidecar_of(target), CLAIM, stranger)
    return target, stranger.anchor_pem


def test_the_protected_file_is_authentic(scene: Scene) -> None:
    found = scene.look(scene.done.output)
    assert (found.verdict, found.release) == (Standing.AUTHENTIC, scene.done.release)
    assert found.manifest is not None
    assert (found.manifest["found"], found.manifest["state"], found.manifest["by_us"]) == ("embedded", "trusted", True)


def test_of_the_registered_master_nothing_was_stripped(scene: Scene) -> None:
    found = scene.look(scene.photo)
    assert (found.verdict, found.release) == (Standing.AUTHENTIC, scene.done.release)
    assert (found.same_bytes, found.manifest) == ("master", None)
    again = scene.photo.parent / "again" / "photo.jpg"
    protect(scene.done.output, again, again.parent / "staging", scene.store, Limits(), scene.wish)
    for output in (scene.done.output, again):
        assert (scene.look(output).verdict, scene.look(output).same_bytes) == (Standing.AUTHENTIC, "output")


def test_a_stripped_copy_is_led_back_to_its_manifest(scene: Scene, tmp_path: Path) -> None:
    copy = tmp_path / "copy.jpg"
    with Image.open(scene.done.output) as image:
        image.resize((400, 400)).save(copy, quality=70)
    found = scene.look(copy)
    assert (found.verdict, found.release) == (Standing.FROM_RELEASE, scene.done.release)
    assert found.fingerprint is not None
    assert found.manifest is not None
    assert (found.manifest["found"], found.manifest["manifest"]) == ("store", scene.done.protection.label)
    assert scene.store.blob_path(found.manifest["sha256"]).is_file()


def test_a_changed_byte_is_changed_whoever_signed(scene: Scene, tmp_path: Path) -> None:
    data = bytearray(scene.done.output.read_bytes())
    data[-2000] ^= 1
    changed = tmp_path / "changed.jpg"
    changed.write_bytes(data)
    found = scene.look(changed)
    assert (found.verdict, found.release) == (Standing.CHANGED, scene.done.release)


@pytest.mark.parametrize("name", ["cut.jpg", "cut.png", "cut.webp"])
@pytest.mark.parametrize("kept", [0.99, 0.5])
def test_what_is_cut_off_is_damaged_whatever_its_credentials_say(
    name: str, kept: float, scene: Scene, tmp_path: Path
) -> None:
    whole, signed = tmp_path / name, tmp_path / f"signed {name}"
    with Image.open(scene.photo) as photo:
        photo.save(whole)
    sign_media(whole, signed, sidecar_of(signed), CLAIM, identity(scene.store.home))
    data = signed.read_bytes()
    signed.write_bytes(data[: int(len(data) * kept)])
    found = scene.look(signed)
    assert found.verdict is Standing.DAMAGED
    assert found.damage is not None
    assert "damaged or cut off" in found.damage
    with pytest.raises(UnreadableMediaError, match="damaged or cut off"):
        protect(signed, tmp_path / "out" / name, tmp_path / "staging", scene.store, Limits(), scene.wish)


def test_a_changed_file_beyond_a_limit_is_changed_not_damaged(scene: Scene, tmp_path: Path) -> None:
    changed = tmp_path / "changed.jpg"
    data = bytearray(scene.done.output.read_bytes())
    data[-2000] ^= 1
    changed.write_bytes(data)
    found = verify(changed, scene.store, Limits(max_pixels=1000), ours(scene.store.home))
    assert (found.verdict, found.damage) == (Standing.CHANGED, None)


def test_a_stranger_is_never_authentic(scene: Scene, tmp_path: Path, astronaut: NDArray[np.uint8]) -> None:
    other = tmp_path / "other.jpg"
    Image.fromarray(255 - astronaut[::-1]).save(other)
    theirs, root = stranger_signs(tmp_path, other)
    assert scene.look(theirs).verdict is Standing.UNKNOWN_SIGNER
    assert scene.look(theirs, root).verdict is Standing.TRUSTED


def test_our_release_signed_again_by_a_stranger_is_only_from_a_release(scene: Scene, tmp_path: Path) -> None:
    theirs, root = stranger_signs(tmp_path, scene.done.output)
    found = scene.look(theirs)
    assert (found.verdict, found.release) == (Standing.FROM_RELEASE, scene.done.release)
    assert found.manifest is not None
    assert not found.manifest["by_us"]
    assert scene.look(theirs, root).verdict is Standing.TRUSTED


def test_signed_by_us_says_it_all_even_when_the_release_was_removed(scene: Scene, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (scene.store.home / "keys").rename(home / "keys")
    try:
        found = verify(scene.done.output, open_store(home), Limits(), ours(home))
    finally:
        (home / "keys").rename(scene.store.home / "keys")
    assert (found.verdict, found.release) == (Standing.AUTHENTIC, None)


def test_nothing_of_ours_is_unknown_and_a_fake_is_a_fake(
    scene: Scene, tmp_path: Path, astronaut: NDArray[np.uint8]
) -> None:
    other = tmp_path / "other.png"
    Image.fromarray(np.random.default_rng(5).integers(0, 255, (200, 300, 3), np.uint8)).save(other)
    assert scene.look(other).verdict is Standing.UNKNOWN
    assert scene.look(other).manifest is None
    add_to_bank(other, scene.store, Limits(), because="J. Kim, case 1")
    assert scene.look(other).verdict is Standing.KNOWN_FAKE


def test_check_says_authentic_of_our_signature_alone(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "_identify", lambda *_: ())
    monkeypatch.setattr(check, "_detect", lambda *_: None)
    store = open_store(tmp_path / "home")
    settings = Settings(home=tmp_path / "home")
    report = check.check_file(scene.done.output, store, settings, pictures=False)
    assert report.verdict is Verdict.NOT_OURS  # the key lives in another home: a stranger here
    settings = Settings(home=scene.store.home)
    report = check.check_file(scene.done.output, store, settings, pictures=False)
    assert (report.verdict, report.decided_by, report.release) == (Verdict.AUTHENTIC, "c2pa", None)
    report = check.check_file(scene.done.output, scene.store, settings, pictures=False)
    assert (report.verdict, report.decided_by) == (Verdict.AUTHENTIC, "same_bytes")
    theirs, _ = stranger_signs(tmp_path, scene.photo)
    report = check.check_file(theirs, store, settings, pictures=False)
    assert report.verdict is Verdict.NOT_OURS
    (finding,) = [one for one in report.findings if one.name == "c2pa"]
    assert finding.data["by_us"] is False


def test_check_names_the_release_of_a_padded_copy(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Bytes of the manifest's own box that nothing covers: the signature still holds, and leads to the release."""
    data = bytearray(scene.done.output.read_bytes())
    spot = data.index(bytes(64)) + 32
    data[spot] = 1
    padded = tmp_path / "padded.jpg"
    padded.write_bytes(data)
    monkeypatch.setattr(check, "_identify", lambda *_: ())
    monkeypatch.setattr(check, "_detect", lambda *_: None)
    report = check.check_file(padded, scene.store, Settings(home=scene.store.home), pictures=False)
    assert (report.verdict, report.decided_by) == (Verdict.AUTHENTIC, "c2pa")
    assert report.release is not None
    assert (report.release.release_id, report.release.method) == (scene.done.release.id, "c2pa")
    assert identity(scene.store.home).id == scene.done.protection.signed_by


def test_the_manifest_of_another_file_of_the_same_stem_accuses_nobody(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film, sound = tmp_path / "clip.mkv", tmp_path / "clip.ogg"
    source = tmp_path / "source.mkv"
    write_video(source, [np.full((48, 64, 3), 90, np.uint8)] * 8, 25.0)
    sign_media(source, film, film.with_suffix(".c2pa"), CLAIM, new_identity(tmp_path / "stranger", "X"))
    sound.write_bytes(b"OggS" + bytes(400))
    reads: list[tuple[Path, Path | None]] = []

    def counted(path: Path, *given: Any, sidecar: Path | None = None, **named: Any) -> ManifestReading | None:
        reads.append((path, sidecar))
        return read_manifest(path, *given, sidecar=sidecar, **named)

    for module in (verifying, origin):
        monkeypatch.setattr(module, "read_manifest", counted)
    beside = film.with_suffix(".c2pa")
    found = scene.look(film)
    assert (found.verdict, reads) == (Standing.UNKNOWN_SIGNER, [(film, beside)])  # once is enough
    with pytest.raises(InputError):  # nothing in it decodes
        scene.look(sound)
    assert (film, beside) in reads[1:]
    film.write_bytes(film.read_bytes() + bytes(9))
    assert scene.look(film).verdict == Standing.CHANGED  # the only one of the type that its manifest was made for
    with pytest.raises(InputError):  # still innocent: it is read as a file without credentials
        scene.look(sound)
    (tmp_path / "clip.webm").write_bytes(source.read_bytes() + b"!")
    for one in (film, tmp_path / "clip.webm"):  # of one type: either may be the one that was changed
        assert scene.look(one).verdict == Standing.UNKNOWN
    (tmp_path / "clip.webm").unlink()
    sound.unlink()
    assert scene.look(film).verdict == Standing.CHANGED
