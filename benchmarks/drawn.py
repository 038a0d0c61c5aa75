"""Train `src/haechi/check/compare/drawn.npz` and `drawn_film.npz`: whether what differs in a picture was drawn.

    python -m benchmarks.drawn [--film] [--films FOLDER] [--seconds S] [--write]

Method: photographs of the development split (benchmarks/photographs.py), thirty more people of LFW, a frame of each
development master and some of each film of a folder go with a graphic (benchmarks/graphics.py) or a true alteration
(benchmarks/tampering.py) through a re-post of drawn size and quality: as a JPEG, or (`--film`) most of them as a short
film in which the camera pans. What differs is cut out in cells, as the comparison does, and measured. Five networks
of HIDDEN units are fitted to that by L-BFGS, logistic loss and a penalty on weights. The photographs of the test
split, made in the same way, tell how good they are. No picture and no measurement is kept, only weights.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from benchmarks import graphics, tampering
from benchmarks.intervals import auc
from benchmarks.photographs import LFW, PHOTOGRAPHS
from benchmarks.sources import data_folder, films_in, find_sources, folder
from haechi.check.compare.drawn import WEIGHTS, WEIGHTS_FILM, measure, odds_of
from haechi.core.media.decode import FrameRequest, read_frames
from haechi.core.media.encode import write_video
from haechi.core.media.faces import FaceFinder
from haechi.core.settings import Limits, Settings

FOLDER: Final = Path("src/haechi/check/compare")
NETWORKS, HIDDEN, PENALTY = 5, 16, 1.0
MORE_PEOPLE: Final = 30
FACTORS, QUALITIES = (1.0, 1.0, 0.8, 0.6, 0.5), (92, 85, 75, 60, 50)
LONGEST: Final = 960
# As films are sent: how many rows at the most, how hard they are coded; and how large they are compared.
ROWS, CRFS, LONGEST_FILM = (720, 480, 360, 240), (23, 28, 30, 33), 640
FILM_FRAMES, FILM_RATE, PAN = 7, 25.0, 2.0
FRAMES_OF_FILM, FILM_S = 4, 8.0
# The share of examples for films that were coded as films; photographs' coding teaches the same, and more cheaply.
FILMED: Final = 0.7
_PROCESSES: Final = 2

Image = NDArray[np.uint8]
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shown:
    """A photograph and the boxes of its faces."""

    picture: Image
    faces: list[graphics.FaceBox]


def photographs(split: str, data: Path, films: Path | None) -> list[Shown]:
    """All photographs of a split; for training with more people, and frames of masters and of a folder's films."""
    paths = [data / name for name in PHOTOGRAPHS[split]]
    pictures = []
    if split == "dev":
        used = {Path(name).parent for names in PHOTOGRAPHS.values() for name in names}
        people = sorted(p for p in (data / LFW).iterdir() if p.is_dir() and p.relative_to(data) not in used)
        drawn = np.random.default_rng(7).permutation(len(people))[:MORE_PEOPLE]
        paths += [sorted(people[i].glob("*.jpg"))[0] for i in drawn]
        for source in (s for s in find_sources(data) if s.split == "dev"):
            pictures.append(next(iter(read_frames(source.path, Limits(), FrameRequest()))).image)
        pictures += [picture for film in (films_in(films) if films else ()) for picture in _frames_of(film.path)]
    pictures += [np.asarray(cv2.imread(str(path)), np.uint8) for path in paths]
    finder = FaceFinder(Settings().models)
    found = [[face.box for face in finder.find(picture)] for picture in pictures]
    return [Shown(p, [(b.x, b.y, b.w, b.h) for b in boxes]) for p, boxes in zip(pictures, found, strict=True)]


def _frames_of(film: Path) -> list[Image]:
    """Frames spread over the first seconds of a film."""
    with read_frames(film, Limits(), FrameRequest(end_s=FILM_S, min_interval_s=FILM_S / FRAMES_OF_FILM)) as stream:
        return [frame.image for frame in stream]


@dataclass(frozen=True, slots=True)
class Task:
    """What one process makes examples of.

    Attributes:
        split: of the photographs, dev or test.
        data: where they are.
        films: folder of further films, None without.
        film: whether most pictures are sent as films.
        seed: of what is drawn.
        seconds: how long examples are made.
    """

    split: str
    data: Path
    films: Path | None
    film: bool
    seed: int
    seconds: float


def examples(task: Task) -> tuple[Values, NDArray[np.bool_]]:
    """Measurements (n, 34) and whether each was drawn."""
    cv2.setNumThreads(1)
    shown = photographs(task.split, task.data, task.films)
    rng, began = np.random.default_rng(task.seed), time.monotonic()
    values: list[NDArray[np.float32]] = []
    drawn: list[bool] = []
    makers = [*tampering.ALTERATIONS.values(), *2 * [*tampering.MORE.values(), tampering.foreign_patch]]
    while time.monotonic() - began < task.seconds:
        one, other = (shown[int(rng.integers(0, len(shown)))] for _ in range(2))
        harmless = bool(rng.random() < 0.5)
        if harmless:
            kind = str(rng.choice(graphics.KINDS))
            made: Image | None = graphics.laid_over(one.picture, kind, rng, one.faces)
        else:
            made = makers[int(rng.integers(0, len(makers)))](one.picture, other.picture, one.faces, rng)
        if made is None:
            continue
        send = _filmed if task.film and rng.random() < FILMED else _sent
        sent, expected = send(made, one.picture, rng)
        measured = (measure(sent, expected, mask) for mask in _differing(sent, expected))
        new = [each for each in measured if each is not None]
        values += new
        drawn += [harmless] * len(new)
    return np.array(values, np.float64), np.array(drawn)


def _sent(made: Image, original: Image, rng: np.random.Generator) -> tuple[Image, Image]:
    """A picture as re-posted and as read for comparison; the original a hair's breadth beside its place."""
    coded = _shrunk(made, float(rng.choice(FACTORS)))
    data = cv2.imencode(".jpg", coded, [cv2.IMWRITE_JPEG_QUALITY, int(rng.choice(QUALITIES))])[1]
    sent = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    sent = _shrunk(sent, LONGEST / max(sent.shape))
    size = (sent.shape[1], sent.shape[0])
    expected = cv2.resize(original, size, interpolation=cv2.INTER_AREA)
    off = rng.normal(0, 0.12, 2) * (rng.random() < 0.7)
    matrix = np.array([[1, 0, off[0]], [0, 1, off[1]]], np.float64)
    return sent, np.asarray(cv2.warpAffine(expected, matrix, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _filmed(made: Image, original: Image, rng: np.random.Generator) -> tuple[Image, Image]:
    """A frame of a short film in which the camera pans over a picture, and the same frame of the original."""
    factor = min(1.0, int(rng.choice(ROWS)) / min(made.shape[:2]))
    factor = min(factor, 1280 / max(made.shape[:2]))
    step = rng.normal(0, PAN, 2)
    ours, theirs = (
        [_panned(_shrunk(picture, factor), k * step) for k in range(FILM_FRAMES)] for picture in (made, original)
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sent.mp4"
        write_video(path, ours, FILM_RATE, crf=int(rng.choice(CRFS)), preset="fast")
        with read_frames(path, Limits(), FrameRequest()) as stream:
            sent = [frame.image for frame in stream]
    at = int(rng.integers(1, FILM_FRAMES))
    smaller = LONGEST_FILM / max(sent[at].shape)
    return _shrunk(sent[at], smaller), _shrunk(theirs[at], smaller)


def _panned(picture: Image, shift: NDArray[np.float64]) -> Image:
    """Moved by so many pixels, at even sizes."""
    height, width = (side - side % 2 for side in picture.shape[:2])
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float64)
    return np.asarray(cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101), np.uint8)


def _shrunk(picture: Image, factor: float) -> Image:
    if factor >= 1:
        return picture
    return np.asarray(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


def _differing(sent: Image, expected: Image) -> list[NDArray[np.bool_]]:
    """The largest connected differences, in cells, as masks."""
    height, width = sent.shape[:2]
    cell = max(2, round(max(height, width) / 160))
    luma = [cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) for picture in (sent, expected)]
    squared = cv2.absdiff(*luma).astype(np.float32) ** 2
    size = (max(1, width // cell), max(1, height // cell))
    energy = cv2.GaussianBlur(np.sqrt(cv2.resize(squared, size, interpolation=cv2.INTER_AREA)), (0, 0), 1.2)
    strong = (energy > max(5.0, 0.15 * float(energy.max()))).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(cv2.dilate(strong, np.ones((3, 3), np.uint8)))
    found = []
    for k in np.argsort(-stats[1:, cv2.CC_STAT_AREA])[:2] + 1:
        inside = (labels == k) & (strong > 0)
        if int(inside.sum()) >= 6 and float(energy[inside].max()) >= max(10.0, 0.5 * float(energy.max())):
            found.append(cv2.resize(inside.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0)
    return found


def fit(values: Values, drawn: NDArray[np.bool_]) -> dict[str, NDArray[np.float32]]:
    """The weights, see `haechi.check.compare.drawn`."""
    middle, width = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-3)
    x = np.clip((values - middle) / width, -4, 4)
    networks = [_one(x, np.where(drawn, 1.0, -1.0), seed) for seed in range(NETWORKS)]
    parts = {name: np.stack([network[name] for network in networks]) for name in networks[0]}
    return {name: part.astype(np.float32) for name, part in ({"middle": middle, "width": width} | parts).items()}


def _one(x: Values, sign: Values, seed: int) -> dict[str, Values]:
    """One network by L-BFGS from a drawn start."""
    n, count = x.shape[1], n_weights(x.shape[1])
    start = np.random.default_rng(seed).normal(0, 1 / np.sqrt(n), count)

    def loss(flat: Values) -> tuple[float, Values]:
        parts = _split(flat, n)
        hidden = np.tanh(x @ parts["in"] + parts["in_bias"])
        margin = sign * (hidden @ parts["out"] + parts["out_bias"])
        pull = -sign / (1 + np.exp(np.clip(margin, -50, 50)))
        inner = np.outer(pull, parts["out"]) * (1 - hidden**2)
        slopes = {"in": x.T @ inner, "in_bias": inner.sum(axis=0), "out": hidden.T @ pull, "out_bias": pull.sum()}
        flat_slopes = np.concatenate([np.ravel(slopes[name]) for name in parts])
        return float(np.logaddexp(0, -margin).sum() + 0.5 * PENALTY * flat @ flat), flat_slopes + PENALTY * flat

    return _split(minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x, n)


def n_weights(n: int) -> int:
    """Numbers of one network with `n` inputs."""
    return n * HIDDEN + 2 * HIDDEN + 1


def _split(flat: Values, n: int) -> dict[str, Any]:
    a = n * HIDDEN
    return {
        "in": flat[:a].reshape(n, HIDDEN),
        "in_bias": flat[a : a + HIDDEN],
        "out": flat[a + HIDDEN : a + 2 * HIDDEN],
        "out_bias": flat[-1],
    }


def main() -> None:
    """Parse, make, fit, tell, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long each process makes training examples")
    parser.add_argument("--films", type=folder, help="train on frames of the films of this folder, too")
    parser.add_argument("--write", action="store_true", help=f"write the weights into {FOLDER}")
    parser.add_argument("--film", action="store_true", help="send most pictures as films, and train drawn_film.npz")
    options = parser.parse_args()
    data = data_folder()
    if data is None:
        print("Drawn: nothing was measured, for lack of media. Set HAECHI_BENCH_DATA.")
        return
    tasks = [Task("dev", data, options.films, options.film, seed, options.seconds) for seed in range(_PROCESSES)]
    with multiprocessing.get_context("spawn").Pool(_PROCESSES) as pool:
        made = pool.map(examples, tasks)
        weights = fit(np.concatenate([values for values, _ in made]), np.concatenate([drawn for _, drawn in made]))
        if options.write:
            with (FOLDER / (WEIGHTS_FILM if options.film else WEIGHTS)).open("wb") as file:
                np.savez_compressed(file, allow_pickle=False, **weights)
        held = pool.map(
            examples,
            [replace(task, split="test", seed=100 + task.seed, seconds=task.seconds / 4) for task in tasks],
        )
    values, drawn = np.concatenate([v for v, _ in held]), np.concatenate([d for _, d in held])
    told = odds_of(values, weights)
    print(f"{sum(len(d) for _, d in made)} examples; of {len(drawn)} others AUC {auc(told[drawn], told[~drawn]):.4f}")


if __name__ == "__main__":
    main()
