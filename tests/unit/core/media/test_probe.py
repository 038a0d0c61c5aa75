"""What probing says about long, large and odd files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from haechi.core.errors import InputError, UnreadableMediaError
from haechi.core.media import survey
from haechi.core.media.encode import write_video
from haechi.core.media.probe import hash_file, probe_media
from haechi.core.settings import Limits

Scene = Callable[[int, int, int], list[np.ndarray]]
NEEDS = {"max_pixels": 10**8, "max_duration_s": 10**6}


def survey_in_process(path: Path) -> dict[str, Any]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return next(header["info"] for header, _ in survey.run(descriptor, path.name, NEEDS) if "info" in header)
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi"])
def test_large_files_are_measured_at_both_ends(
    tmp_path: Path, scene: Scene, monkeypatch: pytest.MonkeyPatch, name: str, tone: Callable[..., np.ndarray]
) -> None:
    path = tmp_path / name
    frames = scene(20, 64, 48)
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    sound = "libmp3lame" if name.endswith("avi") else "aac"
    write_video(path, (frames[i % 20] for i in range(600)), 25, codec=codec, audio=tone(24.0), audio_codec=sound)
    whole = survey_in_process(path)
    monkeypatch.setattr(survey, "_WHOLE_FILE_BYTES", 1000)
    ends = survey_in_process(path)
    assert whole["duration_s"] == pytest.approx(24.0, abs=0.2)
    assert ends == whole
    if name.endswith("mkv"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        cut = survey_in_process(path)
        assert 8 < cut["duration_s"] < 16
        assert any("header claims" in note for note in cut["notes"])


def test_facts_of_a_usual_video(tmp_path: Path, limits: Limits, scene: Scene, tone: Callable[..., np.ndarray]) -> None:
    path = tmp_path / "a.mov"
    write_video(path, scene(25, 64, 48), 25, audio=np.stack([tone(1.0)] * 2, 1), audio_codec="aac")
    info = probe_media(path, limits)
    assert (info.container, info.video_codec, info.pixel_format, info.bit_depth) == ("mov", "h264", "yuv420p", 8)
    assert (info.audio_codec, info.sample_rate, info.channels) == ("aac", 16_000, 2)
    assert (info.hdr, info.interlaced, info.has_alpha, info.rotation_deg, info.notes) == (None, False, False, 0, ())


def test_broken_sound_does_not_hide_the_pictures(tmp_path: Path, limits: Limits, scene: Scene) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("flac", rate=16_000, layout="mono")
        for image in scene(5, 64, 48):
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(video.encode(None))
        packet = av.Packet(b"\x00" * 200)
        packet.stream, packet.pts, packet.dts, packet.time_base = sound, 0, 0, sound.time_base
        container.mux(packet)
    info = probe_media(path, limits)
    assert (info.width, info.has_audio) == (64, False)
    assert any("sound" in note for note in info.notes)


def test_hash(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc")
    assert hash_file(path) == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(InputError):
        hash_file(tmp_path)
    (tmp_path / "empty").touch()
    with pytest.raises(UnreadableMediaError):
        hash_file(tmp_path / "empty")
