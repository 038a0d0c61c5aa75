"""The main job as a user does it: register a master, check what fans sent, compare, keep a fake, look after it all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import haechi as api
from haechi.check.report import report_schema

Haechi = Callable[..., Any]


@pytest.fixture(scope="module")
def registered(haechi: Haechi, master_clip: Path) -> dict[str, Any]:
    run = haechi("release", "add", master_clip, "--title", "First Snow", "--published", "2026-05-01", "--json")
    assert (run.code, run.err) == (0, "")
    (release,) = run.objects
    return dict(release)


@pytest.fixture(scope="module")
def checked(haechi: Haechi, registered: dict[str, Any], probes: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return haechi("check", probes, "--json", "--report", tmp_path_factory.getbasetemp() / "보고서")


def by_name(run: Any) -> dict[str, dict[str, Any]]:
    return {Path(report["probe"]["path"]).name: report for report in run.objects}


def test_master_is_registered_once(haechi: Haechi, registered: dict[str, Any], master_clip: Path) -> None:
    assert registered["schema"] == "haechi.release/1"
    assert registered["added"]
    again = haechi("release", "add", master_clip)
    assert again.code == 0
    assert "was registered already" in again.out
    assert [one["id"] for one in haechi("release", "list", "--json").objects] == [registered["id"]]


def test_reports_fulfil_the_contract(checked: Any) -> None:
    for report in checked.objects:
        jsonschema.validate(report, report_schema())


def test_each_file_gets_its_verdict(checked: Any, registered: dict[str, Any]) -> None:
    reports = by_name(checked)
    assert {name: report["verdict"] for name, report in reports.items()} == {
        "copy.mp4": "authentic_copy",
        "fake.mp4": "altered",
        "master.mp4": "authentic",
        "stranger.mp4": "not_ours",
    }
    assert reports["fake.mp4"]["release"]["id"] == registered["id"]
    assert reports["fake.mp4"]["release"]["title"] == "First Snow"
    assert reports["stranger.mp4"]["release"] is None


def test_fake_says_what_and_where(checked: Any) -> None:
    changes = by_name(checked)["fake.mp4"]["changes"]
    strongest = max(changes, key=lambda change: change["strength"])
    assert strongest["kind"] in {"mouth", "face"}
    assert strongest["start_s"] == pytest.approx(1.0, abs=0.15)
    assert strongest["end_s"] == pytest.approx(2.0, abs=0.15)
    assert strongest["box"] is not None


def test_broken_file_is_one_line_and_exit_code_3(checked: Any, probes: Path) -> None:
    assert checked.code == 3
    lines = [line for line in checked.err.splitlines() if "broken.mp4" in line]
    assert len(lines) == 1
    assert lines[0].startswith(f"haechi: {probes / 'broken.mp4'}: ")


def test_pages_are_written(checked: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    pages = list((tmp_path_factory.getbasetemp() / "보고서").glob("*.html"))
    assert len(pages) == 4
    assert all("<html" in page.read_text(encoding="utf-8") for page in pages)


def test_second_run_goes_on_where_the_first_stopped(haechi: Haechi, checked: Any, probes: Path) -> None:
    run = haechi("check", probes)
    assert run.code == 3
    assert "checked before: 4" in run.out
    assert "could not be checked: 1" in run.out


def test_compare_needs_no_registration(haechi: Haechi, probes: Path, master_clip: Path, tmp_path: Path) -> None:
    run = haechi("--home", tmp_path / "unused", "compare", probes / "fake.mp4", master_clip, "--json")
    assert run.code == 0
    (report,) = run.objects
    jsonschema.validate(report, report_schema())
    assert report["verdict"] == "altered"
    assert report["release"]["id"] is None
    assert not (tmp_path / "unused").exists()


def test_python_says_the_same(
    home: Path, checked: Any, probes: Path, master_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = api.check(probes / "fake.mp4", home=home)
    assert report.verdict == by_name(checked)["fake.mp4"]["verdict"] == "altered"
    assert api.compare(str(probes / "copy.mp4"), str(master_clip)).verdict == "authentic_copy"
    with pytest.raises(api.HaechiError):
        api.check(probes / "broken.mp4", home=home)


def test_confirmed_fake_is_known_again_until_it_is_removed(
    haechi: Haechi, registered: dict[str, Any], probes: Path
) -> None:
    (item,) = haechi("bank", "add", probes / "fake.mp4", "--because", "confirmed by J. Kim", "--json").objects
    (report,) = haechi("check", probes / "fake.mp4", "--json").objects
    assert report["verdict"] == "known_fake"
    assert haechi("bank", "remove", item["id"]).code == 0
    (report,) = haechi("check", probes / "fake.mp4", "--json").objects
    assert report["verdict"] == "altered"


def test_master_cannot_become_a_fake(haechi: Haechi, registered: dict[str, Any], master_clip: Path) -> None:
    run = haechi("bank", "add", master_clip, "--because", "confirmed by J. Kim")
    assert (run.code, run.out) == (3, "")
    assert registered["id"] in run.err


def test_removed_release_is_not_found_any_more(haechi: Haechi, tmp_path: Path, master_clip: Path, probes: Path) -> None:
    home = tmp_path / "home"
    (release,) = haechi("--home", home, "release", "add", master_clip, "--json").objects
    assert haechi("--home", home, "release", "remove", release["id"]).code == 0
    (report,) = haechi("--home", home, "check", probes / "copy.mp4", "--json").objects
    assert report["verdict"] == "not_ours"
    assert not [path for path in (home / "blobs").rglob("*") if path.is_file()]


def test_doctor_and_selftest_are_content(haechi: Haechi, registered: dict[str, Any]) -> None:
    doctor = haechi("doctor", "--json")
    assert doctor.code == 0, doctor.out
    assert all(part["ok"] for part in doctor.objects)
    selftest = haechi("selftest")
    assert selftest.code == 0, selftest.out
