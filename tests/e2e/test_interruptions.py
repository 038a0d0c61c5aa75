"""Ctrl-C, kill -9 and crowds, with the real media work."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clips import Frames
from haechi.core.store import open_store

Haechi = Callable[..., Any]
Make = Callable[..., Path]
Start = Callable[..., "subprocess.Popen[str]"]


def wait_for_folder(home: Path, process: subprocess.Popen[str]) -> None:
    """Wait until the registration has begun to write its working copy."""
    while process.poll() is None and not any((home / "incoming").glob("*/*")):
        time.sleep(0.01)


def left_behind(home: Path) -> list[Path]:
    return [path for folder in ("blobs", "incoming") for path in (home / folder).rglob("*") if path.is_file()]


def verdict_on(path: Path, home: Path, haechi: Haechi) -> str:
    (report,) = haechi("--home", home, "check", "--json", path).objects
    return str(report["verdict"])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_registration_that_is_stopped_leaves_nothing(
    number: signal.Signals, tmp_path: Path, make_clip: Make, moving_frames: Frames, haechi: Haechi, start: Start
) -> None:
    # Long enough that the signal comes in time on a busy machine.
    home, master_clip = tmp_path / "home", make_clip(moving_frames * 6)
    process = start(home, "release", "add", master_clip)
    wait_for_folder(home, process)
    os.killpg(process.pid, number) if number is signal.SIGINT else process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    assert process.returncode != 0, out
    assert open_store(home).releases() == []
    assert left_behind(home) == []
    assert haechi("--home", home, "release", "add", master_clip).code == 0
    assert len(open_store(home).releases()) == 1
    assert len(left_behind(home)) == 1
    assert verdict_on(master_clip, home, haechi) == "authentic"


def test_two_register_the_same_master_at_once(tmp_path: Path, master_clip: Path, haechi: Haechi, start: Start) -> None:
    home = tmp_path / "home"
    running = [start(home, "release", "add", master_clip, "--json") for _ in range(2)]
    results = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0], results
    store = open_store(home)
    (release,) = store.releases()
    assert all(release.id in out for out, _ in results)
    assert store.problems() == []
    assert verdict_on(master_clip, home, haechi) == "authentic"
