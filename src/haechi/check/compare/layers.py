"""How much of a difference a few colours explain, laid over the master at any opacity.

Method: a layer of colour c and opacity a shows the master's pixel m as m + a (c - m). The colour that explains most is
picked from evenly coloured places of the probe, then the one that explains most of the rest, and so on. A pixel counts
where it lies on the line from the master's colour to the layer's and its opacity is that of its neighbours, or full:
by chance natural colours lie near such lines, too, but then the opacity is all noise.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

N_LAYERS: Final = 3
N_PIXELS, N_TRIED = 1200, 24
MUCH: Final = 0.25
# Levels: off the line, from the pure colour, and how far layer and master must be apart for the opacity to be told.
ON_LINE, PURE, FAR = 8.0, 10.0, 20.0
LEAST_OPACITY, FULL_OPACITY, STEADY = 0.06, 0.93, 0.07

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]


def explained(ours: Floats, theirs: Floats, ink: Flags) -> tuple[float, ...]:
    """Shares of the differing pixels that one, two and three layers explain, and that one and three pure colours do.

    Args:
        ours: the probe, float32 (h, w, 3), BGR levels.
        theirs: what the master predicts, same shape.
        ink: bool (h, w), the pixels that differ.
    """
    left, mixed, count = ink.copy(), ink.copy(), float(ink.sum())
    shares, pure = [], []
    for colour in _colours(ours, theirs, ink):
        opacity, off = _opacity(ours, theirs, colour)
        mean = cv2.boxFilter(opacity, -1, (3, 3), borderType=cv2.BORDER_REFLECT)
        square = cv2.boxFilter(opacity * opacity, -1, (3, 3), borderType=cv2.BORDER_REFLECT)
        wild = cv2.erode(np.sqrt(np.maximum(square - mean * mean, 0.0)), np.ones((3, 3), np.uint8))
        near = np.linalg.norm(ours - colour, axis=2) < PURE
        laid = (off < ON_LINE) & (opacity > LEAST_OPACITY) & ((wild < STEADY) | (opacity > FULL_OPACITY))
        left &= ~((laid & (np.linalg.norm(colour - theirs, axis=2) > FAR)) | near)
        mixed &= ~near
        shares.append(1.0 - float(left.sum()) / count)
        pure.append(1.0 - float(mixed.sum()) / count)
    shares += [shares[-1]] * (N_LAYERS - len(shares))
    return (*shares, pure[0], pure[-1])


def pure(ours: Floats, theirs: Floats, ink: Flags) -> list[Floats]:
    """The colours of layers that at least a quarter of the differing pixels show pure; arguments as `explained`."""
    pixels = ours[ink]
    found = _colours(ours, theirs, ink)
    return [each for each in found if float((np.linalg.norm(pixels - each, axis=1) < PURE).mean()) >= MUCH]


def _opacity(ours: Floats, theirs: Floats, colour: Floats) -> tuple[Floats, Floats]:
    """Opacity 0 to 1 of a layer, and how far each colour lies off the line, levels."""
    way = colour - theirs
    length = np.maximum((way * way).sum(axis=-1), 1.0)
    opacity = np.clip(((ours - theirs) * way).sum(axis=-1) / length, 0.0, 1.0)
    off = np.linalg.norm(ours - theirs - opacity[..., None] * way, axis=-1)
    return np.asarray(opacity, np.float32), np.asarray(off, np.float32)


def _colours(ours: Floats, theirs: Floats, ink: Flags) -> list[Floats]:
    """The colours of the layers, the one that explains most first."""
    ys, xs = np.nonzero(ink)
    rng = np.random.default_rng(3)
    drawn = rng.permutation(len(ys))[:N_PIXELS]
    mine, masters = ours[ys[drawn], xs[drawn]], theirs[ys[drawn], xs[drawn]]
    grey = ours.mean(axis=2)
    mean = cv2.blur(grey, (3, 3))
    uneven = cv2.erode(np.sqrt(np.maximum(cv2.blur(grey * grey, (3, 3)) - mean * mean, 0.0)), np.ones((3, 3), np.uint8))
    order = np.argsort(uneven[ys[drawn], xs[drawn]], kind="stable")
    left = np.ones(len(mine), bool)
    found: list[Floats] = []
    for _ in range(N_LAYERS):
        even = order[left[order]]
        if len(even) < 6 and found:
            break
        tried = rng.permutation(even[: max(6, len(even) // 2)])[:N_TRIED]
        told = [_told(mine, masters, mine[k], left) for k in tried]
        best = max(range(len(tried)), key=lambda k: told[k][0])
        found.append(mine[tried[best]])
        left &= ~told[best][1]
    return found


def _told(mine: Floats, masters: Floats, colour: Floats, left: Flags) -> tuple[float, Flags]:
    opacity, off = _opacity(mine, masters, colour)
    laid = (off < ON_LINE) & (opacity > LEAST_OPACITY) & (np.linalg.norm(colour - masters, axis=1) > FAR) & left
    near = (np.linalg.norm(mine - colour, axis=1) < PURE) & left
    return 0.5 * float(laid.sum()) + float(near.sum()), laid | near
