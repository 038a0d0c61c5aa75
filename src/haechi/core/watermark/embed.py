"""Embedding with a self-test: as faint as the picture allows.

Method: mark at the faintest strength; put the result through what the internet does (`worn`) and read it back at known
geometry. Where a reading has too little margin, bend the mark (`write.Bent`) and try again. By bisection find the
faintest of seven strengths, 45 to 40.2 dB, at which some shape passes; where none does even at the strongest, tune the
best one to what it lacks (`tune`), and where clipped copies are still lost, the one that spares their pixels. A copy
that nothing can save, as of a black picture after more contrast, is left out and says nothing about the strength; such
a picture does not count as surviving.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.errors import InputError
from haechi.core.watermark.canvas import MIN_SIDE_PX
from haechi.core.watermark.code import PAYLOAD_BITS
from haechi.core.watermark.pattern import pattern_of
from haechi.core.watermark.records import Marked
from haechi.core.watermark.tune import Trial, Tuner, trial
from haechi.core.watermark.worn import NONE_SPARED, first_lost
from haechi.core.watermark.write import STRAIGHT, Bent, Draft, draft, host_of, second_plane

STRENGTHS_DB: Final = (45.0, 44.0, 43.0, 42.2, 41.5, 40.8, 40.2)
"""PSNR in dB to choose from."""

_ROOMY: Final = Bent(at_ends=0.35)
SHAPES: Final = (STRAIGHT, Bent(tilt=0.5), Bent(tilt=1.0), _ROOMY)

LEAST_PSNR_DB: Final = 40.0
RECIPIENT: Final = "recipient"
"""Label of the second payload's pattern."""
RECIPIENT_DB: Final = 48.0

_SWALLOWED_DB, _MOST_GIVEN_DB = 0.3, 3.0
_STARTS: Final = (STRAIGHT, Bent(tilt=1.0), _ROOMY)
"""Shapes that tuning starts from: the best, and the last where clipped copies are still lost then."""
_ROUNDS: Final = 8
_BEYOND_SHAPES: Final = 0.12
"""What a copy may lack for another shape to be worth a try."""

Bytes = NDArray[np.uint8]


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
    if test:
        tried = writer.trial(strength_db)
        return Marked(tried.image, psnr(image_bgr, tried.image), strength_db, tried.passes)
    image = writer.at(strength_db)[1]
    return Marked(image, psnr(image_bgr, image), strength_db, True)


def _require_markable(image_bgr: Bytes, *numbers: int | None) -> None:
    if image_bgr.dtype != np.uint8 or image_bgr.ndim != 3 or image_bgr.shape[2] != 3:
        raise InputError("a picture to be marked has three colours of 8 bits: convert it first")
    if min(image_bgr.shape[:2]) < MIN_SIDE_PX:
        raise InputError(f"the picture is smaller than {MIN_SIDE_PX} px: a mark cannot hide in it")
    for number in numbers:
        if number is not None and not 0 <= number < 1 << PAYLOAD_BITS:
            raise InputError(f"payload {number}: choose a number from 0 to 2**{PAYLOAD_BITS} - 1")


class _Writer:
    """Marks one picture at any strength and in any shape."""

    def __init__(self, image_bgr: Bytes, payload: int, key: bytes, recipient: int | None) -> None:
        self.pattern = pattern_of(key)
        self._image, self._payload, self._host = image_bgr, payload, host_of(image_bgr)
        self._beside = None
        self._suspect, self._spared = 0, NONE_SPARED
        if recipient is not None:
            self._beside = second_plane(self._host, pattern_of(key, RECIPIENT), recipient, RECIPIENT_DB)

    def at(self, psnr_db: float, bent: Bent = STRAIGHT) -> tuple[Draft, Bytes]:
        """The mark, and the marked picture."""
        mark = draft(self._host, self.pattern, self._payload, psnr_db, bent=bent, beside=self._beside)
        image = mark.drawn()
        # black and white areas swallow a part of the mark: the rest of the picture may bear more
        if (lost := psnr(self._image, image) - psnr_db) > _SWALLOWED_DB:
            mark = mark.louder(min(lost, _MOST_GIVEN_DB))
            image = mark.drawn()
        return mark, image

    def trial(self, psnr_db: float, bent: Bent = STRAIGHT) -> Trial:
        """Mark and test."""
        return trial(*self.at(psnr_db, bent), self.pattern, self._payload, self._spared)

    def tested(self) -> Marked:
        """The faintest of `STRENGTHS_DB` that passes in some shape; else tuned at the strongest."""
        if (found := self._faintest()) is not None:
            return found
        tried = [self.trial(STRENGTHS_DB[-1], bent) for bent in _STARTS]
        if not self._spared and (hopeless := frozenset.intersection(*[one.hopeless for one in tried])):
            self._spared = hopeless
            return self.tested()
        best = max(tried, key=lambda one: (one.passes, one.merit))
        if not best.passes:
            best = self._tuned(best, tried[-1])
        return self._done(best.draft, best.image, STRENGTHS_DB[-1], passes=best.passes)

    def _tuned(self, best: Trial, roomy: Trial) -> Trial:
        """The best trial tuned; where that leaves clipped copies unread, the better of it and the roomy one tuned."""
        tuner = Tuner(self._image, self.pattern, self._payload, self._spared)
        tuned = tuner.tuned(best, _ROUNDS)
        if best is roomy or not tuned.lost_to_clipping:
            return tuned
        return max(tuned, tuner.tuned(roomy, _ROUNDS), key=lambda one: (one.passes, one.merit))

    def _faintest(self) -> Marked | None:
        """By bisection, the faintest first, at which most pictures pass; None when at best the strongest does."""
        low, high = 0, len(STRENGTHS_DB) - 1
        passing: dict[int, tuple[Draft, Bytes]] = {}
        middle = 0
        while low < high:
            found = self._passing(STRENGTHS_DB[middle])
            if found is not None:
                passing[middle], high = found, middle
            else:
                low = middle + 1
            middle = (low + high) // 2
        return self._done(*passing[low], STRENGTHS_DB[low], passes=True) if low in passing else None

    def _passing(self, psnr_db: float) -> tuple[Draft, Bytes] | None:
        """The first shape that passes all tests; a test that failed before comes first."""
        for bent in SHAPES:
            mark, image = self.at(psnr_db, bent)
            lost = first_lost(image, self.pattern, self._payload, suspect=self._suspect, spared=self._spared)
            if lost is None:
                return mark, image
            self._suspect = lost[0]
            if lost[1] > _BEYOND_SHAPES:
                break
        return None

    def _done(self, mark: Draft, image: Bytes, strength_db: float, *, passes: bool) -> Marked:
        while psnr(self._image, image) < LEAST_PSNR_DB:
            mark = mark.louder(-0.3)
            image = mark.drawn()
        return Marked(image, psnr(self._image, image), strength_db, passes and not self._spared)


def psnr(a: Bytes, b: Bytes) -> float:
    """Peak signal-to-noise ratio in dB over all colours; 99 when equal."""
    error = float(cv2.norm(a, b, cv2.NORM_L2SQR)) / a.size
    return 10 * float(np.log10(255.0**2 / error)) if error else 99.0
