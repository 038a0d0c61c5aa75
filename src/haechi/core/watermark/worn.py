"""What the self-test does to a marked picture, and how well the mark is then read.

Copies: JPEG 30; a crop to half of each side after JPEG 60; a quarter of the size; brighter by 35; contrast 1.4; median
and bilateral filter, 0.6 of the size and JPEG 40. Each is read at known geometry in the ways in which the blind reader
reads a picture as it lies: whitened as usual, and as blurred pictures are (`canvas.BLURRED_GREY`). A crop is found by
search, which whitens as usual only.
Limits: video coding is not tried: for a still, H.264 at crf 28 harms less than JPEG 30 does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.watermark.canvas import ALIKE_GREY, BLURRED_GREY, canvas, coefficients, luma, to_tiles, whiten
from haechi.core.watermark.decide import score_of
from haechi.core.watermark.pattern import Pattern
from haechi.core.watermark.spread import PICTURE, by_pilot, lattice_at, lattice_chips, loudness, size, soft_bits

ASKED: Final = 0.7
"""Score that each copy must be read with; about 0.53 is where half of the payloads are read."""
_ALLOWANCE: Final = 0.14
"""What the hardest of the copies may stay below it."""

_LEVELS: Final = np.arange(256, dtype=np.float32)
_BRIGHTER: Final = np.clip(_LEVELS + 35, 0, 255).astype(np.uint8)
_HARSHER: Final = np.clip(np.round((_LEVELS - 128) * 1.4 + 128), 0, 255).astype(np.uint8)

_EMPTY = np.float32(1e-6)

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Worn:
    """A worn copy.

    Attributes:
        plane: luma on the mark's canvas, float32 (h, w).
        cropped: only the middle half of each side is left.
        clipped: its lightest and darkest tones are gone.
        asked: score that it must be read with.
    """

    plane: Floats
    cropped: bool = False
    clipped: bool = False
    asked: float = ASKED

    def values(self, alike_grey: float) -> Floats:
        """Coefficients of the whitened copy, float32 (rows, columns, 2 * COUNT)."""
        white = whiten(self.plane, alike_grey)
        if self.cropped:
            rows, columns = white.shape
            middle = np.zeros_like(white)
            inside = np.s_[rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4]
            middle[inside] = white[inside]
            white = middle
        return coefficients(to_tiles(white))


@dataclass(frozen=True, slots=True)
class Sight:
    """How a worn copy is read best.

    Attributes:
        score: cosine between the soft bits and the payload's codeword.
        soft: float32 (CODED_BITS,).
        alike_grey: how it was whitened.
        weight: of the coefficients, float32 (2 * COUNT,).
        values: coefficients float32 (rows, columns, 2 * COUNT), whitened.
        loud: what they are divided by before they are weighed, of the same shape.
    """

    score: float
    soft: Floats
    alike_grey: float
    weight: Floats
    values: Floats
    loud: Floats


def _coarse(image: Bytes, gray: Bytes) -> Worn:
    return Worn(canvas(luma(_jpeg(image, 30))))


def _crop(image: Bytes, gray: Bytes) -> Worn:
    return Worn(canvas(luma(_jpeg(image, 60))), cropped=True)


def _quarter(image: Bytes, gray: Bytes) -> Worn:
    return Worn(canvas(_smaller(gray, 0.25)))


def _brighter(image: Bytes, gray: Bytes) -> Worn:
    return Worn(canvas(np.asarray(cv2.LUT(gray, _BRIGHTER), np.uint8)), clipped=True)


def _harsher(image: Bytes, gray: Bytes) -> Worn:
    return Worn(canvas(np.asarray(cv2.LUT(gray, _HARSHER), np.uint8)), clipped=True)


def _denoised(image: Bytes, gray: Bytes) -> Worn:
    smooth = np.asarray(cv2.bilateralFilter(cv2.medianBlur(gray, 3), 7, 40, 5), np.uint8)
    return Worn(canvas(_jpeg(_smaller(smooth, 0.6), 40)), asked=ASKED - _ALLOWANCE)


_WEAR: Final = (_coarse, _crop, _quarter, _brighter, _harsher, _denoised)

Spared = frozenset[int]
"""Numbers of copies that the self-test leaves out."""
NONE_SPARED: Final[Spared] = frozenset()


def worn_copies(image_bgr: Bytes, spared: Spared = NONE_SPARED) -> list[Worn]:
    """Copies as the internet makes them, of a picture uint8 (h, w, 3)."""
    gray = luma(image_bgr)
    return [wear(image_bgr, gray) for number, wear in enumerate(_WEAR) if number not in spared]


def first_lost(
    image_bgr: Bytes, pattern: Pattern, payload: int, *, suspect: int = 0, spared: Spared = NONE_SPARED
) -> tuple[int, float] | None:
    """A worn copy that is not read well enough, its number and what it lacks; None if all are read.

    Args:
        image_bgr: the marked picture, uint8 (h, w, 3).
        pattern: the key's choices.
        payload: what is to be read.
        suspect: number of the copy that is tried first.
        spared: copies that are left out.
    """
    gray = luma(image_bgr)
    for number in sorted(set(range(len(_WEAR))) - spared, key=lambda number: number != suspect):
        copy = _WEAR[number](image_bgr, gray)
        lacks = copy.asked - sight(copy, pattern, payload).score
        if lacks > 0:
            return number, lacks
    return None


def sight(copy: Worn, pattern: Pattern, payload: int) -> Sight:
    """The best way to read a worn copy; the second whitening is tried where the first does not do."""
    first = _sight(copy, pattern, payload, ALIKE_GREY)
    if first.score >= copy.asked or copy.cropped:
        return first
    return max(first, _sight(copy, pattern, payload, BLURRED_GREY), key=lambda one: one.score)


def _sight(copy: Worn, pattern: Pattern, payload: int, alike_grey: float) -> Sight:
    values = copy.values(alike_grey)
    loud = loudness(values)
    ways = [(loud, weight) for weight in PICTURE]
    if alike_grey == BLURRED_GREY:  # as `decide.known_place_worn`
        by_size = np.asarray(loud / np.maximum(size(values), _EMPTY), np.float32)
        ways += [(loud, by_pilot(pattern, values / loud)), (by_size, PICTURE[0])]
    softs = [soft_bits(pattern, values / over, weight=weight) for over, weight in ways]
    scores = [score_of(soft, payload) for soft in softs]
    best = int(np.argmax(scores))
    return Sight(scores[best], softs[best], alike_grey, ways[best][1], values, ways[best][0])


def held_lattice(pattern: Pattern, seen: Sight) -> float:
    """How well the lattice agrees in a copy: zero on average and unit deviation where there is none."""
    at = lattice_at()
    weighed = (seen.values / seen.loud)[..., at] * lattice_chips(pattern)
    return float(weighed.sum() / max(float(np.linalg.norm(weighed)), 1e-9))


def _smaller(image: Bytes, factor: float) -> Bytes:
    height, width = image.shape[:2]
    size = (max(round(width * factor), 1), max(round(height * factor), 1))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _jpeg(image: Bytes, quality: int) -> Bytes:
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), np.uint8)
