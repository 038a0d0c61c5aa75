from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from haechi.preserve.private import private_folder, remove_left

HOLDS = """
import sys, time
from pathlib import Path
from haechi.preserve.private import private_folder
with private_folder(Path(sys.argv[1])) as folder:
    (folder / "clear").write_bytes(b"x")
    print("held", flush=True)
    time.sleep(60)
"""


def killed_inside(where: Path) -> None:
    """Hold a private folder in another process, and kill that."""
    with subprocess.Popen([sys.executable, "-c", HOLDS, where], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        other.kill()


def test_folder_is_for_its_owner_and_goes_with_it(tmp_path: Path) -> None:
    with private_folder(tmp_path) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "clear").write_bytes(b"x")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_capture_left_goes_and_a_living_one_stays(tmp_path: Path) -> None:
    killed_inside(tmp_path)
    assert [path.name for path in tmp_path.rglob("clear")] == ["clear"]
    with private_folder(tmp_path) as living:
        assert remove_left(tmp_path) == 0
        assert list(tmp_path.iterdir()) == [living]
    killed_inside(tmp_path)
    assert remove_left(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


def test_links_and_strangers_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "aim").mkdir()
    (tmp_path / "haechi-clear-link").symlink_to(tmp_path / "aim")
    (tmp_path / "haechi-clear-theirs").mkdir()
    (tmp_path / "other").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 4321)
    assert remove_left(tmp_path) == 0
    assert len(list(tmp_path.iterdir())) == 4
