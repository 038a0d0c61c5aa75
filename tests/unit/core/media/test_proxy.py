from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from haechi.core.errors import StoreError, UnreadableMediaError
from haechi.core.media.audio import read_all_audio
from haechi.core.media.decode import FrameRequest, read_frames, read_image
from haechi.core.media.encode import MediaWriter, write_audio, write_video
from haechi.core.media.probe import probe_media
from haechi.core.media.proxy import SMALL_SIDE, make_proxy
from haechi.core.settings import Limits

Scene = Callable[[int, int, int], list[np.ndarray]]


def test_video_keeps_every_frame_and_its_time(
    tmp_path: Path, limits: Limits, scene: Scene, tone: Callable[..., np.ndarray]
) -> None:
    master = tmp_path / "master.mp4"
    times = [0.0, 0.04, 0.09, 0.5, 0.52, 1.0]
    write_video(master, scene(6, 1200, 500), 25, times_s=times, audio=tone(1.2), preset="ultrafast")
    shares: list[float] = []
    copy = make_proxy(master, probe_media(master, limits), tmp_path, limits, shares.append)
    assert copy.suffix == ".mkv"
    info = probe_media(copy, limits)
    assert (info.width, info.height, info.video_codec, info.audio_codec) == (960, 400, "h264", "flac")
    originals, copies = list(read_frames(master, limits)), list(read_frames(copy, limits))
    assert [f.time_s for f in copies] == pytest.approx(times, abs=0.0011)
    for original, frame in zip(originals, copies, strict=True):
        small = cv2.resize(original.image, (960, 400), interpolation=cv2.INTER_AREA).astype(int)
        assert np.abs(small - frame.image).mean() < 3
    glances = list(read_frames(copy, limits, FrameRequest(small=True)))
    assert [f.time_s for f in glances] == [f.time_s for f in copies]
    for original, glance in zip(originals, glances, strict=True):
        assert glance.image.shape == (173, SMALL_SIDE, 3)
        small = cv2.resize(original.image, (SMALL_SIDE, 173), interpolation=cv2.INTER_AREA)
        luma, seen = (cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(int) for picture in (small, glance.image))
        assert np.abs(luma - seen).mean() < 1
    ours, theirs = read_all_audio(master, limits), read_all_audio(copy, limits)
    assert len(ours) == len(theirs)
    assert np.abs(ours - theirs).max() < 1e-3
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_master_gives_the_same_pictures_every_time(tmp_path: Path, limits: Limits) -> None:
    # A noise that moves: what x264 makes of its macroblock trees differed from run to run.
    noise = cv2.GaussianBlur(np.random.default_rng(3).normal(0, 400, (600, 1100, 3)), (0, 0), 3)
    picture = np.clip(noise + 128, 0, 255).astype(np.uint8)
    master = tmp_path / "master.mp4"
    write_video(master, [picture[2 * k :][:480, 3 * k :][:, :960] for k in range(45)], 25, preset="ultrafast")
    info = probe_media(master, limits)
    copies = [make_proxy(master, info, tmp_path, limits) for _ in range(4)]
    for request in (FrameRequest(), FrameRequest(small=True)):
        made = {b"".join(f.image.tobytes() for f in read_frames(copy, limits, request)) for copy in copies}
        assert len(made) == 1


def test_small_pictures_need_no_smaller_ones(tmp_path: Path, limits: Limits, scene: Scene) -> None:
    master = tmp_path / "master.mp4"
    write_video(master, scene(6, 320, 240), 25, preset="ultrafast")
    copy = make_proxy(master, probe_media(master, limits), tmp_path, limits)
    shapes = {f.image.shape for f in read_frames(copy, limits, FrameRequest(small=True))}
    assert shapes == {(240, 320, 3)}


def test_image_and_sound(tmp_path: Path, limits: Limits, scene: Scene, tone: Callable[..., np.ndarray]) -> None:
    picture, sound = tmp_path / "a.png", tmp_path / "a.mp3"
    cv2.imwrite(str(picture), scene(1, 2400, 1000)[0])
    write_audio(sound, tone(1.0, 44_100), 44_100, codec="libmp3lame")
    small = make_proxy(picture, probe_media(picture, limits), tmp_path, limits)
    assert small.suffix == ".jpg"
    assert read_image(small, limits).image.shape == (853, 2048, 3)
    flac = make_proxy(sound, probe_media(sound, limits), tmp_path, limits)
    assert flac.suffix == ".flac"
    assert np.abs(read_all_audio(flac, limits) - read_all_audio(sound, limits)).max() < 1e-3


def test_nothing_is_left_behind_when_it_fails(
    tmp_path: Path, limits: Limits, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    master = tmp_path / "master.mp4"
    write_video(master, scene(5, 64, 48), 25)
    info = probe_media(master, limits)
    folder = tmp_path / "copies"
    folder.mkdir()
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no media" * 50)
    with pytest.raises(UnreadableMediaError):
        make_proxy(broken, info, folder, limits)
    assert list(folder.iterdir()) == []

    def disk_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(MediaWriter, "add_frame", disk_full)
    with pytest.raises(StoreError, match="free some space"):
        make_proxy(master, info, folder, limits)
    assert list(folder.iterdir()) == []
    with pytest.raises(StoreError):
        make_proxy(master, info, tmp_path / "missing", limits)
