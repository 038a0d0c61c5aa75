"""Marking a sound and reading it back, blind."""

from __future__ import annotations

import numpy as np
import pytest

from haechi.core.watermark.audio import AudioReader, MarkedSound, embed_sound, read
from unit.core.watermark.audio.sounds import RATE, faster, noisy, song

KEY, OTHER = b"a company's key!", b"another company!"
PAYLOAD = 0x9123456789


@pytest.fixture(scope="module")
def original() -> np.ndarray:
    return song(14, seed=2)


@pytest.fixture(scope="module")
def marked(original: np.ndarray) -> MarkedSound:
    return embed_sound(original, RATE, PAYLOAD, KEY, mono_16k=original)


def payload(samples: np.ndarray, key: bytes = KEY, *, search: bool = False) -> int | None:
    reading = read(samples, key, search=search)
    return reading.payload if reading else None


def test_the_mark_is_faint(original: np.ndarray, marked: MarkedSound) -> None:
    assert marked.snr_db > 14
    assert marked.samples.shape == original.shape
    assert marked.samples.dtype == np.float32


def test_it_reads_from_any_six_seconds(marked: MarkedSound) -> None:
    for start_s in (0.0, 1.234, 3.7, 8.0):
        start = round(start_s * RATE)
        reading = read(marked.samples[start : start + 6 * RATE], KEY, search=False)
        assert reading is not None
        assert reading.payload == PAYLOAD
        assert reading.start_s == pytest.approx(start_s, abs=0.02)
        assert (reading.tempo, reading.pitch) == (1.0, 1.0)


def test_it_reads_under_noise_and_at_telephone_bandwidth(marked: MarkedSound) -> None:
    assert payload(noisy(marked.samples, 20)) == PAYLOAD
    spectrum = np.fft.rfft(marked.samples)
    spectrum[round(len(spectrum) * 0.45) :] = 0
    assert payload(np.fft.irfft(spectrum).astype(np.float32)) == PAYLOAD


@pytest.mark.parametrize("factor", [0.95, 1.05])
def test_it_reads_at_another_speed(marked: MarkedSound, factor: float) -> None:
    reading = read(faster(marked.samples, factor)[: 10 * RATE], KEY)
    assert reading is not None
    assert reading.payload == PAYLOAD
    assert reading.tempo == pytest.approx(factor, abs=0.002)
    assert reading.pitch == pytest.approx(factor, abs=0.01)


def test_an_unmarked_sound_and_a_wrong_key_read_nothing(original: np.ndarray, marked: MarkedSound) -> None:
    assert payload(original, search=True) is None
    assert payload(marked.samples, OTHER) is None


def test_silence_and_crumbs_read_nothing() -> None:
    assert payload(np.zeros(8 * RATE, np.float32), search=True) is None
    assert payload(np.zeros(0, np.float32), search=True) is None
    assert payload(song(1), search=True) is None


def test_windows_that_are_too_weak_alone_are_read_together() -> None:
    sound = song(40, seed=5)
    weak = noisy(embed_sound(sound, RATE, PAYLOAD, KEY, mono_16k=sound, strength_db=0.3).samples, 12)
    alone = [payload(weak[start : start + 12 * RATE]) for start in range(0, len(weak), 12 * RATE)]
    assert alone.count(None) >= 3
    assert payload(weak) == PAYLOAD


def test_it_reads_in_blocks(marked: MarkedSound) -> None:
    reader = AudioReader(KEY, search=False)
    for start in range(0, len(marked.samples), 1000):
        reader.add(marked.samples[start : start + 1000])
    reading = reader.finish()
    assert reading is not None
    assert reading.payload == PAYLOAD
