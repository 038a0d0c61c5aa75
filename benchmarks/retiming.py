"""Which other moment of the same footage to show: the face posed alike, but the watched part shaped otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.clips import Floats

_MAX_CANDIDATES = 3


class NotPossibleError(Exception):
    """This footage cannot give a visible alteration of the wanted kind."""


def moments(
    faces: Floats, wanted: Sequence[int], watch: Sequence[int], stable: Sequence[int], rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], dict[str, Any]]]:
    """Yield source frame numbers for the wanted frames with how they were chosen: moving ones, then held ones.

    Among each the most different come first; one time in five the held ones come before the moving ones.

    Args:
        faces: float32 (n, 478, 2), pixels; NaN where the face is lost.
        wanted: frames of `faces` that will be altered.
        watch: points whose shape must differ.
        stable: points whose shape (the pose) should agree.
        rng: breaks ties and the order.
    """
    lost = np.isnan(faces[:, 0, 0])
    shapes, poses = _normalised(faces, watch, stable), _normalised(faces, stable, stable)
    goal = np.asarray(wanted)
    if lost[goal].any():
        raise NotPossibleError("the face is lost within the span")
    scored = []
    for sources, how in _candidates(len(faces), goal):
        if lost[sources].any():
            continue
        differs = np.abs(shapes[sources] - shapes[goal]).mean(axis=(1, 2))
        turned = np.abs(poses[sources] - poses[goal]).mean()
        score = np.quantile(differs, 0.3) + 0.5 * differs.mean() - 1.5 * turned
        scored.append((float(score), rng.random(), sources, how))
    scored.sort(key=lambda row: -row[0])
    if not scored:
        raise NotPossibleError("no other moment shows the face")
    moving = _spread([row for row in scored if row[3]["how"] != "held"])
    moving[:2] = sorted(moving[:2], key=lambda row: row[1])
    held = _spread([row for row in scored if row[3]["how"] == "held"])[:2]
    for _, _, sources, how in held + moving if rng.random() < 0.2 else moving + held:
        yield sources, how


def _candidates(count: int, goal: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], dict[str, Any]]]:
    """Shifts, reversals and single held moments."""
    for shift in range(-count, count):
        if abs(shift) >= 5 and goal[0] + shift >= 0 and goal[-1] + shift < count:
            yield goal + shift, {"how": "shifted", "frames": shift}
    for total in range(goal[-1], count + goal[0]):
        yield total - goal, {"how": "reversed", "frames": int(total)}
    for frame in range(0, count, 3):
        yield np.full(len(goal), frame), {"how": "held", "frames": frame}


def _spread(scored: list[Any]) -> list[Any]:
    """The best ones that are not near neighbours of one another."""
    kept: list[Any] = []
    for row in scored:
        how = row[3]
        near = any(k[3]["how"] == how["how"] and abs(k[3]["frames"] - how["frames"]) < 5 for k in kept)
        if not near:
            kept.append(row)
        if len(kept) == _MAX_CANDIDATES:
            break
    return kept


def _normalised(faces: Floats, points: Sequence[int], stable: Sequence[int]) -> Floats:
    """Points in the face's own frame (origin between the eyes, eyes level, 1 = their distance): (n, k, 2)."""
    right, left = faces[:, [33, 133]].mean(axis=1), faces[:, [362, 263]].mean(axis=1)
    across = left - right
    length = np.maximum(np.hypot(*across.T), 1e-3)
    cos, sin = across[:, 0] / length, across[:, 1] / length
    moved = faces[:, list(points)] - faces[:, list(stable)].mean(axis=1, keepdims=True)
    x = moved[..., 0] * cos[:, None] + moved[..., 1] * sin[:, None]
    y = -moved[..., 0] * sin[:, None] + moved[..., 1] * cos[:, None]
    return np.asarray(np.stack([x, y], axis=-1) / length[:, None, None], np.float32)
