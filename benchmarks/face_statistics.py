"""Make `src/haechi/core/face_statistics.npz`: how face descriptors of many people are spread. No person is
in it.

Run: python -m benchmarks.face_statistics [--write]

Method: LFW people with at most three photos give the mean, the total covariance (shrunk as Ledoit and Wolf
[1] do) and the covariance of one person's photos (pooled). The projection keeps the `DIMENSIONS` strongest
directions, whitens the total and turns so that the within-person covariance is diagonal. Calibration and
threshold come from the people with four and more photos: references of 3, 5 and 10 photos against everybody
else, logistic regression from the two raw scores to log10 of the likelihood ratio; the threshold is the
score that one in a thousand comparisons of different East Asian people passes (benchmarks/identity.py shows
both, cross-validated).
[1] Ledoit, Wolf. J. Multivariate Analysis 88 (2004) 365.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import sys
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from benchmarks.face_data import People, data_folder, load_people
from haechi.core.reference import FaceReference, FaceStatistics, join, train_references
from haechi.core.settings import Settings

DIMENSIONS = 200
WITHIN_SHRINKAGE = 0.2
WEIGHTS = {"dlib": 0.8, "faceres": 1.0}
FALSE_ALARMS = 0.001
TARGET = Path(__file__).resolve().parents[1] / "src" / "haechi" / "core" / "face_statistics.npz"


def spread_of(people: People, chosen: NDArray[np.bool_]) -> FaceStatistics:
    """Statistics of the chosen photos, not yet calibrated."""
    names = tuple(people.vectors)
    means = {name: people.vectors[name][chosen].mean(axis=0) for name in names}
    blank = np.empty(0, np.float32)
    raw = FaceStatistics(names, means, WEIGHTS, blank, blank, blank, (0.0, 1.0, 0.0), 0.0)
    joined = np.stack([join(_one(people, int(index)), raw) for index in np.flatnonzero(chosen)]).astype(np.float64)
    centre = joined.mean(axis=0)
    whitening = _whitening(joined - centre)
    within = _within((joined - centre) @ whitening, people.names[chosen])
    variances, turn = np.linalg.eigh(within)
    return dataclasses.replace(
        raw,
        centre=centre.astype(np.float32),
        projection=(whitening @ turn).astype(np.float16).astype(np.float32),
        within=np.clip(variances, 1e-3, 0.98).astype(np.float32),
    )


def features_of(people: People, statistics: FaceStatistics) -> NDArray[np.float32]:
    """Features of all photos, float32 (n, d)."""
    joined = np.stack([join(_one(people, index), statistics) for index in range(len(people.names))])
    return ((joined - statistics.centre) @ statistics.projection).astype(np.float32)


def _one(people: People, index: int) -> dict[str, NDArray[np.float32]]:
    return {name: vectors[index] for name, vectors in people.vectors.items()}


def _whitening(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    count, size = centred.shape
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    variances = singular**2 / count
    mean = variances.sum() / size
    distance = (variances**2).sum() - size * mean**2  # squared Frobenius distance to the scaled identity
    noise = ((centred**2).sum(axis=1) ** 2).sum() / count**2 - (variances**2).sum() / count
    share = min(noise / distance, 1.0)
    shrunk = (1 - share) * variances + share * mean
    print(
        f"Ledoit-Wolf shrinkage {share:.3f}; kept {variances[:DIMENSIONS].sum() / variances.sum():.3f} of the variance"
    )
    return np.asarray(axes[:DIMENSIONS].T / np.sqrt(shrunk[:DIMENSIONS]), np.float64)


def _within(whitened: NDArray[np.float64], names: NDArray[np.str_]) -> NDArray[np.float64]:
    total, freedom = np.zeros((DIMENSIONS, DIMENSIONS)), 0
    for name in np.unique(names):
        own = whitened[names == name]
        if len(own) > 1:
            residual = own - own.mean(axis=0)
            total += residual.T @ residual
            freedom += len(own) - 1
    pooled = total / freedom
    flat = np.trace(pooled) / DIMENSIONS * np.eye(DIMENSIONS)
    return np.asarray((1 - WITHIN_SHRINKAGE) * pooled + WITHIN_SHRINKAGE * flat, np.float64)


def raw_scores(
    faces: NDArray[np.float32], people: People, statistics: FaceStatistics, allowed: frozenset[str], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Scores of the two models for mated and other photos of the allowed people.

    Returns:
        float64 (n, 2) ratio and margin; bool (n,) mated; bool (n,) both people East Asian.
    """
    rng = np.random.default_rng(seed)
    counts = people.counts
    usable = np.array([str(name) in allowed for name in people.names])
    asian = np.array([str(name) in people.east_asian for name in people.names])
    rows, mated, both = [], [], []
    for name in sorted(allowed):
        own = rng.permutation(np.flatnonzero(people.names == name))
        for size in (3, 5, 10):
            if counts[name] < size + 2:
                continue
            reference = train_references({name: list(faces[own[:size]])}, statistics)[name]
            other = np.flatnonzero(usable & (people.names != name))
            probes = np.concatenate([own[size:][:12], other])
            rows.append(_two(reference, faces[probes], statistics))
            mated.append(people.names[probes] == name)
            both.append(asian[probes] & (name in people.east_asian))
    return np.concatenate(rows), np.concatenate(mated), np.concatenate(both)


def _two(reference: FaceReference, faces: NDArray[np.float32], statistics: FaceStatistics) -> NDArray[np.float64]:
    ratio = reference.score(faces, dataclasses.replace(statistics, calibration=(0.0, 1.0, 0.0)))
    margin = reference.score(faces, dataclasses.replace(statistics, calibration=(0.0, 0.0, 1.0)))
    return np.column_stack([ratio, margin])


def calibrated(
    statistics: FaceStatistics,
    scores: NDArray[np.float64],
    mated: NDArray[np.bool_],
    asian: NDArray[np.bool_],
) -> FaceStatistics:
    """Fit the map to log10 LR (equal weight of mated and other) and the threshold."""
    signs = np.where(mated, 1.0, -1.0)
    masses = np.where(mated, 0.5 / mated.sum(), 0.5 / (~mated).sum())

    def loss(line: NDArray[np.float64]) -> float:
        return float(masses @ np.logaddexp(0, -signs * (line[0] + scores @ line[1:])))

    best = minimize(loss, np.array([0.0, 0.1, 0.1]), method="L-BFGS-B", bounds=[(None, None), (0, None), (0, None)])
    offset, one, two = (float(value) for value in best.x / np.log(10))
    values = offset + scores @ np.array([one, two])
    threshold = float(np.quantile(values[asian & ~mated], 1 - FALSE_ALARMS))
    print(f"calibration {offset:.3f} {one:.4f} {two:.4f}; threshold {threshold:.2f} (log10 LR)")
    for name, group in (("everybody", np.ones_like(mated)), ("East Asian", asian)):
        hits = (values[mated & group] >= threshold).mean()
        alarms = (values[~mated & group] >= threshold).mean()
        print(f"  {name}: TAR {hits:.4f} FAR {alarms:.5f} at the threshold (in sample)")
    return dataclasses.replace(statistics, calibration=(offset, one, two), threshold=threshold)


def save(statistics: FaceStatistics, path: Path) -> None:
    """Write the statistics, compressed, without pickle, the same bytes for the same numbers."""
    arrays = {
        "names": np.array(statistics.names),
        "weights": np.array([statistics.weights[name] for name in statistics.names], np.float64),
        "centre": statistics.centre.astype(np.float32),
        "projection": statistics.projection.astype(np.float16),
        "within": statistics.within,
        "calibration": np.array(statistics.calibration, np.float64),
        "threshold": np.float64(statistics.threshold),
        **{f"mean_{name}": statistics.means[name].astype(np.float32) for name in statistics.names},
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            entry = io.BytesIO()
            np.lib.format.write_array(entry, np.asarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (2026, 1, 1, 0, 0, 0)), entry.getvalue())


def main() -> int:
    """Compute, print, and with --write save the statistics."""
    parser = argparse.ArgumentParser(description="statistics of face descriptors")
    parser.add_argument("--write", action="store_true", help="replace the file that ships")
    arguments = parser.parse_args()
    data = data_folder()
    if data is None:
        print("no data: set HAECHI_BENCH_DATA to the media folder")
        return 1
    people = load_people(data, Settings().models)
    chosen = people.for_statistics()
    print(f"statistics from {chosen.sum()} photos of {len(set(people.names[chosen]))} people")
    statistics = spread_of(people, chosen)
    faces = features_of(people, statistics)
    held = frozenset(str(name) for name in people.names[~chosen])
    print(f"calibration on {(~chosen).sum()} photos of {len(held)} others")
    statistics = calibrated(statistics, *raw_scores(faces, people, statistics, held, seed=1))
    if arguments.write:
        save(statistics, TARGET)
        print(f"wrote {TARGET} ({TARGET.stat().st_size} bytes)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
