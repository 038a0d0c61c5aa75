"""Compare one stretch of a probe (some seconds) with its master: the numbered core of `compare`.

Everything of a window is in memory at once (luma at working size, about 0.3 GB at most) and nothing of it outlives the
window but its small result. The frames of a window are:
 probe   uint8 (n, h, w), at most ANALYSIS_RATE a second, long side at most WORKING_SIDE
 master  uint8 (m, H, W), all frames of the time range that can match, at about the same scale
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.check.compare import changes, residual, timing
from haechi.check.compare.colour import Chroma, Tone, fit_tone
from haechi.check.compare.geometry import Placement, place_together, refine, resized, visible, warp
from haechi.check.compare.regions import Parts, RegionPainter
from haechi.core.media.recompress import recompress_video
from haechi.core.records import Region

WORKING_SIDE = 640
MIN_INTERVAL_S = 0.05
N_FIT_PAIRS = 8
ROUNDS = 6
# A moving camera trades time against place: only a step this small, pixels, means that both have settled.
SETTLED = 0.15
# Cost of an alignment, squared levels, below which nothing better needs to be looked for.
GOOD_FIT = 6.0
N_QUALITY_FRAMES = 10
# The second re-post is a little worse and made by another preset: copies are never made twice in the same way.
SECOND_CRF = 1.5

Stack = NDArray[np.uint8]
Times = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Clip:
    """Decoded frames.

    Attributes:
        frames: luma uint8 (n, h, w).
        times_s: time stamps, seconds (n,).
        chroma: for a master, its colour planes (Cr, Cb) less 128, int8 (n, about h / 4, about w / 4, 2); else None.
    """

    frames: Stack
    times_s: Times
    chroma: NDArray[np.int8] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a frame."""
        return int(self.frames.shape[1]), int(self.frames.shape[2])


@dataclass(frozen=True, slots=True)
class Window:
    """What comparing one window gives.

    Attributes:
        times_s: probe times of the compared frames (n,).
        probe: their pictures, uint8 (n, h, w).
        expected: what the master predicts, uint8 (n, h, w).
        master_index: which master frame each shows (n,).
        placement: refined map, working master -> working probe.
        tone: fitted tone curve and filter.
        crf: quality of the null.
        alignment: lines and contrast, over all probe frames of the window.
        z: raw scores float32 (n, gh, gw).
        s: smoothed scores, same shape.
        parts: regions per cell.
        covered: bool (h, w), where the master lies in the probe, its rim included.
        seen: bool (h, w), where it can be compared.
        components: merged differences, strongest first.
        high: score from which a component counts, by part.
        bands: working scales.
    """

    times_s: Times
    probe: Stack
    expected: Stack
    master_index: NDArray[np.int64]
    placement: Placement
    tone: Tone
    crf: float
    alignment: timing.Alignment
    z: NDArray[np.float32]
    s: NDArray[np.float32]
    parts: Parts
    covered: NDArray[np.bool_]
    seen: NDArray[np.bool_]
    components: tuple[changes.Component, ...]
    high: Mapping[Region, float]
    bands: residual.Bands


def compare_window(probe: Clip, master: Clip, starts: Sequence[Placement], painter: RegionPainter) -> Window | None:
    """Compare a window; None when no stretch of it shows the master.

    Args:
        probe: the window's frames.
        master: the master's frames that can match.
        starts: first placements, working master -> working probe, likeliest first.
        painter: finds the regions.
    """
    # 1. Time, and 2. geometry to a fraction of a pixel: each needs the other, so they take turns.
    located = _locate(probe, master, starts)
    if located is None:
        return None
    alignment, placement = located
    kept = np.flatnonzero(alignment.matched >= 0)
    if len(kept) < 2:
        return None
    shape, bands = probe.shape, residual.Bands.of(probe.shape)
    covered = visible(master.shape, placement.matrix, shape)
    seen = without_rim(covered)

    # 3. Tone and sharpness.
    index = alignment.matched[kept]
    some = np.unique(np.linspace(0, len(kept) - 1, N_FIT_PAIRS).astype(int))
    tone = fit_tone([(probe.frames[kept[k]], *lay(master, int(index[k]), placement, shape)) for k in some], seen)
    expected = [tone.apply(*lay(master, int(i), placement, shape)) for i in index]

    # 4. A benign re-post of the same quality as null.
    times, probes = probe.times_s[kept], probe.frames[kept]
    rate = 1.0 / max(float(np.median(np.diff(times))), 1e-3)
    middle = max(0, len(kept) // 2 - N_QUALITY_FRAMES // 2)
    run = slice(middle, middle + N_QUALITY_FRAMES)
    crf = residual.match_quality(list(probes[run]), expected[run], seen, rate, bands)
    clean = np.stack([np.clip(e, 0, 255).astype(np.uint8) for e in expected])
    null = recompress_video(clean, rate, crf)

    # 5. Scores, regions, components.
    energies = residual.measure(probes, expected, null, seen, bands)
    scores = residual.standardise(energies)
    s = changes.smooth(scores, times)
    parts = painter.paint([master.frames[i] for i in index], times, placement.matrix, shape, bands.cell)
    second = recompress_video(clean, rate, crf + SECOND_CRF, preset="faster")
    harmless = residual.standardise(residual.as_probe(energies, second, expected, seen, bands))
    high = changes.thresholds(changes.smooth(harmless, times), parts.codes)
    found = changes.merge(changes.components(s, scores.z, parts.codes, high), times)
    return Window(
        times,
        probes,
        clean,
        index,
        placement,
        tone,
        crf,
        alignment,
        scores.z,
        s,
        parts,
        covered,
        seen,
        tuple(found),
        high,
        bands,
    )


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


def split(image_bgr: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
    """Luma uint8 (h, w) and colour planes int8 (about h / 4, about w / 4, 2) of a picture uint8 (h, w, 3)."""
    planes = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2YCrCb)
    size = (max(1, planes.shape[1] // 4), max(1, planes.shape[0] // 4))
    small = cv2.resize(planes, size, interpolation=cv2.INTER_AREA)
    chroma = (small[..., 1:].astype(np.int16) - 128).astype(np.int8)
    return np.ascontiguousarray(planes[..., 0]).astype(np.uint8), chroma


def fit_working_size(clip: Clip, placements: Sequence[Placement]) -> tuple[Clip, Sequence[Placement]]:
    """Shrink an upscaled probe to the master's own resolution: detail beyond it is interpolation."""
    if placements[0].scale <= 1.15:
        return clip, placements
    factor = 1.0 / placements[0].scale
    height, width = clip.shape
    size = (max(16, round(width * factor)), max(16, round(height * factor)))
    frames = np.stack([cv2.resize(f, size, interpolation=cv2.INTER_AREA) for f in clip.frames])
    return replace(clip, frames=frames), [placement.rescaled(factor, 1.0) for placement in placements]


def _locate(probe: Clip, master: Clip, starts: Sequence[Placement]) -> tuple[timing.Alignment, Placement] | None:
    """Time and place together, from the start that gives the frames a place in time best.

    At first the clip is taken to run at its own speed, because a free speed makes up for an error of place; another
    speed is tried when that does not fit.
    """
    thumbs = timing.thumbnails(probe.frames, None, probe.shape)
    steady = _settle(probe, thumbs, master, starts, timing.STEADY)
    if steady is not None and steady[0].cost < GOOD_FIT:
        return steady
    free = _settle(probe, thumbs, master, starts, timing.FREE)
    if steady is None or free is None:
        return steady or free
    return free if free[0].cost < 0.7 * steady[0].cost else steady


def _settle(
    probe: Clip, thumbs: NDArray[np.float32], master: Clip, starts: Sequence[Placement], better: float
) -> tuple[timing.Alignment, Placement] | None:
    """Align and refine in turns until neither moves."""
    first = [(_align(probe, thumbs, master, start, better), start) for start in starts]
    alignment, placement = min(first, key=lambda pair: pair[0].cost)
    corners = np.array([[0, 0], [master.shape[1], 0], [0, master.shape[0]], list(master.shape[::-1])], np.float64)
    for turn in range(ROUNDS):
        kept = np.flatnonzero(alignment.matched >= 0)
        if len(kept) < 2:
            return None
        pairs = _pairs(probe, master, alignment.matched, kept)
        refined = refine(pairs, place_together(pairs[::2], placement) if turn == 0 else placement)
        step = corners @ (refined.matrix - placement.matrix)[:, :2].T + (refined.matrix - placement.matrix)[:, 2]
        placement = refined
        if float(np.abs(step).max()) < SETTLED:
            break
        alignment = _align(probe, thumbs, master, placement, better)
    return _align(probe, thumbs, master, placement, timing.FREE, settled=True), placement


def _align(
    probe: Clip,
    thumbs: NDArray[np.float32],
    master: Clip,
    placement: Placement,
    better: float,
    *,
    settled: bool = False,
) -> timing.Alignment:
    theirs = timing.thumbnails(master.frames, placement.matrix, probe.shape)
    ones = np.full((1, *master.shape), 255, np.uint8)
    seen = timing.thumbnails(ones, placement.matrix, probe.shape)[0] > 250
    times = (probe.times_s, master.times_s)
    first = timing.align(*timing.distances(thumbs, theirs, seen), *times, better=better, settled=settled)
    exact = timing.distances(thumbs, theirs, seen, first.matched)
    return timing.align(*exact, *times, better=better, settled=settled)


def _pairs(
    probe: Clip, master: Clip, matched: NDArray[np.int64], kept: NDArray[np.int64]
) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    some = kept[np.unique(np.linspace(0, len(kept) - 1, N_FIT_PAIRS).astype(int))]
    return [(probe.frames[i], master.frames[matched[i]]) for i in some]


def without_rim(covered: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The covered area less its rim towards foreign content, where coding mixes both."""
    side = max(covered.shape)
    margin = 2 * max(4, side // 80) + 1
    # Replicated first: the picture's own border is no rim.
    framed = cv2.copyMakeBorder(covered.astype(np.uint8), margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    return np.asarray(cv2.erode(framed, np.ones((margin, margin)))[margin:-margin, margin:-margin] > 0)
