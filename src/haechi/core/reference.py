"""The reference of an enrolled artist's face: trained by `register`, scored by `check`.

Method, in the space of `features` (both descriptors, centred, scaled to length 1, joined, projected and
whitened with the statistics that ship in `face_statistics.npz`; no person's template is among them):
1. Two-covariance model (PLDA) [1]: how likely is the probe face under the artist's photos, given how much
one person's faces vary, against any other person's? A log likelihood ratio.
2. Regularised logistic regression [2], artist's photos against a cohort *drawn* from the statistics
(standard normal after whitening) and against the other enrolled artists as hard negatives.
3. The score is their calibrated sum, log10 of a likelihood ratio. An artist's threshold is the general one,
raised where the other enrolled artists come closer: their scores under models that were trained without
them.

Limits: the general threshold was set on press photographs (LFW); on people of one age, style and make-up
the false alarm rate is higher, which enrolling group mates lowers. Fewer than five photos make a weak
reference.
Invariant: training is deterministic: the same photos give the same bytes.
[1] Prince, Elder. ICCV 2007; Sizov, Lee, Kinnunen. S+SSPR 2014.   [2] regularised as in Bishop, PRML 4.3.2.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from haechi.core.errors import IntegrityError

if TYPE_CHECKING:
    from haechi.core.store import EnrolledPhoto, Store

VERSION = 1
_COHORT_SIZE, _COHORT_SEED = 1500, 20261122
_PENALTY = 0.03  # variance of the prior of each weight
_HARD_SHARE = 0.3  # of the negatives' weight, when there are other artists
_HARD_QUANTILE = 0.99
_FOLDS = 5

Vectors = Mapping[str, NDArray[np.float32]]
Features = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FaceStatistics:
    """How descriptors of many people are spread; from `benchmarks/face_statistics.py`.

    Attributes:
        names: the descriptors, in the order in which they are joined.
        means: their means before scaling to length 1.
        weights: of each descriptor in the join.
        centre: float32 (n,), mean of the joined vector.
        projection: float32 (n, d); after it all people together have unit covariance and one person's photos a
            diagonal one.
        within: float32 (d,), the variance of one person's photos; the rest, 1 - within, is between people.
        calibration: (offset, slope of 1., slope of 2.), to log10 LR.
        threshold: log10 LR of the operating point.
    """

    names: tuple[str, ...]
    means: Mapping[str, NDArray[np.float32]]
    weights: Mapping[str, float]
    centre: NDArray[np.float32]
    projection: NDArray[np.float32]
    within: NDArray[np.float32]
    calibration: tuple[float, float, float]
    threshold: float


@lru_cache(maxsize=1)
def load_statistics() -> FaceStatistics:
    """Read the statistics that ship with the package."""
    data = files("haechi.core").joinpath("face_statistics.npz").read_bytes()
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        names = tuple(str(name) for name in stored["names"])
        return FaceStatistics(
            names,
            {name: stored[f"mean_{name}"].astype(np.float32) for name in names},
            {name: float(value) for name, value in zip(names, stored["weights"], strict=True)},
            stored["centre"].astype(np.float32),
            stored["projection"].astype(np.float32),
            stored["within"].astype(np.float32),
            (float(stored["calibration"][0]), float(stored["calibration"][1]), float(stored["calibration"][2])),
            float(stored["threshold"]),
        )


def join(vectors: Vectors, statistics: FaceStatistics) -> NDArray[np.float32]:
    """Centre, scale and join the descriptors of one face, float32 (n,)."""
    parts = []
    for name in statistics.names:
        centred = vectors[name] - statistics.means[name]
        length = max(float(np.linalg.norm(centred)), 1e-9)
        parts.append(statistics.weights[name] * centred / length)
    return np.concatenate(parts).astype(np.float32)


def features(vectors: Vectors, statistics: FaceStatistics | None = None) -> Features:
    """Features of one face from its descriptors (`Description.vectors`), float32 (d,)."""
    known = statistics or load_statistics()
    return np.asarray((join(vectors, known) - known.centre) @ known.projection, np.float32)


def faces_of(photo: EnrolledPhoto) -> list[Features]:
    """Features of every face that a stored photo or clip holds: names with ".1", ".2"... are further faces."""
    groups: dict[str, dict[str, NDArray[np.float32]]] = {}
    for name, vector in photo.descriptors.items():
        kind, _, number = name.partition(".")
        groups.setdefault(number, {})[kind] = vector
    wanted = set(load_statistics().names)
    return [features(group) for _, group in sorted(groups.items()) if wanted <= set(group)]


def likeness(one: Features, other: Features, statistics: FaceStatistics | None = None) -> float:
    """How alike two faces are: cosine after whitening by one person's variation, -1 to 1."""
    known = statistics or load_statistics()
    scale = np.sqrt((1 - known.within) / known.within)
    a, b = one * scale, other * scale
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-9))


@dataclass(frozen=True, slots=True)
class FaceReference:
    """What recognises one artist.

    Attributes:
        centre: float32 (d,), the artist's expected features.
        spread: float32 (d,), their remaining variance.
        weights: float32 (d,), of the logistic regression.
        bias: of the logistic regression.
        threshold: log10 LR from which on a face counts as the artist.
        photo_count: faces it was trained on.
    """

    centre: NDArray[np.float32]
    spread: NDArray[np.float32]
    weights: NDArray[np.float32]
    bias: float
    threshold: float
    photo_count: int

    def score(self, faces: Features, statistics: FaceStatistics | None = None) -> NDArray[np.float64]:
        """Score faces, float32 (n, d): log10 likelihood ratio that each is the artist, float64 (n,)."""
        known = statistics or load_statistics()
        same = self.spread + known.within
        other = np.float32(1.0)
        ratio = 0.5 * (faces**2 / other - (faces - self.centre) ** 2 / same - np.log(same)).sum(axis=1)
        margin = faces @ self.weights + self.bias
        offset, slope, slope_margin = known.calibration
        return np.asarray(offset + slope * ratio + slope_margin * margin, np.float64)

    def to_bytes(self) -> bytes:
        """Serialise without pickle."""
        out = io.BytesIO()
        np.savez(
            out,
            version=np.int64(VERSION),
            centre=self.centre,
            spread=self.spread,
            weights=self.weights,
            rest=np.array([self.bias, self.threshold, self.photo_count], np.float64),
        )
        return out.getvalue()


def reference_from_bytes(data: bytes) -> FaceReference | None:
    """Read a reference; None if another version wrote it, so that it must be trained anew.

    Raises:
        IntegrityError: if the bytes are damaged.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            if int(stored["version"]) != VERSION:
                return None
            bias, threshold, count = (float(value) for value in stored["rest"])
            return FaceReference(stored["centre"], stored["spread"], stored["weights"], bias, threshold, int(count))
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise IntegrityError("a stored face reference is damaged: enrol the artist again") from error


def train_references(
    photos: Mapping[str, Sequence[Features]], statistics: FaceStatistics | None = None
) -> dict[str, FaceReference]:
    """Train a reference for each artist, with the others as hard negatives.

    Args:
        photos: artist id -> features of each face, float32 (d,).
        statistics: the shipped ones when None.
    """
    known = statistics or load_statistics()
    stacked = {key: np.stack(list(faces)) for key, faces in photos.items() if len(faces)}
    references = {}
    for key, own in stacked.items():
        others = [faces for other, faces in sorted(stacked.items()) if other != key]
        trained = _fit(own, others, known)
        references[key] = _with_threshold(trained, own, others, known)
    return references


def refresh_references(store: Store) -> None:
    """Train and store the references of all artists; repeat when another process changed the artists meanwhile."""
    while True:
        before = _photos(store)
        trained = train_references({key: faces for key, (faces, _) in before.items()})
        store.set_references({key: reference.to_bytes() for key, reference in trained.items()})
        after = _photos(store)
        if {key: mark for key, (_, mark) in before.items()} == {key: mark for key, (_, mark) in after.items()}:
            return


def load_references(store: Store) -> dict[str, FaceReference]:
    """Read all references; where one is missing or of another version, train all in memory."""
    stored = store.references()
    loaded = {key: reference_from_bytes(data) for key, data in stored.items()}
    usable = {key: reference for key, reference in loaded.items() if reference is not None}
    if set(usable) == {artist.id for artist in store.artists() if artist.photo_count}:
        return usable
    return train_references({key: faces for key, (faces, _) in _photos(store).items()})


def _photos(store: Store) -> dict[str, tuple[list[Features], tuple[str, ...]]]:
    """Features of each artist and the digests of the photos they came from."""
    found = {}
    for artist in store.artists():
        photos = store.artist_photos(artist.id)
        faces = [face for photo in photos for face in faces_of(photo)]
        found[artist.id] = (faces, tuple(photo.sha256 for photo in photos))
    return found


def _fit(own: Features, others: Sequence[Features], statistics: FaceStatistics) -> FaceReference:
    count = len(own)
    between = 1 - statistics.within
    spread = 1 / (1 / between + count / statistics.within)
    centre = spread * (count / statistics.within) * own.mean(axis=0)
    hard = np.concatenate(others) if others else np.empty((0, own.shape[1]), np.float32)
    weights, bias = _logistic(own, _cohort(own.shape[1]), hard)
    return FaceReference(
        centre.astype(np.float32), spread.astype(np.float32), weights, bias, statistics.threshold, count
    )


def _with_threshold(
    trained: FaceReference, own: Features, others: Sequence[Features], statistics: FaceStatistics
) -> FaceReference:
    """Raise the threshold where other artists, scored by models trained without them, come close."""
    scores = []
    for fold in range(min(_FOLDS, len(others))):
        held = [faces for index, faces in enumerate(others) if index % _FOLDS == fold]
        rest = [faces for index, faces in enumerate(others) if index % _FOLDS != fold]
        scores.append(_fit(own, rest, statistics).score(np.concatenate(held), statistics))
    raised = float(np.quantile(np.concatenate(scores), _HARD_QUANTILE)) if scores else -np.inf
    return FaceReference(
        trained.centre,
        trained.spread,
        trained.weights,
        trained.bias,
        max(statistics.threshold, raised),
        trained.photo_count,
    )


@lru_cache(maxsize=2)
def _cohort(size: int) -> NDArray[np.float32]:
    """Draw strangers: standard normal, since the projection whitens; no real person is among them."""
    return np.random.default_rng(_COHORT_SEED).standard_normal((_COHORT_SIZE, size)).astype(np.float32)


def _logistic(own: Features, cohort: Features, hard: Features) -> tuple[NDArray[np.float32], float]:
    from scipy.optimize import minimize  # a third of a second, which only enrolling needs

    rows = np.concatenate([own, cohort, hard]).astype(np.float64)
    signs = np.concatenate([np.ones(len(own)), -np.ones(len(cohort) + len(hard))])
    share = _HARD_SHARE if len(hard) else 0.0
    masses = np.concatenate(
        [
            np.full(len(own), 1.0 / len(own)),
            np.full(len(cohort), (1 - share) / len(cohort)),
            np.full(len(hard), share / max(len(hard), 1)),
        ]
    )

    def loss(line: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margins = signs * (rows @ line[:-1] + line[-1])
        slopes = -masses * signs / (1 + np.exp(np.clip(margins, -60, 60)))
        value = float(masses @ np.logaddexp(0, -margins) + line[:-1] @ line[:-1] / (2 * _PENALTY))
        gradient = np.concatenate([rows.T @ slopes + line[:-1] / _PENALTY, [slopes.sum()]])
        return value, gradient

    solved = minimize(loss, np.zeros(rows.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 300})
    return solved.x[:-1].astype(np.float32), float(solved.x[-1])
