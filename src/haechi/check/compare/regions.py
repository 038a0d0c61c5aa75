"""Which part of a person, or the background, each cell of the picture shows.

Method: the face mesh of the *master* (the authentic face; the probe's may be the altered one) gives polygons for mouth,
eyes and face; hair and neck are rings around it; a person mask gives the body (where no face is found, only if it is
sure); the rest is background. The mesh runs a few times a second and is interpolated in between.
Limits: a person seen from behind has no face regions, only `body`, or none where the mask is not sure; faces under
about 24 px are not found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.check.compare.geometry import Affine
from haechi.core.media.faces import FaceFinder, FaceMesh
from haechi.core.media.persons import PersonMask
from haechi.core.records import Region

MESH_EVERY_S = 0.12
# In between the mesh follows itself. The smallest faces are not looked for more often: it takes most of the time.
FIND_EVERY_S = 1.0
# Where no face was seen for that long, larger ones are looked for at these intervals.
FIND_AGAIN_S = 0.36
PERSON_EVERY_S = 0.8
MAX_FACES = 6

FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)

# Painted in this order, so that the later, smaller part wins.
CODES: dict[Region, int] = {
    Region.BACKGROUND: 0,
    Region.BODY: 1,
    Region.HAIR: 2,
    Region.NECK: 3,
    Region.FACE: 4,
    Region.EYES: 5,
    Region.MOUTH: 6,
}
REGION_OF_CODE = {code: region for region, code in CODES.items()}

Points = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Parts:
    """Regions of one window.

    Attributes:
        codes: uint8 (n, gh, gw), values of CODES.
        faces: per frame the meshes in probe pixels, float32 (478, 2) each.
        person_seen: whether any face or person was found at all.
    """

    codes: NDArray[np.uint8]
    faces: tuple[tuple[Points, ...], ...]
    person_seen: bool


class RegionPainter:
    """Finds faces and persons in master frames and paints their regions in probe geometry."""

    def __init__(self, models: Path) -> None:
        self._finder = FaceFinder(models)
        self._mesh = FaceMesh(models, iris=False)
        self._person = PersonMask(models)

    def paint(
        self,
        masters: Sequence[NDArray[np.uint8]],
        times_s: NDArray[np.float64],
        matrix: Affine,
        shape: tuple[int, int],
        cell: int,
    ) -> Parts:
        """Regions for each frame.

        Args:
            masters: luma uint8 (h, w) of the matched master frames, one per probe frame.
            times_s: their probe times, ascending.
            matrix: master -> probe pixels.
            shape: (h, w) of the probe at its working size.
            cell: side of a cell, pixels.
        """
        meshes = self._meshes(masters, times_s, matrix)
        find = self._person.mask if any(meshes) else self._person.sure_mask
        bodies = self._bodies(find, masters, times_s, matrix, shape, cell)
        grid = (max(1, shape[0] // cell), max(1, shape[1] // cell))
        codes = np.zeros((len(masters), *grid), np.uint8)
        for i, faces in enumerate(meshes):
            codes[i] = _paint_one(bodies[i], faces, cell)
        seen = any(meshes) or any(bool((b > 0.5).mean() > 0.02) for b in bodies)
        return Parts(codes, tuple(meshes), seen)

    def _meshes(
        self, masters: Sequence[NDArray[np.uint8]], times_s: NDArray[np.float64], matrix: Affine
    ) -> list[tuple[Points, ...]]:
        keys = _every(times_s, MESH_EVERY_S)
        found: dict[int, list[Points]] = {}
        known: list[Points] = []
        looked_s = looked_closely_s = seen_s = -np.inf
        for i in keys:
            picture, faceless = _colour(masters[i]), times_s[i] - seen_s >= FIND_EVERY_S
            marks = [self._mesh.follow(picture, points) for points in known]
            patience_s = FIND_EVERY_S if marks else FIND_AGAIN_S if faceless else 0.0
            if times_s[i] - looked_s >= patience_s or None in marks:
                small = not known and times_s[i] - looked_closely_s >= FIND_EVERY_S
                faces = sorted(self._finder.find(picture, small=small), key=lambda f: -f.box.w * f.box.h)
                marks = [self._mesh.landmarks(picture, face) for face in faces[:MAX_FACES]]
                looked_s = float(times_s[i])
                looked_closely_s = looked_s if small else looked_closely_s
            known = [m.points for m in marks if m is not None]
            seen_s = float(times_s[i]) if known else seen_s
            found[i] = [_move(points, matrix) for points in known]
        return [_between(i, times_s, keys, found) for i in range(len(masters))]

    def _bodies(
        self,
        find: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
        masters: Sequence[NDArray[np.uint8]],
        times_s: NDArray[np.float64],
        matrix: Affine,
        shape: tuple[int, int],
        cell: int,
    ) -> list[NDArray[np.float32]]:
        size = (max(1, shape[1] // cell), max(1, shape[0] // cell))
        keys = _every(times_s, PERSON_EVERY_S)
        masks = []
        for i in keys:
            mask = find(_colour(masters[i]))
            masks.append(cv2.warpAffine(mask, matrix / cell, size, flags=cv2.INTER_LINEAR))
        nearest = np.clip(np.searchsorted(keys, np.arange(len(masters)), side="right") - 1, 0, len(keys) - 1)
        return [masks[k] for k in nearest]


def _colour(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(luma, cv2.COLOR_GRAY2BGR), dtype=np.uint8)


def _every(times_s: NDArray[np.float64], interval_s: float) -> list[int]:
    picked = [0]
    for i, time in enumerate(times_s):
        if time - times_s[picked[-1]] >= interval_s:
            picked.append(i)
    if picked[-1] != len(times_s) - 1:
        picked.append(len(times_s) - 1)
    return picked


def _move(points: Points, matrix: Affine) -> Points:
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], dtype=np.float32)


def _between(
    i: int, times_s: NDArray[np.float64], keys: list[int], found: dict[int, list[Points]]
) -> tuple[Points, ...]:
    """Meshes of frame i, interpolated between the key frames around it where the same face shows in both."""
    after = int(np.searchsorted(keys, i))
    if keys[after] == i:
        return tuple(found[i])
    left, right = keys[after - 1], keys[after]
    t = (times_s[i] - times_s[left]) / max(times_s[right] - times_s[left], 1e-6)
    out = []
    for a in found[left]:
        size = float(np.ptp(a[:, 1]))
        twins = [b for b in found[right] if np.linalg.norm(a.mean(0) - b.mean(0)) < 0.5 * size]
        if twins:
            b = min(twins, key=lambda b: float(np.linalg.norm(a.mean(0) - b.mean(0))))
            out.append(((1 - t) * a + t * b).astype(np.float32))
        else:
            out.append(a)
    return tuple(out)


def _paint_one(body: NDArray[np.float32], faces: tuple[Points, ...], cell: int) -> NDArray[np.uint8]:
    codes = np.where(body > 0.5, CODES[Region.BODY], CODES[Region.BACKGROUND]).astype(np.uint8)
    for points in faces:
        scaled = np.asarray(points / cell - 0.5, dtype=np.float32)
        oval = scaled[list(FACE_OVAL)]
        centre, height = oval.mean(0), float(np.ptp(oval[:, 1]))
        up = scaled[10] - scaled[152]
        up = up / max(float(np.linalg.norm(up)), 1e-6)
        _fill(codes, _grow(oval, 1.55) + 0.12 * height * up, CODES[Region.HAIR])
        _fill(codes, _neck(oval, scaled, height, up), CODES[Region.NECK])
        _fill(codes, centre + (oval - centre) * 1.05, CODES[Region.FACE])
        for eye in (RIGHT_EYE, LEFT_EYE):
            _fill(codes, _grow(scaled[list(eye)], 1.6), CODES[Region.EYES])
        _fill(codes, _grow(scaled[list(LIPS)], 1.45), CODES[Region.MOUTH])
    return codes


def _neck(oval: Points, scaled: Points, height: float, up: Points) -> Points:
    left, right = scaled[172], scaled[397]
    below = 0.55 * height * up
    return np.array([left, right, right - below, left - below], np.float32)


def _grow(points: Points, factor: float) -> Points:
    centre = points.mean(0)
    return np.asarray(centre + (points - centre) * factor, dtype=np.float32)


def _fill(codes: NDArray[np.uint8], polygon: Points, code: int) -> None:
    hull = cv2.convexHull(np.round(polygon * 8).astype(np.int32))
    cv2.fillConvexPoly(codes, hull, code, shift=3)
