"""The photographs' benchmark: graphics keep off faces, alterations show, and every case can be made again."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks import photographs
from benchmarks.graphics import KINDS, PLACED, laid_over
from benchmarks.tampering import ALTERATIONS, LEAST_SEEN, MORE
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
FACE = (172.0, 60.0, 100.0, 125.0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_graphic_changes_the_picture_but_not_the_middle_of_a_face(kind: str, astronaut: Picture) -> None:
    made = laid_over(astronaut, kind, np.random.default_rng(4), [FACE])
    again = laid_over(astronaut, kind, np.random.default_rng(4), [FACE])
    assert made.shape == astronaut.shape
    assert (made == again).all()
    assert (made != astronaut).any(axis=2).mean() > 0.0005
    if kind in PLACED:
        x, y, w, h = (int(v) for v in FACE)
        middle = np.s_[y + h // 3 : y + 2 * h // 3, x + w // 3 : x + 2 * w // 3]
        assert (made[middle] == astronaut[middle]).all()


@pytest.mark.parametrize("kind", [*ALTERATIONS, *MORE])
def test_an_alteration_shows(kind: str, astronaut: Picture) -> None:
    other = np.ascontiguousarray(np.rot90(astronaut))
    made = (ALTERATIONS | MORE)[kind](astronaut, other, [FACE], np.random.default_rng(2))
    assert made is not None
    apart = np.abs(made.astype(int) - astronaut).max(axis=2)
    assert apart[apart > 2].mean() > LEAST_SEEN


def test_what_would_not_show_is_not_made() -> None:
    plain = np.full((200, 200, 3), 120, np.uint8)
    makers = ("cloned", "erased", "blurred", "warped", "face_mirrored")
    made = [ALTERATIONS[kind](plain, plain, [(60, 60, 80, 80)], np.random.default_rng(1)) for kind in makers]
    assert made == [None] * len(makers)


def test_development_and_test_share_no_photograph_and_every_case_has_its_chain() -> None:
    dev, test = photographs.PHOTOGRAPHS["dev"], photographs.PHOTOGRAPHS["test"]
    assert not set(dev) & set(test)
    cases = list(photographs.plan("all"))
    assert len({case.name for case in cases}) == len(cases) == (len(dev) + len(test)) * (len(KINDS) + len(ALTERATIONS))
    assert {case.chain for case in cases} == set(photographs.CHAINS)


def test_wrong_is_a_graphic_told_as_altered_and_an_alteration_that_is_not() -> None:
    rows = [
        {"harmless": harmless, "verdict": verdict, "split": "test", "kind": "k", "chain": "c"}
        for harmless, verdict in (
            (True, "altered"),
            (True, "authentic_copy"),
            (False, "altered"),
            (False, "inconclusive"),
        )
    ]
    assert [photographs.is_wrong(row) for row in rows] == [True, False, False, True]
    assert "| false alarms, test | 2 | 1 | 50.0 %" in photographs.render(rows)
