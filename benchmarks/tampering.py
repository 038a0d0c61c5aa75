"""True alterations of photographs, from photographs as they are: patches, clones, erasures, blurs, warps.

Nothing is generated, and no face is given to anybody else: what is put on a face comes from the same picture, and
patches of another photograph show its scenery or clothes. A maker gives up (None) where the change would hardly show.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.graphics import FaceBox, Image, Rng

Floats = NDArray[np.float32]
Maker = Callable[[Image, Image, list[FaceBox], Rng], Image | None]
# Mean absolute difference in luma over the changed area from which a change is to be found, levels.
LEAST_SEEN: Final = 8.0
LEAST_SIDE: Final = 20
LEAST_FACE: Final = 60.0
_TRIES: Final = 80
_SHARES: Final = (0.14, 0.2, 0.28)


def foreign_patch(picture: Image, other: Image, faces: list[FaceBox], rng: Rng) -> Image | None:
    """A rectangle of another photograph, cut out sharply."""
    return _patched(picture, other, faces, rng, 0.0)


def foreign_blended(picture: Image, other: Image, faces: list[FaceBox], rng: Rng) -> Image | None:
    """The same with a soft edge."""
    return _patched(picture, other, faces, rng, 0.08)


def cloned(picture: Image, other: Image, faces: list[FaceBox], rng: Rng) -> Image | None:
    """A rectangle of the same photograph elsewhere, with a sharp or a soft edge."""
    return _patched(picture, picture, faces, rng, float(rng.choice([0.0, 0.08])))


def erased(picture: Image, other: Image, faces: list[FaceBox], rng: Rng) -> Image | None:
    """Something taken away: the place is filled from around it."""

    def make(box: tuple[int, int, int, int]) -> Image:
        mask = np.zeros(picture.shape[:2], np.uint8)
        x, y, w, h = box
        cv2.ellipse(mask, (x + w // 2, y + h // 2), (w // 2, h // 2), 0, 0, 360, 255, -1)
        return np.asarray(cv2.inpaint(picture, mask, 5, cv2.INPAINT_TELEA), np.uint8)

    return _somewhere(picture, faces, rng, make)


def blurred(picture: Image, other: Image, faces: list[FaceBox], rng: Rng) -> Image | None:
    """A part of the scene made unreadable."""

    def make(box: tuple[int, int, int, int]) -> Image:
        soft = np.asarray(cv2.GaussianBlur(picture, (0, 0), box[2] * float(rng.uniform(0.1, 0.2))), np.uint8)
        return _mixed(picture, soft, _oval(picture, box, 0.05))

    return _somewhere(picture, faces, rng, make)


def warped(picture: Image, other: Image, faces: list[FaceBox], rng: Rng) -> Image | None:
    """A part pushed aside, as with a reshaping tool."""

    def make(box: tuple[int, int, int, int]) -> Image:
        weight = _oval(picture, box, 0.2)
        turn, reach = float(rng.uniform(0, 2 * np.pi)), 0.18 * box[2]
        y, x = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]].astype(np.float32)
        there = (x + weight * reach * np.cos(turn), y + weight * reach * np.sin(turn))
        moved = cv2.remap(
            picture,
            there[0].astype(np.float32),
            there[1].astype(np.float32),
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        return np.asarray(moved, np.uint8)

    return _somewhere(picture, faces, rng, make)


def cut_out(picture: Image, other: Image, faces: list[FaceBox], rng: Rng) -> Image | None:
    """A round or angular piece of another photograph, cut out sharply."""
    return _piece(picture, other, faces, rng, recolour=False)


def recoloured(picture: Image, other: Image, faces: list[FaceBox], rng: Rng) -> Image | None:
    """Such a piece of the same photograph, upside down and in other colours."""
    return _piece(picture, picture[::-1], faces, rng, recolour=True)


def face_blurred(picture: Image, other: Image, faces: list[FaceBox], rng: Rng) -> Image | None:
    """The largest face made unrecognisable."""
    box = _largest(faces)
    if box is None:
        return None
    soft = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.12 * box[2]), np.uint8)
    return _seen(picture, _mixed(picture, soft, _oval(picture, box, 0.08)))


def face_mirrored(picture: Image, other: Image, faces: list[FaceBox], rng: Rng) -> Image | None:
    """The largest face, left and right exchanged."""
    box = _largest(faces)
    if box is None:
        return None
    x, y, w, h = box
    turned = picture.copy()
    turned[y : y + h, x : x + w] = picture[y : y + h, x : x + w][:, ::-1]
    return _seen(picture, _mixed(picture, turned, _oval(picture, box, 0.06)))


def mouth_painted_over(picture: Image, other: Image, faces: list[FaceBox], rng: Rng) -> Image | None:
    """The mouth of the largest face covered with skin of its cheek or forehead."""
    box = _largest(faces)
    if box is None:
        return None
    x, y, w, h = box
    mouth = (round(x + 0.27 * w), round(y + 0.64 * h), round(0.46 * w), round(0.24 * h))
    rows = round(float(rng.choice([0.5, 0.28])) * h)
    moved = np.roll(picture, rows, axis=0)
    return _seen(picture, _mixed(picture, np.asarray(moved, np.uint8), _oval(picture, mouth, 0.1)))


ALTERATIONS: Final[dict[str, Maker]] = {
    maker.__name__: maker
    for maker in (
        foreign_patch, foreign_blended, cloned, erased, blurred, warped,
        face_blurred, face_mirrored, mouth_painted_over,
    )
}  # fmt: skip
# For training only: the benchmark does without.
MORE: Final[dict[str, Maker]] = {maker.__name__: maker for maker in (cut_out, recoloured)}


def _patched(picture: Image, source: Image, faces: list[FaceBox], rng: Rng, soft: float) -> Image | None:
    def make(box: tuple[int, int, int, int]) -> Image | None:
        x, y, w, h = box
        if source.shape[0] <= h or source.shape[1] <= w:
            return None
        left, top = int(rng.integers(0, source.shape[1] - w)), int(rng.integers(0, source.shape[0] - h))
        overlaps = source is picture and abs(left - x) < w and abs(top - y) < h
        patch = source[top : top + h, left : left + w]
        if overlaps or float(cv2.cvtColor(patch, cv2.COLOR_BGR2GRAY).std()) < LEAST_SEEN:
            return None
        laid = picture.copy()
        laid[y : y + h, x : x + w] = patch
        return laid if soft == 0 else _mixed(picture, laid, _rectangle(picture, box, soft))

    return _somewhere(picture, faces, rng, make)


def _piece(picture: Image, source: Image, faces: list[FaceBox], rng: Rng, *, recolour: bool) -> Image | None:
    def make(box: tuple[int, int, int, int]) -> Image | None:
        x, y, w, h = box
        if source.shape[0] <= h or source.shape[1] <= w:
            return None
        left, top = int(rng.integers(0, source.shape[1] - w)), int(rng.integers(0, source.shape[0] - h))
        patch = source[top : top + h, left : left + w].astype(np.float32)
        if float(patch.mean(axis=2).std()) < LEAST_SEEN:
            return None
        if recolour:
            patch = (patch * float(rng.uniform(0.7, 1.2)) + rng.uniform(-25, 25, 3)).astype(np.float32)
        laid = picture.copy()
        laid[y : y + h, x : x + w] = np.clip(patch, 0, 255)
        turns = np.sort(rng.uniform(0, 2 * np.pi, 40))
        reach = np.full(len(turns), 0.5)
        if rng.random() < 0.5:
            turns, reach = turns[::6], rng.uniform(0.25, 0.5, len(turns[::6]))
        corners = np.stack([x + w * (0.5 + reach * np.cos(turns)), y + h * (0.5 + reach * np.sin(turns))], axis=1)
        mask = np.zeros(picture.shape[:2], np.float32)
        cv2.fillPoly(mask, [corners.astype(np.int32)], (1.0,), cv2.LINE_AA)
        return _mixed(picture, laid, mask)

    return _somewhere(picture, faces, rng, make)


def _somewhere(
    picture: Image, faces: list[FaceBox], rng: Rng, make: Callable[[tuple[int, int, int, int]], Image | None]
) -> Image | None:
    """The first place off all faces where the change shows."""
    height, width = picture.shape[:2]
    side = max(LEAST_SIDE, round(float(rng.choice(_SHARES)) * min(height, width)))
    for _ in range(_TRIES):
        w, h = side, round(side * float(rng.uniform(0.75, 1.3)))
        if w >= width or h >= height:
            return None
        box = (int(rng.integers(0, width - w)), int(rng.integers(0, height - h)), w, h)
        if any(_meet(box, face) for face in faces):
            continue
        made = make(box)
        if made is not None and _seen(picture, made) is not None:
            return made
    return None


def _seen(before: Image, after: Image) -> Image | None:
    """The altered picture, where the change shows enough; after a re-post of .6 of the size, coded hard."""
    small = [
        cv2.resize(cv2.cvtColor(i, cv2.COLOR_BGR2GRAY), None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
        for i in (before, after)
    ]
    apart = cv2.GaussianBlur(cv2.absdiff(*small).astype(np.float32), (0, 0), 1.0)
    changed = apart > 2
    return after if changed.any() and float(apart[changed].mean()) >= LEAST_SEEN else None


def _largest(faces: list[FaceBox]) -> tuple[int, int, int, int] | None:
    box = max(faces, key=lambda face: face[2] * face[3], default=None)
    if box is None or box[2] < LEAST_FACE:
        return None
    x, y, w, h = (round(v) for v in box)
    return x, y, w, h


def _meet(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]


def _oval(picture: Image, box: tuple[int, int, int, int], soft: float) -> Floats:
    mask = np.zeros(picture.shape[:2], np.float32)
    x, y, w, h = box
    cv2.ellipse(mask, (x + w // 2, y + h // 2), (w // 2, h // 2), 0, 0, 360, (1.0,), -1)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(0.8, soft * w)), np.float32)


def _rectangle(picture: Image, box: tuple[int, int, int, int], soft: float) -> Floats:
    mask = np.zeros(picture.shape[:2], np.float32)
    x, y, w, h = box
    rim = max(1, round(2 * soft * w))
    mask[y + rim : y + h - rim, x + rim : x + w - rim] = 1
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(0.8, soft * w)), np.float32)


def _mixed(picture: Image, other: Image, weight: Floats) -> Image:
    share = weight[:, :, None]
    return np.asarray(np.round(picture * (1 - share) + other * share), np.uint8)
