"""Tell harmless additions (captions, stickers, logos, beauty filters, a small picture in a corner) from changes.

A component of `changes` says that content differs from the master; this module asks what kind of content it is:
 graphic       few flat tones with hard borders (text, emoji, logo), or one steady signed difference over a moving
               master (a see-through mark): an overlay
 smoothed      the master's own picture with its fine detail gone over most of the face: a beauty filter
 moved         content that the master shows at another moment or place: a change, and never an overlay
 natural       anything else: a change
Limits: a photographic sticker on the background counts as a change; a flat-coloured repaint of a large area can pass
as an overlay, which the report lists with its place.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.check.compare.changes import FACIAL, Component
from haechi.check.compare.window import Window
from haechi.core.records import Region

N_LOOKS = 8
# Flatness and contrast from which content is graphic; on a face, skin painted over with skin must not pass as such.
GRAPHIC = (0.62, 22.0)
GRAPHIC_ON_FACE = (0.8, 45.0)

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
        corner: whether the area is a rectangle that touches the picture's border region.
    """

    flatness: float
    contrast: float
    steady: float
    moved: float
    alike: float
    fine: float
    face_cover: float
    corner: bool


def look_at(component: Component, window: Window) -> Look:
    """Measure a component's content."""
    mask = _mask(component, window)
    ys, xs = np.nonzero(mask)
    box = (slice(int(ys.min()), int(ys.max()) + 1), slice(int(xs.min()), int(xs.max()) + 1))
    frames = np.unique(np.linspace(component.first, component.last, N_LOOKS).astype(int))
    ours = window.probe[frames][:, box[0], box[1]].astype(np.float32)
    theirs = window.expected[frames][:, box[0], box[1]].astype(np.float32)
    inside = mask[box]
    flatness, contrast = _flatness(ours, theirs, inside)
    return Look(
        flatness=flatness,
        contrast=contrast,
        steady=_steady(ours - theirs, inside),
        moved=_moved(component, window, box, inside),
        alike=_alike(ours, theirs, inside),
        fine=_fine(ours, theirs, inside),
        face_cover=_face_cover(component, window),
        corner=_corner(mask),
    )


def benign_kind(component: Component, look: Look) -> str | None:
    """The edit that explains the component, or None when it is a change."""
    if look.moved > 0.25:
        return None
    facial = component.region in FACIAL
    if facial and look.face_cover > 0.45 and look.alike > 0.96 and look.fine < 0.9:
        return "beauty_filter"
    flat, strong = GRAPHIC_ON_FACE if facial else GRAPHIC
    if look.flatness > flat and look.contrast > strong:
        return "overlay"
    if not facial and look.corner and component.region in (Region.BACKGROUND, Region.BODY):
        return "overlay"
    return None


def _mask(component: Component, window: Window) -> NDArray[np.bool_]:
    size = (window.probe.shape[2], window.probe.shape[1])
    return np.asarray(cv2.resize(component.footprint.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0)


def _flatness(ours: Floats, theirs: Floats, inside: NDArray[np.bool_]) -> tuple[float, float]:
    """Of the pixels that differ most: share within a few levels of their three commonest tones, and their contrast."""
    shares, spreads = [], []
    for patch, plain in zip(ours, theirs, strict=True):
        apart = np.abs(patch - plain)
        ink = inside & (apart > max(12.0, 0.4 * float(np.percentile(apart[inside], 95))))
        if int(ink.sum()) < 12:
            continue
        values = patch[ink]
        histogram = np.convolve(np.histogram(values, bins=64, range=(0, 256))[0], np.ones(3), mode="same")
        total = 0.0
        for _ in range(3):
            k = int(histogram.argmax())
            total += float(histogram[k])
            histogram[max(0, k - 2) : k + 3] = 0
        shares.append(total / len(values))
        spreads.append(float(apart[ink].mean()))
    return (float(np.median(shares)), float(np.median(spreads))) if shares else (0.0, 0.0)


def _steady(difference: Floats, inside: NDArray[np.bool_]) -> float:
    values = difference[:, inside]
    energy = float((values**2).mean())
    return float(1.0 - ((values - values.mean(0)) ** 2).mean() / max(energy, 1e-6))


def _moved(component: Component, window: Window, box: tuple[slice, slice], inside: NDArray[np.bool_]) -> float:
    k = component.peak_frame
    ours = _detail(window.probe[k].astype(np.float32))[box][inside]
    own = _correlation(ours, _detail(window.expected[k].astype(np.float32))[box][inside])
    best = own
    for j in range(0, len(window.expected), max(1, len(window.expected) // 60)):
        best = max(best, _correlation(ours, _detail(window.expected[j].astype(np.float32))[box][inside]))
    return float(max(best - own if best > 0.75 else 0.0, _elsewhere(component, window, box, own)))


def _elsewhere(component: Component, window: Window, box: tuple[slice, slice], own: float) -> float:
    """Gain in correlation when the patch is searched all over the master's frame."""
    k = component.peak_frame
    patch = _detail(window.probe[k].astype(np.float32))[box]
    scene = _detail(window.expected[k].astype(np.float32))
    if min(patch.shape) < 8 or patch.shape[0] >= scene.shape[0] or patch.shape[1] >= scene.shape[1]:
        return 0.0
    if float(patch.std()) < 2.0:
        return 0.0
    found = float(cv2.matchTemplate(scene, patch, cv2.TM_CCOEFF_NORMED).max())
    return found - own if found > 0.8 else 0.0


def _alike(ours: Floats, theirs: Floats, inside: NDArray[np.bool_]) -> float:
    def middle(image: Floats) -> Floats:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), 2.0) - cv2.GaussianBlur(image, (0, 0), 12.0))[inside]

    return float(np.median([_correlation(middle(a), middle(b)) for a, b in zip(ours, theirs, strict=True)]))


def _fine(ours: Floats, theirs: Floats, inside: NDArray[np.bool_]) -> float:
    def energy(stack: Floats) -> float:
        return float(np.median([np.abs(p - cv2.GaussianBlur(p, (0, 0), 2.0))[inside].mean() for p in stack]))

    return energy(ours) / max(energy(theirs), 1e-3)


def _face_cover(component: Component, window: Window) -> float:
    codes = window.parts.codes[component.peak_frame]
    face = codes >= 4
    return float(component.footprint[face].mean()) if face.any() else 0.0


def _corner(mask: NDArray[np.bool_]) -> bool:
    ys, xs = np.nonzero(mask)
    height, width = mask.shape
    full = mask.sum() / ((np.ptp(ys) + 1) * (np.ptp(xs) + 1))
    reach_y, reach_x = 0.08 * height, 0.08 * width
    near = (ys.min() < reach_y or ys.max() > height - reach_y) and (xs.min() < reach_x or xs.max() > width - reach_x)
    return bool(full > 0.8 and near and np.ptp(ys) > 0.12 * height and np.ptp(xs) > 0.12 * width)


def _detail(image: Floats) -> Floats:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 1.0) - cv2.GaussianBlur(image, (0, 0), 10.0), dtype=np.float32)


def _correlation(a: Floats, b: Floats) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / max(float(np.sqrt((a * a).sum() * (b * b).sum())), 1e-6))
