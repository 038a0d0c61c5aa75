"""Measurements of what differs."""

from __future__ import annotations

import numpy as np

from haechi.check.compare.look import is_corner


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
