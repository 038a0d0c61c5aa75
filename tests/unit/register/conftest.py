from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from haechi.core.store import Store, open_store
from haechi.register import bank, release

SCRIPT = Path(__file__).with_name("registering.py")


@pytest.fixture(scope="session")
def stand_ins() -> ModuleType:
    spec = importlib.util.spec_from_file_location("registering", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["registering"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def light_media(stand_ins: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace decoding and fingerprinting, which have tests of their own, by something quick."""
    for module in (release, bank):
        monkeypatch.setattr(module, "fingerprint_media", stand_ins.fingerprint)
        monkeypatch.setattr(module, "probe_media", stand_ins.media_info)
    monkeypatch.setattr(release, "make_proxy", stand_ins.proxy)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "home")


@pytest.fixture
def master(tmp_path: Path) -> Path:
    path = tmp_path / "마스터 one.mov"
    path.write_bytes(b"the bytes of a master")
    return path


@pytest.fixture
def start() -> Callable[..., subprocess.Popen[str]]:
    def begin(home: Path, path: Path, point: str = "", limit: str = "") -> subprocess.Popen[str]:
        command = [sys.executable, str(SCRIPT), str(home), str(path), point, limit]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return begin
