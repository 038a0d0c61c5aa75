"""Reading with the master at hand."""

from __future__ import annotations

import numpy as np
import pytest

from haechi.core.watermark.audio import RECIPIENT, embed_sound, read, read_informed
from unit.core.watermark.audio.sounds import RATE, faster, noisy, song

KEY, OTHER = b"a company's key!", b"another company!"
PAYLOAD, COPY = 0x0123456789, 42


@pytest.fixture(scope="module")
def master() -> np.ndarray:
    return song(20, seed=7)


@pytest.fixture(scope="module")
def marked(master: np.ndarray) -> np.ndarray:
    return embed_sound(master, RATE, PAYLOAD, KEY, mono_16k=master, recipient=COPY).samples


def test_it_reads_what_the_blind_reader_cannot(master: np.ndarray) -> None:
    faint = embed_sound(master, RATE, PAYLOAD, KEY, mono_16k=master, strength_db=0.25).samples[4 * RATE : 12 * RATE]
    assert read(faint, KEY, search=False) is None
    reading = read_informed(faint, master, KEY)
    assert reading is not None
    assert reading.payload == PAYLOAD
    assert reading.start_s == pytest.approx(4, abs=0.02)


def test_it_reads_the_recipient(master: np.ndarray, marked: np.ndarray) -> None:
    probe = noisy(marked[5 * RATE : 15 * RATE], 30)
    reading = read_informed(probe, master, KEY, label=RECIPIENT)
    assert reading is not None
    assert reading.payload == COPY


def test_it_follows_a_change_of_speed(master: np.ndarray, marked: np.ndarray) -> None:
    reading = read_informed(faster(marked, 1.04)[: 10 * RATE], master, KEY)
    assert reading is not None
    assert reading.payload == PAYLOAD
    assert reading.tempo == pytest.approx(1.04, abs=0.001)


def test_another_key_and_another_master_read_nothing(master: np.ndarray, marked: np.ndarray) -> None:
    assert read_informed(marked, master, OTHER) is None
    assert read_informed(song(8, seed=8), master, KEY) is None
    assert read_informed(master, master, KEY) is None
