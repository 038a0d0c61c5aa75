"""Measurements of what differs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.check.compare.look import beside_own_moment, is_corner
from haechi.check.compare.window import Window


def test_a_full_rectangle_near_a_corner_is_told_whatever_lines_run_along_the_border() -> None:
    apart = np.zeros((288, 360), np.float32)
    apart[4:84, 4:84] = 60
    assert is_corner(apart)
    # Scan lines at a film's border reach black, and a copy's do not.
    apart[0:2] = 40
    assert is_corner(apart)
    apart[30:60, 300:330] = 60
    assert is_corner(apart)


def test_other_shapes_and_places_are_no_small_picture_in_a_corner() -> None:
    rows, columns = np.indices((288, 360))
    round_patch = np.where((rows - 44) ** 2 + (columns - 44) ** 2 < 1600, 60, 0).astype(np.float32)
    assert not is_corner(round_patch)
    middle = np.zeros((288, 360), np.float32)
    middle[100:180, 140:240] = 60
    assert not is_corner(middle)
    line = np.zeros((288, 360), np.float32)
    line[0:3] = 60
    assert not is_corner(line)


def test_a_pointer_is_shown_by_the_frame_beside_and_what_was_pasted_by_none() -> None:
    master = np.full((5, 40, 60), 20, np.uint8)
    for k, frame in enumerate(master):
        frame[10:20, 10 + 8 * k : 16 + 8 * k] = 220
    late, pasted = master.copy(), master.copy()
    late[2], pasted[1:4, 28:38, 40:50] = master[1], 180
    box, inside = (slice(5, 40), slice(5, 60)), np.ones((35, 55), bool)

    def beside(probe: NDArray[np.uint8], *frames: int) -> float:
        return beside_own_moment(
            cast(Window, SimpleNamespace(probe=probe, expected=master)), np.array(frames), box, inside
        )

    assert beside(late, 2) == 0.0
    assert beside(pasted, 1, 2, 3) == pytest.approx(160.0)
    # One frame that another does not explain is enough, and a still has none beside it.
    late[3, 28:38, 40:50] = 180
    assert beside(late, 2, 3) == pytest.approx(160.0)
    still = cast(Window, SimpleNamespace(probe=pasted[2:3], expected=master[2:3]))
    assert beside_own_moment(still, np.array([0]), box, inside) == np.inf
