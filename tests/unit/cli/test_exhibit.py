from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Haechi = Callable[..., Any]


@pytest.fixture
def case(haechi: Haechi) -> str:
    return str(json.loads(haechi("case", "new", "t", "--artist", "하늘", "--json").out)["id"])


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"some bytes")
    return path


def test_exhibit_from_add_to_verify(haechi: Haechi, case: str, clip: Path, home: Path, tmp_path: Path) -> None:
    where = ("--url", "https://youtu.be/1", "--posted", "2026-11-20T21:03+09:00", "--account", "someone")
    added = json.loads(haechi("exhibit", "add", clip, "--case", case, *where, "--json").out)
    exhibit = added["id"]
    assert (added["schema"], added["case"], added["platform"]) == ("haechi.exhibit/1", case, "YouTube")
    shown = json.loads(haechi("exhibit", "show", exhibit, "--json").out)
    acts = ["exhibit.add", "exhibit.hold", "exhibit.recognise", "exhibit.look"]
    assert [event["act"] for event in shown["custody"]] == acts
    assert shown["custody"][-1]["detail"] == {"view": "facts"}
    text = haechi("exhibit", "show", exhibit).out
    assert "exhibit.look · facts alone" in text
    assert "not independent" in text
    assert "not independent" in haechi("exhibit", "stamp", exhibit).out
    assert haechi("exhibit", "stamp", exhibit, "--tsa", "http://127.0.0.1:1/").code == 1
    assert "time stamps 2" in haechi("exhibit", "verify", exhibit).out
    assert "intact" in haechi("exhibit", "verify", exhibit).out
    assert json.loads(haechi("exhibit", "verify", exhibit, "--json").out)["ok"] is True
    assert haechi("exhibit", "open", exhibit, "original.mp4", "-o", tmp_path / "x", "--because", "look").code == 0
    assert (tmp_path / "x").read_bytes() == b"some bytes"
    assert "exhibit.open · look · original.mp4 · clear" in haechi("exhibit", "show", exhibit).out
    assert "has no blurred tile" in haechi("exhibit", "look", exhibit, "-o", tmp_path / "tile.jpg").err
    (part,) = (home / "vault" / "blobs").rglob("??/*")
    part.write_bytes(b"changed")
    run = haechi("exhibit", "verify", exhibit)
    assert run.code == 1
    assert "part original.mp4" in run.out
    assert haechi("exhibit", "destroy", exhibit, "--because", "x").code == 2
    assert haechi("ledger", "verify").code == 0
    assert exhibit in haechi("case", "show", case).out


def test_case_of_a_minor_takes_addresses_alone(haechi: Haechi, clip: Path) -> None:
    case = json.loads(haechi("case", "new", "t", "--artist", "하늘", "--lane", "minor", "--json").out)["id"]
    run = haechi("exhibit", "add", clip, "--case", case, "--url", "https://example.org/v")
    assert (run.code, run.out) == (2, "")
    assert "rule 3" in run.err
    assert "아청법" in run.err
    assert haechi("exhibit", "note", "--case", case, "--url", "https://example.org/v", "--account", "a").code == 0


def test_wrong_fields_are_one_line(haechi: Haechi, case: str, clip: Path) -> None:
    for more in (["--url", "nonsense"], ["--posted", "2026-11-20T21:03"], ["--case", "C-none"]):
        run = haechi("exhibit", "add", clip, "--case", case, *more)
        assert (run.code, len(run.err.splitlines())) == (2, 1)
    assert haechi("exhibit", "add", "absent.mp4", "--case", case).code == 3
    run = haechi("exhibit", "add", clip, "--case", case, "--tsa", "http://127.0.0.1:1/")
    assert run.code == 0
    assert "no time stamp" in run.err


def test_seal_holders(haechi: Haechi, tmp_path: Path) -> None:
    run = haechi("vault", "holders", "a", "b", "c", "-o", tmp_path / "shares", "--json")
    assert set(json.loads(run.out)["shares"]) == {"a", "b", "c"}
    assert haechi("vault", "holders", "a", "b", "c", "-o", tmp_path / "more").code == 2
    assert haechi("vault", "holders", "a", "b", "-o", tmp_path / "few").code == 2
    assert haechi("vault", "seal").code == 0
    share = tmp_path / "shares" / "share-1.json"
    run = haechi(
        "vault", "unseal", "E-none", "--share", share, "--share", share, "-o", tmp_path / "o", "--because", "x"
    )
    assert run.code == 2


def test_sightings_tell_how_an_item_spread(haechi: Haechi, case: str) -> None:
    start = ("sighting", "add", "https://youtu.be/1", "--case", case, "--item", "E-1")
    assert haechi(*start, "--reach", "views=1200").code == 0
    assert haechi(*start, "--state", "removed").code == 0
    assert haechi(*start, "--reach", "views=many").code == 2
    run = haechi("sighting", "show", "--case", case, "--item", "E-1")
    assert "removed 1" in run.out
    assert json.loads(haechi("sighting", "show", "--case", case, "--item", "E-1", "--json").out)["reach"] == {
        "views": 1200
    }


def test_capture_of_this_machine_is_refused(haechi: Haechi, case: str) -> None:
    run = haechi("capture", "http://127.0.0.1:9/x", "--case", case)
    assert (run.code, run.out) == (2, "")
    assert "rule 6" in run.err
    assert haechi("capture", "file:///etc/passwd", "--case", case).code == 2
