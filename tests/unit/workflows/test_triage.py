from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from haechi.core.errors import StoreError, UnreadableMediaError
from haechi.core.records import Report
from haechi.core.store import Store
from haechi.workflows.files import Failed
from haechi.workflows.triage import Checked, Pages, triage


class Checker:
    """Counts what it is asked to check; fails on every file that holds the word "bad"."""

    def __init__(self, make_report: Callable[[Path], Report]) -> None:
        self.checked: list[str] = []
        self._make_report = make_report

    def __call__(self, path: Path) -> Report:
        self.checked.append(path.name)
        if b"bad" in path.read_bytes():
            raise UnreadableMediaError(f"{path.name}: damaged")
        return self._make_report(path)


@pytest.fixture
def checker(make_report: Callable[[Path], Report]) -> Checker:
    return Checker(make_report)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / name for name in ("a.mp4", "나 쁜.mp4", "c.mp4")]
    for path, data in zip(paths, (b"one", b"bad", b"three"), strict=True):
        path.write_bytes(data)
    return paths


def outcomes(
    files: list[Path],
    store: Store,
    checker: Checker,
    software_id: str = "sw",
    pages: Pages | None = None,
    **options: bool,
) -> list[Checked | Failed]:
    return list(triage(files, store, checker, software_id=software_id, pages=pages, **options))


def test_one_failing_file_does_not_stop_the_others(files: list[Path], store: Store, checker: Checker) -> None:
    first, second, third = outcomes(files, store, checker)
    assert isinstance(first, Checked)
    assert isinstance(third, Checked)
    assert second == Failed(files[1], "나 쁜.mp4: damaged")
    assert first.report["probe"]["path"] == str(files[0])


def test_what_the_listing_could_not_read_is_passed_on(store: Store, checker: Checker) -> None:
    failed = Failed(Path("x"), "a pipe")
    assert list(triage([failed], store, checker, software_id="sw")) == [failed]


def test_second_run_checks_only_what_failed(files: list[Path], store: Store, checker: Checker) -> None:
    before = outcomes(files, store, checker)
    checker.checked.clear()
    after = outcomes(files, store, checker)
    assert checker.checked == ["나 쁜.mp4"]
    assert [o.reused for o in after if isinstance(o, Checked)] == [True, True]
    assert [o.report for o in after if isinstance(o, Checked)] == [o.report for o in before if isinstance(o, Checked)]


def test_interrupted_run_goes_on(files: list[Path], store: Store, checker: Checker) -> None:
    run = triage(files, store, checker, software_id="sw")
    next(run)
    run.close()
    checker.checked.clear()
    outcomes(files, store, checker)
    assert checker.checked == ["나 쁜.mp4", "c.mp4"]


def test_other_software_other_registry_or_again_checks_anew(files: list[Path], store: Store, checker: Checker) -> None:
    files = files[:1]
    outcomes(files, store, checker)
    for change in ("software", "registry", "again", "bytes"):
        checker.checked.clear()
        if change == "registry":
            store.add_artist("a", "c", [])
        if change == "bytes":
            files[0].write_bytes(b"other")
        outcomes(files, store, checker, "newer" if change == "software" else "sw", again=change == "again")
        assert checker.checked == ["a.mp4"], change


def test_same_bytes_elsewhere_are_reported_under_their_own_path(
    files: list[Path], store: Store, checker: Checker, tmp_path: Path
) -> None:
    outcomes(files[:1], store, checker)
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(files[0].read_bytes())
    (outcome,) = outcomes([copy], store, checker)
    assert isinstance(outcome, Checked)
    assert outcome.reused
    assert outcome.report["probe"]["path"] == str(copy)


def test_page_is_written_and_used_again_only_while_it_is_there(
    files: list[Path], store: Store, checker: Checker, tmp_path: Path
) -> None:
    pages = Pages(tmp_path / "reports", "en")
    outcomes(files[:1], store, checker)
    (first,) = outcomes(files[:1], store, checker, pages=pages)
    assert isinstance(first, Checked)
    assert first.page is not None
    assert not first.reused
    (second,) = outcomes(files[:1], store, checker, pages=pages)
    assert isinstance(second, Checked)
    assert (second.reused, second.page) == (True, first.page)
    first.page.write_text("touched by somebody")
    (third,) = outcomes(files[:1], store, checker, pages=pages)
    assert isinstance(third, Checked)
    assert not third.reused


def test_file_that_changes_while_it_is_checked_has_no_verdict(
    files: list[Path], store: Store, make_report: Callable[[Path], Report]
) -> None:
    def growing(path: Path) -> Report:
        report = make_report(path)
        path.write_bytes(path.read_bytes() + b"more")
        return report

    def growing_and_failing(path: Path) -> Report:
        growing(path)
        raise UnreadableMediaError("truncated")

    for check in (growing, growing_and_failing):
        (outcome,) = triage(files[:1], store, check, software_id="sw")
        assert isinstance(outcome, Failed)
        assert "changed" in outcome.reason


@pytest.mark.parametrize("path", [Path("/dev/zero"), Path("/nowhere/at all.mp4"), Path("/tmp")])  # noqa: S108
def test_what_is_no_file_fails_in_one_line(path: Path, store: Store, checker: Checker) -> None:
    (outcome,) = outcomes([path], store, checker)
    assert isinstance(outcome, Failed)
    assert "\n" not in outcome.reason
    assert checker.checked == []


def test_store_that_cannot_save_still_answers(
    files: list[Path], store: Store, checker: Checker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(store, "save_report", full)
    (outcome,) = outcomes(files[:1], store, checker)
    assert isinstance(outcome, Checked)
    assert outcome.unsaved == "the disk is full"
