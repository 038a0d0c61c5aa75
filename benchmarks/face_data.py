"""Descriptors of the people in `faces_identity`, computed once and kept in a cache folder outside the
repository.

The cache holds vectors of real people: it is deleted with the folder and never committed.
"""

from __future__ import annotations

import csv
import hashlib
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.media.descriptors import DESCRIPTORS, FaceDescriber
from haechi.core.media.faces import FaceFinder, FaceMesh
from haechi.core.media.models import model_path

FOLDERS = ("lfw_deepfunneled", "dlib_johns")
EAST_ASIAN_NOTE = "East Asian identity subset"
STATISTICS_MAX_PHOTOS = 3
"""People with up to so many photos give the statistics; the others are for evaluation. The two never mix."""


@dataclass(frozen=True, slots=True)
class People:
    """Descriptors of all usable photos.

    Attributes:
        names: (n,) who is shown.
        files: (n,) path relative to the data folder.
        vectors: descriptor name -> float32 (n, length).
        east_asian: names of the East Asian subset.
    """

    names: NDArray[np.str_]
    files: NDArray[np.str_]
    vectors: dict[str, NDArray[np.float32]]
    east_asian: frozenset[str]

    @property
    def counts(self) -> dict[str, int]:
        """Usable photos of each person."""
        names, counts = np.unique(self.names, return_counts=True)
        return dict(zip(names.tolist(), counts.tolist(), strict=True))

    def for_statistics(self) -> NDArray[np.bool_]:
        """Mask of the photos of people with few photos."""
        counts = self.counts
        return np.array([counts[str(name)] <= STATISTICS_MAX_PHOTOS for name in self.names])


def data_folder() -> Path | None:
    """The media folder: HAECHI_BENCH_DATA or ../shared/data; None when absent."""
    given = os.environ.get("HAECHI_BENCH_DATA")
    folder = Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"
    return folder if (folder / "faces_identity").is_dir() else None


def load_people(data: Path, models: Path, *, least: int = 1) -> People:
    """Describe everybody with at least so many photos, or read the cache of a run with the same weights and files."""
    listed = sorted(_listed(data))
    photos = Counter(Path(file).parent.name for file in listed)
    listed = [file for file in listed if photos[Path(file).parent.name] >= least]
    mark = hashlib.sha256(repr([*listed, *sorted(DESCRIPTORS)]).encode())
    for name in ("dlib_face_recognition_resnet_v1.onnx", "faceres.onnx", "face_landmark.tflite"):
        mark.update(str(model_path(name, models).stat().st_size).encode())
    cache = Path(os.environ.get("HAECHI_BENCH_CACHE", tempfile.gettempdir())) / (
        f"haechi-faces-{mark.hexdigest()[:12]}.npz"
    )
    if not cache.is_file():
        _describe_all(data, listed, models, cache)
    with np.load(cache, allow_pickle=False) as stored:
        vectors = {name: stored[name] for name in DESCRIPTORS}
        return People(stored["names"], stored["files"], vectors, _east_asian(data))


def _listed(data: Path) -> Iterator[str]:
    for folder in FOLDERS:
        for path in (data / "faces_identity" / folder).glob("*/*.jpg"):
            yield str(path.relative_to(data))


def _east_asian(data: Path) -> frozenset[str]:
    with (data / "MANIFEST.tsv").open(encoding="utf-8", newline="") as table:
        rows = csv.reader(table, delimiter="\t", quoting=csv.QUOTE_NONE)
        return frozenset(Path(row[0]).parent.name for row in rows if EAST_ASIAN_NOTE in row[-1])


def _describe_all(data: Path, listed: list[str], models: Path, cache: Path) -> None:
    finder, mesh, describer = FaceFinder(models), FaceMesh(models, iris=False), FaceDescriber(models)
    kept: list[tuple[str, str]] = []
    vectors: dict[str, list[NDArray[np.float32]]] = {name: [] for name in DESCRIPTORS}
    for number, file in enumerate(listed):
        if number % 200 == 0:
            print(f"  describing faces: {number}/{len(listed)}", flush=True)
        image = cv2.imread(str(data / file), cv2.IMREAD_COLOR)
        if image is None:
            continue
        picture = np.asarray(image, np.uint8)
        faces = finder.find(picture, small=False) or finder.find(picture)
        if not faces:
            continue
        centre = np.array([picture.shape[1], picture.shape[0]]) / 2
        face = min(
            faces,
            key=lambda f: float(
                np.hypot(*(np.array([f.box.x + f.box.w / 2, f.box.y + f.box.h / 2]) - centre)) - f.box.w
            ),
        )
        placed = mesh.landmarks(picture, face)
        if placed is None:
            continue
        described = describer.describe(picture, placed.points)
        kept.append((Path(file).parent.name, file))
        for name in DESCRIPTORS:
            vectors[name].append(described.vectors[name])
    stacked = {name: np.stack(rows) for name, rows in vectors.items()}
    np.savez(
        cache,
        names=np.array([name for name, _ in kept]),
        files=np.array([file for _, file in kept]),
        **stacked,  # type: ignore[arg-type]
    )
