"""Follow faces through a video.

Steps for each frame:
1. Frames closer to the last one than the wanted rate are passed over.
2. A cut ends all tracks. A cut is a jump of the thumbnail's luma that is large and stands out from the
jumps before it.
3. Each live track is followed: the mesh is placed anew near its last points. It counts as seen only where
the mesh is sure and the face has not jumped.
4. Now and then, and whenever a track was not seen, the finder looks again: hits that lie on no live track
start one, hits on a lost track revive it.
5. Two tracks on one face: the younger ends. A track unseen for longer than `MAX_GAP_S` ends where it was
last seen.

Gaps inside a track are bridged by straight lines between the points before and after, and marked `seen`
False.
Limits: a flash of stage light can read as a cut and split a track; a face behind another for longer than
`MAX_GAP_S` becomes a new track. Landmarks take 3.8 kB a sample: an hour at 15 a second is 200 MB for each
face.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.media.decode import Frame
from haechi.core.media.faces import FaceFinder, FaceMesh

RATE_HZ = 15.0
MAX_GAP_S = 0.7
MIN_SAMPLES = 3
_CUT_JUMP = 26.0  # grey levels of 255, mean over the thumbnail
_CUT_RATIO = 3.0
_LOOK_EVERY_S, _LOOK_SMALL_EVERY_S = 0.5, 2.0
_SURE = 0.6
_MAX_JUMP = 0.6  # of the face's size, per frame
_SAME_FACE = 0.4  # intersection over union
_THUMBNAIL = (48, 27)


@dataclass(frozen=True, slots=True)
class FaceTrack:
    """One face over time.

    Attributes:
        times_s: float64 (n,), ascending, time stamps of the file.
        boxes: float32 (n, 4), x, y, w, h around the mesh points, pixels; may reach outside the picture.
        landmarks: float32 (n, 478, 2), pixels.
        seen: bool (n,), False where the points were interpolated over a gap.
    """

    times_s: NDArray[np.float64]
    boxes: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    seen: NDArray[np.bool_]

    def at(self, time_s: float) -> NDArray[np.float32] | None:
        """Points at a time, interpolated, float32 (478, 2); None outside the track."""
        if not self.times_s[0] <= time_s <= self.times_s[-1]:
            return None
        after = min(int(np.searchsorted(self.times_s, time_s)), len(self.times_s) - 1)
        before = max(after - 1, 0)
        width = self.times_s[after] - self.times_s[before]
        share = np.float32((time_s - self.times_s[before]) / width if width > 0 else 0.0)
        points = (1 - share) * self.landmarks[before] + share * self.landmarks[after]
        return np.asarray(points, np.float32)


@dataclass(slots=True)
class _Live:
    number: int
    points: NDArray[np.float32]
    seen_s: float
    times_s: list[float] = field(default_factory=list)
    samples: list[NDArray[np.float32] | None] = field(default_factory=list)


class FaceTracker:
    """Follows faces frame by frame; `track_faces` is the plain way to use it.

    Args:
        models: the models folder.
        rate_hz: how many frames a second are looked at, at most.
        iris: whether points 468-477 are placed exactly.
    """

    def __init__(self, models: Path, *, rate_hz: float = RATE_HZ, iris: bool = True) -> None:
        self._finder, self._mesh = FaceFinder(models), FaceMesh(models, iris=iris)
        self._interval_s = 1.0 / rate_hz
        self._cuts = _Cuts()
        self._live: list[_Live] = []
        self._done: list[_Live] = []
        self._count = 0
        self._last_s = self._looked_s = self._looked_small_s = -np.inf

    def step(self, frame: Frame) -> dict[int, NDArray[np.float32]]:
        """Take the next frame; returns track number -> points float32 (478, 2) of each face seen in it."""
        # 1. rate: a tolerance of a tenth keeps every second frame of 30 fps at 15 a second
        if frame.time_s - self._last_s < 0.9 * self._interval_s:
            return {}
        self._last_s = frame.time_s
        image = frame.image
        if image.ndim == 2:
            image = np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
        # 2. cut
        cut = self._cuts.is_cut(image)
        if cut:
            self._done += self._live
            self._live = []
        # 3. follow
        for track in self._live:
            self._follow(track, frame.time_s, image)
        # 4. look again
        lost = any(track.seen_s < frame.time_s for track in self._live)
        if cut or lost or frame.time_s - self._looked_s >= _LOOK_EVERY_S:
            self._look(frame.time_s, image, cut)
        # 5. end
        self._retire(frame.time_s)
        return {track.number: track.points for track in self._live if track.seen_s == frame.time_s}

    def finish(self) -> list[FaceTrack]:
        """End all tracks and return those worth keeping, in the order in which they began."""
        self._done += self._live
        self._live = []
        self._done.sort(key=lambda track: track.number)
        frames = len({time for track in self._done for time in track.times_s})
        needed = min(MIN_SAMPLES, frames)
        built = [_build(track) for track in self._done]
        return [track for track in built if int(track.seen.sum()) >= needed]

    def _follow(self, track: _Live, time_s: float, image: NDArray[np.uint8]) -> None:
        placed = self._mesh.follow(image, track.points)
        if placed is not None and placed.score >= _SURE and not _jumped(track.points, placed.points):
            track.points, track.seen_s = placed.points, time_s
            track.samples.append(placed.points)
        else:
            track.samples.append(None)
        track.times_s.append(time_s)

    def _look(self, time_s: float, image: NDArray[np.uint8], cut: bool) -> None:
        small = cut or time_s - self._looked_small_s >= _LOOK_SMALL_EVERY_S
        self._looked_s = time_s
        if small:
            self._looked_small_s = time_s
        for face in self._finder.find(image, small=small):
            box = np.array([face.box.x, face.box.y, face.box.w, face.box.h], np.float32)
            nearest = max(self._live, key=lambda track: _iou(_box(track.points), box), default=None)
            covered = nearest is not None and _iou(_box(nearest.points), box) > _SAME_FACE * 0.5
            if nearest is not None and covered and nearest.seen_s == time_s:
                continue
            placed = self._mesh.landmarks(image, face)
            if placed is None or placed.score < _SURE:
                continue
            if nearest is not None and covered:
                nearest.points, nearest.seen_s, nearest.samples[-1] = placed.points, time_s, placed.points
            else:
                self._count += 1
                self._live.append(_Live(self._count, placed.points, time_s, times_s=[time_s], samples=[placed.points]))

    def _retire(self, time_s: float) -> None:
        kept: list[_Live] = []
        for track in self._live:
            twin = any(_iou(_box(track.points), _box(other.points)) > _SAME_FACE for other in kept)
            if twin or time_s - track.seen_s > MAX_GAP_S:
                self._done.append(track)
            else:
                kept.append(track)
        self._live = kept


def track_faces(frames: Iterable[Frame], models: Path) -> list[FaceTrack]:
    """Track every face of a video; see the module for the steps.

    Args:
        frames: in display order, BGR or grey.
        models: the models folder.
    """
    tracker = FaceTracker(models)
    for frame in frames:
        tracker.step(frame)
    return tracker.finish()


class _Cuts:
    """Finds cuts by the jump of a thumbnail's luma against the typical jump of the last frames."""

    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None
        self._jumps: list[float] = []

    def is_cut(self, image: NDArray[np.uint8]) -> bool:
        small = cv2.resize(image, _THUMBNAIL, interpolation=cv2.INTER_AREA)
        luma = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.float32)
        last, self._last = self._last, luma
        if last is None:
            return True
        jump = float(np.abs(luma - last).mean())
        usual = float(np.median(self._jumps)) if self._jumps else 0.0
        cut = jump > _CUT_JUMP and jump > _CUT_RATIO * usual
        self._jumps = [] if cut else [*self._jumps[-15:], jump]
        return cut


def _box(points: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = points.min(axis=0), points.max(axis=0)
    return np.concatenate([low, high - low])


def _iou(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    low = np.maximum(one[:2], other[:2])
    high = np.minimum(one[:2] + one[2:], other[:2] + other[2:])
    shared = float(np.prod(np.maximum(high - low, 0)))
    return shared / max(float(np.prod(one[2:]) + np.prod(other[2:])) - shared, 1e-6)


def _jumped(before: NDArray[np.float32], after: NDArray[np.float32]) -> bool:
    one, other = _box(before), _box(after)
    size = max(float(one[2:].max()), 1.0)
    moved = float(np.hypot(*(after.mean(axis=0) - before.mean(axis=0)))) / size
    grown = float(other[2:].max()) / size
    return moved > _MAX_JUMP or not 0.6 < grown < 1.7


def _build(track: _Live) -> FaceTrack:
    """Drop what follows the last sighting and interpolate the gaps before it."""
    seen = [index for index, sample in enumerate(track.samples) if sample is not None]
    times = np.array(track.times_s[: seen[-1] + 1], np.float64)
    landmarks = _bridged(times, track.samples, seen)
    low, high = landmarks.min(axis=1), landmarks.max(axis=1)
    flags = np.zeros(len(times), np.bool_)
    flags[seen] = True
    return FaceTrack(times, np.concatenate([low, high - low], axis=1), landmarks, flags)


def _bridged(
    times: NDArray[np.float64], samples: Sequence[NDArray[np.float32] | None], seen: Sequence[int]
) -> NDArray[np.float32]:
    known = np.stack([sample for sample in samples if sample is not None]).astype(np.float32)
    after = np.clip(np.searchsorted(np.asarray(seen), np.arange(len(times))), 0, len(seen) - 1)
    before = np.maximum(after - 1, 0)
    exact = np.asarray(seen)[after] == np.arange(len(times))
    start, end = times[np.asarray(seen)[before]], times[np.asarray(seen)[after]]
    share = np.where(exact, 1.0, (times - start) / np.maximum(end - start, 1e-9)).astype(np.float32)
    return known[before] * (1 - share)[:, None, None] + known[after] * share[:, None, None]
