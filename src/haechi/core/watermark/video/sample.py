"""Frames of a film to read a mark in: spread over it, few enough to be quick, in grey, at most `PROBE_SIDE_PX` long."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from haechi.core.media.decode import Frame, FrameRequest, read_frames
from haechi.core.media.probe import probe_media
from haechi.core.settings import Limits

PROBE_SIDE_PX: Final = 1024
FRAMES: Final = 48
_WHOLE_S = 16.0
_STRETCH_S = 3.0
_STRETCHES = 4


def sample_frames(path: Path, limits: Limits, *, code_values: bool = False) -> list[Frame]:
    """Up to `FRAMES` frames of one size, from the whole of a short film, from four stretches of a longer one.

    Args:
        path: the film.
        limits: what reading may cost.
        code_values: HDR as it is coded, not as it is shown.

    Raises:
        InputError, UnreadableMediaError, UnsupportedMediaError: as `read_frames`.
    """
    duration_s = probe_media(path, limits).duration_s or 0.0
    spans: list[tuple[float, float | None]]
    if duration_s <= _WHOLE_S:
        spans, interval_s = [(0.0, None)], duration_s / FRAMES
    else:
        starts = [duration_s * (number + 0.5) / _STRETCHES for number in range(_STRETCHES)]
        spans = [(start, start + _STRETCH_S) for start in starts]
        interval_s = _STRETCHES * _STRETCH_S / FRAMES
    found: list[Frame] = []
    for start_s, end_s in spans:
        request = FrameRequest(
            max_side=PROBE_SIDE_PX,
            gray=True,
            start_s=start_s,
            end_s=end_s,
            min_interval_s=0.95 * interval_s,
            code_values=code_values,
        )
        with read_frames(path, limits, request) as frames:
            found += list(frames)
    return [frame for frame in found if frame.image.shape == found[0].image.shape]
