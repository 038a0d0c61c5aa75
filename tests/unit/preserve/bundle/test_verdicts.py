from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from haechi.core.evidence import Case, Exhibit, Lane
from haechi.core.records import Verdict
from haechi.core.store import open_store
from haechi.core.store.evidence import Evidence
from haechi.preserve.bundle.verdicts import LIMIT, verdict_rows, verdicts_of

REPORT: dict[str, Any] = {
    "verdict": "altered",
    "decided_by": "comparison",
    "changes": [{"kind": "mouth", "start_s": 3.0, "end_s": 7.0}, {"kind": "face", "start_s": None, "end_s": None}],
    "software": {"haechi": "0.1.0"},
    "probe": {"path": "/home/someone/secret.mp4"},
}


@pytest.fixture
def checked(evidence: Evidence, ordinary: Exhibit) -> Exhibit:
    store = open_store(evidence.home)
    text = json.dumps({"report": REPORT, "page": None})
    store.save_report(ordinary.parts[0].sha256, "sha256:any", text, store.generation())
    return ordinary


def test_verdict_stands_in_the_report_with_its_limit(evidence: Evidence, checked: Exhibit) -> None:
    found = verdicts_of(evidence, evidence.get(Case, checked.parent), [checked])
    for language, words in (("en", ["mouth, 3.0-7.0 s", "- face"]), ("ko", ["입, 3.0-7.0 s", "- 얼굴"])):
        ((label, text, _),) = verdict_rows(checked, found, language)
        assert "original.mp4" in label
        assert all(word in text for word in [*words, *LIMIT[language]["altered"], "comparison", "0.1.0", "sha256:"])
        assert "secret" not in text


def test_lapsed_reports_and_stricter_lanes_tell_nothing(
    evidence: Evidence, checked: Exhibit, new_case: Callable[..., Case], tmp_path: Path
) -> None:
    assert verdicts_of(evidence, new_case(Lane.SEXUAL), [checked]) == {}
    store = open_store(evidence.home)
    text = json.dumps({"report": REPORT, "page": None})
    store.save_report(checked.parts[0].sha256, "sha256:any", text, store.generation() + 1)
    assert verdicts_of(evidence, evidence.get(Case, checked.parent), [checked]) == {}
    assert verdict_rows(checked, {}, "en") == []


def test_every_verdict_has_its_words() -> None:
    assert all(set(LIMIT[language]) == set(Verdict) for language in ("en", "ko"))
