"""What is kept of pictures and videos: hashes, local features and small grey pictures over time.

Method: video frames are sampled, each sample gives a PDQ hash (and one of the picture without bars or blurred
fill) and ORB
features. Short videos, where decoding everything is cheap, are sampled every 0.5 s and keep a small grey
picture of every 0.08 s, so that
a match can be confirmed by how the picture moves. Longer ones give their key frames only: many times faster
than real time; the motion
is then read from the working copy. A still image is a video of one sample.
Arrays of `image_fingerprint_v1` and `video_fingerprint_v1` (n samples, h hashes, k features, m small pictures):
    size int32 (2,)            width and height of the displayed picture, pixels
    times float32 (n,)         seconds
    pdq uint8 (h, 32), pdq_frame int32 (h,), pdq_quality uint8 (h,)
    orb_first int32 (n + 1,)   features of sample i are orb_first[i]:orb_first[i + 1]
    orb_codes uint8 (k, 32), orb_xy uint16 (k, 2) sixteenths of a pixel at long side 512
    small_times float32 (m,), small uint8 (m, 48, 48), dense uint8 (1,) whether `small` follows the motion
Limits: in a long master with key frames far apart and a moving camera, a short excerpt may lie between samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.errors import UnreadableMediaError
from haechi.core.fingerprint.local_features import Features, all_features, scaled_gray
from haechi.core.fingerprint.pdq import pdq, trim_borders
from haechi.core.fingerprint.sets import FingerprintSet
from haechi.core.media.decode import Frame, FrameRequest, read_frames, read_image
from haechi.core.records import Kind
from haechi.core.settings import Limits

if TYPE_CHECKING:
    from haechi.core.media.probe import MediaInfo

IMAGE_FINGERPRINT: Final = "image_fingerprint_v1"
VIDEO_FINGERPRINT: Final = "video_fingerprint_v1"
SMALL_SIDE: Final = 48
SMALL_INTERVAL_S: Final = 0.075
"""Small pictures follow one another at 12-13 a second."""

_IMAGE_SIDE, _FRAME_SIDE = 1024, 512
_SAMPLE_S, _MAX_SAMPLES = 0.5, 3000
_DECODED_PIXELS_PER_S = 3.5e8
_DENSE_COST_S, _DENSE_COST_SHARE, _DENSE_DURATION_S = 4.0, 0.03, 120.0
_POSITION_UNITS = 16

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which frames of a video are read.

    Attributes:
        dense: every frame is decoded, and the motion kept.
        key_only: only key frames are decoded.
        interval_s: least time between two samples.
    """

    dense: bool
    key_only: bool
    interval_s: float


def plan_sampling(info: MediaInfo) -> Sampling:
    """Choose the sampling by what decoding every frame would cost on one core."""
    duration = info.duration_s or 0.0
    pixels_per_s = (info.width or 1920) * (info.height or 1080) * (info.frame_rate or 30.0)
    cost = pixels_per_s * duration / _DECODED_PIXELS_PER_S
    interval = max(_SAMPLE_S, duration / _MAX_SAMPLES)
    cheap = duration > 0 and cost <= max(_DENSE_COST_S, _DENSE_COST_SHARE * duration)
    if cheap and duration <= _DENSE_DURATION_S:
        return Sampling(True, False, interval)
    return Sampling(False, not cheap, max(interval, 1.0) if cheap else interval)


def fingerprint_pictures(
    path: Path, info: MediaInfo, limits: Limits, progress: Callable[[float], None] | None = None
) -> FingerprintSet:
    """Fingerprint a still image or the pictures of a video.

    Raises:
        UnreadableMediaError: nothing decodes.
    """
    record = _Record()
    if info.kind is Kind.IMAGE:
        record.add_small(read := read_image(path, limits, max_side=_IMAGE_SIDE, gray=True))
        record.add_sample(read, thorough=True)
    else:
        sampling = plan_sampling(info)
        for frame in _told(_frames(path, limits, sampling), info.duration_s, progress):
            record.add_small(frame)
            if not record.times or frame.time_s - record.times[-1] >= sampling.interval_s - 1e-3:
                record.add_sample(frame)
        record.dense = sampling.dense
    if not record.times:
        raise UnreadableMediaError(f"{path.name}: no picture could be decoded; get the file again from its source")
    name = IMAGE_FINGERPRINT if info.kind is Kind.IMAGE else VIDEO_FINGERPRINT
    return FingerprintSet(name, record.arrays(info.width or 1, info.height or 1))


def small_picture(gray: Bytes) -> Bytes:
    """The small grey picture, uint8 (48, 48), aspect ignored."""
    return np.asarray(cv2.resize(gray, (SMALL_SIDE, SMALL_SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def features_of(fingerprint: FingerprintSet, sample: int) -> Features:
    """Features of one sample."""
    first = fingerprint.arrays["orb_first"]
    part = slice(int(first[sample]), int(first[sample + 1]))
    xy = fingerprint.arrays["orb_xy"][part].astype(np.float32) / np.float32(_POSITION_UNITS)
    return Features(fingerprint.arrays["orb_codes"][part], xy)


def hashes_of(gray: Bytes) -> list[tuple[Bytes, int]]:
    """Hash and quality of the picture, and of the picture without its borders when it has any."""
    whole = pdq(gray)
    found = [(whole.bits, whole.quality)]
    box = trim_borders(gray)
    if box is not None:
        x, y, w, h = box
        inner = pdq(np.ascontiguousarray(gray[y : y + h, x : x + w]))
        found.append((inner.bits, inner.quality))
    return found


@dataclass(slots=True)
class _Record:
    """Grows by frames; only what is kept of them stays in memory."""

    times: list[float] = field(default_factory=list)
    hashes: list[tuple[int, Bytes, int]] = field(default_factory=list)
    features: list[Features] = field(default_factory=list)
    small_times: list[float] = field(default_factory=list)
    small: list[Bytes] = field(default_factory=list)
    dense: bool = False

    def add_small(self, frame: Frame) -> None:
        self.small_times.append(frame.time_s)
        self.small.append(small_picture(frame.image))

    def add_sample(self, frame: Frame, *, thorough: bool = False) -> None:
        self.hashes += [(len(self.times), bits, quality) for bits, quality in hashes_of(frame.image)]
        self.times.append(frame.time_s)
        self.features.append(all_features(scaled_gray(frame.image), thorough=thorough))

    def arrays(self, width: int, height: int) -> dict[str, NDArray[np.generic]]:
        """See the module."""
        counts = [len(one.codes) for one in self.features]
        xy = np.concatenate([one.xy for one in self.features])
        return {
            "size": np.array([width, height], np.int32),
            "times": np.array(self.times, np.float32),
            "pdq": np.stack([bits for _, bits, _ in self.hashes]),
            "pdq_frame": np.array([frame for frame, _, _ in self.hashes], np.int32),
            "pdq_quality": np.array([quality for _, _, quality in self.hashes], np.uint8),
            "orb_first": np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
            "orb_codes": np.concatenate([one.codes for one in self.features]),
            "orb_xy": np.round(xy * _POSITION_UNITS).astype(np.uint16),
            "small_times": np.array(self.small_times, np.float32),
            "small": np.stack(self.small),
            "dense": np.array([self.dense], np.uint8),
        }


def _frames(path: Path, limits: Limits, sampling: Sampling) -> Iterator[Frame]:
    interval = SMALL_INTERVAL_S if sampling.dense else sampling.interval_s
    request = FrameRequest(max_side=_FRAME_SIDE, gray=True, key_only=sampling.key_only, min_interval_s=interval)
    with read_frames(path, limits, request) as stream:
        yield from stream


def _told(
    frames: Iterable[Frame], duration_s: float | None, progress: Callable[[float], None] | None
) -> Iterator[Frame]:
    for frame in frames:
        if progress is not None and duration_s:
            progress(min(1.0, frame.time_s / duration_s))
        yield frame
