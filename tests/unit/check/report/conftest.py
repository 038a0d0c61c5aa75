"""The sample reports, for the tests of this folder."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

from haechi.core.records import Report

NAMES = (
    "authentic", "authentic_copy", "altered", "altered_image", "altered_audio", "compare", "known_fake",
    "likely_fake", "inconclusive", "not_ours",
)  # fmt: skip


def load_samples() -> ModuleType:
    name = "haechi_report_samples"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("samples.py"))
        assert spec is not None and spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def samples() -> ModuleType:
    return load_samples()


@pytest.fixture(scope="session")
def reports(samples: ModuleType) -> Mapping[str, Report]:
    made: Mapping[str, Report] = samples.sample_reports()
    assert set(made) == set(NAMES)
    return made


@pytest.fixture(params=NAMES)
def report(request: pytest.FixtureRequest, reports: Mapping[str, Report]) -> Report:
    return reports[request.param]
