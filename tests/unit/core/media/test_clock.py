from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.core.media.clock import Clock

TB = Fraction(1, 1000)


def test_starts_at_zero_and_follows_the_stamps() -> None:
    clock = Clock(TB, 25)
    assert [clock.seconds(t) for t in (500, 540, 700)] == pytest.approx([0.0, 0.04, 0.2])
    assert clock.repaired == 0


def test_missing_standing_and_backward_stamps_go_on_at_the_usual_distance() -> None:
    clock = Clock(TB, 10)
    times = [round(clock.seconds(t), 3) for t in (0, None, 200, 200, -2000, -1900)]
    assert times == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert clock.repaired == 3


def test_jumbled_stamps_do_not_stretch_time() -> None:
    clock = Clock(TB, 30)
    jumbled = [stamp for k in range(0, 3000, 100) for stamp in (k, k + 67, k + 33)]
    times = [clock.seconds(stamp) for stamp in jumbled]
    assert max(abs(time_s - stamp / 1000) for time_s, stamp in zip(times, sorted(jumbled), strict=True)) < 0.07


def test_a_leap_beyond_the_longest_file_is_taken_out() -> None:
    clock = Clock(TB, 10, longest_s=100)
    assert [clock.seconds(t) for t in (0, 10_000_000, 10_000_100)] == pytest.approx([0.0, 0.1, 0.2])


@given(st.lists(st.one_of(st.none(), st.integers(-(2**62), 2**62)), min_size=1), st.one_of(st.none(), st.floats()))
def test_always_ascends_from_zero(stamps: list[int | None], rate: float | None) -> None:
    clock = Clock(TB, rate)
    times = [clock.seconds(stamp) for stamp in stamps]
    assert times[0] == 0.0
    assert all(a < b for a, b in pairwise(times))
