"""Which of several masters explain a stretch of a probe."""

from __future__ import annotations

from haechi.check.match_geometry import place_in_probe
from haechi.check.match_pictures import PictureMatch, _explaining
from haechi.core.records import Box, Segment, Span

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def found(row: int, strength: float, box: Box) -> PictureMatch:
    segment = Segment(Span(0.0, 4.0), 1.0, 1.0, False)
    return PictureMatch(row, (segment,), 50.0, "video", IDENTITY, strength, box)


def test_another_take_at_the_same_place_is_dropped_and_a_picture_in_the_picture_stays() -> None:
    around = found(1, 0.95, Box(0, 0, 100, 100))
    take = found(2, 0.6, Box(5, 0, 95, 98))
    inside = found(3, 0.6, Box(30, 30, 65, 65))
    assert [match.row for match in _explaining([take, inside, around])] == [1, 3]
    assert [match.row for match in _explaining([take])] == [2]


def test_where_a_master_lies_in_the_probe() -> None:
    # The master, 400 x 200, half as large at (100, 50) of a probe of 800 x 400.
    homography = (2.0, 0.0, -200.0, 0.0, 2.0, -100.0, 0.0, 0.0, 1.0)
    assert place_in_probe(homography, (800, 400), (400, 200)) == Box(100, 50, 200, 100)
    cropped = (0.5, 0.0, 50.0, 0.0, 0.5, 20.0, 0.0, 0.0, 1.0)
    assert place_in_probe(cropped, (400, 200), (400, 200)) == Box(0, 0, 400, 200)
