from __future__ import annotations

from pathlib import Path

import pytest

from accounts import ADMIN, APPROVER, AUDITOR, DESK, LEGAL, evidence_of
from haechi.act.case import change_lane, close_case, open_case
from haechi.core.approvals import decide
from haechi.core.errors import InputError, PolicyError
from haechi.core.evidence import Approval, Case, CaseState, Lane
from haechi.core.lanes import need_open, refuse_clear, refuse_media
from haechi.core.store.evidence import Evidence


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return evidence_of(tmp_path)


def case_in(evidence: Evidence, lane: Lane = Lane.ORDINARY) -> Case:
    return open_case(evidence, DESK, "Faked interview", "하늘", None, lane)


def test_case_is_kept_with_who_opened_it(evidence: Evidence) -> None:
    case = case_in(evidence)
    assert evidence.get(Case, case.id) == case
    assert (case.opened_by, case.state, case.keep_until[:4]) == (
        "desk",
        CaseState.OPEN,
        str(int(case.opened_at[:4]) + 10),
    )
    assert [entry.act for entry in evidence.history(case.id)] == ["case.open"]


@pytest.mark.parametrize(("title", "artist"), [("", "a"), ("t", " ")])
def test_case_needs_title_and_artist(evidence: Evidence, title: str, artist: str) -> None:
    with pytest.raises(InputError):
        open_case(evidence, DESK, title, artist)


def test_auditor_and_administrator_open_no_case(evidence: Evidence) -> None:
    for who in (AUDITOR, ADMIN, APPROVER):
        with pytest.raises(PolicyError):
            open_case(evidence, who, "t", "a")


@pytest.mark.parametrize(("start", "to"), [("ordinary", "sexual"), ("ordinary", "minor"), ("sexual", "minor")])
def test_anyone_tightens_at_once(evidence: Evidence, start: str, to: str) -> None:
    case = case_in(evidence, Lane(start))
    changed = change_lane(evidence, DESK, case.id, Lane(to), "seen")
    assert changed.lane is Lane(to)
    assert changed.state is (CaseState.LOCKED if to == "minor" else CaseState.OPEN)


def test_loosening_takes_two(evidence: Evidence) -> None:
    case = case_in(evidence, Lane.SEXUAL)
    with pytest.raises(PolicyError, match="second person"):
        change_lane(evidence, LEGAL, case.id, Lane.ORDINARY, "was an error")
    assert evidence.get(Case, case.id).lane is Lane.SEXUAL
    (asked,) = evidence.all(Approval)
    decide(evidence, APPROVER, asked.id, True, "agreed")
    assert change_lane(evidence, LEGAL, case.id, Lane.ORDINARY, "was an error").lane is Lane.ORDINARY
    entry = evidence.history(case.id)[-1]
    assert (entry.act, entry.detail["second"]) == ("case.loosen", "approver")


@pytest.mark.parametrize("to", [Lane.ORDINARY, Lane.SEXUAL])
def test_lane_of_minors_is_never_left(evidence: Evidence, to: Lane) -> None:
    case = case_in(evidence, Lane.MINOR)
    with pytest.raises(PolicyError, match="아청법") as refused:
        change_lane(evidence, LEGAL, case.id, to, "why")
    assert "rule 3" in str(refused.value)
    assert evidence.all(Approval) == []


def test_lane_needs_a_reason_and_a_change(evidence: Evidence) -> None:
    case = case_in(evidence)
    with pytest.raises(InputError, match="reason"):
        change_lane(evidence, DESK, case.id, Lane.SEXUAL, " ")
    with pytest.raises(InputError, match="already"):
        change_lane(evidence, DESK, case.id, Lane.ORDINARY, "x")


def test_media_of_minors_is_refused_by_rule_and_law(evidence: Evidence) -> None:
    case = case_in(evidence, Lane.MINOR)
    for refuse in (
        lambda: refuse_media(case, "hashing"),
        lambda: need_open(case),
        lambda: refuse_clear(case.lane, "x"),
    ):
        with pytest.raises(PolicyError, match=r"rule 3 .*law: 아청법"):
            refuse()
    with pytest.raises(PolicyError, match=r"rule 4 .*law: 성폭력처벌법"):
        refuse_clear(Lane.SEXUAL, "export")
    refuse_media(case_in(evidence, Lane.SEXUAL), "hashing")
    refuse_clear(Lane.ORDINARY, "export")


def test_closing(evidence: Evidence) -> None:
    case = case_in(evidence)
    with pytest.raises(PolicyError):
        close_case(evidence, DESK, case.id, "done")
    with pytest.raises(InputError, match="reason"):
        close_case(evidence, LEGAL, case.id, "")
    closed = close_case(evidence, LEGAL, case.id, "removed everywhere")
    with pytest.raises(InputError, match="closed"):
        need_open(closed)
    with pytest.raises(InputError, match="already"):
        close_case(evidence, LEGAL, case.id, "again")
