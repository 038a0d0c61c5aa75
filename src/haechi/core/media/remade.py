"""The parent's side of `remake`: ask the limited child for a file with other pictures or samples, and write it down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from haechi.core.errors import UnreadableMediaError
from haechi.core.media import sandbox
from haechi.core.settings import Limits

_GROWTH, _SPARE_BYTES = 50, 1 << 26


@dataclass(frozen=True, slots=True)
class Remade:
    """What became of it.

    Attributes:
        facts: what the change tells; empty when refused.
        refused: why the file cannot be written again: "format", "interlaced" or "streams"; or None.
    """

    facts: Mapping[str, Any]
    refused: str | None = None


def remake_file(job: str, path: Path, target: Path, limits: Limits, change: Mapping[str, Any], **coding: Any) -> Remade:
    """Make a file once more with a change.

    Args:
        job: of `sandbox_server.JOBS`: "mark_video" or "mark_audio".
        path: is only read.
        target: is written; whole only when nothing is raised or refused.
        limits: what reading the file may cost.
        change: goes to the job.
        coding: what the job shall do otherwise, e.g. `crf`.

    Raises:
        InputError: the file cannot be opened.
        UnreadableMediaError: it is damaged, so that a copy would not be whole.
        UnsupportedMediaError: a format that Haechi does not read.
        OSError: the target cannot be written.
    """
    most = path.stat().st_size * _GROWTH + _SPARE_BYTES
    params: dict[str, Any] = {
        "max_pixels": limits.max_pixels,
        "max_duration_s": limits.max_duration_s,
        "change": dict(change),
    }
    params |= coding
    done: Mapping[str, Any] | None = None
    with target.open("wb") as handle:
        for header, piece in sandbox.run_job(job, path, limits, params):
            if "refused" in header:
                return Remade({}, str(header["refused"]))
            if piece is not None:
                at = header.get("at")
                if type(at) is not int or not 0 <= at <= most - piece.nbytes or piece.dtype != np.uint8:
                    raise UnreadableMediaError(f"{path.name}: the coder gave an impossible answer; treat it as hostile")
                handle.seek(at)
                handle.write(piece.tobytes())
            elif isinstance(header.get("done"), dict):
                done = header["done"]
    if done is None:
        raise UnreadableMediaError(f"{path.name}: it could not be written again")
    return Remade(done)
