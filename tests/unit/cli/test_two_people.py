"""What takes two people: asked for, granted by an approver, done once. Part 8: unseal, send, delete, export, keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.fixture
def case(accounts: Run) -> str:
    return str(json.loads(accounts("desk", "case", "new", "t", "--artist", "하늘", "--json").out)["id"])


@pytest.fixture
def exhibit(accounts: Run, case: str, tmp_path: Path) -> str:
    (tmp_path / "clip.mp4").write_bytes(b"some bytes")
    added = accounts(
        "desk", "exhibit", "add", tmp_path / "clip.mp4", "--case", case, "--url", "https://x.com/1", "--json"
    )
    return str(json.loads(added.out)["id"])


@pytest.fixture
def two(accounts: Run) -> Run:
    """Run what takes two: refused and asked for, still refused, granted by an approver alone, done."""

    def run(name: str, *arguments: object) -> Any:
        first = accounts(name, *arguments)
        assert (first.code, first.out) == (2, ""), first.err
        assert "second person" in first.err
        asked = json.loads(accounts("approver", "approve", "list", "--json").out)
        assert accounts(name, "approve", "grant", asked["id"]).code == 2
        assert accounts(name, *arguments).code == 2, "asking twice is no consent"
        assert len(accounts("approver", "approve", "list").lines) == 1
        assert accounts("approver", "approve", "grant", asked["id"], "--because", "agreed").code == 0
        done = accounts(name, *arguments)
        assert done.code == 0, done.err
        return done

    return run


def acts(accounts: Run, subject: str) -> list[str]:
    return [json.loads(line)["act"] for line in accounts("auditor", "ledger", "show", subject, "--json").lines]


def test_deletion(accounts: Run, two: Run, exhibit: str, home: Path) -> None:
    destroy = ("exhibit", "destroy", exhibit, "--because", "request of the subject")
    assert accounts("desk", *destroy).code == 2
    two("legal", *destroy)
    assert list((home / "vault" / "blobs").glob("??/*")) == []
    assert acts(accounts, exhibit)[-1] == "exhibit.destroy"
    assert accounts("desk", "exhibit", "verify", exhibit).code == 0


def test_export(accounts: Run, two: Run, case: str, exhibit: str, tmp_path: Path) -> None:
    bundle = ("case", "bundle", case, "-o", tmp_path / "case.zip", "--because", "for counsel")
    assert accounts("desk", *bundle).code == 2
    two("legal", *bundle)
    assert accounts("desk", "verify-bundle", tmp_path / "case.zip").code == 0
    other = accounts("legal", "case", "bundle", case, "-o", tmp_path / "again.zip", "--because", "for counsel")
    assert (other.code, (tmp_path / "again.zip").exists()) == (2, False)


def test_sending(accounts: Run, two: Run, case: str, exhibit: str) -> None:
    fields = {
        "name": "Example",
        "email": "a@example.org",
        "reasons": "it shows what never happened",
        "facts": "the mouth was changed",
    }
    given = [word for key, value in fields.items() for word in ("--field", f"{key}={value}")]
    draft = ("notice", "draft", "--case", case, "--law", "eu-dsa16", "--to", "X", "--parody", "none", "--json")
    notice = json.loads(accounts("desk", *draft, *given).out)
    assert notice["missing"] == []
    assert accounts("desk", "notice", "sign", notice["id"], "--name", "A", "--role", "B").code == 2
    assert accounts("legal", "notice", "sign", notice["id"], "--name", "A", "--role", "B").code == 0
    send = ("notice", "sent", notice["id"], "--channel", "form", "--because", "urgent")
    assert accounts("desk", *send).code == 2
    two("legal", *send)
    assert acts(accounts, notice["id"]) == ["notice.draft", "notice.sign", "notice.send"]


def test_holders_of_the_seal_and_unsealing(accounts: Run, two: Run, case: str, exhibit: str, tmp_path: Path) -> None:
    name = ("vault", "holders", "a", "b", "c", "-o", tmp_path / "shares")
    assert accounts("legal", *name).code == 2
    two("boss", *name)
    assert accounts("desk", "case", "lane", case, "sexual", "--because", "nudity").code == 0
    shares = [tmp_path / "shares" / f"share-{number}.json" for number in (1, 3)]
    given = [word for share in shares for word in ("--share", share)]
    unseal = ("vault", "unseal", exhibit, *given, "-o", tmp_path / "out", "--because", "court order")
    assert accounts("desk", *unseal).code == 2
    two("legal", *unseal)
    assert (tmp_path / "out" / "original.mp4").read_bytes() == b"some bytes"
    assert acts(accounts, exhibit)[-1] == "exhibit.unseal"
    renamed = accounts("boss", "vault", "holders", "x", "y", "z", "-o", tmp_path / "new")
    assert (renamed.code, (tmp_path / "new").exists()) == (2, False)


def test_signing_keys_and_whom_to_trust(accounts: Run, two: Run, tmp_path: Path) -> None:
    new = ("keys", "new", "--name", "Example", "--because", "new season")
    assert accounts("legal", *new).code == 2
    assert accounts("boss", "keys", "new", "--name", "Example").code == 2, "a reason is asked for"
    made = two("boss", *new)
    identity = made.out.split()[0]
    root = json.loads(accounts("boss", "keys", "show", identity, "--json").out)["root"]
    (tmp_path / "root.pem").write_text(root)
    for verb in ("tsa", "trust"):
        two("boss", "keys", verb, tmp_path / "root.pem", "--because", "agreed list")
    assert accounts("boss", "keys", "trust", tmp_path / "absent.pem", "--because", "x").code == 2
    changed = ("keys", "trust", tmp_path / "root.pem", "--because", "agreed list")
    assert accounts("boss", *changed).code == 2
    request = json.loads(accounts("approver", "approve", "list", "--json").out)["id"]
    assert accounts("approver", "approve", "grant", request).code == 0
    (tmp_path / "root.pem").write_text(root + "\n")
    assert accounts("boss", *changed).code == 2, "other certificates than those that were agreed on"
    assert accounts("auditor", "ledger", "verify").code == 0
