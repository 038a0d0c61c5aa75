"""The video mark on files."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from haechi.core.errors import UnreadableMediaError
from haechi.core.media.boxes import outermost
from haechi.core.media.encode import write_video
from haechi.core.media.probe import probe_media
from haechi.core.media.remade import remake_file
from haechi.core.settings import Limits
from haechi.core.watermark.marks import Marking, Unmarked
from haechi.core.watermark.video.sample import Sample, sample_frames
from haechi.core.watermark.video_file import VideoMarker
from unit.core.watermark.audio.sounds import song
from unit.core.watermark.video.films import film

KEY, LIMITS, MARKER = b"a company's key!", Limits(), VideoMarker()
PAYLOAD, COPY = 0x9123456789, 77


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    write_video(path, film(322, 242, 40, seed=1), 20.0, audio=song(2), crf=14)
    return path


@pytest.fixture(scope="module")
def marked(source: Path) -> Path:
    target = source.with_name("marked.mp4")
    made = MARKER.embed(source, target, KEY, PAYLOAD, LIMITS, recipient=COPY)
    assert isinstance(made, Marking)
    assert made.psnr_db is not None
    assert made.psnr_db >= 40
    return target


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(container.streams.audio[0])]


def test_sound_goes_through_untouched(source: Path, marked: Path) -> None:
    assert packets(source) == packets(marked)


def test_the_facts_stay(source: Path, marked: Path) -> None:
    before, after = probe_media(source, LIMITS), probe_media(marked, LIMITS)
    assert replace(before, notes=()) == replace(after, notes=())


def test_it_reads_back_blind_and_informed(source: Path, marked: Path) -> None:
    reading = MARKER.detect(marked, KEY, LIMITS, search=False)
    assert reading is not None
    assert reading.payload == PAYLOAD
    second = MARKER.detect_informed(marked, source, KEY, LIMITS, label="recipient")
    assert second is not None
    assert second.payload == COPY
    assert MARKER.detect(source, KEY, LIMITS, search=False) is None


def test_the_mark_agrees_with_its_film_only(source: Path, marked: Path, tmp_path: Path) -> None:
    reading = MARKER.detect(marked, KEY, LIMITS, search=False)
    assert reading is not None
    assert MARKER.agreement(marked, source, reading, KEY, LIMITS).agrees
    other = tmp_path / "other.mp4"
    write_video(other, film(322, 242, 20, seed=9), 20.0)
    assert not MARKER.agreement(other, source, reading, KEY, LIMITS).agrees


def test_ten_bits_stay_ten_bits(tmp_path: Path) -> None:
    source, target = tmp_path / "deep.mkv", tmp_path / "marked.mkv"
    write_video(source, film(256, 192, 12, seed=3), 25.0, pixel_format="yuv420p10le", crf=12)
    assert isinstance(MARKER.embed(source, target, KEY, PAYLOAD, LIMITS), Marking)
    assert probe_media(target, LIMITS).pixel_format == "yuv420p10le"
    assert MARKER.fidelity(source, target, KEY, PAYLOAD, LIMITS) is not None
    assert MARKER.fidelity(source, target, KEY, PAYLOAD + 1, LIMITS) is None


def pq_film(path: Path) -> None:
    """Ten bits, PQ, BT.2020; its tone curve would stretch what the mark adds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p10le"
        about = stream.codec_context
        about.color_primaries, about.color_trc, about.colorspace, about.color_range = 9, 16, 9, 1
        for number, luma in enumerate(film(320, 240, 12, seed=5)):
            frame = av.VideoFrame.from_ndarray(luma, format="gray").reformat(format="yuv420p10le")
            frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range = 9, 16, 9, 1
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(("tag", "least"), [(1, 14), (2, 0)])
def test_black_stays_black_where_the_range_is_limited(tag: int, least: int, tmp_path: Path) -> None:
    """A coder rings by a code value or two; the mark went eight below."""
    source, target = tmp_path / "black.mp4", tmp_path / "marked.mp4"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.codec_context.color_range = tag
        for number in range(20):
            frame = av.VideoFrame(320, 240, "yuv420p")
            for plane, level in zip(frame.planes, (16, 128, 128), strict=True):
                plane.update(bytes([level]) * plane.buffer_size)
            frame.color_range, frame.pts = tag, number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert isinstance(MARKER.embed(source, target, KEY, PAYLOAD, LIMITS), Marking)
    with av.open(str(target)) as container:
        lumas = [frame.to_ndarray()[:240] for frame in container.decode(video=0)]
    darkest = min(int(luma.min()) for luma in lumas)
    assert least <= darkest < 16
    assert (darkest < 14) == (tag == 2)


def again(source: Path, target: Path, *, chapters: bool = False, **options: str) -> Path:
    """The same packets in another layout."""
    with av.open(str(source)) as known, av.open(str(target), "w", options=options) as made:
        copies = {stream.index: made.add_stream_from_template(stream) for stream in known.streams}
        if chapters:
            whole = {"id": 0, "start": 0, "end": 900, "time_base": Fraction(1, 1000), "metadata": {"title": "하나"}}
            made.set_chapters([whole, {**whole, "id": 1, "start": 900, "end": 2000, "metadata": {"title": "둘"}}])
        for packet in known.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream.index]
                made.mux(packet)
    return target


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_chapters_stay(source: Path, tmp_path: Path, suffix: str) -> None:
    film = again(source, tmp_path / f"film{suffix}", chapters=True)
    target = tmp_path / f"marked{suffix}"
    assert isinstance(MARKER.embed(film, target, KEY, PAYLOAD, LIMITS), Marking)
    with av.open(str(film)) as before, av.open(str(target)) as after:
        assert [one["metadata"]["title"] for one in after.chapters()] == ["하나", "둘"]
        assert after.chapters() == before.chapters()
        assert [one.type for one in after.streams] == [one.type for one in before.streams]


@pytest.mark.parametrize("suffix", [".mov", ".mp4"])
def test_time_codes_stay(source: Path, tmp_path: Path, suffix: str) -> None:
    film, target = tmp_path / f"film{suffix}", tmp_path / f"marked{suffix}"
    with av.open(str(source)) as known, av.open(str(film), "w") as made:
        copy = made.add_stream_from_template(known.streams.video[0])
        copy.metadata["timecode"] = "01:00:00:00"
        for packet in known.demux(known.streams.video[0]):
            if packet.dts is not None:
                packet.stream = copy
                made.mux(packet)
    assert isinstance(MARKER.embed(film, target, KEY, PAYLOAD, LIMITS), Marking)
    with av.open(str(film)) as before, av.open(str(target)) as after:
        told = [[(one.type, one.metadata.get("timecode")) for one in each.streams] for each in (before, after)]
    assert told[0] == told[1] == [("video", "01:00:00:00"), ("data", "01:00:00:00")]


def test_a_film_in_fragments_stays_in_fragments(source: Path, tmp_path: Path) -> None:
    film = again(source, tmp_path / "film.mp4", movflags="frag_keyframe+empty_moov+default_base_moof")
    target = tmp_path / "marked.mp4"
    assert isinstance(MARKER.embed(film, target, KEY, PAYLOAD, LIMITS), Marking)
    with target.open("rb") as file:
        kinds = [box.kind for box in outermost(file)]
    assert kinds[:3] == [b"ftyp", b"moov", b"moof"]
    assert packets(film) == packets(target)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_what_encoding_takes_comes_on_top_of_the_memory_for_decoding(codec: str, tmp_path: Path) -> None:
    source = tmp_path / "large.mp4"
    frames = [cv2.resize(one, (1920, 1080), interpolation=cv2.INTER_CUBIC) for one in film(240, 135, 16, seed=4)]
    write_video(source, frames, 25.0, codec=codec, pixel_format="yuv420p10le", crf=30)
    tight = Limits(max_memory_bytes=300_000_000)
    assert isinstance(MARKER.embed(source, tmp_path / "marked.mp4", KEY, PAYLOAD, tight), Marking)


def test_hdr_is_marked_and_stays_hdr(tmp_path: Path) -> None:
    source, target = tmp_path / "hdr.mp4", tmp_path / "marked.mp4"
    pq_film(source)
    assert probe_media(source, LIMITS).hdr == "pq"
    marking = MARKER.embed(source, target, KEY, PAYLOAD, LIMITS)
    assert isinstance(marking, Marking)
    assert marking.psnr_db >= 40
    found = probe_media(target, LIMITS)
    assert (found.hdr, found.pixel_format) == ("pq", "yuv420p10le")
    reading = MARKER.detect(target, KEY, LIMITS, search=False)
    assert reading is not None
    assert reading.payload == PAYLOAD


def test_frames_of_the_source_come_along(source: Path, tmp_path: Path) -> None:
    sample = Sample(((0.0, 0.5), (1.0, None)), 0.19)
    change = {"key": KEY.hex(), "payload": 1, "recipient": None, "psnr_db": 42.0}
    made = remake_file("mark_video", source, tmp_path / "marked.mp4", LIMITS, change, seen=sample.asked())
    known = sample_frames(source, LIMITS, sample=sample, code_values=True)
    assert [time for time, _ in made.seen] == [frame.time_s for frame in known]
    assert len(known) == 8
    for (_, luma), frame in zip(made.seen, known, strict=True):
        assert np.array_equal(luma, frame.image)


def test_a_broken_film_is_not_marked(tmp_path: Path) -> None:
    source, target = tmp_path / "film.mkv", tmp_path / "marked.mkv"
    write_video(source, film(322, 242, 40, seed=1), 20.0, crf=14)
    content = bytearray(source.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 3000] = bytes(3000)
    source.write_bytes(content)
    with pytest.raises(UnreadableMediaError):
        MARKER.embed(source, target, KEY, PAYLOAD, LIMITS)


def test_what_cannot_be_marked_says_why(tmp_path: Path) -> None:
    small, odd = tmp_path / "small.mp4", tmp_path / "old.mpg"
    write_video(small, film(96, 96, 3), 25.0)
    write_video(odd, [cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR) for frame in film(256, 192, 5)], 25.0, codec="mpeg2video")
    target = tmp_path / "target"
    assert MARKER.embed(small, target, KEY, 1, LIMITS) == Unmarked("small")
    assert MARKER.embed(odd, target, KEY, 1, LIMITS) == Unmarked("format")
    assert not target.exists()


def test_wrong_keys_read_nothing(marked: Path) -> None:
    assert MARKER.detect(marked, b"another company!", LIMITS, search=False) is None
    assert np.isfinite(MARKER.fidelity(marked, marked, KEY, PAYLOAD, LIMITS) or np.nan)
