from __future__ import annotations

import itertools
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from haechi.core.errors import InputError, IntegrityError, StoreError
from haechi.core.evidence import Case, CaseState, Lane
from haechi.core.ledger import Audit, verify_consistency, verify_inclusion
from haechi.core.ledger.tree import leaf_hash
from haechi.core.store import Store, open_store
from haechi.core.store.evidence import Evidence
from haechi.core.store.ledger import EVERY, Change

CASE = Case("C-1", "", "Title", "하늘", None, Lane.ORDINARY, CaseState.OPEN, "t", "kim", "2031-11-22")


@pytest.fixture
def evidence(store: Store) -> Evidence:
    return store.evidence("kim")


def open_case(evidence: Evidence, number: int = 1) -> Case:
    case = replace(CASE, id=f"C-{number}")
    return evidence.change(lambda change: change.put(case, "case.open", "because"))


@pytest.fixture
def filled(evidence: Evidence) -> Evidence:
    for number in range(1, 6):
        open_case(evidence, number)
    evidence.change(lambda change: change.put(replace(CASE, title="Later"), "case.rename"))
    evidence.change(lambda change: change.log("case.look", "C-2", seconds=3))
    evidence.keep_checkpoint()
    open_case(evidence, 6)
    return evidence


def test_records_are_found_again(filled: Evidence) -> None:
    again = open_store(filled.home).evidence("lee")
    assert again.get(Case, "C-1").title == "Later"
    assert [case.id for case in again.all(Case)] == [f"C-{number}" for number in range(1, 7)]
    assert again.all(Case, "other") == []
    assert again.find(Case, "C-9") is None
    with pytest.raises(InputError, match="C-9"):
        again.get(Case, "C-9")
    assert len(again.bodies(Case, "C-1")) == 2


def test_every_put_and_look_stands_in_the_ledger(filled: Evidence) -> None:
    first, second = filled.history("C-1")
    assert (first.actor, first.act, first.why) == ("kim", "case.open", "because")
    assert first.at.endswith("+00:00")
    assert first.object != second.object
    look = filled.history("C-2")[-1]
    assert (look.act, look.object, look.detail) == ("case.look", None, {"seconds": 3})
    found = filled.audit()
    assert (found.faults, found.checkpoints, found.size) == ((), 1, 10)


def test_nothing_written_yet_is_intact(evidence: Evidence) -> None:
    assert evidence.audit().faults == ()
    assert evidence.head() is None


def test_failed_change_takes_back_only_itself(evidence: Evidence) -> None:
    def fail(change: Change) -> None:
        change.put(CASE, "case.open")
        raise InputError("no")

    with pytest.raises(InputError, match="no"):
        evidence.change(fail)
    assert evidence.all(Case) == []
    open_case(evidence, 2)
    assert evidence.audit().faults == ()


def test_threads_share_commits_and_lose_nothing(evidence: Evidence) -> None:
    def work(start: int) -> None:
        for number in range(start, start + 20):
            if number % 7 == 0:
                with pytest.raises(InputError):
                    evidence.change(lambda change: change.get(Case, "absent"))
            open_case(evidence, number)

    threads = [threading.Thread(target=work, args=(1000 * number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    assert len(evidence.all(Case)) == 160
    assert evidence.audit().faults == ()


def test_two_stores_write_in_turn(tmp_path: Path) -> None:
    both = [open_store(tmp_path / "home").evidence(name) for name in ("kim", "lee")]
    for number in range(10):
        open_case(both[number % 2], number)
    assert both[0].audit().faults == ()
    assert {entry.actor for entry in both[0].history(*(f"C-{number}" for number in range(10)))} == {"kim", "lee"}


@pytest.mark.parametrize("table", ["ledger", "evidence", "checkpoints"])
@pytest.mark.parametrize("verb", ["UPDATE {0} SET {1} = {1}", "DELETE FROM {0}"])
def test_rows_are_guarded(filled: Evidence, table: str, verb: str) -> None:
    column = {"ledger": "entry", "evidence": "body", "checkpoints": "checkpoint"}[table]
    with closing(sqlite3.connect(filled.home / "haechi.db")) as database, pytest.raises(sqlite3.IntegrityError):
        database.execute(verb.format(table, column))


@pytest.fixture
def forge(filled: Evidence) -> Callable[[str], Audit]:
    """Change the database behind the back of the store and look it over."""

    def run(script: str) -> Audit:
        with closing(sqlite3.connect(filled.home / "haechi.db")) as database:
            triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            database.execute("PRAGMA foreign_keys = OFF")
            database.executescript("".join(f"DROP TRIGGER {name};" for name, _ in triggers) + script)
            database.executescript("".join(f"{sql};" for _, sql in triggers))
        return filled.audit()

    return run


SWAP = """UPDATE ledger SET seq = 100 WHERE seq = 2; UPDATE ledger SET seq = 2 WHERE seq = 3;
UPDATE ledger SET seq = 3 WHERE seq = 100;"""


@pytest.mark.parametrize(
    ("script", "where"),
    [
        ("UPDATE ledger SET entry = replace(entry, 'because', 'BECAUSE') WHERE seq = 3", "entry 3"),
        ("UPDATE ledger SET leaf = zeroblob(32) WHERE seq = 3", "entry 3"),
        ("UPDATE ledger SET act = 'x' WHERE seq = 3", "entry 3"),
        ("UPDATE ledger SET subject = 'C-1' WHERE seq = 3", "entry 3"),
        ("UPDATE ledger SET entry = 'text' WHERE seq = 3", "entry 3"),
        ("UPDATE ledger SET entry = zeroblob(0) WHERE seq = 3", "entry 3"),
        ("DELETE FROM ledger WHERE seq = 3", "entry 3"),
        ("DELETE FROM ledger WHERE seq = 9; DELETE FROM evidence WHERE seq = 9", "entry 9"),
        ("DELETE FROM ledger WHERE seq >= 5; DELETE FROM evidence WHERE seq >= 5", "entry 5"),
        ("DELETE FROM ledger WHERE seq = 0", "entry 0"),
        (SWAP, "entry 2"),
        ("INSERT INTO ledger SELECT 10, act, subject, entry, leaf FROM ledger WHERE seq = 9", "entry 10"),
        ("UPDATE evidence SET body = replace(body, 'Title', 'Other') WHERE seq = 2", "record case C-2 of entry 2"),
        ("UPDATE evidence SET id = 'C-9' WHERE seq = 2", "record case C-9 of entry 2"),
        ("UPDATE evidence SET parent = 'x' WHERE seq = 2", "record case C-2 of entry 2"),
        ("UPDATE evidence SET kind = 'user' WHERE seq = 2", "record user C-2 of entry 2"),
        ("DELETE FROM evidence WHERE seq = 2", "entry 2"),
        ("UPDATE evidence SET seq = 7 WHERE seq = 2", "entry 2"),
        (
            "INSERT INTO evidence SELECT 7, kind, id, parent, body FROM evidence WHERE seq = 2",
            "record case C-2 of entry 7",
        ),
        (
            "INSERT INTO evidence SELECT 70, kind, id, parent, body FROM evidence WHERE seq = 2",
            "record case C-2 of entry 70",
        ),
        ("UPDATE checkpoints SET checkpoint = replace(checkpoint, ':9', ':8')", "checkpoint of 9 entries"),
        ("UPDATE ledger_head SET checkpoint = (SELECT checkpoint FROM checkpoints)", "entry 9"),
        ("UPDATE ledger_head SET checkpoint = 'x'", "the signed head"),
        ("DELETE FROM ledger_head", "the signed head"),
        ("DELETE FROM ledger; DELETE FROM evidence", "entry 0"),
    ],
)
def test_forgery_is_found_and_located(forge: Callable[[str], Audit], script: str, where: str) -> None:
    faults = forge(script).faults
    assert faults
    assert where in {fault.where for fault in faults}, faults


def test_missing_guard_is_found(filled: Evidence) -> None:
    with closing(sqlite3.connect(filled.home / "haechi.db")) as database:
        database.execute("DROP TRIGGER ledger_no_update")
    (fault,) = filled.audit().faults
    assert fault.where == "trigger ledger_no_update"


def rewrite(evidence: Evidence, target: Path, changed: int) -> Evidence:
    """Another history by whoever holds the key: the same acts, but one reason is another."""
    shutil.copytree(evidence.home / "keys", target / "keys")
    other = open_store(target).evidence("kim")
    for number in itertools.count(1):
        case = evidence.find(Case, f"C-{number}")
        if case is None:
            return other
        why = "another reason" if number == changed else "because"
        other.change(lambda change, case=case, why=why: change.put(case, "case.open", why))  # type: ignore[misc]
    raise AssertionError


def test_history_rewritten_with_the_key_is_found_by_a_checkpoint_kept_elsewhere(
    filled: Evidence, tmp_path: Path
) -> None:
    published = filled.keep_checkpoint()
    other = rewrite(filled, tmp_path / "other", 2)
    assert other.audit().faults == ()
    assert any("is missing" in fault.what for fault in other.audit([published]).faults)
    for number in range(20, 30):
        open_case(other, number)
    faults = other.audit([published]).faults
    assert [fault.where for fault in faults] == ["entries 0 to 10"]


def test_checkpoint_of_another_ledger_is_refused(filled: Evidence, tmp_path: Path) -> None:
    other = open_store(tmp_path / "other").evidence("kim")
    open_case(other)
    with pytest.raises(IntegrityError, match="another key"):
        filled.audit([other.keep_checkpoint()])


def test_nothing_is_added_to_a_ledger_whose_end_is_gone(forge: Callable[[str], Audit], filled: Evidence) -> None:
    forge("DELETE FROM ledger WHERE seq = 9; DELETE FROM evidence WHERE seq = 9")
    with pytest.raises(IntegrityError, match="haechi ledger verify"):
        open_case(filled, 7)


def test_checkpoints_are_kept_now_and_then(evidence: Evidence) -> None:
    def many(change: Change) -> None:
        for number in range(EVERY):
            change.log("test", f"C-{number}")

    evidence.change(many)
    evidence.change(many)
    assert evidence.audit().checkpoints == 2


def test_proofs_from_the_store(filled: Evidence) -> None:
    head = filled.head()
    assert head is not None
    tree = filled.tree(head.size)
    root = bytes.fromhex(head.root.removeprefix("sha256:"))
    (seq, data), *_ = filled.entries("C-2")
    assert verify_inclusion(leaf_hash(data), seq, head.size, tree.inclusion_proof(seq), root)
    earlier = filled.tree(4)
    assert verify_consistency(4, head.size, earlier.root(), root, tree.consistency_proof(4))


def test_vault_keeps_what_is_acknowledged_and_sweeps_the_rest(filled: Evidence, tmp_path: Path) -> None:
    with filled.vault.writing() as intake:
        file = intake.folder / "a"
        file.write_bytes(b"encrypted")
        digest = intake.put(file)
    assert filled.vault.path(digest).read_bytes() == b"encrypted"
    assert not file.exists()
    assert filled.vault.sweep() == 0
    filled.vault.path(digest)

    def killed() -> Iterator[Any]:
        with filled.vault.writing() as intake:
            file = intake.folder / "b"
            file.write_bytes(b"left over")
            yield intake.put(file)

    writer = killed()
    left = next(writer)
    assert filled.vault.sweep() == 0, "a writer is at work"
    with pytest.raises(RuntimeError):
        writer.throw(RuntimeError)
    assert filled.vault.sweep() == 1
    filled.vault.path(digest)
    with pytest.raises(IntegrityError, match="missing"):
        filled.vault.path(left)


def test_disk_full_is_said_and_leaves_nothing(filled: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("haechi.core.store.ledger.Change.close", full)
    with pytest.raises(StoreError, match="full"):
        open_case(filled, 8)
    monkeypatch.undo()
    assert filled.find(Case, "C-8") is None
    assert filled.audit().faults == ()
