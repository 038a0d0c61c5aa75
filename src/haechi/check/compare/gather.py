"""Turn compared windows into one `Comparison`: changes, edits, segments, curves, pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from haechi.check.compare import edits, explain, pictures
from haechi.check.compare.by_luma import MOVED
from haechi.check.compare.changes import Component, strongest
from haechi.check.compare.clip import Stack, Times
from haechi.check.compare.colour import Tone
from haechi.check.compare.files import Files
from haechi.check.compare.geometry import Placement
from haechi.check.compare.in_colour import Pair, in_colour
from haechi.check.compare.look import Look
from haechi.check.compare.timing import Line
from haechi.check.compare.window import Window
from haechi.core.media.decode import FrameRequest, read_frames
from haechi.core.records import (
    Abstention,
    Box,
    Change,
    Comparison,
    Curve,
    Edit,
    Finding,
    Picture,
    Region,
    Segment,
    Span,
)
from haechi.core.settings import Limits

VERSION = 1
MAX_PICTURED = 6
JOIN_GAP_S = 0.6


class Seen(Protocol):
    """What tells of edits: a window, or one that was only glanced at."""

    @property
    def probe(self) -> Stack:
        """Some of its pictures, uint8 (n, h, w)."""

    @property
    def tone(self) -> Tone:
        """Fitted tone."""

    @property
    def covered(self) -> NDArray[np.bool_]:
        """Where the master lies, bool (h, w)."""

    @property
    def seen(self) -> NDArray[np.bool_]:
        """The same without its rim."""


@dataclass
class Gathered:
    """What the windows said so far."""

    changes: list[Change] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    curves: dict[Region | None, list[float]] = field(default_factory=dict)
    null_quality: list[float] = field(default_factory=list)
    high: dict[Region | None, float] = field(default_factory=dict)
    compared_s: float = 0.0
    undecoded_s: float = 0.0
    person_seen: bool = False
    unclear_time: bool = False


def gather(
    gathered: Gathered,
    window: Window,
    placement: Placement,
    files: Files,
    *,
    with_pictures: bool,
    within: Span | None = None,
) -> None:
    """Add a window.

    Args:
        gathered: what is added to.
        window: the compared window.
        placement: its placement, master -> probe, both at full size.
        files: the two files.
        with_pictures: whether to make pictures for the report.
        within: the stretch of the probe that was compared; None for a still. Its last picture stands for less time
            than one before.
    """
    gathered.compared_s += float(window.times_s[-1] - window.times_s[0])
    gathered.undecoded_s += window.undecoded_s
    gathered.person_seen |= window.parts.person_seen
    gathered.unclear_time |= window.alignment.contrast < 1.5
    gathered.null_quality.append(window.crf)
    for region, value in window.judged.high.items():
        gathered.high[region] = max(value, gathered.high.get(region, 0.0))
    lines = window.alignment.lines
    extend_segments(gathered.segments, lines if within is None else [line.within(within) for line in lines], placement)
    scale = max(files.probe_shape) / max(window.probe.shape[1:])
    changed: list[tuple[Component, Change]] = []
    told = _differences(window, placement, files)
    for component, look, kind in told:
        span, box = _span(component, window, within), _box(component, window, scale, files.probe_shape)
        if kind is not None:
            gathered.edits.append(Edit(kind, {"strength": round(component.peak, 2)}, span, box))
            continue
        detail = {
            "threshold": round(component.high, 2),
            "moved_in_time": look.moved > MOVED,
        }
        changed.append((component, Change(component.region, span, box, round(component.peak, 3), detail)))
    if with_pictures:
        _add_pictures(gathered, window, placement, files, changed)
    gathered.changes.extend(change for _, change in changed)
    add_edits(gathered, window, placement, files)
    left = explain.unexplained(window, told)
    extend_curves(gathered, window.times_s, dict(strongest(left, window.parts.codes).items()))


def _differences(window: Window, placement: Placement, files: Files) -> list[tuple[Component, Look, str | None]]:
    """See `explain.differences`.

    Frames of moving pictures are read in colour where that decides; the likeliest one while luma is looked at.
    """
    if window.colours is not None:
        return explain.differences(window)
    with ThreadPoolExecutor(2) as readers:
        colours = _Colours(window, placement, files, readers)
        if window.judged.components:
            colours.ask(max(window.judged.components, key=lambda component: component.peak).peak_frame)
        return explain.differences(replace(window, read_colours=colours))


class _Colours:
    """Reads a window's frames in colour, each once, in the background.

    Args:
        window: a compared window of moving pictures.
        placement: its placement, master -> probe, both at full size.
        files: the two files.
        readers: where they are read.
    """

    def __init__(self, window: Window, placement: Placement, files: Files, readers: ThreadPoolExecutor) -> None:
        self._window, self._placement, self._files, self._readers = window, placement, files, readers
        self._asked: dict[int, Future[Pair | None]] = {}

    def __call__(self, frame: int) -> Pair | None:
        """See `Window.read_colours`."""
        return self.ask(frame).result()

    def ask(self, frame: int) -> Future[Pair | None]:
        """Begin to read a frame, unless that was asked before."""
        if frame not in self._asked:
            self._asked[frame] = self._readers.submit(self._read, frame)
        return self._asked[frame]

    def _read(self, frame: int) -> Pair | None:
        window, files = self._window, self._files
        ours, theirs, _ = _both_frames(float(window.times_s[frame]), window.alignment.lines, files)
        if ours is None or theirs is None:
            return None
        # A working copy may be smaller than its master.
        factors = max(window.probe.shape[1:]) / max(files.probe_shape), max(theirs.shape[:2]) / max(files.master_shape)
        return in_colour(ours, theirs, self._placement.rescaled(*factors), window.seen)


def conclude(gathered: Gathered, files: Files) -> Comparison:
    """The comparison of all windows gathered."""
    if not gathered.segments:
        reason = "No stretch of the probe could be laid over the master."
        return Comparison(abstentions=(Abstention("comparison", reason, "comparison.not_aligned"),))
    changes, index = _merged(gathered.changes)
    said = list(gathered.edits)
    if files.probe_info.duration_s:
        said = edits.temporal(gathered.segments, files.probe_info.duration_s, files.master_info.duration_s) + said
    abstentions = []
    if gathered.unclear_time and files.probe_info.duration_s:
        reason = "The picture hardly moves: the moment in the master is uncertain, differences in time may be missed."
        abstentions.append(Abstention("comparison", reason, "comparison.time_unclear"))
    if gathered.undecoded_s:
        lost_s = round(gathered.undecoded_s, 1)
        reason = f"Damage has taken {lost_s} s of the pictures; nothing can be said of them."
        abstentions.append(Abstention("comparison", reason, "comparison.undecoded", {"seconds": lost_s}))
    shown = (p if p.change is None else replace(p, change=index[p.change]) for p in gathered.pictures)
    return Comparison(
        changes=tuple(changes),
        edits=tuple(_distinct(said)),
        findings=(_finding(gathered, changes),),
        abstentions=tuple(abstentions),
        segments=tuple(gathered.segments),
        pictures=tuple(shown),
        curves=tuple(_curves(gathered)),
        undecoded_s=gathered.undecoded_s,
    )


def add_edits(gathered: Gathered, window: Seen, placement: Placement, files: Files) -> None:
    """Add what placement and tone say, and what surrounds the master."""
    gathered.edits.extend(edits.geometric(placement, files.probe_shape, files.master_shape))
    gathered.edits.extend(edits.tonal(window.tone))
    around = edits.surroundings(window.probe[0], window.covered, window.seen)
    if around is not None:
        gathered.edits.append(Edit(around.kind, {"share": round(around.share, 3)}))


def _span(component: Component, window: Window, within: Span | None) -> Span:
    times = window.times_s
    frame = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    end_s = float(times[component.last]) + frame
    return Span(
        round(float(times[component.first]), 3), round(end_s if within is None else min(end_s, within.end_s), 3)
    )


def _box(component: Component, window: Window, scale: float, shape: tuple[int, int]) -> Box:
    rows, columns = np.nonzero(component.footprint)
    grid_h, grid_w = component.footprint.shape
    # Cells divide the whole picture: their true size is picture over grid, not exactly `bands.cell`.
    unit_y, unit_x = window.probe.shape[1] / max(grid_h, 1), window.probe.shape[2] / max(grid_w, 1)
    x, y = columns.min() * unit_x * scale, rows.min() * unit_y * scale
    right, bottom = (columns.max() + 1) * unit_x * scale, (rows.max() + 1) * unit_y * scale
    x, y, right, bottom = max(0.0, x), max(0.0, y), min(right, shape[1]), min(bottom, shape[0])
    return Box(int(x), int(y), max(1, round(right - x)), max(1, round(bottom - y)))


def extend_segments(segments: list[Segment], lines: Sequence[Line], placement: Placement) -> None:
    """Add a window's lines, each to the piece that it continues or as a new one."""
    for line in lines:
        piece = Segment(
            Span(round(line.start_s, 3), round(line.end_s, 3)),
            round(line.offset_s + line.speed * line.start_s, 3),
            round(line.speed, 4),
            placement.mirrored,
        )
        if segments and _continues(segments[-1], piece):
            before = segments.pop()
            piece = replace(before, span=Span(before.span.start_s, piece.span.end_s))
        segments.append(piece)


def _continues(a: Segment, b: Segment) -> bool:
    expected = a.offset_s + a.speed * (b.span.start_s - a.span.start_s)
    return (
        b.span.start_s - a.span.end_s < 0.5
        and abs(b.offset_s - expected) < 0.25
        and abs(a.speed - b.speed) < 0.02
        and a.mirrored == b.mirrored
    )


def extend_curves(gathered: Gathered, times_s: Times, curves: Mapping[Region | None, NDArray[np.float32]]) -> None:
    """Add a window's curves; None stands for the whole picture."""
    n = len(gathered.times_s)
    gathered.times_s.extend(float(t) for t in times_s)
    for region, values in curves.items():
        line = gathered.curves.setdefault(region, [0.0] * n)
        line.extend([0.0] * (n - len(line)))
        line.extend(float(v) for v in values)
    for line in gathered.curves.values():
        line.extend([0.0] * (len(gathered.times_s) - len(line)))


def _add_pictures(
    gathered: Gathered,
    window: Window,
    placement: Placement,
    files: Files,
    changed: list[tuple[Component, Change]],
) -> None:
    shown: list[tuple[int, int | None]] = []
    for i, (component, _) in enumerate(changed):
        if len(gathered.changes) + i < MAX_PICTURED:
            shown.append((component.peak_frame, len(gathered.changes) + i))
    if not shown and not gathered.pictures and not gathered.changes:
        shown.append((len(window.times_s) // 2, None))
    strength, high = window.strength, max(window.judged.high.values())
    for frame, index in shown:
        moment = Moment(float(window.times_s[frame]), strength[frame], high, index)
        gathered.pictures.extend(side_by_side(moment, window.alignment.lines, placement, files))


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of the probe that the report shows.

    Attributes:
        time_s: when.
        strength: of its cells, float32 (gh, gw).
        high: strength from which a cell counts.
        change: index of the change that it shows, or None.
    """

    time_s: float
    strength: NDArray[np.float32]
    high: float
    change: int | None = None


def side_by_side(moment: Moment, lines: Sequence[Line], placement: Placement, files: Files) -> list[Picture]:
    """Probe, master and heat map of a moment; empty when it does not decode."""
    time_s, change = moment.time_s, moment.change
    ours, theirs, master_s = _both_frames(time_s, lines, files)
    if ours is None:
        return []
    heat = pictures.heat(pictures.shown(ours), moment.strength, 2 * moment.high)
    made = [pictures.picture("probe", ours, time_s, change), pictures.picture("heat", heat, time_s, change)]
    if theirs is not None:
        matched = pictures.into_probe(theirs, placement, (ours.shape[0], ours.shape[1]), files.master_shape)
        made.insert(1, pictures.picture("master", matched, master_s, change))
    return made


def _both_frames(
    time_s: float, lines: Sequence[Line], files: Files
) -> tuple[pictures.Image | None, pictures.Image | None, float]:
    """The probe's frame at a moment, the master's that it shows, BGR at full size, and when that is."""
    master_s = _master_time(lines, time_s)
    with ThreadPoolExecutor(1) as other:
        theirs = other.submit(_colour_frame, files.master, master_s, files.limits)
        return _colour_frame(files.probe, time_s, files.limits), theirs.result(), master_s


def _master_time(lines: Sequence[Line], time_s: float) -> float:
    line = next((x for x in lines if x.start_s <= time_s <= x.end_s), lines[0])
    return line.offset_s + line.speed * time_s


def _colour_frame(path: Path, time_s: float, limits: Limits) -> pictures.Image | None:
    request = FrameRequest(start_s=max(0.0, time_s - 0.02), end_s=time_s + 0.5)
    for frame in read_frames(path, limits, request):
        return frame.image
    return None


def _merged(changes: Sequence[Change]) -> tuple[list[Change], list[int]]:
    """Join changes of one part that windows have cut apart; also where each old one went."""
    out: list[Change] = []
    index: list[int] = []
    for change in changes:
        for k, other in enumerate(out):
            touching = other.span.end_s + JOIN_GAP_S >= change.span.start_s >= other.span.end_s - JOIN_GAP_S
            if other.region == change.region and touching and other.box and change.box:
                span = Span(other.span.start_s, max(other.span.end_s, change.span.end_s))
                strength = max(other.strength, change.strength)
                out[k] = replace(other, span=span, box=_union(other.box, change.box), strength=strength)
                index.append(k)
                break
        else:
            index.append(len(out))
            out.append(change)
    return out, index


def _union(a: Box, b: Box) -> Box:
    x, y = min(a.x, b.x), min(a.y, b.y)
    return Box(x, y, max(a.x + a.w, b.x + b.w) - x, max(a.y + a.h, b.y + b.h) - y)


def _distinct(said: Sequence[Edit]) -> list[Edit]:
    """One edit of each kind for the whole clip; edits with a place or time of their own all stay."""
    out: list[Edit] = []
    for edit in said:
        if edit.span is not None or edit.kind not in {e.kind for e in out}:
            out.append(edit)
    return out


def _finding(gathered: Gathered, changes: Sequence[Change]) -> Finding:
    data = {
        "compared_s": round(gathered.compared_s, 2),
        "null_quality": [round(c, 1) for c in gathered.null_quality],
        "threshold": {str(r): round(v, 2) for r, v in gathered.high.items() if r is not None},
        "person_seen": gathered.person_seen,
    }
    top = max((c.strength for c in changes), default=max((max(v) for v in gathered.curves.values()), default=0.0))
    if changes:
        parts = ", ".join(dict.fromkeys(str(c.region) for c in changes))
        statement = f"Differs from the master in: {parts}."
        code = "comparison.changed"
    else:
        statement = "Shows the same as the master, but for harmless edits."
        code = "comparison.plain_copy"
    spans = tuple(c.span for c in changes)
    return Finding("comparison", VERSION, 3, statement, code, round(float(top), 3), None, spans, data)


def _curves(gathered: Gathered) -> Iterator[Curve]:
    times = tuple(round(t, 3) for t in gathered.times_s)
    for region, values in gathered.curves.items():
        yield Curve(region, times, tuple(round(v, 2) for v in values), round(gathered.high[region], 2))
