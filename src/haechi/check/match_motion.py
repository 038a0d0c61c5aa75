"""Read a probe's and a master's pictures over time, and tell which stretches move alike (`core.fingerprint.alignment`).

Short probes are read whole; of long ones three windows of 4 s, around samples that were confirmed, are read densely.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.check.match_geometry import Pair, Picture, Stored, take_pictures, warped_small
from haechi.core.fingerprint.alignment import Alignment, Motion, align, is_still
from haechi.core.fingerprint.local_features import SIDE
from haechi.core.fingerprint.sets import FingerprintSet
from haechi.core.fingerprint.visual import SMALL_INTERVAL_S, plan_sampling, small_picture
from haechi.core.media.decode import Frame, FrameRequest, read_frames, read_image
from haechi.core.media.probe import MediaInfo
from haechi.core.records import Kind, Span
from haechi.core.settings import Limits

MIN_CORRELATION: Final = 0.55

_VOTING_SAMPLES = 14
_IMAGE_SIDE, _FRAME_SIDE, _MOTION_SIDE = 1024, 512, 192
_WINDOW_S, _WINDOWS, _REACH_S = 4.0, 3, 6.0
# What a thin reading leaves of 30 pictures a second, or of 25.
_MOTION_INTERVAL_S = 0.065
_THREADS = 2
_SAME_MOMENT_S = 0.03
_SAME_LINE_S, _SAME_SPEED = 0.5, 0.05
_RHYTHM = 0.82
_MATRICES = 3
# Deviation over time, as a share of the master's and grey levels besides, from which a pixel shows something foreign;
# so much of the picture must be left.
_FOREIGN, _FOREIGN_LEVELS, _LEAST_OWN = 2.0, 4.0, 0.4


@dataclass(slots=True)
class ReadProbe:
    """What was read of the probe.

    Attributes:
        pictures: samples that vote and are confirmed, and pictures that stand in them.
        motion: grey pictures, long side 192, of all of a short probe; empty for a long one.
        dense: `motion` is there.
    """

    pictures: list[Picture]
    motion: list[Frame]
    dense: bool

    @property
    def alone(self) -> bool:
        """All pictures are of one moment: no motion can confirm them."""
        return len({picture.time_s for picture in self.pictures}) == 1


@dataclass(frozen=True, slots=True)
class Master:
    """A stored item that votes named.

    Attributes:
        row: row of the catalogue.
        fingerprint: its whole set.
        proxy: its working copy, if there is one.
    """

    row: int
    fingerprint: FingerprintSet
    proxy: Path | None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return Stored(self.fingerprint, 0).size

    @property
    def is_image(self) -> bool:
        """A still image."""
        return self.fingerprint.algorithm.startswith("image")

    @property
    def follows_motion(self) -> bool:
        """Its small pictures are dense enough to be aligned with."""
        return bool(self.fingerprint.arrays["dense"][0])


def read_probe(path: Path, info: MediaInfo, limits: Limits) -> ReadProbe:
    """Samples of a picture or video under check, and the motion of a short one.

    Raises:
        UnreadableMediaError: nothing decodes.
    """
    if info.kind is Kind.IMAGE:
        frame = read_image(path, limits, max_side=_IMAGE_SIDE, gray=True)
        return ReadProbe(take_pictures(frame.image, 0.0, thorough=True), [], dense=False)
    # Another rhythm than the master's, so that some samples of both show the same moment.
    sampling = plan_sampling(info)
    sampling = replace(sampling, interval_s=_RHYTHM * sampling.interval_s)
    interval = SMALL_INTERVAL_S if sampling.dense else sampling.interval_s
    request = FrameRequest(max_side=_FRAME_SIDE, gray=True, key_only=sampling.key_only, min_interval_s=interval)
    samples: list[Frame] = []
    motion: list[Frame] = []
    with read_frames(path, limits, request) as stream:
        for frame in stream:
            if sampling.dense:
                motion.append(_for_motion(frame))
            if not samples or frame.time_s - samples[-1].time_s >= sampling.interval_s - 1e-3:
                samples.append(frame)
    chosen = np.unique(np.linspace(0, len(samples) - 1, min(len(samples), _VOTING_SAMPLES)).round().astype(int))
    with ThreadPoolExecutor(_THREADS) as pool:
        taken = pool.map(lambda i: take_pictures(samples[i].image, samples[i].time_s, thorough=False), chosen)
        pictures = [picture for some in taken for picture in some]
    return ReadProbe(pictures, motion, sampling.dense)


def _for_motion(frame: Frame) -> Frame:
    height, width = frame.image.shape
    scale = _MOTION_SIDE / max(height, width)
    if scale >= 1:
        return frame
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return replace(frame, image=np.asarray(cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA), np.uint8))


def best_lines(
    path: Path, probe: ReadProbe, pairs: Sequence[Pair], master: Master, limits: Limits
) -> tuple[list[Alignment] | None, Pair]:
    """Aligned stretches and the pair whose geometry gave them; None when motion cannot tell.

    Where the camera moves, only a pair of pictures of the same moment has the right geometry, and only the right
    geometry shows which moments are the same: the pair nearest to the first line is tried next, while that helps.
    """
    best, tried = pairs[0], {0}
    stretches = _stretches(path, probe, pairs, master, limits)
    lines = _lines(stretches, best, master)
    while lines and len(tried) < min(_MATRICES, len(pairs)):
        left = [i for i in range(len(pairs)) if i not in tried]
        errors = [_time_error(pairs[i], lines) for i in left]
        if not _SAME_MOMENT_S < _time_error(best, lines) > min(errors):
            break
        nearest = left[int(np.argmin(errors))]
        tried.add(nearest)
        again = _lines(stretches, pairs[nearest], master)
        if again and _explained(again) > _explained(lines):
            lines, best = again, pairs[nearest]
    return lines, best


def extended(
    lines: Sequence[Alignment], samples: Sequence[float], confirmed: set[float], duration_s: float
) -> list[Alignment]:
    """Lines of a long probe, known in short windows only, grown over the samples around them that show the same master.

    A line ends half-way to the next line, or to the next sample that was not confirmed; pieces of one line are joined.
    """
    grown: list[Alignment] = []
    ordered = sorted(lines, key=lambda a: a.start_s)
    for i, line in enumerate(ordered):
        if grown and _continues(grown[-1], line):
            grown[-1] = replace(grown[-1], end_s=line.end_s, windows=grown[-1].windows + line.windows)
            continue
        others = [t for t in samples if t not in confirmed]
        stops = [t for t in others if t < line.start_s] + [a.end_s for a in ordered[:i]]
        start = (max(stops) + line.start_s) / 2 if stops else 0.0
        offset = line.offset_s - line.speed * (line.start_s - start)
        if offset < 0:  # the master had not begun
            start, offset = start - offset / line.speed, 0.0
        grown.append(replace(line, start_s=start, offset_s=offset))
    for i, line in enumerate(grown):
        stops = [t for t in samples if t not in confirmed and t > line.end_s]
        stops += [a.start_s for a in grown[i + 1 :]]
        end = (min(stops) + line.end_s) / 2 if stops and min(stops) > line.end_s else min([*stops, duration_s])
        grown[i] = replace(line, end_s=max(line.end_s, end))
    return grown


def _continues(one: Alignment, other: Alignment) -> bool:
    """Both lie on one line of probe and master time."""
    expected = one.offset_s + one.speed * (other.start_s - one.start_s)
    return abs(expected - other.offset_s) < _SAME_LINE_S and abs(one.speed - other.speed) < _SAME_SPEED


def _explained(lines: Sequence[Alignment]) -> float:
    return sum(a.correlation * a.windows for a in lines)


def _time_error(pair: Pair, lines: Sequence[Alignment]) -> float:
    """How far apart in time the two pictures are, by the nearest line: the camera may have moved meanwhile."""
    return min(abs(a.offset_s + a.speed * (pair.probe_s - a.start_s) - pair.master_s) for a in lines)


def _stretches(
    path: Path, probe: ReadProbe, pairs: Sequence[Pair], master: Master, limits: Limits
) -> list[tuple[list[Frame], Motion]]:
    """Stretches of the probe, each with the motion of the master that may be in it; none when that is not known."""
    if master.is_image or (probe.dense and not probe.motion):
        return []
    with ThreadPoolExecutor(_THREADS) as pool:
        if probe.dense:
            spans = [Span(probe.motion[0].time_s, probe.motion[-1].time_s)]
            mine = [probe.motion]
            theirs = _master_motions(master, spans, pairs, limits)
        else:
            spans = _window_spans(pairs)
            coming = pool.submit(_master_motions, master, spans, pairs, limits)
            mine = list(pool.map(lambda span: _read(path, span, limits), spans))
            theirs = coming.result()
    return [(frames, motion) for frames, motion in zip(mine, theirs, strict=True) if frames and motion is not None]


def _lines(stretches: Sequence[tuple[list[Frame], Motion]], pair: Pair, master: Master) -> list[Alignment] | None:
    """Aligned stretches under the geometry of a pair; None when one side stands still, so that motion cannot tell."""

    def aligned(stretch: tuple[list[Frame], Motion]) -> list[Alignment] | None:
        mine, inside = _warped_motion(stretch[0], pair.matrix, master.size)
        return align_own(mine, Motion(stretch[1].times, stretch[1].pictures[:, inside]))

    with ThreadPoolExecutor(_THREADS) as pool:
        found = [some for some in pool.map(aligned, stretches) if some is not None]
    return [one for some in found for one in some] if found else None


def align_own(mine: Motion, theirs: Motion) -> list[Alignment] | None:
    """Stretches that move alike, by what stirs no more than the master does where that is needed to see it.

    A film in a corner stirs more, and hides how the rest moves.

    Args:
        mine: the probe, in the master's frame.
        theirs: the master.

    Returns:
        None when one of them stands still.
    """
    if is_still(mine) or is_still(theirs):
        return None
    found = align(mine, theirs, MIN_CORRELATION)
    own = mine.pictures.std(axis=0) <= _FOREIGN * theirs.pictures.std(axis=0) + _FOREIGN_LEVELS
    if found or own.all() or own.mean() < _LEAST_OWN:
        return found
    mine, theirs = (Motion(one.times, one.pictures[:, own]) for one in (mine, theirs))
    return [] if is_still(mine) or is_still(theirs) else align(mine, theirs, MIN_CORRELATION)


def _window_spans(pairs: Sequence[Pair]) -> list[Span]:
    """Short stretches of a long probe, around its best confirmed samples."""
    starts: list[float] = []
    for pair in pairs:
        if all(abs(pair.probe_s - start) > _WINDOW_S for start in starts) and len(starts) < _WINDOWS:
            starts.append(pair.probe_s)
    return [Span(start, start + _WINDOW_S) for start in starts]


def _read(path: Path, span: Span, limits: Limits, *, small: bool = False) -> list[Frame]:
    """Small grey pictures of a stretch. A broken one or two at its start would not change how it moves."""
    request = FrameRequest(
        max_side=_MOTION_SIDE,
        gray=True,
        start_s=max(0.0, span.start_s),
        end_s=span.end_s,
        min_interval_s=_MOTION_INTERVAL_S,
        at_once=True,
        thin=True,
        small=small,
    )
    with read_frames(path, limits, request) as stream:
        return list(stream)


def _master_motions(
    master: Master, spans: Sequence[Span], pairs: Sequence[Pair], limits: Limits
) -> list[Motion | None]:
    """For each stretch of the probe the master's small pictures: kept ones, or those of its working copy around it."""
    if master.follows_motion:
        arrays = master.fingerprint.arrays
        pictures = arrays["small"].reshape(len(arrays["small"]), -1).astype(np.float32)
        return [Motion(arrays["small_times"].astype(np.float64), pictures)] * len(spans)
    if master.proxy is None:
        return [None] * len(spans)
    wanted = [_span_in_master(span, pairs) for span in spans]
    read = [frame for span in _joined(wanted) for frame in _read(master.proxy, span, limits, small=True)]
    return [_motion([frame for frame in read if span.start_s <= frame.time_s < span.end_s]) for span in wanted]


def _span_in_master(span: Span, pairs: Sequence[Pair]) -> Span:
    near = min(pairs, key=lambda pair: abs(pair.probe_s - span.start_s))
    later_s = near.master_s - near.probe_s
    return Span(span.start_s + later_s - _REACH_S, span.end_s + later_s + _REACH_S)


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Spans that overlap as one, so that nothing is decoded twice."""
    joined: list[Span] = []
    for span in sorted(spans, key=lambda one: one.start_s):
        if joined and span.start_s <= joined[-1].end_s:
            joined[-1] = Span(joined[-1].start_s, max(joined[-1].end_s, span.end_s))
        else:
            joined.append(span)
    return joined


def _motion(frames: Sequence[Frame]) -> Motion | None:
    if not frames:
        return None
    pictures = np.stack([small_picture(frame.image).ravel() for frame in frames]).astype(np.float32)
    return Motion(np.array([frame.time_s for frame in frames]), pictures)


def _warped_motion(
    frames: Sequence[Frame], matrix: NDArray[np.float64], size: tuple[int, int]
) -> tuple[Motion, NDArray[np.bool_]]:
    """The probe's pictures in the master's frame, and which of the 48 x 48 pixels it reaches."""
    pictures = []
    inside = np.zeros(0, bool)
    for frame in frames:
        shrunk = np.diag([SIDE / max(frame.image.shape)] * 2 + [1.0])
        small, reach = warped_small(frame.image, matrix @ shrunk, size)
        pictures.append(small.ravel())
        inside = reach.ravel()
    stack = np.stack(pictures)[:, inside]
    return Motion(np.array([frame.time_s for frame in frames]), stack), inside
