"""The five ways in which clips get re-posted: geometry first, then encoders as platforms use them.

| name          | what                                                            |
|---------------|-----------------------------------------------------------------|
| crf23         | x264 crf 23, size kept                                          |
| crf32_s06_c8  | 8 % of width and height cropped away, 0.6 scale, x264 crf 32    |
| p360_crf30    | at most 360 rows, x264 crf 30                                   |
| p240_crf33    | at most 240 rows, x264 crf 33                                   |
| two_gen       | x264 crf 28 at 0.9 scale, then VP9, HEVC or x264 crf 30-34 at 0.85 |
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.clips import SAMPLE_RATE, Clip, Image, scale_matrix, shift_matrix, transformed
from haechi.core.media.decode import read_frames
from haechi.core.media.encode import write_video
from haechi.core.settings import Limits

CHAINS = ("crf23", "crf32_s06_c8", "p360_crf30", "p240_crf33", "two_gen")
_SUFFIX = {"libvpx-vp9": ".mkv"}


def scaled(clip: Clip, width: int, height: int) -> Clip:
    """Area-averaged down, cubic up."""
    old_width, old_height = clip.size
    method = cv2.INTER_AREA if width < old_width else cv2.INTER_CUBIC
    frames = [np.asarray(cv2.resize(f, (width, height), interpolation=method), np.uint8) for f in clip.frames]
    return transformed(clip, frames, scale_matrix(width / old_width, height / old_height))


def scaled_by(clip: Clip, factor: float) -> Clip:
    """Scale both sides by `factor`, to even sizes."""
    width, height = clip.size
    return scaled(clip, _even(width * factor), _even(height * factor))


def cropped(clip: Clip, x: int, y: int, width: int, height: int) -> Clip:
    """Keep a rectangle."""
    frames = [np.ascontiguousarray(f[y : y + height, x : x + width]) for f in clip.frames]
    return transformed(clip, frames, shift_matrix(-x, -y))


def send(clip: Clip, chain: str, stem: Path, rng: np.random.Generator, limits: Limits) -> tuple[Clip, Path]:
    """Pass a clip through a chain into a file; returns the clip as written (frames as before coding)."""
    if chain == "crf23":
        return clip, write_clip(clip, stem, crf=23)
    if chain == "crf32_s06_c8":
        width, height = clip.size
        kept_w, kept_h = round(width * 0.92), round(height * 0.92)
        x, y = int(rng.integers(0, width - kept_w + 1)), int(rng.integers(0, height - kept_h + 1))
        clip = scaled_by(cropped(clip, x, y, kept_w, kept_h), 0.6)
        return clip, write_clip(clip, stem, crf=32)
    if chain in ("p360_crf30", "p240_crf33"):
        rows, crf = (360, 30) if chain == "p360_crf30" else (240, 33)
        clip = scaled_by(clip, rows / clip.size[1]) if clip.size[1] > rows else clip
        return clip, write_clip(clip, stem, crf=crf)
    return _two_generations(clip, stem, rng, limits)


def write_clip(clip: Clip, stem: Path, *, codec: str = "libx264", crf: int) -> Path:
    """Encode a clip; `clip.coding` overrides codec, crf and the audio codec."""
    coding: dict[str, Any] = {"codec": codec, "crf": crf, "preset": "fast", "audio_bit_rate": 96_000} | clip.coding
    suffix = coding.pop("suffix", _SUFFIX.get(str(coding["codec"]), ".mp4"))
    path = stem.with_name(stem.name + suffix)
    sound = None if clip.sound is None else clip.sound[: round(clip.duration_s * SAMPLE_RATE)]
    rate = 48_000 if coding.get("audio_codec") == "libopus" else SAMPLE_RATE
    if sound is not None and rate != SAMPLE_RATE:
        sound = _resampled(sound, rate)
    write_video(path, clip.frames, clip.rate, audio=sound, sample_rate=rate, **coding)
    return path


def _two_generations(clip: Clip, stem: Path, rng: np.random.Generator, limits: Limits) -> tuple[Clip, Path]:
    plain = replace(clip, coding={})
    plain = scaled_by(plain, 0.9) if min(clip.size) >= 300 else plain
    first = write_clip(plain, stem.with_name(stem.name + "-first"), crf=28)
    with read_frames(first, limits) as stream:
        again: list[Image] = [frame.image for frame in stream]
    first.unlink()
    second = replace(plain, frames=again, coding=clip.coding)
    second = scaled_by(second, 0.85) if min(clip.size) >= 300 else second
    codec, crf = [("libvpx-vp9", 36), ("libx265", 30), ("libx264", 30)][int(rng.integers(0, 3))]
    return second, write_clip(second, stem, codec=codec, crf=crf)


def _resampled(samples: np.ndarray[Any, np.dtype[np.float32]], rate: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    count = round(len(samples) * rate / SAMPLE_RATE)
    places = np.arange(count) * (SAMPLE_RATE / rate)
    return np.asarray(np.interp(places, np.arange(len(samples)), samples), np.float32)


def _even(value: float) -> int:
    return max(2, 2 * round(value / 2))
