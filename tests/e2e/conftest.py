from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clips import Frames, repaint_mouth
from tiny_masters import TinyMasters, register_tiny_masters

HAECHI = Path(sys.executable).with_name("haechi")


@dataclass(frozen=True)
class Run:
    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


def variables_for(home: Path) -> dict[str, str]:
    return os.environ | {"HAECHI_LANG": "en", "HAECHI_HOME": str(home)}


def run_in(home: Path, arguments: Sequence[object], **variables: str) -> Run:
    """Run the installed command as a user does, in a process of its own."""
    done = subprocess.run(
        [HAECHI, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=variables_for(home) | variables,
        stdin=subprocess.DEVNULL,
        timeout=240,
    )
    assert "Traceback" not in done.stderr + done.stdout
    assert "this is a bug" not in done.stderr, done.stderr
    return Run(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("e2e") / "우리 home"


@pytest.fixture(scope="module")
def haechi(home: Path) -> Callable[..., Run]:
    return lambda *arguments, **variables: run_in(home, arguments, **variables)


@pytest.fixture(scope="session")
def haechi_path() -> Path:
    """The installed command, for tests that start it in their own way."""
    return HAECHI


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return variables_for(tmp_path / "home")


@pytest.fixture(scope="session")
def tiny_masters(tmp_path_factory: pytest.TempPathFactory, astronaut: Any) -> TinyMasters:
    return register_tiny_masters(tmp_path_factory.mktemp("tiny") / "작은 masters", astronaut)


@pytest.fixture
def start() -> Callable[..., subprocess.Popen[str]]:
    """Start the installed command in a process group of its own and do not wait for it."""

    def begin(home: Path, *arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [HAECHI, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=variables_for(home),
            start_new_session=True,
            # Where the tests themselves run in the background, Ctrl-C is switched off, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    return begin


@pytest.fixture(scope="session")
def altered_frames(moving_frames: Frames, astronaut: Any) -> Frames:
    """The mouth painted over from 1.0 s to 2.0 s."""
    return repaint_mouth(moving_frames, 25, 49, astronaut)


@pytest.fixture(scope="session")
def probes(
    tmp_path_factory: pytest.TempPathFactory,
    make_clip: Callable[..., Path],
    moving_frames: Frames,
    altered_frames: Frames,
    master_clip: Path,
) -> Path:
    """A folder as a fan would send it: a copy, a fake, the master itself, a stranger, and a broken file."""
    folder = tmp_path_factory.mktemp("e2e-probes") / "팬 제보 files"
    folder.mkdir()
    noise = np.random.default_rng(3)
    strange = [noise.integers(0, 255, (120, 160, 3)).astype(np.uint8) for _ in range(30)]
    for name, path in (
        ("copy.mp4", make_clip(moving_frames, crf=28)),
        ("fake.mp4", make_clip(altered_frames, crf=28)),
        ("master.mp4", master_clip),
        ("stranger.mp4", make_clip(strange, crf=30)),
    ):
        (folder / name).write_bytes(path.read_bytes())
    (folder / "broken.mp4").write_bytes(b"this is text, not a video\n" * 40)
    (folder / "notes.txt").write_bytes(b"found on a forum")
    return folder
