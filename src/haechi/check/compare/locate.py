"""When and where the master lies in a window of the probe: time and place together, since each needs the other.

Method: first on small pictures, from all the master's moments and several first placements (`look`); then at working
size near the moments found (`settle`). At both sizes time and geometry take turns until neither moves; frames that
leave their line in the end place the master once more. Tried first is that the master fills the probe, as it is or
mirrored; only where that fails local features give other placements.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.check.compare import timing
from haechi.check.compare.border import border_over
from haechi.check.compare.clip import Clip, Stretch, Times, evenly
from haechi.check.compare.coarse import FeatureSearch
from haechi.check.compare.geometry import Placement, place_together, refine, resizing
from haechi.check.compare.thumbnails import THUMB_SIDE, Thumbnails, distances

N_FIT_PAIRS = 8
ROUNDS = 6
# A moving camera trades time against place: only a step this small, pixels, means that both have settled.
SETTLED = 0.15
# Master frames whose features are looked at, in rounds.
N_TRIED = (8, 30)
# How many frames beside the moment found are tried where it fits badly.
WALKED_FRAMES = (-1, 1, -2, 2, -3, 3)
MAX_LED_BACK = 2
# ... unless all moments look alike.
TELLS_TIME = 1.5
# Another first placement is followed only when it does not cost so many times what has been found.
WORTH_TRYING = 2.0
# Placements whose corners lie nearer than this, pixels of small pictures, are the same.
SAME_PLACE = 0.7
# Another speed is looked into, and taken, when it makes the cost this many times as great.
PROMISING, FASTER = 0.9, 0.7
# Thumbnails for a first idea of the time, and for the placements' turns.
FIRST_SIDE, TURN_SIDE = 64, 96
# So many frames tell how well a window fits where it is led to.
N_MEASURED = 40
# The master is looked at this long before and after the moments found.
MARGIN_S = 0.8


@dataclass(frozen=True, slots=True)
class Located:
    """A window's place in the master.

    Attributes:
        alignment: which moment each probe frame shows.
        placement: map from master to probe pixels.
        moments_s: times of the master that are shown, ascending (k,).
        border: bool (h, w), where a border was drawn over the master; None where none was, or nobody has looked.
    """

    alignment: timing.Alignment
    placement: Placement
    moments_s: Times
    border: NDArray[np.bool_] | None = None


def look(probe: Clip, master: Clip) -> Located | None:
    """Find the probe among all moments of the master, on small pictures; None when nothing lies over it.

    Args:
        probe: the window's frames, small.
        master: all frames of the master that can match, small.
    """
    first, turns = _Pair(probe, master, FIRST_SIDE), _Pair(probe, master, TURN_SIDE)
    best: Located | None = None
    for starts in _placements(probe, master):
        found = _look_from(first, turns, starts, np.inf if best is None else WORTH_TRYING * best.alignment.cost)
        if found is None:
            continue
        # Different first placements that lead to the same place leave little doubt.
        confirmed = best is not None and _step(turns, best.placement, found.placement) < SAME_PLACE
        if best is None or found.alignment.cost < best.alignment.cost:
            best = found
        if confirmed or best.alignment.certain:
            break
    return best


def _placements(probe: Clip, master: Clip) -> Iterator[list[Placement]]:
    """First placements to try, the cheapest to find before the others."""
    scale = probe.shape[1] / master.shape[1], probe.shape[0] / master.shape[0]
    if abs(scale[0] / scale[1] - 1.0) < 0.02:
        filling = Placement(resizing(scale[0])[:2], 0)
        yield [filling]
        yield [filling.flipped(probe.shape[1])]
    coarse = FeatureSearch(probe, master)
    for count in N_TRIED:
        found = coarse.placements(count)
        if found:
            yield found


def _look_from(first: _Pair, turns: _Pair, starts: Sequence[Placement], dearest: float) -> Located | None:
    """The best of some first placements, brought to rest; None when it costs more than `dearest` to begin with.

    At first the clip is taken to run at its own speed, because a free speed makes up for an error of place; another
    speed is tried when that does not fit.
    """
    start = _best_start(first, starts, timing.STEADY)
    if start.alignment.cost > dearest:
        return None
    steady = _rested(turns, start, timing.STEADY)
    if steady is not None and steady.alignment.certain:
        return steady
    free_start = _best_start(first, starts, timing.FREE)
    if free_start.alignment.cost > PROMISING * start.alignment.cost:
        return steady
    free = _rested(turns, free_start, timing.FREE)
    if steady is None or free is None:
        return steady or free
    return free if free.alignment.cost < FASTER * steady.alignment.cost else steady


def stretches(located: Located) -> list[Stretch]:
    """The parts of the master, seconds, that hold the moments found."""
    cuts = np.flatnonzero(np.diff(located.moments_s) > 3 * MARGIN_S) + 1
    parts = np.split(located.moments_s, cuts)
    return [(max(0.0, float(p[0]) - MARGIN_S), float(p[-1]) + MARGIN_S) for p in parts if len(p)]


def settle(probe: Clip, master: Clip, start: Placement) -> Located | None:
    """Bring time and place to a fraction of a frame and of a pixel.

    Args:
        probe: the window's frames at working size.
        master: the master's frames near the moments found, at about the same scale.
        start: the placement found on small pictures, for these sizes.
    """
    pair = _Pair(probe, master, THUMB_SIDE)
    found = _in_turns(pair, pair.locate(start, timing.FREE), timing.FREE, by_features=False)
    found = None if found is None else _by_own_moments(pair, found)
    border = None if found is None else border_over(probe, master, found.alignment.matched, found.placement)
    if found is None or border is None or not border.any():
        return found
    # What a border makes of the cost hides how one moment differs from the next.
    clear = pair.without(border).locate(found.placement, timing.FREE, settled=True)
    return replace(clear, border=border)


def _by_own_moments(pair: _Pair, found: Located) -> Located:
    """The place by the frames that were matched in the end, where these are not those on the line.

    A film without an even rate leaves its line all the time: a place fitted to the frames on it is off by what the
    camera moves in between, and the moments follow it. Taken only while all frames together fit better.
    """
    on_line = pair.align(found.placement, timing.FREE).matched
    if (on_line == found.alignment.matched).all():
        return found
    for _ in range(ROUNDS):
        samples = pair.samples(found.alignment)
        placement = refine(samples, found.placement) if samples else found.placement
        if _step(pair, found.placement, placement) < SETTLED:
            break
        moved = pair.locate(placement, timing.FREE, settled=True)
        if moved.alignment.cost >= found.alignment.cost:
            break
        found = moved
    return found


def follow(probe: Clip, master: Clip, placement: Placement) -> Located:
    """The moments that a window shows under a placement that is known.

    Args:
        probe: the window's frames, small.
        master: the master's frames near the moments expected, small.
        placement: for these sizes.
    """
    return _Pair(probe, master, TURN_SIDE).locate(placement, timing.FREE, settled=True)


def run_on(probe: Clip, master: Clip, placement: Placement, line: timing.Line) -> Located:
    """As `follow`, but taking each frame's moment from the line of the window before, unsearched."""
    alignment = timing.run_on(line, probe.times_s, master.times_s)
    kept = np.flatnonzero(alignment.matched >= 0)
    some = kept[evenly(len(kept), N_MEASURED)] if len(kept) else kept
    if len(some):
        theirs = alignment.matched[some]
        pair = _Pair(_picked(probe, some), _picked(master, theirs), FIRST_SIDE)
        cost = pair.costs(placement)
        own = np.diagonal(cost)
        contrast = float(np.median(cost)) / max(float(np.median(own)), 1e-3)
        fit = float(np.minimum(own, timing.CAP).mean())
        alignment = replace(alignment, contrast=contrast, cost=fit, fit=fit)
    moments = master.times_s[np.unique(alignment.matched[kept])]
    return Located(alignment, placement, moments)


def _picked(clip: Clip, index: NDArray[np.int64]) -> Clip:
    return replace(clip, frames=clip.frames[index], times_s=clip.times_s[index])


@dataclass(frozen=True, slots=True)
class _Laid:
    """Thumbnails of a master under a placement, where they can be seen, and what `distances` tells of them."""

    theirs: NDArray[np.float32]
    seen: NDArray[np.bool_]
    cost: NDArray[np.float32]
    alike: NDArray[np.float32]


class _Pair:
    """A probe and a master whose thumbnails can be compared under any placement."""

    def __init__(
        self,
        probe: Clip,
        master: Clip,
        side: int,
        ours: NDArray[np.float32] | None = None,
        hidden: NDArray[np.bool_] | None = None,
    ) -> None:
        self.probe, self.master, self._side = probe, master, side
        self._ours = Thumbnails(probe.frames, side).plain() if ours is None else ours
        self._theirs = Thumbnails(master.frames, side)
        self._hidden = hidden
        self._latest: tuple[Placement, _Laid] | None = None

    def without(self, hidden: NDArray[np.bool_]) -> _Pair:
        """The same but for a part of the probe, bool (h, w), that is not looked at."""
        height, width = self._ours.shape[1:]
        small = cv2.resize(hidden.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA) > 0
        return _Pair(self.probe, self.master, self._side, self._ours, np.asarray(small))

    def align(self, placement: Placement, better: float, *, settled: bool = False) -> timing.Alignment:
        """The moments that fit best under a placement."""
        laid = self._laid(placement)
        times = (self.probe.times_s, self.master.times_s)
        first = timing.align(laid.cost, laid.alike, *times, better=better, settled=settled)
        exact = distances(self._ours, laid.theirs, laid.seen, first.matched, laid.alike)
        return timing.align(*exact, *times, better=better, settled=settled)

    def costs(self, placement: Placement) -> NDArray[np.float32]:
        """How far every probe frame is from every master frame, float32 (n_probe, n_master)."""
        return self._laid(placement).cost

    def _laid(self, placement: Placement) -> _Laid:
        """The master under a placement; the latest one is often asked for again."""
        if self._latest is None or self._latest[0] is not placement:
            theirs, seen = self._theirs.laid(placement.matrix, self.probe.shape), self._seen(placement)
            self._latest = placement, _Laid(theirs, seen, *distances(self._ours, theirs, seen))
        return self._latest[1]

    def _seen(self, placement: Placement) -> NDArray[np.bool_]:
        covered = self._theirs.covered(placement.matrix, self.probe.shape)
        return covered if self._hidden is None else covered & ~self._hidden

    def locate(self, placement: Placement, better: float, *, settled: bool = False) -> Located:
        """The moments that fit best under a placement, with it."""
        alignment = self.align(placement, better, settled=settled)
        moments = self.master.times_s[np.unique(alignment.matched[alignment.matched >= 0])]
        return Located(alignment, placement, moments)

    def near(self, located: Located) -> _Pair:
        """The same with only those frames of the master that lie near the moments found."""
        kept = np.zeros(len(self.master.times_s), bool)
        for start_s, end_s in stretches(located):
            kept |= (self.master.times_s >= start_s) & (self.master.times_s <= end_s)
        fewer = replace(self.master, frames=self.master.frames[kept], times_s=self.master.times_s[kept])
        return _Pair(self.probe, fewer, self._side, self._ours, self._hidden)

    def samples(self, alignment: timing.Alignment) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
        """Some (probe, master) pictures of the same moments; empty when fewer than two are aligned."""
        kept = np.flatnonzero(alignment.matched >= 0)
        if len(kept) < 2:
            return []
        some = kept[evenly(len(kept), N_FIT_PAIRS)]
        return [(self.probe.frames[i], self.master.frames[alignment.matched[i]]) for i in some]


def _best_start(pair: _Pair, starts: Sequence[Placement], better: float) -> Located:
    """The first placement that gives the frames a place in time best."""
    found = [pair.locate(start, better) for start in starts]
    return min(found, key=lambda located: located.alignment.cost)


def _rested(pair: _Pair, start: Located, better: float) -> Located | None:
    """Time and place from a start until neither moves; where they fit badly, from neighbouring moments too."""
    if start.alignment.hopeless:
        return None
    if start.alignment.certain:
        pair = pair.near(start)
        start = pair.locate(start.placement, better)
    found = _in_turns(pair, start, better)
    if found is None or found.alignment.certain or found.alignment.contrast < TELLS_TIME:
        return found
    return _walked(pair, found, better)


def _walked(pair: _Pair, start: Located, better: float) -> Located:
    """The best of this place in time and its neighbours.

    Where the camera moves evenly, a moment too early with a place beside the true one fits nearly as well, and taking
    turns does not lead out of it. Where the neighbours lead back, there is nothing to be led out of.
    """
    best, led_back = start, 0
    for shift in WALKED_FRAMES:
        matched = start.alignment.matched
        moved = np.where(matched < 0, -1, np.clip(matched + shift, 0, len(pair.master.times_s) - 1))
        samples = pair.samples(replace(start.alignment, matched=moved))
        placement = refine(samples, start.placement) if samples else start.placement
        found: Located | None = None
        if _step(pair, start.placement, placement) > SETTLED:
            found = _in_turns(pair, pair.locate(placement, better), better, by_features=False)
        led_back += found is None or _step(pair, start.placement, found.placement) < SAME_PLACE
        if found is not None and found.alignment.cost < best.alignment.cost:
            best = found
        if best.alignment.certain or led_back == MAX_LED_BACK:
            break
    return best


def _step(pair: _Pair, before: Placement, after: Placement) -> float:
    """How far a corner of the master moves at most between two placements, probe pixels."""
    height, width = pair.master.shape
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], np.float64)
    return float(np.abs(corners @ (after.matrix - before.matrix).T).max())


def _in_turns(pair: _Pair, start: Located, better: float, *, by_features: bool = True) -> Located | None:
    """Align and refine in turns until neither moves."""
    alignment, placement = start.alignment, start.placement
    for turn in range(ROUNDS):
        samples = pair.samples(alignment)
        if not samples:
            return None
        together = by_features and turn == 0
        refined = refine(samples, place_together(samples[::2], placement) if together else placement)
        step, placement = _step(pair, placement, refined), refined
        if step < SETTLED:
            break
        alignment = pair.align(placement, better)
    return pair.locate(placement, timing.FREE, settled=True)
