"""The error-correcting code."""

from __future__ import annotations

import numpy as np
import pytest

from haechi.core.watermark.code import CODED_BITS, crc24, decode, encode


def test_crc_is_that_of_rfc_9580() -> None:
    assert crc24(int.from_bytes(b"12345", "big")) == 0xBA353A


def test_a_clean_codeword_decodes() -> None:
    for payload in (0, 1, 0x123456789A, (1 << 40) - 1):
        assert decode(encode(payload)[None]) == [payload]


def test_noise_above_the_signal_is_corrected() -> None:
    rng = np.random.default_rng(5)
    payloads = [int(rng.integers(0, 1 << 40)) for _ in range(40)]
    soft = np.array([0.9 * encode(p) + rng.normal(0, 1, CODED_BITS) for p in payloads], np.float32)
    assert sum(a == b for a, b in zip(decode(soft), payloads, strict=True)) >= 39


def test_noise_alone_decodes_to_nothing() -> None:
    rng = np.random.default_rng(6)
    assert decode(rng.normal(0, 1, (200, CODED_BITS)).astype(np.float32)) == [None] * 200


def test_the_code_does_not_change() -> None:
    word = encode(0x123456789A)
    assert "".join("1" if x > 0 else "0" for x in word[:40]) == "0101111100001010110110001111000100010100"


def test_a_payload_has_forty_bits() -> None:
    with pytest.raises(ValueError, match="payload"):
        encode(1 << 40)
