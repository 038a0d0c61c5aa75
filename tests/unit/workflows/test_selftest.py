from __future__ import annotations

from pathlib import Path

import numpy as np
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
    assert tests["digests"] is tests["chromaprint"] is tests["store"] is tests["decoding"] is True


def test_wrong_result_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "hash_file", lambda _: "sha256:wrong")
    tests = {test.name: test.ok for test in run_selftest(Settings(models=tmp_path))}
    assert tests["digests"] is False
    assert tests["store"] is True


def test_other_words_than_those_of_fpcalc_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = selftest.vectors("chromaprint")[0]["output"].split()
    monkeypatch.setattr(selftest, "read_chromaprint", lambda *_: np.zeros(len(words), np.uint32))
    found = next(test for test in run_selftest(Settings(models=tmp_path)) if test.name == "chromaprint")
    assert found.ok is False
    assert "bits differ" in found.detail


def test_vectors_are_complete() -> None:
    for name in ("digests", "pdq", "hamming", "chromaprint"):
        assert all("output" in case for case in selftest.vectors(name))
