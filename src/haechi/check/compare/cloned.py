"""Content that was taken from another place of the same picture: a patch that was moved, or laid over something twice.

Such a patch may look like a sticker: few tones, a hard outline, far from what it covers. But stickers are not in the
master, and a patch is, tone for tone.
Method: the middle of the patch is searched all over the master's frame, on luma (`cv2.matchTemplate`), for the place
of least difference. It counts as found if the two correlate there, are as bright and have the same colours, and if the
master's own place does not show it nearly as well: the inside of a ring or of a frame is the master's own.
Measured on 8 photographs (Kodak, faces, groups) at JPEG 85: 15 moved patches that looked like overlays correlate with
.968 and more and are 2.6 levels off at the most; 96 captions, stickers, bars and logos correlate with .95 only where
they are 30 levels off. Of 88 harmless edits and these 96 none is told as moved. In colour, 126 moved patches stay
within 27 levels down to JPEG 30 (SAME_COLOURS).
Limits: patches that are plain, or under 20 pixels, are not told; nor are turned, mirrored, resized or recoloured ones,
which `look` and `explain` judge as any other content.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.check.compare.changes import Component
from haechi.check.compare.look import mask_of
from haechi.check.compare.window import Window

# Of each side of the patch's box such shares are left out: boxes are as coarse as the cells that they are made of.
MARGINS: Final = (0.28, 0.36)
LEAST_SIDE: Final = 12
# Levels: a plainer patch is found anywhere.
LEAST_TEXTURE: Final = 3.0
FOUND: Final = 0.95
# Levels: how far off a moved patch is after hard coding, and how much further its own place must be.
SAME_LEVELS: Final = 6.0
OTHER_LEVELS: Final = 12.0
CLEARLY: Final = 3.0
NOISE_SIGMA: Final = 1.0
# Levels that all but a few pixels stay within in each colour: the luma of a dozen pixels is found by chance, the rim of
# a yellow sticker in that of a white collar.
SAME_COLOURS, MOST_PIXELS = 40.0, 95

Floats = NDArray[np.float32]


def is_cloned(component: Component, window: Window) -> bool:
    """Whether what differs is another part of the same picture, at the same size."""
    ys, xs = np.nonzero(mask_of(component, window))
    ours, scene = (_smooth(pictures[component.peak_frame]) for pictures in (window.probe, window.expected))
    sides = [(int(axis.min()), int(axis.max()) + 1) for axis in (ys, xs)]
    for margin in MARGINS:
        core = tuple(_middle(*side, margin) for side in sides)
        there = _elsewhere(core, ours, scene)
        if there is not None:
            pair = window.colours_at(component.peak_frame)
            return pair is None or _have_same_colours(pair[0][core], pair[1][there])
    return False


def _have_same_colours(ours: NDArray[np.uint8], theirs: NDArray[np.uint8]) -> bool:
    apart = np.abs(_smooth(ours) - _smooth(theirs)).max(axis=2)
    return float(np.percentile(apart, MOST_PIXELS)) <= SAME_COLOURS


def _elsewhere(core: tuple[slice, ...], ours: Floats, scene: Floats) -> tuple[slice, ...] | None:
    """Where the master shows the probe's patch by its luma; None where it does not, or shows it in its own place."""
    patch = ours[core]
    if min(patch.shape) < LEAST_SIDE or float(patch.std()) < LEAST_TEXTURE:
        return None
    # Of levels, not of correlations: OpenCV gives those as 1 wherever the scene is all of one tone.
    x, y = cv2.minMaxLoc(cv2.matchTemplate(scene, patch, cv2.TM_SQDIFF))[2]
    place = (slice(y, y + patch.shape[0]), slice(x, x + patch.shape[1]))
    there = scene[place]
    off, own = _levels(patch - there), _levels(patch - scene[core])
    together = float(((patch - patch.mean()) * (there - there.mean())).mean())
    alike = together / max(float(patch.std() * there.std()), 1e-6)
    found = alike >= FOUND and off <= SAME_LEVELS and own >= max(OTHER_LEVELS, CLEARLY * off)
    return place if found else None


def _middle(start: int, stop: int, share: float) -> slice:
    margin = round(share * (stop - start))
    return slice(start + margin, stop - margin)


def _smooth(picture: NDArray[np.uint8]) -> Floats:
    return np.asarray(cv2.GaussianBlur(picture.astype(np.float32), (0, 0), NOISE_SIGMA), np.float32)


def _levels(difference: Floats) -> float:
    return float(np.sqrt((difference**2).mean()))
