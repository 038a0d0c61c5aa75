"""Which stored samples may show what a probe's pictures show: hashes and local features vote.

Method: a local feature votes for every stored sample that has one like it, and the vote is worth the less the more
items have one: what every picture has, such as letters, the edge of a frame or an even sky, names none (search
engines weigh words so [1]). The weight is one by the square root of that number, not by the number, so that the many
fakes of one photograph, which share all their features, do not sink below chance.
A hash within 31 bits of a picture with enough structure names its sample at once. Of a picture that stands alone the
nearest hashes within 72 bits do so too, whatever its structure: unrelated pictures lie about 128 bits apart (deviation
8), and geometry must confirm whatever is named here.
[1] Sparck Jones. J. Documentation 28 (1972).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from haechi.check.match_geometry import Picture
from haechi.core.fingerprint.catalogue import Catalogue
from haechi.core.fingerprint.pdq import GOOD_QUALITY

HASH_RADIUS: Final = 31
FAR_HASH_RADIUS: Final = 72

_FEATURE_RADIUS = 40
_LEAST_WEIGHT = 3.0
"""Three features that no other item has, or more that some have."""
_ROWS_PER_SAMPLE, _ROWS, _FAR_ROWS = 5, 10, 2
_HASH_WEIGHT, _FAR_HASH_WEIGHT = 100.0, 50.0
"""As much as very many rare features, so that what a hash names is looked at first."""


@dataclass(frozen=True, slots=True)
class Vote:
    """A probe picture and a stored sample that may show the same thing.

    Attributes:
        row: row of the catalogue.
        sample: number of the stored sample.
        picture: number of the probe picture.
        mirrored: the mirror image of the picture resembles it.
        weight: rare features that both have, each counted by its rarity.
    """

    row: int
    sample: int
    picture: int
    mirrored: bool
    weight: float


def cast_votes(pictures: Sequence[Picture], catalogue: Catalogue, *, alone: bool) -> list[Vote]:
    """Votes of all pictures, in no order; see the module for the method.

    Args:
        pictures: one at least.
        catalogue: where the stored samples are.
        alone: the pictures are of one moment, with none before or after that could name what they show.
    """
    return _feature_votes(pictures, catalogue) + _hash_votes(pictures, catalogue, alone=alone)


def best_rows(votes: Sequence[Vote]) -> list[int]:
    """The rows with the most weight, best first."""
    total: dict[int, float] = {}
    for vote in votes:
        total[vote.row] = total.get(vote.row, 0.0) + vote.weight
    return sorted(total, key=lambda row: -total[row])[:_ROWS]


def _feature_votes(pictures: Sequence[Picture], catalogue: Catalogue) -> list[Vote]:
    """Stored samples that share the most rare features with each picture or its mirror image."""
    parts = [(i, m, p.features[m].codes) for i, p in enumerate(pictures) for m in (0, 1)]
    owner = np.concatenate([np.full(len(codes), k) for k, (_, _, codes) in enumerate(parts)])
    hits = catalogue.search_features(np.concatenate([codes for *_, codes in parts]), _FEATURE_RADIUS)
    if not len(hits.query):
        return []
    # One vote per feature and stored sample, however many of the sample's features it resembles.
    triples = np.unique(np.column_stack([hits.query, hits.row, hits.place.astype(np.int64)]), axis=0)
    keys = np.column_stack([owner[triples[:, 0]], triples[:, 1], triples[:, 2]])
    unique, of = np.unique(keys, axis=0, return_inverse=True)
    weights = np.bincount(of.ravel(), _items_with(triples, len(owner))[triples[:, 0]] ** -0.5)
    votes: list[Vote] = []
    for k, (picture, mirrored, _) in enumerate(parts):
        mine = np.flatnonzero((unique[:, 0] == k) & (weights >= _LEAST_WEIGHT))
        rows: set[int] = set()
        for at in mine[np.argsort(-weights[mine], kind="stable")]:
            row = int(unique[at, 1])
            if row in rows:
                continue
            rows.add(row)
            votes.append(Vote(row, int(unique[at, 2]), picture, bool(mirrored), float(weights[at])))
            if len(rows) == _ROWS_PER_SAMPLE:
                break
    return votes


def _items_with(triples: NDArray[np.int64], queries: int) -> NDArray[np.int64]:
    """How many items have a feature like each query's, int64 (queries,); triples of query, row and sample, sorted."""
    first = np.any(np.diff(triples[:, :2], axis=0, prepend=-1) != 0, axis=1)
    return np.bincount(triples[first, 0], minlength=queries)


def _hash_votes(pictures: Sequence[Picture], catalogue: Catalogue, *, alone: bool) -> list[Vote]:
    """Stored samples whose hash is near and, for a picture that stands alone, the nearest of those farther off."""
    parts = [
        (i, m, bits, quality >= GOOD_QUALITY)
        for i, p in enumerate(pictures)
        for bits, quality, m in p.hashes
        if alone or quality >= GOOD_QUALITY
    ]
    if not parts:
        return []
    hits = catalogue.search_pdq(np.stack([bits for _, _, bits, _ in parts]), FAR_HASH_RADIUS if alone else HASH_RADIUS)
    named: dict[tuple[int, int, bool], Vote] = {}
    far: set[int] = set()
    for at in np.argsort(hits.distance, kind="stable").tolist():
        picture, mirrored, _, structured = parts[int(hits.query[at])]
        row = int(hits.row[at])
        near = structured and hits.distance[at] <= HASH_RADIUS
        if (picture, row, mirrored) in named or not (near or row in far or len(far) < _FAR_ROWS):
            continue
        if not near:
            far.add(row)
        weight = _HASH_WEIGHT if near else _FAR_HASH_WEIGHT
        named[picture, row, mirrored] = Vote(row, int(hits.place[at]), picture, mirrored, weight)
    return list(named.values())
