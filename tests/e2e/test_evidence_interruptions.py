"""Kill -9 before every single write of capturing, taking in, sealing, appending, destroying and bundling."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

KILLING = Path(__file__).parents[1] / "killing.py"
LEAST_WRITES = {
    "append": 10,
    "add": 30,
    "seal": 30,
    "remove": 15,
    "bundle": 15,
    "capture": 55,
    "capture-sealed": 60,
    "recapture": 65,
    "rename": 25,
    "look": 9,
    "look-at-tile": 9,
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where that can be: what is tested is the order of the writes, not the disk."""
    memory = Path("/dev/shm")  # noqa: S108
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as name:
        yield Path(name)


@pytest.mark.parametrize("scenario", LEAST_WRITES)
def test_nothing_acknowledged_is_lost_and_nothing_half_made_is_seen(scenario: str, folder: Path) -> None:
    command = [sys.executable, KILLING, scenario, folder]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["wrong"] == []
    assert found["writes"] >= LEAST_WRITES[scenario]
