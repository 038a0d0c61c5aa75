"""Where the master may lie in the probe, from local features of a few frames: somewhere to start from.

Method: some probe frames are matched with master frames, those of most similar thumbnail first. A picture that stands
still needs few master frames, since any of them places it; where it moves, more of them find the same moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.check.compare.clip import Clip
from haechi.check.compare.geometry import Features, Placement, candidate_placements
from haechi.core.records import Segment

N_PROBE_FRAMES = 5
HINT_TOLERANCE_S = 1.2


class FeatureSearch:
    """Matches some frames of a probe with more and more frames of its master.

    Args:
        probe: frames of the probe, small.
        master: frames of the master, small.
    """

    def __init__(self, probe: Clip, master: Clip) -> None:
        self._master = master
        self._ours = [Features(probe.frames[i]) for i in _spread(probe, N_PROBE_FRAMES)]
        self._theirs: dict[int, Features] = {}

    def placements(self, count: int) -> list[Placement]:
        """Where the master may lie by about `count` of its frames, likeliest first: maps from master to probe."""
        theirs = [self._theirs.setdefault(i, Features(self._master.frames[i])) for i in _spread(self._master, count)]
        order = ranked([f.image for f in self._ours], [f.image for f in theirs])
        return [placement for placement, _, _ in candidate_placements(self._ours, theirs, order)]


def master_span_for(span: tuple[float, float], hint: Segment, duration_s: float | None) -> tuple[float, float]:
    """Which seconds of the master a probe span can show, after a hint."""
    low = hint.offset_s + hint.speed * (span[0] - hint.span.start_s) - HINT_TOLERANCE_S
    high = hint.offset_s + hint.speed * (span[1] - hint.span.start_s) + HINT_TOLERANCE_S
    return max(0.0, low), min(high, duration_s) if duration_s else high


def ranked(probes: Sequence[NDArray[np.uint8]], masters: Sequence[NDArray[np.uint8]]) -> list[list[int]]:
    """For each probe picture the masters' indices, most similar thumbnails first."""
    theirs = _normalised(masters)
    flipped = _normalised([m[:, ::-1] for m in masters])
    order = []
    for row in _normalised(probes):
        similar = np.maximum(theirs @ row, flipped @ row)
        order.append([int(k) for k in np.argsort(-similar)])
    return order


def _spread(clip: Clip, count: int) -> list[int]:
    """About `count` frames from all over the clip."""
    wanted = clip.times_s[0] + (np.arange(count) + 0.5) / count * (clip.times_s[-1] - clip.times_s[0])
    return [int(i) for i in np.unique(np.clip(np.searchsorted(clip.times_s, wanted), 0, len(clip.times_s) - 1))]


def _normalised(pictures: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
    rows = []
    for picture in pictures:
        small = cv2.resize(picture, (16, 16), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
        small -= small.mean()
        rows.append(small / max(float(np.linalg.norm(small)), 1e-3))
    return np.stack(rows)
