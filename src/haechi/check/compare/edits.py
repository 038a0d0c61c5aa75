"""Benign edits that the fitted placement, tone and time lines speak of: crop, mirror, speed, filter and so on.

Each is stated only beyond what estimation noise can produce; the thresholds stand at their use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.check.compare.colour import Tone
from haechi.check.compare.geometry import Placement, invert
from haechi.core.records import Edit, Segment

# What surrounds a picture is smooth with so much of its detail, and is the picture itself where it correlates so.
SMOOTH, OWN_FILL = 0.35, 0.82
# Side at which it is looked at, and how much larger than it need be a picture behind itself is drawn.
FILL_SIDE, FILL_ZOOMS = 64, (1.0, 1.25, 1.6)

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the probe shows where the master is not: its share of the picture and what it looks like."""

    share: float
    kind: str


def geometric(placement: Placement, probe: tuple[int, int], master: tuple[int, int]) -> list[Edit]:
    """Edits of geometry.

    Args:
        placement: master -> probe, both at full size.
        probe: (h, w) of the probe, pixels.
        master: (h, w) of the master, pixels.
    """
    edits = []
    if placement.mirrored:
        edits.append(Edit("mirror"))
    upright = _upright(placement)
    angle = round(upright, 1)
    if abs(angle) >= 0.4:
        edits.append(Edit("rotation", {"degrees": angle}))
    if not 0.985 < placement.scale < 1.015:
        edits.append(Edit("scale", {"factor": round(placement.scale, 3)}))
    if not 0.98 < placement.aspect < 1.02:
        edits.append(Edit("aspect", {"factor": round(placement.aspect, 3)}))
    hidden = hidden_share(placement, probe, master)
    if hidden > 0.02:
        edits.append(Edit("crop", {"hidden_share": round(hidden, 3)}))
    return edits


def hidden_share(placement: Placement, probe: tuple[int, int], master: tuple[int, int]) -> float:
    """Share of the master's area that the probe does not show, 0 to 1."""
    corners = np.array([[0, 0], [probe[1], 0], [probe[1], probe[0]], [0, probe[0]]], np.float64)
    inverse = invert(placement.matrix)
    seen = (corners @ inverse[:, :2].T + inverse[:, 2]).astype(np.float32)
    whole = np.array([[0, 0], [master[1], 0], [master[1], master[0]], [0, master[0]]], np.float32)
    area, _ = cv2.intersectConvexConvex(cv2.convexHull(seen), whole)
    return float(max(0.0, 1.0 - area / (master[0] * master[1])))


def surroundings(probe: Image, covered: NDArray[np.bool_], seen: NDArray[np.bool_]) -> Surroundings | None:
    """Name what surrounds the master: bars, a border, a blurred copy of itself, or another picture; None without any.

    Args:
        probe: luma uint8 (h, w) at working size.
        covered: bool (h, w), where the master lies, its rim included.
        seen: bool (h, w), where it can be compared, without the rim.
    """
    outside = cv2.erode((~covered).astype(np.uint8), np.ones((3, 3))) > 0
    share = float(outside.mean())
    if share < 0.02:
        return None
    values = probe[outside].astype(np.float32)
    low, high = np.percentile(values, [4, 96])
    if high - low < 14:
        return Surroundings(share, "border" if _all_sides(outside) else "letterbox")
    detail = float(np.abs(cv2.Laplacian(probe, cv2.CV_32F))[outside].mean())
    inner = float(np.abs(cv2.Laplacian(probe, cv2.CV_32F))[seen].mean()) if seen.any() else detail
    filled = detail < SMOOTH * inner and _is_own_fill(probe, covered, outside)
    return Surroundings(share, "blurred_fill" if filled else "picture_in_picture")


def _is_own_fill(probe: Image, covered: NDArray[np.bool_], outside: NDArray[np.bool_]) -> bool:
    """Whether what lies around a picture is that picture again, enlarged or stretched over all and blurred."""
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    height, width = probe.shape
    size = (max(8, round(FILL_SIDE * width / max(probe.shape))), max(8, round(FILL_SIDE * height / max(probe.shape))))
    inner = probe[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    shown, around = _small(probe, size), cv2.resize(outside.astype(np.uint8), size, interpolation=cv2.INTER_AREA) > 0
    stretched = _small(inner, size)
    filling = max(size[0] / inner.shape[1], size[1] / inner.shape[0])
    fills = [stretched]
    for zoom in FILL_ZOOMS:
        wide = [max(size[k], round(zoom * filling * inner.shape[1 - k])) for k in (0, 1)]
        x, y = ((wide[k] - size[k]) // 2 for k in (0, 1))
        fills.append(_small(inner, (wide[0], wide[1]))[y : y + size[1], x : x + size[0]])
    # What is all of one colour correlates with nothing.
    with np.errstate(invalid="ignore", divide="ignore"):
        return any(float(np.corrcoef(fill[around], shown[around])[0, 1]) > OWN_FILL for fill in fills)


def _small(picture: Image, size: tuple[int, int]) -> NDArray[np.float32]:
    """A picture at (w, h), without the detail that a blur takes."""
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 2.0), np.float32)


def tonal(tone: Tone) -> list[Edit]:
    """Edits of tone and sharpness that all of the picture shares."""
    edits = []
    if not 0.93 < tone.gain < 1.07 or abs(tone.bias) > 7:
        edits.append(Edit("filter", {"contrast": round(tone.gain, 2), "brightness": round(tone.bias, 1)}))
    elif tone.shade is not None:
        edits.append(Edit("filter", {"shade": round(float(np.ptp(tone.shade)), 2)}))
    if tone.sharpness > 1.35:
        edits.append(Edit("sharpen", {"strength": round(tone.sharpness, 2)}))
    elif tone.sharpness < 0.12:
        edits.append(Edit("blur", {"strength": round(tone.sharpness, 2)}))
    return edits


def temporal(segments: Sequence[Segment], probe_s: float, master_s: float | None) -> list[Edit]:
    """Edits of time: another speed, trimmed, joined.

    Args:
        segments: pieces of the probe that show the master, in probe order.
        probe_s: duration of the probe.
        master_s: duration of the master, if known.
    """
    edits = []
    for segment in segments:
        if abs(segment.speed - 1.0) >= 0.012:
            edits.append(Edit("speed", {"factor": round(segment.speed, 3)}, segment.span))
    if len(segments) > 1:
        edits.append(Edit("joined", {"pieces": len(segments)}))
    if master_s is not None and segments:
        shown = sum(s.span.duration_s * s.speed for s in segments)
        if shown < master_s - max(0.5, 0.03 * master_s):
            edits.append(Edit("trim", {"shown_s": round(shown, 2), "master_s": round(master_s, 2)}))
    covered = sum(s.span.duration_s for s in segments)
    if segments and probe_s - covered > 0.7:
        edits.append(Edit("joined", {"foreign_s": round(probe_s - covered, 2)}))
    return edits


def chroma(probe_bgr: Image, expected_bgr: Image, seen: NDArray[np.bool_]) -> list[Edit]:
    """Colour edits: grey, saturation, tint, from one colour pair uint8 (h, w, 3) in one geometry."""
    ours = cv2.cvtColor(probe_bgr, cv2.COLOR_BGR2YCrCb).astype(np.float32)[seen][:, 1:] - 128
    theirs = cv2.cvtColor(expected_bgr, cv2.COLOR_BGR2YCrCb).astype(np.float32)[seen][:, 1:] - 128
    if len(ours) < 100:
        return []
    spread = float(np.abs(theirs - theirs.mean(0)).mean())
    saturation = float(np.abs(ours - ours.mean(0)).mean()) / max(spread, 0.5)
    tint = ours.mean(0) - theirs.mean(0) * min(saturation, 1.5)
    if np.abs(ours).mean() < 1.5 and np.abs(theirs).mean() > 4:
        return [Edit("grey")]
    if (spread > 2 and not 0.8 < saturation < 1.25) or float(np.abs(tint).max()) > 6:
        return [
            Edit(
                "filter",
                {
                    "saturation": round(saturation, 2),
                    "red": round(float(tint[0]), 1),
                    "blue": round(float(tint[1]), 1),
                },
            )
        ]
    return []


def _upright(placement: Placement) -> float:
    """Rotation with the mirroring undone, degrees."""
    if not placement.mirrored:
        return placement.rotation_deg
    flipped = placement.matrix.copy()
    flipped[0] *= -1
    return Placement(flipped, placement.inliers).rotation_deg


def _all_sides(outside: NDArray[np.bool_]) -> bool:
    sides = (outside[0].mean(), outside[-1].mean(), outside[:, 0].mean(), outside[:, -1].mean())
    return min(float(s) for s in sides) > 0.8
