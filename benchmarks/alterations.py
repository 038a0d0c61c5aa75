"""Alterations of a person from their own footage only (DESIGN.md section 2, rule 1): no swap, no generation.

Method: each maker picks a sub-span, takes pixels of the same clip (another moment, or another place of the same
frame), moves them onto the face of the frame by the similarity of stable landmarks, equalises the colour along the
seam and blends with a feathered mask. A maker measures how much the picture changed (`visibility`) and gives up
(`NotPossibleError`) when no moment of the footage looks different enough: what nobody can see is no test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.clips import Altered, Clip, Floats, Image, Material
from benchmarks.retiming import NotPossibleError, moments

LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
CHIN = (2, 152, 148, 377, 176, 400, 149, 378, 150, 379, 205, 425)
RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
RIGHT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_BROW = (336, 296, 334, 293, 300, 276, 283, 282, 295, 285)
NOSE = (1, 2, 98, 327, 49, 279, 195, 5, 4)
OVAL: tuple[int, ...] = (
    10,
    338,
    297,
    332,
    284,
    251,
    389,
    356,
    454,
    323,
    361,
    288,
    397,
    365,
    379,
    378,
    400,
    377,
    152,
    148,
    176,
    149,
)
OVAL += (150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)
STABLE = (33, 133, 362, 263, 168, 6, 197, 195, 1, 2, 98, 327, 9, 8, 151, 10, 67, 297)
MIN_VISIBILITY = {"mouth": 4.0, "eyes": 4.0, "face": 3.5, "blur": 3.5, "repaint": 6.0, "body": 4.0, "background": 8.0}
_MAX_SHIFT = 8.0  # levels
_VIEW_PX = 96.0  # width of the face at which visibility is measured


@dataclass(slots=True)
class _Run:
    """One alteration under way: frames of the span, their numbers in the material, what was changed."""

    clip: Clip
    material: Material
    inside: slice
    span: range

    def number(self, index: int) -> int:
        """Material frame of clip frame `index`."""
        return int(self.inside.start) + index


def retime(clip: Clip, material: Material, inside: slice, rng: np.random.Generator, part: str) -> Clip:
    """Show the mouth, the eyes or the whole face of another moment, in a sub-span."""
    run = _Run(clip, material, inside, _choose_span(clip, rng))
    groups, grow, watch = _parts(part, rng)
    width = face_width(material.landmarks[inside])
    faces = _smoothed(material.landmarks)
    best: tuple[float, Any] | None = None
    for sources, how in moments(faces, [run.number(i) for i in run.span], watch, STABLE, rng):
        patches = [
            _transplant(run, index, source, faces, groups, grow, width)
            for index, source in zip(run.span, sources, strict=True)
        ]
        seen = np.median([_visibility(clip.frames[i], p, width) for i, p in zip(run.span, patches, strict=True)])
        if best is None or seen > best[0]:
            best = (float(seen), (patches, how))
        if seen >= 1.5 * MIN_VISIBILITY[part]:
            break
    if best is None:
        raise NotPossibleError("the face is not followed throughout the span")
    patches, how = best[1]
    accept = {"mouth": ("face",), "eyes": ("face",), "face": ("mouth", "eyes", "hair")}[part]
    return _applied(run, patches, width, part, part, accept, how)


def blur(clip: Clip, material: Material, inside: slice, rng: np.random.Generator) -> Clip:
    """Blur one small part of the face."""
    run = _Run(clip, material, inside, _choose_span(clip, rng))
    name, points = _small_part(rng)
    width = face_width(material.landmarks[inside])
    sigma = float(rng.uniform(0.045, 0.08)) * width
    faces = _smoothed(material.landmarks)
    patches = []
    for index in run.span:
        image = clip.frames[index]
        mask = _mask_of(image, [faces[run.number(index)][list(points)]], 1.3, 0.03 * width)
        patches.append(_blended(image, _part_blurred(image, mask, sigma), mask))
    return _applied(run, patches, width, "blur", *_label(name), {"target": name, "sigma_px": round(sigma, 1)})


def repaint(clip: Clip, material: Material, inside: slice, rng: np.random.Generator) -> Clip:
    """Paint skin of the same frame's forehead or cheek over one small part of the face."""
    run = _Run(clip, material, inside, _choose_span(clip, rng))
    width = face_width(material.landmarks[inside])
    faces = _smoothed(material.landmarks)
    name, points = _small_part(rng)
    source_point = int(rng.choice([151, 50, 280]))
    patches = []
    for index in run.span:
        image, face = clip.frames[index], faces[run.number(index)]
        goal = face[list(points)]
        step = face[source_point] - goal.mean(axis=0)
        moved = _warped(image, np.array([[1, 0, -step[0]], [0, 1, -step[1]]], np.float64))
        flat = np.asarray(cv2.GaussianBlur(moved, (0, 0), 0.02 * width), np.uint8)
        mask = _mask_of(image, [goal], 1.25, 0.025 * width)
        patches.append(_blended(image, _equalised(image, flat, mask), mask))
    return _applied(run, patches, width, "repaint", *_label(name), {"target": name, "skin_from": source_point})


def face_width(landmarks: Floats) -> float:
    """Median width of the face, pixels."""
    if np.isnan(landmarks).all():
        raise NotPossibleError("no face was found in this clip")
    return float(np.nanmedian(np.hypot(*(landmarks[:, 454] - landmarks[:, 234]).T)))


def _parts(part: str, rng: np.random.Generator) -> tuple[list[tuple[int, ...]], float, tuple[int, ...]]:
    if part == "mouth":
        return ([LIPS] if rng.random() < 0.5 else [LIPS + CHIN]), 1.2, LIPS
    if part == "eyes":
        return [RIGHT_EYE + RIGHT_BROW[5:], LEFT_EYE + LEFT_BROW[5:]], 1.35, RIGHT_EYE + LEFT_EYE
    return [OVAL], 0.97, LIPS + RIGHT_EYE + LEFT_EYE


def _small_part(rng: np.random.Generator) -> tuple[str, tuple[int, ...]]:
    names = {"right eye": RIGHT_EYE, "left eye": LEFT_EYE, "right brow": RIGHT_BROW, "left brow": LEFT_BROW}
    names |= {"mouth": LIPS, "nose": NOSE}
    name = str(rng.choice(sorted(names)))
    return name, names[name]


def _label(name: str) -> tuple[str, tuple[str, ...]]:
    if name == "mouth":
        return "mouth", ("face",)
    return ("face", ("mouth", "eyes")) if name == "nose" else ("eyes", ("face",))


def _choose_span(clip: Clip, rng: np.random.Generator) -> range:
    """40-60 % of the clip, somewhere inside; the first and last two frames stay."""
    count = len(clip.frames)
    length = max(5, round(count * rng.uniform(0.4, 0.6)))
    first = int(rng.integers(2, max(3, count - length - 2)))
    return range(first, min(count - 2, first + length))


def _smoothed(landmarks: Floats) -> Floats:
    """Landmarks without the jitter of single frames: weights 1/4, 1/2, 1/4 over time."""
    padded = np.concatenate([landmarks[:1], landmarks, landmarks[-1:]])
    return np.asarray(0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:], np.float32)


def _transplant(
    run: _Run, index: int, source: int, faces: Floats, groups: list[tuple[int, ...]], grow: float, width: float
) -> Image:
    image = run.clip.frames[index]
    here, there = faces[run.number(index)], faces[source]
    matrix = similarity(there[list(STABLE)], here[list(STABLE)])
    moved = _warped(run.material.frames[source], matrix)
    outlines = []
    for group in groups:
        carried = there[list(group)] @ matrix[:, :2].T + matrix[:, 2]
        outlines.append(np.concatenate([here[list(group)], carried]))
    mask = _mask_of(image, outlines, grow, 0.03 * width)
    return _blended(image, _equalised(image, moved, mask), mask)


def similarity(source: NDArray[Any], goal: NDArray[Any]) -> NDArray[np.float64]:
    """Least-squares rotation, scale and shift (2, 3) that brings points `source` (n, 2) onto `goal`."""
    a, b = source - source.mean(axis=0), goal - goal.mean(axis=0)
    z = np.vdot(a[:, 0] + 1j * a[:, 1], b[:, 0] + 1j * b[:, 1]) / np.sum(a**2)
    turn = np.array([[z.real, -z.imag], [z.imag, z.real]])
    return np.column_stack([turn, goal.mean(axis=0) - turn @ source.mean(axis=0)])


def _mask_of(image: Image, outlines: Sequence[NDArray[Any]], grow: float, feather: float) -> Floats:
    """Feathered mask of the hulls of point groups, each grown about its centre: float32 (h, w), 0 to 1."""
    mask = np.zeros(image.shape[:2], np.float32)
    for points in outlines:
        centre = points.mean(axis=0)
        hull = cv2.convexHull(((points - centre) * grow + centre).astype(np.float32))
        cv2.fillPoly(mask, [np.round(hull).astype(np.int32)], (1.0,), cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(feather, 0.6)), np.float32)


def _warped(image: Image, matrix: NDArray[np.float64]) -> Image:
    size = (image.shape[1], image.shape[0])
    moved = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.uint8)


def _part_blurred(image: Image, mask: Floats, sigma: float) -> Image:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8) if mask.any() else image


def _equalised(image: Image, moved: Image, mask: Floats) -> Image:
    """`moved` with its colour along the rim of the mask shifted to that of `image`, a little at most.

    The median ignores hair and collar behind the rim; a large shift would tint the face instead of hiding the seam.
    """
    rim = (mask > 0.02) & (mask < 0.5)
    if not rim.any():
        return moved
    shift = np.median(image[rim].astype(np.float32) - moved[rim], axis=0).clip(-_MAX_SHIFT, _MAX_SHIFT)
    return np.asarray(np.clip(moved.astype(np.float32) + shift, 0, 255), np.uint8)


def _blended(image: Image, other: Image, mask: Floats) -> Image:
    weight = mask[:, :, None]
    return np.asarray(np.round(image * (1 - weight) + other * weight), np.uint8)


def _visibility(before: Image, after: Image, width: float) -> float:
    """Mean absolute luma difference over the changed area, with the face at `_VIEW_PX`."""
    rows, cols = np.nonzero(np.abs(after.astype(np.int16) - before).max(axis=2) > 2)
    if rows.size == 0:
        return 0.0
    window = np.s_[rows.min() : rows.max() + 1, cols.min() : cols.max() + 1]
    scale = min(1.0, _VIEW_PX / width)
    luma = [
        cv2.resize(cv2.cvtColor(i[window], cv2.COLOR_BGR2GRAY), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        for i in (before, after)
        if min(i[window].shape[:2]) * scale >= 1
    ]
    return float(cv2.absdiff(luma[0], luma[1]).mean()) if luma else 0.0


def _applied(
    run: _Run, patches: list[Image], width: float, kind: str, region: str, accept: tuple[str, ...], how: dict[str, Any]
) -> Clip:
    """Put the patches in, from the first to the last frame that visibly differs."""
    clip = run.clip
    pairs = list(zip(run.span, patches, strict=True))
    seen = np.array([_visibility(clip.frames[index], patch, width) for index, patch in pairs])
    enough = MIN_VISIBILITY[kind]
    good = np.flatnonzero(seen >= enough)
    if good.size < max(5, 0.25 * clip.rate) or np.median(seen[good[0] : good[-1] + 1]) < enough:
        raise NotPossibleError(f"the change is hard to see (median {np.median(seen):.1f}, needed {enough:.1f})")
    frames, times = list(clip.frames), []
    boxes: list[tuple[int, int, int, int]] = []
    for index, patch in pairs[good[0] : good[-1] + 1]:
        boxes.append(_box_of(clip.frames[index], patch, boxes))
        frames[index] = patch
        times.append(index / clip.rate)
    visibility = float(np.median(seen[good[0] : good[-1] + 1]))
    item = Altered(region, accept, np.array(times), np.array(boxes), visibility, 1 / clip.rate, how)
    return replace(clip, frames=frames, altered=(*clip.altered, item))


def _box_of(before: Image, after: Image, known: list[tuple[int, int, int, int]]) -> tuple[int, int, int, int]:
    changed = (np.abs(after.astype(np.int16) - before).max(axis=2) > 2).astype(np.uint8)
    if not changed.any():
        return known[-1] if known else (0, 0, 1, 1)
    x, y, w, h = cv2.boundingRect(changed)
    return x, y, w, h


def paste(
    run_on: tuple[Clip, Material, slice], rng: np.random.Generator, kind: str, make: Callable[[Image, int], Image]
) -> Clip:
    """Shared by `scenery`: apply `make(frame, index)` in a sub-span and record it as `kind`."""
    clip, material, inside = run_on
    run = _Run(clip, material, inside, _choose_span(clip, rng))
    width = face_width(material.landmarks[inside])
    accept = {"body": ("neck",), "background": ()}[kind]
    return _applied(run, [make(clip.frames[i], i) for i in run.span], width, kind, kind, accept, {})
