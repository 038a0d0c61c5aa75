"""A file's pictures in small luma, read forward once: windows take their stretches from it one after the other.

Method: one decoding child reads on; what a later stretch may ask for again is kept for `KEEP_S`. A stretch that lies
before that, or far ahead, opens the file anew. Nothing but luma of at most `side` pixels is kept.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from haechi.check.compare.clip import Clip, bright
from haechi.core.media.decode import Frame, FrameRequest, FrameStream, read_frames
from haechi.core.settings import Limits

KEEP_S = 3.0
# Reading over a gap costs less than opening the file anew up to here.
SKIP_S = 8.0


class Reel:
    """Small pictures of one file.

    Args:
        path: the file.
        limits: decoding limits.
        side: the long side is scaled down to it.
        min_interval_s: frames closer than this to the one before are left out.
        thin: see `FrameRequest`.
        small: the same.
    """

    def __init__(
        self,
        path: Path,
        limits: Limits,
        side: int,
        *,
        min_interval_s: float = 0.0,
        thin: bool = False,
        small: bool = False,
    ) -> None:
        self._path, self._limits = path, limits
        # By way of colours: luma planes of differently coded files do not mean the same.
        self._request = FrameRequest(max_side=side, min_interval_s=min_interval_s, thin=thin, small=small)
        self._stream: FrameStream | None = None
        self._kept: list[Frame] = []
        self._from_s = self._read_s = 0.0

    def take(self, start_s: float, end_s: float) -> Clip | None:
        """The frames of [start_s, end_s), or None without any; times ascending."""
        start_s = max(0.0, start_s)
        if self._stream is None or start_s < self._from_s - 1e-6 or start_s > self._read_s + SKIP_S:
            self._open(start_s)
        self._read_until(end_s)
        times = [frame.time_s for frame in self._kept]
        first, last = bisect_left(times, start_s - 1e-6), bisect_left(times, end_s - 1e-6)
        taken = self._kept[first:last]
        self._forget(start_s - KEEP_S)
        if not taken:
            return None
        frames: NDArray[np.uint8] = np.stack([frame.image for frame in taken])
        return Clip(frames, np.array(times[first:last]))

    def close(self) -> None:
        """End the decoding child."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _open(self, start_s: float) -> None:
        self.close()
        self._stream = read_frames(self._path, self._limits, replace(self._request, start_s=start_s))
        self._kept, self._from_s, self._read_s = [], start_s, start_s

    def _read_until(self, end_s: float) -> None:
        while self._stream is not None and self._read_s < end_s:
            frame = next(self._stream, None)
            if frame is None:
                self._read_s = float("inf")
                return
            self._kept.append(replace(frame, image=bright(frame.image)))
            self._read_s = frame.time_s

    def _forget(self, before_s: float) -> None:
        if before_s <= self._from_s:
            return
        self._kept = [frame for frame in self._kept if frame.time_s >= before_s]
        self._from_s = before_s
