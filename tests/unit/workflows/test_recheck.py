from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from accounts import AUDITOR, DESK, evidence_of
from haechi.act.case import open_case
from haechi.act.notice.draft import draft_notice
from haechi.core.errors import PolicyError
from haechi.core.evidence import Exhibit, Lane, Notice, NoticeState
from haechi.core.fetch import Client
from haechi.core.store.evidence import Evidence
from haechi.preserve.custody import Intent, add_address
from haechi.preserve.facts import Found
from haechi.workflows.recheck import recheck
from web_server import serving

NOW = datetime.now(UTC)


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return evidence_of(tmp_path / "home")


@pytest.fixture
def site() -> Iterator[Any]:
    with serving() as served:
        yield served


def sent(evidence: Evidence, urls: list[str], lane: Lane = Lane.ORDINARY) -> Notice:
    case = open_case(evidence, DESK, "t", "하늘", None, lane)
    for url in urls:
        add_address(evidence, DESK, case.id, Intent(Found(url), "report"), [])
    drafted = draft_notice(evidence, DESK, case.id, "us-tida", "X", {})
    due = (NOW - timedelta(hours=1)).isoformat()
    notice = replace(drafted, state=NoticeState.SENT, deadline=due)
    return evidence.change(lambda change: change.put(notice, "test"))


def test_each_address_is_asked_once_after_the_deadline(evidence: Evidence, site: Any) -> None:
    url, handler, guard = site
    notice = sent(evidence, [f"{url}/page", f"{url}/gone", "http://10.0.0.1/inner"])
    assert list(recheck(evidence, DESK, [], Client(guard), NOW - timedelta(hours=2))) == []
    assert handler.seen == []
    found = {one.url: one for one in recheck(evidence, DESK, [], Client(guard), NOW)}
    assert (found[f"{url}/page"].state, found[f"{url}/gone"].state) == ("there", "gone")
    kept = evidence.get(Exhibit, found[f"{url}/gone"].exhibit)
    assert (kept.facts["status"], kept.facts["settings"]["recheck_of"]) == (404, notice.id)
    assert not found["http://10.0.0.1/inner"].exhibit
    assert "not a public address" in found["http://10.0.0.1/inner"].state
    again = [one.url for one in recheck(evidence, DESK, [], Client(guard), NOW)]
    assert again == ["http://10.0.0.1/inner"]
    assert evidence.get(Notice, notice.id).state is NoticeState.SENT


@pytest.mark.parametrize("lane", [Lane.SEXUAL, Lane.MINOR])
def test_stricter_lanes_are_never_asked(evidence: Evidence, site: Any, lane: Lane) -> None:
    url, handler, guard = site
    sent(evidence, [f"{url}/page"], lane)
    (one,) = recheck(evidence, DESK, [], Client(guard), NOW)
    assert (one.exhibit, handler.seen) == ("", [])
    assert lane.value in one.state


def test_role_is_asked(evidence: Evidence) -> None:
    with pytest.raises(PolicyError):
        list(recheck(evidence, AUDITOR, [], Client(), NOW))
