"""Marking sounds of all shapes."""

from __future__ import annotations

import numpy as np
import pytest

from haechi.core.errors import InputError
from haechi.core.watermark.audio import cells, embed, embed_sound, plan_mark, read
from unit.core.watermark.audio.sounds import RATE, song

KEY = b"a company's key!"


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44_100, 2), (48_000, 6)])
def test_any_rate_and_number_of_channels(rate: int, channels: int) -> None:
    sound = song(8, seed=3, rate=rate)
    gains = np.linspace(1, 0.3, channels, dtype=np.float32)
    mono = np.interp(np.arange(8 * RATE) / RATE, np.arange(len(sound)) / rate, sound).astype(np.float32)
    made = embed_sound(sound[:, None] * gains, rate, 99, KEY, mono_16k=mono)
    assert made.samples.shape == (len(sound), channels)
    for channel in (0, channels - 1):
        heard = np.interp(np.arange(8 * RATE) / RATE, np.arange(len(sound)) / rate, made.samples[:, channel])
        reading = read(heard.astype(np.float32), KEY, search=False)
        assert reading is not None
        assert reading.payload == 99


def test_silence_stays_silence() -> None:
    made = embed_sound(np.zeros((RATE, 2), np.float32), RATE, 1, KEY, mono_16k=np.zeros(RATE, np.float32))
    assert not made.samples.any()


def test_blocks_make_no_difference_to_the_plan() -> None:
    sound = song(40, seed=4)
    whole = plan_mark([sound], 3, KEY, strength_db=1.5).gains_db
    pieces = plan_mark(np.array_split(sound, 37), 3, KEY, strength_db=1.5).gains_db
    assert np.allclose(whole, pieces, atol=1e-3)
    assert len(embed._power(np.array_split(sound, 37))) == len(cells.running_power(sound))


def test_numbers_beyond_40_bits_are_refused() -> None:
    for numbers in ({"payload": 1 << 40}, {"payload": 1, "recipient": -1}):
        with pytest.raises(InputError, match="choose a number"):
            plan_mark([song(1)], key=KEY, **numbers)
