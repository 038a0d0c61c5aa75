"""Find faces and their 478 points.

Method: BlazeFace [1] finds faces: the short-range network (128 px) sees large ones, the full-range network
(192 px) the smaller ones, the latter also on tiles of an image pyramid, so that a face of 1/60 of the long
side is still found. The face mesh [2] places 468 points in a rotated crop and is run a second time on the
crop that its own first answer asks for; the iris network [3] adds five points for each eye.
Limits: faces turned beyond about 75 degrees, seen from behind, or upside down are missed. Points of a face
under 24 px are guesses. Hidden parts (a hand, a microphone) get points too: the mesh never says "covered".
Invariant: point numbers are MediaPipe's: 0-467 the mesh, 468-472 the iris of the person's right eye (centre
first), 473-477 that of the left eye.
[1] Bazarevsky et al. arXiv 1907.05047.  [2] Kartynnik et al. arXiv 1907.06724.  [3] Ablavatski et al. arXiv
2006.11341.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.media.align import cut
from haechi.core.media.network import Network, batch_of
from haechi.core.records import Box

POINT_COUNT = 478
MIN_SCORE = 0.5
MIN_TILE_SCORE = 0.65
MIN_MESH_SCORE = 0.2
_OVERLAP = 0.3  # of a tile's side: a face up to that size lies whole in one tile
_SHORT_SIDE, _FULL_SIDE, _MESH_SIDE, _IRIS_SIDE = 128, 192, 192, 64
_PYRAMID = (1, 2, 4)  # how many tiles span the long side, roughly
_MIN_LEVEL_SIDE = 320  # a level with smaller tiles than the face network's own input gains nothing
_SHORT_OUTPUTS = ("classificators", "regressors")
_FULL_OUTPUTS = ("reshaped_classifier_face_4", "reshaped_regressor_face_4")
_RIGHT_EYE, _LEFT_EYE = (33, 133), (362, 263)


@dataclass(frozen=True, slots=True)
class Face:
    """A found face.

    Attributes:
        box: forehead to chin, clipped to the picture.
        score: 0 to 1, the network's own confidence.
        keypoints: float32 (6, 2), pixels: right eye, left eye, nose, mouth, right ear, left ear (the person's
        own
            right and left); they may lie outside the picture.
    """

    box: Box
    score: float
    keypoints: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Points of a face: float32 (478, 2) in pixels, and the mesh network's confidence, 0 to 1."""

    points: NDArray[np.float32]
    score: float


@dataclass(frozen=True, slots=True)
class _Region:
    """A rotated square of the picture: centre and side in pixels, angle in radians."""

    x: float
    y: float
    side: float
    angle: float


class FaceFinder:
    """Finds faces from about 1/60 of the long side up to the whole picture.

    Args:
        models: the models folder.
    """

    def __init__(self, models: Path) -> None:
        self._short = Network("face_detection_short_range.tflite", models)
        self._full = Network("face_detection_full_range.tflite", models)
        self._short_anchors = _anchors(((16, 2), (8, 6)))
        self._full_anchors = _anchors(((48, 1),))

    def find(self, image_bgr: NDArray[np.uint8], *, small: bool = True) -> list[Face]:
        """Find the faces of a picture, the most certain first.

        Args:
            image_bgr: uint8 (h, w, 3).
            small: also search the pyramid's tiles; False is for frames of a video, where speed counts more.
        """
        height, width = image_bgr.shape[:2]
        whole = max(height, width)
        found = [self._detect_short(image_bgr, whole)]
        for count in _PYRAMID if small else _PYRAMID[:1]:
            side = whole / count
            if count == 1 or side >= _MIN_LEVEL_SIDE * 0.5:
                found.append(self._detect_tiles(image_bgr, side, MIN_SCORE if count == 1 else MIN_TILE_SCORE))
        return _merge(np.concatenate(found), width, height)

    def _detect_short(self, image: NDArray[np.uint8], whole: float) -> NDArray[np.float32]:
        scale = _SHORT_SIDE / whole
        tile, x, y = next(_tiles(image, scale, _SHORT_SIDE))
        scores, boxes = self._short.run(batch_of([tile], 1 / 127.5, -1.0), _SHORT_OUTPUTS)
        hits = _decode(scores, boxes, self._short_anchors, _SHORT_SIDE, MIN_SCORE)
        return _in_picture(hits, x, y, scale)

    def _detect_tiles(self, image: NDArray[np.uint8], side: float, threshold: float) -> NDArray[np.float32]:
        scale = _FULL_SIDE / side
        found = [np.empty((0, 17), np.float32)]
        for tile, x, y in _tiles(image, scale, _FULL_SIDE):
            scores, boxes = self._full.run(batch_of([tile], 1 / 127.5, -1.0), _FULL_OUTPUTS)
            hits = _decode(scores, boxes, self._full_anchors, _FULL_SIDE, threshold)
            found.append(_in_picture(hits, x, y, scale))
        return np.concatenate(found)


class FaceMesh:
    """Places 478 points on a found face.

    Args:
        models: the models folder.
        iris: False saves more than half of the time; points 468-477 then all lie in the middle of their eye.
    """

    def __init__(self, models: Path, *, iris: bool = True) -> None:
        self._mesh = Network("face_landmark.tflite", models)
        self._iris = Network("iris_landmark.tflite", models) if iris else None

    def landmarks(self, image_bgr: NDArray[np.uint8], face: Face) -> Landmarks | None:
        """Place the points of a face that `FaceFinder` found, or return None where there is no face.

        Args:
            image_bgr: the picture in which the face was found, uint8 (h, w, 3).
            face: any size; the crop is scaled to the network.
        """
        first, _ = self._place(image_bgr, _region_of_keypoints(face.keypoints))
        return self.follow(image_bgr, first)

    def follow(self, image_bgr: NDArray[np.uint8], points: NDArray[np.float32]) -> Landmarks | None:
        """Place the points anew near known ones (of the frame before), or return None when the face is gone.

        Args:
            image_bgr: uint8 (h, w, 3).
            points: float32 (at least 468, 2), pixels.
        """
        placed, score = self._place(image_bgr, _region_of_points(points[:468]))
        if score < MIN_MESH_SCORE or not np.isfinite(placed).all():
            return None
        return Landmarks(np.concatenate([placed, self._place_irises(image_bgr, placed)]), score)

    def _place(self, image: NDArray[np.uint8], region: _Region) -> tuple[NDArray[np.float32], float]:
        crop, back = _crop(image, region, _MESH_SIDE)
        raw, flag = self._mesh.run(batch_of([crop], 1 / 255.0), ["conv2d_20", "conv2d_30"])
        points = raw.reshape(468, 3)[:, :2]
        return _transformed(points, back), float(_sigmoid(flag.reshape(-1)[-1:])[0])

    def _place_irises(self, image: NDArray[np.uint8], points: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._iris is None:
            middles = [points[list(eye)].mean(axis=0) for eye in (_RIGHT_EYE, _LEFT_EYE)]
            return np.repeat(np.stack(middles), 5, axis=0)
        crops, backs = [], []
        for (outer, inner), mirror in ((_RIGHT_EYE, False), (_LEFT_EYE, True)):
            ends = points[[outer, inner]]
            across = ends[1] - ends[0]
            centre = ends.mean(axis=0)
            angle = float(np.arctan2(across[1], across[0]))
            side = 2.3 * max(float(np.hypot(*across)), 1.0)
            crop, back = _crop(image, _Region(float(centre[0]), float(centre[1]), side, angle), _IRIS_SIDE)
            crops.append(np.ascontiguousarray(crop[:, ::-1]) if mirror else crop)
            backs.append(back)
        (raw,) = self._iris.run(batch_of(crops, 1 / 255.0), ["output_iris"])
        irises = raw.reshape(2, 5, 3)[:, :, :2]
        irises[1, :, 0] = _IRIS_SIDE - irises[1, :, 0]
        return np.concatenate([_transformed(irises[0], backs[0]), _transformed(irises[1], backs[1])])


def _anchors(levels: Sequence[tuple[int, int]]) -> NDArray[np.float32]:
    """Anchor centres of BlazeFace, float32 (n, 2), 0 to 1; levels are (cells a side, anchors a cell)."""
    rows = []
    for cells, repeats in levels:
        centres = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        grid = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
        rows.append(np.repeat(grid, repeats, axis=0))
    return np.concatenate(rows)


def _tiles(image: NDArray[np.uint8], scale: float, side: int) -> Iterator[tuple[NDArray[np.uint8], int, int]]:
    """Scale the picture and cut overlapping squares; yields (square, left, top) in scaled pixels."""
    height, width = image.shape[:2]
    wide, high = max(round(width * scale), 1), max(round(height * scale), 1)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(image, (wide, high), interpolation=method)
    for top in _starts(high, side):
        for left in _starts(wide, side):
            tile = scaled[top : top + side, left : left + side]
            missing_y, missing_x = side - tile.shape[0], side - tile.shape[1]
            if missing_x or missing_y:  # centred: a face at the picture's edge is then not at the tile's
                x, y = missing_x // 2, missing_y // 2
                tile = cv2.copyMakeBorder(tile, y, missing_y - y, x, missing_x - x, cv2.BORDER_CONSTANT)
                yield np.asarray(tile, np.uint8), left - x, top - y
            else:
                yield np.ascontiguousarray(tile, np.uint8), left, top


def _starts(length: int, side: int) -> list[int]:
    if length <= side:
        return [0]
    count = 1 + int(np.ceil((length - side) / (side * (1 - _OVERLAP))))
    return [round(position) for position in np.linspace(0, length - side, count)]


def _decode(
    scores: NDArray[np.float32],
    raw: NDArray[np.float32],
    anchors: NDArray[np.float32],
    side: int,
    threshold: float,
) -> NDArray[np.float32]:
    """Turn network output into float32 (n, 17): score, centre x, y, width, height, 6 keypoints x, y."""
    confident = _sigmoid(scores.reshape(-1))
    chosen = confident >= threshold
    rows = np.empty((int(chosen.sum()), 17), np.float32)
    rows[:, 0] = confident[chosen]
    rows[:, 1:] = raw.reshape(-1, 16)[chosen]
    centres = anchors[chosen] * side
    rows[:, 1:3] += centres
    rows[:, 5:] += np.tile(centres, 6)
    return rows


def _in_picture(rows: NDArray[np.float32], left: int, top: int, scale: float) -> NDArray[np.float32]:
    """Move rows of `_decode` from a tile at (left, top) of the scaled picture to the picture itself."""
    rows[:, [1, *range(5, 17, 2)]] += left
    rows[:, [2, *range(6, 17, 2)]] += top
    rows[:, 1:] /= scale
    return rows


def _merge(rows: NDArray[np.float32], width: int, height: int) -> list[Face]:
    """Blend overlapping hits, weighted by score; a hit mostly inside a stronger one is the same face."""
    rows = rows[np.argsort(-rows[:, 0], kind="stable")]
    faces: list[Face] = []
    while len(rows):
        same = _overlap(rows[0], rows) > 0.5
        group = rows[same]
        rows = rows[~same]
        near = group[np.abs(np.log(group[:, 3] / group[0, 3])) < 0.5]
        blended = np.average(near, axis=0, weights=near[:, 0]).astype(np.float32)
        box = _clipped_box(blended[1:5], width, height)
        if box is not None:
            faces.append(Face(box, float(group[0, 0]), blended[5:].reshape(6, 2)))
    return faces


def _overlap(one: NDArray[np.float32], rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over the smaller area."""
    low = np.maximum(one[1:3] - one[3:5] / 2, rows[:, 1:3] - rows[:, 3:5] / 2)
    high = np.minimum(one[1:3] + one[3:5] / 2, rows[:, 1:3] + rows[:, 3:5] / 2)
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    smaller = np.minimum(np.prod(one[3:5]), np.prod(rows[:, 3:5], axis=1))
    return np.asarray(shared / np.maximum(smaller, 1e-6), np.float32)


def _clipped_box(values: NDArray[np.float32], width: int, height: int) -> Box | None:
    x0, y0 = np.floor(values[:2] - values[2:] / 2)
    x1, y1 = np.ceil(values[:2] + values[2:] / 2)
    left, top = max(int(x0), 0), max(int(y0), 0)
    right, bottom = min(int(x1), width), min(int(y1), height)
    if right - left < 2 or bottom - top < 2:
        return None
    return Box(left, top, right - left, bottom - top)


def _region_of_keypoints(keypoints: NDArray[np.float32]) -> _Region:
    """The crop that the mesh wants, from eyes, mouth and ears: the head's size survives a turn to profile."""
    right, left, nose, mouth, right_ear, left_ear = keypoints
    eyes = (right + left) / 2
    across = left - right
    angle = float(np.arctan2(across[1], across[0]))
    down = float(np.hypot(*(mouth - eyes)))
    size = max(float(np.hypot(*across)), 0.95 * down, 0.5 * float(np.hypot(*(left_ear - right_ear))))
    centre = (eyes + mouth + nose) / 3
    return _Region(float(centre[0]), float(centre[1]), max(4.0 * size, 4.0), angle)


def _region_of_points(points: NDArray[np.float32]) -> _Region:
    across = points[263] - points[33]
    angle = float(np.arctan2(across[1], across[0]))
    cos, sin = np.cos(-angle), np.sin(-angle)
    turned = points @ np.array([[cos, sin], [-sin, cos]], np.float32)
    low, high = turned.min(axis=0), turned.max(axis=0)
    middle = (low + high) / 2 @ np.array([[cos, -sin], [sin, cos]], np.float32)
    return _Region(float(middle[0]), float(middle[1]), max(1.5 * float((high - low).max()), 4.0), angle)


def _crop(image: NDArray[np.uint8], region: _Region, side: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Cut a rotated square; returns it with the float32 (2, 3) matrix from crop pixels to picture pixels."""
    scale = region.side / side
    cos, sin = scale * np.cos(region.angle), scale * np.sin(region.angle)
    half = side / 2
    back = np.array(
        [
            [cos, -sin, region.x - cos * half + sin * half],
            [sin, cos, region.y - sin * half - cos * half],
            [0.0, 0.0, 1.0],
        ]
    )
    return cut(image, np.linalg.inv(back)[:2], side), np.asarray(back[:2], np.float32)


def _transformed(points: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], np.float32)


def _sigmoid(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -80, 80))), np.float32)
