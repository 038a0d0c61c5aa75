"""Moving pictures against their master: runs windows over the pieces of a probe and gathers what they say."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from haechi.check.compare import coarse, locate
from haechi.check.compare.clip import Clip, load, scaled, undecoded_s
from haechi.check.compare.gather import Files, Gathered, conclude, gather, too_small
from haechi.check.compare.geometry import Placement
from haechi.check.compare.regions import RegionPainter
from haechi.check.compare.window import Window, compare_window
from haechi.core.media.probe import MediaInfo
from haechi.core.records import Comparison, Segment, Span
from haechi.core.settings import Limits

WINDOW_S = 16.0
WORKING_SIDE = 640
MIN_INTERVAL_S = 0.05
# For the first idea of time and place; a master faster than this is thinned out.
SMALL_SIDE = 416
SMALL_INTERVAL_S = 0.03
# How much worse than the window before one may fit and still count as its continuation.
RUNS_ON = 1.5
# A probe larger than its master by more than this is brought down to it.
MAX_UPSCALED = 1.15
# Without a hint the whole master is searched at once; longer ones need the fingerprint's hint.
MAX_UNHINTED_S = 90.0


def compare_moving(
    probe: Path,
    probe_info: MediaInfo,
    master: Path,
    master_info: MediaInfo,
    *,
    models: Path,
    limits: Limits,
    hint: Sequence[Segment],
    pictures: bool,
    progress: Callable[[float], None],
) -> Comparison:
    """Compare two clips; see the package's docstring for the steps and `compare_files` for the arguments."""
    refused = too_small(probe_info)
    if refused is not None:
        return refused
    files = Files(probe, probe_info, master, master_info, limits)
    painter = RegionPainter(models)
    gathered = Gathered()
    total = probe_info.duration_s or 1.0
    before: Window | None = None
    for span, piece, ours in _read_ahead(files, list(_windows(files, hint))):
        window, placement = None, None
        if piece is None and before is not None:
            # A clip mostly runs on where the window before ended: look there first.
            window, placement = _one_window(files, span, ours, _onward(before), painter)
        if window is None or (before is not None and not _runs_on(before, window)):
            window, placement = _one_window(files, span, ours, piece, painter)
        progress(min(1.0, span.end_s / total))
        before = window
        if window is not None and placement is not None:
            gather(gathered, window, placement, files, with_pictures=pictures)
    return conclude(gathered, files)


def _windows(files: Files, hint: Sequence[Segment]) -> Iterator[tuple[Span, Segment | None]]:
    """Stretches of at most WINDOW_S, each with the piece that tells where in the master it lies."""
    duration = files.probe_info.duration_s or 0.0
    pieces: list[tuple[Span, Segment | None]] = [(s.span, s) for s in hint] or [(Span(0.0, duration), None)]
    for span, piece in pieces:
        count = max(1, int(np.ceil(span.duration_s / WINDOW_S)))
        cuts = np.linspace(span.start_s, span.end_s, count + 1)
        for start, end in itertools.pairwise(cuts):
            yield Span(float(start), float(end)), piece


def _read_ahead(
    files: Files, windows: Sequence[tuple[Span, Segment | None]]
) -> Iterator[tuple[Span, Segment | None, Future[Clip | None]]]:
    """Each window with the probe's frames, which are decoded while the one before is compared."""

    def read(span: Span) -> Clip | None:
        ours = (span.start_s, span.end_s)
        return load(files.probe, [ours], WORKING_SIDE, files.limits, min_interval_s=MIN_INTERVAL_S, chroma_too=True)

    with ThreadPoolExecutor(1) as reader:
        coming = [reader.submit(read, span) for span, _ in windows[:1]]
        for (span, piece), after in itertools.zip_longest(windows, windows[1:]):
            mine = coming.pop()
            if after is not None:
                coming.append(reader.submit(read, after[0]))
            yield span, piece, mine


def _onward(window: Window) -> Segment:
    """Where the probe lies in the master if it runs on from this window."""
    line = window.alignment.lines[-1]
    start_s = float(window.times_s[0])
    return Segment(Span(start_s, start_s), line.offset_s + line.speed * start_s, line.speed, window.placement.mirrored)


def _runs_on(before: Window, window: Window) -> bool:
    """Whether a window fits where the one before led to, as well as that one did."""
    fits = window.alignment.certain or window.alignment.cost < RUNS_ON * before.alignment.cost
    return fits and float((window.alignment.matched >= 0).mean()) > 0.95


def _one_window(
    files: Files, span: Span, reading: Future[Clip | None], piece: Segment | None, painter: RegionPainter
) -> tuple[Window | None, Placement | None]:
    """The window's result and its placement at full size."""
    length = files.master_info.duration_s
    ours = (span.start_s, span.end_s)
    if piece is None:
        theirs = (0.0, min(length or MAX_UNHINTED_S, MAX_UNHINTED_S))
    else:
        theirs = coarse.master_span_for(ours, piece, length)
    # Small pictures of all moments that can match; large ones only of those that do.
    small = load(files.master, [theirs], SMALL_SIDE, files.limits, min_interval_s=SMALL_INTERVAL_S)
    probe = reading.result()
    gone_s = undecoded_s(probe, ours) if probe is not None else 0.0
    if probe is None or small is None:
        return None, None
    little = scaled(probe, SMALL_SIDE / max(probe.shape))
    found = locate.look(little, small)
    if found is None:
        return None, None
    full = found.placement.rescaled(_factor(files.probe_shape, little), _factor(files.master_shape, small))
    upscaled = full.scale / _factor(files.probe_shape, probe)
    if upscaled > MAX_UPSCALED:
        # Detail beyond the master's own resolution is interpolation.
        probe = scaled(probe, 1.0 / upscaled)
    wanted = min(1.0, full.scale / _factor(files.probe_shape, probe))
    side = max(64, int(np.ceil(max(files.master_shape) * wanted / 2) * 2))
    master = load(files.master, locate.stretches(found), side, files.limits, chroma_too=True)
    if master is None:
        return None, None
    to_work = (1 / _factor(files.probe_shape, probe), 1 / _factor(files.master_shape, master))
    located = locate.settle(probe, master, full.rescaled(*to_work))
    window = compare_window(probe, master, located, painter) if located else None
    if window is None:
        return None, None
    window = replace(window, undecoded_s=gone_s)
    return window, window.placement.rescaled(_factor(files.probe_shape, probe), _factor(files.master_shape, master))


def _factor(shape: tuple[int, int], clip: Clip) -> float:
    """How much larger the file's pictures are than the clip's."""
    return max(shape) / max(clip.shape)
