"""The windows of a probe at a glance, in order and on small pictures: those that are plainly the same need no more.

Method: probe and master are read forward once (`reel`). The first window is searched for among the moments of the
master that can match (`locate.look`), each further one is looked for where the one before led to, with the placement
known. Every window is looked at with a margin on both sides, so that what begins at a border is seen from both.
Limits: a piece of the probe in which nothing was found is not searched again; all its windows stay in doubt.
"""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np

from haechi.check.compare import locate
from haechi.check.compare.clip import GAP_S, Clip, Stretch, between
from haechi.check.compare.geometry import Placement
from haechi.check.compare.glance import Glance, glance
from haechi.check.compare.locate import Located
from haechi.check.compare.reading import MARGIN_S, Cut, Reading, searched_stretch
from haechi.check.compare.timing import Line
from haechi.check.compare.windows import Known, enlargement
from haechi.core.records import Segment

# The master must not be drawn larger, or shrunk more, than this between the small pictures.
SCALES = (0.55, 1.15)
# A placement that was followed is measured anew when it loses so many times what it lost before.
DRIFTED = 1.2


@dataclass(frozen=True, slots=True)
class Skimmed:
    """A window at a glance.

    Attributes:
        cut: the window.
        times_s: probe times of the frames looked at, margins included (n,).
        first: small luma of the first of them, uint8 (h, w).
        located: the moments, and the placement between small pictures.
        placement: the same at full size.
        glance: what the glance says.
        whole: whether no frame is missing for long, at its borders neither.
    """

    cut: Cut
    times_s: np.ndarray[tuple[int], np.dtype[np.float64]]
    first: np.ndarray[tuple[int, int], np.dtype[np.uint8]]
    located: Located
    placement: Placement
    glance: Glance
    whole: bool

    @property
    def plain(self) -> bool:
        """Whether the window, margins included, is plainly the same as its master."""
        return self.whole and self.glance.clear and float(self.glance.strength.max()) < 1.0

    @property
    def known(self) -> Known:
        """Where a closer look finds the window."""
        return self.placement, locate.stretches(self.located)


def skim(reading: Reading) -> Generator[tuple[Cut, Skimmed | None]]:
    """Each window with what a glance says; None where it says nothing."""
    skimmer = _Skimmer(reading)
    for cut, clip in reading.glanced():
        yield cut, None if clip is None else skimmer.look(cut, clip)


class _Skimmer:
    def __init__(self, reading: Reading) -> None:
        self._files, self._reading = reading.files, reading
        self._before: Skimmed | None = None
        self._ahead: tuple[Stretch, Future[Clip | None]] | None = reading.searched
        self._given_up: list[Segment | None] = []

    def look(self, cut: Cut, probe: Clip) -> Skimmed | None:
        """One window; the windows come in order."""
        found = self._followed(cut, probe) or self._searched(cut, probe)
        self._before = found
        self._ahead = None
        if found is not None:
            stretch = self._led_to(found, float(probe.times_s[-1]), float(np.ptp(probe.times_s)))
            self._ahead = (stretch, self._reading.master(stretch))
        elif cut[1] not in self._given_up:
            self._given_up.append(cut[1])
        return found

    def _followed(self, cut: Cut, probe: Clip) -> Skimmed | None:
        before = self._before
        if before is None or before.cut[1] != cut[1]:
            return None
        stretch = self._led_to(before, float(probe.times_s[0]), float(np.ptp(probe.times_s)))
        master = self._taken(stretch)
        if master is None:
            return None
        found = self._glanced(cut, probe, master, before.placement, before.located.alignment.lines[-1])
        if found is not None and found.plain:
            return found
        # Led there by the line alone a window can only fit worse than it does.
        found = self._glanced(cut, probe, master, before.placement)
        if found is None or found.plain or found.glance.loss < DRIFTED * before.glance.loss:
            return found
        settled = locate.settle(probe, master, found.located.placement)
        return found if settled is None else self._glanced(cut, probe, master, self._full(settled, probe, master))

    def _searched(self, cut: Cut, probe: Clip) -> Skimmed | None:
        piece = cut[1]
        if piece in self._given_up:
            return None
        ours = (float(probe.times_s[0]), float(probe.times_s[-1]))
        master = self._taken(searched_stretch(self._files, piece, ours))
        looked = None if master is None else locate.look(probe, master)
        if looked is None or master is None or not looked.alignment.certain:
            return None
        stretches = locate.stretches(looked)
        near = between(master, (stretches[0][0], stretches[-1][1]))
        return self._glanced(cut, probe, near, self._full(looked, probe, master))

    def _glanced(
        self, cut: Cut, probe: Clip, master: Clip, placement: Placement, line: Line | None = None
    ) -> Skimmed | None:
        small = placement.rescaled(
            1 / enlargement(self._files.probe_shape, probe), 1 / enlargement(self._files.master_shape, master)
        )
        if not SCALES[0] < small.scale < SCALES[1]:
            return None
        located = locate.follow(probe, master, small) if line is None else locate.run_on(probe, master, small, line)
        seen = glance(probe, master, located)
        if seen is None:
            return None
        return Skimmed(cut, probe.times_s, probe.frames[0].copy(), located, placement, seen, _whole(cut, probe))

    def _full(self, located: Located, probe: Clip, master: Clip) -> Placement:
        factors = enlargement(self._files.probe_shape, probe), enlargement(self._files.master_shape, master)
        return located.placement.rescaled(*factors)

    def _led_to(self, before: Skimmed, start_s: float, length_s: float) -> Stretch:
        line = before.located.alignment.lines[-1]
        theirs_s = line.offset_s + line.speed * start_s
        return max(0.0, theirs_s - 2 * MARGIN_S), theirs_s + line.speed * length_s + 2 * MARGIN_S

    def _taken(self, stretch: Stretch) -> Clip | None:
        """The master's frames of a stretch, those read ahead where they hold it."""
        if self._ahead is not None:
            (start_s, end_s), reading = self._ahead
            read = reading.result()
            if start_s <= stretch[0] and stretch[1] <= end_s and read is not None:
                part = between(read, stretch)
                return part if len(part.frames) else None
        return self._reading.master(stretch).result()


def _whole(cut: Cut, probe: Clip) -> bool:
    """Whether no frame is missing for GAP_S: damage may have taken it."""
    inside = np.clip(probe.times_s, cut[0].start_s, cut[0].end_s)
    return float(np.diff(np.concatenate([[cut[0].start_s], inside, [cut[0].end_s]])).max()) < GAP_S
