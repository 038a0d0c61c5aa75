"""A fingerprint set survives its bytes; damaged bytes are refused."""

from __future__ import annotations

import numpy as np
import pytest

from haechi.core.errors import IntegrityError
from haechi.core.fingerprint import FingerprintSet


def test_round_trip() -> None:
    arrays = {"codes": np.arange(64, dtype=np.uint8).reshape(2, 32), "times": np.array([0.5, 1.0], np.float32)}
    back = FingerprintSet.from_bytes(FingerprintSet("video_fingerprint_v1", arrays).to_bytes())
    assert back.algorithm == "video_fingerprint_v1"
    assert set(back.arrays) == set(arrays)
    assert all(np.array_equal(back.arrays[k], v) and back.arrays[k].dtype == v.dtype for k, v in arrays.items())


@pytest.mark.parametrize("cut", [0, 10, 200])
def test_damage_is_told(cut: int) -> None:
    data = FingerprintSet("x", {"a": np.zeros(300, np.uint8)}).to_bytes()
    with pytest.raises(IntegrityError):
        FingerprintSet.from_bytes(data[:cut])
