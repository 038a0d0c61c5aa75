"""Whether a sound is what its mark points to."""

from __future__ import annotations

import numpy as np

from haechi.core.watermark.audio.agree import agreeing_share
from unit.core.watermark.audio.sounds import RATE, faster, noisy, song


def test_a_copy_agrees_and_another_sound_does_not() -> None:
    master = song(20, seed=1)
    assert agreeing_share(noisy(master[5 * RATE : 13 * RATE], 15), master, 5.0) == 1
    assert agreeing_share(song(8, seed=2), master, 5.0) == 0
    assert agreeing_share(master[5 * RATE : 13 * RATE], master, 7.3) == 0


def test_a_faster_copy_agrees_where_the_reading_says_so() -> None:
    master = song(20, seed=1)
    probe = faster(master, 1.05)[: 8 * RATE]
    assert (agreeing_share(probe, master, 0.0, 1.05, 1.05) or 0) >= 0.75
    assert agreeing_share(probe, master, 0.0) != 1


def test_nothing_is_said_of_silence() -> None:
    assert agreeing_share(np.zeros(8 * RATE, np.float32), song(8), 0.0) is None
    assert agreeing_share(np.zeros(0, np.float32), song(8), 0.0) is None
