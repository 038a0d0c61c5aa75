"""What a window that is plainly the same adds to a comparison: its segment, edits, curve, and a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from haechi.check.compare.clip import Stack
from haechi.check.compare.colour import Tone
from haechi.check.compare.files import Files
from haechi.check.compare.gather import Gathered, Moment, add_edits, extend_curves, extend_segments, side_by_side
from haechi.check.compare.skim import Skimmed
from haechi.core.media.decode import FrameRequest, read_frames

# The curve of a glance is drawn as one of a closer look whose threshold is this.
HIGH = 6.0


@dataclass(frozen=True, slots=True)
class _Looked:
    """What tells of edits in a window that was glanced at, see `gather.Seen`."""

    probe: Stack
    tone: Tone
    covered: NDArray[np.bool_]
    seen: NDArray[np.bool_]


def gather_plain(gathered: Gathered, skimmed: Skimmed, files: Files, *, with_pictures: bool) -> None:
    """Add a window that is plainly the same; arguments as of `gather.gather`."""
    span, seen = skimmed.cut[0], skimmed.glance
    inside = (skimmed.times_s >= span.start_s) & (skimmed.times_s < span.end_s)
    times_s, cells, strength = skimmed.times_s[inside], seen.cells[inside], seen.strength[inside]
    gathered.compared_s += float(times_s[-1] - times_s[0])
    lines = [line.within(span) for line in skimmed.located.alignment.lines]
    extend_segments(gathered.segments, lines, skimmed.placement)
    gathered.high[None] = HIGH
    if with_pictures and not gathered.pictures and not gathered.changes:
        k = _shown(times_s, files)
        moment = Moment(float(times_s[k]), HIGH * cells[k], HIGH)
        gathered.pictures.extend(side_by_side(moment, lines, skimmed.placement, files))
    looked = _Looked(skimmed.first[None], seen.tone, seen.covered, seen.seen)
    add_edits(gathered, looked, skimmed.placement, files)
    extend_curves(gathered, times_s, {None: HIGH * strength})


def _shown(times_s: NDArray[np.float64], files: Files) -> int:
    """Index of a frame that shows a window: the first key frame from its middle on is decoded in no time."""
    middle_s = float(times_s[len(times_s) // 2])
    request = FrameRequest(max_side=64, gray=True, key_only=True, start_s=middle_s)
    for frame in read_frames(files.probe, files.limits, request):
        return int(np.abs(times_s - frame.time_s).argmin())
    return len(times_s) // 2
