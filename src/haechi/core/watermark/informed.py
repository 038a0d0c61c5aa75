"""Informed reading: with the unmarked master, which only the rights holder has, the picture itself is no noise.

Steps:
0. As the probe lies: only scaled, perhaps; then where the mark itself says that an upright part lies (`locate`). Else:
1. Register the probe to the master: SIFT matches [1], the probe also mirrored, an affine map by RANSAC; then refine
   it by maximising the correlation of the two (ECC [2]). Where that fails, the blind reader's geometry serves.
2. Resample the probe to the mark's canvas; bring the master to the probe's resolution.
3. Explain the probe by the master with local gain and offset (regression in boxes of 33 px); what is left is mark
   and coding noise.
4. Whiten the rest, weigh it by the mask over its local deviation, and read at the known place: the rest as it is,
   levelled, and together with what the blind reader sees there, whose noise is another; frequencies weighed by rule or
   by how much of the pilot they hold. 8 decodings under each of four geometries.

Limits: needs something to register by: an almost even crop has no features. Where the probe was repainted, the rest is
large and its weight small. Perspective is not modelled.
[1] Lowe. IJCV 60 (2004).   [2] Evangelidis, Psarakis. IEEE Trans. PAMI 30 (2008).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.watermark.blind import read
from haechi.core.watermark.canvas import (
    MIN_SIDE_PX,
    canvas,
    coefficients,
    deviation,
    luma,
    mask,
    scaling,
    to_tiles,
    whiten,
    without_coarse,
)
from haechi.core.watermark.decide import Asked, Candidate, choose
from haechi.core.watermark.locate import located
from haechi.core.watermark.pattern import Pattern, pattern_of
from haechi.core.watermark.records import Reading
from haechi.core.watermark.spread import (
    AMPLITUDE,
    LOW,
    LOWEST,
    PICTURE,
    WEIGHT,
    by_pilot,
    gathered,
    levelled,
    soft_bits,
)

RELEASE: Final = "release"

_FEATURE_SIDE = 1024
_MAX_ENLARGED, _ENLARGED_SIDE = 4.0, 640
_FEATURES = 8000
_RATIO = 0.8
_RANSAC_PX = 3.0
_FEWEST, _PLENTY = 5, 40
_BOX = (33, 33)
_CLIP = 3.0

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]


def read_informed(
    image_bgr: Bytes, master_bgr: Bytes, key: bytes, *, label: str = RELEASE, among: Collection[int] = ()
) -> Reading | None:
    """The payload of a picture that was made from a master, or None.

    Args:
        image_bgr: the probe, uint8 (h, w, 3), BGR.
        master_bgr: the picture before it was marked, uint8 (h, w, 3), BGR.
        key: the company's watermark key.
        label: "release" or "recipient": which of the two payloads.
        among: payloads that the master's copies bear: they are found where a number of any other could not be read.
    """
    probe, master = luma(image_bgr), luma(master_bgr)
    if min(*probe.shape, *master.shape) < MIN_SIDE_PX // 2:
        return None
    pattern = pattern_of(key, label)

    def at(matrix: Matrix) -> list[Candidate]:
        return [Candidate(soft_informed(pattern, *residual_and_white(probe, master, matrix)), matrix)]

    def tried() -> Iterator[list[Candidate]]:
        target = canvas(master)
        yield at(scaling(probe.shape, target.shape))
        if (place := located(probe, target.shape, pattern_of(key))) is not None:
            yield at(place.matrix)
        if (matrix := registered(probe, master)) is not None:
            yield at(matrix)
        if (blind := read(image_bgr, key)) is not None:
            yield at(_sharpened(probe, target, np.vstack([blind.geometry.matrix, [0, 0, 1]])))

    return choose(tried(), Asked(among))


def soft_informed(pattern: Pattern, rest: Floats, white: Floats) -> Floats:
    """Soft bits by what the master leaves and by what the blind reader sees, float32 (n, CODED_BITS)."""
    values = coefficients(to_tiles(rest))
    even, seen = levelled(values), levelled(coefficients(to_tiles(white)))
    plain = [soft_bits(pattern, values, weight=weight) for weight in (AMPLITUDE, WEIGHT)]
    return np.stack([*plain, soft_bits(pattern, even, weight=PICTURE[0]), *soft_together(pattern, values, even, seen)])


def soft_together(pattern: Pattern, values: Floats, even: Floats, seen: Floats) -> list[Floats]:
    """Soft bits for the hardest cases, where little but low frequencies is left.

    Args:
        pattern: the key's choices.
        values: coefficients of what the master leaves, float32 (rows, columns, 2 * COUNT).
        even: the same, levelled.
        seen: what the blind reader sees, levelled.
    """
    views = (values, even, seen)
    alone = [soft_bits(pattern, one, weight=LOW) for one in views]
    lowest = [soft_bits(pattern, one, weight=LOWEST) for one in (even, seen)]
    kept = [gathered(pattern, one, by_pilot(pattern, one)) for one in views]
    return [*alone[:2], alone[1] + alone[2], lowest[0] + lowest[1], kept[0] + kept[1] + kept[2]]


def registered(probe: Bytes, master: Bytes) -> Matrix | None:
    """Step 1: pixels (x, y, 1) of the probe -> pixels of the master's canvas, float64 (3, 3), or None."""
    fixed = canvas(master, min(_FEATURE_SIDE, max(master.shape))).astype(np.uint8)
    enlarged = min(_ENLARGED_SIDE, round(_MAX_ENLARGED * max(probe.shape)))
    moving = canvas(probe, min(_FEATURE_SIDE, max(enlarged, *probe.shape))).astype(np.uint8)
    target = canvas(master)
    sift = cv2.SIFT.create(nfeatures=_FEATURES, contrastThreshold=0.003)
    known = sift.detectAndCompute(fixed, None)
    mirror = np.array([[-1.0, 0, moving.shape[1] - 1], [0, 1, 0], [0, 0, 1]])
    best, most = None, _FEWEST - 1
    for flip in (np.eye(3), mirror):
        view = moving if flip[0, 0] > 0 else np.ascontiguousarray(moving[:, ::-1])
        found = _matched(sift.detectAndCompute(view, None), known)
        if found is not None and found[1] > most:
            best, most = found[0] @ flip, found[1]
        if most >= _PLENTY:
            break
    if best is None:
        return None
    matrix = scaling(fixed.shape, target.shape) @ best @ scaling(probe.shape, moving.shape)
    return _sharpened(probe, target, matrix)


def _matched(moving: tuple[object, object], fixed: tuple[object, object]) -> tuple[Matrix, int] | None:
    """The affine map that most matches agree with, float64 (3, 3), and how many do."""
    (points, codes), (known_points, known_codes) = moving, fixed
    if codes is None or known_codes is None or len(codes) < _FEWEST or len(known_codes) < _FEWEST:  # type: ignore[arg-type]
        return None
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(codes, known_codes, k=2)  # type: ignore[call-overload]
    good = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < _RATIO * pair[1].distance]
    if len(good) < _FEWEST:
        return None
    start = np.array([points[one.queryIdx].pt for one in good], np.float32)  # type: ignore[index]
    end = np.array([known_points[one.trainIdx].pt for one in good], np.float32)  # type: ignore[index]
    cv2.setRNGSeed(0)
    affine, inliers = cv2.estimateAffine2D(start, end, method=cv2.RANSAC, ransacReprojThreshold=_RANSAC_PX)
    if affine is None or not 1e-4 < abs(np.linalg.det(affine[:, :2])) < 1e4:
        return None
    return np.vstack([affine, [0, 0, 1]]), int(inliers.sum())


def _sharpened(probe: Bytes, target: Floats, matrix: Matrix) -> Matrix:
    """ECC over the part of the master's canvas that the probe covers; the start where it does not converge."""
    height, width = probe.shape
    corners = (matrix @ np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]], np.float64))[:2]
    low = np.clip(np.floor(corners.min(1)), 0, [target.shape[1] - 1, target.shape[0] - 1]).astype(int)
    high = np.clip(np.ceil(corners.max(1)), 0, [target.shape[1], target.shape[0]]).astype(int)
    part = np.ascontiguousarray(target[low[1] : high[1], low[0] : high[0]])
    if min(part.shape) < 16:
        return matrix
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    view = canvas(probe, max(16, round(max(probe.shape) * scale)))
    to_view = scaling(probe.shape, view.shape)
    origin = np.eye(3)
    origin[:2, 2] = low
    start = (to_view @ np.linalg.inv(matrix) @ origin)[:2].astype(np.float32)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-5)
    try:
        _, found = cv2.findTransformECC(part, view, start, cv2.MOTION_AFFINE, stop, None, 5)  # type: ignore[call-overload]
    except cv2.error:  # no convergence
        return matrix
    refined = np.linalg.inv(np.linalg.inv(to_view) @ np.vstack([found, [0, 0, 1]]) @ np.linalg.inv(origin))
    return np.asarray(refined, np.float64)


def residual(probe: Bytes, master: Bytes, matrix: Matrix) -> Floats:
    """Steps 2 to 4 without the reading: what the master does not explain, whitened, on the mark's canvas."""
    return residual_and_white(probe, master, matrix)[0]


def residual_and_white(probe: Bytes, master: Bytes, matrix: Matrix) -> tuple[Floats, Floats]:
    """`residual`, and the probe itself, whitened as for blind reading, on the mark's canvas."""
    target = canvas(master)
    rows, columns = target.shape
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    view = canvas(probe, max(16, round(max(probe.shape) * min(scale, 1.0))))
    to_target = matrix @ np.linalg.inv(scaling(probe.shape, view.shape))
    seen = np.asarray(
        cv2.warpAffine(view, to_target[:2], (columns, rows), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE),
        np.float32,
    )
    inside = np.asarray(
        cv2.warpAffine(np.ones_like(view), to_target[:2], (columns, rows), flags=cv2.INTER_NEAREST), np.float32
    )
    if scale > 1.2:
        small = (max(8, round(columns / scale)), max(8, round(rows / scale)))
        reduced = cv2.resize(target, small, interpolation=cv2.INTER_AREA)
        target = np.asarray(cv2.resize(reduced, (columns, rows), interpolation=cv2.INTER_CUBIC), np.float32)
    rest = without_coarse(_unexplained(seen, target, inside))
    spread = deviation(rest) + 1
    told = np.clip(rest / spread, -_CLIP, _CLIP) * mask(target) / spread * inside
    return np.asarray(told, np.float32), whiten(seen) * inside


def _unexplained(seen: Floats, master: Floats, inside: Floats) -> Floats:
    """What local gain and offset leave of the probe."""

    def mean(values: Floats) -> Floats:
        return np.asarray(cv2.blur(values, _BOX), np.float32)

    share = np.maximum(mean(inside), 1e-3)
    middle, level = mean(master * inside) / share, mean(seen * inside) / share
    power = mean(master * master * inside) / share - middle * middle
    common = mean(master * seen * inside) / share - middle * level
    gain = common / (np.maximum(power, 0) + 1)
    return np.asarray((seen - level - gain * (master - middle)) * inside, np.float32)
