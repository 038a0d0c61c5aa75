from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Haechi = Callable[..., Any]


@pytest.fixture
def bundle(haechi: Haechi, tmp_path: Path) -> Path:
    case = json.loads(haechi("case", "new", "t", "--artist", "하늘", "--json").out)["id"]
    (tmp_path / "clip.mp4").write_bytes(b"x" * 1000)
    assert haechi("exhibit", "add", tmp_path / "clip.mp4", "--case", case, "--url", "https://youtu.be/1").code == 0
    run = haechi("case", "bundle", case, "-o", tmp_path / "case.zip", "--json")
    assert run.code == 0, run.err
    assert json.loads(run.out)["exhibits"] == 1
    assert haechi("case", "bundle", case, "-o", tmp_path / "case.zip").code == 2
    assert "sha256:" in haechi("case", "bundle", case, "-o", tmp_path / "again.zip").out
    return tmp_path / "case.zip"


def test_bundle_is_verified_without_a_home(haechi: Haechi, bundle: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "no home"
    run = haechi("--home", elsewhere, "verify-bundle", bundle, "--json")
    found = json.loads(run.out)
    assert (run.code, found["ok"], found["kind"]) == (0, True, "bundle")
    assert not elsewhere.exists()
    run = haechi("verify-bundle", bundle)
    assert "intact" in run.out
    assert "not independent" in run.err
    data = bundle.read_bytes()
    bundle.write_bytes(data.replace(b"x" * 1000, b"x" * 999 + b"y"))
    run = haechi("verify-bundle", bundle)
    assert run.code == 1
    assert "parts/original.mp4" in run.out
    assert haechi("verify-bundle", tmp_path / "absent").code == 3
    assert haechi("verify-bundle", tmp_path / "clip.mp4").code == 2


def test_lines_of_the_bundle_are_sorted_by_name(bundle: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        names = [line.split("  ")[1] for line in archive.read("sha256sums").decode().splitlines()]
    assert names == sorted(names)
