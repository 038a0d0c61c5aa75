"""Still pictures through `haechi.compare`: harmless edits are named, a repainted face is found where it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import haechi
from clips import Frames, repaint_mouth
from haechi.core.records import Region, Report

Picture = NDArray[np.uint8]
Bounds = tuple[int, int, int, int]
# Left, top, right, bottom in the 512 px photograph.
FACE: Bounds = (172, 60, 272, 185)
MOUTH: Bounds = (199, 136, 247, 160)
EYES: Bounds = (180, 90, 262, 122)


@pytest.fixture(scope="session")
def master_picture(astronaut: Picture, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("still") / "master.png"
    assert cv2.imwrite(str(path), astronaut)
    return path


@pytest.fixture
def compared(tmp_path: Path, master_picture: Path) -> Callable[..., Report]:
    """Write a picture as JPEG and compare it with the master."""

    def compare(image: Picture, quality: int = 80, master: Path = master_picture) -> Report:
        path = tmp_path / "probe.jpg"
        assert cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return haechi.compare(path, master)

    return compare


def resized(image: Picture, factor: float) -> Picture:
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


def laid_over(image: Picture, other: Picture, bounds: Bounds) -> Picture:
    """`other` within an ellipse with a soft edge, `image` around it."""
    left, top, right, bottom = bounds
    mask = np.zeros(image.shape[:2], np.float32)
    centre, axes = ((left + right) // 2, (top + bottom) // 2), ((right - left) // 2, (bottom - top) // 2)
    cv2.ellipse(mask, centre, axes, 0, 0, 360, 1.0, -1)
    soft = cv2.GaussianBlur(mask, (0, 0), 2)[..., None]
    return np.round(soft * other + (1 - soft) * image).astype(np.uint8)


def mirrored_inside(image: Picture, bounds: Bounds) -> Picture:
    left, top, right, bottom = bounds
    out = image.copy()
    out[top:bottom, left:right] = image[top:bottom, left:right][:, ::-1]
    return out


def edited(image: Picture, edit: str) -> Picture:
    if edit == "mirror":
        return np.ascontiguousarray(image[:, ::-1])
    if edit == "crop":
        return image[30:430, 60:470]
    if edit == "letterbox":
        return np.asarray(cv2.copyMakeBorder(image, 80, 80, 0, 0, cv2.BORDER_CONSTANT), np.uint8)
    if edit == "scale":
        return resized(image, 0.5)
    if edit == "rotation":
        turn = cv2.getRotationMatrix2D((256, 256), 3, 1.12)
        return np.asarray(cv2.warpAffine(image, turn, (512, 512)), np.uint8)
    if edit == "filter":
        return np.clip(image * np.array([0.8, 0.95, 1.15]) * 0.9 + 24, 0, 255).astype(np.uint8)
    if edit == "blur":
        return np.asarray(cv2.GaussianBlur(image, (0, 0), 1.2), np.uint8)
    out = image.copy()
    for colour, width in (((0, 0, 0), 8), ((255, 255, 255), 3)):
        cv2.putText(out, "hello fans", (90, 480), cv2.FONT_HERSHEY_SIMPLEX, 1.8, colour, width, cv2.LINE_AA)
    return out


def repainted(image: Picture, what: str) -> Picture:
    """The face altered from itself."""
    other = image.copy()
    if what == "mouth":
        other[136:160, 199:247] = image[112:136, 182:230]
        return laid_over(image, other, MOUTH)
    if what == "eyes":
        other[92:122, 185:260] = image[50:80, 185:260]
        return laid_over(image, other, EYES)
    if what == "blurred":
        return laid_over(image, np.asarray(cv2.GaussianBlur(image, (0, 0), 12), np.uint8), FACE)
    if what == "pixelated":
        return laid_over(image, np.asarray(cv2.resize(resized(image, 0.05), (512, 512)), np.uint8), FACE)
    return laid_over(image, mirrored_inside(image, FACE), FACE)


@pytest.mark.parametrize("quality", [90, 50, 25])
def test_recompressed_picture_is_a_plain_copy(
    compared: Callable[..., Report], astronaut: Picture, quality: int
) -> None:
    report = compared(astronaut, quality)
    assert (report.verdict, report.changes, report.edits) == ("authentic_copy", (), ())


@pytest.mark.parametrize("edit", ["mirror", "crop", "letterbox", "scale", "rotation", "filter", "blur", "overlay"])
def test_harmless_edit_is_named_and_changes_nothing(
    compared: Callable[..., Report], astronaut: Picture, edit: str
) -> None:
    report = compared(edited(astronaut, edit))
    assert (report.verdict, report.changes) == ("authentic_copy", ())
    assert edit in {e.kind for e in report.edits}


@pytest.mark.parametrize(
    ("suffix", "colours"),
    [
        ("webp", None),
        ("avif", None),
        ("gif", None),
        ("png", 64),
        ("png", 32),
    ],
)
def test_other_format_is_a_plain_copy(
    suffix: str, colours: int | None, astronaut: Picture, master_picture: Path, tmp_path: Path
) -> None:
    picture = Image.fromarray(np.ascontiguousarray(astronaut[..., ::-1]))
    path = tmp_path / f"copy.{suffix}"
    (picture if colours is None else picture.quantize(colours)).save(path, quality=60)
    report = haechi.compare(path, master_picture)
    assert (report.verdict, report.changes) == ("authentic_copy", ())


@pytest.mark.parametrize("factor", [1.0, 0.625])
@pytest.mark.parametrize("what", ["mouth", "eyes", "blurred", "pixelated", "mirrored"])
def test_altered_face_is_found_in_its_place(
    compared: Callable[..., Report], astronaut: Picture, what: str, factor: float
) -> None:
    report = compared(resized(repainted(astronaut, what), factor), 70)
    assert report.verdict == "altered"
    change = max(report.changes, key=lambda c: c.strength)
    assert change.region in ({"mouth"} if what == "mouth" else {"eyes", "face"})
    left, top, right, bottom = (factor * side for side in {"mouth": MOUTH, "eyes": EYES}.get(what, FACE))
    assert change.box is not None
    assert left < change.box.x + change.box.w / 2 < right
    assert top < change.box.y + change.box.h / 2 < bottom


def test_altered_face_is_found_under_harmless_edits(compared: Callable[..., Report], astronaut: Picture) -> None:
    report = compared(edited(edited(repainted(astronaut, "mouth"), "overlay"), "mirror"), 70)
    assert report.verdict == "altered"
    assert {change.region for change in report.changes} == {"mouth"}
    assert {"overlay", "mirror"} <= {e.kind for e in report.edits}


def test_screenshot_of_a_clip(
    compared: Callable[..., Report], moving_frames: Frames, master_clip: Path, astronaut: Picture
) -> None:
    plain = compared(moving_frames[40], 75, master_clip)
    assert (plain.verdict, plain.changes) == ("authentic_copy", ())
    altered = compared(repaint_mouth(moving_frames, 40, 40, astronaut)[40], 75, master_clip)
    assert altered.verdict == "altered"
    assert {change.region for change in altered.changes} <= {"mouth", "face"}


# Rows, columns and patch in the photograph: one network takes the flag for a person; the body without its head is one.
@pytest.mark.parametrize(
    ("rows", "columns", "patch", "part"),
    [
        (slice(0, 260), slice(0, 130), (13, 100, 43, 130), Region.BACKGROUND),
        (slice(200, 512), slice(0, 512), (150, 150, 210, 200), Region.BODY),
    ],
)
def test_change_of_a_picture_without_a_face(
    compared: Callable[..., Report],
    astronaut: Picture,
    tmp_path: Path,
    rows: slice,
    columns: slice,
    patch: Bounds,
    part: Region,
) -> None:
    cut, master = astronaut[rows, columns], tmp_path / "master.png"
    assert cv2.imwrite(str(master), resized(cut, 3))
    report = compared(resized(mirrored_inside(cut, patch), 3), master=master)
    assert {change.region for change in report.changes} == {part}


def test_unrelated_picture_is_not_taken_for_a_copy(compared: Callable[..., Report]) -> None:
    blots = np.random.default_rng(5).integers(0, 255, (30, 40, 3), np.uint8)
    report = compared(np.asarray(cv2.resize(blots, (512, 400), interpolation=cv2.INTER_CUBIC), np.uint8))
    assert (report.verdict, report.changes, report.edits) == ("inconclusive", (), ())
    assert "comparison.not_aligned" in {a.code for a in report.abstentions}


@pytest.mark.parametrize(
    ("side", "start", "end"), [(80, (314, 428), (80, 380)), (61, (284, 420), (436, 390)), (80, (378, 334), (420, 136))]
)
def test_a_patch_that_was_moved_within_the_picture_is_no_overlay(
    compared: Callable[..., Report], astronaut: Picture, side: int, start: tuple[int, int], end: tuple[int, int]
) -> None:
    moved = astronaut.copy()
    patch = astronaut[start[1] : start[1] + side, start[0] : start[0] + side]
    moved[end[1] : end[1] + side, end[0] : end[0] + side] = patch
    report = compared(moved, 85)
    assert report.verdict.value == "altered"
    assert [edit.kind for edit in report.edits] == []
    (change,) = report.changes
    assert change.box is not None
    centre = change.box.x + change.box.w / 2, change.box.y + change.box.h / 2
    assert abs(centre[0] - end[0] - side / 2) < 20
    assert abs(centre[1] - end[1] - side / 2) < 20
    grey = astronaut.copy()
    grey[end[1] : end[1] + side, end[0] : end[0] + side] = (40, 220, 250)
    assert [edit.kind for edit in compared(grey, 85).edits] == ["overlay"]


def badge(image: Picture, what: str) -> Picture:
    """A graphic over suit or flag: shaded, see-through, or with a soft edge."""
    out = image.copy()
    left, top, side = {"disc": (330, 330, 110), "pane": (60, 400, 400), "glow": (40, 120, 110)}[what]
    place = np.s_[top : top + (70 if what == "pane" else side), left : left + side]
    if what == "pane":
        out[place] = np.round(image[place] * 0.4 + np.array([120, 60, 20]) * 0.6)
        cv2.putText(out, "best day ever", (left + 20, top + 48), 0, 1.4, (255, 255, 255), 3, cv2.LINE_AA)
        return out
    shade = np.linspace(0, 1, side)[:, None, None] * (what == "disc")
    out[place] = np.round(np.array([60, 220, 255]) * (1 - shade) + np.array([20, 110, 240]) * shade)
    weight = np.zeros(image.shape[:2], np.float32)
    cv2.circle(weight, (left + side // 2, top + side // 2), side // 2 - 10, (1.0,), -1, cv2.LINE_AA)
    soft = cv2.GaussianBlur(weight, (0, 0), 4 if what == "glow" else 0.6)[..., None]
    return np.round(soft * out + (1 - soft) * image).astype(np.uint8)


@pytest.mark.parametrize("factor", [1.0, 0.6])
@pytest.mark.parametrize("what", ["disc", "pane", "glow"])
def test_shaded_and_see_through_graphics_are_overlays(
    compared: Callable[..., Report], astronaut: Picture, what: str, factor: float
) -> None:
    report = compared(resized(badge(astronaut, what), factor), 75)
    assert (report.verdict, report.changes) == ("authentic_copy", ())
    assert "overlay" in {edit.kind for edit in report.edits}


@pytest.mark.parametrize("factor", [1.0, 0.6])
def test_a_natural_patch_with_a_sharp_outline_is_a_change(
    compared: Callable[..., Report], astronaut: Picture, factor: float
) -> None:
    other = np.ascontiguousarray(astronaut[::-1, ::-1])
    out = astronaut.copy()
    out[330:430, 330:430] = other[330:430, 330:430]
    assert compared(resized(out, factor), 75).verdict == "altered"
