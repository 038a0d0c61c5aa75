"""The whole comparison on clips made from the sample photograph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from clips import Frames, camera, repaint_mouth
from haechi.check.compare import compare_files
from haechi.core.media.probe import probe_media
from haechi.core.records import Comparison, Region
from haechi.core.settings import Limits

Make = Callable[..., Path]


def compare(probe: Path, master: Path, models: Path) -> Comparison:
    limits = Limits()
    infos = probe_media(probe, limits), probe_media(master, limits)
    return compare_files(probe, infos[0], master, infos[1], models=models, limits=limits)


def shrunk(frames: Frames, side: int) -> Frames:
    return [np.asarray(cv2.resize(f, (side, side), interpolation=cv2.INTER_AREA), np.uint8) for f in frames]


def test_plain_copy_has_no_change(make_clip: Make, moving_frames: Frames, master_clip: Path, models: Path) -> None:
    got = compare(make_clip(shrunk(moving_frames, 256), crf=30), master_clip, models)
    assert got.changes == ()
    assert {e.kind for e in got.edits} == {"scale"}
    assert len(got.segments) == 1
    assert got.segments[0].offset_s == pytest.approx(0.0, abs=0.03)
    assert {p.name for p in got.pictures} == {"probe", "master", "heat"}


def test_repainted_mouth_is_found_in_place_and_time(
    make_clip: Make, moving_frames: Frames, master_clip: Path, models: Path, astronaut: NDArray[np.uint8]
) -> None:
    altered = repaint_mouth(moving_frames, 25, 55, astronaut)
    got = compare(make_clip(shrunk(altered, 300), crf=28), master_clip, models)
    assert len(got.changes) == 1
    change = got.changes[0]
    assert change.region is Region.MOUTH
    assert change.span.start_s == pytest.approx(1.0, abs=0.16)
    assert change.span.end_s == pytest.approx(2.24, abs=0.16)
    assert change.box is not None
    centre = (change.box.x + change.box.w / 2, change.box.y + change.box.h / 2)
    assert abs(centre[0] - 136) < 25 and abs(centre[1] - 108) < 25
    assert change.strength > change.detail["threshold"]


@pytest.mark.parametrize("altered", [False, True])
def test_interlaced_copy_is_compared_in_its_own_time(
    make_clip: Make,
    moving_frames: Frames,
    master_clip: Path,
    models: Path,
    astronaut: NDArray[np.uint8],
    altered: bool,
) -> None:
    # 1.96 s; every other picture is looked at, and the last one lasts no longer than the file.
    frames = repaint_mouth(moving_frames, 25, 48, astronaut)[:49] if altered else moving_frames[:49]
    options = {"flags": "+ilme+ildct", "b": "6000000"}
    probe = make_clip(frames, suffix=".mpg", codec="mpeg2video", options=options)
    info = probe_media(probe, Limits())
    assert (info.interlaced, info.duration_s) == (True, pytest.approx(1.96))
    got = compare(probe, master_clip, models)
    assert [(s.span.start_s, s.span.end_s) for s in got.segments] == [(0, pytest.approx(1.96))]
    assert [c.region for c in got.changes] == [Region.MOUTH] * altered
    assert all(c.span.end_s <= 1.96 for c in got.changes)


def test_caption_does_not_hide_a_mouth(
    make_clip: Make, moving_frames: Frames, master_clip: Path, models: Path, astronaut: NDArray[np.uint8]
) -> None:
    altered = repaint_mouth(moving_frames, 25, 55, astronaut)
    got = compare(make_clip([_edited(f, "caption_on_chin") for f in altered], crf=24), master_clip, models)
    assert "overlay" in {e.kind for e in got.edits}
    (change,) = got.changes
    assert change.region in (Region.MOUTH, Region.FACE)
    assert change.span.start_s == pytest.approx(1.0, abs=0.2)
    assert change.span.end_s == pytest.approx(2.24, abs=0.2)


@pytest.mark.parametrize(
    "edit", ["mirror", "crop", "letterbox", "caption", "caption_on_chin", "filter", "vignette", "border", "border_over"]
)
def test_harmless_edits_are_named_and_change_nothing(
    edit: str, make_clip: Make, moving_frames: Frames, master_clip: Path, models: Path
) -> None:
    got = compare(make_clip([_edited(f, edit) for f in moving_frames], crf=26), master_clip, models)
    assert got.changes == ()
    others = {"caption": "overlay", "caption_on_chin": "overlay", "vignette": "filter", "border_over": "border"}
    wanted = {others.get(edit, edit)}
    assert wanted & {e.kind for e in got.edits}


def _framed(frame: NDArray[np.uint8], edit: str) -> NDArray[np.uint8]:
    if edit == "border_over":
        return np.asarray(cv2.rectangle(frame.copy(), (0, 0), (383, 383), (190, 90, 160), 48), np.uint8)
    if edit == "letterbox":
        return np.asarray(cv2.copyMakeBorder(frame, 60, 60, 0, 0, cv2.BORDER_CONSTANT), np.uint8)
    return np.asarray(cv2.copyMakeBorder(frame, *[24] * 4, cv2.BORDER_CONSTANT, value=(255, 255, 255)), np.uint8)


def _edited(frame: NDArray[np.uint8], edit: str) -> NDArray[np.uint8]:
    if edit == "mirror":
        return np.ascontiguousarray(frame[:, ::-1])
    if edit == "crop":
        return frame[20:340, 30:370]
    if edit in ("letterbox", "border", "border_over"):
        return _framed(frame, edit)
    if edit == "filter":
        return np.clip(frame * np.array([0.8, 0.95, 1.15]) * 0.9 + 24, 0, 255).astype(np.uint8)
    if edit == "vignette":
        y, x = np.mgrid[-1:1:384j, -1:1:384j]
        return np.round(frame * (1 - 0.15 * (x * x + y * y))[..., None]).astype(np.uint8)
    if edit == "sticker":
        out = frame.copy()
        cv2.circle(out, (90, 300), 40, (56, 56, 240), -1, cv2.LINE_AA)
        for x in (76, 104):
            cv2.circle(out, (x, 290), 6, (20, 20, 30), -1, cv2.LINE_AA)
        cv2.ellipse(out, (90, 305), (18, 12), 0, 10, 170, (20, 20, 30), 4, cv2.LINE_AA)
        return out
    out, line = frame.copy(), 180 if edit == "caption_on_chin" else 350
    for colour, width in (((0, 0, 0), 6), ((255, 255, 255), 2)):
        cv2.putText(out, "hello fans", (60, line), cv2.FONT_HERSHEY_SIMPLEX, 1.4, colour, width, cv2.LINE_AA)
    return out


def test_a_sticker_on_grass_is_told_by_its_colours_and_a_piece_of_the_scene_pasted_there_is_a_change(
    make_clip: Make, models: Path, astronaut: NDArray[np.uint8]
) -> None:
    frames = [camera(_with_lawn(astronaut), k / 25) for k in range(75)]
    master = make_clip(frames, crf=14)
    got = compare(make_clip([_edited(frame, "sticker") for frame in frames], crf=26), master, models)
    assert got.changes == () and {edit.kind for edit in got.edits} == {"overlay"}
    pasted = [frame.copy() for frame in frames]
    for frame in pasted:
        frame[270:330, 40:130] = frame[40:100, 250:340]
    (change,) = compare(make_clip(pasted, crf=26), master, models).changes
    assert change.box is not None and abs(change.box.x + change.box.w / 2 - 85) < 20


def test_colours_are_asked_of_a_working_copy_that_is_smaller_than_its_master(
    make_clip: Make, models: Path, astronaut: NDArray[np.uint8]
) -> None:
    dark = astronaut.copy()
    dark[330:] = (0.35 * cv2.GaussianBlur(astronaut, (0, 0), 6)[330:]).astype(np.uint8)
    frames = [camera(dark, k / 25) for k in range(50)]
    probe = make_clip([_edited(frame, "caption") for frame in frames], crf=26)
    copy, limits = make_clip(shrunk(frames, 256), crf=14), Limits()
    of_probe, of_copy = probe_media(probe, limits), probe_media(copy, limits)
    of_master = replace(of_copy, width=of_probe.width, height=of_probe.height)
    got = compare_files(probe, of_probe, copy, of_master, models=models, limits=limits)
    assert got.changes == () and "overlay" in {edit.kind for edit in got.edits}


def test_a_bright_piece_of_the_scene_pasted_on_a_dark_place_is_no_caption(
    make_clip: Make, models: Path, astronaut: NDArray[np.uint8]
) -> None:
    dark = astronaut.copy()
    dark[330:] = (0.35 * cv2.GaussianBlur(astronaut, (0, 0), 6)[330:]).astype(np.uint8)
    frames = [camera(dark, k / 25) for k in range(50)]
    pasted = [frame.copy() for frame in frames]
    for frame in pasted:
        frame[275:355, 60:140] = frame[60:140, 300:380]
    (change,) = compare(make_clip(pasted, crf=26), make_clip(frames, crf=14), models).changes
    assert change.box is not None and abs(change.box.x + change.box.w / 2 - 100) < 20


def test_another_film_small_in_a_corner_is_an_overlay_though_it_is_natural(
    make_clip: Make, moving_frames: Frames, master_clip: Path, models: Path, astronaut: NDArray[np.uint8]
) -> None:
    shown = [frame.copy() for frame in moving_frames]
    for k, frame in enumerate(shown):
        other = np.roll(np.rot90(astronaut), 3 * k, axis=0)
        frame[260:380, 4:124] = cv2.resize(np.ascontiguousarray(other), (120, 120), interpolation=cv2.INTER_AREA)
    got = compare(make_clip(shown, crf=26), master_clip, models)
    assert got.changes == ()
    assert "overlay" in {edit.kind for edit in got.edits}


def _with_lawn(photograph: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The photograph with grass along its lower border: detail that a plain sticker has less of."""
    blades = np.random.default_rng(5).normal(0, 90, photograph.shape[:2]).astype(np.float32)
    blades = cv2.GaussianBlur(blades, (0, 0), 1.0, sigmaY=3.0)
    lawn = photograph.astype(np.float32)
    lawn[330:] = np.array([60, 150, 90]) + 1.6 * blades[330:, :, None]
    return np.clip(lawn, 0, 255).astype(np.uint8)


def test_piece_of_the_master_at_another_speed(
    make_clip: Make, moving_frames: Frames, models: Path, astronaut: NDArray[np.uint8]
) -> None:
    # Something must move besides the camera: over a flat scene alone a moment and a shift of the camera look alike.
    frames = [_with_walker(f, k, astronaut) for k, f in enumerate(moving_frames)]
    got = compare(make_clip(frames[10:70], rate=27.0, crf=26), make_clip(frames, crf=14), models)
    assert got.changes == ()
    assert got.segments[0].offset_s == pytest.approx(0.4, abs=0.05)
    assert got.segments[0].speed == pytest.approx(27 / 25, abs=0.01)
    assert {"speed", "trim"} <= {e.kind for e in got.edits}


def _with_walker(frame: NDArray[np.uint8], k: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    out = frame.copy()
    x, y = int(20 + 3.4 * k), int(270 + 30 * np.sin(k / 5))
    out[y : y + 80, x : x + 80] = image[300:380, 380:460]
    return out


def test_unrelated_clip_is_an_abstention(make_clip: Make, master_clip: Path, models: Path) -> None:
    rng = np.random.default_rng(7)
    base = np.asarray(cv2.resize(rng.integers(0, 255, (40, 40, 3), np.uint8), (420, 420)), np.uint8)
    frames = [np.ascontiguousarray(base[k : k + 300, k : k + 300]) for k in range(40)]
    got = compare(make_clip(frames), master_clip, models)
    assert got.changes == () and got.segments == ()
    assert "comparison.not_aligned" in {a.code for a in got.abstentions}


def test_tiny_picture_is_an_abstention(make_clip: Make, moving_frames: Frames, master_clip: Path, models: Path) -> None:
    got = compare(make_clip(shrunk(moving_frames, 32)), master_clip, models)
    assert "comparison.too_small" in {a.code for a in got.abstentions}


def test_damage_in_the_middle_is_told_and_not_passed_over(
    make_clip: Make, moving_frames: Frames, master_clip: Path, models: Path
) -> None:
    whole = make_clip(moving_frames, crf=24, options={"g": "15", "keyint_min": "15"})
    data = bytearray(whole.read_bytes())
    middle = data.index(b"mdat") + (len(data) - data.index(b"mdat")) * 2 // 5
    for k in range(middle, middle + len(data) // 4, 40):
        data[k] ^= 0x5A
    damaged = whole.with_name("damaged.mp4")
    damaged.write_bytes(data)
    got = compare(damaged, master_clip, models)
    assert got.changes == ()
    assert got.undecoded_s > 0.4
    assert "comparison.undecoded" in {a.code for a in got.abstentions}
