from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from haechi.core.media.probe import hash_file
from haechi.core.records import Kind, Probe, Report, Verdict
from haechi.core.store import Store, open_store


def _report(path: Path) -> Report:
    return Report(
        probe=Probe(str(path), hash_file(path), Kind.VIDEO, 2.0, 64, 48),
        verdict=Verdict.NOT_OURS,
        decided_by="none",
        llr_log10=None,
        artists=(),
        release=None,
        changes=(),
        edits=(),
        findings=(),
        abstentions=(),
        would_change=(),
        software={"haechi": "test"},
    )


@pytest.fixture
def make_report() -> Callable[[Path], Report]:
    return _report


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "home")
