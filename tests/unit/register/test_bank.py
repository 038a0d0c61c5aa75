from __future__ import annotations

from pathlib import Path

import pytest

from haechi.core.errors import PolicyError
from haechi.core.settings import Limits
from haechi.core.store import Store
from haechi.register.bank import add_to_bank

pytestmark = pytest.mark.usefixtures("light_media")


def test_fake_is_kept_with_its_reason_and_without_its_picture(store: Store, master: Path) -> None:
    item, _ = add_to_bank(master, store, Limits(), because=" confirmed by J. Kim ")
    assert item.because == "confirmed by J. Kim"
    assert store.bank_items() == [item]
    assert {row.item_id for row in store.fingerprints()} == {item.id}
    assert not (store.home / "blobs").exists()


def test_same_fake_is_added_once(store: Store, master: Path) -> None:
    first, added = add_to_bank(master, store, Limits(), because="confirmed by J. Kim")
    assert added
    assert add_to_bank(master, store, Limits(), because="somebody else") == (first, False)


def test_nobody_confirmed_it(store: Store, master: Path) -> None:
    with pytest.raises(PolicyError, match="--because"):
        add_to_bank(master, store, Limits(), because="  ")
    assert store.bank_items() == []
