from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from accounts import AUDITOR, DESK, evidence_of
from haechi.act.case import open_case
from haechi.act.notice.draft import draft_notice
from haechi.act.statement import KINDS, LANGUAGES, draft_statement
from haechi.core.errors import InputError, PolicyError
from haechi.core.evidence import Case, Lane, NoticeState
from haechi.core.settings import Limits
from haechi.core.store.evidence import Evidence
from haechi.preserve.custody import Intent, add_address, add_file
from haechi.preserve.facts import Found


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return evidence_of(tmp_path)


def case_of(evidence: Evidence, lane: Lane = Lane.ORDINARY) -> Case:
    case = open_case(evidence, DESK, "secret title", "하늘", None, lane)
    for url in ("https://youtu.be/1", "https://x.com/2", "https://youtu.be/3"):
        add_address(evidence, DESK, case.id, Intent(Found(url, account="poster"), "report"), [])
    notice = replace(draft_notice(evidence, DESK, case.id, "kr-44-2", "YouTube", {}), state=NoticeState.REMOVED)
    evidence.change(lambda change: change.put(notice, "test"))
    return case


def test_facts_alone(evidence: Evidence) -> None:
    case = case_of(evidence)
    text = draft_statement(evidence, DESK, case.id, "public", "en")
    assert text.startswith("DRAFT FOR COUNSEL")
    for words in ("하늘", "3 items", "YouTube: 2, X: 1", "Notices sent: 1; material removed: 1; refused: 0"):
        assert words in text
    korean = draft_statement(evidence, DESK, case.id, "fans", "ko")
    assert "3건을 증거로" in korean
    for kept_back in ("youtu.be", "poster", "secret title"):
        assert kept_back not in text + korean
    assert evidence.history(case.id)[-1].act == "case.statement"


@pytest.mark.parametrize(("language", "words"), [("en", "1 items as evidence."), ("ko", "1건을 증거로 보존했습니다.")])
def test_no_service_is_named_where_none_is_known(evidence: Evidence, tmp_path: Path, language: str, words: str) -> None:
    case = open_case(evidence, DESK, "title", "하늘")
    (found := tmp_path / "found.bin").write_bytes(b"found")
    add_file(evidence, DESK, case.id, found, Intent(Found(), "file"), [], Limits())
    assert words in draft_statement(evidence, DESK, case.id, "public", language)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_victim_of_a_sexual_offence_is_never_named(evidence: Evidence, kind: str, language: str) -> None:
    text = draft_statement(evidence, DESK, case_of(evidence, Lane.SEXUAL).id, kind, language)
    for word in ("하늘", "secret", "YouTube", "youtu.be", "x.com", "poster", "2026"):
        assert word not in text


def test_one_sexual_exhibit_is_enough_to_name_nobody(evidence: Evidence) -> None:
    case = case_of(evidence, Lane.SEXUAL)
    evidence.change(lambda change: change.put(replace(case, lane=Lane.ORDINARY), "test"))
    assert "하늘" not in draft_statement(evidence, DESK, case.id, "public", "ko")


def test_refusals(evidence: Evidence) -> None:
    minor = open_case(evidence, DESK, "t", "하늘", None, Lane.MINOR)
    with pytest.raises(PolicyError, match="rule 3"):
        draft_statement(evidence, DESK, minor.id, "public", "en")
    case = case_of(evidence)
    with pytest.raises(PolicyError):
        draft_statement(evidence, AUDITOR, case.id, "public", "en")
    for kind, language in (("press", "en"), ("public", "ja")):
        with pytest.raises(InputError):
            draft_statement(evidence, DESK, case.id, kind, language)
