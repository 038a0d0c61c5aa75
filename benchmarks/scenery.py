"""Alterations outside the face, from the same footage: body of another moment, a piece of background elsewhere."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.alterations import face_width, paste
from benchmarks.clips import Clip, Floats, Image, Material
from benchmarks.retiming import NotPossibleError

_TRIES = 400
_MIN_DIFFERENCE = 10.0  # mean absolute luma and colour difference of two places, 16 x 16 px each


def body_other_moment(clip: Clip, material: Material, inside: slice, rng: np.random.Generator) -> Clip:
    """Show the body below the chin at the moment when it looks most different, moved a little when it hardly moves."""
    width = face_width(material.landmarks[inside])
    chin = float(np.nanmax(material.landmarks[inside][:, 152, 1])) + 0.15 * width
    height = clip.frames[0].shape[0]
    if height - chin < 0.3 * width:
        raise NotPossibleError("too little body in the picture")
    below = (material.persons > 0.5).astype(np.float32)
    below[: round(chin)] = 0
    mask = np.asarray(cv2.GaussianBlur(below, (0, 0), 0.04 * width), np.float32)
    middle = clip.frames[len(clip.frames) // 2].astype(np.int16)
    step = max(1, len(material.frames) // 24)
    far = [float((np.abs(image - middle).mean(axis=2) * mask).mean()) for image in material.frames[::step]]
    source = material.frames[int(np.argmax(far)) * step]
    shift = float(rng.choice([-1, 1]) * rng.uniform(0.06, 0.12) * width)
    matrix = np.array([[1, 0, shift], [0, 1, 0]], np.float64)
    size = (source.shape[1], source.shape[0])
    warped = cv2.warpAffine(source, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    moved = np.asarray(warped, np.uint8)
    return paste((clip, material, inside), rng, "body", lambda image, _: _mixed(image, moved, mask))


def background_paste(clip: Clip, material: Material, inside: slice, rng: np.random.Generator) -> Clip:
    """Copy a piece of background to another place of the background that looks different."""
    width = face_width(material.landmarks[inside])
    side = round(float(rng.uniform(0.3, 0.7)) * width)
    free = cv2.dilate((material.persons > 0.2).astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
    frame = clip.frames[len(clip.frames) // 2]
    source, goal = _different_places(frame, free, side, rng)
    hard = np.zeros(frame.shape[:2], np.float32)
    rim = max(2, side // 12)
    hard[goal[1] + rim : goal[1] + side - rim, goal[0] + rim : goal[0] + side - rim] = 1
    mask = np.asarray(cv2.GaussianBlur(hard, (0, 0), rim / 2), np.float32)

    def make(image: Image, _: int) -> Image:
        other = image.copy()
        piece = image[source[1] : source[1] + side, source[0] : source[0] + side]
        other[goal[1] : goal[1] + side, goal[0] : goal[0] + side] = piece
        return _mixed(image, other, mask)

    return paste((clip, material, inside), rng, "background", make)


def _different_places(
    frame: Image, free: NDArray[np.bool_], side: int, rng: np.random.Generator
) -> tuple[tuple[int, int], tuple[int, int]]:
    height, width = frame.shape[:2]
    if side >= min(height, width):
        raise NotPossibleError("the face fills the picture")
    room = cv2.integral(free.astype(np.uint8))
    places = []
    for _ in range(_TRIES):
        x, y = int(rng.integers(0, width - side)), int(rng.integers(0, height - side))
        if room[y + side, x + side] - room[y, x + side] - room[y + side, x] + room[y, x] == side * side:
            places.append((x, y))
    pair = None
    for _ in range(_TRIES):
        if len(places) < 2:
            break
        one, two = (places[int(i)] for i in rng.integers(0, len(places), 2))
        if max(abs(one[0] - two[0]), abs(one[1] - two[1])) < side:
            continue
        pieces = [frame[y : y + side, x : x + side] for x, y in (one, two)]
        differs = float(cv2.absdiff(*(cv2.resize(p, (16, 16), interpolation=cv2.INTER_AREA) for p in pieces)).mean())
        if differs >= _MIN_DIFFERENCE:
            pair = (one, two)
            break
    if pair is None:
        raise NotPossibleError("the background is plain or hidden")
    return pair


def _mixed(image: Image, other: Image, mask: Floats) -> Image:
    weight = mask[:, :, None]
    return np.asarray(np.round(image * (1 - weight) + other * weight), np.uint8)
