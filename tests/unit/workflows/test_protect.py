from __future__ import annotations

from pathlib import Path

import pytest

from haechi.core.errors import InputError
from haechi.register.protect import STAGING
from haechi.workflows.files import Failed
from haechi.workflows.protect import Task, plan, staging


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("in/a.jpg", "in/하위/b.jpg", "in/note.txt", "other/a.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\xff\xd8\xff" if path.suffix == ".jpg" else b"text")
    return tmp_path


def test_names_and_folders_are_kept(folder: Path) -> None:
    found = plan([folder / "in", folder / "other" / "a.jpg"], folder / "out")
    assert found.passed_over == 1
    assert found.tasks[:2] == (
        Task(folder / "in/a.jpg", folder / "out/a.jpg"),
        Task(folder / "in/하위/b.jpg", folder / "out/하위/b.jpg"),
    )
    clash = found.tasks[2]
    assert isinstance(clash, Failed)
    assert "same name" in clash.reason


def test_a_file_that_is_named_twice_is_done_once(folder: Path) -> None:
    photo = folder / "in" / "a.jpg"
    assert plan([photo, folder / "in", photo], folder / "out").tasks == plan([folder / "in"], folder / "out").tasks


@pytest.mark.parametrize("out", ["in", "in/out", "in/하위/../x"])
def test_an_output_folder_among_the_sources_is_refused(folder: Path, out: str) -> None:
    with pytest.raises(InputError, match="folder of its own"):
        plan([folder / "in"], folder / out)
    with pytest.raises(InputError, match="folder of its own"):
        plan([folder / "in" / "a.jpg"], folder / "in")


def test_one_run_at_a_time_writes_to_a_folder(folder: Path) -> None:
    tasks = plan([folder / "in"], folder / "out").tasks
    with staging(folder / "out", tasks) as place:
        assert place == folder / "out" / STAGING
        with pytest.raises(InputError, match="another run"), staging(folder / "out", tasks):
            pass
    assert not (folder / "out" / STAGING).exists()
    with staging(folder / "none", ()):
        pass
    assert not (folder / "none").exists()
    with staging(folder / "out", tasks) as place:
        (place / "unfinished").mkdir()
    assert (folder / "out" / STAGING / "unfinished").is_dir()
