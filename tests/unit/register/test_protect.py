"""Protecting: what comes out is whole, signed, registered and found again; the original is never touched."""

from __future__ import annotations

import errno
import importlib.util
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from haechi.core.errors import InputError, IntegrityError
from haechi.core.media.boxes import outermost
from haechi.core.media.encode import write_video
from haechi.core.media.probe import hash_file, probe_media, same_facts
from haechi.core.provenance.keys import Identity, new_identity, ours
from haechi.core.provenance.origin import read_origin
from haechi.core.provenance.read import sidecar_of
from haechi.core.settings import Limits
from haechi.core.store import Store, open_store
from haechi.core.watermark.mark_key import make_mark_key
from haechi.register import protect as protecting
from haechi.register.protect import STAGING, Protected, Wish, protect
from unit.core.watermark.video.films import film

SCRIPT = Path(__file__).with_name("protecting.py")
POINTS = ("signed", "verified", "manifest kept", "registered", "noted", "manifest published", "published")
MATROSKA = b"\x1a\x45\xdf\xa3" + bytes(range(256)) * 40


@pytest.fixture(scope="module")
def stand_ins() -> ModuleType:
    spec = importlib.util.spec_from_file_location("protecting", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["protecting"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def light(stand_ins: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_ins.use_stand_ins(monkeypatch.setattr)


@pytest.fixture
def identity(store: Store) -> Identity:
    return new_identity(store.home, "예시 Entertainment")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "사진 1.png"
    noise = np.random.default_rng(2).integers(0, 255, (90, 120, 3), np.uint8)
    Image.fromarray(noise).resize((360, 270)).save(path)
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mkv"
    path.write_bytes(MATROSKA)
    return path


def run(source: Path, store: Store, identity: Identity, folder: str = "out", **wish: Any) -> Protected:
    place = source.parent / folder
    return protect(source, place / source.name, place / STAGING, store, Limits(), Wish(identity, **wish))


def files_below(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_photo_without_mark_comes_out_signed_registered_and_with_the_same_pixels(
    photo: Path, store: Store, identity: Identity
) -> None:
    before = photo.read_bytes()
    done = run(photo, store, identity, title="첫눈")
    assert photo.read_bytes() == before
    assert done.release.title == "첫눈"
    assert done.release.source_name == photo.name
    assert store.release_of_bytes(hash_file(done.output)) == done.release
    assert store.release_by_sha256(hash_file(photo)) == done.release
    assert (done.mark, done.protection.unmarked) == (None, "asked")
    with Image.open(photo) as one, Image.open(done.output) as other:
        assert one.tobytes() == other.tobytes()
    origin = read_origin(done.output, Limits(), ours(store.home))
    assert origin is not None
    assert origin.by_us
    assert origin.reading.manifest == done.protection.label
    assert store.blob_path(done.protection.manifest).stat().st_size > 1000
    assert open_store(store.home).problems() == []
    assert files_below(photo.parent / "out") == [photo.name]


def test_a_film_in_fragments_comes_out_marked_signed_and_in_fragments(
    tmp_path: Path, store: Store, identity: Identity
) -> None:
    plain, source = tmp_path / "plain.mp4", tmp_path / "film.mp4"
    write_video(plain, film(322, 242, 50, seed=1), 20.0, crf=14)
    layout = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    with av.open(str(plain)) as known, av.open(str(source), "w", options=layout) as made:
        copy = made.add_stream_from_template(known.streams.video[0])
        for packet in known.demux():
            if packet.dts is not None:
                packet.stream = copy
                made.mux(packet)
    done = run(source, store, identity, mark_key=make_mark_key(store.home))
    assert done.mark is not None
    with done.output.open("rb") as file:
        kinds = [box.kind for box in outermost(file)]
    assert kinds.index(b"moov") < kinds.index(b"moof")
    assert kinds.count(b"moov") == 1
    assert same_facts(probe_media(source, Limits()), probe_media(done.output, Limits()))
    origin = read_origin(done.output, Limits(), ours(store.home))
    assert origin is not None
    assert origin.by_us


@pytest.mark.usefixtures("light")
def test_the_same_wish_is_done_once(clip: Path, store: Store, identity: Identity) -> None:
    first, again = run(clip, store, identity), run(clip, store, identity)
    assert (first.reused, again.reused) == (False, True)
    assert again.release == first.release
    assert again.sidecar == first.sidecar == sidecar_of(first.output)
    other = run(clip, store, identity, title="another title")
    assert not other.reused
    assert other.protection.label != first.protection.label
    assert run(clip, store, identity, title="another title").reused
    assert other.sidecar is not None
    other.sidecar.unlink()
    assert not run(clip, store, identity, title="another title").reused


@pytest.mark.usefixtures("light")
def test_files_of_one_stem_do_not_share_a_sidecar(clip: Path, store: Store, identity: Identity) -> None:
    other = clip.with_suffix(".webm")
    other.write_bytes(clip.read_bytes() + b"\0")
    sidecars = {run(one, store, identity).sidecar for one in (clip, other)}
    assert {one.name for one in sidecars if one is not None} == {"clip.mkv.c2pa", "clip.webm.c2pa"}


@pytest.mark.usefixtures("light")
def test_nothing_of_others_is_overwritten(clip: Path, store: Store, identity: Identity) -> None:
    place = clip.parent / "out"
    place.mkdir()
    (place / clip.name).write_bytes(b"someone's file")
    with pytest.raises(InputError, match="no output of ours"):
        run(clip, store, identity)
    (place / clip.name).unlink()
    (place / "clip.mkv.c2pa").write_bytes(b"someone's manifest")
    with pytest.raises(InputError, match="another file"):
        run(clip, store, identity)
    (place / "clip.mkv.c2pa").unlink()
    (place / clip.name).symlink_to(clip)
    with pytest.raises(InputError, match="no output of ours"):
        run(clip, store, identity)
    assert clip.read_bytes() == MATROSKA
    assert store.releases() == []


def test_credentials_that_fail_are_not_carried_on(photo: Path, store: Store, identity: Identity) -> None:
    signed = run(photo, store, identity).output
    broken = photo.with_name("broken.png")
    broken.write_bytes(signed.read_bytes() + b"!")
    with pytest.raises(InputError, match="do not hold"):
        run(broken, store, identity)


@pytest.mark.usefixtures("light")
def test_an_output_that_does_not_verify_is_not_published(
    clip: Path, store: Store, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign = protecting.sign_media

    def damaging(source: Path, target: Path, *rest: object, **named: object) -> bytes:
        manifest = sign(source, target, *rest, **named)  # type: ignore[arg-type]
        target.write_bytes(target.read_bytes() + b"!")
        return manifest

    monkeypatch.setattr(protecting, "sign_media", damaging)
    with pytest.raises(IntegrityError, match="nothing was published"):
        run(clip, store, identity)
    assert not (clip.parent / "out" / clip.name).exists()
    assert store.releases() == []
    assert files_below(clip.parent / "out") == []


@pytest.mark.usefixtures("light")
def test_a_source_that_changes_meanwhile_is_not_published(
    clip: Path, store: Store, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    register = protecting.register_release

    def meanwhile(*given: object, **named: object) -> object:
        clip.write_bytes(MATROSKA + b"more")
        return register(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(protecting, "register_release", meanwhile)
    with pytest.raises(InputError, match="changed while"):
        run(clip, store, identity)
    assert not (clip.parent / "out" / clip.name).exists()


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.usefixtures("light")
def test_kill_at_any_moment(point: str, clip: Path, store: Store, identity: Identity) -> None:
    place = clip.parent / "out"
    command = [sys.executable, str(SCRIPT), str(store.home), str(clip), str(place / clip.name), point]
    killed = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    output = place / clip.name
    if output.exists():
        assert store.protections(output_sha256=hash_file(output))
        assert sidecar_of(output).exists()
    done = run(clip, open_store(store.home), identity)
    assert output.read_bytes() == MATROSKA
    assert done.sidecar == sidecar_of(output)
    assert hash_file(sidecar_of(output)) == done.protection.manifest
    assert [one.id for one in store.releases()] == [done.release.id]
    assert run(clip, store, identity).reused
    assert open_store(store.home).problems() == []
    assert {path.name for path in place.iterdir()} <= {"clip.mkv", "clip.mkv.c2pa", STAGING}
    assert list((place / STAGING).iterdir()) == []


@pytest.mark.parametrize(
    ("owner", "name", "at"),
    [(Path, "replace", "clip.mkv.c2pa"), (Path, "replace", "clip.mkv"), (protecting, "sync", "out")],
)
@pytest.mark.usefixtures("light")
def test_publishing_that_failed_is_resumed_and_leaves_nothing_behind(
    owner: Any, name: str, at: str, clip: Path, store: Store, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full when the manifest or the output gets its place, or when they are synced there."""
    function, place = getattr(owner, name), clip.parent / "out"

    def full(path: Path, *given: Any) -> Any:
        if path.name == at:
            raise OSError(errno.ENOSPC, "No space left on device")
        return function(path, *given)

    with monkeypatch.context() as patched, pytest.raises(InputError, match=r"No space left .* same command again"):
        patched.setattr(owner, name, full)
        run(clip, store, identity)
    (known,) = store.protections(source_sha256=hash_file(clip))
    with monkeypatch.context() as patched:
        patched.setattr(protecting, "sign_media", lambda *_, **__: pytest.fail("signed again"))
        done = run(clip, store, identity)
    assert (done.protection, done.reused) == (known, name == "sync")
    assert files_below(place) == ["clip.mkv", "clip.mkv.c2pa"]
    assert list((place / STAGING).iterdir()) == []


def test_no_unsigned_copy_waits_for_publishing(photo: Path, store: Store, identity: Identity) -> None:
    place = photo.parent / "out"
    place.mkdir()
    (place / "taken").touch()
    target = place / "taken" / photo.name
    wish = Wish(identity, mark_key=make_mark_key(store.home))
    with pytest.raises(InputError, match="same command again"):
        protect(photo, target, place / STAGING, store, Limits(), wish)
    (waiting,) = (path for path in (place / STAGING).rglob("*") if path.is_file())
    assert store.protections(output_sha256=hash_file(waiting))


@pytest.mark.usefixtures("light")
def test_what_waits_for_publishing_goes_when_its_source_changed(
    clip: Path, store: Store, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = protecting._make

    def and_then_it_changes(*given: Any, **named: Any) -> Any:
        made = make(*given, **named)
        clip.write_bytes(MATROSKA + b"more")
        return made

    monkeypatch.setattr(protecting, "_make", and_then_it_changes)
    with pytest.raises(InputError, match="changed while"):
        run(clip, store, identity)
    assert files_below(clip.parent / "out") == []


@pytest.mark.usefixtures("light")
def test_a_removed_release_takes_its_manifest_along(clip: Path, store: Store, identity: Identity) -> None:
    done = run(clip, store, identity)
    store.remove_release(done.release.id)
    assert store.protections(release_id=done.release.id) == []
    assert files_below(store.home / "blobs") == []
