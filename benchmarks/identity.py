"""Identity benchmark: is an enrolled artist recognised, and nobody else, among people who gave no statistics?

The same people were looked at while the method was chosen: read the figures as somewhat optimistic.

Run: python -m benchmarks.identity [--quick]

Protocol, open set: the people of LFW (deep-funneled subset) and the dlib sample with at least four photos;
none of them is among those behind `face_statistics.npz`. Each in turn is the artist, enrolled with 10
random photos (or 5, or 3), and is looked for in up to 12 other photos of the same person (mated) and in
every photo of everybody else (non-mated). Ten references need twelve photos; few people of the subset have
them, so that rows with five and three references, from more people, stand beside. Rows: all people, each
against all; the East Asian subset, against East Asian people only (harder than against all); the same with
the nine other East Asian artists with most photos enrolled at the same time, as a company would. TAR at a
FAR: the threshold is the quantile of the non-mated scores of the row. "Own threshold": what the product
does. Intervals: 95 % bootstrap over people, 300 draws.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.face_data import STATISTICS_MAX_PHOTOS, People, data_folder, load_people
from benchmarks.face_statistics import features_of
from haechi.core.reference import load_statistics, train_references
from haechi.core.settings import Settings

DRAWS = 300
MAX_MATED = 12
COMPANY = 10


@dataclass(frozen=True, slots=True)
class Trial:
    """One enrolment: scores of mated and other photos, and the product's threshold."""

    name: str
    mated: NDArray[np.float64]
    other: NDArray[np.float64]
    threshold: float


def trials(
    people: People,
    faces: NDArray[np.float32],
    size: int,
    repeats: int,
    *,
    asian: bool = False,
    company: bool = False,
) -> list[Trial]:
    """Enrol each person with `size` photos, `repeats` times.

    Args:
        people: everybody.
        faces: float32 (n, d), features in the same order.
        size: reference photos.
        repeats: random choices of the references.
        asian: only the East Asian subset, on both sides.
        company: enrol the others with most photos at the same time.
    """
    statistics = load_statistics()
    pool = ~people.for_statistics()
    if asian:
        pool &= np.array([str(name) in people.east_asian for name in people.names])
    counts = {name: int((pool & (people.names == name)).sum()) for name in np.unique(people.names[pool]).tolist()}
    enrolled = [name for name, count in counts.items() if count >= size + 2]
    largest = sorted(counts, key=lambda name: -counts[name])[:COMPANY]
    found = []
    for repeat in range(repeats):
        rng = np.random.default_rng(repeat)
        for name in enrolled:
            own = rng.permutation(np.flatnonzero(people.names == name))
            photos = {name: list(faces[own[:size]])}
            mates = [other for other in largest if other != name] if company else []
            for mate in mates:
                theirs = rng.permutation(np.flatnonzero(people.names == mate))
                photos[mate] = list(faces[theirs[: min(size, len(theirs) // 2)]])
            other = np.flatnonzero(pool & (people.names != name))
            reference = train_references(photos, statistics)[name]
            found.append(
                Trial(
                    name,
                    reference.score(faces[own[size : size + MAX_MATED]], statistics),
                    reference.score(faces[other], statistics),
                    reference.threshold,
                )
            )
    return found


def rates(chosen: Sequence[Trial]) -> dict[str, float]:
    """TAR at 1 % and 0.1 % FAR, and TAR and FAR at the product's threshold."""
    mated = np.concatenate([trial.mated for trial in chosen])
    other = np.concatenate([trial.other for trial in chosen])
    own_hits = np.concatenate([trial.mated >= trial.threshold for trial in chosen])
    own_alarms = np.concatenate([trial.other >= trial.threshold for trial in chosen])
    return {
        "TAR at 1 % FAR": float((mated > np.quantile(other, 0.99)).mean()),
        "TAR at 0.1 % FAR": float((mated > np.quantile(other, 0.999)).mean()),
        "TAR, own threshold": float(own_hits.mean()),
        "FAR, own threshold": float(own_alarms.mean()),
    }


def intervals(found: Sequence[Trial], draws: int) -> dict[str, tuple[float, float, float]]:
    """Rates with their 95 % bootstrap interval over people."""
    groups: dict[str, list[Trial]] = {}
    for trial in found:
        groups.setdefault(trial.name, []).append(trial)
    names = sorted(groups)
    rng = np.random.default_rng(0)
    samples: dict[str, list[float]] = {}
    for _ in range(draws):
        drawn = [trial for index in rng.integers(0, len(names), len(names)) for trial in groups[names[index]]]
        for key, value in rates(drawn).items():
            samples.setdefault(key, []).append(value)
    result = {}
    for key, value in rates(found).items():
        low, high = np.percentile(samples[key], [2.5, 97.5])
        result[key] = (value, float(low), float(high))
    return result


def main() -> int:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description="open-set identity benchmark")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="people with seven and more photos only, one choice of references, fewer bootstrap draws",
    )
    arguments = parser.parse_args()
    data = data_folder()
    if data is None:
        print("identity: no data; set HAECHI_BENCH_DATA to the media folder. Nothing was measured.")
        return 0
    start = time.monotonic()
    least = 7 if arguments.quick else STATISTICS_MAX_PHOTOS + 1
    people = load_people(data, Settings().models, least=least)
    faces = features_of(people, load_statistics())
    repeats, draws = (1, 100) if arguments.quick else (5, DRAWS)
    print(
        "| references | people | who | mated / other | TAR at 1 % FAR | TAR at 0.1 % FAR | own threshold: TAR | FAR |"
    )
    print("|---|---|---|---|---|---|---|---|")
    sizes = (10, 5) if arguments.quick else (10, 5, 3)
    rows = [(size, *kind) for size in sizes for kind in (("all", False, False), ("East Asian", True, False))]
    rows += [(size, "East Asian, ten enrolled", True, True) for size in (10, 5)]
    for size, label, asian, company in rows:
        found = trials(people, faces, size, repeats, asian=asian, company=company)
        measured = intervals(found, draws)
        mated, other = sum(len(t.mated) for t in found), sum(len(t.other) for t in found)
        cells = [f"{value:.4f} [{low:.4f}, {high:.4f}]" for value, low, high in measured.values()]
        print(
            f"| {size} | {len({t.name for t in found})} | {label} | {mated} / {other} | {' | '.join(cells)} |",
            flush=True,
        )
    print(f"\n{time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
