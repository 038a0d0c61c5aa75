"""The audio mark on files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from haechi.core.media.boxes import is_fragmented
from haechi.core.media.encode import write_audio
from haechi.core.media.probe import probe_media
from haechi.core.settings import Limits
from haechi.core.watermark.audio_file import AudioMarker
from haechi.core.watermark.marks import Marking, Unmarked
from unit.core.watermark.audio.sounds import song

KEY, LIMITS, MARKER = b"a company's key!", Limits(), AudioMarker()
PAYLOAD, COPY = 0x9123456789, 77
CODECS = {"wav": "pcm_s24le", "flac": "flac", "mp3": "libmp3lame", "m4a": "aac", "opus": "libopus"}


def stereo(length_s: float, seed: int, rate: int = 48_000) -> np.ndarray:
    left = song(length_s, seed, rate)
    return np.stack([left, 0.7 * np.roll(left, 40)], axis=1).astype(np.float32)


@pytest.mark.parametrize("suffix", CODECS)
def test_files_stay_what_they_are_and_read_back(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / f"song.{suffix}", tmp_path / f"marked.{suffix}"
    write_audio(source, stereo(8, 3), 48_000, codec=CODECS[suffix], bit_rate=192_000)
    made = MARKER.embed(source, target, KEY, PAYLOAD, LIMITS)
    assert isinstance(made, Marking)
    before, after = probe_media(source, LIMITS), probe_media(target, LIMITS)
    for fact in ("container", "audio_codec", "sample_rate", "channels"):
        assert getattr(before, fact) == getattr(after, fact)
    assert after.duration_s == pytest.approx(before.duration_s, abs=0.03)
    assert MARKER.fidelity(source, target, KEY, PAYLOAD, LIMITS) is not None
    assert MARKER.fidelity(source, target, KEY, PAYLOAD + 1, LIMITS) is None


def test_chapters_and_fragments_of_a_sound_stay(tmp_path: Path) -> None:
    plain, source, target = (tmp_path / f"{name}.m4a" for name in ("plain", "song", "marked"))
    write_audio(plain, stereo(8, 3), 48_000, codec="aac", bit_rate=192_000)
    for options in ({}, {"movflags": "frag_keyframe+empty_moov+default_base_moof", "min_frag_duration": "1000000"}):
        with av.open(str(plain)) as known, av.open(str(source), "w", format="mp4", options=options) as made:
            copy = made.add_stream_from_template(known.streams.audio[0])
            if not options:
                first = {
                    "id": 0,
                    "start": 0,
                    "end": 4000,
                    "time_base": Fraction(1, 1000),
                    "metadata": {"title": "하나"},
                }
                made.set_chapters([first, {**first, "id": 1, "start": 4000, "end": 8000, "metadata": {"title": "둘"}}])
            for packet in known.demux():
                if packet.dts is not None:
                    packet.stream = copy
                    made.mux(packet)
        assert isinstance(MARKER.embed(source, target, KEY, PAYLOAD, LIMITS), Marking)
        with av.open(str(source)) as before, av.open(str(target)) as after, target.open("rb") as file:
            assert [one["metadata"] for one in after.chapters()] == [one["metadata"] for one in before.chapters()]
            assert is_fragmented(file) == bool(options)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("sound")
    source, target = folder / "song.wav", folder / "marked.wav"
    write_audio(source, song(14, 5), 16_000)
    assert isinstance(MARKER.embed(source, target, KEY, PAYLOAD, LIMITS, recipient=COPY), Marking)
    return source, target


def test_the_recipient_is_read_with_the_master(pair: tuple[Path, Path]) -> None:
    reading = MARKER.detect_informed(pair[1], pair[0], KEY, LIMITS, label="recipient")
    assert reading is not None
    assert reading.payload == COPY
    assert reading.reader == "informed"


def test_the_mark_agrees_with_its_sound_only(pair: tuple[Path, Path], tmp_path: Path) -> None:
    reading = MARKER.detect(pair[1], KEY, LIMITS)
    assert reading is not None
    assert MARKER.agreement(pair[1], pair[0], reading, KEY, LIMITS).agrees
    other = tmp_path / "other.wav"
    write_audio(other, song(14, 6), 16_000)
    assert MARKER.agreement(other, pair[0], reading, KEY, LIMITS).share == 0


def test_too_little_sound_is_left_unmarked(tmp_path: Path) -> None:
    source, target = tmp_path / "crumb.wav", tmp_path / "marked.wav"
    write_audio(source, song(1, 5), 16_000)
    assert MARKER.embed(source, target, KEY, PAYLOAD, LIMITS) == Unmarked("short")
    assert not target.exists()
