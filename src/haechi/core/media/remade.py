"""The parent's side of `remake`: ask the limited child for a file with other pictures or samples, and write it down."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from haechi.core.errors import UnreadableMediaError
from haechi.core.media import sandbox
from haechi.core.settings import Limits

_GROWTH, _SPARE_BYTES = 50, 1 << 26
_MOST_SEEN = 256


@dataclass(frozen=True, slots=True)
class Remade:
    """What became of it.

    Attributes:
        facts: what the change tells; empty when refused.
        refused: why the file cannot be written again: "format", "interlaced" or "streams"; or None.
        seen: frames of the source that were asked for: time in seconds, luma uint8 (h, w).
    """

    facts: Mapping[str, Any]
    refused: str | None = None
    seen: tuple[tuple[float, NDArray[np.uint8]], ...] = ()


def remake_file(job: str, path: Path, target: Path, limits: Limits, change: Mapping[str, Any], **coding: Any) -> Remade:
    """Make a file once more with a change.

    Args:
        job: of `sandbox_server.JOBS`: "mark_video" or "mark_audio".
        path: is only read.
        target: is written; whole only when nothing is raised or refused.
        limits: what reading the file may cost.
        change: goes to the job.
        coding: what the job shall do otherwise, e.g. `crf`; `seen`: frames of the source to look at (`remake_seen`).

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
    seen: list[tuple[float, NDArray[np.uint8]]] = []
    with target.open("wb") as handle:
        for header, piece in sandbox.run_job(job, path, limits, params):
            if "refused" in header:
                return Remade({}, str(header["refused"]))
            if piece is not None and "t" in header:
                seen.append((_time_of(header, piece, len(seen), path.name), piece))
            elif piece is not None:
                at = header.get("at")
                if type(at) is not int or not 0 <= at <= most - piece.nbytes or piece.dtype != np.uint8:
                    raise _impossible(path.name)
                handle.seek(at)
                handle.write(piece.tobytes())
            elif isinstance(header.get("done"), dict):
                done = header["done"]
    if done is None:
        raise UnreadableMediaError(f"{path.name}: it could not be written again")
    return Remade(done, seen=tuple(seen))


def _time_of(header: Mapping[str, Any], luma: NDArray[Any], count: int, name: str) -> float:
    """When a frame of the source is shown, seconds."""
    time_s = header["t"]
    sane = isinstance(time_s, int | float) and math.isfinite(time_s) and luma.dtype == np.uint8 and luma.ndim == 2
    if not sane or count >= _MOST_SEEN:
        raise _impossible(name)
    return float(time_s)


def _impossible(name: str) -> UnreadableMediaError:
    return UnreadableMediaError(f"{name}: the coder gave an impossible answer; treat it as hostile")
