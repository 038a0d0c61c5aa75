"""Ctrl-C, kill -9 and crowds, with the real media work."""

from __future__ import annotations

import json
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


def processes_of(process: subprocess.Popen[str]) -> list[int]:
    """It and everything that it started, at any depth."""
    found = [process.pid]
    for number in found:
        found += (
            int(child) for path in Path(f"/proc/{number}/task").glob("*/children") for child in path.read_text().split()
        )
    return found


def stop_with_ctrl_c(process: subprocess.Popen[str]) -> str:
    """Press Ctrl-C twice, as people do, and give what it says; nothing that it started outlives it."""
    running = processes_of(process)
    for _ in range(2):
        os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    limit = time.monotonic() + 10
    while any(Path(f"/proc/{number}").exists() for number in running) and time.monotonic() < limit:
        time.sleep(0.05)
    assert [number for number in running if Path(f"/proc/{number}").exists()] == []
    return err


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


GOES_ON = "haechi: stopped; files done: {} of {}; the same command goes on from there\n"


@pytest.fixture(scope="module")
def masters(tmp_path_factory: pytest.TempPathFactory, make_clip: Make, moving_frames: Frames) -> Path:
    """A folder of films that take seconds each; the first is over soon."""
    folder = tmp_path_factory.mktemp("masters")
    for number, frames in enumerate((moving_frames, moving_frames * 2, moving_frames[::-1] * 2)):
        make_clip(frames, crf=20).rename(folder / f"{number}.mp4")
    return folder


@pytest.mark.parametrize("command", [["check"], ["release", "add"]], ids=" ".join)
def test_ctrl_c_in_a_folder_says_how_far_it_came_and_the_next_run_goes_on(
    command: list[str], tmp_path: Path, masters: Path, haechi: Haechi, start: Start
) -> None:
    home = tmp_path / "home"
    process = start(home, *command, masters, "--json")
    assert process.stdout is not None
    process.stdout.readline()
    assert stop_with_ctrl_c(process) == GOES_ON.format(1, 3)
    lines = haechi("--home", home, *command, masters).out.splitlines()
    assert [line.endswith(("checked before", "was registered already")) for line in lines[:3]] == [True, False, False]


def test_ctrl_c_while_films_are_marked_ends_at_once_and_leaves_nothing(
    tmp_path: Path, masters: Path, haechi: Haechi, start: Start
) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    assert haechi("--home", home, "keys", "new", "--name", "k").code == 0
    process = start(home, "protect", masters, "-o", out)
    while process.poll() is None and not list(out.glob("*/*/*/2.mp4")):
        time.sleep(0.01)
    done = len(list(out.glob("*.mp4")))
    assert stop_with_ctrl_c(process) == GOES_ON.format(done, 3)
    assert len(list(out.rglob("*"))) == done
    assert len(open_store(home).releases()) == done


def test_ctrl_c_on_one_file_says_so(tmp_path: Path, masters: Path, start: Start) -> None:
    home = tmp_path / "home"
    process = start(home, "release", "add", masters / "2.mp4")
    wait_for_folder(home, process)
    assert stop_with_ctrl_c(process) == "haechi: stopped\n"


def test_two_register_the_same_master_at_once(tmp_path: Path, master_clip: Path, haechi: Haechi, start: Start) -> None:
    home = tmp_path / "home"
    running = [start(home, "release", "add", master_clip, "--json") for _ in range(2)]
    results = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0], results
    store = open_store(home)
    (release,) = store.releases()
    told = [json.loads(out) for out, _ in results]
    assert [one["id"] for one in told] == [release.id] * 2
    assert sorted(one["added"] for one in told) == [False, True]
    assert (store.problems(), len(left_behind(home))) == ([], 1)
    assert verdict_on(master_clip, home, haechi) == "authentic"
