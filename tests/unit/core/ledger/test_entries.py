from __future__ import annotations

import json

from haechi.core.ledger import Entry, canonical, record_digest


def test_same_facts_have_the_same_bytes() -> None:
    assert canonical({"b": 1, "a": "하늘", "ß": [1.0, True, None]}) == '{"a":"하늘","b":1,"ß":[1,true,null]}'.encode()


def test_entry_is_read_back() -> None:
    entry = Entry(3, "sha256:00", "2026-11-22T00:00:00.000+00:00", "kim", "case.open", "C-1", "because", {"n": 1}, "x")
    assert Entry.from_fields(json.loads(entry.to_bytes())) == entry
    bare = Entry(3, "sha256:00", "t", "kim", "exhibit.look", "E-1", "", {}, None)
    assert Entry.from_fields(json.loads(bare.to_bytes())) == bare
    assert b"object" not in bare.to_bytes()


def test_record_digest_binds_every_field() -> None:
    digests = {
        record_digest("case", "C-1", "", b"{}"),
        record_digest("case", "C-2", "", b"{}"),
        record_digest("case", "C-1", "p", b"{}"),
        record_digest("cas", "eC-1", "", b"{}"),
        record_digest("case", "C-1", "", b"{ }"),
    }
    assert len(digests) == 5
