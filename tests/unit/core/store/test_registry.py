"""Every change of artists, releases, bank and signed outputs stands in the ledger, and the rows must fit it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from haechi.core.errors import InputError, StoreError
from haechi.core.fingerprint import FingerprintSet
from haechi.core.ledger import Entry
from haechi.core.login import login_account
from haechi.core.records import BankItem, Kind, Mark, Protection, Release, SoftBinding
from haechi.core.store import EnrolledPhoto, Store, open_store
from haechi.core.store.evidence import Evidence

LABEL = "urn:c2pa:1"


def photo(number: int) -> EnrolledPhoto:
    vector = np.full(128, number, np.float32)
    return EnrolledPhoto(f"secret-name-{number}.jpg", f"sha256:{number:064x}", {"dlib": vector})


def protection(release: Release, digest: Callable[[str], str], manifest: str) -> Protection:
    return Protection(
        LABEL, digest("out"), release.id, release.sha256, digest("request"), manifest, "K-1", "2026-11-22"
    )


@pytest.fixture
def filled(
    store: Store,
    make_release: Callable[..., Release],
    make_bank_item: Callable[..., BankItem],
    make_set: Callable[..., FingerprintSet],
    digest: Callable[[str], str],
) -> Store:
    """One of everything, and one of each that was removed again."""
    artist = store.add_artist("하늘 Secretname", "contract 2026-114", [photo(1)])
    store.add_artist("하늘 Secretname", "contract 2026-115", [photo(1), photo(2)])
    store.set_references({artist.id: b"a trained reference"})
    with store.writing():
        release, _ = store.add_release(make_release("one", artist_id=artist.id), [make_set(), make_set("other_v1", 9)])
        store.add_protection(
            protection(release, digest, store.put_blob(b"manifest")),
            Mark(LABEL, Kind.VIDEO, "video_v0", 17, 18, "Press Pool", 41.5, True),
            [SoftBinding("iscc", b"code")],
        )
    store.add_release(make_release("gone"), [make_set()])
    assert store.remove_release("R-gone", "registered twice")
    store.add_bank_item(make_bank_item(), [make_set()])
    store.add_bank_item(make_bank_item("again"), [make_set()])
    assert store.remove_bank_item("B-again", "was no fake")
    return store


def history(store: Store, subject: str) -> list[Entry]:
    return store.evidence("auditor").history(subject)


def acts(store: Store, subject: str) -> list[str]:
    return [entry.act for entry in history(store, subject)]


def test_every_change_has_its_entry(filled: Store) -> None:
    artist = filled.artists()[0]
    assert acts(filled, artist.id) == ["artist.add", "artist.extend", "artist.train"]
    first, second, _ = history(filled, artist.id)
    assert (first.actor, first.why) == (login_account(), "contract 2026-114")
    assert second.detail["photos"] == [photo(2).sha256]
    assert acts(filled, "R-one") == ["release.add"]
    assert acts(filled, "R-gone") == ["release.add", "release.remove"]
    assert history(filled, "R-gone")[1].why == "registered twice"
    assert acts(filled, LABEL) == ["protection.add"]
    assert acts(filled, "B-again") == ["bank.add", "bank.remove"]
    assert history(filled, "B-fake")[0].why == "confirmed by the protection team"
    assert filled.evidence("auditor").audit().faults == ()


def test_ledger_holds_no_name_template_or_picture(filled: Store) -> None:
    with closing(sqlite3.connect(filled.home / "haechi.db")) as database:
        entries = b"".join(entry for (entry,) in database.execute("SELECT entry FROM ledger"))
    assert b"artist.add" in entries
    for told in ("하늘", "Secretname", "secret-name", "Press Pool", "Title of one"):
        assert told.encode() not in entries
    for vector in (photo(1).descriptors["dlib"].tobytes(), b"a trained reference"):
        assert vector not in entries
        assert vector.hex().encode() not in entries


def test_removing_an_artist_tells_of_the_releases_too(filled: Store) -> None:
    artist = filled.artists()[0]
    assert filled.acting("kim").remove_artist(artist.id, "consent withdrawn")
    last = history(filled, artist.id)[-1]
    assert (last.act, last.actor, last.why, "state" in last.detail) == (
        "artist.remove",
        "kim",
        "consent withdrawn",
        False,
    )
    assert acts(filled, "R-one") == ["release.add", "release.unname"]
    assert filled.evidence("auditor").audit().faults == ()
    assert filled.remove_release("R-one")
    assert acts(filled, LABEL) == ["protection.add", "protection.remove"]
    assert filled.evidence("auditor").audit().faults == ()


def test_what_changes_nothing_adds_nothing(filled: Store, make_release: Callable[..., Release]) -> None:
    head = filled.evidence("auditor").head()
    filled.add_artist("하늘 Secretname", "contract 2026-114", [photo(1)])
    filled.add_release(make_release("one"), [])
    filled.remove_release("R-absent")
    filled.set_references(dict(filled.references()))
    with pytest.raises(InputError):
        filled.add_artist("", "", [])
    filled.save_report("sha256:1", "software", "report", filled.generation())
    assert filled.evidence("auditor").head() == head


def test_neither_row_nor_entry_of_a_change_that_fails(
    filled: Store, make_release: Callable[..., Release], monkeypatch: pytest.MonkeyPatch
) -> None:
    head = filled.evidence("auditor").head()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("haechi.core.store.reports.next_generation", full)
    for change in (
        lambda: filled.add_release(make_release("two"), []),
        lambda: filled.remove_release("R-one"),
        lambda: filled.remove_artist(filled.artists()[0].id),
        lambda: filled.remove_bank_item("B-fake"),
    ):
        with pytest.raises(StoreError, match="full"):
            change()
    monkeypatch.undo()
    assert filled.evidence("auditor").head() == head
    assert [release.id for release in filled.releases()] == ["R-one"]
    assert len(filled.artists()) == len(filled.bank_items()) == 1
    assert filled.evidence("auditor").audit().faults == ()


FORGERIES = [
    ("UPDATE artists SET consent = 'anything'", "artist"),
    ("UPDATE artist_photos SET sha256 = 'sha256:0' WHERE id = 1", "artist"),
    ("UPDATE photo_descriptors SET vector = zeroblob(512) WHERE photo_id = 1", "artist"),
    ("UPDATE artist_references SET data = zeroblob(9)", "artist"),
    ("DELETE FROM artist_photos WHERE id = 2", "artist"),
    ("DELETE FROM artists", "artist"),
    ("INSERT INTO artists VALUES ('A-new', 'Someone', 'none', 't')", "artist A-new"),
    ("UPDATE releases SET title = 'Other'", "release R-one"),
    ("UPDATE releases SET sha256 = 'sha256:0'", "release R-one"),
    ("UPDATE releases SET duration_s = 9e999", "release R-one"),
    ("UPDATE fingerprints SET data = zeroblob(5) WHERE item_id = 'R-one' AND seq = 2", "release R-one"),
    ("DELETE FROM fingerprints WHERE item_id = 'R-one' AND seq = 1", "release R-one"),
    ("DELETE FROM releases", "release R-one"),
    ("INSERT INTO releases SELECT 'R-gone', title, kind, '', '', NULL, '', '', 1, 1, 1, NULL FROM releases", "R-gone"),
    ("UPDATE bank_items SET because = 'nobody'", "bank B-fake"),
    ("DELETE FROM bank_items", "bank B-fake"),
    ("UPDATE protections SET output_sha256 = 'sha256:0'", f"protection {LABEL}"),
    ("UPDATE marks SET recipient = 'Someone else'", f"protection {LABEL}"),
    ("UPDATE marks SET payload = 1 << 60", f"protection {LABEL}"),
    ("UPDATE soft_bindings SET value = 'text'", f"protection {LABEL}"),
    ("DELETE FROM marks", f"protection {LABEL}"),
    ("DELETE FROM protections", f"protection {LABEL}"),
]


@pytest.mark.parametrize(("script", "where"), FORGERIES)
def test_forged_rows_are_found_and_located(filled: Store, script: str, where: str) -> None:
    with closing(sqlite3.connect(filled.home / "haechi.db")) as database:
        database.executescript(script)
    faults = filled.evidence("auditor").audit().faults
    assert any(where in fault.where for fault in faults), faults


def test_what_stood_before_the_watch_is_taken_as_it_was(filled: Store, make_release: Callable[..., Release]) -> None:
    with closing(sqlite3.connect(filled.home / "haechi.db")) as database:  # as an older Haechi left it
        triggers = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        guards = [sql for (sql,) in database.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'")]
        for name in triggers:
            database.execute("DROP TRIGGER {}".format(*name))
        database.executescript(";".join(["DELETE FROM ledger", "DELETE FROM ledger_head", *guards]))
    assert filled.evidence("auditor").audit().faults == ()
    filled.add_release(make_release("two"), [])
    evidence: Evidence = filled.evidence("auditor")
    assert evidence.audit().faults == ()
    assert acts(filled, "registry") == ["registry.begin"]
    assert acts(filled, "R-one") == ["release.adopt"]
    assert acts(filled, "R-two") == ["release.add"]
    with closing(sqlite3.connect(filled.home / "haechi.db")) as database:
        database.executescript("UPDATE releases SET title = 'Other' WHERE id = 'R-one'")
    assert [fault.where for fault in evidence.audit().faults] == ["release R-one"]


def test_keys_stand_in_the_ledger_before_they_stand_in_the_home(tmp_path: Path) -> None:
    from haechi.core.provenance import keys
    from haechi.core.watermark.mark_key import key_fingerprint, make_mark_key

    home = tmp_path / "home"
    made = keys.new_identity(home, "Example", "kim")
    mark = make_mark_key(home)
    assert make_mark_key(home, "lee") == mark
    roots = tmp_path / "roots.pem"
    roots.write_text(made.root_pem or "")
    keys.trust_stamps(home, roots, "lee")
    keys.trust_stamps(home, roots, "lee")
    keys.trust_issuers(home, roots, "lee")
    evidence = open_store(home).evidence("auditor")
    size = evidence.audit().size
    entries = [json.loads(data) for data in _all_entries(home)]
    told = [(one["actor"], one["act"]) for one in entries[1:]]
    assert told == [
        ("kim", "key.new"),
        (login_account(), "key.watermark"),
        ("lee", "key.tsa"),
        ("lee", "key.trust"),
    ]
    assert entries[1]["subject"] == made.id
    assert entries[1]["detail"] == {"certificate": made.fingerprint}
    assert entries[2]["detail"] == {"fingerprint": key_fingerprint(mark)}
    assert mark.hex().encode() not in b"".join(_all_entries(home))
    assert size == len(entries)


def test_no_key_without_its_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from haechi.core.provenance import keys

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("haechi.core.store.ledger.Change.close", full)
    with pytest.raises(StoreError, match="full"):
        keys.new_identity(tmp_path / "home", "Example")
    assert keys.identities(tmp_path / "home") == []


def _all_entries(home: Path) -> list[bytes]:
    with closing(sqlite3.connect(home / "haechi.db")) as database:
        return [entry for (entry,) in database.execute("SELECT entry FROM ledger ORDER BY seq")]


def test_two_stores_take_turns(filled: Store, make_release: Callable[..., Release]) -> None:
    other = open_store(filled.home).acting("lee")
    for number in range(6):
        release = replace(make_release(f"n{number}"), id=f"R-n{number}")
        (filled, other)[number % 2].add_release(release, [])
    assert filled.evidence("auditor").audit().faults == ()
    assert history(filled, "R-n1")[0].actor == "lee"
