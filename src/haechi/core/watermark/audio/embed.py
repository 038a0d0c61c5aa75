"""Marking a sound: gains are planned for it as the reader hears it, then laid over all its channels.

The plan needs the whole sound once, in mono at 16 kHz (8 bytes a second and band are kept); the gains are then applied
block by block at the sound's own rate.
Limits: silence stays silence, so it carries nothing; cells above half the rate carry nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from haechi.core.errors import InputError
from haechi.core.watermark.audio.cells import HOP, band_power, running_power
from haechi.core.watermark.audio.pattern import pattern_of, signed
from haechi.core.watermark.audio.plan import Plan, plan
from haechi.core.watermark.audio.shape import Shaper
from haechi.core.watermark.code import PAYLOAD_BITS, encode

RECIPIENT: Final = "recipient"
"""Label of the second payload's pattern."""
RECIPIENT_DB: Final = 0.8

_BLOCK = 1 << 18
_CONTEXT = 4 * HOP

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MarkedSound:
    """A marked sound.

    Attributes:
        samples: float32, shape as it came in.
        strength_db: r.m.s. of the gains.
        snr_db: of the sound over what was changed.
        survives: whether the plan's model reads it under noise.
    """

    samples: Floats
    strength_db: float
    snr_db: float
    survives: bool


def plan_mark(
    mono_blocks: Iterable[Floats],
    payload: int,
    key: bytes,
    *,
    recipient: int | None = None,
    strength_db: float | None = None,
) -> Plan:
    """Gains for a sound given in mono at 16 kHz, in blocks.

    Args:
        mono_blocks: float32 (n,) each, from the beginning of the sound to its end.
        payload: 0 to 2**40 - 1.
        key: the company's watermark key, 16 bytes or more.
        recipient: a second payload, which says whose copy this is; only the informed reader can read it.
        strength_db: r.m.s. of the gains; None lets the sound decide.

    Raises:
        InputError: a payload of more than 40 bits, or too short a key.
    """
    for number in (payload, recipient):
        if number is not None and not 0 <= number < 1 << PAYLOAD_BITS:
            raise InputError(f"payload {number}: choose a number from 0 to 2**{PAYLOAD_BITS} - 1")
    made = plan(_power(mono_blocks), pattern_of(key), payload, strength_db)
    if recipient is None:
        return made
    beside = signed(pattern_of(key, RECIPIENT), encode(recipient), len(made.gains_db)) * np.float32(RECIPIENT_DB)
    return Plan(made.gains_db + beside, made.strength_db, made.survives)


def embed_sound(
    samples: Floats,
    rate: int,
    payload: int,
    key: bytes,
    *,
    mono_16k: Floats,
    recipient: int | None = None,
    strength_db: float | None = None,
) -> MarkedSound:
    """Mark a sound that lies in memory.

    Args:
        samples: float32 (n,) or (n, channels), -1..1.
        rate: samples per second.
        payload: 0 to 2**40 - 1.
        key: the company's watermark key.
        mono_16k: the same sound in mono at 16 kHz.
        recipient: as for `plan_mark`.
        strength_db: as for `plan_mark`.
    """
    made = plan_mark([mono_16k], payload, key, recipient=recipient, strength_db=strength_db)
    columns = samples.reshape(len(samples), -1)
    shaper = Shaper(rate, columns.shape[1], made.gains_db)
    out = np.concatenate([shaper.add(columns), shaper.finish()])
    change = float(np.square(out - columns, dtype=np.float64).sum())
    power = float(np.square(columns, dtype=np.float64).sum())
    snr_db = 10 * float(np.log10(power / change)) if change and power else 99.0
    return MarkedSound(out.reshape(samples.shape), made.strength_db, snr_db, made.survives)


def _power(blocks: Iterable[Floats]) -> Floats:
    """Band power of a sound in blocks, as `band_power` of the whole would give it."""
    parts: list[Floats] = []
    held, first = np.zeros(0, np.float32), True
    for block in blocks:
        held = np.concatenate([held, block])
        if len(held) >= _BLOCK:
            whole = len(held) // HOP * HOP - _CONTEXT
            power = band_power(running_power(held))
            parts.append(power[: whole // HOP] if first else power[_CONTEXT // HOP : whole // HOP])
            held, first = held[whole - _CONTEXT :], False
    power = band_power(running_power(held))
    parts.append(power if first else power[_CONTEXT // HOP :])
    return np.concatenate(parts)
