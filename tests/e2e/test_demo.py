"""The demo shows what it promises: a plain copy and an altered copy are told apart, with reports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[2] / "demo" / "demo.py"


@pytest.mark.timeout(900)
def test_demo_tells_the_two_copies_apart(tmp_path: Path) -> None:
    out = tmp_path / "demo output"
    done = subprocess.run(
        [sys.executable, DEMO, "--out", out], capture_output=True, text=True, timeout=850, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "plain copy: authentic_copy" in done.stdout
    assert "altered copy: altered" in done.stdout
    assert "mouth, " in done.stdout
    assert len(list((out / "reports").rglob("*.html"))) == 2
    assert "Traceback" not in done.stderr
