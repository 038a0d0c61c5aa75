from __future__ import annotations

from pathlib import Path

import pytest

from haechi.core.provenance.keys import new_identity
from haechi.core.settings import Limits, Settings
from haechi.workflows import software
from haechi.workflows.software import software_id


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", models=tmp_path / "models")


def test_same_software_has_the_same_id(settings: Settings) -> None:
    assert software_id(settings) == software_id(settings)
    assert software_id(settings).startswith("sha256:")


def test_weights_limits_packages_and_certificates_change_the_id(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = {software_id(settings)}
    ids.add(software_id(settings.model_copy(update={"limits": Limits(max_pixels=1)})))
    settings.models.mkdir()
    (settings.models / "weights.onnx").write_bytes(b"w")
    ids.add(software_id(settings))
    monkeypatch.setattr(software, "package_versions", lambda: {"numpy": "0"})
    ids.add(software_id(settings))
    new_identity(settings.home, "Example")
    ids.add(software_id(settings))
    ids.add(software_id(settings, remote=True))
    assert len(ids) == 6
