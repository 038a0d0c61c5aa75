"""Local features of a picture, and the geometry between two pictures that share content.

Method: ORB [1] on the picture scaled to a long side of 512 px (the same scale on both sides), at most 512
features, no
more than a fair share from each of 8 x 8 cells so that a caption cannot take them all. Two pictures: mutual
nearest neighbours by
Hamming distance, RANSAC similarity, then a homography where perspective explains more. SIFT [2] decides the
borderline.
Limits: needs corners: flat or very blurred pictures have none. Not invariant to mirroring: mirror the probe.
[1] Rublee et al. ICCV 2011.  [2] Lowe. IJCV 60 (2004).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE: Final = 512
"""Long side of the picture whose pixels feature positions count."""
MAX_FEATURES: Final = 512

_CELLS, _CANDIDATES = 8, 2000
_FEW, _FAINT_FEATURES = 384, 256
_MAX_DISTANCE = 72
_RANSAC_PX = 5.0
_MAX_SCALE = 12.0
_SIFT_SIDE, _SIFT_FEATURES, _SIFT_RATIO = 640, 1500, 0.75

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Features:
    """Features of one picture.

    Attributes:
        codes: uint8 (n, 32).
        xy: float32 (n, 2), pixels of the picture scaled to a long side of `SIDE`.
    """

    codes: Bytes
    xy: Floats


@dataclass(frozen=True, slots=True)
class Geometry:
    """How one picture lies in another.

    Attributes:
        matrix: float64 (3, 3), pixels of the first scaled picture -> pixels of the second.
        inliers: number of feature pairs that agree.
        spread: area of the inliers' hull as a share of the smaller scaled picture.
    """

    matrix: NDArray[np.float64]
    inliers: int
    spread: float


def scaled_gray(image: Bytes, side: int = SIDE) -> Bytes:
    """Luma with that long side: smaller pictures are enlarged; uint8 (h, w)."""
    gray = image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    scale = side / max(gray.shape)
    size = (max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale)))
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR), np.uint8)


def orb_features(gray: Bytes, count: int = MAX_FEATURES) -> Features:
    """Features of a picture from `scaled_gray`; empty where there are no corners."""
    if min(gray.shape) < 40:
        return Features(np.zeros((0, 32), np.uint8), np.zeros((0, 2), np.float32))
    orb = cv2.ORB.create(nfeatures=_CANDIDATES, fastThreshold=7, edgeThreshold=19, patchSize=31)
    chosen = _spread_out(orb.detect(gray, None), gray.shape, count)
    points, codes = orb.compute(gray, chosen)
    if codes is None or not len(points):
        return Features(np.zeros((0, 32), np.uint8), np.zeros((0, 2), np.float32))
    return Features(np.asarray(codes, np.uint8), np.array([p.pt for p in points], np.float32))


def all_features(gray: Bytes, *, thorough: bool) -> Features:
    """Features of the picture and, when it has few corners or `thorough` is asked, of its faint structure too.

    Faint structure: a band of 3-20 px, divided by its local strength: skies and walls have features there that survive
    most edits, but not a coarse JPEG.
    """
    plain = orb_features(gray)
    room = _FAINT_FEATURES if thorough else 0
    if len(plain.codes) < _FEW:
        room = max(room, MAX_FEATURES - len(plain.codes))
    if not room:
        return plain
    faint = orb_features(_faint_structure(gray), room)
    return Features(np.concatenate([plain.codes, faint.codes]), np.concatenate([plain.xy, faint.xy]))


def find_geometry(a: Features, b: Features) -> Geometry | None:
    """The similarity or homography from picture a to picture b; None when fewer than 6 pairs agree."""
    if min(len(a.codes), len(b.codes)) < 6:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(a.codes, b.codes)
    near = [(p.queryIdx, p.trainIdx) for p in pairs if p.distance <= _MAX_DISTANCE]
    if len(near) < 6:
        return None
    index = np.array(near)
    return fit_geometry(a.xy[index[:, 0]], b.xy[index[:, 1]])


class SiftFeatures(NamedTuple):
    """SIFT points of one picture.

    Attributes:
        xy: float32 (n, 2), pixels of the picture at a long side of SIDE.
        vectors: float32 (n, 128).
    """

    xy: Floats
    vectors: Floats


def sift_features(image: Bytes) -> SiftFeatures | None:
    """SIFT points of a picture, uint8 (h, w) or (h, w, 3); None when there are fewer than 6."""
    sift = cv2.SIFT.create(nfeatures=_SIFT_FEATURES)
    points, vectors = sift.detectAndCompute(scaled_gray(image, _SIFT_SIDE), None)
    if vectors is None or len(points) < 6:
        return None
    xy = np.array([p.pt for p in points], np.float32) * np.float32(SIDE / _SIFT_SIDE)
    return SiftFeatures(xy, np.asarray(vectors, np.float32))


def sift_geometry(a: SiftFeatures, b: SiftFeatures) -> Geometry | None:
    """As `find_geometry`, by SIFT: slower, decides what ORB leaves open."""
    pairs = [p for p in cv2.BFMatcher(cv2.NORM_L2).knnMatch(a.vectors, b.vectors, k=2) if len(p) == 2]
    good = [p[0] for p in pairs if p[0].distance < _SIFT_RATIO * p[1].distance]
    if len(good) < 6:
        return None
    return fit_geometry(a.xy[[p.queryIdx for p in good]], b.xy[[p.trainIdx for p in good]])


def fit_geometry(from_xy: Floats, to_xy: Floats) -> Geometry | None:
    """RANSAC similarity, refined to a homography where that explains clearly more pairs."""
    cv2.setRNGSeed(7)
    affine, mask = cv2.estimateAffinePartial2D(
        from_xy, to_xy, method=cv2.RANSAC, ransacReprojThreshold=_RANSAC_PX, maxIters=3000, confidence=0.999
    )
    if affine is None or not np.isfinite(affine).all():
        return None
    scale = float(np.hypot(affine[0, 0], affine[1, 0]))
    if not 1 / _MAX_SCALE < scale < _MAX_SCALE:
        return None
    matrix = np.vstack([affine, [0.0, 0.0, 1.0]])
    inside = mask.ravel().astype(bool)
    close = np.linalg.norm(from_xy @ affine[:, :2].T + affine[:, 2] - to_xy, axis=1) < 5 * _RANSAC_PX
    if close.sum() >= 12 and inside.sum() >= 6:
        better, better_mask = cv2.findHomography(from_xy[close], to_xy[close], cv2.RANSAC, _RANSAC_PX)
        if better is not None and better_mask.sum() > 1.15 * inside.sum() and _is_mild(better):
            matrix, inside = better, np.zeros(len(from_xy), bool)
            inside[np.flatnonzero(close)] = better_mask.ravel().astype(bool)
    if inside.sum() < 6:
        return None
    return Geometry(
        matrix.astype(np.float64),
        _distinct(from_xy[inside], to_xy[inside]),
        _hull_share(from_xy[inside], to_xy[inside]),
    )


def _distinct(from_xy: Floats, to_xy: Floats) -> int:
    """Pairs counted once per 4 px cell on both sides: one corner found on several scales is one witness."""
    cells = [len(np.unique((xy // 4).astype(int), axis=0)) for xy in (from_xy, to_xy)]
    return min(cells)


def _spread_out(points: Sequence[cv2.KeyPoint], shape: tuple[int, ...], count: int) -> list[cv2.KeyPoint]:
    """The strongest features, each cell at most three times its fair share."""
    share = max(1, 3 * count // _CELLS**2)
    taken = np.zeros((_CELLS, _CELLS), int)
    kept = []
    for point in sorted(points, key=lambda p: -p.response):
        row = min(_CELLS - 1, int(point.pt[1] * _CELLS / shape[0]))
        column = min(_CELLS - 1, int(point.pt[0] * _CELLS / shape[1]))
        if taken[row, column] < share:
            taken[row, column] += 1
            kept.append(point)
            if len(kept) == count:
                break
    return kept


def _faint_structure(gray: Bytes) -> Bytes:
    plane = gray.astype(np.float32)
    band = cv2.GaussianBlur(plane, (0, 0), 3.0) - cv2.GaussianBlur(plane, (0, 0), 20.0)
    strength = np.sqrt(cv2.GaussianBlur(band * band, (0, 0), 20.0)) + 0.15
    return np.clip(128 + 50 * band / strength, 0, 255).astype(np.uint8)


def _is_mild(matrix: NDArray[np.float64]) -> bool:
    """Perspective so weak that the four corners of the picture stay in order and in front of the camera."""
    corners = np.array([[0, 0, 1], [SIDE, 0, 1], [SIDE, SIDE, 1], [0, SIDE, 1]], float) @ matrix.T
    if (corners[:, 2] <= 0.3).any() or (corners[:, 2] >= 3).any():
        return False
    flat = (corners[:, :2] / corners[:, 2:]).astype(np.float32)
    return bool(cv2.isContourConvex(flat)) and cv2.contourArea(flat, oriented=True) > 0


def _hull_share(from_xy: Floats, to_xy: Floats) -> float:
    areas = [cv2.contourArea(cv2.convexHull(xy)) for xy in (from_xy, to_xy)]
    return float(max(areas)) / (SIDE * SIDE)
