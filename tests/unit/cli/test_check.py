from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from haechi.core.errors import UnreadableMediaError
from haechi.core.records import Report, Verdict

Haechi = Callable[..., Any]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "의심 video.mp4"
    path.write_bytes(b"video")
    return path


def test_one_line_says_verdict_what_and_where(
    haechi: Haechi, checks: Haechi, make_report: Callable[..., Report], video: Path
) -> None:
    checks(make_report)
    run = haechi("check", video)
    assert run.code == 0
    (line,) = run.lines
    assert line.startswith("Altered  ")
    assert str(video) in line
    assert "the mouth from 0:03 to 0:07, the voice from 0:02 to 0:09" in line
    assert "First Snow" in line
    assert run.err == ""


def test_line_of_a_copy_names_its_edits(
    haechi: Haechi, checks: Haechi, make_report: Callable[..., Report], video: Path
) -> None:
    checks(lambda path: make_report(path, verdict=Verdict.AUTHENTIC_COPY, changes=()))
    assert "mirrored" in haechi("check", video).out


def test_json_is_one_object_per_line_and_nothing_else(
    haechi: Haechi, checks: Haechi, make_report: Callable[..., Report], video: Path, tmp_path: Path
) -> None:
    checks(make_report)
    other = tmp_path / "other.mp4"
    other.write_bytes(b"other")
    run = haechi("check", "--json", video, tmp_path / "absent.mp4", other)
    assert run.code == 3
    reports = [json.loads(line) for line in run.lines]
    assert [report["probe"]["path"] for report in reports] == [str(video), str(other)]
    assert {report["schema"] for report in reports} == {"haechi.report/1"}
    assert "absent.mp4" in run.err
    assert len(run.err.splitlines()) == 1


def test_others_are_checked_when_one_fails(
    haechi: Haechi, checks: Haechi, make_report: Callable[..., Report], tmp_path: Path
) -> None:
    def check(path: Path) -> Report:
        if path.name == "bug.mp4":
            raise ZeroDivisionError("division by zero")
        if path.name == "bad.mp4":
            raise UnreadableMediaError("bad.mp4: the file is damaged")
        return make_report(path)

    checks(check)
    for name in ("a.mp4", "bad.mp4", "bug.mp4", "z.mp4"):
        (tmp_path / name).write_bytes(name.encode())
    run = haechi("check", *sorted(tmp_path.glob("*.mp4")))
    assert run.code == 3
    assert len(run.lines) == 3
    assert "Files: 4" in run.lines[-1]
    assert "could not be checked: 2" in run.lines[-1]
    bad, bug = run.err.splitlines()
    assert bad == f"haechi: {tmp_path / 'bad.mp4'}: the file is damaged"
    assert "this is a bug, please report" in bug
    assert "Traceback" not in run.err
    (details,) = tmp_path.glob("haechi-bug-*.txt")
    assert "ZeroDivisionError" in details.read_text()


def test_second_run_uses_the_saved_report(
    haechi: Haechi, checks: Haechi, make_report: Callable[..., Report], video: Path
) -> None:
    checks(make_report)
    first = haechi("check", video)
    checks(lambda _: pytest.fail("checked again"))
    second = haechi("check", video)
    assert second.lines[0] == f"{first.lines[0]} · checked before"
    checks(lambda path: make_report(path, verdict=Verdict.AUTHENTIC))
    assert haechi("check", "--again", video).out.startswith("Authentic")


def test_report_folder_is_made_and_filled(
    haechi: Haechi, checks: Haechi, make_report: Callable[..., Report], video: Path, tmp_path: Path
) -> None:
    checks(make_report)
    run = haechi("check", video, "--report", tmp_path / "새 폴더" / "reports")
    (page,) = (tmp_path / "새 폴더" / "reports").iterdir()
    assert str(page) in run.out
    assert page.suffix == ".html"


def test_folder_says_what_was_passed_over(
    haechi: Haechi, checks: Haechi, make_report: Callable[..., Report], tmp_path: Path
) -> None:
    checks(make_report)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "notes.txt").write_bytes(b"notes")
    (folder / "a.mp4").write_bytes(b"a")
    run = haechi("check", folder)
    assert run.code == 0
    assert "passed over, hidden or not media: 1" in run.err


def test_control_characters_of_a_name_do_not_reach_the_terminal(
    haechi: Haechi, checks: Haechi, make_report: Callable[..., Report], tmp_path: Path
) -> None:
    checks(make_report)
    path = tmp_path / "a\x1b[31mb\nc.mp4"
    path.write_bytes(b"x")
    run = haechi("check", path, tmp_path / "absent\x1b.mp4")
    assert "\x1b" not in run.out + run.err
    assert len(run.err.splitlines()) == 1


def test_name_that_is_no_text_is_reported(
    haechi: Haechi, checks: Haechi, make_report: Callable[..., Report], tmp_path: Path
) -> None:
    checks(make_report)
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.mp4"))
    path.write_bytes(b"x")
    assert haechi("check", path).code == 0
    run = haechi("check", "--json", path)
    assert run.code == 0
    assert json.loads(run.out)["verdict"] == "altered"


def test_compare_speaks_like_check(
    haechi: Haechi, checks: Haechi, make_report: Callable[..., Report], video: Path, tmp_path: Path
) -> None:
    master = tmp_path / "master.mov"
    master.write_bytes(b"master")
    checks(lambda path: make_report(path, release=None))
    assert haechi("compare", video, master).out.startswith("Altered")
    assert json.loads(haechi("compare", video, master, "--json").out)["release"] is None
    run = haechi("compare", video, master, "--report", tmp_path / "reports")
    assert str(next((tmp_path / "reports").iterdir())) in run.out
