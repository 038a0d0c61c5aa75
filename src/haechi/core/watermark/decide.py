"""The decision: which soft bits are a mark, and how seldom an unmarked picture passes.

Method: soft bits are decoded; a word counts when its CRC-24 holds **and** the cosine between the soft bits and its
codeword is `MIN_SCORE` or more.
False positives: the soft bits of an unmarked picture (or of one marked with another key) have keyed random signs, so
their direction in n = 320 dimensions is uniform up to the spread of their sizes. A given codeword lies within
cosine t of a random direction with probability below (1 - t^2)^((n - 1) / 2) / (t sqrt(2 pi n)), 6e-24 at t = 0.52;
2^40 codewords have a right CRC: at most 7e-12 per decoding. A full blind reading decodes at most 96 times: below 7e-10.
Invariant: part of the mark's version.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from haechi.core.watermark.canvas import coefficients, to_tiles
from haechi.core.watermark.code import decode, encode
from haechi.core.watermark.pattern import MAP, TILE, Pattern
from haechi.core.watermark.records import Geometry, Reading
from haechi.core.watermark.spread import PICTURE, levelled, pilot_scores, soft_bits

MIN_SCORE: Final = 0.52

Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Candidate:
    """Soft bits under one geometry.

    Attributes:
        soft: float32 (n, CODED_BITS): the ways in which the tiles were weighed.
        matrix: float64 (3, 3), pixels of the probe -> pixels of the mark's canvas.
    """

    soft: Floats
    matrix: Matrix


def known_place(pattern: Pattern, white: Floats, matrix: Matrix, weights: Sequence[Floats] = PICTURE) -> Candidate:
    """Soft bits of a whitened canvas whose first pixel is the mark's first pixel."""
    return Candidate(_weighed(pattern, levelled(coefficients(to_tiles(white))), 0, 0, weights), matrix)


def placed(pattern: Pattern, white: Floats, matrix: Matrix, weights: Sequence[Floats] = PICTURE) -> Candidate:
    """Soft bits of a whitened canvas that starts at some tile of the map: the pilot says which."""
    values = levelled(coefficients(to_tiles(white)))
    scores = pilot_scores(pattern, values)
    row, column = divmod(int(scores.argmax()), MAP)
    matrix = matrix.copy()
    # the map repeats every 16 tiles, twice the canvas: a picture's first tile is at most a few tiles before the mark's
    matrix[:2, 2] += TILE * (column if column < MAP - 4 else column - MAP), TILE * (row if row < MAP - 4 else row - MAP)
    return Candidate(_weighed(pattern, values, row, column, weights), matrix)


def _weighed(pattern: Pattern, values: Floats, row: int, column: int, weights: Sequence[Floats]) -> Floats:
    return np.stack([soft_bits(pattern, values, row, column, weight=weight) for weight in weights])


def choose(batches: Iterable[list[Candidate]]) -> Reading | None:
    """The first batch that holds a mark decides; in it, the best score."""
    for batch in batches:
        readings = [reading for one in batch for reading in _decoded(one)]
        if readings:
            return max(readings, key=lambda reading: reading.score)
    return None


def score_of(soft: Floats, payload: int) -> float:
    """Cosine between soft bits and a payload's codeword."""
    codeword = encode(payload)
    return float(codeword @ soft / max(float(np.linalg.norm(soft) * np.linalg.norm(codeword)), 1e-9))


def _decoded(candidate: Candidate) -> list[Reading]:
    readings = []
    for soft, payload in zip(candidate.soft, decode(candidate.soft), strict=True):
        if payload is not None and (score := score_of(soft, payload)) >= MIN_SCORE:
            readings.append(Reading(payload, score, Geometry(candidate.matrix[:2])))
    return readings
