"""Marking before signing: numbers of their own, recipients, and nothing published that does not stand the test."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from haechi.core.errors import InputError, IntegrityError
from haechi.core.media.encode import write_video
from haechi.core.media.probe import hash_file
from haechi.core.provenance.keys import new_identity, ours
from haechi.core.provenance.origin import read_origin
from haechi.core.records import Kind
from haechi.core.settings import Limits
from haechi.core.store import Store, open_store
from haechi.core.watermark.mark_key import make_mark_key
from haechi.core.watermark.markers import MARKERS
from haechi.register import protect as protecting
from haechi.register.marking import company_key
from haechi.register.protect import STAGING, Protected, Wish, protect
from unit.core.watermark.audio.sounds import song
from unit.core.watermark.video.films import film


@dataclass
class Scene:
    store: Store
    photo: Path
    wish: Wish

    def run(self, folder: str, recipient: str | None = None) -> Protected:
        place = self.photo.parent / folder
        wish = replace(self.wish, recipient=recipient)
        return protect(self.photo, place / self.photo.name, place / STAGING, self.store, Limits(), wish)


@pytest.fixture
def scene(tmp_path: Path, astronaut: NDArray[np.uint8]) -> Scene:
    store = open_store(tmp_path / "home")
    photo = tmp_path / "사진.jpg"
    Image.fromarray(astronaut[:, :, ::-1]).resize((400, 400)).save(photo, quality=92)
    key = make_mark_key(store.home)
    return Scene(store, photo, Wish(new_identity(store.home, "예시"), title="첫눈", mark_key=key))


def test_each_output_of_one_release_has_numbers_of_its_own(scene: Scene) -> None:
    plain, first, second = scene.run("out"), scene.run("a", "pool 7"), scene.run("b", "pool 8")
    assert plain.release == first.release == second.release
    assert len(scene.store.releases()) == 1
    marks = [one.mark for one in (plain, first, second)]
    assert [mark and mark.recipient for mark in marks] == [None, "pool 7", "pool 8"]
    assert len({mark.payload for mark in marks if mark}) == 3
    assert marks[0] is not None
    assert marks[0].recipient_payload is None
    for one in (plain, first, second):
        assert one.mark is not None
        assert one.mark.psnr_db is not None
        assert one.mark.psnr_db >= 40
        assert scene.wish.mark_key is not None
        reading = MARKERS[Kind.IMAGE].detect(one.output, scene.wish.mark_key, Limits())
        assert reading is not None
        assert scene.store.marks(payload=reading.payload) == [one.mark]
        assert scene.store.release_of_bytes(hash_file(one.output)) == one.release
        origin = read_origin(one.output, Limits(), ours(scene.store.home))
        assert origin is not None
        assert origin.by_us
        assert origin.reading.problems == ()


def subtitled(source: Path, target: Path) -> list[bytes]:
    """The same packets, and two lines of `mov_text`, which players show; what is in each."""
    lines = [(0, 900, "안녕"), (1000, 800, "two")]
    texts = [len(text.encode()).to_bytes(2, "big") + text.encode() for _, _, text in lines]
    with av.open(str(source)) as known, av.open(str(target), "w") as made:
        copies = {stream.index: made.add_stream_from_template(stream) for stream in known.streams}
        words = made.add_mux_stream("mov_text")
        words.metadata["language"] = "kor"
        for packet in known.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream.index]
                made.mux(packet)
        for (start, length, _), text in zip(lines, texts, strict=True):
            packet = av.Packet(text)
            packet.stream, packet.time_base = words, Fraction(1, 1000)
            packet.pts = packet.dts = start
            packet.duration = length
            made.mux(packet)
    return texts


def told_subtitles(path: Path) -> list[tuple[object, ...]]:
    with av.open(str(path)) as container:
        (words,) = container.streams.subtitles
        about = words.codec_context.name, words.metadata.get("language"), words.disposition
        return [
            (*about, float(one.pts * one.time_base), float(one.duration * one.time_base), bytes(one))
            for one in container.demux(words)
            if one.size
        ]


def test_subtitles_stay(scene: Scene, tmp_path: Path) -> None:
    """Marking copies them, signing moves them."""
    write_video(tmp_path / "plain.mp4", film(322, 242, 40, seed=1), 20.0, audio=song(2), crf=14)
    scene.photo = tmp_path / "film.mp4"
    texts = subtitled(tmp_path / "plain.mp4", scene.photo)
    before = told_subtitles(scene.photo)
    assert [one[-1] for one in before if one[-1] in texts] == texts
    done = scene.run("out")
    assert done.mark is not None
    assert told_subtitles(done.output) == before


@pytest.mark.parametrize("ending", [".avif", ".tif"])
def test_a_signed_copy_still_says_what_its_source_said(scene: Scene, ending: str) -> None:
    """Signing moves what lies in the file."""
    source = scene.photo.with_suffix(ending)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "camera"
    with Image.open(scene.photo) as photo:
        photo.putalpha(Image.linear_gradient("L").resize(photo.size))
        photo.save(source, exif=exif, icc_profile=b"profile" * 30, **({"xmp": b"<x/>"} if ending == ".avif" else {}))
    done = replace(scene, photo=source).run("out")
    assert done.mark is not None
    assert done.mark.psnr_db is not None
    assert done.mark.psnr_db >= 40
    with Image.open(source) as one, Image.open(done.output) as other:
        assert other.size == one.size
        assert dict(other.getexif())[0x010F] == "camera"
        assert {name: other.info.get(name) for name in ("exif", "icc_profile", "xmp")} == {
            name: one.info.get(name) for name in ("exif", "icc_profile", "xmp")
        }
        assert np.array_equal(np.asarray(other)[:, :, 3], np.asarray(one)[:, :, 3])


def test_a_run_is_repeated_for_nobody_but_another_recipient(scene: Scene) -> None:
    first, again = scene.run("out", "pool 7"), scene.run("out", "pool 7")
    assert (first.reused, again.reused) == (False, True)
    assert again.mark == first.mark
    with pytest.raises(InputError, match="is the copy for 'pool 7'"):
        scene.run("out", "pool 8")
    with pytest.raises(InputError, match="is the copy for 'pool 7'"):
        scene.run("out")


def test_a_copy_whose_mark_is_not_read_back_is_not_published(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    sign = protecting.sign_media

    def losing(source: Path, *rest: object, **named: object) -> bytes:
        return sign(scene.photo, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(protecting, "sign_media", losing)
    with pytest.raises(IntegrityError, match="mark is not read"):
        scene.run("out")
    assert not (scene.photo.parent / "out" / scene.photo.name).exists()
    assert scene.store.releases() == []


def test_no_second_key_is_made_where_the_first_is_lost(scene: Scene) -> None:
    assert company_key(scene.store) == scene.wish.mark_key
    scene.run("out")
    (scene.store.home / "keys" / "watermark.key").unlink()
    with pytest.raises(IntegrityError, match="restore it"):
        company_key(scene.store)
    scene.store.remove_release(scene.store.releases()[0].id)
    assert company_key(scene.store) != scene.wish.mark_key


def test_the_key_is_in_no_message(scene: Scene) -> None:
    assert scene.wish.mark_key is not None
    assert repr(scene.wish.mark_key) not in repr(scene.wish)


def test_a_removed_release_takes_its_numbers_along(scene: Scene) -> None:
    done = scene.run("out")
    assert done.mark is not None
    assert scene.store.has_marks(Kind.IMAGE)
    scene.store.remove_release(done.release.id)
    assert scene.store.marks(payload=done.mark.payload) == []
    assert not scene.store.has_marks(Kind.IMAGE)


def test_an_output_can_be_protected_again(scene: Scene) -> None:
    """An edit of an earlier release: its credentials are kept as what it was made from."""
    done = scene.run("out")
    place = scene.photo.parent / "next"
    again = protect(done.output, place / "next.jpg", place / STAGING, scene.store, Limits(), scene.wish)
    origin = read_origin(again.output, Limits(), ours(scene.store.home))
    assert origin is not None
    assert origin.by_us
    assert origin.reading.problems == ()
    assert again.mark != done.mark
