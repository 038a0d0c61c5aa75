"""Compare one stretch of a probe (some seconds) with its master: the numbered core of `compare`.

Everything of a window is in memory at once (luma at working size, about 0.3 GB at most) and nothing of it outlives the
window but its small result. The frames of a window are:
 probe   uint8 (n, h, w), some of its frames at working size
 master  uint8 (m, H, W), all its frames near the moments that the probe shows, at about the same scale
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.check.compare import changes, residual, timing
from haechi.check.compare.clip import Clip, Stack, Times, evenly, stacked
from haechi.check.compare.colour import Chroma, Tone, fit_tone
from haechi.check.compare.geometry import Placement, visible
from haechi.check.compare.in_colour import Pair
from haechi.check.compare.lacking import judge_lacking
from haechi.check.compare.laid import at_other_speed, lay
from haechi.check.compare.locate import Located
from haechi.check.compare.regions import Parts, RegionPainter
from haechi.core.media.recompress import recompress_video

N_FIT_PAIRS = 8
N_QUALITY_FRAMES = 10
# The second re-post is a little worse and made by another preset: copies are never made twice in the same way.
SECOND_CRF = 1.5
# How far coding mixes foreign content into the master's at the least, working pixels.
MIN_RIM = 6


@dataclass(frozen=True, slots=True)
class Window:
    """What comparing one window gives.

    Attributes:
        times_s: probe times of the compared frames (n,).
        probe: their pictures, uint8 (n, h, w).
        expected: what the master predicts, uint8 (n, h, w).
        placement: refined map, working master -> working probe.
        tone: fitted tone curve and filter.
        crf: quality of the null.
        alignment: lines and contrast, over all probe frames of the window.
        parts: regions per cell.
        covered: bool (h, w), where the master lies in the probe, its rim included.
        seen: bool (h, w), where it can be compared.
        nulls: two benign re-posts of the expectation, uint8 (n, h, w) each.
        judged: scores and what they amount to.
        lacking: the same for what faces lack; None where that cannot be told.
        hues: how far the colours are apart, float32 (n, about h / 4, about w / 4), levels of Cr and Cb, less what the
            whole picture's colours are apart; None where colours are not known.
        undecoded_s: how much of the window damage has taken, seconds.
        colours: the picture and what the master predicts, of a still picture; None for moving ones.
        read_colours: reads the same of a moving picture's frame, by its index; None for stills, or where nobody asks.
    """

    times_s: Times
    probe: Stack
    expected: Stack
    placement: Placement
    tone: Tone
    crf: float
    alignment: timing.Alignment
    parts: Parts
    covered: NDArray[np.bool_]
    seen: NDArray[np.bool_]
    nulls: tuple[Stack, Stack]
    judged: changes.Judged
    lacking: changes.Judged | None = None
    hues: NDArray[np.float32] | None = None
    undecoded_s: float = 0.0
    colours: Pair | None = None
    read_colours: Callable[[int], Pair | None] | None = None

    def colours_at(self, frame: int) -> Pair | None:
        """A frame, by its index, and what the master predicts, in colour; None where that cannot be read."""
        return self.colours if self.read_colours is None else self.read_colours(frame)

    @property
    def strength(self) -> changes.Volume:
        """Scores to show, float32 (n, gh, gw): those of `judged`, and of what plainly lacks detail in their units."""
        if self.lacking is None:
            return self.judged.s
        unit = max(self.judged.high.values()) / max(self.lacking.high.values())
        plainly = self.lacking.s >= max(self.lacking.high.values())
        return np.where(plainly, np.maximum(self.judged.s, unit * self.lacking.s), self.judged.s)


def compare_window(probe: Clip, master: Clip, located: Located, painter: RegionPainter) -> Window | None:
    """Compare a window; None when no stretch of it shows the master.

    Args:
        probe: the window's frames.
        master: the master's frames near the moments that the probe shows.
        located: which moments they show and where the master lies, both exact.
        painter: finds the regions.
    """
    alignment, placement = located.alignment, located.placement
    kept = np.flatnonzero(alignment.matched >= 0)
    if len(kept) < 2:
        return None
    shape, bands = probe.shape, residual.Bands.of(probe.shape)
    index, times, probes = alignment.matched[kept], probe.times_s[kept], probe.frames[kept]
    chroma = None if probe.chroma is None else probe.chroma[kept]
    covered = visible(master.shape, placement.matrix, shape)
    if located.border is not None:
        covered &= ~located.border
    seen = without_rim(covered)
    with ThreadPoolExecutor(2) as aside:
        painting = aside.submit(
            painter.paint, [master.frames[i] for i in index], times, placement.matrix, shape, bands.cell
        )

        # 1. Tone and sharpness.
        index = at_other_speed(index, alignment.lines, times, probes, master, placement, seen)
        tone, expected, planes = _predict(master, index, placement, probes, seen)
        hues = None if chroma is None else aside.submit(hues_apart, chroma, planes, seen)

        # 2. Two benign re-posts of the same quality as null.
        rate = 1.0 / max(float(np.median(np.diff(times))), 1e-3)
        middle = max(0, len(kept) // 2 - N_QUALITY_FRAMES // 2)
        run = slice(middle, middle + N_QUALITY_FRAMES)
        clear = [picture.astype(np.float32) for picture in expected[run]]
        crf = residual.match_quality(list(probes[run]), clear, seen, rate, bands)
        clean = stacked([np.clip(e, 0, 255).astype(np.uint8) for e in expected])
        second = aside.submit(recompress_video, clean, rate, crf + SECOND_CRF, preset="faster")
        null = recompress_video(clean, rate, crf)
        nulls = (null, second.result())
        energies, harmless = residual.measure(probes, expected, nulls, seen, bands)
        parts = painting.result()

        # 3. Scores, regions, components.
        lacks = aside.submit(judge_lacking, energies, harmless, parts.codes, times)
        judged = changes.judge(energies, harmless, parts.codes, times)
        lacking, apart = lacks.result(), None if hues is None else hues.result()
    return Window(
        times, probes, clean, placement, tone, crf, alignment, parts, covered, seen, nulls, judged, lacking, apart
    )


def _predict(
    master: Clip,
    index: NDArray[np.int64],
    placement: Placement,
    probes: Stack,
    seen: NDArray[np.bool_],
) -> tuple[Tone, list[NDArray[np.float16]], list[Chroma]]:
    """The tone, the pictures that the master predicts, (h, w) each, and the master's colours in probe geometry."""
    shape = (probes.shape[1], probes.shape[2])
    some = evenly(len(index), N_FIT_PAIRS)
    tone = fit_tone([(probes[k], *lay(master, int(index[k]), placement, shape)) for k in some], seen)
    laid = [lay(master, int(i), placement, shape) for i in index]
    # Half precision errs by a sixteenth of a level, and a window's pictures are many.
    expected = [tone.apply(*one).astype(np.float16) for one in laid]
    return tone, expected, [planes for _, planes in laid]


def judged_anew(window: Window, probe: Stack) -> Window:
    """The same window with other pictures in the probe's place.

    Args:
        window: a compared window.
        probe: uint8 (n, h, w), the window's own pictures with some of their content taken back.
    """
    bands = residual.Bands.of((probe.shape[1], probe.shape[2]))
    energies, harmless = residual.measure(probe, list(window.expected), window.nulls, window.seen, bands)
    judged = changes.judge(energies, harmless, window.parts.codes, window.times_s)
    anew = replace(window, probe=probe, judged=judged)
    if window.colours is not None:
        anew = replace(anew, colours=_taken_back(window.colours, probe[0] == window.probe[0]))
    if window.read_colours is not None:
        anew = replace(anew, read_colours=_Anew(window, probe, window.read_colours))
    return anew


@dataclass(frozen=True, slots=True)
class _Anew:
    """Reads a frame in colour with what was taken back from its luma taken back."""

    window: Window
    probe: Stack
    read: Callable[[int], Pair | None]

    def __call__(self, frame: int) -> Pair | None:
        pair = self.read(frame)
        return None if pair is None else _taken_back(pair, self.probe[frame] == self.window.probe[frame])


def _taken_back(pair: Pair, kept: NDArray[np.bool_]) -> Pair:
    return np.where(kept[..., None], *pair), pair[1]


def hues_apart(ours: NDArray[np.int8], theirs: Sequence[Chroma], seen: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How far colours are apart at each place, see `Window.hues`; a filter over the whole picture does not count.

    Args:
        ours: the probe's colour planes, int8 (n, a, b, 2).
        theirs: the master's, laid into probe geometry, float32 (c, d, 2) each.
        seen: bool (h, w).
    """
    size = (theirs[0].shape[1], theirs[0].shape[0])
    inside = cv2.resize(seen.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    apart = []
    for mine, planes in zip(ours, theirs, strict=True):
        difference = cv2.resize(mine.astype(np.float32), size, interpolation=cv2.INTER_AREA) - planes
        common = np.median(difference[inside], axis=0) if inside.any() else np.zeros(2)
        apart.append(np.hypot(*np.moveaxis(difference - common, -1, 0)))
    return np.stack(apart).astype(np.float32)


def without_rim(covered: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The covered area less its rim towards foreign content, where coding mixes both."""
    side = max(covered.shape)
    margin = 2 * max(MIN_RIM, side // 80) + 1
    # Replicated first: the picture's own border is no rim.
    framed = cv2.copyMakeBorder(covered.astype(np.uint8), margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    return np.asarray(cv2.erode(framed, np.ones((margin, margin)))[margin:-margin, margin:-margin] > 0)
