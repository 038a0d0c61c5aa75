from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from haechi.core.errors import InputError
from haechi.core.media.decode import read_frames
from haechi.core.media.encode import MediaWriter, VideoCoding, write_audio, write_video
from haechi.core.media.probe import probe_media
from haechi.core.settings import Limits

Scene = Callable[[int, int, int], list[np.ndarray]]


def test_odd_sizes_grow_by_one_where_chroma_asks(tmp_path: Path, limits: Limits, scene: Scene) -> None:
    write_video(tmp_path / "a.mp4", scene(3, 65, 47), 25)
    info = probe_media(tmp_path / "a.mp4", limits)
    assert (info.width, info.height) == (66, 48)
    write_video(tmp_path / "b.mp4", scene(3, 65, 47), 25, pixel_format="yuv444p")
    info = probe_media(tmp_path / "b.mp4", limits)
    assert (info.width, info.height) == (65, 47)


def test_luma_frames_stay_grey(tmp_path: Path, limits: Limits, scene: Scene) -> None:
    grey = [frame[..., 1] for frame in scene(3, 64, 48)]
    write_video(tmp_path / "a.mp4", grey, 25)
    image = next(read_frames(tmp_path / "a.mp4", limits)).image.astype(int)
    assert np.abs(image - grey[0][..., None]).mean() < 3


@pytest.mark.parametrize(
    ("rate", "exact"), [(29.97, 30_000 / 1001), (23.976, 24_000 / 1001), (59.94, 60_000 / 1001), (12.5, 12.5)]
)
def test_frame_rates(tmp_path: Path, limits: Limits, scene: Scene, rate: float, exact: float) -> None:
    write_video(tmp_path / "a.mp4", scene(12, 64, 48), rate)
    assert probe_media(tmp_path / "a.mp4", limits).frame_rate == pytest.approx(exact, rel=1e-9)


def test_what_cannot_be_written_is_an_input_error(tmp_path: Path, scene: Scene) -> None:
    frames = scene(2, 64, 48)
    with pytest.raises(InputError, match="no frame"):
        write_video(tmp_path / "a.mp4", [], 25)
    with pytest.raises(InputError, match="resize"):
        write_video(tmp_path / "b.mp4", [frames[0], frames[1][:40]], 25)
    with pytest.raises(InputError, match="cannot write"):
        write_video(tmp_path / "c.webm", frames, 25, codec="mpeg4")
    with pytest.raises(InputError, match="cannot write"):
        write_video(tmp_path / "d.mp4", frames, 25, codec="no_such_codec")
    with pytest.raises(InputError, match="container"):
        write_video(tmp_path / "e", frames, 25)
    with pytest.raises(InputError, match="channels"):
        write_audio(tmp_path / "f.wav", np.zeros((10, 3), np.float32), 16_000)
    with MediaWriter(tmp_path / "g.mp4", VideoCoding(25), None) as writer:
        writer.add_frame(frames[0])
        with pytest.raises(InputError, match="without sound"):
            writer.add_audio(np.zeros(10, np.float32))


def test_frames_are_consumed_lazily(tmp_path: Path, limits: Limits) -> None:
    frames = (np.full((48, 64, 3), i, np.uint8) for i in range(200))
    write_video(tmp_path / "a.mkv", frames, 25)
    assert len(list(read_frames(tmp_path / "a.mkv", limits))) == 200
