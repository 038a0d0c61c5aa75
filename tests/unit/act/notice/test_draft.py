from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accounts import AUDITOR, DESK, evidence_of
from haechi.act.case import open_case
from haechi.act.notice.draft import draft_notice, missing, reasons
from haechi.act.notice.fields import CHOICES, FIELDS, STATEMENTS
from haechi.act.notice.laws import LAWS, law_named
from haechi.act.notice.wording import LANGUAGES
from haechi.core.errors import InputError, PolicyError
from haechi.core.evidence import Case, Exhibit, Lane, Notice, NoticeState, Part
from haechi.core.store.evidence import Evidence

REPORT = {
    "verdict": "altered",
    "probe": {"sha256": "sha256:" + "ab" * 32},
    "changes": [{"kind": "mouth", "start_s": 3.0, "end_s": 7.04}, {"kind": "voice", "start_s": None, "end_s": None}],
}


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return evidence_of(tmp_path)


def exhibit_in(evidence: Evidence, case: Case, number: int = 1) -> Exhibit:
    part = Part("original.mp4", "evidentiary", "video/mp4", 7, "sha256:" + "cd" * 32)
    exhibit = Exhibit(
        f"E-{number}", case.id, case.lane, f"https://example.org/v/{number}", "2026-11-20", "someone", "Example",
        "file", "a.mp4", "t", "desk", (part,),
    )  # fmt: skip
    return evidence.change(lambda change: change.put(exhibit, "exhibit.add"))


@pytest.fixture
def draft(evidence: Evidence) -> Callable[..., Notice]:
    def make(law: str, lane: Lane = Lane.ORDINARY, given: dict[str, str] | None = None, **more: Any) -> Notice:
        case = open_case(evidence, DESK, "t", "하늘", None, lane)
        exhibit_in(evidence, case)
        return draft_notice(evidence, DESK, case.id, law, "YouTube", given or {}, **more)

    return make


@pytest.mark.parametrize("law", [law.key for law in LAWS])
def test_every_law_drafts_names_what_is_missing_and_is_complete_with_it(
    evidence: Evidence, draft: Callable[..., Notice], law: str
) -> None:
    first = draft(law)
    gaps = missing(first)
    assert gaps[-1] == "parody"
    assert {"location", "evidence"}.isdisjoint(gaps), "they come from the exhibits"
    assert first.state is NoticeState.DRAFTED
    chosen = {"asker": "victim"} if "asker" in gaps else {}
    given = {name: f"value of {name}" for name in gaps if name != "parody"} | chosen
    again = draft(law, given=given, parody="it deceives", report=REPORT)
    assert missing(again) == []
    assert all(value in again.text for name, value in given.items() if name != "asker")
    assert "https://example.org/v/1" in again.text
    assert {"kr": "초안", "us": "DRAFT FOR COUNSEL", "eu": "DRAFT", "uk": "DRAFT", "jp": "草案"}[law[:2]] in again.text


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.key)
def test_law_data_is_whole(law: Any) -> None:
    assert law.language in LANGUAGES
    assert set(law.fields) <= FIELDS.keys()
    assert set(law.statements) <= STATEMENTS.keys()
    assert law.clocks[0].after == "sent"
    for words in (
        law.title,
        law.filer,
        *(FIELDS[name] for name in law.fields),
        *(STATEMENTS[s] for s in law.statements),
    ):
        for language in LANGUAGES:
            assert words.speak(language).strip()
            assert "{" not in words.speak(language)


def test_required_fields_of_the_laws() -> None:
    assert {"perjury", "dmca_belief"} == set(law_named("us-dmca").statements)
    assert {law.key for law in LAWS if law.two_people} == {"us-dmca", "kr-44-6"}
    assert law_named("us-tida").clocks[0].due.total_seconds() == 48 * 3600
    assert law_named("jp-idpa").clocks[0].due.days == 7
    assert {"phone", "email", "name", "representative", "location", "reasons"} <= set(law_named("kr-44-12").fields)
    assert {"reasons", "location", "name", "email"} <= set(law_named("eu-dsa16").fields)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("asker", "paper"), [("victim", None), ("kin", "kinship"), ("agent", "attorney")])
def test_who_asks_the_support_centre_decides_which_paper_is_needed(
    draft: Callable[..., Notice], asker: str, paper: str | None, language: str
) -> None:
    notice = draft("kr-d4u", Lane.SEXUAL, {"asker": asker}, language=language)
    gaps = missing(notice)
    assert {"identity", "name"} <= set(gaps)
    assert {"kinship", "attorney"} & set(gaps) == ({paper} if paper else set())
    assert CHOICES[asker].speak(language) in notice.text
    assert "sha256:" not in notice.text
    if paper:
        whole = draft("kr-d4u", Lane.SEXUAL, {"asker": asker, paper: "shown on 2026-11-20"}, language=language)
        assert paper not in missing(whole)
        assert FIELDS[paper].speak(language) in whole.text


@pytest.mark.parametrize("given", [{"asker": "fan"}, {"kinship": "x"}, {"asker": "victim", "attorney": "x"}])
def test_the_support_centre_takes_nobody_else_and_no_paper_of_another(
    draft: Callable[..., Notice], given: dict[str, str]
) -> None:
    with pytest.raises(InputError):
        draft("kr-d4u", given=given)


@pytest.mark.parametrize("law", ["kr-d4u", "kr-1377"])
def test_what_counsel_must_confirm_of_the_two_bodies_stands_in_their_drafts(
    draft: Callable[..., Notice], law: str
) -> None:
    assert "for counsel" in draft(law, language="en").text
    assert "변호사가 확인" in draft(law).text
    assert "弁護士の確認" in draft(law, language="ja").text
    assert not any(clock.statutory for clock in law_named(law).clocks)


def test_the_review_committee_wants_address_description_and_proof(draft: Callable[..., Notice]) -> None:
    notice = draft("kr-1377", Lane.SEXUAL)
    assert set(missing(notice)) == {"name", "capacity", "phone", "email", "description", "parody"}
    assert notice.fields["location"] == "https://example.org/v/1"
    assert "E-1" in notice.fields["evidence"]


@pytest.mark.parametrize("lane", [Lane.SEXUAL, Lane.MINOR])
def test_of_sexual_media_nothing_but_addresses_goes_out(draft: Callable[..., Notice], lane: Lane) -> None:
    text = draft("us-tida", lane).text
    assert "sha256:" not in text
    assert "a.mp4" not in text
    assert "No media is attached" in text
    assert "sha256:" in draft("us-tida").text


def test_name_and_address_are_waived_where_a_child_is_abused(draft: Callable[..., Notice]) -> None:
    waived = draft("eu-dsa16", Lane.MINOR)
    assert missing(waived) == ["reasons", "facts", "parody"]
    assert waived.text.count("Not required: the information concerns an offence of child sexual abuse.") == 2
    assert draft("eu-dsa16", Lane.MINOR, {"name": "Kim"}).fields["name"] == "Kim"
    assert missing(draft("eu-dsa16", Lane.SEXUAL))[:2] == ["name", "email"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_reasons_of_a_verdict(draft: Callable[..., Notice], language: str) -> None:
    told = reasons(REPORT, language)
    assert {"ko": "입: 3.0초부터 7.0초까지", "en": "mouth: from 3.0 s to 7.0 s", "ja": "口: 3.0秒から7.0秒まで"}[
        language
    ] in told
    assert told in draft("eu-dsa16", report=REPORT, language=language).fields["facts"]


@pytest.mark.parametrize(
    "report", [{}, {"verdict": "nonsense"}, {"verdict": "altered"}, {"verdict": "altered", "changes": 3}]
)
def test_what_is_no_report(report: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        reasons(report, "en")


def test_wrong_arguments(evidence: Evidence, draft: Callable[..., Notice]) -> None:
    for law, more in (
        ("us-nofakes", {}),
        ("kr-44-2", {"given": {"work": "x"}}),
        ("kr-44-2", {"language": "fr"}),
        ("kr-44-2", {"exhibits": ["E-9"]}),
        ("kr-44-2", {"given": {"name": "x" * 30_000}}),
    ):
        with pytest.raises(InputError):
            draft(law, **more)
    case = open_case(evidence, DESK, "t", "a")
    with pytest.raises(InputError, match="--to"):
        draft_notice(evidence, DESK, case.id, "kr-44-2", " ", {})
    with pytest.raises(PolicyError):
        draft_notice(evidence, AUDITOR, case.id, "kr-44-2", "X", {})
