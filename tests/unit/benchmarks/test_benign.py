from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks import benign, overlays, sound_edits
from benchmarks.alter import BENIGN, Stage, make_clip
from benchmarks.chains import CHAINS, send
from benchmarks.clips import Clip, Material, truth_of
from drawn_person import made_material

from haechi.core.media.decode import read_frames
from haechi.core.media.probe import probe_media
from haechi.core.settings import Limits, Settings

GEOMETRIC = ["scale", "crop", "letterbox", "blurred_fill", "border", "mirror", "rotate"]


def with_dot(clip: Clip, place: tuple[int, int]) -> Clip:
    frames = []
    for frame in clip.frames:
        image = np.full_like(frame, 40)
        image[place[1] - 2 : place[1] + 3, place[0] - 2 : place[0] + 3] = (0, 255, 0)
        frames.append(image)
    return replace(clip, frames=frames)


@pytest.mark.parametrize("name", GEOMETRIC)
@pytest.mark.parametrize("seed", range(3))
def test_geometry_is_told_to_a_pixel(name: str, seed: int, clip: Clip) -> None:
    place = (140, 120)
    edited = getattr(benign, name)(with_dot(clip, place), np.random.default_rng(seed))
    greenness = edited.frames[3].astype(int)[:, :, 1] - edited.frames[3].astype(int)[:, :, 2]
    rows, columns = np.nonzero(greenness > 100)
    expected = edited.to_clip @ (place[0] + 0.5, place[1] + 0.5, 1)
    keep = np.hypot(columns - expected[0], rows - expected[1]) < 20
    assert columns[keep].mean() + 0.5 == pytest.approx(expected[0], abs=1.0)
    assert rows[keep].mean() + 0.5 == pytest.approx(expected[1], abs=1.0)


def numbered(clip: Clip) -> Clip:
    return replace(clip, frames=[np.full((8, 8, 3), index, np.uint8) for index in range(len(clip.frames))])


def master_times(clip: Clip, start_s: float) -> list[tuple[float, float | None]]:
    """Per frame: master time by content, and by the truth."""
    out = []
    for index, frame in enumerate(clip.frames):
        time = index / clip.rate
        piece = [p for p in clip.pieces if p.start_s <= time + 1e-6][-1]
        said = None if piece.offset_s is None else piece.offset_s + piece.speed * (time - piece.start_s)
        out.append((start_s + float(frame[0, 0, 0]) / 25.0, said))
    return out


@pytest.mark.parametrize("name", ["speed", "frame_rate", "dropped_frames", "trimmed_and_joined"])
@pytest.mark.parametrize("seed", range(3))
def test_time_is_told_to_a_frame_or_two(name: str, seed: int, clip: Clip) -> None:
    edited = getattr(benign, name)(numbered(clip), np.random.default_rng(seed))
    lag = 4 if name == "dropped_frames" else 1.6
    assert all(abs(true - said) <= lag / 25 for true, said in master_times(edited, 0.2))


def test_joined_with_other_marks_the_foreign_part(clip: Clip, rng: np.random.Generator) -> None:
    edited = benign.joined_with_other(clip, made_material("other"), rng)
    assert sorted(piece.offset_s is None for piece in edited.pieces) == [False, True]
    assert edited.pieces[-1].end_s == pytest.approx(edited.duration_s)
    assert len(edited.sound) / 44_100 == pytest.approx(edited.duration_s, abs=0.05)


@pytest.mark.parametrize("kind", BENIGN)
def test_every_harmless_kind_is_made_and_alters_nothing(kind: str, material: Material) -> None:
    stage = Stage(material, made_material("other"), np.random.default_rng(5))
    clip = BENIGN[kind](stage)
    assert clip.altered == ()
    assert len({frame.shape for frame in clip.frames}) == 1
    assert all(frame.dtype == np.uint8 for frame in clip.frames)


def test_overlays_change_only_a_part(clip: Clip, rng: np.random.Generator) -> None:
    for edited in (overlays.captions(clip, rng), overlays.logo(clip, rng)):
        changed = np.abs(edited.frames[10].astype(int) - clip.frames[10]).max(axis=2) > 8
        assert 0.002 < changed.mean() < 0.5


def test_music_keeps_the_speech_loud(clip: Clip, rng: np.random.Generator) -> None:
    mixed = sound_edits.with_music(clip, rng).sound
    assert 0.9 < np.corrcoef(mixed, clip.sound)[0, 1] < 0.999


@pytest.mark.parametrize("chain", CHAINS)
def test_chains_write_what_they_say(chain: str, clip: Clip, rng: np.random.Generator, tmp_path: Path) -> None:
    sent, path = send(clip, chain, tmp_path / "c", rng, Limits())
    info = probe_media(path, Limits())
    assert (info.width, info.height) == sent.size
    assert info.has_audio
    with read_frames(path, Limits()) as stream:
        assert sum(1 for _ in stream) == pytest.approx(len(sent.frames), abs=1)
    assert sent.to_clip[0, 0] == pytest.approx({"crf32_s06_c8": 0.6}.get(chain, 1.0), abs=0.01)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_same_name_gives_the_same_clip(material: Material, tmp_path: Path) -> None:
    other = made_material("other")
    truths = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        truths.append(make_clip(material, other, "crop", "crf23", "dev", folder, Settings()))
    assert truths[0] == truths[1] is not None
    assert make_clip(material, other, "crop", "crf23", "dev", tmp_path / "a", Settings()) is None


def test_truth_of_a_copy_has_no_region(clip: Clip, material: Material) -> None:
    truth = truth_of(clip, material, kind="copy", chain="crf23", benign=True, probe="p.mp4")
    assert truth["regions"] == []
    assert (truth["offset_s"], truth["speed"], truth["mirrored"]) == (0.2, 1.0, False)
