from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from accounts import APPROVER, DESK, LEGAL, evidence_of, person
from haechi.act.case import close_case, open_case
from haechi.act.notice.draft import draft_notice, missing, signed_text
from haechi.act.notice.laws import law_named
from haechi.act.notice.states import mark_sent, meter, note_answer, sign_notice
from haechi.core.approvals import decide
from haechi.core.errors import InputError, PolicyError
from haechi.core.evidence import Approval, Notice, NoticeState, Role
from haechi.core.people import alone
from haechi.core.store.evidence import Evidence

OTHER = person("other", Role.LEGAL)
CAP = 3


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return evidence_of(tmp_path)


@pytest.fixture
def complete(evidence: Evidence) -> Callable[..., Notice]:
    def make(law: str = "kr-44-2", to: str = "YouTube") -> Notice:
        case = open_case(evidence, DESK, "t", "하늘")
        given = {name: f"value of {name}" for name in law_named(law).fields}
        return draft_notice(evidence, DESK, case.id, law, to, given, parody="it deceives")

    return make


def send(evidence: Evidence, notice: Notice) -> Notice:
    with pytest.raises(PolicyError, match="second person"):
        mark_sent(evidence, LEGAL, notice.id, "form", CAP)
    asked = next(one for one in evidence.all(Approval) if one.state == "asked")
    decide(evidence, APPROVER, asked.id, True, "")
    return mark_sent(evidence, LEGAL, notice.id, "form", CAP)


def test_notice_from_draft_to_reappearance(evidence: Evidence, complete: Callable[..., Notice]) -> None:
    notice = complete()
    with pytest.raises(PolicyError):
        sign_notice(evidence, DESK, notice.id, "A", "desk")
    signed = sign_notice(evidence, LEGAL, notice.id, "J. Kim", "counsel")
    assert signed.state is NoticeState.SIGNED
    assert "J. Kim, counsel" in signed_text(signed)
    sent = send(evidence, signed)
    assert (sent.state, sent.text) == (NoticeState.SENT, notice.text)
    assert sent.deadline > sent.state_at
    for state in ("acknowledged", "removed", "reappeared", "refused", "removed"):
        sent = note_answer(evidence, DESK, sent.id, NoticeState(state), "text")
    assert [one["state"] for one in sent.answers] == ["acknowledged", "removed", "reappeared", "refused", "removed"]
    acts = [entry.act for entry in evidence.history(notice.id) if not entry.act.startswith("approval")]
    assert acts == ["notice.draft", "notice.sign", "notice.send"] + ["notice.answer"] * 5
    close_case(evidence, LEGAL, notice.parent, "done")


def test_no_signature_while_something_is_missing(evidence: Evidence) -> None:
    case = open_case(evidence, DESK, "t", "a")
    notice = draft_notice(evidence, DESK, case.id, "us-dmca", "X", {"name": "Example"})
    with pytest.raises(InputError) as refused:
        sign_notice(evidence, LEGAL, notice.id, "A", "B")
    for name in missing(notice)[:-1]:
        assert name in str(refused.value)
    assert "satire" in str(refused.value)
    for name, role in (("", "x"), ("x", " ")):
        with pytest.raises(InputError, match="name and a role"):
            sign_notice(evidence, LEGAL, notice.id, name, role)


@pytest.mark.parametrize("law", ["us-dmca", "kr-44-6"])
def test_two_accounts_sign_what_weighs_more(evidence: Evidence, complete: Callable[..., Notice], law: str) -> None:
    notice = complete(law)
    with pytest.raises(PolicyError, match="two accounts"):
        sign_notice(evidence, alone(), notice.id, "A", "B")
    assert sign_notice(evidence, LEGAL, notice.id, "A", "B").state is NoticeState.DRAFTED
    with pytest.raises(PolicyError, match="has signed already"):
        sign_notice(evidence, LEGAL, notice.id, "Another Name", "B")
    with pytest.raises(InputError, match="only a signed notice"):
        mark_sent(evidence, LEGAL, notice.id, "form", CAP)
    assert sign_notice(evidence, OTHER, notice.id, "C", "D").state is NoticeState.SIGNED
    with pytest.raises(InputError, match="already"):
        sign_notice(evidence, OTHER, notice.id, "C", "D")


def test_daily_cap(evidence: Evidence, complete: Callable[..., Notice]) -> None:
    for _ in range(CAP):
        send(evidence, sign_notice(evidence, LEGAL, complete().id, "A", "B"))
    one_more = sign_notice(evidence, LEGAL, complete().id, "A", "B")
    with pytest.raises(PolicyError, match="cap"):
        mark_sent(evidence, LEGAL, one_more.id, "form", CAP)


def test_refusals_are_metered_and_ask_for_a_reason(evidence: Evidence, complete: Callable[..., Notice]) -> None:
    for number in range(6):
        notice = complete(to="Grump")
        answer = {"state": "refused" if number else "removed", "text": "", "at": notice.state_at, "by": "x"}
        evidence.change(
            lambda change, notice=notice, answer=answer: change.put(  # type: ignore[misc]
                replace(notice, state=NoticeState.REFUSED, answers=(answer,)), "test"
            )
        )
    found = meter(evidence.all(Notice), "grump")
    assert (found.answered, found.refused, found.warns) == (6, 5, True)
    assert not meter(evidence.all(Notice), "YouTube").warns
    next_one = complete(to="Grump")
    with pytest.raises(PolicyError, match="refused most"):
        sign_notice(evidence, LEGAL, next_one.id, "A", "B")
    assert sign_notice(evidence, LEGAL, next_one.id, "A", "B", "clear case").state is NoticeState.SIGNED


@pytest.mark.parametrize("state", ["drafted", "signed", "sent", "removed", "reappeared"])
def test_answers_follow_from_the_state(evidence: Evidence, complete: Callable[..., Notice], state: str) -> None:
    with pytest.raises(InputError, match="what can follow"):
        note_answer(evidence, DESK, complete().id, NoticeState(state), "")


def test_case_with_an_open_notice_stays_open(evidence: Evidence, complete: Callable[..., Notice]) -> None:
    notice = sign_notice(evidence, LEGAL, complete().id, "A", "B")
    with pytest.raises(InputError, match=notice.id):
        close_case(evidence, LEGAL, notice.parent, "done")
