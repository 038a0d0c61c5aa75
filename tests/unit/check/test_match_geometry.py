"""Whether two small pictures look the same where the master has something to look at."""

from __future__ import annotations

import numpy as np
import pytest

from haechi.check.match_geometry import block_agreement
from haechi.core.fingerprint.visual import SMALL_SIDE

EVERYWHERE = np.ones((SMALL_SIDE, SMALL_SIDE), bool)
RNG = np.random.default_rng(3)
SCENE = RNG.integers(0, 256, (SMALL_SIDE, SMALL_SIDE), np.uint8)
PLAIN = (128 + RNG.integers(-1, 2, (SMALL_SIDE, SMALL_SIDE))).astype(np.uint8)


def test_same_pictures_agree() -> None:
    assert block_agreement(SCENE.astype(np.float32), EVERYWHERE, SCENE) == pytest.approx(1.0)


def test_other_pictures_do_not_agree() -> None:
    other = RNG.integers(0, 256, SCENE.shape).astype(np.float32)
    assert block_agreement(other, EVERYWHERE, SCENE) == pytest.approx(0.0, abs=0.1)


def test_a_structure_that_was_painted_over_counts_against_the_pair() -> None:
    painted = SCENE.astype(np.float32)
    painted[: SMALL_SIDE // 2] = 128.0
    assert block_agreement(painted, EVERYWHERE, SCENE) == pytest.approx(0.5)


def test_what_was_added_to_a_plain_picture_says_nothing_of_it() -> None:
    with_sticker = PLAIN.astype(np.float32)
    with_sticker[:24, :24] = SCENE[:24, :24]
    assert block_agreement(with_sticker, EVERYWHERE, PLAIN) is None
