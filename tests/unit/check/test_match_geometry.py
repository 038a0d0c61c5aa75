"""Whether two pictures look the same, which pairs are accepted, and where a picture on a page lies in its master."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.check.match_geometry import (
    Pair,
    Stored,
    accepts,
    block_agreement,
    confirm_pair,
    take_pictures,
    to_full_size,
)
from haechi.core.fingerprint.visual import SMALL_SIDE, fingerprint_pictures
from haechi.core.media.probe import probe_media
from haechi.core.settings import Limits

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


def pair(inliers: int, agreement: float | None, alike: float | None, bits: int = 128, spread: float = 0.2) -> Pair:
    return Pair(0.0, 0.0, np.eye(3), False, inliers, spread, agreement, alike, bits)


@pytest.mark.parametrize(
    ("found", "accepted"),
    [
        (pair(20, 1.0, 0.5), True),  # a crop to half
        (pair(71, 0.45, 0.45), True),  # a captioned sky
        (pair(125, 0.63, 0.37), True),  # a sky seen from the side
        (pair(15, 1.0, 1.0), False),
        (pair(9, 0.92, 0.75, bits=40), True),  # a coarsely coded sky: its hash speaks too
        (pair(9, 0.92, 0.75, bits=49), False),
        (pair(7, 1.0, 1.0, bits=4), False),
        (pair(30, None, None), True),
        (pair(30, None, None, spread=0.01), False),
        # Different photographs of one man, as were seen.
        (pair(47, 0.83, 0.53), False),
        (pair(54, 0.53, 0.11), False),
        (pair(73, 0.62, 0.05), False),
        (pair(68, 0.68, 0.43), False),
        (pair(36, 0.9, 0.38), False),
    ],
)
def test_which_pairs_are_accepted(found: Pair, accepted: bool) -> None:
    assert accepts(found, alone=True) is accepted


def test_pairs_that_motion_will_confirm_need_less() -> None:
    assert accepts(pair(20, 0.4, 0.0), alone=False)
    assert not accepts(pair(20, 0.2, 0.0), alone=False)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_picture_on_a_page_lies_where_it_is_shown(
    tmp_path: Path, astronaut: NDArray[np.uint8], mirrored: bool
) -> None:
    (tmp_path / "a.png").write_bytes(cv2.imencode(".png", astronaut)[1].tobytes())
    path = tmp_path / "a.png"
    master = fingerprint_pictures(path, probe_media(path, Limits()), Limits())
    gray = np.asarray(cv2.cvtColor(astronaut, cv2.COLOR_BGR2GRAY), np.uint8)
    shown = gray[:, ::-1] if mirrored else gray
    page = np.full((1200, 600), 250, np.uint8)
    page[300 : 300 + gray.shape[0], 40 : 40 + gray.shape[1]] = shown
    whole, inner = take_pictures(page, 0.0, thorough=True)
    best = confirm_pair(inner, Stored(master, 0), mirrored=mirrored)
    assert best is not None and accepts(best, alone=True) and best.agreement == pytest.approx(1.0)
    small = confirm_pair(whole, Stored(master, 0), mirrored=mirrored)
    assert small is None or small.inliers < best.inliers
    height, width = gray.shape
    matrix = np.array(to_full_size(best.matrix, (600, 1200), (width, height))).reshape(3, 3)
    corner = matrix @ [40.0, 300.0, 1.0]
    assert corner[:2] / corner[2] == pytest.approx([width if mirrored else 0, 0], abs=3)


def test_a_page_is_taken_apart_only_where_pictures_are_searched_for_thoroughly() -> None:
    page = np.full((1200, 600), 250, np.uint8)
    page[300:700, 40:540] = np.random.default_rng(1).integers(0, 200, (400, 500), np.uint8)
    assert len(take_pictures(page, 0.0, thorough=True)) == 2
    assert len(take_pictures(page, 0.0, thorough=False)) == 1
