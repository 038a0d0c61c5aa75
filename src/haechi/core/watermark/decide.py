"""The decision: which soft bits are a mark, and how seldom an unmarked picture passes.

Method: soft bits are decoded; a word counts when its CRC-24 holds **and** the cosine between the soft bits and its
codeword is `MIN_SCORE` or more.
False positives: the soft bits of an unmarked picture (or of one marked with another key) have keyed random signs, so
their direction in n = 320 dimensions is uniform up to the spread of their sizes. A given codeword lies within
cosine t of a random direction with probability below (1 - t^2)^((n - 1) / 2) / (t sqrt(2 pi n)), 6e-24 at t = 0.52;
2^40 codewords have a right CRC: at most 7e-12 per decoding, however many of them are looked at. A full blind reading
of a picture decodes at most 68 times (16 as it lies, 16 without even borders, 36 after the search): below 5e-10; an
informed one 32 times: below 3e-10. Films: see `video.blind` and `video.informed`.
A number that is asked for (the informed reader knows the outputs of the release that it holds the probe against) needs
no decoding: its codeword's cosine alone decides, from where on `count` of them are as seldom, 7e-12 together: 0.37 for
one, 0.39 for twenty, 0.42 for a thousand. A copy of another release has other numbers and is refused alike.
Invariant: part of the mark's version.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from haechi.core.watermark.canvas import coefficients, to_tiles
from haechi.core.watermark.code import CODED_BITS, decode, encode
from haechi.core.watermark.listing import decode_list
from haechi.core.watermark.pattern import MAP, TILE, Pattern
from haechi.core.watermark.records import Geometry, Reading
from haechi.core.watermark.spread import PICTURE, by_pilot, levelled, pilot_scores, size, soft_bits

MIN_SCORE: Final = 0.52
_SELDOM: Final = 7e-12

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


def known_place(pattern: Pattern, white: Floats, matrix: Matrix) -> Candidate:
    """Soft bits of a whitened canvas whose first pixel is the mark's first pixel."""
    return Candidate(_weighed(pattern, levelled(coefficients(to_tiles(white))), 0, 0, PICTURE), matrix)


def known_place_worn(pattern: Pattern, white: Floats, matrix: Matrix) -> Candidate:
    """The same for blurred and clipped pictures: also weighed by the pilot, and tiles by their size."""
    values = coefficients(to_tiles(white))
    even = levelled(values)
    ways = [*_weighed(pattern, even, 0, 0, (*PICTURE, by_pilot(pattern, even)))]
    return Candidate(np.stack([*ways, soft_bits(pattern, even * size(values), weight=PICTURE[0])]), matrix)


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


class Asked:
    """Numbers that are asked for.

    Attributes:
        numbers: of 40 bits.
        least_score: that makes one of them a reading.
        listed: whether words near the likeliest one are looked at, too (`listing`): 4 times as long, the same bound.
    """

    def __init__(self, numbers: Collection[int] = (), *, listed: bool = False) -> None:
        self.numbers = tuple(numbers)
        self._words = np.stack([encode(one) for one in self.numbers]) if numbers else None
        self.least_score = least_score(len(self.numbers))
        self.listed = listed

    def find(self, soft: Floats) -> list[tuple[int, float]]:
        """Numbers in soft bits float32 (n, CODED_BITS), asked for or decoded, with their scores."""
        found = decode_list(soft) if self.listed else [() if one is None else (one,) for one in decode(soft)]
        decoded = [
            (payload, score)
            for one, payloads in zip(soft, found, strict=True)
            for payload in payloads
            if (score := score_of(one, payload)) >= MIN_SCORE
        ]
        if self._words is None:
            return decoded
        norms = np.maximum(np.linalg.norm(soft, axis=1), 1e-9) * CODED_BITS**0.5
        scores = (soft @ self._words.T / norms[:, None]).max(0)
        return decoded + [
            (number, float(score))
            for number, score in zip(self.numbers, scores, strict=True)
            if score >= self.least_score
        ]


def least_score(count: int) -> float:
    """The cosine that so many codewords reach by chance in less than 7e-12 of all cases, in steps of 0.01."""
    score = 0.3
    while count * (1 - score**2) ** ((CODED_BITS - 1) / 2) / (score * (2 * np.pi * CODED_BITS) ** 0.5) > _SELDOM:
        score += 0.01
    return score


def choose(batches: Iterable[list[Candidate]], asked: Asked | None = None) -> Reading | None:
    """The first batch that holds a mark decides; in it, the best score."""
    asked = asked or Asked()
    for batch in batches:
        readings = [
            Reading(payload, score, Geometry(one.matrix[:2]))
            for one in batch
            for payload, score in asked.find(one.soft)
        ]
        if readings:
            return max(readings, key=lambda reading: reading.score)
    return None


def score_of(soft: Floats, payload: int) -> float:
    """Cosine between soft bits and a payload's codeword."""
    codeword = encode(payload)
    return float(codeword @ soft / max(float(np.linalg.norm(soft) * np.linalg.norm(codeword)), 1e-9))
