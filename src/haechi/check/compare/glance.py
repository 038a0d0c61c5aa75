"""A glance at one window: is it plainly the same as its master, so that nothing needs to be looked at closely?

Method: on small luma of every compared frame, the master is laid into the probe's geometry and toned, and both are
held against each other cell by cell as `residual` does it, but without a harmless re-post: a cell is as different as
its energy lies above that of cells of equal texture and motion. A window is plain when no cell anywhere, for no fifth
of a second, is that much above the others (`MAX_SCORE`), so different in levels (`MAX_LEVELS`) and in shares of its
own detail (`MAX_SHARE`: a hard edge differs by what a hair's breadth makes of it), when none differs by
`TOO_DIFFERENT` levels whatever else, and when its quality is so good that a change could not hide (`MAX_LOSS`). The
bounds were set on the development clips, far below the weakest change of the good chains; docs/benchmarks.md tells
what they clear. What is not plain is not changed either: it is compared closely.
Limits: never clears joined, foreign or strongly blurred or sharpened stretches, nor any in which time does not tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from haechi.check.compare import changes, residual
from haechi.check.compare.clip import Clip, Stack, Times, evenly
from haechi.check.compare.colour import Tone, fit_tone
from haechi.check.compare.geometry import visible, warp
from haechi.check.compare.locate import Located
from haechi.check.compare.window import without_rim

# Scales of the small pictures, pixels.
BANDS = residual.Bands(fine=0.8, coarse=8.0, cell=4)
# Smoothed score, levels and share of its detail from which a cell is in doubt when it reaches all three.
MAX_SCORE, MAX_LEVELS, MAX_SHARE = 7.0, 5.0, 0.15
# Levels that are always in doubt.
TOO_DIFFERENT = 11.0
# Levels are averaged over so many seconds.
LEVELS_S = 0.2
# Typical loss, levels, and as a share of the picture's own detail.
MAX_LOSS, MAX_LOSS_SHARE = 1.6, 0.17
# Filters outside of this are an edit of their own.
SHARPNESS = (0.05, 1.3)
# Time is told when unrelated moments cost so many times more.
TELLS_TIME = 3.0
N_FIT_PAIRS = 8
# Part of the frames that must have found their moment, and the fewest that tell anything.
ALL, FEWEST = 0.995, 8
# Pictures are looked at side by side: OpenCV does not hold other threads up.
THREADS = 2

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Glance:
    """What a glance at a window says.

    Attributes:
        strength: per frame, how near to doubt the cell in most doubt is, float32 (n,); plain below 1.
        cells: the same for each cell, float32 (n, gh, gw).
        covered: bool (h, w), where the master lies in the probe, its rim included.
        seen: bool (h, w), where it can be compared.
        tone: fitted tone curve and filter.
        loss: typical difference, levels.
        clear: whether quality, tone and time allow a glance to clear at all.
    """

    strength: Floats
    cells: Floats
    covered: Bools
    seen: Bools
    tone: Tone
    loss: float
    clear: bool


def glance(probe: Clip, master: Clip, located: Located) -> Glance | None:
    """Look at a window; None when it is not worth a look: joined, foreign, uncertain.

    Args:
        probe: its frames, small.
        master: the master's frames near the moments that it shows, small.
        located: which moments, and where the master lies in these frames.
    """
    alignment, placement = located.alignment, located.placement
    matched = alignment.matched >= 0
    told = alignment.certain and alignment.contrast > TELLS_TIME and len(alignment.lines) == 1
    if not told or len(matched) < FEWEST or float(matched.mean()) < ALL:
        return None
    covered = visible(master.shape, placement.matrix, probe.shape)
    seen = without_rim(covered)
    index, times, frames = alignment.matched[matched], probe.times_s[matched], probe.frames[matched]
    shown = np.unique(index).tolist()
    with ThreadPoolExecutor(THREADS) as pool:
        warped = pool.map(lambda i: warp(master.frames[i], placement.matrix, probe.shape), shown)
        laid = dict(zip(shown, warped, strict=True))
    colourless = np.zeros((max(1, probe.shape[0] // 4), max(1, probe.shape[1] // 4), 2), np.float32)
    some = evenly(len(index), N_FIT_PAIRS)
    tone = fit_tone([(frames[k], laid[int(index[k])], colourless) for k in some], seen)
    energies = _energies(frames, [laid[int(i)] for i in index], colourless, tone, seen)
    if not energies.seen.any():
        return None
    loss, share = _loss(energies)
    cells = _doubt(energies, times)
    clear = loss < MAX_LOSS and share < MAX_LOSS_SHARE and SHARPNESS[0] < tone.sharpness < SHARPNESS[1]
    return Glance(cells.reshape(len(cells), -1).max(1), cells, covered, seen, tone, loss, clear)


def _energies(frames: Stack, laid: Sequence[Stack], colourless: Floats, tone: Tone, seen: Bools) -> residual.Energies:
    """As `residual.measure`, with texture in the null's place."""
    grid = residual.Grid(seen, BANDS)
    everywhere = bool(seen.all())

    def held(picture: Stack, theirs: Stack) -> tuple[Floats, Floats, Floats]:
        clean = tone.apply(theirs, colourless)
        detail = residual.band_pass(clean, BANDS)
        power = grid.power(detail)
        inner = (picture if everywhere else np.where(seen, picture, clean)).astype(np.float32)
        shown = residual.band_pass(inner, BANDS)
        return grid.apart(shown, grid.product(shown, detail), power), grid.smoothed(power), detail

    rows: list[tuple[Any, ...]] = []
    before: Floats | None = None
    with ThreadPoolExecutor(THREADS) as pool:
        for apart, power, detail in pool.map(held, frames, laid):
            rows.append((apart, power, grid.power(detail - (detail if before is None else before))))
            before = detail
    probe, texture, moved = (
        np.log(np.stack(layer) + residual.FLOOR).astype(np.float32) for layer in zip(*rows, strict=True)
    )
    # The first frame has none before it: it is taken to move as the second does.
    moved[0] = moved[min(1, len(moved) - 1)]
    return residual.Energies(probe, texture, texture, moved, grid.share > 0.6)


def _loss(energies: residual.Energies) -> tuple[float, float]:
    """Typical difference: levels, and over the picture's own detail."""
    inside = energies.seen
    power = np.maximum(np.exp(energies.probe[:, inside]) - residual.FLOOR, 0.0)
    share = np.sqrt(np.median(power / np.exp(energies.texture[:, inside])))
    return float(np.sqrt(np.median(power))), float(share)


def _doubt(energies: residual.Energies, times_s: Times) -> Floats:
    """How near to doubt each cell and frame is, float32 (n, gh, gw): from 1 on it is in doubt."""
    score = changes.smooth(residual.standardise(energies), times_s)
    gap_s = float(np.median(np.diff(times_s)))
    width = max(1, round(LEVELS_S / max(gap_s, 1e-3)))

    def averaged(log_power: Floats) -> Floats:
        power = np.maximum(np.exp(log_power) - residual.FLOOR, 0.0)
        return np.asarray(np.sqrt(ndimage.uniform_filter1d(power, width, axis=0, mode="nearest")), dtype=np.float32)

    levels, detail = averaged(energies.probe), averaged(energies.texture)
    together = np.minimum(np.minimum(score / MAX_SCORE, levels / MAX_LEVELS), levels / (MAX_SHARE * (detail + 1.0)))
    doubt = np.maximum(together, levels / TOO_DIFFERENT)
    return np.where(energies.seen, np.maximum(doubt, 0.0), 0.0).astype(np.float32)
