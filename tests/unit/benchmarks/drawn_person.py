"""A cartoon person on a patterned wall, with the 478 points that a real face would have, and speech-like sound."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from benchmarks.alterations import LEFT_BROW, LEFT_EYE, LIPS, NOSE, OVAL, RIGHT_BROW, RIGHT_EYE
from benchmarks.clips import SAMPLE_RATE, Material

SIZE, RATE, SECONDS = (320, 240), 25.0, 3.0
CENTRE = np.array([150.0, 110.0])


def ring(count: int, centre: tuple[float, float], radii: tuple[float, float]) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([centre[0] + radii[0] * np.cos(angle), centre[1] + radii[1] * np.sin(angle)], axis=1)


def drawn_face(index: int) -> tuple[np.ndarray, np.ndarray]:
    """A cartoon face on a patterned wall: picture and its 478 points; mouth and eyes move with the frame number."""
    rng = np.random.default_rng(7)
    height = SIZE[1]
    wall = cv2.resize(rng.integers(60, 200, (30, 40, 3), dtype=np.uint8), SIZE, interpolation=cv2.INTER_CUBIC)
    centre = CENTRE + np.array([0.15 * index, 3 * np.sin(index / 9)])
    opening = 3 + 12 * abs(np.sin(index / 6))
    lid = 2 + 5 * abs(np.cos(index / 11))
    points = np.tile(centre, (478, 1)) + rng.normal(0, 12, (478, 2))
    places = {
        OVAL: (36, (0, 0), (52, 66)),
        LIPS: (20, (0, 34), (20, opening)),
        RIGHT_EYE: (16, (-22, -16), (11, lid)),
        LEFT_EYE: (16, (22, -16), (11, lid)),
        RIGHT_BROW: (10, (-22, -30), (13, 3)),
        LEFT_BROW: (10, (22, -30), (13, 3)),
        NOSE: (9, (0, 8), (8, 12)),
    }
    for group, (count, away, radii) in places.items():
        points[list(group)] = ring(count, tuple(centre + away), radii)
    points[[234, 454]] = centre + np.array([[-52, 0], [52, 0]])
    points[152], points[151] = centre + np.array([0, 66]), centre + np.array([0, -45])
    image = wall.copy()
    image[170:height, 60:250] = wall[: height - 170, 40:230, ::-1] // 2
    cv2.fillPoly(image, [points[list(OVAL)].astype(np.int32)], (150, 180, 220))
    cv2.fillPoly(image, [points[list(LIPS)].astype(np.int32)], (40, 20, 120))
    for eye in (RIGHT_EYE, LEFT_EYE, RIGHT_BROW, LEFT_BROW):
        cv2.fillPoly(image, [points[list(eye)].astype(np.int32)], (30, 30, 30))
    return image, points.astype(np.float32)


def syllables(seconds: float) -> np.ndarray:
    """Bursts of harmonics of changing pitch and length: float32, like speech in rhythm only."""
    rng = np.random.default_rng(3)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    sound = np.zeros(len(time))
    start = 0.0
    while start < seconds:
        length, pitch = rng.uniform(0.08, 0.3), rng.uniform(100, 250)
        inside = (time >= start) & (time < start + length)
        sound[inside] += (
            0.3 * np.sin(2 * np.pi * pitch * time[inside]) * np.sin(np.pi * (time[inside] - start) / length)
        )
        start += length + rng.uniform(0.02, 0.25)
    return sound.astype(np.float32)


def made_material(name: str = "drawn") -> Material:
    drawn = [drawn_face(index) for index in range(round(SECONDS * RATE))]
    persons = np.zeros(SIZE[::-1], np.float32)
    persons[40:, 60:250] = 1
    points = np.stack([p for _, p in drawn])
    return Material(Path(f"{name}.mp4"), name, [i for i, _ in drawn], RATE, syllables(SECONDS), points, persons)
