"""The frames of both files, read in the background from the first moment on, while all else is being loaded.

Method: the probe is cut into windows of some seconds. Probe and master are read forward once (`reel`), in small
pictures; a lone window is read once at working size instead, for the glance and for the closer look that may follow.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from types import TracebackType
from typing import Self

import numpy as np

from haechi.check.compare.clip import Clip, Stretch, between, load, scaled
from haechi.check.compare.coarse import master_span_for
from haechi.check.compare.files import Files
from haechi.check.compare.reel import Reel
from haechi.core.media.proxy import SMALL_SIDE
from haechi.core.records import Segment, Span

# A window's frames are all in memory at once: those of pictures taller than 16:9 (in whole macroblocks) are shorter.
WINDOW_S, WINDOW_PIXELS = 10.0, 640 * 368
# Beside a window so much is glanced at, too: what begins at a border is seen from both sides.
MARGIN_S = 0.7
WORKING_SIDE, GLANCED_SIDE = 640, 320
MIN_INTERVAL_S = 0.05
# For the first idea of time and place: a master faster than this is thinned out.
SMALL_INTERVAL_S = 0.03
# So many windows are read ahead: the first one is searched for while others are decoded.
AHEAD = 3
# Without a hint the whole master is searched at once; longer ones need the fingerprint's hint.
MAX_UNHINTED_S = 90.0

Cut = tuple[Span, Segment | None]


class Reading:
    """What is read of the two files, from the moment on that this is made; it ends with the block that it is used in.

    Args:
        files: the two files.
        hint: pieces of the probe that a match assigned to this master; empty when unknown.

    Attributes:
        files: the two files.
        cuts: the windows, in order.
        searched: where in the master the first of them is searched for, and its frames as they come.
    """

    def __init__(self, files: Files, hint: Sequence[Segment]) -> None:
        self.cuts = cut(files, hint)
        self.files = files
        self._stack = ExitStack()
        probe = Reel(files.probe, files.limits, GLANCED_SIDE, min_interval_s=MIN_INTERVAL_S, thin=True)
        master = Reel(files.master, files.limits, SMALL_SIDE, min_interval_s=SMALL_INTERVAL_S, small=files.working_copy)
        self._probe, self._master = _Reader(self._stack, probe), _Reader(self._stack, master)
        self._lone: Future[Clip | None] | None = None
        if len(self.cuts) == 1:
            thread = self._stack.enter_context(ThreadPoolExecutor(1))
            self._lone = thread.submit(self._at_working_size, around(self.cuts[0]))
        first = searched_stretch(files, self.cuts[0][1], around(self.cuts[0]))
        self.searched = first, self._master.take(*first)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def glanced(self) -> Iterator[tuple[Cut, Clip | None]]:
        """Each window with its small frames and those around it; None where it has none."""
        if self._lone is not None:
            clip = self._lone.result()
            small = None if clip is None else scaled(replace(clip, chroma=None), GLANCED_SIDE / max(clip.shape))
            yield self.cuts[0], small
            return
        coming = deque(self._probe.take(*around(window)) for window in self.cuts[:AHEAD])
        for window, following in itertools.zip_longest(self.cuts, self.cuts[AHEAD:]):
            clip = coming.popleft().result()
            if following is not None:
                coming.append(self._probe.take(*around(following)))
            yield window, clip

    def frames(self, window: Cut) -> Clip | None:
        """A window's frames at working size, with their colours; None where it has none."""
        stretch = (window[0].start_s, window[0].end_s)
        if self._lone is None:
            return self._at_working_size(stretch)
        clip = self._lone.result()
        inside = None if clip is None else between(clip, stretch)
        return inside if inside is not None and len(inside.frames) else None

    def master(self, stretch: Stretch) -> Future[Clip | None]:
        """Small frames of the master."""
        return self._master.take(*stretch)

    def _at_working_size(self, stretch: Stretch) -> Clip | None:
        files = self.files
        return load(files.probe, [stretch], WORKING_SIDE, files.limits, min_interval_s=MIN_INTERVAL_S, chroma_too=True)


class _Reader:
    """A reel that is read in the background, one stretch after the other."""

    def __init__(self, stack: ExitStack, reel: Reel) -> None:
        self._reel = stack.enter_context(closing(reel))
        self._thread = stack.enter_context(ThreadPoolExecutor(1))

    def take(self, start_s: float, end_s: float) -> Future[Clip | None]:
        return self._thread.submit(self._reel.take, start_s, end_s)


def cut(files: Files, hint: Sequence[Segment]) -> list[Cut]:
    """Stretches of at most WINDOW_S (less of tall pictures), each with the piece that leads to its place in the master.

    Args:
        files: the two files.
        hint: pieces of the probe that a match assigned to this master; empty when unknown.
    """
    duration = files.probe_info.duration_s or 0.0
    shrunk = min(1.0, WORKING_SIDE / max(files.probe_shape))
    longest_s = WINDOW_S * min(1.0, WINDOW_PIXELS / (files.probe_shape[0] * files.probe_shape[1] * shrunk**2))
    pieces: list[Cut] = [(s.span, s) for s in hint] or [(Span(0.0, duration), None)]
    windows = []
    for span, piece in pieces:
        count = max(1, int(np.ceil(span.duration_s / longest_s)))
        ends = np.linspace(span.start_s, span.end_s, count + 1)
        windows += [(Span(float(start), float(end)), piece) for start, end in itertools.pairwise(ends)]
    return windows


def around(window: Cut) -> Stretch:
    """A window with what is looked at beside it."""
    return max(0.0, window[0].start_s - MARGIN_S), window[0].end_s + MARGIN_S


def searched_stretch(files: Files, piece: Segment | None, ours: Stretch) -> Stretch:
    """Where in the master a stretch of the probe is searched for: all of it, up to a limit, where no piece leads."""
    length_s = files.master_info.duration_s
    if piece is None:
        return 0.0, min(length_s or MAX_UNHINTED_S, MAX_UNHINTED_S)
    return master_span_for(ours, piece, length_s)
