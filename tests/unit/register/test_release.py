from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from haechi.core.errors import InputError, StoreError
from haechi.core.settings import Limits
from haechi.core.store import Store, open_store
from haechi.register.bank import add_to_bank
from haechi.register.release import register_release

pytestmark = pytest.mark.usefixtures("light_media")


def test_release_is_stored_with_fingerprints_and_working_copy(
    store: Store, master: Path, stand_ins: ModuleType
) -> None:
    artist = store.add_artist("하늘", "contract", [])
    told: list[float] = []
    release, _ = register_release(
        master, store, Limits(), artist="하늘", title="First Snow", published="2026-05-01", progress=told.append
    )
    assert store.releases() == [release]
    assert (release.title, release.artist_id, release.published) == ("First Snow", artist.id, "2026-05-01")
    assert release.source_name == "마스터 one.mov"
    assert release.proxy is not None
    assert store.blob_path(release.proxy).read_bytes() == stand_ins.PROXY + master.read_bytes()
    assert [row.item_id for row in store.fingerprints()] == [release.id] * stand_ins.SETS
    assert not list((store.home / "incoming").iterdir())


def test_title_is_the_file_name_when_none_is_given(store: Store, master: Path) -> None:
    assert register_release(master, store, Limits())[0].title == "마스터 one"


def test_same_bytes_give_the_release_that_stands(store: Store, master: Path, tmp_path: Path) -> None:
    first, added = register_release(master, store, Limits())
    assert added
    copy = tmp_path / "copy.mov"
    copy.write_bytes(master.read_bytes())
    assert register_release(copy, store, Limits(), title="other") == (first, False)
    assert len(store.releases()) == 1


@pytest.mark.parametrize("details", [{"artist": "nobody"}, {"published": "May 2026"}])
def test_wrong_details_are_refused_before_any_work(store: Store, tmp_path: Path, details: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"nobody|May 2026"):
        register_release(tmp_path / "not even there.mov", store, Limits(), **details)


def test_master_that_changes_meanwhile_is_refused(
    store: Store, master: Path, stand_ins: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def growing(path: Path, *rest: object) -> object:
        sets = stand_ins.fingerprint(path, *rest)
        path.write_bytes(b"still being copied")
        return sets

    monkeypatch.setattr("haechi.register.release.fingerprint_media", growing)
    with pytest.raises(InputError, match="changed"):
        register_release(master, store, Limits())
    again = open_store(store.home)
    assert again.releases() == []
    assert not list((store.home / "blobs").rglob("*/*"))


def test_touched_master_is_accepted(
    store: Store, master: Path, stand_ins: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def touching(path: Path, *rest: object) -> object:
        path.write_bytes(path.read_bytes())
        return stand_ins.fingerprint(path, *rest)

    monkeypatch.setattr("haechi.register.release.fingerprint_media", touching)
    assert register_release(master, store, Limits())[0] in store.releases()


def test_confirmed_fake_is_no_release_and_a_master_no_fake(store: Store, master: Path, tmp_path: Path) -> None:
    fake = tmp_path / "fake.mp4"
    fake.write_bytes(b"fake")
    add_to_bank(fake, store, Limits(), because="confirmed by J. Kim")
    with pytest.raises(InputError, match="bank"):
        register_release(fake, store, Limits())
    release, _ = register_release(master, store, Limits())
    with pytest.raises(InputError, match=release.id):
        add_to_bank(master, store, Limits(), because="confirmed by J. Kim")


def test_full_disk_while_copying_leaves_nothing(store: Store, master: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("haechi.core.store.blobs.os.write", full)
        with pytest.raises(StoreError, match="full"):
            register_release(master, store, Limits())
    again = open_store(store.home)
    assert (again.releases(), again.last_seq(), again.problems()) == ([], 0, [])
    assert register_release(master, again, Limits())[0] in again.releases()
