"""Geometry of the time line, and times and numbers for reading."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.check.report_page.text import clock, number, span_ends, visible
from haechi.check.report_page.timeline import lanes, ticks
from haechi.core.records import Change, Curve, Region, Span

TIMES = st.floats(-5, 50) | st.just(float("nan")) | st.just(float("inf"))


@given(
    st.lists(st.tuples(TIMES, st.floats(allow_nan=True, allow_infinity=True)), max_size=60),
    st.floats(-1, 20),
    st.floats(0.04, 40_000),
)
def test_curves_stay_inside_the_track(points: list[tuple[float, float]], threshold: float, duration_s: float) -> None:
    curve = Curve(Region.MOUTH, tuple(t for t, _ in points), tuple(v for _, v in points), threshold)
    for lane in lanes((), (curve,), duration_s):
        assert re.fullmatch(r"[\d., ]*", lane.area)
        for point in lane.line.split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= 1000 and 0 <= y <= 100


@given(st.floats(0, 100), st.floats(0, 100), st.floats(0.04, 100))
def test_bars_stay_inside_the_track_and_can_be_hit(start: float, length: float, duration_s: float) -> None:
    change = Change(Region.VOICE, Span(start, start + length), None, 9.0)
    bar = lanes((change,), (), duration_s)[0].bars[0]
    left, width = (float(value.rstrip("%")) for value in (bar.left, bar.width))
    assert width >= 0.8
    assert 0 <= left <= 100 and left + width <= 100.01


def test_changed_regions_come_first() -> None:
    curves = tuple(Curve(region, (0.0, 1.0), (1.0, 2.0), 6.0) for region in (Region.MOUTH, Region.FACE))
    change = Change(Region.FACE, Span(0, 1), None, 9.0)
    assert [lane.region for lane in lanes((change,), curves, 2.0)] == [Region.FACE, Region.MOUTH]


def test_a_short_peak_survives_thinning() -> None:
    times = tuple(i / 100 for i in range(100_000))
    strength = tuple(18.0 if i == 54_321 else 1.0 for i in range(100_000))
    lane = lanes((), (Curve(Region.EYES, times, strength, 6.0),), 1000.0)[0]
    assert len(lane.line.split()) <= 401
    assert ",0.0" in lane.line


@given(st.floats(0.04, 6 * 3600))
def test_the_axis_has_a_handful_of_marks(duration_s: float) -> None:
    marks = ticks(duration_s)
    assert 1 <= len(marks) <= 9
    assert marks[0].time_s == 0 and marks[-1].time_s <= duration_s * 1.001


@pytest.mark.parametrize(
    ("seconds", "tenths", "shown"),
    [
        (0, False, "0:00"),
        (3.4, False, "0:03"),
        (59.6, False, "1:00"),
        (3723, False, "1:02:03"),
        (59.96, True, "1:00.0"),
        (2.5, False, "0:03"),
    ],
)
def test_clock(seconds: float, tenths: bool, shown: str) -> None:
    assert clock(seconds, tenths=tenths) == shown


def test_short_spans_show_tenths() -> None:
    assert span_ends(Span(8.1, 9.3)) == ("0:08.1", "0:09.3")
    assert span_ends(Span(3.1, 7.0)) == ("0:03", "0:07")


@pytest.mark.parametrize(
    ("value", "shown"), [(6.0, "6"), (19.44, "19.4"), (412.3, "412"), (1.25, "1.25"), (float("nan"), "–")]
)
def test_number(value: float, shown: str) -> None:
    assert number(value) == shown


def test_visible_keeps_emoji_and_cuts_long_names_in_the_middle() -> None:
    assert visible("👩\u200d🎤.mp4") == "👩\u200d🎤.mp4"
    cut = visible("a" * 500 + "end.mp4")
    assert len(cut) == 160 and cut.endswith("end.mp4") and "…" in cut
