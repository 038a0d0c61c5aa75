"""Clips in memory whose makers keep the truth: where each pixel and each second came from, what was altered.

A clip starts as a stretch of a real master. Makers change pictures and sound and, along with them, the geometry
(`to_clip`), the time map (`pieces`) and the altered regions, so that the truth file needs no guess.
Invariant: alterations run before any change of geometry or time; their boxes are in master pixels.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from haechi.core.media.audio import read_all_audio
from haechi.core.media.decode import FrameRequest, read_frames
from haechi.core.media.faces import FaceFinder, FaceMesh
from haechi.core.media.persons import PersonMask
from haechi.core.settings import Limits

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
SAMPLE_RATE = 44_100
MATERIAL_S = 8.0  # how much of a master is held in memory
_CONSTANT_RATES = (24.0, 25.0, 30000 / 1001, 30.0, 50.0, 60.0)


@dataclass(frozen=True, slots=True)
class Altered:
    """One altered region.

    Attributes:
        region: what it is (the words of `haechi.core.records.Region`).
        accept: regions that are also a right answer.
        times_s: clip time of each altered frame, float (n,).
        boxes: x, y, w, h per altered frame, master pixels, float (n, 4); None for sound.
        visibility: mean absolute luma difference inside, 0-255, with the face at 96 px; NaN for sound.
        detail: how it was made.
    """

    region: str
    accept: tuple[str, ...]
    times_s: NDArray[np.float64]
    boxes: NDArray[np.float64] | None
    visibility: float
    frame_s: float
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Piece:
    """Clip time [start_s, end_s) shows master time offset_s + speed * (t - start_s); None: not this master."""

    start_s: float
    end_s: float
    offset_s: float | None
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames and sound in memory with the way they were made.

    Attributes:
        frames: uint8 (h, w, 3) BGR each.
        rate: frames per second.
        sound: float32 (n,) mono at SAMPLE_RATE; None without sound.
        to_clip: float (3, 3), master pixels to clip pixels.
        coding: overrides for `chains.write_clip`, e.g. the audio codec.
    """

    frames: list[Image]
    rate: float
    sound: Floats | None
    pieces: tuple[Piece, ...]
    to_clip: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))
    mirrored: bool = False
    altered: tuple[Altered, ...] = ()
    coding: dict[str, Any] = field(default_factory=dict)
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def duration_s(self) -> float:
        """Length of the pictures, seconds."""
        return len(self.frames) / self.rate

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self.frames[0].shape[1], self.frames[0].shape[0]


@dataclass(slots=True)
class Material:
    """What was read of one master.

    Attributes:
        landmarks: float32 (n, 478, 2), pixels; NaN where no face was found.
        persons: float32 (h, w), the largest person mask over the stretch, 0 to 1.
    """

    path: Path
    source_id: str
    frames: list[Image]
    rate: float
    sound: Floats | None
    landmarks: Floats
    persons: Floats

    @property
    def duration_s(self) -> float:
        """Length of what was read, seconds."""
        return len(self.frames) / self.rate


def read_material(path: Path, source_id: str, models: Path, cache: Path, limits: Limits) -> Material:
    """Read the first seconds of a master at a constant rate, with the landmarks of its main face."""
    frames, rate = _read_constant(path, limits)
    sound = read_all_audio(path, limits, sample_rate=SAMPLE_RATE, end_s=len(frames) / rate)
    key = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    store = cache / f"faces-{key}.npz"
    if store.exists():
        with np.load(store) as saved:
            landmarks, persons = saved["landmarks"], saved["persons"]
    else:
        landmarks, persons = _follow_face(frames, models), _persons(frames, models)
        cache.mkdir(parents=True, exist_ok=True)
        # Another process may look for it at any moment.
        own = store.with_suffix(f".{os.getpid()}.npz")
        np.savez_compressed(own, landmarks=landmarks, persons=persons)
        own.replace(store)
    return Material(path, source_id, frames, rate, sound if sound.size else None, landmarks, persons)


def excerpt(material: Material, start_s: float, duration_s: float) -> tuple[Clip, slice]:
    """A stretch as a clip, and the frames of the material that it holds."""
    first = round(start_s * material.rate)
    last = min(len(material.frames), first + max(1, round(duration_s * material.rate)))
    start = first / material.rate
    length = (last - first) / material.rate
    sound = None
    if material.sound is not None:
        # A soundtrack may end before the pictures do.
        part = material.sound[round(start * SAMPLE_RATE) : round((start + length) * SAMPLE_RATE)].copy()
        sound = part if part.size else None
    clip = Clip(material.frames[first:last], material.rate, sound, (Piece(0.0, length, start),))
    return clip, slice(first, last)


def transformed(clip: Clip, frames: list[Image], matrix: NDArray[np.float64], **detail: Any) -> Clip:
    """The clip with new frames, whose pixels come from the old ones by `matrix` (3, 3)."""
    return replace(clip, frames=frames, to_clip=matrix @ clip.to_clip, detail=clip.detail | detail)


def scale_matrix(x: float, y: float | None = None) -> NDArray[np.float64]:
    """Scaling of pixel edges: (3, 3)."""
    return np.diag([x, x if y is None else y, 1.0])


def shift_matrix(x: float, y: float) -> NDArray[np.float64]:
    """Translation: (3, 3)."""
    matrix = np.eye(3)
    matrix[:2, 2] = x, y
    return matrix


def truth_of(clip: Clip, material: Material, *, kind: str, chain: str, benign: bool, probe: str) -> dict[str, Any]:
    """The truth file of a clip: JSON types only; boxes in probe pixels."""
    width, height = clip.size
    first = next((p for p in clip.pieces if p.offset_s is not None), clip.pieces[0])
    return {
        "schema": "haechi.bench/1",
        "master": str(material.path),
        "probe": probe,
        "source_id": material.source_id,
        "chain": chain,
        "kind": kind,
        "benign": benign,
        "duration_s": round(clip.duration_s, 4),
        "width": width,
        "height": height,
        "frame_rate": clip.rate,
        "has_sound": clip.sound is not None,
        "offset_s": first.offset_s,
        "speed": first.speed,
        "mirrored": clip.mirrored,
        "pieces": [[p.start_s, p.end_s, p.offset_s, p.speed] for p in clip.pieces],
        "master_to_probe": [round(float(v), 6) for v in clip.to_clip.ravel()],
        "regions": [_region_json(clip, item) for item in clip.altered],
        "detail": clip.detail,
    }


def save_truth(path: Path, truth: dict[str, Any]) -> None:
    """Write a truth file; it appears whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(truth, ensure_ascii=False, indent=1), encoding="utf-8")
    part.replace(path)


def _region_json(clip: Clip, item: Altered) -> dict[str, Any]:
    width, height = clip.size
    result: dict[str, Any] = {
        "region": item.region,
        "accept": list(item.accept),
        "span": [round(float(item.times_s[0]), 4), round(float(item.times_s[-1]) + item.frame_s, 4)],
        "box": None,
        "visibility": None if np.isnan(item.visibility) else round(item.visibility, 2),
        "detail": item.detail,
    }
    if item.boxes is not None:
        boxes = np.array([_mapped(box, clip.to_clip, width, height) for box in item.boxes])
        low, high = boxes[:, :2].min(axis=0), (boxes[:, :2] + boxes[:, 2:]).max(axis=0)
        result["box"] = [round(float(v)) for v in (*low, *(high - low))]
        result["track"] = [
            [round(float(t), 4), *map(round, map(float, b))] for t, b in zip(item.times_s, boxes, strict=True)
        ]
    return result


def _mapped(box: Sequence[float], matrix: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    x, y, w, h = box
    corners = np.array([[x, y, 1], [x + w, y, 1], [x, y + h, 1], [x + w, y + h, 1]]) @ matrix.T
    low = np.clip(corners[:, :2].min(axis=0), 0, (width, height))
    high = np.clip(corners[:, :2].max(axis=0), 0, (width, height))
    return np.concatenate([low, high - low])


def _read_constant(path: Path, limits: Limits) -> tuple[list[Image], float]:
    """Frames at a constant rate: the nearest usual one; each slot shows the newest frame that began before it."""
    with read_frames(path, limits, FrameRequest(end_s=MATERIAL_S)) as stream:
        read = list(stream)
    times = np.array([frame.time_s for frame in read])
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.04
    rate = min(_CONSTANT_RATES, key=lambda usual: abs(usual - 1 / step))
    slots = np.arange(0, times[-1] + 0.5 / rate, 1 / rate)
    index = np.clip(np.searchsorted(times, slots + 0.25 / rate, side="right") - 1, 0, len(read) - 1)
    return [read[i].image for i in index], rate


def _follow_face(frames: list[Image], models: Path) -> Floats:
    finder, mesh = FaceFinder(models), FaceMesh(models)
    points = np.full((len(frames), 478, 2), np.nan, np.float32)
    previous: Floats | None = None
    for index, image in enumerate(frames):
        found = mesh.follow(image, previous) if previous is not None else None
        if found is None:
            faces = finder.find(image, small=False)
            largest = max(faces, key=lambda face: face.box.w * face.box.h, default=None)
            found = mesh.landmarks(image, largest) if largest is not None else None
        previous = found.points if found is not None else None
        if previous is not None:
            points[index] = previous
    return points


def _persons(frames: list[Image], models: Path) -> Floats:
    network = PersonMask(models)
    step = max(1, len(frames) // 12)
    return np.asarray(np.max([network.mask(image) for image in frames[::step]], axis=0), np.float32)
