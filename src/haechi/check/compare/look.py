"""What the content that differs looks like: the measurements that `explain` decides by.

All are taken on some of the component's strongest frames, on luma at working size; only the hue needs colours.
Limits: a component of a few cells gives coarse numbers; under 12 differing pixels flatness and contrast are 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.check.compare.changes import Component, Judged
from haechi.check.compare.edits import tonal
from haechi.check.compare.regions import CODES
from haechi.check.compare.window import Window
from haechi.core.records import Region

N_LOOKS, STRONG = 8, 0.6
# So many pixels must differ for numbers that are taken of them.
FEWEST_PIXELS = 12
LOWEST_FACE_CODE = CODES[Region.FACE]
# How far around a patch its detail is measured, pixels.
REACH = 30
# Width of the strip along the border, as a share of the picture.
EDGE_STRIP = 0.08

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Look:
    """What the differing content looks like; all 0 to 1 unless said otherwise.

    Attributes:
        flatness: share of the differing pixels within a few levels of their three commonest tones.
        contrast: mean difference of those pixels, levels.
        steady: share of the signed difference that does not vary over time.
        moved: best correlation with the master at another moment, minus that at its own.
        alike: correlation with the master at its own moment and place, middle scales only.
        fine: fine detail of the probe over that of the master (1: equal).
        face_cover: share of the face's cells that differ.
        corner: whether what differs is a full rectangle near a corner of the picture.
        edge: whether it lies in a narrow strip along the picture's border, where things reach in from outside.
        graded: whether the picture was filtered: what the fitted tones do not follow stays behind.
        hue: how far its colours are from the master's, levels of Cr and Cb; None where they are not known.
        solid: share of its box that differs: high for a patch, low for letters.
        beside: as contrast, but held against what the master shows a frame before or behind, whichever is nearer; of
            the frame that this explains least. Infinite where there is none.
        hard: difference just inside its outline over that further in: about 1 for a cut-out, less where it is blended.
    """

    flatness: float
    contrast: float
    steady: float
    moved: float
    alike: float
    fine: float
    face_cover: float
    corner: bool
    edge: bool
    graded: bool
    hard: float
    hue: float | None = None
    solid: float = 0.0
    beside: float = np.inf


def look_at(component: Component, window: Window, judged: Judged | None = None) -> Look:
    """Measure a component's content; `judged` is where it was found, the window's own scores unless said."""
    mask = mask_of(component, window)
    ys, xs = np.nonzero(mask)
    box = (slice(int(ys.min()), int(ys.max()) + 1), slice(int(xs.min()), int(xs.max()) + 1))
    frames = _telling_frames(component, judged or window.judged)
    ours = window.probe[frames][:, box[0], box[1]].astype(np.float32)
    theirs = window.expected[frames][:, box[0], box[1]].astype(np.float32)
    inside = mask[box]
    flatness, contrast = _flatness(ours, theirs, inside)
    apart = np.median(np.abs(window.probe[frames].astype(np.float32) - window.expected[frames]), axis=0)
    return Look(
        flatness=flatness,
        contrast=contrast,
        steady=_steady(ours - theirs, inside),
        moved=_moved(component, window, box, inside),
        alike=_alike(ours, theirs, inside),
        fine=_fine(ours, theirs, inside),
        face_cover=_face_cover(component, window),
        corner=is_corner(apart),
        edge=_at_edge(box, mask.shape),
        graded=any(edit.kind == "filter" for edit in tonal(window.tone)),
        hard=_hardness(np.where(mask, apart, 0.0).astype(np.float32)),
        hue=_hue(component, window, frames),
        solid=_solid(np.where(mask, apart, 0.0).astype(np.float32)),
        beside=beside_own_moment(window, frames, box, inside),
    )


def mask_of(component: Component, window: Window) -> NDArray[np.bool_]:
    """Where a component lies, bool (h, w) at working size."""
    size = (window.probe.shape[2], window.probe.shape[1])
    return np.asarray(cv2.resize(component.footprint.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0)


def _telling_frames(component: Component, judged: Judged) -> NDArray[np.int64]:
    """Some frames of the component, from all over those in which it is strong: its weak ends would dilute the look."""
    span = np.arange(component.first, component.last + 1)
    strength = judged.s[component.first : component.last + 1][:, component.footprint].max(1)
    strong = span[strength >= STRONG * strength.max()]
    return np.asarray(np.unique(strong[np.linspace(0, len(strong) - 1, N_LOOKS).astype(int)]))


def _flatness(ours: Floats, theirs: Floats, inside: NDArray[np.bool_]) -> tuple[float, float]:
    """Of the pixels that differ most: share within a few levels of their three commonest tones, and their contrast."""
    shares, spreads = [], []
    for patch, plain in zip(ours, theirs, strict=True):
        apart = np.abs(patch - plain)
        ink = _ink(apart, inside)
        if int(ink.sum()) < FEWEST_PIXELS:
            continue
        shares.append(in_few_tones(patch[ink]))
        spreads.append(float(apart[ink].mean()))
    return (float(np.median(shares)), float(np.median(spreads))) if shares else (0.0, 0.0)


def _ink(apart: Floats, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels that differ most, bool (h, w)."""
    return np.asarray(inside & (apart > max(8.0, 0.4 * float(np.percentile(apart[inside], 95)))))


def beside_own_moment(
    window: Window, frames: NDArray[np.int64], box: tuple[slice, slice], inside: NDArray[np.bool_]
) -> float:
    """`Look.beside`, levels.

    Args:
        window: where the difference was found.
        frames: some of its frames.
        box: rows and columns that hold it.
        inside: bool, shape of the box, where it lies.
    """
    farthest = 0.0
    for k in frames:
        ours = window.probe[k][box].astype(np.float32)
        ink = _ink(np.abs(ours - window.expected[k][box]), inside)
        others = [j for j in (int(k) - 1, int(k) + 1) if 0 <= j < len(window.expected)]
        if not others or int(ink.sum()) < FEWEST_PIXELS:
            return np.inf
        apart = [float(np.abs(ours - window.expected[j][box])[ink].mean()) for j in others]
        farthest = max(farthest, min(apart))
    return farthest


def in_few_tones(values: Floats) -> float:
    """Share of levels that lie in the three most common tones, each with its neighbours; may pass 1 by an overlap."""
    histogram = np.convolve(np.histogram(values, bins=64, range=(0, 256))[0], np.ones(3), mode="same")
    total = 0.0
    for _ in range(3):
        k = int(histogram.argmax())
        total += float(histogram[k])
        histogram[max(0, k - 2) : k + 3] = 0
    return total / len(values)


def _steady(difference: Floats, inside: NDArray[np.bool_]) -> float:
    values = difference[:, inside]
    energy = float((values**2).mean())
    return float(1.0 - ((values - values.mean(0)) ** 2).mean() / max(energy, 1e-6))


def _moved(component: Component, window: Window, box: tuple[slice, slice], inside: NDArray[np.bool_]) -> float:
    # What lies further off than the blur of `_detail` reaches does not matter.
    around = tuple(slice(max(0, side.start - REACH), side.stop + REACH) for side in box)
    within = tuple(
        slice(side.start - wide.start, side.stop - wide.start) for side, wide in zip(box, around, strict=True)
    )

    def detail(picture: NDArray[np.uint8]) -> Floats:
        return np.asarray(_detail(picture[around].astype(np.float32))[within][inside])

    k = component.peak_frame
    ours = detail(window.probe[k])
    own = _correlation(ours, detail(window.expected[k]))
    best = own
    for j in range(0, len(window.expected), max(1, len(window.expected) // 60)):
        best = max(best, _correlation(ours, detail(window.expected[j])))
    return float(max(best - own if best > 0.75 else 0.0, _elsewhere(component, window, box, own)))


def _elsewhere(component: Component, window: Window, box: tuple[slice, slice], own: float) -> float:
    """Gain in correlation when the middle of the patch is searched all over the master's frame."""
    k = component.peak_frame
    margins = [max(1, round(0.2 * (side.stop - side.start))) for side in box]
    core = tuple(slice(side.start + m, side.stop - m) for side, m in zip(box, margins, strict=True))
    patch = _detail(window.probe[k].astype(np.float32))[core]
    scene = _detail(window.expected[k].astype(np.float32))
    if min(patch.shape, default=0) < 8 or patch.shape[0] >= scene.shape[0] or patch.shape[1] >= scene.shape[1]:
        return 0.0
    # A plain patch is found anywhere.
    if float(patch.std()) < 4.0:
        return 0.0
    found = float(cv2.matchTemplate(scene, patch, cv2.TM_CCOEFF_NORMED).max())
    return found - own if found > 0.75 else 0.0


def _alike(ours: Floats, theirs: Floats, inside: NDArray[np.bool_]) -> float:
    def middle(image: Floats) -> Floats:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), 2.0) - cv2.GaussianBlur(image, (0, 0), 12.0))[inside]

    return float(np.median([_correlation(middle(a), middle(b)) for a, b in zip(ours, theirs, strict=True)]))


def _fine(ours: Floats, theirs: Floats, inside: NDArray[np.bool_]) -> float:
    def energy(stack: Floats) -> float:
        return float(np.median([np.abs(p - cv2.GaussianBlur(p, (0, 0), 2.0))[inside].mean() for p in stack]))

    return energy(ours) / max(energy(theirs), 1e-3)


def _face_cover(component: Component, window: Window) -> float:
    face = window.parts.codes[component.peak_frame] >= LOWEST_FACE_CODE
    return float(component.footprint[face].mean()) if face.any() else 0.0


def is_corner(apart: Floats) -> bool:
    """Whether what differs is a full rectangle near a corner of the picture, as a small inserted video is."""
    square = np.ones((5, 5), np.uint8)
    closed = cv2.morphologyEx((apart > 12.0).astype(np.uint8), cv2.MORPH_CLOSE, square)
    # The dark lines at a picture's border are no part of what lies beside them.
    ink = cv2.morphologyEx(closed, cv2.MORPH_OPEN, square)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink)
    del labels
    if count < 2:
        return False
    x, y, w, h, area = (int(v) for v in stats[1:][int(stats[1:, cv2.CC_STAT_AREA].argmax())])
    height, width = ink.shape
    near = (y < 0.1 * height or y + h > 0.9 * height) and (x < 0.1 * width or x + w > 0.9 * width)
    return near and area > 0.85 * w * h and h > 0.12 * height and w > 0.12 * width


def _at_edge(box: tuple[slice, slice], shape: tuple[int, ...]) -> bool:
    return any(
        side.stop <= EDGE_STRIP * length or side.start >= (1 - EDGE_STRIP) * length
        for side, length in zip(box, shape, strict=True)
    )


def _hue(component: Component, window: Window, frames: NDArray[np.int64]) -> float | None:
    if window.hues is None:
        return None
    size = (window.hues.shape[2], window.hues.shape[1])
    inside = cv2.resize(component.footprint.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    return float(np.median([np.percentile(window.hues[k][inside], 75) for k in frames])) if inside.any() else None


def _solid(apart: Floats) -> float:
    if not apart.any():
        return 0.0
    ys, xs = np.nonzero(apart > max(8.0, 0.4 * float(np.percentile(apart[apart > 0], 95))))
    return len(ys) / ((np.ptp(ys) + 1) * (np.ptp(xs) + 1)) if len(ys) else 0.0


def _hardness(apart: Floats) -> float:
    ink = apart > 8.0
    depth = cv2.distanceTransform(ink.astype(np.uint8), cv2.DIST_L2, 3)
    deepest = float(depth.max())
    rim = ink & (depth >= 1.5) & (depth < 3.5)
    inner = ink & (depth >= min(7.0, 0.6 * deepest))
    if deepest < 2 or not rim.any() or not inner.any():
        return 0.0
    return float(np.median(apart[rim]) / max(float(np.percentile(apart[inner], 60)), 1e-3))


def _detail(image: Floats) -> Floats:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 1.0) - cv2.GaussianBlur(image, (0, 0), 10.0), dtype=np.float32)


def _correlation(a: Floats, b: Floats) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / max(float(np.sqrt((a * a).sum() * (b * b).sum())), 1e-6))
