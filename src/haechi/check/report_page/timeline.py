"""Geometry of the time line: lanes of regions, bars of changes, curves of strength; numbers only, no words.

A lane shows one region. Its curve is strength over threshold, so that the dashed line lies at the same
height in every lane; values above `CEILING` thresholds are cut. Horizontal positions are per cent of the
probe's duration, vertical ones 0 (top) to 100. A curve is thinned by taking the highest value of each of
`MOST_POINTS` slots: a short peak stays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from haechi.core.records import Change, Curve, Region, Report

CEILING = 3.0
MOST_POINTS = 400
SMALLEST_BAR_PERCENT = 0.8
MOST_TICKS = 8
_TICK_STEPS_S = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)


@dataclass(frozen=True, slots=True)
class Bar:
    """A change on the time line: `index` into `Report.changes`, left edge and width in per cent."""

    index: int
    left: str
    width: str
    middle: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One region: its bars, and the outline of its curve as SVG points in a 1000 x 100 field, or an empty
    text.
    """

    region: Region | None
    bars: tuple[Bar, ...]
    line: str
    area: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on the time axis: seconds and place in per cent."""

    time_s: float
    left: str
    anchor: str


def lanes(changes: Sequence[Change], curves: Sequence[Curve], duration_s: float) -> tuple[Lane, ...]:
    """One lane for each region that has a change or a curve, in the order of `Region`, changed ones first.

    The whole picture, which has no region, comes last.
    """
    drawn: list[Lane] = []
    for region in (*Region, None):
        bars = tuple(_bar(i, c, duration_s) for i, c in enumerate(changes) if c.region is region)
        points = [point for curve in curves if curve.region is region for point in _points(curve, duration_s)]
        if bars or points:
            drawn.append(Lane(region, bars, _line(points), _area(points)))
    return tuple(sorted(drawn, key=lambda lane: not lane.bars))


def rises(report: Report) -> bool:
    """Whether a curve lies above its line where no bar marks a change."""
    return any(_rises(curve, report.changes) for curve in report.curves)


def _rises(curve: Curve, changes: Sequence[Change]) -> bool:
    marked = [change.span for change in changes if change.region is curve.region]
    above = (t for t, z in zip(curve.times_s, curve.strength, strict=True) if z > curve.threshold)
    return any(not any(span.start_s <= time_s <= span.end_s for span in marked) for time_s in above)


def ticks(duration_s: float) -> tuple[Tick, ...]:
    """Round times for the axis, eight at most; the first and the last are anchored inwards."""
    step = next((s for s in _TICK_STEPS_S if duration_s / s <= MOST_TICKS), duration_s / MOST_TICKS)
    times = [i * step for i in range(int(duration_s / step + 1e-9) + 1)]
    return tuple(Tick(t, _percent(100 * t / duration_s), _anchor(t / duration_s)) for t in times)


def _anchor(place: float) -> str:
    return "start" if place < 0.02 else "end" if place > 0.97 else "middle"


def _bar(index: int, change: Change, duration_s: float) -> Bar:
    left = 100 * _inside(change.span.start_s / duration_s)
    right = 100 * _inside(change.span.end_s / duration_s)
    width = max(right - left, SMALLEST_BAR_PERCENT)
    left = min(left, 100 - width)
    return Bar(index, _percent(left), _percent(width), _percent(left + width / 2))


def _points(curve: Curve, duration_s: float) -> list[tuple[float, float]]:
    threshold = curve.threshold if curve.threshold > 0 else 1.0
    slots: dict[int, tuple[float, float]] = {}
    for time_s, strength in zip(curve.times_s, curve.strength, strict=True):
        if not (math.isfinite(time_s) and math.isfinite(strength)):
            continue
        x = 1000 * _inside(time_s / duration_s)
        height = min(max(strength / threshold, 0.0), CEILING) / CEILING
        slot = int(x * MOST_POINTS / 1000)
        if slot not in slots or height > slots[slot][1]:
            slots[slot] = (x, height)
    return [slots[slot] for slot in sorted(slots)]


def _line(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{100 - 100 * height:.1f}" for x, height in points)


def _area(points: Sequence[tuple[float, float]]) -> str:
    if not points:
        return ""
    return f"{points[0][0]:.1f},100 {_line(points)} {points[-1][0]:.1f},100"


def _inside(place: float) -> float:
    return min(max(place, 0.0), 1.0) + 0.0  # never -0.0


def _percent(value: float) -> str:
    return f"{value:.2f}%"
