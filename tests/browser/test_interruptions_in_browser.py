"""Kill -9 in the middle of showing a page: before some of the writes here; `killing.py` goes through all of them."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

KILLING = Path(__file__).parents[1] / "killing.py"
STRIDE = 31


def test_browser_capture_leaves_nothing_clear_and_nothing_half_made(tmp_path: Path) -> None:
    memory = Path("/dev/shm")  # noqa: S108
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        command = [sys.executable, KILLING, "capture-browser", folder, str(STRIDE)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["wrong"] == []
    assert found["writes"] >= 150
