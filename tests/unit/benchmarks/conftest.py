from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[2]), str(HERE)]

from benchmarks.clips import Clip, Material, excerpt  # noqa: E402
from drawn_person import made_material  # noqa: E402


@pytest.fixture(scope="module")
def material() -> Material:
    return made_material()


@pytest.fixture
def clip(material: Material) -> Clip:
    return excerpt(material, 0.2, 2.6)[0]


@pytest.fixture
def inside(material: Material) -> slice:
    return excerpt(material, 0.2, 2.6)[1]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)
