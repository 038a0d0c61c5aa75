"""The motion of long probes: what of the master is read for their windows."""

from __future__ import annotations

from haechi.check.match_motion import _joined
from haechi.core.records import Span


def test_stretches_that_overlap_are_read_as_one() -> None:
    spans = [Span(20.0, 36.0), Span(-2.0, 14.0), Span(12.0, 28.0), Span(50.0, 66.0)]
    assert _joined(spans) == [Span(-2.0, 36.0), Span(50.0, 66.0)]
    assert _joined([Span(0.0, 30.0), Span(5.0, 9.0)]) == [Span(0.0, 30.0)]
