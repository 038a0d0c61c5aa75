"""What faces lack of the master's detail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.check.compare.lacking import judge_lacking
from haechi.check.compare.regions import CODES
from haechi.check.compare.residual import Energies
from haechi.core.records import Region

N, H, W = 40, 24, 30
TIMES = np.arange(N) / 15.0
FACE = np.s_[:, 4:20, 8:22]
SOFT = np.s_[10:30, 8:14, 11:19]

Map = NDArray[np.float32]


@pytest.fixture
def codes() -> NDArray[np.uint8]:
    painted = np.full((N, H, W), CODES[Region.BACKGROUND], np.uint8)
    painted[FACE] = CODES[Region.FACE]
    return painted


def measured(seed: int) -> tuple[Energies, Energies]:
    """A harmless copy and another one: both keep, cell by cell, nearly as much detail as the null does."""
    rng = np.random.default_rng(seed)
    texture = rng.uniform(3.0, 7.0, (1, H, W)).repeat(N, 0).astype(np.float32)

    def about(values: Map) -> Map:
        return (values + rng.normal(0.0, 0.15, (N, H, W))).astype(np.float32)

    nothing = np.zeros((N, H, W), np.float32)
    energies = Energies(nothing, nothing, texture, nothing, np.ones((H, W), bool), about(texture), about(texture))
    return energies, replace(energies, kept=about(texture))


def softened(energies: Energies, where: tuple[slice, ...], by: float) -> Energies:
    assert energies.kept is not None
    kept = energies.kept.copy()
    kept[where] -= by
    return replace(energies, kept=kept)


def test_a_soft_patch_of_a_face_is_found_where_and_when_it_is(codes: NDArray[np.uint8]) -> None:
    probe, harmless = measured(1)
    judged = judge_lacking(softened(probe, SOFT, 0.5), harmless, codes, TIMES)
    assert judged is not None
    (found,) = judged.components
    assert found.region is Region.FACE
    assert found.high == judged.high[Region.FACE] >= 6.0
    assert abs(found.first - 10) <= 2
    assert abs(found.last - 29) <= 2
    rows, columns = np.nonzero(found.footprint)
    assert 6 <= rows.min() <= rows.max() <= 15
    assert 9 <= columns.min() <= columns.max() <= 20


def test_copies_and_soft_scenery_lack_nothing(codes: NDArray[np.uint8]) -> None:
    for seed in range(5):
        probe, harmless = measured(seed)
        judged = judge_lacking(probe, harmless, codes, TIMES)
        assert judged is not None
        assert judged.components == ()
    judged = judge_lacking(softened(probe, np.s_[:, 0:3, 0:8], 0.8), harmless, codes, TIMES)
    assert judged is not None
    assert judged.components == ()


def test_as_soft_as_a_harmless_copy_can_be_is_no_lack(codes: NDArray[np.uint8]) -> None:
    probe, harmless = measured(2)
    judged = judge_lacking(softened(probe, SOFT, 0.5), softened(harmless, SOFT, 0.5), codes, TIMES)
    assert judged is not None
    assert judged.components == ()


def test_stills_and_scenes_without_faces_tell_nothing(codes: NDArray[np.uint8]) -> None:
    probe, harmless = measured(3)
    assert judge_lacking(probe, harmless, np.full_like(codes, CODES[Region.BACKGROUND]), TIMES) is None
    assert judge_lacking(replace(probe, kept=None), harmless, codes, TIMES) is None
    assert judge_lacking(probe, harmless, codes[:4], TIMES[:4]) is None
