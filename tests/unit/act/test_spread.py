from __future__ import annotations

from pathlib import Path

import pytest

from accounts import AUDITOR, DESK, evidence_of
from haechi.act.case import open_case
from haechi.act.spread import add_sighting, impact
from haechi.core.errors import InputError, PolicyError
from haechi.core.evidence import Sighting
from haechi.core.store.evidence import Evidence


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return evidence_of(tmp_path)


def seen(url: str, at: str, posted: str = "", state: str = "up", account: str = "a", **reach: int) -> Sighting:
    return Sighting(
        "", "", "E-1", f"https://x.com/{url}", "X", account, posted, f"2026-11-{at}:00:00+00:00", state, reach
    )


def test_spread_is_ordered_by_posting_and_counts_reach_once_a_place(evidence: Evidence) -> None:
    case = open_case(evidence, DESK, "t", "하늘")
    for one in (
        seen("late", "20T10", "2026-11-19T09:00:00+09:00", views=10),
        seen("first", "21T10", "2026-11-18", account="b", views=100),
        seen("first", "22T10", state="removed", account="b", views=90),
        seen("unknown", "19T23", views=5),
    ):
        add_sighting(evidence, DESK, case.id, one)
    found = impact(evidence.all(Sighting, case.id), "E-1")
    assert [place.first.url[-5:] for place in found.places] == ["first", "/late", "known"]
    assert (found.up, found.removed, found.reappeared) == (2, 1, 0)
    assert found.reach == {"views": 115}
    assert list(found.reach_over_time.values()) == [{"views": 5}, {"views": 15}, {"views": 115}, {"views": 115}]
    assert next(iter(found.reach_over_time)) == "2026-11-19T23:00:00+00:00"
    assert found.accounts == {"a": 2, "b": 1}
    assert found.hours_to_removal == [24.0]
    assert impact(evidence.all(Sighting, case.id), "other").places == []
    assert evidence.audit().faults == ()


def test_what_comes_back_is_a_reappearance(evidence: Evidence) -> None:
    case = open_case(evidence, DESK, "t", "하늘")
    states = [
        add_sighting(evidence, DESK, case.id, seen("v", at, state=state)).state
        for at, state in (("20T10", "up"), ("21T10", "removed"), ("22T10", "up"), ("22T11", "up"))
    ]
    assert states == ["up", "removed", "reappeared", "up"]
    found = impact(evidence.all(Sighting, case.id), "E-1")
    assert (found.up, found.removed, found.reappeared) == (1, 0, 1)


def test_wrong_sightings_are_refused(evidence: Evidence) -> None:
    case = open_case(evidence, DESK, "t", "하늘")
    for wrong in (seen("v", "20T10", state="sold"), seen("v", "20T10", views=-1)):
        with pytest.raises(InputError):
            add_sighting(evidence, DESK, case.id, wrong)
    with pytest.raises(PolicyError):
        add_sighting(evidence, AUDITOR, case.id, seen("v", "20T10"))
    with pytest.raises(InputError):
        add_sighting(evidence, DESK, "C-none", seen("v", "20T10"))
