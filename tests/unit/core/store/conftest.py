from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from haechi.core.fingerprint import FingerprintSet
from haechi.core.records import BankItem, Kind, Release
from haechi.core.store import Store, open_store


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


@pytest.fixture
def digest() -> Callable[[str], str]:
    return _digest


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "home")


@pytest.fixture
def make_release() -> Callable[..., Release]:
    def make(name: str = "one", **changes: object) -> Release:
        values: dict[str, object] = {
            "id": f"R-{name}",
            "title": f"Title of {name}",
            "kind": Kind.VIDEO,
            "sha256": _digest(name),
            "source_name": f"{name}.mp4",
            "artist_id": None,
            "published": "2026-05-01",
            "added_at": "2026-11-22T00:00:00+00:00",
            "duration_s": 12.5,
            "width": 1280,
            "height": 720,
            "proxy": None,
        }
        return Release(**(values | changes))  # type: ignore[arg-type]

    return make


@pytest.fixture
def make_bank_item() -> Callable[..., BankItem]:
    def make(name: str = "fake") -> BankItem:
        return BankItem(
            id=f"B-{name}",
            kind=Kind.IMAGE,
            sha256=_digest(name),
            source_name=f"{name}.png",
            because="confirmed by the protection team",
            added_at="2026-11-22T00:00:00+00:00",
            duration_s=None,
        )

    return make


@pytest.fixture
def make_set() -> Callable[..., FingerprintSet]:
    def make(algorithm: str = "test_v1", value: int = 7) -> FingerprintSet:
        return FingerprintSet(algorithm, {"hashes": np.full((3, 4), value, np.uint8)})

    return make
