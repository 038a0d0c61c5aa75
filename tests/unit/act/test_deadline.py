from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from accounts import DESK, evidence_of
from haechi.act.case import open_case
from haechi.act.deadline import Deadline, deadlines, of_notice, to_ics
from haechi.act.notice.laws import LAWS, law_named
from haechi.core.errors import InputError
from haechi.core.evidence import Lane, Notice, NoticeState
from haechi.core.language import translate

SENT = datetime(2026, 11, 22, 10, tzinfo=UTC)


def notice_in(state: NoticeState, law: str) -> Notice:
    at = SENT + timedelta(days=1)
    deadline = (SENT + law_named(law).clocks[0].due).isoformat()
    return Notice("N-1", "C-1", law, "X", "en", {}, (), "", "p", state, at.isoformat(), "desk", deadline=deadline)


def test_clock_of_each_law_runs_from_sending() -> None:
    due = {law.key: of_notice(notice_in(NoticeState.SENT, law.key))[0].at - SENT for law in LAWS}
    assert due["us-tida"] == due["uk-osa"] == timedelta(hours=48)
    assert due["jp-idpa"] == timedelta(days=7)
    assert due["kr-44-6"] == timedelta(days=60)


def test_receipt_does_not_stop_the_clock_but_an_answer_does() -> None:
    acknowledged = of_notice(notice_in(NoticeState.ACKNOWLEDGED, "kr-44-2"))
    assert [one.what for one in acknowledged] == [
        "answer due without delay (reminder)",
        "temporary block may end",
    ]
    assert acknowledged[0].at == SENT + timedelta(days=3)
    assert acknowledged[1].at == SENT + timedelta(days=31)
    (again,) = of_notice(notice_in(NoticeState.REMOVED, "us-tida"))
    assert (again.what, again.statutory) == ("look whether it has come back", False)
    assert of_notice(notice_in(NoticeState.DRAFTED, "us-tida")) == []
    (appeal,) = of_notice(notice_in(NoticeState.REFUSED, "kr-44-12"))
    assert appeal.statutory
    (anew,) = of_notice(notice_in(NoticeState.REAPPEARED, "us-tida"))
    assert anew.at == SENT + timedelta(days=3)


def test_retention_is_a_deadline(tmp_path: Path) -> None:
    evidence = evidence_of(tmp_path)
    case = open_case(evidence, DESK, "t", "하늘")
    open_case(evidence, DESK, "t", "하늘", None, Lane.MINOR)
    evidence.change(lambda change: change.put(replace(notice_in(NoticeState.SENT, "us-tida"), parent=case.id), "test"))
    found = deadlines(evidence)
    assert [one.subject for one in found] == ["N-1", case.id]
    assert found[0].overdue(found[0].at)
    assert not found[0].overdue(SENT)


def test_calendar_is_well_formed_and_names_nobody() -> None:
    one = Deadline(SENT, "N-1", "C-1", "us-tida", "removal due, of identical; " * 9 + "하늘" * 30, True, SENT)
    text = to_ics([one], SENT, translate("en"))
    lines = text.split("\r\n")
    assert (lines[0], lines[-2], lines[-1]) == ("BEGIN:VCALENDAR", "END:VCALENDAR", "")
    assert all(len(line.encode()) <= 75 for line in lines)
    unfolded = text.replace("\r\n ", "")
    assert "SUMMARY;LANGUAGE=en:us-tida N-1 removal due\\, of identical\\; " in unfolded
    assert "하늘" * 30 in unfolded
    assert "TRIGGER:-PT1H" in text
    assert text.count("BEGIN:") == text.count("END:") == 3


@pytest.mark.parametrize(
    ("code", "answer", "ours"), [("ko", "답변", "자체 알림"), ("en", "answer due", "Our own reminder")]
)
def test_calendar_speaks_the_users_language(code: str, answer: str, ours: str) -> None:
    found = of_notice(notice_in(NoticeState.SENT, "kr-44-2"))
    text = to_ics(found, SENT, translate(code)).replace("\r\n ", "")
    assert answer in text
    assert ours in text
    assert f"PRODID:-//Haechi//deadlines//{code.upper()}" in text
    assert text.count(f"SUMMARY;LANGUAGE={code}:") == len(found)


def test_calendar_keeps_the_name_of_an_event_and_gives_none_twice() -> None:
    state = notice_in(NoticeState.ACKNOWLEDGED, "kr-44-2")
    found = [replace(one, at=SENT) for one in of_notice(state)]
    uids = [line for line in to_ics(found, SENT, translate("en")).split("\r\n") if line.startswith("UID:")]
    assert len(set(uids)) == len(uids) == 2
    later = [replace(one, at=SENT + timedelta(days=1)) for one in found]
    assert uids == [line for line in to_ics(later, SENT, translate("ko")).split("\r\n") if line.startswith("UID:")]


def test_control_characters_stay_out_of_a_calendar() -> None:
    one = Deadline(SENT, "N-1", "C-1", "us-tida", "a\x00b\x1b[2Jc\r\nBEGIN:VEVENT\x7f\\", True, SENT)
    text = to_ics([one], SENT, translate("en"))
    assert text.count("\r\nBEGIN:VEVENT") == 1
    assert "ab[2Jc\\nBEGIN:VEVENT\\\\" in text
    assert not any(ord(character) < 32 and character not in "\r\n" for character in text)


def test_there_is_no_calendar_without_an_event() -> None:
    with pytest.raises(InputError):
        to_ics([], SENT, translate("en"))


@pytest.mark.parametrize("law", [law.key for law in LAWS])
def test_every_statutory_first_clock_is_no_reminder(law: str) -> None:
    clock = law_named(law).clocks[0]
    assert clock.statutory is ("reminder" not in clock.what)
