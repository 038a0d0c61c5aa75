"""Video in many shapes: every frame, once, in display order, upright, with its own time."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from haechi.core.errors import HaechiError, InputError, UnreadableMediaError, UnsupportedMediaError
from haechi.core.media.container import Damage, decode_video
from haechi.core.media.decode import FrameRequest, read_frames, read_image
from haechi.core.media.encode import write_audio, write_video
from haechi.core.media.probe import probe_media
from haechi.core.records import Kind
from haechi.core.settings import Limits

Scene = Callable[[int, int, int], list[np.ndarray]]
RATE = 25.0
FORMATS = [
    ("h264.mp4", "libx264", "yuv420p"),
    ("h264.mov", "libx264", "yuv444p"),
    ("hevc.mkv", "libx265", "yuv420p10le"),
    ("vp9.webm", "libvpx-vp9", "yuv420p"),
    ("av1.mp4", "libsvtav1", "yuv420p"),
    ("mpeg4.avi", "mpeg4", "yuv420p"),
    ("mpeg2.mpg", "mpeg2video", "yuv420p"),
    ("h264.ts", "libx264", "yuv420p"),
    ("prores.mov", "prores_ks", "yuva444p10le"),
    ("ffv1.mkv", "ffv1", "bgr0"),
    ("mjpeg.avi", "mjpeg", "yuvj420p"),
    ("full.mkv", "ffv1", "gray"),
]


def mean_difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


def index_first(path: Path) -> Path:
    """The same packets with the MP4 index before the data, as on the web."""
    target = path.with_name(f"first-{path.name}")
    with av.open(str(path)) as source, av.open(str(target), "w", options={"movflags": "faststart"}) as sink:
        stream = sink.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                sink.mux(packet)
    return target


@pytest.mark.parametrize(("name", "codec", "pixel_format"), FORMATS)
def test_every_format_gives_every_frame_in_order(
    tmp_path: Path, limits: Limits, scene: Scene, name: str, codec: str, pixel_format: str
) -> None:
    originals = scene(20, 160, 128)
    path = tmp_path / name
    options = {"svtav1-params": "lp=1"} if codec == "libsvtav1" else None
    write_video(path, originals, RATE, codec=codec, pixel_format=pixel_format, options=options, crf=10)
    with read_frames(path, limits) as stream:
        frames = list(stream)
    assert [f.time_s for f in frames] == pytest.approx([i / RATE for i in range(20)], abs=0.0011)
    assert frames[0].key
    assert stream.notes == ()
    for frame, original in zip(frames, originals, strict=True):
        assert frame.image.shape == original.shape
        expected = original if pixel_format != "gray" else cv2.cvtColor(original, cv2.COLOR_BGR2GRAY)[..., None]
        assert mean_difference(frame.image, expected) < 7
    info = probe_media(path, limits)
    assert (info.kind, info.width, info.height) == (Kind.VIDEO, 160, 128)
    assert info.duration_s == pytest.approx(20 / RATE, abs=0.05)
    assert info.frame_rate == pytest.approx(RATE)
    assert not info.variable_frame_rate
    grey = next(read_frames(path, limits, FrameRequest(gray=True))).image
    assert mean_difference(grey, cv2.cvtColor(originals[0], cv2.COLOR_BGR2GRAY)) < 7


@pytest.mark.parametrize(("height", "matrix"), [(96, 6), (96, 1), (96, 2), (720, 2)])
@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)])
def test_colour_matrix_is_honoured(
    tmp_path: Path, limits: Limits, height: int, matrix: int, colour: tuple[int, int, int]
) -> None:
    """Matrix 6 is BT.601, 1 BT.709, 2 unstated: BT.601 under 720 lines, BT.709 above."""
    path = tmp_path / "colour.mkv"
    codes = {1: "ITU709", 6: "ITU601"}
    true_matrix = codes.get(matrix, "ITU709" if height >= 720 else "ITU601")
    picture = np.full((height, 128, 3), colour, np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 128, height, "yuv444p"
        stream.codec_context.colorspace = matrix
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
        frame = frame.reformat(
            format="yuv444p", dst_colorspace=true_matrix, src_color_range="JPEG", dst_color_range="MPEG"
        )
        frame.pts = None
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    image = read_image(path, limits).image
    assert np.abs(image[10, 10].astype(int) - colour).max() <= 4


def test_start_end_interval_size_and_key_frames(tmp_path: Path, limits: Limits, scene: Scene) -> None:
    path = tmp_path / "clip.mp4"
    write_video(path, scene(100, 160, 90), RATE, options={"g": "25", "keyint_min": "25", "sc_threshold": "0"})
    every = list(read_frames(path, limits))
    part = list(read_frames(path, limits, FrameRequest(start_s=1.0, end_s=2.0)))
    assert [f.time_s for f in part] == [f.time_s for f in every[25:50]]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(part, every[25:50], strict=True))
    sparse = [f.time_s for f in read_frames(path, limits, FrameRequest(min_interval_s=0.5))]
    assert np.diff(sparse).min() >= 0.5 - 1e-6
    assert len(sparse) == 8
    keys = list(read_frames(path, limits, FrameRequest(key_only=True)))
    assert [f.time_s for f in keys] == pytest.approx([0, 1, 2, 3])
    assert all(f.key for f in keys)
    small = next(read_frames(path, limits, FrameRequest(max_side=40, gray=True))).image
    assert small.shape == (22, 40)
    big = next(read_frames(path, limits, FrameRequest(max_side=4000))).image
    assert big.shape == (90, 160, 3)
    with pytest.raises(InputError, match="max_side"):
        read_frames(path, limits, FrameRequest(max_side=0))


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_key_frames_have_the_times_that_they_have_among_all_frames(tmp_path: Path, limits: Limits, suffix: str) -> None:
    path = tmp_path / f"clip.{suffix}"
    noise = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (190, 260, 3)).astype(np.uint8), (0, 0), 3)
    wide = cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX)
    pictures = [np.ascontiguousarray(wide[k : k + 90, k : k + 160]) for k in range(100)]
    for start in (13, 40, 67):  # cuts, so that frames are reordered unevenly around the key frames
        pictures[start:] = [255 - picture for picture in pictures[start:]]
    write_video(path, pictures, RATE, options={"g": "17", "keyint_min": "1", "bf": "3"})
    every = [frame.time_s for frame in read_frames(path, limits) if frame.key]
    keys = [frame.time_s for frame in read_frames(path, limits, FrameRequest(key_only=True))]
    assert len(keys) >= 3
    assert keys == pytest.approx(every)


def test_key_frames_of_a_cut_file_count_from_its_first_picture(tmp_path: Path, limits: Limits, scene: Scene) -> None:
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    write_video(whole, scene(100, 160, 90), RATE, options={"g": "25", "keyint_min": "25", "sc_threshold": "0"})
    start_s = 0.4
    with av.open(str(whole)) as source, av.open(str(cut), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is None:
                continue
            # Stamps below 0 become an edit list: those pictures are decoded, not shown.
            packet.pts -= round(start_s / packet.time_base)
            packet.dts -= round(start_s / packet.time_base)
            packet.stream = stream
            target.mux(packet)
    every = [frame for frame in read_frames(cut, limits) if frame.key]
    keys = [frame.time_s for frame in read_frames(cut, limits, FrameRequest(key_only=True))]
    assert keys == pytest.approx([frame.time_s for frame in every])
    assert keys[0] == pytest.approx(1.0 - start_s)


def test_a_late_start_gives_the_same_frames_as_decoding_in_order(tmp_path: Path, limits: Limits, scene: Scene) -> None:
    frames = scene(40, 64, 48)
    for name in ("long.mp4", "long.mkv", "long.ts", "long.avi"):
        path = tmp_path / name
        codec = "mpeg4" if name.endswith("avi") else "libx264"
        write_video(path, (frames[i % 40] for i in range(750)), RATE, codec=codec)
        ordered = [f for f in read_frames(path, limits) if 20.0 <= f.time_s < 20.5]
        sought = list(read_frames(path, limits, FrameRequest(start_s=20.0, end_s=20.5)))
        assert [f.time_s for f in sought] == pytest.approx([f.time_s for f in ordered])
        assert all(np.array_equal(a.image, b.image) for a, b in zip(sought, ordered, strict=True))


def test_a_thin_reading_leaves_out_what_nothing_else_needs(tmp_path: Path, limits: Limits, scene: Scene) -> None:
    path = tmp_path / "pyramid.mp4"
    write_video(path, scene(60, 64, 48), RATE, options={"bf": "3", "x264-params": "b-adapt=0:b-pyramid=normal"})
    every = {f.time_s: f.image for f in read_frames(path, limits)}
    thin = list(read_frames(path, limits, FrameRequest(thin=True)))
    assert len(every) == 60
    assert 28 <= len(thin) <= 36
    assert max(np.diff([f.time_s for f in thin])) < 0.085
    assert all(np.array_equal(f.image, every[f.time_s]) for f in thin)


def test_a_thin_reading_of_pictures_far_apart_takes_all(tmp_path: Path, limits: Limits, scene: Scene) -> None:
    path = tmp_path / "flat.mp4"
    write_video(path, scene(80, 64, 48), RATE, options={"bf": "7", "x264-params": "b-adapt=0:b-pyramid=none"})
    times = [f.time_s for f in read_frames(path, limits, FrameRequest(thin=True))]
    assert (np.diff(times) > 0.05).sum() <= 4, "only where the gap is found is something missing"
    assert len(times) > 55


def test_variable_frame_rate_keeps_the_stamps(tmp_path: Path, limits: Limits, scene: Scene) -> None:
    times = [0.0, 0.05, 0.2, 0.21, 0.5, 1.4, 1.5]
    for name in ("vfr.mp4", "vfr.mkv"):
        path = tmp_path / name
        write_video(path, scene(7, 64, 48), RATE, times_s=times)
        assert [f.time_s for f in read_frames(path, limits)] == pytest.approx(times, abs=0.0011)
        assert probe_media(path, limits).variable_frame_rate


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("mirror", [False, True])
def test_display_matrix(tmp_path: Path, limits: Limits, corners: np.ndarray, rotation: int, mirror: bool) -> None:
    path = tmp_path / "turned.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "5"})
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv444p"
        stream.set_display_rotation(rotation, hflip=mirror)
        for _ in range(3):
            for packet in stream.encode(av.VideoFrame.from_ndarray(corners, format="bgr24")):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    expected = np.rot90(corners, rotation // 90)  # FFmpeg's angle counts anticlockwise
    expected = expected[:, ::-1] if mirror and rotation % 180 == 0 else expected
    expected = expected[:, ::-1] if mirror and rotation % 180 else expected
    image = read_image(path, limits).image
    info = probe_media(path, limits)
    assert image.shape == expected.shape == (info.height, info.width, 3)
    h, w = image.shape[:2]
    if not mirror:
        assert info.rotation_deg == (360 - rotation) % 360
        points = [(h // 4, w // 4), (h // 4, 3 * w // 4), (3 * h // 4, w // 4), (3 * h // 4, 3 * w // 4)]
        for y, x in points:
            assert np.abs(image[y, x].astype(int) - expected[y, x]).max() < 40
    else:
        assert any("mirrored" in note for note in info.notes)
        small = cv2.resize(image, (2, 2), interpolation=cv2.INTER_AREA).astype(int)
        turned = [np.rot90(small, k) for k in range(4)]
        flat = cv2.resize(corners, (2, 2), interpolation=cv2.INTER_AREA).astype(int)
        assert min(np.abs(t - flat[:, ::-1]).max() for t in turned) < 60


def test_pixels_that_are_not_square(tmp_path: Path, limits: Limits, scene: Scene) -> None:
    path = tmp_path / "anamorphic.mkv"
    write_video(path, scene(3, 72, 58), RATE, options={"x264-params": "sar=16/11"})
    info = probe_media(path, limits)
    assert (info.width, info.height) == (105, 58)
    assert read_image(path, limits).image.shape == (58, 105, 3)
    assert any("not square" in note for note in info.notes)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (17, 33)])
def test_odd_and_tiny_sizes(tmp_path: Path, limits: Limits, size: tuple[int, int]) -> None:
    path = tmp_path / "tiny.mkv"
    write_video(path, [np.full((*size, 3), 90, np.uint8)], RATE, codec="ffv1", pixel_format="bgr0")
    frames = list(read_frames(path, limits))
    assert len(frames) == 1
    assert frames[0].image.shape == (*size, 3)
    assert np.all(frames[0].image == 90)
    assert probe_media(path, limits).kind == Kind.VIDEO


def test_interlaced_video_is_deinterlaced_and_says_so(tmp_path: Path, limits: Limits, scene: Scene) -> None:
    path = tmp_path / "interlaced.ts"
    fields = scene(24, 128, 96)
    woven = []
    for top, bottom in zip(fields[::2], fields[1::2], strict=True):
        frame = top.copy()
        frame[1::2] = bottom[1::2]
        woven.append(frame)
    write_video(path, woven, RATE, options={"flags": "+ilme+ildct", "x264-params": "tff=1"})
    info = probe_media(path, limits)
    assert info.interlaced
    assert any("deinterlaced" in note for note in info.notes)
    with read_frames(path, limits) as stream:
        frames = list(stream)
    assert [frame.time_s for frame in frames] == pytest.approx([k / RATE for k in range(12)])
    assert any("deinterlaced" in note for note in stream.notes)
    keys = list(read_frames(path, limits, FrameRequest(key_only=True)))
    assert len(keys) >= 1


def test_alpha_lies_over_mid_grey(tmp_path: Path, limits: Limits) -> None:
    path = tmp_path / "alpha.mov"
    pixels = np.zeros((32, 64, 4), np.uint8)
    pixels[:, :32] = (0, 0, 255, 255)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("qtrle", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "argb"
        frame = av.VideoFrame.from_ndarray(pixels, format="bgra").reformat(format="argb")
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    image = read_image(path, limits).image
    assert image[10, 5].tolist() == [0, 0, 255]
    assert image[10, 60].tolist() == [128, 128, 128]
    assert probe_media(path, limits).has_alpha
    assert read_image(path, limits, gray=True, max_side=32).image.shape == (16, 32)


def test_a_size_change_inside_the_file_is_scaled_to_the_first(tmp_path: Path, limits: Limits, scene: Scene) -> None:
    parts = []
    for name, width in (("a.ts", 128), ("b.ts", 64)):
        write_video(tmp_path / name, scene(10, width, 48), RATE)
        parts.append((tmp_path / name).read_bytes())
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(parts))
    with read_frames(joined, limits) as stream:
        frames = list(stream)
    assert {f.image.shape for f in frames} == {(48, 128, 3)}
    assert len(frames) > 10
    assert np.all(np.diff([f.time_s for f in frames]) > 0)


def test_truncated_at_many_places(tmp_path: Path, limits: Limits, scene: Scene) -> None:
    for name, codec in (("whole.mkv", "libx264"), ("whole.ts", "mpeg2video"), ("whole.mp4", "libx264")):
        whole = tmp_path / name
        write_video(whole, scene(50, 96, 64), RATE, codec=codec)
        if name.endswith("mp4"):
            whole = index_first(whole)
        data = whole.read_bytes()
        complete = list(read_frames(whole, limits))
        cut = tmp_path / f"cut-{name}"
        some = False
        for share in (0.001, 0.01, 0.1, 0.3, 0.5, 0.9, 0.999):
            cut.write_bytes(data[: max(1, int(len(data) * share))])
            try:
                info = probe_media(cut, limits)
                frames = list(read_frames(cut, limits))
            except (UnreadableMediaError, UnsupportedMediaError) as error:
                assert "\n" not in str(error)
                continue
            assert info.duration_s is not None
            assert info.duration_s <= 2.3
            assert 0 < len(frames) <= 50
            some = True
            for frame, original in zip(frames[:-1], complete, strict=False):
                assert np.array_equal(frame.image, original.image)
        assert some


def test_damaged_frames_are_left_out_up_to_the_next_key_frame(tmp_path: Path, limits: Limits, scene: Scene) -> None:
    path = tmp_path / "clip.mkv"
    write_video(path, scene(100, 160, 96), RATE, options={"g": "20", "sc_threshold": "0", "bf": "0"}, crf=10)
    good = {round(f.time_s, 3): f.image for f in read_frames(path, limits)}
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 300] = bytes(random.Random(1).randrange(256) for _ in range(300))
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(data)
    with read_frames(broken, limits) as stream:
        frames = list(stream)
    assert 40 <= len(frames) < 100
    assert any("damaged" in note for note in stream.notes)
    wrong = [f for f in frames if mean_difference(f.image, good[round(f.time_s, 3)]) > 0.5]
    assert len(wrong) <= 1


def test_bit_flips_never_hang_or_crash(tmp_path: Path, limits: Limits, scene: Scene) -> None:
    source = tmp_path / "source.mp4"
    write_video(source, scene(10, 64, 48), RATE)
    data = source.read_bytes()
    rng = random.Random(5)
    for trial in range(30):
        mutated = bytearray(data)
        for _ in range(rng.choice([1, 5, 50])):
            mutated[rng.randrange(len(mutated))] ^= 1 << rng.randrange(8)
        path = tmp_path / f"{trial}.mp4"
        path.write_bytes(mutated)
        try:
            probe_media(path, limits)
            list(read_frames(path, limits))
        except HaechiError as error:
            assert "\n" not in str(error)


def test_text_named_mp4_and_sound_without_pictures(
    tmp_path: Path, limits: Limits, tone: Callable[..., np.ndarray]
) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("this is a text\n" * 100)
    with pytest.raises((UnreadableMediaError, UnsupportedMediaError)):
        probe_media(text, limits)
    with pytest.raises((UnreadableMediaError, UnsupportedMediaError)):
        list(read_frames(text, limits))
    sound = tmp_path / "sound.m4a"
    write_audio(sound, tone(0.5), 16_000, codec="aac")
    with pytest.raises(UnsupportedMediaError, match="no pictures"):
        list(read_frames(sound, limits))


def test_too_many_pixels_or_too_long(tmp_path: Path, scene: Scene) -> None:
    path = tmp_path / "clip.mp4"
    write_video(path, scene(50, 64, 48), RATE)
    with pytest.raises(UnreadableMediaError, match=r"HAECHI_LIMIT_MAX_PIXELS|damaged|decoded"):
        probe_media(path, Limits(max_pixels=1000))
    with pytest.raises(UnreadableMediaError, match="HAECHI_LIMIT_MAX_DURATION_S"):
        probe_media(path, Limits(max_duration_s=1.0))
    with pytest.raises(UnreadableMediaError, match="HAECHI_LIMIT_MAX_DURATION_S"):
        list(read_frames(path, Limits(max_duration_s=1.0)))


def test_a_container_without_any_frame(tmp_path: Path, limits: Limits) -> None:
    path = tmp_path / "none.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    with pytest.raises(UnreadableMediaError, match=r"no picture|not a media file|neither"):
        probe_media(path, limits)
    with pytest.raises(UnreadableMediaError):
        list(read_frames(path, limits))


def test_ten_hours_in_the_header_are_not_believed(tmp_path: Path, limits: Limits, scene: Scene) -> None:
    path = tmp_path / "claims.mkv"
    write_video(path, scene(10, 64, 48), RATE)
    data = path.read_bytes()
    at = data.index(b"\x44\x89\x88") + 3  # Duration, an 8-byte float in ms
    path.write_bytes(data[:at] + np.array([36_000_000.0], ">f8").tobytes() + data[at + 8 :])
    info = probe_media(path, limits)
    assert info.duration_s == pytest.approx(0.4, abs=0.05)
    assert any("36000" in note for note in info.notes)
    sparse = tmp_path / "sparse.mkv"
    write_video(sparse, scene(2, 64, 48), RATE, times_s=[0.0, 36_000.0])
    with pytest.raises(UnreadableMediaError, match="HAECHI_LIMIT_MAX_DURATION_S"):
        probe_media(sparse, limits)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("start_s", [6.0, 14.0])  # without and with a seek
def test_what_is_passed_over_before_a_start_changes_no_frame_behind_it(
    tmp_path: Path, limits: Limits, scene: Scene, suffix: str, start_s: float
) -> None:
    path = tmp_path / f"long{suffix}"
    options = {"bf": "3", "x264-params": "b-adapt=0:b-pyramid=normal:keyint=250"}
    write_video(path, scene(400, 64, 48), RATE, options=options)
    every = {f.time_s: f.image for f in read_frames(path, limits) if start_s <= f.time_s < start_s + 1.0}
    got = list(read_frames(path, limits, FrameRequest(start_s=start_s, end_s=start_s + 1.0)))
    assert [f.time_s for f in got] == pytest.approx(list(every))
    assert all(np.array_equal(f.image, one) for f, one in zip(got, every.values(), strict=True))


def test_long_before_a_start_every_other_picture_is_passed_over(tmp_path: Path, scene: Scene) -> None:
    path = tmp_path / "long.mp4"
    write_video(path, scene(200, 64, 48), RATE, options={"bf": "3", "x264-params": "b-adapt=0:b-pyramid=normal"})
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        second = round(1 / stream.time_base)
        frames = list(decode_video(container, stream, Damage(), (2 * second, 6 * second)))
        times = [frame.pts / second for frame in frames if frame is not None]
    assert sum(2.2 <= time < 5.8 for time in times) == pytest.approx(90 / 2, abs=2)
    assert sum(time < 2.0 for time in times) == 50 and sum(time >= 6.0 for time in times) == 50
