from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from haechi.core.errors import PluginError
from haechi.core.plugins import GROUP, load_detectors
from haechi.core.records import Abstention


class Quiet:
    name, version = "quiet", 1

    def examine(self, track: Any) -> Abstention:
        return Abstention(self.name, "nothing to say")


class Broken(Quiet):
    def __init__(self) -> None:
        raise RuntimeError("weights are missing")


class Shapeless:
    name = "shapeless"


def offer(name: str) -> EntryPoint:
    return EntryPoint(name, f"{__name__}:{name}", GROUP)


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or _module())


def _module() -> Any:
    from types import ModuleType

    module = ModuleType(__name__)
    module.__dict__.update(Quiet=Quiet, Broken=Broken, Shapeless=Shapeless)
    return module


def test_detector_of_another_package_is_loaded() -> None:
    (detector,) = load_detectors([offer("Quiet")])
    assert (detector.name, detector.version) == ("quiet", 1)


@pytest.mark.parametrize(
    ("name", "reason"), [("Broken", "weights are missing"), ("Absent", "does not load"), ("Shapeless", "no detector")]
)
def test_plugin_that_fails_stops_the_start(name: str, reason: str) -> None:
    with pytest.raises(PluginError, match=reason):
        load_detectors([offer("Quiet"), offer(name)])


def test_two_detectors_of_one_name_are_refused() -> None:
    with pytest.raises(PluginError, match="quiet"):
        load_detectors([offer("Quiet"), offer("Quiet")])


def test_installed_detectors_load() -> None:
    assert isinstance(load_detectors(), tuple)
