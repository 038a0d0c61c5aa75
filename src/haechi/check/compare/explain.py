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

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.check.compare.changes import FACIAL, Component, merge
from haechi.check.compare.edits import tonal
from haechi.check.compare.regions import CODES
from haechi.check.compare.window import Window, judged_anew
from haechi.core.records import Region

N_LOOKS, STRONG = 8, 0.6
# Captions follow each other; what is taken off at once is one of them at the least.
MAX_LAYERS = 3
LOWEST_FACE_CODE = CODES[Region.FACE]
# Flatness and contrast from which content is graphic; on a face, skin painted over with skin must not pass as such.
GRAPHIC = (0.62, 22.0)
GRAPHIC_ON_FACE = (0.8, 45.0)
DRAWN = (0.84, 50.0, 0.25)
# A sticker whose own detail heavy coding has taken: quite flat, and yet it has more than painted skin has.
FLAT, FLAT_DETAIL, FLAT_DETAIL_ON_FACE = 0.94, 0.8, 0.9
# Pieces of plain scenery reach 12 levels of hue and 56 of contrast, stickers begin at 26, letters are never solid.
OWN_HUE, SOLID, DRAWN_CONTRAST = 13.0, 0.5, 60.0
# Contrast and hardness.
CUT_OUT = (30.0, 0.7)
# A whole video made small is richer in detail than a piece of the scene pasted in.
SMALL_PICTURE = 2.0
# Remnants of drawn things are as flat as they are; a changed mouth or eye is not.
REMNANT = 0.85
# Beside what was taken off a difference must stand out over its threshold.
CLEARLY = 1.3
# What was laid over differs by so many levels at the least, and by this share of its own strongest difference.
MIN_INK, INK_SHARE = 40.0, 0.45
NOISE = "noise"
UNMOVED, NEARLY_SAME, GRADED_ALIKE = 0.92, 0.95, 0.5
# Levels: coding at 240 lines reaches 11 at places, the least of the changes 13.
MIN_CONTRAST, MIN_CONTRAST_GRADED = 12.0, 15.0
SAME_PICTURE, SAME_GRADED, AS_SHARP = 0.975, 0.965, 0.75
# What is laid over has an edge; what is blended in has none.
MIN_HARD = 0.5
# A drawing has its outline as fine detail; a plain piece of the scene has none.
AS_DETAILED = 1.1
MOVED = 0.25
# Width of the strip along the border, as a share of the picture.
EDGE_STRIP = 0.08
# Fine detail that a beauty filter leaves: less is a face made unrecognisable.
SMOOTHED = (0.55, 0.9)
REACH = 30

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


def differences(window: Window) -> list[tuple[Component, Look, str | None]]:
    """What differs in a window, with its look and the kind of edit that explains it, None for a change.

    Components that meet are joined first; what is noise by itself does not lengthen a difference beside it. Where
    something was laid over a person, it is taken off and the rest is judged anew: a caption must not hide a mouth.
    """
    found = _explained(window)
    layer = found
    for _ in range(MAX_LAYERS):
        over = [component for component, _, kind in layer if kind == "overlay"]
        if not any(_touches_face(component, window) for component in over):
            break
        window = judged_anew(window, _taken_off(window, over))
        layer = _explained(window)
        changes = [component for component, _, kind in found if kind is None]
        hidden = [each for each in layer if _hidden(*each, window) and not any(_same(each[0], c) for c in changes)]
        found += hidden
    return found


def _hidden(component: Component, look: Look, kind: str | None, window: Window) -> bool:
    """Whether what remains after something was taken off is a change, and no remnant of what lay there."""
    clear = component.peak > CLEARLY * window.judged.high[component.region]
    return kind is None and component.region in FACIAL and look.flatness < REMNANT and clear


def _explained(window: Window) -> list[tuple[Component, Look, str | None]]:
    parts = window.judged.components
    looks = {id(part): look_at(part, window) for part in parts}
    telling = [part for part in parts if benign_kind(part, looks[id(part)]) != NOISE]
    # What was not joined to another is the same object, looked at already.
    looked = [(c, looks.get(id(c)) or look_at(c, window)) for c in merge(telling or parts, window.times_s)]
    told = [(component, look, benign_kind(component, look)) for component, look in looked]
    return [each for each in told if each[2] != NOISE]


def _touches_face(component: Component, window: Window) -> bool:
    codes = window.parts.codes[component.first : component.last + 1]
    near = cv2.dilate(component.footprint.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return bool((codes[:, near] >= LOWEST_FACE_CODE).any())


def _same(a: Component, b: Component) -> bool:
    return a.first <= b.last and b.first <= a.last and bool((a.footprint & b.footprint).any())


def _taken_off(window: Window, over: Sequence[Component]) -> NDArray[np.uint8]:
    """The probe's pictures with what was laid over them replaced by what the master shows there."""
    shown = window.probe.copy()
    side = max(shown.shape[1:])
    wider = np.ones((2 * max(3, side // 90) + 1,) * 2, np.uint8)
    for component in over:
        mask = cv2.dilate(_mask(component, window).astype(np.uint8), wider) > 0
        for i in range(component.first, component.last + 1):
            apart = np.abs(shown[i].astype(np.int16) - window.expected[i])
            # Ink stands out far more than a changed mouth does.
            ink = mask & (apart > max(MIN_INK, INK_SHARE * float(np.percentile(apart[mask], 95))))
            ink = cv2.dilate(ink.astype(np.uint8), wider) > 0
            shown[i][ink] = window.expected[i][ink]
    return shown


def look_at(component: Component, window: Window) -> Look:
    """Measure a component's content."""
    mask = _mask(component, window)
    ys, xs = np.nonzero(mask)
    box = (slice(int(ys.min()), int(ys.max()) + 1), slice(int(xs.min()), int(xs.max()) + 1))
    frames = _telling_frames(component, window)
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
        corner=_corner(apart),
        edge=_at_edge(box, mask.shape),
        graded=any(edit.kind == "filter" for edit in tonal(window.tone)),
        hard=_hardness(np.where(mask, apart, 0.0).astype(np.float32)),
        hue=_hue(component, window, frames),
        solid=_solid(np.where(mask, apart, 0.0).astype(np.float32)),
    )


def benign_kind(component: Component, look: Look) -> str | None:
    """What explains the component: NOISE, the kind of an edit, or None when it is a change."""
    facial = component.region in FACIAL
    if _is_noise(look):
        return NOISE
    if facial and look.face_cover > 0.45 and look.alike > 0.95 and SMOOTHED[0] < look.fine < SMOOTHED[1]:
        return "beauty_filter"
    piece_of_scene = component.region is Region.BACKGROUND and _is_piece_of_scene(look)
    if (_is_drawn(look, facial) or _is_lettering(look)) and not piece_of_scene:
        return "overlay"
    if not facial and (look.edge or (component.region is not Region.BACKGROUND and _is_cut_out(look))):
        return "overlay"
    if not facial and look.corner and look.moved < MOVED and look.fine > SMALL_PICTURE:
        return "overlay"
    return None


def _is_noise(look: Look) -> bool:
    """Nothing that an eye could see, or the master's own picture, as sharp, a hair's breadth or a shade off."""
    if look.contrast < (MIN_CONTRAST_GRADED if look.graded else MIN_CONTRAST):
        return True
    if look.fine <= AS_SHARP:
        return False
    # A grade that the fitted tones do not quite follow leaves differences that never move.
    alike = GRADED_ALIKE if look.graded else NEARLY_SAME
    return look.alike > (SAME_GRADED if look.graded else SAME_PICTURE) or (look.steady > UNMOVED and look.alike > alike)


def _is_drawn(look: Look, facial: bool) -> bool:
    """Stickers, bars, flat logos: few tones, far from what they cover, with an outline of their own.

    Skin painted over with skin lacks both outline and detail.
    """
    drawn = look.flatness > DRAWN[0] and look.contrast > DRAWN[1] and look.hard > DRAWN[2]
    if drawn and look.fine > (1.15 if look.flatness < FLAT else FLAT_DETAIL_ON_FACE if facial else FLAT_DETAIL):
        return True
    flat, strong = GRAPHIC_ON_FACE if facial else GRAPHIC
    graphic = look.flatness > flat and look.contrast > strong and look.fine > (1.15 if facial else AS_DETAILED)
    return look.hard >= MIN_HARD and graphic and (look.moved < MOVED or look.contrast > 45)


def _is_piece_of_scene(look: Look) -> bool:
    """A patch as plain as a drawing, but in the scene's own colours."""
    own = look.hue is not None and look.hue < OWN_HUE
    return own and look.solid > SOLID and look.contrast < DRAWN_CONTRAST


def _is_cut_out(look: Look) -> bool:
    """One flat tone with a hard outline on hair or cloth, whatever detail it hides."""
    return look.flatness > FLAT and look.contrast > CUT_OUT[0] and look.hard > CUT_OUT[1] and look.moved < MOVED


def _is_lettering(look: Look) -> bool:
    """Text and see-through marks: rich in detail where the master has little."""
    # Large text whose tones and outline have run under heavy coding; nothing natural stands out so much.
    if look.fine > 3.5 and look.contrast > (80 if look.fine > 10 else 100) and look.flatness > 0.36:
        return True
    if look.hard < MIN_HARD:
        return False
    # A see-through mark: one steady difference over pictures that move, and nothing of theirs.
    if look.steady > 0.9 and look.flatness > 0.33 and look.contrast > 30 and look.fine > 2.5 and look.moved < MOVED:
        return True
    # Text after heavy coding: its tones have run, its contrast and detail have not.
    return look.fine > 6 and look.contrast > 50


def _telling_frames(component: Component, window: Window) -> NDArray[np.int64]:
    """Some frames of the component, from all over those in which it is strong: its weak ends would dilute the look."""
    span = np.arange(component.first, component.last + 1)
    strength = window.judged.s[component.first : component.last + 1][:, component.footprint].max(1)
    strong = span[strength >= STRONG * strength.max()]
    return np.asarray(np.unique(strong[np.linspace(0, len(strong) - 1, N_LOOKS).astype(int)]))


def _mask(component: Component, window: Window) -> NDArray[np.bool_]:
    size = (window.probe.shape[2], window.probe.shape[1])
    return np.asarray(cv2.resize(component.footprint.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0)


def _flatness(ours: Floats, theirs: Floats, inside: NDArray[np.bool_]) -> tuple[float, float]:
    """Of the pixels that differ most: share within a few levels of their three commonest tones, and their contrast."""
    shares, spreads = [], []
    for patch, plain in zip(ours, theirs, strict=True):
        apart = np.abs(patch - plain)
        ink = inside & (apart > max(8.0, 0.4 * float(np.percentile(apart[inside], 95))))
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


def _corner(apart: Floats) -> bool:
    """Whether what differs is a full rectangle near a corner of the picture, as a small inserted video is."""
    ink = cv2.morphologyEx((apart > 12.0).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
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
