from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

Haechi = Callable[..., Any]


def new_case(haechi: Haechi, *more: str) -> str:
    run = haechi("case", "new", "가짜 인터뷰", "--artist", "하늘", "--json", *more)
    assert run.code == 0, run.err
    return str(json.loads(run.out)["id"])


def test_case_from_new_to_close(haechi: Haechi) -> None:
    case = new_case(haechi)
    assert json.loads(haechi("case", "list", "--json").out)["schema"] == "haechi.case/1"
    assert "가짜 인터뷰 · 하늘 · open · ordinary" in haechi("case", "list").out
    shown = json.loads(haechi("case", "show", case, "--json").out)
    assert (shown["artist"], shown["exhibits"], shown["notices"], shown["call"]) == ("하늘", [], [], [])
    assert haechi("case", "close", case, "--because", "done").code == 0
    run = haechi("case", "close", case, "--because", "done")
    assert (run.code, len(run.err.splitlines())) == (2, 1)
    assert haechi("case", "show", "C-none").code == 2


def test_case_of_a_minor_says_whom_to_call(haechi: Haechi) -> None:
    case = new_case(haechi, "--lane", "minor")
    out = haechi("case", "show", case).out
    assert "LOCKED" in out
    assert "112" in out
    assert "1377" in out
    assert haechi("case", "new", "t", "--artist", "a", "--lane", "x").code == 2


def test_accounts_are_asked_for_once_there_are_any(haechi: Haechi, accounts: Callable[..., Any]) -> None:
    assert haechi("case", "list").code == 2
    assert accounts("nobody", "case", "list").code == 2
    assert accounts("auditor", "case", "list").code == 2
    assert accounts("auditor", "ledger", "verify").code == 0
    assert accounts("desk", "user", "add", "x", "--role", "desk").code == 2
    assert accounts("boss", "user", "list").lines[0].endswith("boss · admin")
    assert accounts("boss", "user", "role", "desk", "--role", "legal", "--json").code == 0
    assert accounts("boss", "user", "role", "desk", "--role", "king").code == 2
    assert accounts("boss", "user", "role", "desk").code == 2


def test_loosening_with_two(haechi: Haechi, accounts: Callable[..., Any]) -> None:
    run = accounts("desk", "case", "new", "t", "--artist", "a", "--lane", "sexual", "--json")
    case = json.loads(run.out)["id"]
    loosen = ("case", "lane", case, "ordinary", "--because", "not what it seemed")
    assert accounts("desk", *loosen).code == 2
    request = json.loads(accounts("approver", "approve", "list", "--json").out)["id"]
    assert "waits" in accounts("approver", "approve", "list").out
    assert accounts("desk", "approve", "grant", request).code == 2
    assert accounts("approver", "approve", "grant", request, "--because", "seen").code == 0
    assert accounts("desk", *loosen).code == 0
    assert accounts("approver", "approve", "list").out == ""
    assert "granted and used" in accounts("approver", "approve", "list", "--all").out
    acts = [json.loads(line)["act"] for line in accounts("auditor", "ledger", "show", case, "--json").lines]
    assert acts == ["case.open", "case.loosen"]


def test_ledger_verify_finds_an_edit_and_says_where(haechi: Haechi, home: Path, tmp_path: Path) -> None:
    new_case(haechi)
    assert haechi("ledger", "checkpoint", "-o", tmp_path / "c.json").code == 0
    assert "intact" in haechi("ledger", "verify", "--against", tmp_path / "c.json").out
    with closing(sqlite3.connect(home / "haechi.db")) as database:
        database.executescript(
            "DROP TRIGGER evidence_no_update;"
            "UPDATE evidence SET body = replace(body, 'ordinary', 'sexual') WHERE seq = 1"
        )
    run = haechi("ledger", "verify", "--json")
    found = json.loads(run.out)
    assert (run.code, found["ok"]) == (1, False)
    assert found["faults"][0]["where"].startswith("record case C-")
    assert haechi("ledger", "verify").code == 1
    assert haechi("ledger", "verify", "--against", tmp_path / "absent").code == 2
