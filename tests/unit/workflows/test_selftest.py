from __future__ import annotations

from pathlib import Path

import pytest

from haechi.core.settings import Settings
from haechi.workflows import selftest
from haechi.workflows.selftest import run_selftest


def test_everything_is_as_it_must_be(models: Path) -> None:
    tests = list(run_selftest(Settings(models=models)))
    assert [(test.name, test.detail) for test in tests if not test.ok] == []
    assert "comparison" in {test.name for test in tests}


def test_what_cannot_be_tried_is_neither_right_nor_wrong(tmp_path: Path) -> None:
    tests = {test.name: test.ok for test in run_selftest(Settings(models=tmp_path))}
    assert tests["weights"] is tests["comparison"] is None
    assert tests["digests"] is tests["store"] is tests["decoding"] is True


def test_wrong_result_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "hash_file", lambda _: "sha256:wrong")
    tests = {test.name: test.ok for test in run_selftest(Settings(models=tmp_path))}
    assert tests["digests"] is False
    assert tests["store"] is True


def test_vectors_are_complete() -> None:
    for name in ("digests", "pdq", "hamming"):
        assert all("output" in case for case in selftest.vectors(name))
