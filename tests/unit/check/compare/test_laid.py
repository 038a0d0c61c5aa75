"""Which frames of the master a sped-up probe's pictures are held against."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.check.compare.clip import Clip
from haechi.check.compare.geometry import Placement
from haechi.check.compare.laid import at_other_speed
from haechi.check.compare.timing import Line

RATE = 25.0


def _master(astronaut: NDArray[np.uint8], count: int) -> Clip:
    """A photograph over which a small piece of it wanders, never standing still."""
    scene = cv2.cvtColor(cv2.resize(astronaut, (160, 160), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    frames = np.repeat(scene[None], count, axis=0)
    for k, frame in enumerate(frames):
        x = round(20 + 3 * k)
        frame[90:106, x : x + 16] = scene[30:46, 60:76]
    return Clip(frames, np.arange(count) / RATE)


def _moved(speed: float, wrong: list[int], shown: list[int], master: Clip) -> list[int]:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 2, (len(shown), *master.shape))
    probes = np.clip(master.frames[shown] + noise, 0, 255).astype(np.uint8)
    line = Line(0.0, speed, 0.0, 10.0, 1.0)
    placement = Placement(np.eye(2, 3), 0)
    times = np.arange(len(shown)) / RATE
    seen = np.ones(master.shape, bool)
    return list(at_other_speed(np.array(wrong), [line], times, probes, master, placement, seen))


def test_at_another_speed_the_frame_that_fits_is_taken_though_the_line_lies_nearer_to_the_one_before(
    astronaut: NDArray[np.uint8],
) -> None:
    master, shown = _master(astronaut, 30), list(range(4, 24, 2))
    before = [i - 1 if k in (3, 4, 7) else i for k, i in enumerate(shown)]
    assert _moved(1.03, before, shown, master) == shown
    assert _moved(1.03, shown, shown, master) == shown


def test_at_its_own_speed_a_frame_stays_where_the_line_says(astronaut: NDArray[np.uint8]) -> None:
    master, shown = _master(astronaut, 30), list(range(4, 24, 2))
    before = [i - 1 if k == 3 else i for k, i in enumerate(shown)]
    assert _moved(1.0, before, shown, master) == before


def test_nothing_moves_by_more_than_a_frame(astronaut: NDArray[np.uint8]) -> None:
    master, shown = _master(astronaut, 30), list(range(4, 24, 2))
    far = [i - 4 if k == 5 else i for k, i in enumerate(shown)]
    assert abs(_moved(1.03, far, shown, master)[5] - far[5]) <= 1
