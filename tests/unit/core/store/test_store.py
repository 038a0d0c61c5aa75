from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from haechi.core.errors import InputError, IntegrityError, StoreError
from haechi.core.fingerprint import FingerprintSet
from haechi.core.records import BankItem, Release
from haechi.core.store import EnrolledPhoto, Store, open_store

MakeRelease = Callable[..., Release]
MakeSet = Callable[..., FingerprintSet]


def photo(name: str, value: float = 0.5) -> EnrolledPhoto:
    return EnrolledPhoto(name, f"sha256:{name:0>64}", {"dlib": np.full(128, value, np.float32)})


def test_artist_keeps_name_consent_and_descriptors(store: Store) -> None:
    added = store.add_artist(" 하늘 ", "contract 2026-114", [photo("1"), photo("2", 0.25)])
    assert (added.name, added.consent, added.photo_count) == ("하늘", "contract 2026-114", 2)
    again = open_store(store.home)
    assert again.artist("하늘") == again.artist(added.id) == added
    photos = again.artist_photos(added.id)
    assert [one.source_name for one in photos] == ["1", "2"]
    np.testing.assert_array_equal(photos[1].descriptors["dlib"], np.full(128, 0.25, np.float32))
    assert photos[1].descriptors["dlib"].dtype == np.float32


def test_decomposed_korean_names_the_same_artist(store: Store) -> None:
    import unicodedata

    first = store.add_artist("하늘", "c", [photo("1")])
    second = store.add_artist(unicodedata.normalize("NFD", "하늘"), "c", [photo("1"), photo("2")])
    assert second.id == first.id
    assert second.photo_count == 2
    assert second.consent == "c"


@pytest.mark.parametrize(("name", "consent"), [("", "c"), ("n", " ")])
def test_artist_without_name_or_consent_is_refused(store: Store, name: str, consent: str) -> None:
    with pytest.raises(InputError):
        store.add_artist(name, consent, [photo("1")])
    assert store.artists() == []


def test_references_follow_their_artist(store: Store) -> None:
    a, b = (store.add_artist(name, "c", [photo(name)]) for name in "ab")
    store.set_references({a.id: b"ra", b.id: b"rb", "A-gone": b"x"})
    assert store.references() == {a.id: b"ra", b.id: b"rb"}
    assert store.remove_artist(a.id)
    assert not store.remove_artist(a.id)
    assert store.references() == {b.id: b"rb"}
    assert store.artist_photos(a.id) == []


def test_release_and_fingerprints_come_back(store: Store, make_release: MakeRelease, make_set: MakeSet) -> None:
    release, _ = store.add_release(make_release(), [make_set("a_v1", 1), make_set("b_v1", 2)])
    assert store.releases() == [release]
    assert store.release(release.id) == store.release_by_sha256(release.sha256) == release
    rows = list(store.fingerprints())
    assert [(row.seq, row.item, row.item_id) for row in rows] == [
        (1, "release", "R-one"),
        (2, "release", "R-one"),
    ]
    assert rows[1].fingerprints.algorithm == "b_v1"
    np.testing.assert_array_equal(rows[1].fingerprints.arrays["hashes"], np.full((3, 4), 2, np.uint8))
    assert [row.seq for row in store.fingerprints(algorithm="b_v1")] == [2]
    assert [row.seq for row in store.fingerprints(after_seq=1)] == [2]


def test_file_name_that_is_no_text_can_be_stored(store: Store, make_release: MakeRelease) -> None:
    store.add_release(make_release(source_name="\udcff.mov", title="\udcff"), [])
    assert store.releases()[0].source_name == "\\udcff.mov"


def test_same_bytes_are_registered_once(store: Store, make_release: MakeRelease, make_set: MakeSet) -> None:
    first, added = store.add_release(make_release(), [make_set()])
    assert added
    assert store.add_release(make_release(id="R-other", title="other"), [make_set()]) == (first, False)
    assert store.last_seq() == 1


def test_working_copy_of_the_second_of_two_at_once_is_swept(store: Store, make_release: MakeRelease) -> None:
    kept, other = store.put_blob(b"working copy"), store.put_blob(b"another working copy")
    store.add_release(make_release(proxy=kept), [])
    assert store.add_release(make_release(id="R-other", proxy=other), [])[0].proxy == kept
    again = open_store(store.home)
    assert [f"sha256:{path.name}" for path in again.home.glob("blobs/*/*")] == [kept]


def test_seq_is_never_given_twice(store: Store, make_release: MakeRelease, make_set: MakeSet) -> None:
    store.add_release(make_release("one"), [make_set()])
    store.add_release(make_release("two"), [make_set()])
    assert store.remove_release("R-two")
    assert store.live_items() == {"R-one"}
    store.add_release(make_release("three"), [make_set()])
    assert [row.seq for row in store.fingerprints()] == [1, 3]
    assert store.live_items() == {"R-one", "R-three"}


def test_many_rows_are_read_in_batches(store: Store, make_release: MakeRelease, make_set: MakeSet) -> None:
    store.add_release(make_release(), [make_set(f"a_{i}") for i in range(130)])
    assert [row.seq for row in store.fingerprints()] == list(range(1, 131))


def test_bank_item_round_trip(store: Store, make_bank_item: Callable[..., BankItem], make_set: MakeSet) -> None:
    item, added = store.add_bank_item(make_bank_item(), [make_set()])
    assert added
    assert store.add_bank_item(make_bank_item(), []) == (item, False)
    assert store.bank_items() == [item]
    assert store.bank_by_sha256(item.sha256) == store.bank_item(item.id) == item
    assert [(row.item, row.item_id) for row in store.fingerprints()] == [("bank", item.id)]
    assert store.remove_bank_item(item.id)
    assert not store.remove_bank_item(item.id)
    assert list(store.fingerprints()) == []


def test_removed_artist_leaves_the_release(store: Store, make_release: MakeRelease) -> None:
    artist = store.add_artist("a", "c", [])
    store.add_release(make_release(artist_id=artist.id), [])
    store.remove_artist(artist.id)
    assert store.releases()[0].artist_id is None


def test_removed_release_takes_its_proxy_along(store: Store, make_release: MakeRelease) -> None:
    with store.writing():
        proxy = store.put_blob(b"proxy")
        store.add_release(make_release(proxy=proxy), [])
    path = store.blob_path(proxy)
    assert path.read_bytes() == b"proxy"
    store.remove_release("R-one")
    assert not path.exists()
    assert not list((store.home / "incoming").iterdir())


def test_release_without_its_blob_is_refused(
    store: Store, make_release: MakeRelease, digest: Callable[[str], str]
) -> None:
    with pytest.raises(IntegrityError):
        store.add_release(make_release(proxy=digest("missing")), [])
    assert store.releases() == []


def test_saved_report_lapses_when_the_registry_changes(store: Store, make_release: MakeRelease) -> None:
    generation = store.generation()
    store.save_report("sha256:f", "sw", "text", generation)
    assert store.saved_report("sha256:f", "sw") == "text"
    assert store.saved_report("sha256:f", "other software") is None
    store.add_release(make_release(), [])
    assert store.saved_report("sha256:f", "sw") is None
    store.save_report("sha256:f", "sw", "made before the release came", generation)
    assert store.saved_report("sha256:f", "sw") is None


def test_absent_store_is_not_created_when_told_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store"):
        open_store(tmp_path / "none", create=False)
    assert not (tmp_path / "none").exists()


def test_home_with_korean_and_blanks(tmp_path: Path, make_release: MakeRelease, make_set: MakeSet) -> None:
    store = open_store(tmp_path / "보호 팀 자료?#%20")
    store.add_release(make_release("뮤직 비디오"), [make_set()])
    assert [one.source_name for one in open_store(store.home).releases()] == ["뮤직 비디오.mp4"]


def test_home_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="not a folder"):
        open_store(tmp_path / "file")


def test_damaged_database_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "haechi.db").write_bytes(b"this is not a database at all" * 100)
    with pytest.raises(StoreError, match="damaged"):
        open_store(tmp_path)


def test_truncated_database_is_said_plainly(store: Store, make_release: MakeRelease, make_set: MakeSet) -> None:
    store.add_release(make_release(), [make_set(f"a_{i}") for i in range(50)])
    with sqlite3.connect(store.home / "haechi.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    path = store.home / "haechi.db"
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(StoreError, match="damaged"):
        list(open_store(store.home).fingerprints())


def test_database_of_a_newer_version(store: Store) -> None:
    with sqlite3.connect(store.home / "haechi.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreError, match="newer"):
        open_store(store.home)


def test_read_only_home_can_be_read(
    store: Store, make_release: MakeRelease, make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add_release(make_release(), [make_set()])
    monkeypatch.setattr("haechi.core.store.engines.os.access", lambda *_: False)
    reader = open_store(store.home)
    assert len(reader.releases()) == len(list(reader.fingerprints())) == 1
    with pytest.raises(StoreError, match="read-only"):
        reader.add_release(make_release("two"), [])


def test_read_only_folder_without_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("haechi.core.store.engines.os.access", lambda *_: False)
    with pytest.raises(StoreError, match="read-only"):
        open_store(tmp_path)


def test_busy_database_is_said_plainly(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("haechi.core.store.engines.BUSY_TIMEOUT_S", 0)
    impatient = open_store(store.home)
    other = sqlite3.connect(store.home / "haechi.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="busy"):
        impatient.add_artist("a", "c", [])
    assert impatient.artists() == []
    other.close()
    assert impatient.add_artist("a", "c", []).name == "a"


def test_unknown_database_scheme(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="sqlite:"):
        open_store(tmp_path, database="oracle:somewhere")


def test_problems_names_a_damaged_blob(store: Store, make_release: MakeRelease) -> None:
    with store.writing():
        proxy = store.put_blob(b"proxy")
        store.add_release(make_release(proxy=proxy), [])
    assert store.problems() == []
    store.blob_path(proxy).write_bytes(b"other")
    assert store.problems() == [f"blob {proxy} is missing or damaged"]
