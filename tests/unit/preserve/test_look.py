from __future__ import annotations

import json
from pathlib import Path

import pytest

from accounts import ADMIN, APPROVER, AUDITOR, DESK, REVIEWER
from haechi.core.errors import InputError, PolicyError
from haechi.core.evidence import Exhibit
from haechi.core.store.evidence import Evidence
from haechi.preserve.look import log_look, open_part


def test_clear_copy_is_logged_before_it_is_written(
    evidence: Evidence, ordinary: Exhibit, clip: Path, tmp_path: Path
) -> None:
    target = tmp_path / "copy.mp4"
    for who in (DESK, ADMIN, AUDITOR, APPROVER):
        with pytest.raises(PolicyError):
            open_part(evidence, who, ordinary.id, "original.mp4", target, "review")
    open_part(evidence, REVIEWER, ordinary.id, "original.mp4", target, "review")
    assert target.read_bytes() == clip.read_bytes()
    assert target.stat().st_mode & 0o777 == 0o600
    last = evidence.history(ordinary.id)[-1]
    assert (last.act, last.detail["view"], last.why) == ("exhibit.open", "clear", "review")
    with pytest.raises(InputError, match="exists"):
        open_part(evidence, REVIEWER, ordinary.id, "original.mp4", target, "review")
    with pytest.raises(InputError, match="no part"):
        open_part(evidence, REVIEWER, ordinary.id, "other", tmp_path / "new", "review")


def test_looks_are_logged_with_view_and_duration(evidence: Evidence, ordinary: Exhibit) -> None:
    log_look(evidence, DESK, ordinary.id, clear=False, seconds=12.34)
    last = evidence.history(ordinary.id)[-1]
    assert json.loads(json.dumps(last.detail)) == {"view": "blurred", "seconds": 12.3}
    with pytest.raises(PolicyError):
        log_look(evidence, DESK, ordinary.id, clear=True, seconds=1)
    log_look(evidence, REVIEWER, ordinary.id, clear=True, seconds=1)
