"""Do two pictures show the same thing, and how does one lie in the other?

Method: mutual ORB neighbours and RANSAC give a geometry; the probe is warped by it onto the stored small
picture, and blocks with structure are
compared by correlation: a logo or caption that two works share gives inliers, but no agreement elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.fingerprint.framing import picture_on_page
from haechi.core.fingerprint.local_features import SIDE, Features, Geometry, all_features, find_geometry, scaled_gray
from haechi.core.fingerprint.pdq import distance
from haechi.core.fingerprint.sets import FingerprintSet
from haechi.core.fingerprint.visual import SMALL_SIDE, features_of, hashes_of
from haechi.core.records import Box

MIN_INLIERS: Final = 16
MIN_AGREEMENT: Final = 0.3
# Portraits taken in one way, or of one man at two events, share up to 54 features and agree in up to .83 of their
# blocks, or share up to 73 (closely cropped faces) and are alike in up to .43. Copies with so few agree in .89 and are
# alike in .45, but for a captioned sky; those with more features are alike in .37 at least.
FEW_INLIERS, MANY_INLIERS = 56, 100
MIN_AGREEMENT_OF_FEW: Final = 0.86
MIN_ALIKE, MIN_ALIKE_OF_MANY = 0.44, 0.3
# A hash this near, 10 deviations from chance, with half as many features: a small or coarse copy of the whole picture.
NEAR_HASH: Final = 48
MIN_INLIERS_OF_NEAR: Final = 8
MIN_FLAT_INLIERS: Final = 24
MIN_FLAT_SPREAD: Final = 0.05

_BLOCK = 8
_STRUCTURE = 4.0
"""Least standard deviation of a block, grey levels, to say anything."""
_SAME, _ALIKE = 0.6, 0.9
"""Correlation of a block that shows the same, and of one that is the same."""
_MIN_BLOCKS = 4
_OVERSAMPLING = 2

Bytes = NDArray[np.uint8]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Picture:
    """A sample of the probe, or a picture that stands in it: luma with a long side of 512 px and what is searched for.

    Attributes:
        time_s: seconds.
        gray: uint8 (h, w).
        features: of the picture and of its mirror image.
        hashes: uint8 (n, 32) with their quality, the first half as is, the others of the mirror image.
        within: float64 (3, 3), pixels of the whole sample at long side 512 -> pixels of `gray`.
    """

    time_s: float
    gray: Bytes
    features: tuple[Features, Features]
    hashes: tuple[tuple[Bytes, int, bool], ...]
    within: Matrix


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored sample: its fingerprint set and number."""

    fingerprint: FingerprintSet
    sample: int

    @property
    def time_s(self) -> float:
        """Seconds of the master."""
        return float(self.fingerprint.arrays["times"][self.sample])

    @property
    def small(self) -> Bytes:
        """The small grey picture, uint8 (48, 48)."""
        times = self.fingerprint.arrays["small_times"]
        nearest = int(np.abs(times - self.fingerprint.arrays["times"][self.sample]).argmin())
        return np.asarray(self.fingerprint.arrays["small"][nearest], np.uint8)

    @property
    def hashes(self) -> Bytes:
        """Of the sample, uint8 (n, 32)."""
        mine = self.fingerprint.arrays["pdq_frame"] == self.sample
        return np.asarray(self.fingerprint.arrays["pdq"][mine], np.uint8)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the master, pixels."""
        width, height = self.fingerprint.arrays["size"].tolist()
        return int(width), int(height)


@dataclass(frozen=True, slots=True)
class Pair:
    """A probe picture and a stored sample that show the same thing.

    Attributes:
        probe_s, master_s: times.
        matrix: float64 (3, 3), probe pixels at long side 512 -> master pixels at long side 512.
        mirrored: the matrix holds a reflection.
        inliers: feature pairs that agree.
        spread: see `Geometry`.
        agreement: share of structured blocks that look the same, 0 to 1; None when too few blocks have structure.
        alike: share of those that are the same but for noise, at most `agreement`; None likewise.
        bits: distance of the nearest hashes of both.
    """

    probe_s: float
    master_s: float
    matrix: Matrix
    mirrored: bool
    inliers: int
    spread: float
    agreement: float | None
    alike: float | None
    bits: int


def take_pictures(gray: Bytes, time_s: float, *, thorough: bool) -> list[Picture]:
    """Everything that is searched for in one probe sample; `thorough` as in `all_features`.

    When it is, and the sample is a page with a picture on it, that picture comes as well: at its own size its features
    and hashes are those of its master.
    """
    pictures = [_picture(gray, time_s, np.eye(3), thorough=thorough)]
    box = picture_on_page(gray) if thorough else None
    if box is not None:
        x, y, w, h = box
        whole, part = SIDE / max(gray.shape), SIDE / max(w, h)
        within = np.array([[part / whole, 0.0, -part * x], [0.0, part / whole, -part * y], [0.0, 0.0, 1.0]])
        pictures.append(_picture(np.ascontiguousarray(gray[y : y + h, x : x + w]), time_s, within, thorough=True))
    return pictures


def _picture(gray: Bytes, time_s: float, within: Matrix, *, thorough: bool) -> Picture:
    scaled = scaled_gray(gray)
    flipped = np.ascontiguousarray(scaled[:, ::-1])
    features = (all_features(scaled, thorough=thorough), all_features(flipped, thorough=thorough))
    hashes = [(bits, quality, False) for bits, quality in hashes_of(gray)]
    hashes += [(bits, quality, True) for bits, quality in hashes_of(np.ascontiguousarray(gray[:, ::-1]))]
    return Picture(time_s, scaled, features, tuple(hashes), within)


def confirm_pair(probe: Picture, stored: Stored, *, mirrored: bool) -> Pair | None:
    """Geometry and agreement of a probe picture with a stored sample; None when there is no geometry."""
    geometry = find_geometry(probe.features[int(mirrored)], features_of(stored.fingerprint, stored.sample))
    return None if geometry is None else judge_pair(probe, stored, geometry, mirrored=mirrored)


def judge_pair(probe: Picture, stored: Stored, geometry: Geometry, *, mirrored: bool) -> Pair:
    """The pair under a geometry from the (mirrored) probe picture to the stored one."""
    matrix = geometry.matrix @ reflection(probe.gray.shape[1]) if mirrored else geometry.matrix
    seen, reach = warped_small(probe.gray, matrix, stored.size)
    agreement = block_agreement(seen, reach, stored.small)
    alike = block_agreement(seen, reach, stored.small, least=_ALIKE)
    mine = np.stack([code for code, _, turned in probe.hashes if turned == mirrored])
    bits = int(distance(mine[:, None], stored.hashes[None]).min())
    return Pair(
        probe.time_s, stored.time_s, matrix @ probe.within, mirrored,
        geometry.inliers, geometry.spread, agreement, alike, bits,
    )  # fmt: skip


def accepts(pair: Pair, *, alone: bool) -> bool:
    """Whether a pair is accepted; one that stands `alone` has no motion to confirm it."""
    if alone and pair.agreement is not None and pair.alike is not None:
        least = MIN_AGREEMENT if pair.inliers >= FEW_INLIERS else MIN_AGREEMENT_OF_FEW
        enough = pair.inliers >= (MIN_INLIERS_OF_NEAR if pair.bits <= NEAR_HASH else MIN_INLIERS)
        alike = pair.alike >= (MIN_ALIKE_OF_MANY if pair.inliers >= MANY_INLIERS else MIN_ALIKE)
        return enough and alike and pair.agreement >= least
    if pair.agreement is None:  # too flat to look alike: many faint features all over the picture must agree
        return pair.inliers >= MIN_FLAT_INLIERS and pair.spread >= MIN_FLAT_SPREAD
    return pair.inliers >= MIN_INLIERS and pair.agreement >= MIN_AGREEMENT


def reflection(width: int) -> Matrix:
    """Pixel x -> width - 1 - x."""
    return np.array([[-1.0, 0.0, width - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])


def warped_small(gray: Bytes, matrix: Matrix, size: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The probe seen in the master's small picture, float32 (48, 48), and where it reaches.

    Args:
        gray: probe, uint8, pixels that `matrix` counts.
        matrix: -> master pixels at long side 512.
        size: width and height of the master.
    """
    long = max(size)
    fine = SMALL_SIDE * _OVERSAMPLING
    to_fine = np.diag([fine * long / (SIDE * size[0]), fine * long / (SIDE * size[1]), 1.0]) @ matrix
    scale = np.sqrt(abs(np.linalg.det(to_fine[:2, :2])))
    if scale < 0.7:
        gray = np.asarray(cv2.GaussianBlur(gray, (0, 0), 0.4 / scale), np.uint8)
    warped = cv2.warpPerspective(gray, to_fine, (fine, fine), flags=cv2.INTER_LINEAR)
    reach = cv2.warpPerspective(np.ones(gray.shape, np.uint8), to_fine, (fine, fine), flags=cv2.INTER_NEAREST)
    small = cv2.resize(warped.astype(np.float32), (SMALL_SIDE, SMALL_SIDE), interpolation=cv2.INTER_AREA)
    share = cv2.resize(reach.astype(np.float32), (SMALL_SIDE, SMALL_SIDE), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32), share > 0.99


def block_agreement(
    probe: NDArray[np.float32], reach: NDArray[np.bool_], master: Bytes, least: float = _SAME
) -> float | None:
    """Share of the structured 8 x 8 blocks inside `reach` that correlate by more than `least`.

    None when the master has structure in too few blocks to tell: what was added to a plain picture says nothing of it.
    """
    a, b, inside = (_blocks(x) for x in (probe, master.astype(np.float32), reach))
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    norm_a, norm_b = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
    reached, structure = inside.mean(axis=1) > 0.95, _STRUCTURE * _BLOCK
    if (reached & (norm_b > structure)).sum() < _MIN_BLOCKS:
        return None
    told = reached & (np.maximum(norm_a, norm_b) > structure)
    correlation = (a * b).sum(axis=1) / (norm_a * norm_b + 1e-6)
    return float((correlation[told] > least).mean())


def to_full_size(matrix: Matrix, probe_size: tuple[int, int], master_size: tuple[int, int]) -> tuple[float, ...]:
    """The matrix between full pictures, (9,) row major; sizes are width and height."""
    into = np.diag([SIDE / max(probe_size)] * 2 + [1.0])
    out = np.diag([max(master_size) / SIDE] * 2 + [1.0])
    full = out @ matrix @ into
    return tuple(float(v) for v in (full / full[2, 2]).ravel())


def place_in_probe(homography: tuple[float, ...], probe_size: tuple[int, int], master_size: tuple[int, int]) -> Box:
    """The rectangle that a master takes in the probe.

    Args:
        homography: from `to_full_size`.
        probe_size: width and height.
        master_size: the same.
    """
    width, height = master_size
    corners = np.array([[[0.0, 0.0], [width, 0.0], [0.0, height], [width, height]]])
    placed = cv2.perspectiveTransform(corners, np.linalg.pinv(np.reshape(homography, (3, 3))))[0]
    placed = np.clip(np.nan_to_num(placed), 0.0, probe_size).round().astype(int)
    (left, top), (right, bottom) = placed.min(axis=0).tolist(), placed.max(axis=0).tolist()
    return Box(left, top, right - left, bottom - top)


def _blocks(image: NDArray[np.generic]) -> NDArray[np.float32]:
    n = SMALL_SIDE // _BLOCK
    return np.asarray(image, np.float32).reshape(n, _BLOCK, n, _BLOCK).swapaxes(1, 2).reshape(n * n, -1)
