"""The audio mark's keyed pattern."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from haechi.core.errors import InputError
from haechi.core.watermark.audio.pattern import BANDS, CELLS, EDGES_HZ, LOOP, PERIODS, pattern_of, signed
from haechi.core.watermark.code import CODED_BITS, encode

KEY, OTHER = b"a company's key!", b"another company!"


def test_every_bit_has_one_cell_in_each_stratum_of_each_period() -> None:
    bit = pattern_of(KEY).bit.reshape(PERIODS, CELLS, BANDS // 5, 5).swapaxes(1, 2).reshape(-1, CELLS * 5)
    for stratum in bit:
        assert np.array_equal(np.sort(stratum[stratum >= 0]), np.arange(CODED_BITS))
        assert (stratum < 0).sum() == 130


def test_bands_grow_from_86_to_270_hz() -> None:
    widths = np.diff(EDGES_HZ)
    assert EDGES_HZ[[0, -1]] == pytest.approx([300, 7000])
    assert 80 < widths[0] < 90
    assert np.all(np.diff(widths) > 0)


def test_other_keys_and_labels_give_other_patterns() -> None:
    one = pattern_of(KEY)
    for other in (pattern_of(OTHER), pattern_of(KEY, "recipient")):
        assert abs(np.mean(one.signs * other.signs)) < 0.03
        assert np.mean(one.bit == other.bit) < 0.2


def test_a_fold_at_the_period_leaves_nothing() -> None:
    folded = signed(pattern_of(KEY), encode(7), LOOP).reshape(PERIODS, CELLS, BANDS).mean(0)
    assert float(np.sqrt(np.mean(folded**2))) == pytest.approx(PERIODS**-0.5, rel=0.05)


def test_the_pattern_is_pinned() -> None:
    made = pattern_of(KEY)
    digest = hashlib.sha256(made.bit.astype("<i2").tobytes() + made.signs.tobytes()).hexdigest()
    assert digest == "01b261b2316fe94394bfb07921a5108cf89a8ae735e9cd6f9b2f945f2170fd77"


def test_a_short_key_is_refused() -> None:
    with pytest.raises(InputError, match="16 bytes"):
        pattern_of(b"short")
