"""Whether a sound is what its mark points to."""

from __future__ import annotations

import numpy as np

from haechi.core.watermark.audio import Shaper, cells, embed_sound, read
from haechi.core.watermark.audio.agree import agreeing_share
from haechi.core.watermark.audio.pattern import CELL_S
from haechi.core.watermark.marks import LEAST_AGREEING
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


def test_a_sound_that_bears_the_estimate_of_another_ones_mark_does_not_agree() -> None:
    """The estimate is made of the marked sound's fine structure: that alone must not make it agree."""
    master, host = song(14, seed=1), song(14, seed=2)
    marked = embed_sound(master, RATE, 123, b"a company's key!", mono_16k=master).samples
    of = cells.loudness(cells.band_power(cells.running_power(marked)))
    rest, spread = cells.whiten(cells.cells(of, 1.0, np.zeros(1), int(14 / CELL_S))[0][0])
    estimate = np.clip(rest / spread, -1.5, 1.5)
    shaper = Shaper(RATE, 1, estimate * np.float32(3.6 / np.sqrt(np.mean(estimate**2))))
    moved = np.concatenate([shaper.add(host[:, None]), shaper.finish()])[:, 0]
    reading = read(moved, b"a company's key!")
    assert reading is not None and reading.payload == 123
    assert (agreeing_share(moved, master, reading.start_s) or 0) < LEAST_AGREEING / 2
