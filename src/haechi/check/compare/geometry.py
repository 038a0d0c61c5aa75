"""Where the master lies inside the probe: scale, rotation, shift, aspect and mirroring, as one affine map.

Method: SIFT matches (ratio test) and RANSAC give a first map from one frame pair [1]; dense inverse search flow [2]
between time-aligned pairs, fitted by a robust affine over all pairs, brings it to a few hundredths of a pixel. Of a
straight edge the flow across it counts alone.
Limits: one map for a whole window of the clip, no perspective; needs texture (about 12 inliers).
Maps are float64 (2, 3), master pixels -> probe pixels, both at their working size.
[1] Lowe. IJCV 60 (2004).   [2] Kroeger et al. ECCV 2016 (DIS).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

MIN_INLIERS = 12
STRONG_INLIERS = 60
# So many agree only when both frames show the same moment: no other pair needs to be tried.
SURE_INLIERS = 250
# So many different placements are tried in time.
N_CANDIDATES = 5
# Two placements agree when their corners lie within this share of the picture.
AGREEMENT = 0.012
N_FEATURES = 700
RATIO = 0.78
MAX_FLOW_PIXELS = 6.0

Image = NDArray[np.uint8]
Affine = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Placement:
    """How the master is placed in the probe.

    Attributes:
        matrix: float64 (2, 3), master -> probe pixels; includes the mirroring.
        inliers: SIFT matches that agree with it.
    """

    matrix: Affine
    inliers: int

    @property
    def mirrored(self) -> bool:
        """Whether left and right are exchanged."""
        return bool(np.linalg.det(self.matrix[:, :2]) < 0)

    @property
    def scale(self) -> float:
        """Probe pixels per master pixel (geometric mean of both axes)."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:, :2]))))

    @property
    def aspect(self) -> float:
        """Horizontal scale over vertical scale; 1 when nothing was squeezed."""
        a = self.matrix[:, :2]
        return float(np.linalg.norm(a[:, 0]) / max(float(np.linalg.norm(a[:, 1])), 1e-9))

    @property
    def rotation_deg(self) -> float:
        """Rotation of the picture's vertical axis, degrees clockwise, -180..180."""
        a = self.matrix[:, :2]
        return float(np.degrees(np.arctan2(-a[0, 1], a[1, 1])))

    def rescaled(self, probe_factor: float, master_factor: float) -> Placement:
        """The same placement for frames resized by these factors (new size / old size)."""
        matrix = resizing(probe_factor) @ square(self.matrix) @ resizing(1.0 / master_factor)
        return Placement(matrix[:2], self.inliers)

    def flipped(self, width: int) -> Placement:
        """The same with the probe mirrored left to right, `width` pixels wide."""
        flip = np.array([[-1.0, 0.0, width - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
        return Placement((flip @ square(self.matrix))[:2], self.inliers)


Described = tuple[NDArray[np.float32], NDArray[np.float32]]


class Features:
    """SIFT features of one picture, and of its mirror image, computed when first asked for."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self._plain: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        self._mirrored: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None

    def get(self, *, mirrored: bool) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Points float32 (n, 2) in pixels of the (mirrored) picture and RootSIFT descriptors float32 (n, 128)."""
        if mirrored:
            if self._mirrored is None:
                self._mirrored = _describe(np.ascontiguousarray(self.image[:, ::-1]))
            return self._mirrored
        if self._plain is None:
            self._plain = _describe(self.image)
        return self._plain


def place(probe: Features, master: Features, *, mirrored: bool = False) -> Placement | None:
    """Find the master in the probe, as it is or mirrored; None when fewer than MIN_INLIERS matches agree."""
    found = _place_one(probe.get(mirrored=mirrored), master.get(mirrored=False))
    return found.flipped(probe.image.shape[1]) if found is not None and mirrored else found


def place_together(pairs: Sequence[tuple[Image, Image]], start: Placement) -> Placement:
    """One placement from the matches of all time-aligned pairs: steadier than any single pair.

    Args:
        pairs: (probe, master) luma pictures, uint8 (h, w), each side of one size throughout.
        start: the placement so far; returned when the pairs together match worse.
    """

    def matches(pair: tuple[Image, Image]) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        return _matches(Features(pair[0]).get(mirrored=start.mirrored), Features(pair[1]).get(mirrored=False))

    with ThreadPoolExecutor(2) as both:
        found = [points for points in both.map(matches, pairs) if points is not None]
    if not found:
        return start
    sources, targets = zip(*found, strict=True)
    placement = _fit(np.concatenate(sources), np.concatenate(targets), max(MIN_INLIERS, start.inliers))
    if placement is None:
        return start
    return placement.flipped(pairs[0][0].shape[1]) if start.mirrored else placement


Found = tuple[Placement, int, int]


def candidate_placements(
    probes: Sequence[Features], masters: Sequence[Features], ranked: Sequence[Sequence[int]]
) -> list[Found]:
    """Different placements, the one that most probe frames agree on first, each with the frame pair it comes from.

    A moving camera lets a pair of different moments match too, each with a placement of its own; only the true one
    comes back from frame to frame, and only it gives all frames a place in time (the caller tries them).

    Args:
        probes: features of some probe frames.
        masters: features of some master frames.
        ranked: for each probe frame, the master frames to try, most promising first.
    """
    found = _placements(probes, masters, ranked, mirrored=False)
    if max((placement.inliers for placement, _, _ in found), default=0) < STRONG_INLIERS:
        found += _placements(probes, masters, ranked, mirrored=True)
    return _by_support(found, masters[0].image.shape) if found else []


def _by_support(found: Sequence[Found], shape: tuple[int, ...]) -> list[Found]:
    """At most N_CANDIDATES different placements, the one that the probe frames support best first."""
    height, width = shape[:2]
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], np.float64)
    moved = np.stack([corners @ placement.matrix.T for placement, _, _ in found])
    apart = np.abs(moved[:, None] - moved[None, :]).max((2, 3))
    reach = AGREEMENT * max(height, width) * np.array([placement.scale for placement, _, _ in found])
    support = []
    for k, (own, _, _) in enumerate(found):
        votes: dict[int, int] = {}
        for other in np.flatnonzero(apart[k] < reach[k]):
            placement, p, _ = found[int(other)]
            votes[p] = max(votes.get(p, 0), placement.inliers)
        support.append(sum(votes.values()) + own.inliers)
    chosen: list[int] = []
    for k in (int(k) for k in np.argsort(support)[::-1]):
        if all(apart[k, other] >= reach[k] for other in chosen):
            chosen.append(k)
    return [found[k] for k in chosen[:N_CANDIDATES]]


def _placements(
    probes: Sequence[Features], masters: Sequence[Features], ranked: Sequence[Sequence[int]], *, mirrored: bool
) -> list[Found]:
    found = []
    for p, order in enumerate(ranked):
        for m in order:
            placement = place(probes[p], masters[m], mirrored=mirrored)
            if placement is not None:
                found.append((placement, p, m))
                if placement.inliers >= SURE_INLIERS:
                    break
    return found


def refine(pairs: Sequence[tuple[Image, Image]], start: Placement, rounds: int = 2) -> Placement:
    """Sharpen a placement on time-aligned pairs.

    Args:
        pairs: (probe, master) luma pictures, uint8 (h, w), each side of one size throughout.
        start: the placement to improve.
        rounds: how often to warp, measure the remaining flow and fit it.
    """
    current = start
    with ThreadPoolExecutor(2) as both:
        for _ in range(rounds):
            measured = functools.partial(_flow_samples, matrix=current.matrix)
            samples = list(both.map(measured, *zip(*pairs, strict=True)))
            points, moved, told = (np.concatenate(each) for each in zip(*samples, strict=True))
            if len(points) < 60:
                return current
            correction = _robust_affine(points, moved, told)
            if not _plausible(correction, pairs[0][0].shape):
                return current
            matrix = (square(correction) @ square(current.matrix))[:2]
            current = Placement(matrix, current.inliers)
    return current


def warp(master: Image, matrix: Affine, shape: tuple[int, int]) -> Image:
    """The master picture in probe geometry: uint8 (h, w) of `shape`; outside the master its rim is repeated."""
    size = (shape[1], shape[0])
    warped = cv2.warpAffine(master, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, dtype=np.uint8)


def visible(master_shape: tuple[int, int], matrix: Affine, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Where the probe can show the master: bool (h, w) of `shape`."""
    ones = np.full(master_shape, 255, np.uint8)
    return np.asarray(cv2.warpAffine(ones, matrix, (shape[1], shape[0]), flags=cv2.INTER_LINEAR) >= 250)


def resizing(factor: float) -> NDArray[np.float64]:
    """What resizing does to pixel coordinates, float64 (3, 3): centres of pixels, not corners, are at integers."""
    shift = 0.5 * (factor - 1.0)
    return np.array([[factor, 0.0, shift], [0.0, factor, shift], [0.0, 0.0, 1.0]])


def resized(matrix: Affine, probe_factor: float, master_factor: float) -> Affine:
    """A map for pictures that were resized by these factors (new size / old size)."""
    return Placement(matrix, 0).rescaled(probe_factor, master_factor).matrix


def square(matrix: Affine) -> NDArray[np.float64]:
    """The map as float64 (3, 3), to be multiplied with others."""
    return np.vstack([matrix, [0.0, 0.0, 1.0]])


def invert(matrix: Affine) -> Affine:
    """The map from probe to master pixels."""
    return np.asarray(cv2.invertAffineTransform(matrix), dtype=np.float64)


def _describe(image: Image) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    finder = cv2.SIFT.create(nfeatures=N_FEATURES, contrastThreshold=0.02)
    keypoints = finder.detect(image)
    if not keypoints:
        return np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32)
    keypoints, descriptors = finder.compute(image, keypoints)
    values = np.asarray(descriptors, np.float32)
    root = np.sqrt(values / np.maximum(values.sum(1, keepdims=True), 1e-6))
    return np.array([k.pt for k in keypoints], np.float32), root.astype(np.float32)


def _place_one(probe: Described, master: Described) -> Placement | None:
    matches = _matches(probe, master)
    return None if matches is None else _fit(*matches, MIN_INLIERS)


def _matches(probe: Described, master: Described) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Master points and probe points that match, float32 (n, 2) each; None when fewer than MIN_INLIERS do."""
    if len(probe[0]) < MIN_INLIERS or len(master[0]) < MIN_INLIERS:
        return None
    similarity = probe[1] @ master[1].T
    nearest = similarity.argmax(1)
    best = similarity[np.arange(len(nearest)), nearest]
    similarity[np.arange(len(nearest)), nearest] = -1.0
    second = similarity.max(1)
    # Unit vectors: squared distance is 2 - 2 s, so the ratio test on distances squares the ratio.
    good = (1.0 - best) < RATIO**2 * (1.0 - second)
    return (master[0][nearest[good]], probe[0][good]) if int(good.sum()) >= MIN_INLIERS else None


def _fit(source: NDArray[np.float32], target: NDArray[np.float32], least: int) -> Placement | None:
    matrix, inliers = cv2.estimateAffine2D(
        source, target, method=cv2.RANSAC, ransacReprojThreshold=2.5, maxIters=2000, confidence=0.999
    )
    if matrix is None or inliers is None or int(inliers.sum()) < least:
        return None
    found = Placement(np.asarray(matrix, np.float64), int(inliers.sum()))
    sane = 0.04 < found.scale < 25 and 0.6 < found.aspect < 1.67 and not found.mirrored
    return found if sane and _shear(found.matrix) < 0.2 else None


def _shear(matrix: Affine) -> float:
    a = matrix[:, :2]
    columns = np.linalg.norm(a[:, 0]) * np.linalg.norm(a[:, 1])
    return float(abs(a[:, 0] @ a[:, 1]) / max(float(columns), 1e-9))


def _flow_samples(
    probe: Image, master: Image, matrix: Affine
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Textured points of the warped master, where they lie in the probe, and what the texture tells of that.

    Returns:
        float32 (n, 2) each, and float32 (n, 3): the structure tensor (xx, xy, yy) over its greater eigenvalue.
    """
    shape = (probe.shape[0], probe.shape[1])
    warped = warp(master, matrix, shape)
    inside = cv2.erode(visible((master.shape[0], master.shape[1]), matrix, shape).astype(np.uint8), np.ones((9, 9)))
    if min(shape) < 32:
        empty = np.zeros((0, 2), np.float32)
        return empty, empty, np.zeros((0, 3), np.float32)
    still = np.zeros((*shape, 2), np.float32)
    flow = np.asarray(cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(warped, probe, still))
    gx, gy = cv2.Sobel(warped, cv2.CV_32F, 1, 0), cv2.Sobel(warped, cv2.CV_32F, 0, 1)
    xx, xy, yy = (cv2.boxFilter(product, -1, (7, 7)) for product in (gx * gx, gx * gy, gy * gy))
    texture = xx + yy
    usable = (inside > 0) & (texture > max(float(np.percentile(texture, 60)), 400.0))
    usable &= (np.abs(flow[..., 0]) < MAX_FLOW_PIXELS) & (np.abs(flow[..., 1]) < MAX_FLOW_PIXELS)
    ys, xs = np.nonzero(usable)
    step = max(1, len(xs) // 4000)
    xs, ys = xs[::step], ys[::step]
    points = np.stack([xs, ys], 1).astype(np.float32)
    tensor = np.stack([xx[ys, xs], xy[ys, xs], yy[ys, xs]], 1)
    across = 0.5 * (tensor[:, 0] + tensor[:, 2] + np.hypot(tensor[:, 0] - tensor[:, 2], 2 * tensor[:, 1]))
    return points, points + flow[ys, xs], tensor / np.maximum(across, 1e-6)[:, None]


def _robust_affine(points: NDArray[np.float32], moved: NDArray[np.float32], told: NDArray[np.float32]) -> Affine:
    """The affine map from points to moved that most of them follow: Cauchy-weighted least squares, from rest.

    A point on a straight edge tells how far it moved across the edge and nothing along it (the aperture problem): of
    that, flow is free to tell anything. Errors are therefore measured by what the texture tells.

    Args:
        points: float32 (n, 2).
        moved: where they lie now, float32 (n, 2).
        told: from `_flow_samples`, float32 (n, 3).
    """
    centre = points.mean(0)
    x = np.concatenate([points - centre, np.ones((len(points), 1))], 1).astype(np.float64)
    x[:, :2] /= 100.0
    shift = (moved - points).astype(np.float64)
    xx, xy, yy = told.T.astype(np.float64)
    fitted = np.zeros((3, 2))
    fitted[2] = np.median(shift, axis=0)
    for width in (1.0, 0.5, 0.3, 0.2, 0.2):
        right, down = (shift - x @ fitted).T
        error = np.sqrt(np.maximum(xx * right**2 + 2 * xy * right * down + yy * down**2, 0.0))
        weight = 1.0 / (1.0 + (error / width) ** 2)
        # Normal equations of both rows of the map together, which points on edges connect.
        parts = [[(x * (weight * part)[:, None]).T @ x for part in row] for row in ((xx, xy), (xy, yy))]
        pull = np.stack([xx * shift[:, 0] + xy * shift[:, 1], xy * shift[:, 0] + yy * shift[:, 1]], 1)
        wanted = (x.T @ (pull * weight[:, None])).T.ravel()
        fitted = np.linalg.solve(np.block(parts) + 1e-6 * np.eye(6), wanted).reshape(2, 3).T
    linear = np.eye(2) + fitted[:2].T / 100.0
    return np.concatenate([linear, (centre + fitted[2] - linear @ centre)[:, None]], 1)


def _plausible(correction: Affine, shape: tuple[int, ...]) -> bool:
    corners = np.array([[0, 0], [shape[1], 0], [0, shape[0]], [shape[1], shape[0]]], np.float64)
    moved = corners @ correction[:, :2].T + correction[:, 2]
    return bool(np.abs(moved - corners).max() < 2.5 * MAX_FLOW_PIXELS)
