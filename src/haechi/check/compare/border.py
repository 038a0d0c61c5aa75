"""Find a border of one colour that was drawn over the picture: it hides the master there, and changes nothing else.

Method: rows and columns from the outside in, as long as each shows nothing but the colour of the outermost ones, in all
frames. Two opposite sides make a border where the master shows mostly something else under both, and where both end in
an edge: a plain backdrop runs on into the picture, and what was taken away in front of it must not be hidden.
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.check.compare.clip import Clip, evenly
from haechi.check.compare.geometry import Placement
from haechi.check.compare.laid import lay

# (n, h, w, 3): luma, Cr and Cb.
Colours = NDArray[np.float32]

# So many frames of a window are looked at.
N_PAIRS = 8
# Levels that coding leaves of an even colour, and that something else is off.
EVEN: Final = 9.0
OTHER: Final = 16.0
# Shares of a line that must be even; of the border under which the master differs; of its inner end that is an edge.
WHOLE, COVERING, ENDING = 0.97, 0.6, 0.6
# Width, as a share of the shorter side of the picture.
WIDTHS: Final = (0.012, 0.2)
# Coding mixes the border into so many lines behind it.
MIXED: Final = 4


def border_over(probe: Clip, master: Clip, matched: NDArray[np.int64], placement: Placement) -> NDArray[np.bool_]:
    """Where a border was drawn over the master in a window, bool (h, w) of the probe's frames.

    Args:
        probe: the window's frames.
        master: the master's frames near the moments that it shows.
        matched: index of the master's frame that each of the probe's shows, -1 for none.
        placement: master -> probe.
    """
    kept = np.flatnonzero(matched >= 0)
    if not len(kept):
        return np.zeros(probe.shape, bool)
    some = kept[evenly(len(kept), N_PAIRS)]
    ours = np.concatenate([coloured(probe.frames[k], None if probe.chroma is None else probe.chroma[k]) for k in some])
    if not any(_depth(one) and _depth(other) for one, other in _opposite(ours)):
        return np.zeros(probe.shape, bool)
    theirs = [coloured(*lay(master, int(matched[k]), placement, probe.shape)) for k in some]
    return drawn_border(ours, np.concatenate(theirs))


def coloured(luma: NDArray[np.uint8], chroma: NDArray[Any] | None) -> Colours:
    """One frame for `drawn_border`, float32 (1, h, w, 3), from luma (h, w) and smaller colour planes (a, b, 2)."""
    size = (luma.shape[1], luma.shape[0])
    planes = np.zeros((1, 1, 2), np.float32) if chroma is None else chroma.astype(np.float32)
    return np.dstack([luma.astype(np.float32), cv2.resize(planes, size, interpolation=cv2.INTER_LINEAR)])[None]


def drawn_border(ours: Colours, theirs: Colours) -> NDArray[np.bool_]:
    """Where an even border covers the master, bool (h, w); all false without one.

    Args:
        ours: some frames of the probe, float32 (n, h, w, 3).
        theirs: what the master shows in each, in probe geometry, same shape.
    """
    found = np.zeros(ours.shape[1:3], bool)
    for strips, one, other in zip((found, found.T), _opposite(ours), _opposite(theirs), strict=True):
        before, behind = (_strip(*side) for side in zip(one, other, strict=True))
        if before and behind:
            strips[:before] = True
            strips[-behind:] = True
    return found


def _opposite(frames: Colours) -> list[tuple[Colours, Colours]]:
    """The frames turned so that their upper and lower, left and right rim come first."""
    return [(turned, turned[:, ::-1]) for turned in (frames, np.swapaxes(frames, 1, 2))]


def _depth(ours: Colours) -> int:
    """How many of the first rows are of one colour; 0 where they are too few or too many for a border."""
    least, most = _widths(ours)
    # How much of each row is the border's in the frame that shows least of it.
    even = (np.linalg.norm(ours[:, : most + MIXED + 1] - _rim_colour(ours), axis=-1) < EVEN).mean(axis=2).min(axis=0)
    deep = int(np.argmax(even < WHOLE)) if (even < WHOLE).any() else len(even)
    return deep if least <= deep <= most else 0


def _strip(ours: Colours, theirs: Colours) -> int:
    """Height of the border along the first rows; 0 without one."""
    deep, colour = _depth(ours), _rim_colour(ours)
    if not deep:
        return 0
    covering = float((np.linalg.norm(theirs[:, :deep] - colour, axis=-1) > OTHER).mean())
    ending = float((np.linalg.norm(ours[:, deep + MIXED] - colour, axis=-1) > EVEN).mean())
    return deep if covering > COVERING and ending > ENDING else 0


def _rim_colour(ours: Colours) -> NDArray[np.float32]:
    return np.asarray(np.median(ours[:, : _widths(ours)[0]], axis=(0, 1, 2)))


def _widths(ours: Colours) -> tuple[int, int]:
    """Least and greatest width of a border, pixels."""
    least, most = (max(2, round(share * min(ours.shape[1:3]))) for share in WIDTHS)
    return least, most
