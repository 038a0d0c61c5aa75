"""Captures and what hangs on them, through the command line, from a site on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from haechi.core.evidence import Notice, NoticeState, Schedule
from haechi.core.fetch import Client
from haechi.core.flag import Flag
from haechi.core.store import open_store
from web_server import Site, serving

Haechi = Callable[..., Any]


class Page(Site):
    """A page that may go away."""

    gone = False

    def answer_page(self) -> None:
        if type(self).gone:
            self.send(b"removed", 404)
        else:
            super().answer_page()

    def answer_turned(self) -> None:
        self.send('<html><body><video src="/turned-\u202ea.m3u8"></video></body></html>'.encode())


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, type[Page]]]:
    """A site that the command line's client may speak to."""
    with serving(handler=Page) as (url, handler, guard):
        monkeypatch.setattr("haechi.core.fetch.Client", partial(Client, guard))
        yield url, handler  # type: ignore[misc]


@pytest.fixture
def case(haechi: Haechi) -> str:
    return str(json.loads(haechi("case", "new", "t", "--artist", "하늘", "--json").out)["id"])


def records(run: Any) -> list[dict[str, Any]]:
    assert run.code == 0, run.err
    return [json.loads(line) for line in run.lines]


def test_plain_capture_is_an_exhibit(haechi: Haechi, case: str, site: Any, tmp_path: Path) -> None:
    where = ("--account", "someone", "--authority", "contract", "--because", "reported by fans")
    (exhibit,) = records(haechi("capture", f"{site[0]}/page", "--case", case, "--plain", *where, "--json"))
    assert (exhibit["method"], exhibit["account"], exhibit["case"]) == ("http", "someone", case)
    assert [part["name"] for part in exhibit["parts"]] == ["capture.wacz", "body.html"]
    assert (exhibit["facts"]["state"], exhibit["facts"]["authority"]) == ("there", "contract")
    assert haechi("exhibit", "verify", exhibit["id"]).code == 0
    told = haechi("exhibit", "show", exhibit["id"]).out
    assert "HTTP status: 200" in told
    assert "by what right: contract" in told
    assert "og:title Fake" in told
    assert "page: STILL THERE" in told
    out = tmp_path / "page.wacz"
    assert haechi("exhibit", "open", exhibit["id"], "capture.wacz", "-o", out, "--because", "look").code == 0
    assert haechi("verify-bundle", out).code == 0
    run = haechi("capture", f"{site[0]}/absent", "--case", case, "--plain")
    assert (run.code, run.err) == (0, "")
    assert len(records(haechi("case", "show", case, "--json"))[0]["exhibits"]) == 2


def test_a_film_in_pieces_is_told_by_the_capture_and_by_its_exhibit(haechi: Haechi, case: str, site: Any) -> None:
    told = haechi("capture", f"{site[0]}/player", "--case", case, "--plain", "--json")
    assert f"not fetched whole: {site[0]}/film.m3u8?t=1" in told.err
    (exhibit,) = records(told)
    shown = haechi("exhibit", "show", exhibit["id"]).out
    assert f"film in pieces: url {site[0]}/film.m3u8?t=1" in shown
    turned = haechi("capture", f"{site[0]}/turned", "--case", case, "--plain").err
    assert "turned-" in turned
    assert "\u202e" not in turned
    assert "pieces" not in haechi("capture", f"{site[0]}/page", "--case", case, "--plain").err


def test_captured_media_that_looks_sexual_moves_the_case(
    haechi: Haechi, case: str, site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = Flag(0.9, 1, sha256="sha256:" + "0" * 64)
    monkeypatch.setattr("haechi.cli.session.Session.classifier", lambda _: lambda _path: flag)
    run = haechi("capture", f"{site[0]}/video", "--case", case, "--plain")
    assert run.code == 0
    assert "is now in the lane sexual" in run.err
    assert "vault holders" in run.err
    assert records(haechi("case", "show", case, "--json"))[0]["lane"] == "sexual"


def test_files_that_nobody_can_look_at_are_kept_and_it_is_said(haechi: Haechi, case: str, tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"x")
    run = haechi("exhibit", "add", tmp_path / "clip.mp4", "--case", case)
    assert run.code == 0
    assert "not looked at for sexual content" in run.err


def test_schedule_from_capture_to_removal(haechi: Haechi, case: str, site: Any, home: Path) -> None:
    url, handler = site
    again = ("--every", "1d", "--until", "2099-12-31")
    first, schedule = records(haechi("capture", f"{url}/page", "--case", case, "--plain", *again, "--json"))
    assert (schedule["schema"], schedule["item"], schedule["every_s"]) == ("haechi.schedule/1", first["id"], 86400)
    assert schedule["id"] in haechi("schedule", "list", "--case", case).out
    assert "nothing is due" in haechi("schedule", "run").err
    evidence = open_store(home).evidence("test")
    due = replace(evidence.get(Schedule, schedule["id"]), next_at="2026-01-01T00:00:00+00:00")
    evidence.change(lambda change: change.put(due, "test"))
    handler.gone = True
    (made,) = records(haechi("schedule", "run", "--json"))
    assert (made["schema"], made["state"], made["url"]) == ("haechi.recapture/1", "gone", f"{url}/page")
    assert made["next_at"] > datetime.now(UTC).isoformat()
    sheet = records(haechi("sighting", "show", "--case", case, "--item", first["id"], "--json"))[0]
    assert (sheet["removed"], sheet["up"]) == (1, 0)
    assert haechi("schedule", "remove", schedule["id"], "--because", "gone for good").code == 0
    assert "no schedule runs" in haechi("schedule", "list").err
    assert "gone for good" in haechi("schedule", "list", "--all").out


def test_scheduled_run_publishes_the_ledger(
    haechi: Haechi, case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "counsel"
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("HAECHI_PLACES", f"file:{place}/ file:{tmp_path / 'file'}/x/")
    run = haechi("schedule", "run", "--json")
    assert (run.code, "cannot be written" in run.err) == (1, True), "one of two places was reached"
    (told,) = [json.loads(line) for line in run.lines]
    (kept,) = place.iterdir()
    assert told["place"] == f"file:{kept}"
    monkeypatch.setenv("HAECHI_PLACES", f"file:{place}/")
    assert haechi("schedule", "run").code == 0
    assert len(list(place.iterdir())) == 2
    assert haechi("ledger", "verify", "--against", f"file:{place}/").code == 0


def test_scheduled_run_of_who_may_not_publish_says_so(
    accounts: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAECHI_PLACES", f"file:{tmp_path / 'counsel'}/")
    run = accounts("desk", "schedule", "run")
    assert (run.code, "was not published" in run.err) == (0, True)
    assert not (tmp_path / "counsel").exists()
    assert accounts("legal", "schedule", "run").code == 0
    assert len(list((tmp_path / "counsel").iterdir())) == 1


def test_wrong_schedules_capture_nothing(haechi: Haechi, case: str, site: Any) -> None:
    for more in (
        ("--every", "1d"),
        ("--until", "2099-12-31"),
        ("--every", "often", "--until", "2099-12-31"),
        ("--every", "1d", "--until", "2020-01-01"),
        ("--every", "1d", "--until", "soon"),
    ):
        run = haechi("capture", f"{site[0]}/page", "--case", case, "--plain", *more)
        assert (run.code, run.out, len(run.err.splitlines())) == (2, "", 1)
    assert site[1].seen == []


def test_recheck_after_a_deadline(haechi: Haechi, case: str, site: Any, home: Path) -> None:
    url, handler = site
    assert haechi("exhibit", "note", "--case", case, "--url", f"{url}/page").code == 0
    draft = records(haechi("notice", "draft", "--case", case, "--law", "us-tida", "--to", "X", "--json"))[0]
    evidence = open_store(home).evidence("test")
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    sent = replace(evidence.get(Notice, draft["id"]), state=NoticeState.SENT, deadline=past)
    evidence.change(lambda change: change.put(sent, "test"))
    handler.gone = True
    found = [one for one in records(haechi("deadlines", "--recheck", "--json")) if one["schema"] == "haechi.recheck/1"]
    assert [(one["notice"], one["state"]) for one in found] == [(draft["id"], "gone")]
    assert records(haechi("exhibit", "show", found[0]["exhibit"], "--json"))[0]["facts"]["status"] == 404
    assert "haechi.recheck/1" not in haechi("deadlines", "--recheck", "--json").out
    run = haechi("deadlines")
    assert "OVERDUE" in run.out


def test_statements_tell_facts_and_name_nobody_in_sexual_cases(haechi: Haechi, case: str, site: Any) -> None:
    assert haechi("capture", f"{site[0]}/page", "--case", case, "--plain", "--platform", "Tube").code == 0
    told = records(haechi("case", "statement", case, "--kind", "public", "--language", "en", "--json"))[0]
    assert (told["schema"], told["language"]) == ("haechi.statement/1", "en")
    assert "하늘" in told["text"]
    assert "Tube" in told["text"]
    fans = haechi("case", "statement", case, "--kind", "fans", "--language", "ko")
    assert fans.code == 0
    assert fans.out != told["text"]
    assert haechi("case", "statement", case, "--kind", "press").code == 2
    assert haechi("case", "lane", case, "sexual", "--because", "nudity").code == 0
    for kind in ("public", "fans"):
        text = haechi("case", "statement", case, "--kind", kind, "--language", "ko").out
        assert "하늘" not in text
        assert "Tube" not in text
    minor = records(haechi("case", "new", "t", "--artist", "하늘", "--lane", "minor", "--json"))[0]["id"]
    assert haechi("case", "statement", minor).code == 2
