from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from accounts import APPROVER, DESK, LEGAL, evidence_of
from haechi.act.case import open_case
from haechi.core.approvals import decide
from haechi.core.errors import PolicyError
from haechi.core.evidence import Approval, Case, Exhibit, Lane
from haechi.core.settings import Limits
from haechi.core.store.evidence import Evidence
from haechi.preserve.custody import Intent, add_file
from haechi.preserve.facts import Found

FOUND = Found("https://www.youtube.com/watch?v=1", "2026-11-20T21:03+09:00", "someone")


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return evidence_of(tmp_path / "home")


@pytest.fixture
def new_case(evidence: Evidence) -> Callable[..., Case]:
    return lambda lane=Lane.ORDINARY: open_case(evidence, DESK, "Faked interview", "하늘", None, lane)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "받은 clip.mp4"
    path.write_bytes(b"some bytes of a clip" * 5000)
    return path


@pytest.fixture
def ordinary(evidence: Evidence, new_case: Callable[..., Case], clip: Path) -> Exhibit:
    intent = Intent(FOUND, "file", clip.name, "contract 2026-114", "suspicious")
    return add_file(evidence, DESK, new_case().id, clip, intent, ["local:"], Limits())


def with_second(evidence: Evidence, act: Callable[[], object]) -> None:
    """Try what takes two, and let the approver consent."""
    with pytest.raises(PolicyError, match="second person"):
        act()
    asked = next(one for one in evidence.all(Approval) if one.state == "asked")
    decide(evidence, APPROVER, asked.id, True, "agreed")


@pytest.fixture
def consent(evidence: Evidence) -> Callable[[Callable[[], object]], None]:
    return lambda act: with_second(evidence, act)


@pytest.fixture
def legal() -> object:
    return LEGAL
