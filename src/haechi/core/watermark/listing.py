"""List decoding: all payloads with a right CRC near the likeliest word, which itself may have a wrong one.

Steps:
1. Viterbi round the circle, forwards and backwards [1]: for each of the 64 steps and each of the 256 states, how good
   the best path through it is.
2. The best `LISTED` (step, state) that the likeliest path does not pass: each stands for one other path, which is
   traced half a lap to either side.
3. The CRC is linear: it is taken of all at once.
False positives: as `decide` says, the bound counts all codewords with a right CRC that lie near the soft bits, however
they are found: a list costs nothing there.
Limits: words that differ from the likeliest in several places at once are listed only where they are the best through
some state. The two halves of a path need not meet; the caller holds the payload's own codeword against the soft bits.
[1] Seshadri, Sundberg. IEEE Trans. Commun. 42 (1994), list Viterbi; Ma, Wolf. IEEE Trans. Commun. 34 (1986).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from haechi.core.watermark.code import (
    CRC_BITS,
    INFO_BITS,
    MEMORY,
    OUTPUTS,
    PAYLOAD_BITS,
    RUN_IN,
    STATES,
    crc24,
)

LISTED: Final = 512
_HALF = INFO_BITS // 2

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Ints = NDArray[Any]


def decode_list(soft: Floats) -> list[set[int]]:
    """For each reading the payloads with a right CRC, the likeliest word's among them where its CRC is right.

    Args:
        soft: as for `code.decode`, float32 (n, CODED_BITS).
    """
    count = len(soft)
    steps = np.asarray(soft, np.float32).reshape(count, INFO_BITS, -1)
    branch = np.einsum("nsg,rg->snr", steps, OUTPUTS)
    ahead, came_from = _forwards(branch)
    back, goes_to = _backwards(branch)
    step, state = _best_places(ahead + back)
    bits = _traced(step, state, came_from, goes_to)
    right = ((bits @ _CHECKS & 1) == _CHECK_OF_NOTHING).all(2)  # uint8 may run over: only the last bit counts
    return [{_number(word) for word in words[good]} for words, good in zip(bits, right, strict=True)]


def _forwards(branch: Floats) -> tuple[Floats, Bools]:
    """Step 1: metric of the best path into each state before each step (steps, n, states), and whence it came.

    The second array begins half a lap before the first.
    """
    count = branch.shape[1]
    metric, came_from = np.empty((INFO_BITS, count, STATES), np.float32), []
    score = np.zeros((count, STATES), np.float32)
    for step in range(-_HALF - RUN_IN, INFO_BITS):
        if step >= 0:
            metric[step] = score
        # register = bit << 8 | state; the next state is register >> 1, so its two origins differ in the last bit
        arriving = branch[step % INFO_BITS].reshape(count, 2, -1, 2) + score.reshape(count, 1, -1, 2)
        pairs = arriving.reshape(count, STATES, 2)
        take = pairs[..., 1] > pairs[..., 0]
        if step >= -_HALF:
            came_from.append(take)
        score = np.where(take, pairs[..., 1], pairs[..., 0])
    return metric, np.stack(came_from)


def _backwards(branch: Floats) -> tuple[Floats, Bools]:
    """Step 1: metric of the best path out of each state before each step, and its next bit, half a lap longer."""
    count = branch.shape[1]
    metric, goes_to = np.empty((INFO_BITS, count, STATES), np.float32), []
    score = np.zeros((count, STATES), np.float32)
    onwards = np.arange(2 * STATES) >> 1
    for step in range(INFO_BITS + _HALF + RUN_IN - 1, -1, -1):
        ways = (branch[step % INFO_BITS] + score[:, onwards]).reshape(count, 2, STATES)
        take = ways[:, 1] > ways[:, 0]
        if step < INFO_BITS + _HALF:
            goes_to.append(take)
        score = np.where(take, ways[:, 1], ways[:, 0])
        if step < INFO_BITS:
            metric[step] = score
    return metric, np.stack(goes_to[::-1])


def _best_places(metric: Floats) -> tuple[Ints, Ints]:
    """Step 2: step and state (n, LISTED) of the best places; the likeliest path's own count at the first step only."""
    behind = metric.max(2, keepdims=True) - metric
    behind[1:][behind[1:] == 0] = np.inf
    flat = behind.swapaxes(0, 1).reshape(metric.shape[1], -1)
    best = np.argpartition(flat, LISTED, axis=1)[:, :LISTED]
    return best // STATES, best % STATES


def _traced(step: Ints, state: Ints, came_from: Bools, goes_to: Bools) -> NDArray[np.uint8]:
    """Step 2: the information bits of the paths through places, uint8 (n, LISTED, INFO_BITS)."""
    bits = np.empty((*step.shape, INFO_BITS), np.uint8)
    row, path = np.arange(len(step))[:, None], np.arange(step.shape[1])[None, :]
    at = state
    for before in range(1, _HALF + 1):
        bits[row, path, (step - before) % INFO_BITS] = at >> (MEMORY - 1)
        at = (at << 1 & (STATES - 1)) | came_from[step - before + _HALF, row, at]
    at = state
    for after in range(_HALF):
        bit = goes_to[step + after, row, at]
        bits[row, path, (step + after) % INFO_BITS] = bit
        at = (bit.astype(at.dtype) << MEMORY | at) >> 1
    return bits


def _number(word: NDArray[np.uint8]) -> int:
    return int("".join("1" if bit else "0" for bit in word[:PAYLOAD_BITS]), 2)


def _crc_bits(crc: int) -> list[int]:
    return [crc >> (CRC_BITS - 1 - place) & 1 for place in range(CRC_BITS)]


_CHECK_OF_NOTHING: Final = np.array(_crc_bits(crc24(0)), np.uint8)
_CHECKS: Final = np.array(
    [_crc_bits(crc24(1 << (PAYLOAD_BITS - 1 - place)) ^ crc24(0)) for place in range(PAYLOAD_BITS)]
    + np.eye(CRC_BITS, dtype=int).tolist(),
    np.uint8,
)
"""What each information bit adds to the CRC and to its own transmitted form, uint8 (INFO_BITS, CRC_BITS)."""
