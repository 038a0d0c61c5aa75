"""Sound of a media file as one mono line on the clock of its pictures, decoded in a limited child
(`sandbox`).

Time 0 is the first video frame, or without video the first sample. Gaps in the stamps, and a sound that
begins after `start_s`, are zeros; overlaps are cut. A file without sound gives no block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from haechi.core.errors import InputError, UnreadableMediaError
from haechi.core.media import sandbox
from haechi.core.settings import Limits

_RATES = range(1_000, 192_001)


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """About a second of sound; blocks follow each other without gaps.

    Attributes:
        time_s: time of the first sample.
        samples: float32 (n,), mono, -1..1.
    """

    time_s: float
    samples: NDArray[np.float32]


def read_audio(
    path: Path,
    limits: Limits,
    *,
    sample_rate: int = 16_000,
    start_s: float = 0.0,
    end_s: float | None = None,
    short_filter: bool = False,
) -> Iterator[AudioBlock]:
    """Sound from `start_s` to `end_s` (exclusive) at `sample_rate`.

    With `short_filter`, it is resampled in 16 bits as fpcalc does (`short_filter`).

    Raises (while iterating):
        InputError: the file cannot be opened, or is not a regular file.
        UnreadableMediaError: a sound track is there but nothing of it decodes, or a limit was reached.
        UnsupportedMediaError: not a format that Haechi reads.
    """
    if sample_rate not in _RATES:
        raise InputError(f"a sample rate of {sample_rate} Hz is not possible; use 1,000 to 192,000")
    params = {
        "sample_rate": sample_rate,
        "start_s": start_s,
        "end_s": end_s,
        "max_duration_s": limits.max_duration_s,
        "max_pixels": limits.max_pixels,
        "short_filter": short_filter,
    }
    sent = round(start_s * sample_rate)
    for _, samples in sandbox.run_job("samples", path, limits, params):
        if samples is not None:
            if samples.dtype != np.float32 or samples.ndim != 1:
                raise UnreadableMediaError(f"{path.name}: the decoder gave an impossible answer")
            yield AudioBlock(sent / sample_rate, samples)
            sent += len(samples)


def read_all_audio(
    path: Path, limits: Limits, *, sample_rate: int = 16_000, start_s: float = 0.0, end_s: float | None = None
) -> NDArray[np.float32]:
    """The whole stretch as float32 (n,); sample 0 is at `start_s`; empty without sound.

    Raises:
        As `read_audio`.
    """
    blocks = [b.samples for b in read_audio(path, limits, sample_rate=sample_rate, start_s=start_s, end_s=end_s)]
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
