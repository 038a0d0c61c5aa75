from __future__ import annotations

from pathlib import Path

import pytest

from haechi.core.provenance import certificates
from haechi.core.provenance.keys import new_identity
from haechi.core.settings import Settings
from haechi.core.store import Store, open_store
from haechi.core.watermark.mark_key import make_mark_key
from haechi.workflows.doctor import Part, examine


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", models=tmp_path / "models")


def test_every_part_is_looked_at(settings: Settings) -> None:
    parts = {part.name: part for part in examine(settings)}
    assert list(parts) == ["haechi", "packages", "decoders", "weights", "home", "store", "keys", "watermark", "disk"]
    assert "libavcodec" in parts["decoders"].detail
    assert not parts["weights"].ok
    assert "haechi models pull" in parts["weights"].detail
    assert [name for name, part in parts.items() if not part.ok] == ["weights"]
    assert not settings.home.exists()


def test_damaged_store_is_found(settings: Settings) -> None:
    open_store(settings.home)
    (settings.home / "haechi.db").write_bytes(b"not a database" * 500)
    (store,) = [part for part in examine(settings) if part.name == "store"]
    assert not store.ok
    assert "damaged" in store.detail


def test_home_that_is_a_file_is_found(settings: Settings) -> None:
    settings.home.write_bytes(b"")
    parts = {part.name: part.ok for part in examine(settings)}
    assert not parts["home"]


def test_a_lost_watermark_key_is_found(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def watermark() -> Part:
        return next(part for part in examine(settings) if part.name == "watermark")

    assert watermark().ok
    open_store(settings.home)
    make_mark_key(settings.home)
    assert watermark().ok
    (settings.home / "keys" / "watermark.key").chmod(0o644)
    assert "chmod 600" in watermark().detail
    (settings.home / "keys" / "watermark.key").unlink()
    assert watermark().ok
    monkeypatch.setattr(Store, "has_marks", lambda *_: True)
    assert not watermark().ok
    assert "restore" in watermark().detail


def test_a_certificate_near_its_end_is_found(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def keys() -> Part:
        return next(part for part in examine(settings) if part.name == "keys")

    assert keys().ok
    new_identity(settings.home, "Example Entertainment")
    assert keys().ok
    monkeypatch.setattr(certificates, "SIGNER_DAYS", 20)
    new_identity(settings.home, "Example Entertainment")
    assert not keys().ok
    assert "haechi keys new" in keys().detail
    monkeypatch.undo()
    new_identity(settings.home, "Example Entertainment")
    assert keys().ok
