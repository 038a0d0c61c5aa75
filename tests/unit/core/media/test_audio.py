"""Sound on the clock of the pictures, whatever the layout, rate, codec and gaps."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from haechi.core.errors import InputError, UnreadableMediaError
from haechi.core.media.audio import read_all_audio, read_audio
from haechi.core.media.encode import write_audio, write_video
from haechi.core.media.probe import probe_media
from haechi.core.records import Kind
from haechi.core.settings import Limits

Tone = Callable[..., np.ndarray]
CODECS = [
    ("a.wav", "pcm_s16le", 16_000),
    ("a24.wav", "pcm_s24le", 48_000),
    ("float.wav", "pcm_f32le", 44_100),
    ("byte.wav", "pcm_u8", 16_000),
    ("a.flac", "flac", 44_100),
    ("a.mp3", "libmp3lame", 44_100),
    ("a.m4a", "aac", 48_000),
    ("a.opus", "libopus", 48_000),
    ("a.ogg", "libopus", 48_000),
    ("a.ac3", "ac3", 48_000),
]


def lag_and_likeness(a: np.ndarray, b: np.ndarray) -> tuple[int, float]:
    """Samples by which b trails a (within 2,000), and their correlation there."""
    count = min(len(a), len(b)) - 4000
    middle = a[2000 : 2000 + count]
    scores = [float(np.dot(middle, b[2000 + lag : 2000 + lag + count])) for lag in range(-2000, 2000, 1)]
    best = int(np.argmax(scores)) - 2000
    other = b[2000 + best : 2000 + best + count]
    return best, scores[best + 2000] / float(np.linalg.norm(middle) * np.linalg.norm(other))


@pytest.fixture(scope="module")
def chirp() -> Callable[[float, int], np.ndarray]:
    def make(seconds: float, rate: int) -> np.ndarray:
        t = np.arange(round(seconds * rate)) / rate
        return (0.5 * np.sin(2 * np.pi * (200 * t + 400 * t * t))).astype(np.float32)

    return make


@pytest.mark.parametrize(("name", "codec", "rate"), CODECS)
def test_codecs(
    tmp_path: Path, limits: Limits, chirp: Callable[[float, int], np.ndarray], name: str, codec: str, rate: int
) -> None:
    path = tmp_path / name
    write_audio(path, chirp(1.5, rate), rate, codec=codec)
    samples = read_all_audio(path, limits)
    lag, likeness = lag_and_likeness(chirp(1.5, 16_000), samples)
    assert likeness > 0.98
    assert abs(lag) <= 1200 if codec == "ac3" else abs(lag) <= 480
    assert abs(len(samples) - 24_000) < 1600
    assert samples.dtype == np.float32
    info = probe_media(path, limits)
    assert (info.kind, info.has_audio, info.width, info.frame_rate) == (Kind.AUDIO, True, None, None)
    assert info.duration_s == pytest.approx(1.5, abs=0.1)
    assert info.channels == 1


def test_resampling_keeps_time_and_level(tmp_path: Path, limits: Limits, tone: Tone) -> None:
    path = tmp_path / "a.wav"
    write_audio(path, tone(2.0, 48_000), 48_000)
    samples = read_all_audio(path, limits, sample_rate=16_000)
    assert len(samples) == 32_000
    assert np.abs(samples[200:-200] - tone(2.0)[200:-200]).max() < 0.01


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_the_short_filter_keeps_time_and_level_and_cuts_earlier(tmp_path: Path, limits: Limits, rate: int) -> None:
    time_s = np.arange(2 * rate) / rate
    levels = {}
    for hertz in (1000, 3000, 5000):
        write_audio(tmp_path / "a.wav", (0.5 * np.sin(2 * np.pi * hertz * time_s)).astype(np.float32), rate)
        parts = read_audio(tmp_path / "a.wav", limits, sample_rate=11_025, short_filter=True)
        samples = np.concatenate([block.samples for block in parts])
        assert abs(len(samples) - 22_050) <= 2
        assert np.array_equal(samples * 32_768, np.rint(samples * 32_768))
        levels[hertz] = float(samples[500:-500].std() / (0.5 * 0.5**0.5))
        if hertz == 1000:
            expected = 0.5 * np.sin(2 * np.pi * hertz * np.arange(22_050) / 11_025)
            count = min(len(samples), 22_050) - 500
            assert np.abs(samples[500:count] - expected[500:count]).max() < 0.01
    assert levels[1000] == pytest.approx(1.0, abs=0.01)
    assert levels[3000] == pytest.approx(1.0, abs=0.05)
    assert levels[5000] < 0.5


def test_stereo_and_surround_become_a_fair_mono(tmp_path: Path, limits: Limits, tone: Tone) -> None:
    left, silent = tone(0.5), np.zeros(8000, np.float32)
    write_audio(tmp_path / "left.wav", np.stack([left, silent], 1), 16_000)
    assert np.abs(read_all_audio(tmp_path / "left.wav", limits) - left / 2).max() < 1e-3
    both = np.stack([left, left, left, left, left, left], 1)
    write_audio(tmp_path / "six.wav", both, 16_000)
    assert np.abs(read_all_audio(tmp_path / "six.wav", limits) - left).max() < 1e-3
    low_only = np.stack([silent, silent, silent, left, silent, silent], 1)
    write_audio(tmp_path / "low.wav", low_only, 16_000)
    assert np.abs(read_all_audio(tmp_path / "low.wav", limits)).max() < 1e-3
    assert probe_media(tmp_path / "six.wav", limits).channels == 6


def test_stretches_and_blocks(tmp_path: Path, limits: Limits, tone: Tone) -> None:
    path = tmp_path / "a.flac"
    write_audio(path, tone(3.0), 16_000, codec="flac")
    whole = read_all_audio(path, limits)
    part = read_all_audio(path, limits, start_s=0.7, end_s=1.9)
    assert np.array_equal(part, whole[11_200:30_400])
    blocks = list(read_audio(path, limits, start_s=0.5))
    assert [b.time_s for b in blocks] == [0.5, 1.5, 2.5]
    assert len(read_all_audio(path, limits, start_s=5.0)) == 0
    with pytest.raises(InputError, match="Hz"):
        list(read_audio(path, limits, sample_rate=0))


def test_no_sound_gives_nothing(tmp_path: Path, limits: Limits, scene: Callable[..., list[np.ndarray]]) -> None:
    path = tmp_path / "mute.mp4"
    write_video(path, scene(5, 64, 48), 25)
    assert len(read_all_audio(path, limits)) == 0
    assert not probe_media(path, limits).has_audio


@pytest.mark.parametrize(
    ("name", "codec", "audio_codec"),
    [
        ("a.mp4", "libx264", "aac"),
        ("a.mkv", "libx264", "flac"),
        ("a.webm", "libvpx-vp9", "libopus"),
        ("a.ts", "libx264", "aac"),
    ],
)
def test_sound_and_pictures_share_one_clock(
    tmp_path: Path, limits: Limits, chirp: Callable[[float, int], np.ndarray], scene: Callable[..., list[np.ndarray]],
    name: str, codec: str, audio_codec: str,
) -> None:  # fmt: skip
    path = tmp_path / name
    sound = chirp(2.0, 48_000)
    write_video(path, scene(50, 64, 48), 25, audio=sound, sample_rate=48_000, codec=codec, audio_codec=audio_codec)
    lag, likeness = lag_and_likeness(chirp(2.0, 16_000), read_all_audio(path, limits))
    assert likeness > 0.98
    assert abs(lag) <= 400


def write_late_sound(
    path: Path, scene: list[np.ndarray], pieces: list[tuple[float, np.ndarray]], first_s: float
) -> None:
    """Video that starts at `first_s`, and sound in pieces at their own stamps."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        audio = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for index, image in enumerate(scene):
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.time_base, frame.pts = Fraction(1, 1000), round(1000 * first_s) + 40 * index
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for at_s, samples in pieces:
            for start in range(0, len(samples), 160):
                block = np.round(samples[None, start : start + 160] * 32767).astype(np.int16)
                part = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
                part.sample_rate, part.time_base = 16_000, Fraction(1, 16_000)
                part.pts = round((at_s) * 16_000) + start
                container.mux(audio.encode(part))
        container.mux(audio.encode(None))


def test_gaps_are_silence_and_late_starts_are_kept(
    tmp_path: Path, limits: Limits, tone: Tone, scene: Callable[..., list[np.ndarray]]
) -> None:
    path = tmp_path / "gaps.mkv"
    write_late_sound(path, scene(40, 64, 48), [(1.0, tone(0.3)), (1.8, tone(0.2))], first_s=0.5)
    samples = read_all_audio(path, limits)
    assert len(samples) == pytest.approx(16_000 * 1.5, abs=40)
    assert np.abs(samples[: 16_000 // 2 - 40]).max() == 0  # sound starts 0.5 s after the first picture
    assert np.abs(samples[8040:12_700] - tone(0.3)[40:4700]).max() < 0.02
    assert np.abs(samples[12_900:20_700]).max() == 0
    assert np.abs(samples[20_900:23_900]).max() > 0.4


def test_truncated_sound_gives_what_is_there(tmp_path: Path, limits: Limits, tone: Tone) -> None:
    whole = tmp_path / "whole.mp3"
    write_audio(whole, tone(3.0, 44_100), 44_100, codec="libmp3lame")
    cut = tmp_path / "cut.mp3"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert 1.0 < probe_media(cut, limits).duration_s < 2.0
    assert 16_000 < len(read_all_audio(cut, limits)) < 32_000


def test_cover_art_is_not_a_video(tmp_path: Path, limits: Limits, tone: Tone) -> None:
    cover = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 99, np.uint8), format="bgr24")
    for name, codec in (("song.mp3", "libmp3lame"), ("song.flac", "flac"), ("song.m4a", "aac")):
        path = tmp_path / name
        with av.open(str(path), "w", format="mp4" if name == "song.m4a" else None) as container:
            audio = container.add_stream(codec, rate=44_100, layout="mono")
            picture = container.add_stream("png" if name != "song.m4a" else "mjpeg", rate=1)
            picture.width = picture.height = 64
            picture.pix_fmt = "rgb24" if name != "song.m4a" else "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic
            for packet in [*picture.encode(cover), *picture.encode(None)]:
                container.mux(packet)
            frame = av.AudioFrame.from_ndarray(tone(1.0, 44_100)[None], format="fltp", layout="mono")
            frame.sample_rate = 44_100
            for packet in [*audio.encode(frame), *audio.encode(None)]:
                container.mux(packet)
        info = probe_media(path, limits)
        assert (info.kind, info.width, info.has_audio) == (Kind.AUDIO, None, True)


def test_too_long_sound_is_refused(tmp_path: Path, tone: Tone) -> None:
    path = tmp_path / "long.wav"
    write_audio(path, tone(3.0), 16_000)
    with pytest.raises(UnreadableMediaError, match="HAECHI_LIMIT_MAX_DURATION_S"):
        probe_media(path, Limits(max_duration_s=1.0))
    with pytest.raises(UnreadableMediaError, match="HAECHI_LIMIT_MAX_DURATION_S"):
        read_all_audio(path, Limits(max_duration_s=1.0))


def test_values_that_are_not_numbers_become_silence(tmp_path: Path, limits: Limits) -> None:
    path = tmp_path / "odd.wav"
    samples = np.zeros(1600, np.float32)
    samples[100], samples[200], samples[300] = np.nan, np.inf, -7.0
    write_audio(path, samples, 16_000, codec="pcm_f32le")
    read = read_all_audio(path, limits)
    assert np.isfinite(read).all()
    assert np.abs(read).max() <= 1.0
