from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.check.compare import thumbnails
from haechi.check.compare.thumbnails import distances
from haechi.check.compare.timing import align

RATE = 25.0


def footage(seed: int, seconds: float) -> NDArray[np.float32]:
    """Smoothly changing thumbnails, float32 (n, 24, 32)."""
    rng = np.random.default_rng(seed)
    keys = rng.normal(128, 40, (int(seconds * 3) + 2, 24, 32))
    at = np.arange(int(seconds * RATE)) / RATE * 3
    low = at.astype(int)
    t = (at - low)[:, None, None]
    return ((1 - t) * keys[low] + t * keys[low + 1]).astype(np.float32)


def times(n: int, rate: float = RATE) -> NDArray[np.float64]:
    return np.arange(n) / rate


def both(probe: NDArray[np.float32], master: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return distances(probe, master, np.ones(master.shape[1:], bool))


def test_offset_is_found() -> None:
    master = footage(0, 12)
    probe = master[80:180]
    got = align(*both(probe, master), times(len(probe)), times(len(master)))
    assert len(got.lines) == 1
    assert abs(got.lines[0].offset_s - 80 / RATE) < 0.01
    assert np.array_equal(got.matched, np.arange(80, 180))
    assert got.contrast > 5


def test_speed_and_frame_rate_are_found() -> None:
    master = footage(1, 12)
    shown = 2.0 + 1.07 * np.arange(0, 5, 1 / 15)
    probe = master[np.round(shown * RATE).astype(int)]
    got = align(*both(probe, master), times(len(probe), 15.0), times(len(master)))
    assert abs(got.lines[0].speed - 1.07) < 0.01
    assert np.abs(got.matched / RATE - shown).max() < 0.06


def test_joined_pieces_come_apart() -> None:
    master = footage(2, 16)
    probe = np.concatenate([master[200:260], master[20:90]])
    got = align(*both(probe, master), times(len(probe)), times(len(master)))
    assert len(got.lines) == 2
    assert abs(got.lines[0].end_s - 60 / RATE) < 0.12
    assert np.array_equal(got.matched[5:55], np.arange(205, 255))
    assert np.array_equal(got.matched[70:125], np.arange(30, 85))


def test_a_piece_keeps_its_end_where_an_earlier_line_fits_fairly() -> None:
    cost = np.random.default_rng(7).uniform(500, 700, (100, 260)).astype(np.float32)
    shown = np.concatenate([np.arange(60), np.arange(140, 180)])
    cost[np.arange(100), shown] = 0.4
    cost[np.arange(96, 100), np.arange(96, 100)] = 60.0
    got = align(cost, np.ones_like(cost), times(100), times(260))
    assert [round(line.end_s * RATE) for line in got.lines] == [60, 100]
    assert np.array_equal(got.matched, shown)


def test_altered_part_of_the_picture_does_not_pull_the_time() -> None:
    master = footage(3, 10)
    probe = master[50:150].copy()
    probe[30:70, 6:18, 8:24] = master[110:150, 6:18, 8:24]
    got = align(*both(probe, master), times(len(probe)), times(len(master)))
    assert np.array_equal(got.matched, np.arange(50, 150))


def test_foreign_footage_is_not_matched() -> None:
    master, other = footage(4, 10), footage(5, 3)
    probe = np.concatenate([master[40:120], other])
    got = align(*both(probe, master), times(len(probe)), times(len(master)))
    assert np.array_equal(got.matched[:80], np.arange(40, 120))
    assert (got.matched[80:] == -1).mean() > 0.95


def test_a_short_master_behind_longer_other_footage_is_laid_where_it_lies() -> None:
    master = footage(11, 3)
    master = master.mean(0) + 0.06 * (master - master.mean(0))  # a face that hardly moves
    probe = np.concatenate([footage(12, 4), master])
    got = align(*both(probe, master), times(len(probe)), times(len(master)))
    assert abs(got.lines[0].offset_s + 4.0) < 0.02
    assert np.array_equal(got.matched[100:], np.arange(75))


def test_time_stamps_hours_apart_do_not_make_the_search_endless() -> None:
    master = footage(13, 3)
    stamps = np.concatenate([times(40), 40_000.0 + times(35)])
    began = time.process_time()
    align(*both(master, master), stamps, times(len(master)) / 25)
    assert time.process_time() - began < 10


def test_a_vignette_does_not_hide_which_moment_is_shown() -> None:
    rng = np.random.default_rng(0)
    picture = cv2.GaussianBlur(rng.uniform(0, 255, (36, 64)).astype(np.float32), (0, 0), 3)
    still = 20 + 200 * (picture - picture.min()) / np.ptp(picture)
    across, down = (np.cumsum(rng.normal(0, 0.4, 150)) for _ in range(2))
    # A head before a wall that never moves; the last three bits are fractions of a pixel.
    heads = [
        (round(8 * (32 + 3 * np.sin(a))), round(8 * (18 + 3 * np.sin(b)))) for a, b in zip(across, down, strict=True)
    ]
    master = np.stack([cv2.circle(still.copy(), head, 48, (90.0,), -1, cv2.LINE_AA, 3) for head in heads])
    y, x = np.mgrid[-1:1:36j, -1:1:64j]
    probe = (master[60:110] * (1 - 0.3 * (x * x + y * y)) + rng.normal(0, 1, (50, 36, 64))).astype(np.float32)
    first = align(*both(probe, master), times(50), times(150))
    seen = np.ones(master.shape[1:], bool)
    got = align(*distances(probe, master, seen, first.matched), times(50), times(150))
    assert np.array_equal(got.matched, np.arange(60, 110))
    assert got.contrast > 5


def test_a_shade_that_only_noise_tells_of_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    master = footage(14, 4)
    probe, matched = master[10:60], np.arange(10, 60)
    seen = np.ones(master.shape[1:], bool)
    plain = distances(probe, master, seen, matched)
    y = np.linspace(0.5, 1.5, 24, dtype=np.float32)[:, None]
    monkeypatch.setattr(thumbnails, "_shade", lambda *_: np.broadcast_to(y, (24, 32)))
    believed = distances((probe * y).astype(np.float32), master, seen, matched)
    assert np.array_equal(distances(probe, master, seen, matched)[0], plain[0])
    assert np.diagonal(believed[0][:, 10:]).max() < 1.0
