"""Frames of a film to read a mark in: spread over it, few enough to be quick, in grey, at most `PROBE_SIDE_PX` long."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from haechi.core.media.decode import Frame, FrameRequest, read_frames
from haechi.core.media.probe import probe_media
from haechi.core.settings import Limits

PROBE_SIDE_PX: Final = 1024
FRAMES: Final = 48
_WHOLE_S = 16.0
_STRETCH_S = 3.0
_STRETCHES = 4


@dataclass(frozen=True, slots=True)
class Sample:
    """Which frames of a film.

    Attributes:
        spans: start and end in seconds, None for the film's end.
        interval_s: frames of a span are no closer.
    """

    spans: tuple[tuple[float, float | None], ...]
    interval_s: float

    def asked(self) -> dict[str, Any]:
        """The same as `remake_seen` takes it."""
        return {"spans": [list(span) for span in self.spans], "interval_s": self.interval_s, "max_side": PROBE_SIDE_PX}


def sample_of(duration_s: float) -> Sample:
    """Up to `FRAMES` frames from the whole of a short film, from four stretches of a longer one."""
    if duration_s <= _WHOLE_S:
        return Sample(((0.0, None),), 0.95 * duration_s / FRAMES)
    starts = [duration_s * (number + 0.5) / _STRETCHES for number in range(_STRETCHES)]
    spans = tuple((start, start + _STRETCH_S) for start in starts)
    return Sample(spans, 0.95 * _STRETCHES * _STRETCH_S / FRAMES)


def sample_frames(
    path: Path, limits: Limits, *, sample: Sample | None = None, code_values: bool = False
) -> list[Frame]:
    """Frames of one size.

    Args:
        path: the film.
        limits: what reading may cost.
        sample: which; None asks the film how long it is.
        code_values: HDR as it is coded, not as it is shown.

    Raises:
        InputError, UnreadableMediaError, UnsupportedMediaError: as `read_frames`.
    """
    if sample is None:
        sample = sample_of(probe_media(path, limits).duration_s or 0.0)
    found: list[Frame] = []
    for start_s, end_s in sample.spans:
        request = FrameRequest(
            max_side=PROBE_SIDE_PX,
            gray=True,
            start_s=start_s,
            end_s=end_s,
            min_interval_s=sample.interval_s,
            code_values=code_values,
        )
        with read_frames(path, limits, request) as frames:
            found += list(frames)
    return [frame for frame in found if frame.image.shape == found[0].image.shape]
