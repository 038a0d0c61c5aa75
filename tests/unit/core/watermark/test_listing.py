"""List decoding."""

from __future__ import annotations

import numpy as np

from haechi.core.watermark.code import CODED_BITS, decode, encode
from haechi.core.watermark.decide import MIN_SCORE, Asked
from haechi.core.watermark.listing import decode_list


def at_score(payloads: list[int], score: float, seed: int) -> np.ndarray:
    """Soft bits that lie at a cosine to the payloads' codewords, float32 (n, CODED_BITS)."""
    rng = np.random.default_rng(seed)
    rows = []
    for payload in payloads:
        word = encode(payload) / CODED_BITS**0.5
        noise = rng.normal(size=CODED_BITS)
        noise -= word * float(noise @ word)
        rows.append(score * word + (1 - score**2) ** 0.5 * noise / np.linalg.norm(noise))
    return np.array(rows, np.float32)


def test_a_clean_codeword_is_listed() -> None:
    for payload in (0, 1, 0x123456789A, (1 << 40) - 1):
        assert decode_list(encode(payload)[None]) == [{payload}]


def test_numbers_are_found_down_to_the_least_score() -> None:
    payloads = [int(one) for one in np.random.default_rng(3).integers(0, 1 << 40, 60)]
    soft = at_score(payloads, MIN_SCORE + 1e-3, 4)
    plain = sum(a == b for a, b in zip(decode(soft), payloads, strict=True))
    listed = sum(a in b for a, b in zip(payloads, decode_list(soft), strict=True))
    assert plain < 56
    assert listed >= 59


def test_noise_alone_is_no_number() -> None:
    soft = np.random.default_rng(6).normal(0, 1, (300, CODED_BITS)).astype(np.float32)
    assert Asked(listed=True).find(soft) == []


def test_below_the_least_score_nothing_is_read() -> None:
    payloads = [int(one) for one in np.random.default_rng(7).integers(0, 1 << 40, 20)]
    assert Asked(listed=True).find(at_score(payloads, MIN_SCORE - 1e-3, 8)) == []
