"""Moving pictures against their master: runs windows over the pieces of a probe and gathers what they say."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from haechi.check.compare import coarse
from haechi.check.compare.gather import Files, Gathered, conclude, gather, too_small
from haechi.check.compare.geometry import Placement
from haechi.check.compare.regions import RegionPainter
from haechi.check.compare.window import (
    MIN_INTERVAL_S,
    WORKING_SIDE,
    Clip,
    Window,
    compare_window,
    fit_working_size,
    split,
)
from haechi.core.media.decode import FrameRequest, read_frames
from haechi.core.media.probe import MediaInfo
from haechi.core.records import Comparison, Segment, Span
from haechi.core.settings import Limits

WINDOW_S = 16.0
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
    for span, piece in _windows(files, hint):
        window, placement = _one_window(files, span, piece, painter)
        progress(min(1.0, span.end_s / total))
        if window is None or placement is None:
            continue
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


def _one_window(
    files: Files, span: Span, piece: Segment | None, painter: RegionPainter
) -> tuple[Window | None, Placement | None]:
    """The window's result and its placement at full size."""
    length = files.master_info.duration_s
    if piece is None:
        theirs = (0.0, min(length or MAX_UNHINTED_S, MAX_UNHINTED_S))
    else:
        theirs = coarse.master_span_for((span.start_s, span.end_s), piece, length)
    ours = (span.start_s, span.end_s)
    small = coarse.first_placements(files.probe, ours, files.master, theirs, files.limits)
    if not small:
        return None, None
    to_full = (1 / _factor(files.probe_shape, coarse.COARSE_SIDE), 1 / _factor(files.master_shape, coarse.COARSE_SIDE))
    full = [placement.rescaled(*to_full) for placement in small]
    probe = _load(files.probe, ours, WORKING_SIDE, MIN_INTERVAL_S, files.limits)
    if probe is None:
        return None, None
    factor = max(probe.shape) / max(files.probe_shape)
    wanted = min(1.0, factor * full[0].scale)
    side = int(np.ceil(max(files.master_shape) * wanted / 2) * 2)
    master = _load(files.master, theirs, max(64, side), 0.0, files.limits)
    if master is None:
        return None, None
    working = [placement.rescaled(factor, max(master.shape) / max(files.master_shape)) for placement in full]
    probe, starts = fit_working_size(probe, working)
    window = compare_window(probe, master, starts, painter)
    if window is None:
        return None, None
    back = window.placement.rescaled(
        max(files.probe_shape) / max(probe.shape), max(files.master_shape) / max(master.shape)
    )
    return window, back


def _factor(shape: tuple[int, int], side: int) -> float:
    return min(1.0, side / max(shape))


def _load(path: Path, span: tuple[float, float], side: int, interval_s: float, limits: Limits) -> Clip | None:
    request = FrameRequest(max_side=side, start_s=span[0], end_s=span[1], min_interval_s=interval_s)
    luma, chroma, times = [], [], []
    for frame in read_frames(path, limits, request):
        bright, colour = split(frame.image)
        luma.append(bright)
        chroma.append(colour)
        times.append(frame.time_s)
    return Clip(np.stack(luma), np.array(times), np.stack(chroma)) if luma else None
