"""A first idea of where and when the master lies in the probe, good enough for a window to start from.

Method: a few probe frames are matched by local features with master frames near the expected moment, those of most
similar thumbnail first. Without a hint all moments of the master come into question.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.check.compare.geometry import Features, Placement, candidate_placements
from haechi.core.media.decode import Frame, FrameRequest, read_frames
from haechi.core.records import Segment
from haechi.core.settings import Limits

COARSE_SIDE = 416
N_PROBE_FRAMES = 5
N_MASTER_FRAMES = 30
N_MASTER_TRIED = 30
HINT_TOLERANCE_S = 1.2


def first_placements(
    probe: Path, probe_span: tuple[float, float], master: Path, master_span: tuple[float, float], limits: Limits
) -> list[Placement]:
    """Where the master may lie in the probe, both scaled to COARSE_SIDE at most, likeliest first.

    Args:
        probe: the probe file.
        probe_span: which part of it, seconds.
        master: the master file.
        master_span: which part of it can match, seconds.
        limits: decoding limits.
    """
    theirs = sample(master, master_span, N_MASTER_FRAMES, limits)
    ours = sample(probe, probe_span, N_PROBE_FRAMES, limits)
    if not ours or not theirs:
        return []
    probes = [Features(f.image) for f in ours]
    masters = [Features(f.image) for f in theirs]
    order = ranked([f.image for f in ours], [f.image for f in theirs])
    return [placement for placement, _, _ in candidate_placements(probes, masters, order)]


def sample(path: Path, span: tuple[float, float], count: int, limits: Limits) -> list[Frame]:
    """About `count` luma frames spread over a span, long side COARSE_SIDE at most."""
    length = max(span[1] - span[0], 1e-3)
    request = FrameRequest(
        max_side=COARSE_SIDE, gray=True, start_s=span[0], end_s=span[1], min_interval_s=length / (count + 0.5)
    )
    return list(read_frames(path, limits, request))


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
        order.append([int(k) for k in np.argsort(-similar)[:N_MASTER_TRIED]])
    return order


def _normalised(pictures: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
    rows = []
    for picture in pictures:
        small = cv2.resize(picture, (16, 16), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
        small -= small.mean()
        rows.append(small / max(float(np.linalg.norm(small)), 1e-3))
    return np.stack(rows)
