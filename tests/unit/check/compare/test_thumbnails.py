"""How far pictures are apart under what was laid over them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from haechi.check.compare.thumbnails import distances

SIZE = (48, 64)


def _moving(count: int) -> NDArray[np.float32]:
    """A slope of brightness over which a bright spot wanders."""
    slope = np.linspace(60, 180, SIZE[1], dtype=np.float32)[None, :].repeat(SIZE[0], 0)
    frames = np.stack([slope] * count)
    for k, frame in enumerate(frames):
        frame[16:24, 12 + 3 * k : 20 + 3 * k] += 40
    return frames


def test_a_border_is_left_out_with_the_places_where_it_has_the_brightness_of_what_it_covers() -> None:
    master = _moving(10)
    probe = master.copy()
    for strip in (np.s_[:, :8], np.s_[:, -8:], np.s_[:, :, :8], np.s_[:, :, -8:]):
        probe[strip] = 120
    seen, own = np.ones(SIZE, bool), np.arange(10)
    hidden, _ = distances(probe, master, seen, own)
    clear, _ = distances(probe, master, seen, own, faint=True)
    assert np.diagonal(hidden).min() > 3 and np.diagonal(clear).max() < 1
    # What moves beside it still tells one moment from the next.
    assert clear[4, 5] > 10 * np.diagonal(clear).max()


def test_faint_differences_by_themselves_are_not_left_out() -> None:
    master = _moving(10)
    probe = master.copy()
    probe[:, 30:40, 20:40] += 10
    seen, own = np.ones(SIZE, bool), np.arange(10)
    assert np.allclose(*(distances(probe, master, seen, own, faint=faint)[0] for faint in (False, True)))
