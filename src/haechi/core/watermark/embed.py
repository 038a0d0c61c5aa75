"""Embedding with a self-test: as faint as the picture allows.

Method: mark at a middle strength; put the result through what the internet does (JPEG 30; a crop to half of each side
after JPEG 60; a quarter of the size; brighter; more contrast; median and bilateral filters, 0.6 of the size and JPEG
40) and read it back at known geometry. Where a reading has too little margin, bend the mark (`write.Bent`) and try
again. By bisection find the faintest of seven strengths, 45 to 40.2 dB, at which some shape passes; where none does
even at the strongest, take the shape that passes most.
Limits: video coding is not tried: for a still, H.264 at crf 28 harms less than JPEG 30 does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.errors import InputError
from haechi.core.watermark.canvas import MIN_SIDE_PX, canvas, coefficients, luma, to_tiles, whiten
from haechi.core.watermark.code import PAYLOAD_BITS
from haechi.core.watermark.decide import score_of
from haechi.core.watermark.pattern import Pattern, pattern_of
from haechi.core.watermark.records import Marked
from haechi.core.watermark.spread import PICTURE, levelled, soft_bits
from haechi.core.watermark.write import STRAIGHT, Bent, host_of, second_plane, write

STRENGTHS_DB: Final = (45.0, 44.0, 43.0, 42.2, 41.5, 40.8, 40.2)
"""PSNR in dB to choose from."""

SHAPES: Final = (STRAIGHT, Bent(tilt=0.5), Bent(tilt=1.0), Bent(clear_of_ends=True))

LEAST_PSNR_DB: Final = 40.0
RECIPIENT: Final = "recipient"
"""Label of the second payload's pattern."""
RECIPIENT_DB: Final = 48.0

_SWALLOWED_DB, _MOST_GIVEN_DB = 0.3, 3.0
_MARGIN: Final = 0.7
"""Score that a self-test must reach; about 0.53 is where half of the payloads are read."""
_ALLOWANCE: Final = 0.14
"""What the hardest of the tests may stay below it."""

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


def embed(
    image_bgr: Bytes,
    payload: int,
    key: bytes,
    *,
    recipient: int | None = None,
    strength_db: float | None = None,
    test: bool = True,
) -> Marked:
    """Mark a picture.

    Args:
        image_bgr: uint8 (h, w, 3), BGR, both sides 64 px or more.
        payload: 0 to 2**40 - 1.
        key: the company's watermark key, 16 bytes or more.
        recipient: a second payload, which says whose copy this is; only the informed reader can read it.
        strength_db: PSNR to mark at; None lets the self-test choose.
        test: with a given strength, False leaves out the self-test; then `survives` says nothing.

    Raises:
        InputError: too small, of another depth, or a payload of more than 40 bits.
    """
    _require_markable(image_bgr, payload, recipient)
    writer = _Writer(image_bgr, payload, key, recipient)
    if strength_db is None:
        return writer.tested()
    image = writer.at(strength_db)
    survives = not test or min(margins(image, writer.pattern, payload)) >= _MARGIN
    return Marked(image, psnr(image_bgr, image), strength_db, survives)


def _require_markable(image_bgr: Bytes, *numbers: int | None) -> None:
    if image_bgr.dtype != np.uint8 or image_bgr.ndim != 3 or image_bgr.shape[2] != 3:
        raise InputError("a picture to be marked has three colours of 8 bits: convert it first")
    if min(image_bgr.shape[:2]) < MIN_SIDE_PX:
        raise InputError(f"the picture is smaller than {MIN_SIDE_PX} px: a mark cannot hide in it")
    for number in numbers:
        if number is not None and not 0 <= number < 1 << PAYLOAD_BITS:
            raise InputError(f"payload {number}: choose a number from 0 to 2**{PAYLOAD_BITS} - 1")


@dataclass(frozen=True, slots=True)
class _Trial:
    """A marked picture and the scores of its self-tests."""

    scores: list[float]
    image: Bytes
    bent: Bent

    @property
    def passes(self) -> bool:
        return min(self.scores) >= _MARGIN


class _Writer:
    """Marks one picture at any strength and in any shape."""

    def __init__(self, image_bgr: Bytes, payload: int, key: bytes, recipient: int | None) -> None:
        self.pattern = pattern_of(key)
        self._image, self._payload, self._host = image_bgr, payload, host_of(image_bgr)
        self._beside = None
        if recipient is not None:
            self._beside = second_plane(self._host, pattern_of(key, RECIPIENT), recipient, RECIPIENT_DB)

    def at(self, psnr_db: float, bent: Bent = STRAIGHT) -> Bytes:
        """The marked picture."""
        image = self._written(psnr_db, bent)
        # black and white areas swallow a part of the mark: the rest of the picture may bear more
        if (lost := psnr(self._image, image) - psnr_db) > _SWALLOWED_DB:
            image = self._written(psnr_db - min(lost, _MOST_GIVEN_DB), bent)
        return image

    def _written(self, psnr_db: float, bent: Bent) -> Bytes:
        return write(self._host, self.pattern, self._payload, psnr_db, bent=bent, beside=self._beside)

    def tested(self) -> Marked:
        """Bisection over `STRENGTHS_DB`: the faintest that passes in some shape, else the best at the strongest."""
        low, high = 0, len(STRENGTHS_DB) - 1
        found: dict[int, _Trial] = {}
        while low < high:
            middle = (low + high) // 2
            found[middle] = self._best(STRENGTHS_DB[middle])
            low, high = (low, middle) if found[middle].passes else (middle + 1, high)
        best = found[low] if low in found else self._best(STRENGTHS_DB[low])
        image = best.image
        if psnr(self._image, image) < LEAST_PSNR_DB:
            image = self.at(STRENGTHS_DB[-1] + 0.5, best.bent)
        return Marked(image, psnr(self._image, image), STRENGTHS_DB[low], best.passes)

    def _best(self, psnr_db: float) -> _Trial:
        """The first shape that passes all tests, else the one that passes most of them."""
        tried: list[_Trial] = []
        for bent in SHAPES:
            image = self.at(psnr_db, bent)
            tried.append(_Trial(margins(image, self.pattern, self._payload), image, bent))
            if tried[-1].passes:
                return tried[-1]
        return max(tried, key=lambda one: sum(min(score, _MARGIN) for score in one.scores))


def margins(image_bgr: Bytes, pattern: Pattern, payload: int) -> list[float]:
    """The scores of the self-test's readings; `_MARGIN` is asked of each."""
    fair = _white(_jpeg(image_bgr, 60))
    rows, columns = fair.shape
    middle = np.zeros_like(fair)
    inside = np.s_[rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4]
    middle[inside] = fair[inside]
    worn = _jpeg(_smaller(_denoised(luma(image_bgr)), 0.6), 40)
    scaled = canvas(luma(image_bgr))
    bright, harsh = np.minimum(scaled + 35, 255), np.clip((scaled - 128) * np.float32(1.4) + 128, 0, 255)
    views = [_white(_jpeg(image_bgr, 30)), middle, _white(_smaller(image_bgr, 0.25)), whiten(bright), whiten(harsh)]
    return [
        *(_best_score(view, pattern, payload) for view in views),
        _best_score(_white(worn), pattern, payload) + _ALLOWANCE,
    ]


def _best_score(white: Floats, pattern: Pattern, payload: int) -> float:
    values = levelled(coefficients(to_tiles(white)))
    return max(score_of(soft_bits(pattern, values, weight=weight), payload) for weight in PICTURE)


def _denoised(gray: Bytes) -> Bytes:
    return np.asarray(cv2.bilateralFilter(cv2.medianBlur(gray, 3), 7, 40, 5), np.uint8)


def _smaller(image_bgr: Bytes, factor: float) -> Bytes:
    height, width = image_bgr.shape[:2]
    size = (max(round(width * factor), 1), max(round(height * factor), 1))
    return np.asarray(cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA), np.uint8)


def psnr(a: Bytes, b: Bytes) -> float:
    """Peak signal-to-noise ratio in dB over all colours; 99 when equal."""
    error = float(cv2.norm(a, b, cv2.NORM_L2SQR)) / a.size
    return 10 * float(np.log10(255.0**2 / error)) if error else 99.0


def _white(image_bgr: Bytes) -> Floats:
    return whiten(canvas(luma(image_bgr)))


def _jpeg(image_bgr: Bytes, quality: int) -> Bytes:
    data = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), np.uint8)
