"""The error-correcting code of the marks: 40-bit payload + CRC-24, tail-biting convolutional code, soft Viterbi.

Method: CRC-24 of RFC 9580 (polynomial 0x864CFB, start 0xB704CE) over the payload's five bytes; the 64 bits run
round a convolutional code of rate 1/5 and constraint length 9 whose start state is its end state [1], so that no
bit is spent on a tail. Generators 471 625 655 557 773 (octal): free distance 31, the best of a random search.
The decoder runs Viterbi round the circle from 48 steps before a lap to 48 steps after it and keeps the lap [2]; it
takes many readings at once.
Limits: the wrap-around decoder is not strictly maximum-likelihood; where it ends in another state than it
began, the CRC decides.
Invariant: part of `haechi-mark-image-v1`; no constant here may change.
[1] Ma, Wolf. IEEE Trans. Commun. 34 (1986).   [2] Shao, Lin, Fossorier. IEEE Trans. Commun. 51 (2003).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

PAYLOAD_BITS: Final = 40
CODED_BITS: Final = 320

CRC_BITS, _CRC_POLYNOMIAL, _CRC_START = 24, 0x864CFB, 0xB704CE
INFO_BITS = PAYLOAD_BITS + CRC_BITS
MEMORY = 8
RUN_IN = 48
STATES = 1 << MEMORY
_GENERATORS = (0o471, 0o625, 0o655, 0o557, 0o773)

Floats = NDArray[np.float32]


def crc24(payload: int) -> int:
    """CRC-24 (RFC 9580, section 6.1) of the payload as five bytes, big end first."""
    crc = _CRC_START
    for byte in payload.to_bytes(PAYLOAD_BITS // 8, "big"):
        crc ^= byte << 16
        for _ in range(8):
            crc = (crc << 1) ^ (_CRC_POLYNOMIAL if crc & 0x800000 else 0)
        crc &= 0xFFFFFF
    return crc


def encode(payload: int) -> Floats:
    """The codeword of a payload.

    Returns:
        float32 (CODED_BITS,), -1 or 1; 1 stands for the bit 1.
    """
    if not 0 <= payload < 1 << PAYLOAD_BITS:
        raise ValueError(f"payload {payload}: choose a number from 0 to 2**{PAYLOAD_BITS} - 1")
    return _sent(_bits(payload << CRC_BITS | crc24(payload)))


def _sent(bits: NDArray[np.uint8]) -> Floats:
    """The codeword of 64 information bits; the last eight are the state that it starts from."""
    state = 0
    for bit in bits[-MEMORY:]:
        state = (int(bit) << MEMORY | state) >> 1
    words = np.empty((INFO_BITS, len(_GENERATORS)), np.float32)
    for place, bit in enumerate(bits):
        register = int(bit) << MEMORY | state
        words[place] = OUTPUTS[register]
        state = register >> 1
    return words.reshape(-1)


def decode(soft: Floats) -> list[int | None]:
    """The payloads that soft bits carry.

    Args:
        soft: float32 (n, CODED_BITS), log-likelihood ratios up to one factor per row, positive for the bit 1.

    Returns:
        n payloads; None where the CRC fails.
    """
    return [_checked(bits) for bits in _viterbi(np.asarray(soft, np.float32))]


def most_likely(soft: Floats) -> Floats:
    """Codewords of what Viterbi finds in soft bits, whatever their CRC, float32 (n, CODED_BITS): for measurements."""
    return np.stack([_sent(bits) for bits in _viterbi(np.asarray(soft, np.float32))])


def _bits(word: int) -> NDArray[np.uint8]:
    return np.array([word >> (INFO_BITS - 1 - place) & 1 for place in range(INFO_BITS)], np.uint8)


def _checked(bits: NDArray[np.uint8]) -> int | None:
    word = int("".join("1" if bit else "0" for bit in bits), 2)
    payload = word >> CRC_BITS
    return payload if word & ((1 << CRC_BITS) - 1) == crc24(payload) else None


def _outputs() -> Floats:
    """float32 (2 * states, 5): what register contents send, as signs."""
    registers = range(2 * STATES)
    sent = [[(register & generator).bit_count() & 1 for generator in _GENERATORS] for register in registers]
    return (2 * np.array(sent, np.float32) - 1).astype(np.float32)


OUTPUTS: Final = _outputs()


def _viterbi(soft: Floats) -> NDArray[np.uint8]:
    """Most likely information bits, uint8 (n, 64), of soft bits (n, 320)."""
    count = len(soft)
    steps = soft.reshape(count, INFO_BITS, len(_GENERATORS))
    branch = np.einsum("nsg,rg->snr", steps, OUTPUTS).reshape(INFO_BITS, count, 2, STATES // 2, 2)
    score = np.zeros((count, STATES), np.float32)
    total = INFO_BITS + 2 * RUN_IN
    chosen = np.empty((total, count, STATES), bool)
    for step in range(total):
        # register = bit << 8 | state; the next state is register >> 1, so its two origins differ in the last bit
        arriving = branch[(step - RUN_IN) % INFO_BITS] + score.reshape(count, 1, STATES // 2, 2)
        pairs = arriving.reshape(count, STATES, 2)
        take = pairs[..., 1] > pairs[..., 0]
        chosen[step] = take
        score = np.where(take, pairs[..., 1], pairs[..., 0])
    state = score.argmax(1)
    rows, bits = np.arange(count), np.empty((count, INFO_BITS), np.uint8)
    for step in range(total - 1, RUN_IN - 1, -1):
        if step < RUN_IN + INFO_BITS:
            bits[:, step - RUN_IN] = state >> (MEMORY - 1)
        state = (state << 1 & (STATES - 1)) | chosen[step, rows, state]
    return bits
