"""Reading films with the master at hand."""

from __future__ import annotations

import numpy as np
import pytest

from haechi.core.watermark.embed import RECIPIENT
from haechi.core.watermark.pattern import pattern_of
from haechi.core.watermark.video import LumaMarker, read_frames_mark, read_informed_frames
from unit.core.watermark.video.films import coded, still_film

KEY, OTHER = b"a company's key!", b"another company!"
PAYLOAD, COPY = 0x9123456789, 42


@pytest.fixture(scope="module")
def master() -> list[np.ndarray]:
    return still_film(320, 240, 12, seed=6)


@pytest.fixture(scope="module")
def marked(master: list[np.ndarray]) -> list[np.ndarray]:
    second = pattern_of(KEY, RECIPIENT), COPY
    marker = LumaMarker(pattern_of(KEY), PAYLOAD, (240, 320), recipient=second)
    return [marker.mark(frame) for frame in master]


def test_it_is_surer_than_the_blind_reader(master: list[np.ndarray], marked: list[np.ndarray]) -> None:
    hard = coded(marked, 50)
    blind, informed = read_frames_mark(hard, KEY, search=False), read_informed_frames(hard, master, KEY)
    assert informed is not None
    assert informed.payload == PAYLOAD
    assert informed.score > (blind.score if blind else 0) + 0.05


def test_it_reads_the_recipient(master: list[np.ndarray], marked: list[np.ndarray]) -> None:
    reading = read_informed_frames(coded(marked, 60), master, KEY, label=RECIPIENT)
    assert reading is not None
    assert reading.payload == COPY


def test_it_registers_a_crop(master: list[np.ndarray], marked: list[np.ndarray]) -> None:
    cropped = [np.ascontiguousarray(frame[30:210, 40:280]) for frame in coded(marked[4:8], 85)]
    reading = read_informed_frames(cropped, master[3:9], KEY)
    assert reading is not None
    assert reading.payload == PAYLOAD


def test_other_keys_and_masters_read_nothing(master: list[np.ndarray], marked: list[np.ndarray]) -> None:
    assert read_informed_frames(marked[:2], master[:2], OTHER) is None
    assert read_informed_frames(master[:2], master[:2], KEY) is None
    assert read_informed_frames([], master, KEY) is None
