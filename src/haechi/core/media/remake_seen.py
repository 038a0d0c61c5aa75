"""Frames of the source that `remake` hands to the parent on the way, so that the copy can be held against them without
decoding the source again; runs only inside the child.

The same frames, times and luma as `frames` gives for each of the wanted spans, as coded (HDR without its tone curve).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from haechi.core.media import container as box
from haechi.core.media.clock import Clock, is_due
from haechi.core.media.pixels import PictureMaker, plan


class Seen:
    """Picks frames of one stream.

    Args:
        wanted: "spans", a list of (start_s, end_s or None); "interval_s", frames of a span are no closer; "max_side",
            pixels.
        first: the stream's first frame.
        stream: that they come from.
        max_pixels: as for `frames`.
        name: of the file, for messages.
    """

    def __init__(self, wanted: Mapping[str, Any], first: Any, stream: Any, max_pixels: int, name: str) -> None:
        self._spans = [(float(start), None if end is None else float(end)) for start, end in wanted["spans"]]
        self._interval_s = float(wanted["interval_s"])
        self._maker = PictureMaker(
            plan(first, stream, int(wanted["max_side"]), max_pixels, name), gray=True, tone_mapped=False
        )
        self._clock = Clock(stream.time_base, box.rate_of(stream))
        self._last_s: list[float | None] = [None] * len(self._spans)

    def picture(self, frame: Any) -> tuple[float, NDArray[np.uint8]] | None:
        """Time and luma of the next frame, where a span wants it."""
        time_s = self._clock.seconds(frame.pts)
        wanted = [number for number in range(len(self._spans)) if self._wants(number, time_s)]
        for number in wanted:
            self._last_s[number] = time_s
        return (time_s, np.array(self._maker(frame))) if wanted else None

    def _wants(self, number: int, time_s: float) -> bool:
        (start_s, end_s), last_s = self._spans[number], self._last_s[number]
        within = end_s is None or time_s < end_s
        return within and is_due(time_s, last_s, start_s=start_s, interval_s=self._interval_s)
