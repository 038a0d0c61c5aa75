"""The derived index: written at once, read back, healed, never the truth."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from haechi.core.fingerprint import FingerprintSet, catalogue
from haechi.core.fingerprint.catalogue import Catalogue
from haechi.core.records import Kind, Release
from haechi.core.store import Store, open_store


def pictures(seed: int, samples: int = 3, features: int = 40) -> FingerprintSet:
    rng = np.random.default_rng(seed)
    return FingerprintSet(
        "video_fingerprint_v1",
        {
            "pdq": rng.integers(0, 256, (samples, 32), np.uint8),
            "pdq_frame": np.arange(samples, dtype=np.int32),
            "orb_first": (np.arange(samples + 1) * features).astype(np.int32),
            "orb_codes": rng.integers(0, 256, (samples * features, 32), np.uint8),
        },
    )


def sound(seed: int) -> FingerprintSet:
    rng = np.random.default_rng(seed)
    keys = rng.integers(0, 2**24, 50).astype(np.uint32)
    return FingerprintSet("audio_fingerprint_v1", {"keys": keys, "times": np.arange(50, dtype=np.float32)})


def add(store: Store, number: int) -> str:
    name = f"R-{number}"
    release = Release(name, name, Kind.VIDEO, f"sha256:{number}", name, None, None, "2026-01-01", 1.0, 2, 2, None)
    return store.add_release(release, [pictures(number), sound(number)])[0].id


def found(store: Store, number: int) -> set[str]:
    """Ids that answer to the hashes, features and landmarks of one item; all three must agree."""
    one = Catalogue(store)
    one.refresh()
    arrays, heard = pictures(number).arrays, sound(number).arrays
    answers = [
        {one.rows[row].item_id for row in hits.row}
        for hits in (
            one.search_pdq(arrays["pdq"], 31),
            one.search_features(arrays["orb_codes"], 40),
            one.search_landmarks(heard["keys"]),
        )
    ]
    assert answers[0] == answers[1] == answers[2]
    return answers[0]


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every two or three items are worth a segment."""
    monkeypatch.setattr(catalogue, "_FLUSH_SIZE", 300)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "home")


def segments(store: Store) -> list[str]:
    return sorted(p.name for p in (store.index_folder / "catalogue-v1").glob("seg-*"))


def test_new_matches_at_once_and_removed_no_more(store: Store, small_segments: None) -> None:
    one = Catalogue(store)
    for number in range(12):
        add(store, number)
        one.refresh()
        hits = one.search_pdq(pictures(number).arrays["pdq"], 31)
        assert {one.rows[row].item_id for row in hits.row} == {f"R-{number}"}
        assert sorted(hits.place.tolist()) == [0, 1, 2]
    store.remove_release("R-5")
    assert found(store, 5) == set() and found(store, 4) == {"R-4"} and found(store, 11) == {"R-11"}


def test_restart_reads_the_segments(store: Store, small_segments: None) -> None:
    for number in range(8):
        add(store, number)
        assert found(store, number) == {f"R-{number}"}
    assert segments(store)
    again = open_store(store.home)
    assert all(found(again, number) == {f"R-{number}"} for number in range(8))


def test_many_segments_become_one_without_the_removed(store: Store, small_segments: None) -> None:
    for number in range(40):
        add(store, number)
        if number == 20:
            store.remove_release("R-3")
        found(store, number)
    assert len(segments(store)) <= 7
    assert found(store, 3) == set() and found(store, 0) == {"R-0"} and found(store, 39) == {"R-39"}


def test_damaged_and_deleted_files_are_made_anew(store: Store, small_segments: None) -> None:
    for number in range(9):
        add(store, number)
        found(store, number)
    folder = store.index_folder / "catalogue-v1"
    (folder / segments(store)[0] / "meta.json").write_text("{", encoding="utf-8")
    assert all(found(store, number) == {f"R-{number}"} for number in range(9))
    next((folder / segments(store)[-1]).rglob("ids.npy")).write_bytes(b"")
    assert all(found(store, number) == {f"R-{number}"} for number in range(9))
    shutil.rmtree(folder)
    assert all(found(store, number) == {f"R-{number}"} for number in range(9))


def test_index_of_another_database_is_dropped(tmp_path: Path, small_segments: None) -> None:
    one, other = open_store(tmp_path / "one"), open_store(tmp_path / "other")
    for number in range(6):
        add(one, number)
        add(other, number + 100)
    found(one, 0)
    shutil.copytree(one.index_folder, other.index_folder, dirs_exist_ok=True)
    assert found(other, 103) == {"R-103"} and found(other, 3) == set()


def test_without_a_writable_folder_it_works_from_memory(store: Store, small_segments: None) -> None:
    (store.index_folder / "catalogue-v1").write_text("in the way", encoding="utf-8")
    for number in range(6):
        add(store, number)
    assert all(found(store, number) == {f"R-{number}"} for number in range(6))


def test_a_killed_writer_leaves_nothing_half(store: Store, small_segments: None) -> None:
    for number in range(6):
        add(store, number)
    code = f"""
import os, signal
from pathlib import Path
from haechi.core.fingerprint import catalogue, segment
from haechi.core.store import open_store
catalogue._FLUSH_SIZE = 300
segment._sync = lambda path: os.kill(os.getpid(), signal.SIGKILL)
catalogue.Catalogue(open_store(Path({str(store.home)!r}))).refresh()
"""
    killed = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert segments(store) == []
    assert all(found(store, number) == {f"R-{number}"} for number in range(6))
    assert not list((store.index_folder / "catalogue-v1").glob("part-*"))
