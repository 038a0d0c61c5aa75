"""The windows of a probe: stretches of some seconds, each with its frames and its place in the master's file.

Method: a window is first looked for just where the one before led to, since a clip mostly runs on; where it does not
fit there, small pictures of all of the master's moments that can match are searched, and only those that do match are
decoded at working size. While one window is compared the next one is found, and the one after it decoded.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from haechi.check.compare import locate
from haechi.check.compare.clip import Clip, Stretch, load, scaled, undecoded_s
from haechi.check.compare.files import Files
from haechi.check.compare.geometry import Placement
from haechi.check.compare.locate import Located
from haechi.check.compare.reading import SMALL_INTERVAL_S, WORKING_SIDE, Cut, Reading, searched_stretch
from haechi.core.media.proxy import SMALL_SIDE
from haechi.core.records import Segment, Span

# How much worse than the window before one may fit and still count as its continuation, and how much of it must.
RUNS_ON, RUNS_ON_SHARE = 1.5, 0.95
# A probe larger than its master by more than this is brought down to it.
MAX_UPSCALED = 1.15

# A placement at full size, and the stretches of the master that a window shows.
Known = tuple[Placement, Sequence[Stretch]]


@dataclass(frozen=True, slots=True)
class Found:
    """A window that lies in the master.

    Attributes:
        probe: its frames at working size.
        master: the master's frames near the moments that it shows, at about the same scale.
        located: the moments, and the placement between these frames.
        placement: the same at full size.
        undecoded_s: how much of the window damage has taken, seconds.
    """

    probe: Clip
    master: Clip
    located: Located
    placement: Placement
    undecoded_s: float


def find(
    reading: Reading, windows: Sequence[Cut], known: Mapping[Cut, Known] | None = None
) -> Generator[tuple[Span, Found | None]]:
    """Each window with what was found; None where it holds no frame or shows nothing of the master.

    The next window is being found while the caller works on one.

    Args:
        reading: of the two files.
        windows: some of its windows, in order.
        known: where a window is known to lie; it is looked for there first.
    """
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as aside, ThreadPoolExecutor(1) as finder:
        search = _Search(reading, windows, reader, aside, known or {})
        coming = finder.submit(search.next)
        for span, _ in windows:
            found = coming.result()
            coming = finder.submit(search.next)
            yield span, found


class _Search:
    """Goes through the windows in order, since each one leads to the next."""

    def __init__(
        self,
        reading: Reading,
        windows: Sequence[Cut],
        reader: ThreadPoolExecutor,
        aside: ThreadPoolExecutor,
        known: Mapping[Cut, Known],
    ) -> None:
        self._files, self._reading, self._known = reading.files, reading, known
        self._reader, self._aside = reader, aside
        self._todo = list(windows)
        self._read: list[Future[Clip | None]] = []
        # Where the window before lay: its frames must not stay in memory.
        self._before: tuple[Located, Placement, Segment | None] | None = None
        self._read_on()

    def next(self) -> Found | None:
        """The next window; None after the last one."""
        if not self._todo:
            return None
        (span, piece), reading = self._todo.pop(0), self._read.pop(0)
        self._read_on()
        found = self._where_known((span, piece), reading)
        found = found or self._followed(piece, span, reading) or self._searched(piece, span, reading)
        self._before = None if found is None else (found.located, found.placement, piece)
        return found

    def _read_on(self) -> None:
        for window in self._todo[:1]:
            self._read.append(self._reader.submit(self._reading.frames, window))

    def _where_known(self, window: Cut, reading: Future[Clip | None]) -> Found | None:
        """The window where a glance has seen it; None where it does not fit there for certain."""
        if window not in self._known:
            return None
        placement, shown = self._known[window]
        coming = self._aside.submit(_load_master, self._files, placement, shown)
        probe, master = reading.result(), coming.result()
        found = _settled(self._files, window[0], probe, master, placement)
        return found if found is not None and found.located.alignment.certain else None

    def _followed(self, piece: Segment | None, span: Span, reading: Future[Clip | None]) -> Found | None:
        """The window where the one before leads to; None where it does not fit there."""
        if self._before is None or self._before[2] != piece:
            return None
        before, placement, _ = self._before
        probe = reading.result()
        if probe is None:
            return None
        master = _load_master(self._files, placement, [_led_to(before, probe)])
        found = _settled(self._files, span, probe, master, placement)
        return found if found is not None and _runs_on(before, found.located) else None

    def _searched(self, piece: Segment | None, span: Span, reading: Future[Clip | None]) -> Found | None:
        """The window among all the master's moments that can match: small pictures first."""
        files = self._files
        theirs = searched_stretch(files, piece, (span.start_s, span.end_s))
        small = load(
            files.master,
            [theirs],
            SMALL_SIDE,
            files.limits,
            min_interval_s=SMALL_INTERVAL_S,
            small=files.working_copy,
        )
        probe = reading.result()
        if probe is None or small is None:
            return None
        little = scaled(probe, SMALL_SIDE / max(probe.shape))
        looked = locate.look(little, small)
        if looked is None:
            return None
        full = looked.placement.rescaled(enlargement(files.probe_shape, little), enlargement(files.master_shape, small))
        return _settled(files, span, probe, _load_master(files, full, locate.stretches(looked)), full)


def _led_to(before: Located, probe: Clip) -> Stretch:
    """Where a probe's frames lie in the master if they run on from the window before."""
    line = before.alignment.lines[-1]
    first_s, last_s = (line.offset_s + line.speed * float(time_s) for time_s in probe.times_s[[0, -1]])
    return max(0.0, first_s - locate.MARGIN_S), last_s + locate.MARGIN_S


def _runs_on(before: Located, located: Located) -> bool:
    """Whether a window fits where the one before led to, as well as that one did."""
    alignment = located.alignment
    fits = alignment.certain or alignment.cost < RUNS_ON * before.alignment.cost
    return fits and float((alignment.matched >= 0).mean()) > RUNS_ON_SHARE


def _load_master(files: Files, full: Placement, stretches: Sequence[Stretch]) -> Clip | None:
    """Stretches of the master at about the scale that the probe has at working size, never enlarged."""
    longest = max(files.probe_shape)
    scale = min(1.0, full.scale * min(longest, WORKING_SIDE) / longest)
    side = max(64, int(np.ceil(max(files.master_shape) * scale / 2) * 2))
    return load(files.master, stretches, side, files.limits, chroma_too=True)


def _settled(files: Files, span: Span, probe: Clip | None, master: Clip | None, full: Placement) -> Found | None:
    """The window at working size, near a placement at full size; None where one of the two has no frames there."""
    if probe is None or master is None:
        return None
    gone_s = undecoded_s(probe, (span.start_s, span.end_s))
    upscaled = full.scale / enlargement(files.probe_shape, probe)
    if upscaled > MAX_UPSCALED:
        # Detail beyond the master's own resolution is interpolation.
        probe = scaled(probe, 1.0 / upscaled)
    factors = enlargement(files.probe_shape, probe), enlargement(files.master_shape, master)
    located = locate.settle(probe, master, full.rescaled(1 / factors[0], 1 / factors[1]))
    if located is None:
        return None
    return Found(probe, master, located, located.placement.rescaled(*factors), gone_s)


def enlargement(shape: tuple[int, int], clip: Clip) -> float:
    """How much larger the file's pictures are than the clip's."""
    return max(shape) / max(clip.shape)
