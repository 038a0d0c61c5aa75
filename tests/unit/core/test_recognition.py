from __future__ import annotations

import pytest

from haechi.core.ledger.entries import canonical
from haechi.core.recognition import Origin, Recognition, differ_alike, origin_of
from haechi.core.records import Box, Change, Kind, Probe, Region, ReleaseMatch, Report, Segment, Span, Verdict

SHOWN = ((10.0, 20.0),)


def origin(
    release: str = "R-1", shown: tuple[tuple[float, float], ...] = SHOWN, **differs: tuple[float, float]
) -> Origin:
    return Origin(release, shown, {part: (span,) for part, span in differs.items()})


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (None, origin(head=(11, 12)), True),
        (origin("R-1"), origin("R-2", head=(11, 12)), True),
        (origin(), origin(), True),
        (origin(head=(11, 13)), origin(), False),
        (origin(head=(11, 13)), origin(head=(11.2, 13.1)), True),
        (origin(head=(11, 13)), origin(head=(15, 17)), False),
        (origin(head=(11, 13)), origin(body=(11, 13)), False),
        (origin(head=(11, 13)), origin(head=(11, 13), voice=(11, 13)), False),
        (origin(head=(11, 11.2)), origin(), True),
        # only the time that both show counts
        (origin(head=(11, 18)), origin(shown=((15.0, 18.0),), head=(15, 18)), True),
        (origin(head=(11, 13)), origin(shown=((15.0, 18.0),)), True),
    ],
)
def test_one_item_differs_from_its_release_alike(one: Origin | None, other: Origin | None, alike: bool) -> None:
    assert differ_alike(one, other) is alike
    assert differ_alike(other, one) is alike


def report(changes: tuple[Change, ...], segments: tuple[Segment, ...], release_id: str | None = "R-1") -> Report:
    return Report(
        probe=Probe("p", "sha256:0", Kind.VIDEO, 6.0, 10, 10),
        verdict=Verdict.ALTERED,
        decided_by="comparison",
        llr_log10=None,
        artists=(),
        release=ReleaseMatch(release_id, "t", segments, 1.0, "m"),
        changes=changes,
        edits=(),
        findings=(),
        abstentions=(),
        would_change=(),
        software={},
    )


def test_origin_is_told_in_the_release_s_own_time() -> None:
    segments = (Segment(Span(0, 3), 20.0, 2.0, False), Segment(Span(3, 6), 50.0, 1.0, True))
    mouth = Change(Region.MOUTH, Span(1, 4), Box(0, 0, 1, 1), 9.0)
    voice = Change(Region.VOICE, Span(4, 5), None, 9.0)
    found = origin_of(report((mouth, voice), segments))
    assert found == Origin(
        "R-1", ((20.0, 26.0), (50.0, 53.0)), {"head": ((22.0, 26.0), (50.0, 51.0)), "voice": ((51.0, 52.0),)}
    )
    still = report((Change(Region.EYES, Span(0, 0), Box(0, 0, 1, 1), 9.0),), (Segment(Span(0, 0), 0.0, 1.0, False),))
    assert origin_of(still) == Origin("R-1", ((0.0, 1.0),), {"head": ((0.0, 1.0),)})
    assert origin_of(report((), segments, release_id=None)) is None


def test_record_survives_its_json() -> None:
    import json

    one = Recognition("E-1", "C-1", "E-0", "pdq", "E-0", 3.0, origin(head=(11, 13)), {"a_v1": "sha256:1"}, "x")
    assert Recognition.from_fields(json.loads(canonical(one.to_fields()))) == one
    bare = Recognition("E-1", "C-1", "E-1", "first")
    assert Recognition.from_fields(bare.to_fields() | {"of_a_newer_haechi": 1}) == bare
