"""Decoded frames of a stretch of a file, in the form that the comparison works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.media.decode import FrameRequest, read_frames
from haechi.core.settings import Limits

# A pause between frames that damage may have made.
GAP_S = 0.4

Picture = TypeVar("Picture", bound=np.generic)
Stack = NDArray[np.uint8]
Times = NDArray[np.float64]
Stretch = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Clip:
    """Decoded frames.

    Attributes:
        frames: luma uint8 (n, h, w).
        times_s: time stamps, seconds (n,), ascending.
        chroma: colour planes (Cr, Cb) less 128, int8 (n, about h / 4, about w / 4, 2); None where nobody asked.
        left_out: how many damaged frames and packets are missing.
    """

    frames: Stack
    times_s: Times
    chroma: NDArray[np.int8] | None = None
    left_out: int = 0

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a frame."""
        return int(self.frames.shape[1]), int(self.frames.shape[2])


def load(
    path: Path,
    stretches: Sequence[Stretch],
    side: int,
    limits: Limits,
    *,
    min_interval_s: float = 0.0,
    chroma_too: bool = False,
    small: bool = False,
) -> Clip | None:
    """Decode some stretches of a file, in order; None when they hold no frame.

    Args:
        path: the file.
        stretches: (start, end) in seconds, ascending, apart from each other.
        side: the long side is scaled down to it.
        limits: decoding limits.
        min_interval_s: frames closer than this to the one before are left out.
        chroma_too: whether to keep the colour planes.
        small: see `FrameRequest`.
    """
    luma, chroma, times, left_out = [], [], [], 0
    # Always by way of colours: luma planes of differently coded files do not mean the same.
    request = FrameRequest(max_side=side, min_interval_s=min_interval_s, small=small)
    for start_s, end_s in stretches:
        stream = read_frames(path, limits, replace(request, start_s=start_s, end_s=end_s))
        for frame in stream:
            luma.append(bright(frame.image))
            times.append(frame.time_s)
            if chroma_too:
                chroma.append(colour_planes(frame.image))
        left_out += stream.left_out
    if not luma:
        return None
    return Clip(stacked(luma), np.array(times), stacked(chroma) if chroma_too else None, left_out)


def between(clip: Clip, stretch: Stretch) -> Clip:
    """The frames of a stretch, its end exclusive; possibly none."""
    first, last = np.searchsorted(clip.times_s, np.asarray(stretch) - 1e-6)
    chroma = None if clip.chroma is None else clip.chroma[first:last]
    return replace(clip, frames=clip.frames[first:last], times_s=clip.times_s[first:last], chroma=chroma)


def stacked(pictures: list[NDArray[Picture]]) -> NDArray[Picture]:
    """The pictures in one array (n, ...); the list is emptied on the way, so that they are never in memory twice."""
    out = np.empty((len(pictures), *pictures[0].shape), pictures[0].dtype)
    for i in reversed(range(len(pictures))):
        out[i] = pictures.pop()
    return out


def undecoded_s(clip: Clip, stretch: Stretch) -> float:
    """Seconds of a stretch in which damage left no frame: gaps of GAP_S and more; 0 where nothing was left out."""
    if not clip.left_out:
        return 0.0
    gaps = np.diff(np.concatenate([[stretch[0]], clip.times_s, [stretch[1]]]))
    return float(gaps[gaps >= GAP_S].sum())


def bright(image_bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Luma uint8 (h, w) of a picture uint8 (h, w, 3)."""
    return np.asarray(cv2.cvtColor(image_bgr, cv2.COLOR_BGR2GRAY), dtype=np.uint8)


def colour_planes(image_bgr: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Cr and Cb less 128, int8 (about h / 4, about w / 4, 2), of a picture uint8 (h, w, 3)."""
    size = (max(1, image_bgr.shape[1] // 4), max(1, image_bgr.shape[0] // 4))
    small = cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA)
    planes = cv2.cvtColor(small, cv2.COLOR_BGR2YCrCb)[..., 1:]
    return (planes.astype(np.int16) - 128).astype(np.int8)


def scaled(clip: Clip, factor: float) -> Clip:
    """Every frame resized by a factor of at most 1; the colour planes stay as they are."""
    if factor >= 1.0:
        return clip
    height, width = clip.shape
    size = (max(16, round(width * factor)), max(16, round(height * factor)))
    frames = stacked([np.asarray(cv2.resize(f, size, interpolation=cv2.INTER_AREA), np.uint8) for f in clip.frames])
    return replace(clip, frames=frames)


def evenly(count: int, most: int) -> NDArray[np.int64]:
    """Indices of at most `most` of `count` (1 or more) things, the first and the last among them, int64 ascending."""
    return np.unique(np.linspace(0, count - 1, most).astype(np.int64))
