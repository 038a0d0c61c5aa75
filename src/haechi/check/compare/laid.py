"""The master's frames laid into the probe's geometry, and which of them a sped-up probe shows."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.check.compare import timing
from haechi.check.compare.clip import Clip, Stack, Times
from haechi.check.compare.colour import Chroma, fit_tone
from haechi.check.compare.geometry import Placement, resized, warp

N_FIT_PAIRS = 8
# A frame beside the one nearest to the line is taken where what moves differs by so much less there, squared levels.
NEARER = 0.5


def lay(master: Clip, index: int, placement: Placement, shape: tuple[int, int]) -> tuple[NDArray[np.uint8], Chroma]:
    """A master frame in probe geometry: luma uint8 `shape`, colour planes float32 at about a quarter of it."""
    luma = warp(master.frames[index], placement.matrix, shape)
    size = (max(1, shape[1] // 4), max(1, shape[0] // 4))
    if master.chroma is None:
        return luma, np.zeros((size[1], size[0], 2), np.float32)
    planes = master.chroma[index].astype(np.float32)
    matrix = resized(placement.matrix, size[0] / shape[1], planes.shape[1] / master.shape[1])
    laid = cv2.warpAffine(planes, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return luma, np.asarray(laid, dtype=np.float32)


def at_other_speed(
    index: NDArray[np.int64],
    lines: Sequence[timing.Line],
    times: Times,
    probes: Stack,
    master: Clip,
    placement: Placement,
    seen: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Frames of the master shown at another speed, moved by one where what moves there fits far better.

    At its own speed a clip shows a frame of the master or the next; at another one a frame lies between two, and a line
    that is a hundredth of a second off takes the wrong one: too little for a whole picture, too much for a mouth.

    Args:
        index: the master's frame for each of the window's, int64 (n,).
        lines: the pieces.
        times: probe times (n,).
        probes: uint8 (n, h, w).
        master: the master's frames.
        placement: master -> probe.
        seen: bool (h, w), where the master can be compared.
    """
    moved = index.copy()
    fast = [line for line in lines if abs(line.speed - 1.0) > timing.SAME_SPEED]
    rows = [k for k in range(len(index)) if any(line.start_s <= times[k] < line.end_s for line in fast)]
    if not rows:
        return moved
    shape = (probes.shape[1], probes.shape[2])
    some = rows[:: max(1, len(rows) // N_FIT_PAIRS)]
    tone = fit_tone([(probes[k], *lay(master, int(index[k]), placement, shape)) for k in some], seen)
    for k in rows:
        beside = [i for i in (index[k] - 1, index[k], index[k] + 1) if 0 <= i < len(master.frames)]
        laid = [tone.apply(*lay(master, int(i), placement, shape)) for i in beside]
        moving = np.where(seen, np.abs(laid[-1] - laid[0]), 0.0)
        costs = [float((moving * (one - probes[k]) ** 2).sum()) for one in laid]
        best, own = int(np.argmin(costs)), beside.index(index[k])
        if costs[best] < NEARER * costs[own]:
            moved[k] = beside[best]
    return moved
