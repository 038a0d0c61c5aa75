"""Who changed artists, releases or the bank, and why, as the command line hands it on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from haechi.core.login import login_account

Haechi = Callable[..., Any]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "master.png"
    noise = np.random.default_rng(7).integers(0, 255, (12, 16, 3), np.uint8)
    cv2.imwrite(str(path), cv2.resize(noise, (320, 240), interpolation=cv2.INTER_CUBIC))
    return path


def acts(haechi: Haechi, subject: str, *who: str) -> list[tuple[str, str, str]]:
    lines = haechi(*who, "ledger", "show", subject, "--json").out.splitlines()
    return [(one["act"], one["actor"], one["why"]) for one in map(json.loads, lines)]


def test_release_and_bank_are_logged_with_the_reason(haechi: Haechi, picture: Path) -> None:
    release = json.loads(haechi("release", "add", picture, "--json").out)["id"]
    assert haechi("release", "remove", release, "--because", "registered by mistake").code == 0
    me = login_account()
    assert acts(haechi, release) == [("release.add", me, ""), ("release.remove", me, "registered by mistake")]
    item = json.loads(haechi("bank", "add", picture, "--because", "case 31", "--json").out)["id"]
    assert haechi("bank", "remove", item).code == 0
    assert acts(haechi, item) == [("bank.add", me, "case 31"), ("bank.remove", me, "")]
    assert haechi("ledger", "verify").code == 0


def test_a_photo_that_is_not_taken_is_told_as_a_master_is(
    haechi: Haechi, astronaut: Any, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAECHI_MODELS", str(models))
    photo, empty, gone = tmp_path / "a.png", tmp_path / "empty.png", tmp_path / "gone.jpg"
    cv2.imwrite(str(photo), astronaut[:300])
    empty.write_bytes(b"")
    enrol = ("artist", "add", "하늘", "--consent", "contract 1", "--json")
    none = haechi(*enrol, gone, empty)
    assert (none.code, none.out) == (3, "")
    told = none.err.splitlines()
    assert [line.count(str(path)) for line, path in zip(told, (gone, empty), strict=False)] == [1, 1]
    assert told[2:] == ["haechi: no photo of 하늘 could be used"]
    assert haechi("artist", "list").out == ""
    some = haechi(*enrol, photo, gone)
    assert (some.code, json.loads(some.out)["rejected"]) == (3, 1)
    assert some.err.splitlines()[0] == f"haechi: {gone}: no such file; check the path"
    assert json.loads(haechi("artist", "list", "--json").out)["photo_count"] == 1
    assert haechi(*enrol, photo).code == 0
    (tmp_path / "none").mkdir()
    assert haechi(*enrol, tmp_path / "none").code == 2


def test_with_accounts_the_one_who_signed_in_is_named(
    haechi: Haechi, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = tmp_path / "password"
    password.write_text("correct horse battery\n")
    monkeypatch.setenv("HAECHI_PASSWORD_FILE", str(password))
    assert haechi("user", "add", "boss", "--role", "admin").code == 0
    for role in ("desk", "auditor", "approver"):
        assert haechi("--as", "boss", "user", "add", role, "--role", role).code == 0
    assert haechi("release", "add", picture).code == 2, "nobody said who"
    refused = haechi("--as", "auditor", "release", "add", picture)
    assert (refused.code, "registry.change" in refused.err) == (2, True)
    assert haechi("--as", "auditor", "keys", "new", "--name", "Example").code == 2
    release = json.loads(haechi("--as", "desk", "release", "add", picture, "--json").out)["id"]
    assert acts(haechi, release, "--as", "auditor") == [("release.add", "desk", "")]
    make = ("--as", "boss", "keys", "new", "--name", "Example", "--because", "new season", "--json")
    assert haechi(*make).code == 2, "keys take two"
    request = json.loads(haechi("--as", "approver", "approve", "list", "--json").out)["id"]
    assert haechi("--as", "approver", "approve", "grant", request).code == 0
    key = json.loads(haechi(*make).out)["id"]
    assert acts(haechi, key, "--as", "auditor") == [("key.new", "boss", "")]
    assert haechi("release", "list").code == 0, "reading needs no account"


def test_checkpoints_are_published_and_held_against_the_ledger(
    haechi: Haechi, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert haechi("bank", "add", picture, "--because", "case 31").code == 0
    assert haechi("ledger", "publish").code == 2, "no place is named"
    place = f"file:{tmp_path}/kept/"
    assert json.loads(haechi("ledger", "publish", "--to", place, "--json").out)["place"].startswith(place)
    monkeypatch.setenv("HAECHI_PLACES", f"{place} file:{tmp_path}/absent/x.json")
    run = haechi("ledger", "publish")
    assert (run.code, len(run.lines), "cannot be written" in run.err) == (1, 1, True)
    assert json.loads(haechi("ledger", "verify", "--against", place, "--json").out)["checkpoints"] >= 2
    assert haechi("ledger", "verify", "--against", tmp_path / "absent.json").code == 2
