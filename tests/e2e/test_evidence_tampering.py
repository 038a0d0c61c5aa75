"""Ten thousand forgeries of rows and files: every one is found, and its place is named."""

# ruff: noqa: S608 - the names of tables and columns are ours

from __future__ import annotations

import random
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from accounts import DESK, evidence_of
from haechi.act.case import open_case
from haechi.act.notice.draft import draft_notice
from haechi.core.evidence import Holding
from haechi.core.ledger import Fault
from haechi.core.settings import Limits
from haechi.core.store.evidence import Evidence
from haechi.preserve.custody import Intent, add_file
from haechi.preserve.facts import Found
from haechi.preserve.verify import verify_exhibit

ROWS, FILES = 6_000, 4_000
COLUMNS = {
    "ledger": ("act", "subject", "entry", "leaf"),
    "evidence": ("kind", "id", "parent", "body"),
    "checkpoints": ("checkpoint",),
    "ledger_head": ("checkpoint",),
}
KEYS = {"ledger": "seq", "evidence": "seq", "checkpoints": "size", "ledger_head": "id"}


@pytest.fixture
def evidence() -> Iterator[Evidence]:
    memory = Path("/dev/shm")  # noqa: S108
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        evidence = evidence_of(Path(name) / "home")
        clip = Path(name) / "clip.mp4"
        for number in range(3):
            case = open_case(evidence, DESK, f"case {number}", "하늘")
            clip.write_bytes(bytes([number]) * 5000)
            intent = Intent(Found(f"https://example.org/{number}"), "file", "clip.mp4")
            add_file(evidence, DESK, case.id, clip, intent, ["local:"], Limits())
            draft_notice(evidence, DESK, case.id, "kr-44-2", "YouTube", {})
            evidence.keep_checkpoint()
        yield evidence


def mutated(value: Any, chance: random.Random) -> Any:
    """The value with one bit, character or step changed."""
    if isinstance(value, int):
        return value + chance.choice((-1, 1, 1000))
    if isinstance(value, str):
        at = chance.randrange(len(value) + 1)
        return value[:at] + chance.choice("xyz0") + value[at + chance.randrange(2) :] or "x"
    at = chance.randrange(len(value))
    return value[:at] + bytes([value[at] ^ 1 << chance.randrange(8)]) + value[at + 1 :]


def faults_of(evidence: Evidence) -> list[Fault]:
    return [fault for fault in evidence.audit().faults if not fault.where.startswith("trigger")]


def named(faults: list[Fault], table: str, key: int) -> bool:
    if table == "checkpoints":
        return any(f"{key} entries" in fault.where or fault.where.startswith("entr") for fault in faults)
    if table == "ledger_head":
        return any(fault.where == "the signed head" for fault in faults)
    return any(place in fault.where for fault in faults for place in (f"entry {key}", f"entry {key + 1}"))


def test_any_change_of_any_row_is_found_and_located(evidence: Evidence) -> None:
    chance = random.Random(20261122)
    with closing(sqlite3.connect(evidence.home / "haechi.db", isolation_level=None)) as database:
        database.execute("PRAGMA foreign_keys = OFF")
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        keys = {
            table: [row[0] for row in database.execute(f"SELECT {key} FROM {table}")] for table, key in KEYS.items()
        }
        weights = {table: len(found) for table, found in keys.items()}
        assert faults_of(evidence) == []
        for number in range(ROWS):
            table = chance.choices(list(weights), list(weights.values()))[0]
            key, identity = KEYS[table], chance.choice(keys[table])
            if number % 10 == 0:
                row = database.execute(f"SELECT * FROM {table} WHERE {key} = ?", (identity,)).fetchone()
                database.execute(f"DELETE FROM {table} WHERE {key} = ?", (identity,))
                if table != "checkpoints":  # one checkpoint fewer is one witness fewer: the rest still holds
                    assert named(faults_of(evidence), table, identity), (number, table, identity)
                database.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
                continue
            column = chance.choice(COLUMNS[table])
            before = database.execute(f"SELECT {column} FROM {table} WHERE {key} = ?", (identity,)).fetchone()[0]
            after = mutated(before, chance)
            if after == before:
                continue
            update = f"UPDATE {table} SET {column} = ? WHERE {key} = ?"
            database.execute(update, (after, identity))
            assert named(faults_of(evidence), table, identity), (number, table, column, identity, before, after)
            database.execute(update, (before, identity))
        assert faults_of(evidence) == []


def test_any_change_of_any_stored_byte_is_found_and_located(evidence: Evidence) -> None:
    chance = random.Random(20261122)
    holdings = evidence.all(Holding)
    paths = {place.stored: evidence.vault.path(place.stored) for one in holdings for place in one.places.values()}
    for _ in range(FILES):
        digest = chance.choice(list(paths))
        data = paths[digest].read_bytes()
        paths[digest].write_bytes(mutated(data, chance))
        assert evidence.vault.damaged(set(paths)) == [digest]
        paths[digest].write_bytes(data)
    assert all(not verify_exhibit(evidence, DESK, one.id).faults for one in holdings)
