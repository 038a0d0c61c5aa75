"""Tuning: the mark of a hard picture, changed until its worn copies are read.

Method: informed embedding [1] by gradient ascent over the payload's coefficients.
1. For each worn copy: soft bits s and their cosine with the codeword c, whitened and weighed as reads it best. The
   cosine's gradient, c / |c| - cosine * s / |s|, lifts weak bits and lowers those that are stronger than they need be.
2. Spread each bit's share over its coefficients by how well they come through in this copy: what the copy gained by the
   mark (against the same copy of the unmarked picture), regressed on the mark for each ring of frequencies and each
   tile. So a copy at a quarter of the size gets low frequencies, a harsh one the tiles that are not clipped.
3. Add up over the copies by how much each lacks, those that would not be read at all before others; add the sum to the
   mark, whose power stays. Again, up to `rounds` times; the best round is kept.
The self-test's copies are what is tuned for: other treatment profits as far as it resembles them.
[1] Miller, Doerr, Cox. IEEE Trans. Image Processing 13 (2004).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from haechi.core.watermark.code import CODED_BITS, encode
from haechi.core.watermark.pattern import Pattern
from haechi.core.watermark.spread import RINGS, places
from haechi.core.watermark.worn import NONE_SPARED, Sight, Spared, Worn, held_lattice, sight, worn_copies
from haechi.core.watermark.write import Draft

_IDLE: Final = 3
"""Rounds in a row that need not help."""
_STEP: Final = 1.2
"""Of one round, in deviations of the first mark's payload coefficients."""
_READ, _FIRST = 0.57, 3.0
"""Score from which on a copy is surely read, and how much more what lacks it counts."""
_BEYOND = 0.04
_HALF: Final = 0.54
"""Score with which about half of the copies are read."""
_FOUND: Final = 6.8
"""Agreement of the lattice from which on a crop is mostly found."""
_HOPELESS: Final = 0.15
"""Score below which no tuning has made a copy readable: black that more contrast leaves black."""
_AMPLE, _CHANGE = 7.3, (0.85, 1.35)

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Trial:
    """A marked picture and how its worn copies are read.

    Attributes:
        draft: the mark.
        image: uint8 (h, w, 3).
        copies: the worn copies.
        sights: how each is read.
        found: how well the lattice agrees in the crop, in deviations.
    """

    draft: Draft
    image: Bytes
    copies: list[Worn]
    sights: list[Sight]
    found: float

    @property
    def passes(self) -> bool:
        """Whether each copy is read as well as is asked."""
        return all(one.score >= copy.asked for one, copy in zip(self.sights, self.copies, strict=True))

    @property
    def hopeless(self) -> Spared:
        """Numbers, among these copies, of those in which hardly anything of the mark is left; the crop's never."""
        pairs = enumerate(zip(self.sights, self.copies, strict=True))
        return frozenset(n for n, (one, copy) in pairs if one.score < _HOPELESS and not copy.cropped)

    @property
    def lost_to_clipping(self) -> bool:
        """Whether a copy that clips tones is not likely to be read."""
        pairs = zip(self.sights, self.copies, strict=True)
        return any(copy.clipped and one.score < _HALF for one, copy in pairs)

    @property
    def whole(self) -> bool:
        """Whether it passes, and a crop is found."""
        return self.passes and self.found >= _FOUND

    @property
    def merit(self) -> float:
        """The more, the better: how many copies are likely to be read, and by what margins."""
        pairs = zip(self.sights, self.copies, strict=True)
        likely = sum(_likely((one.score - _HALF) / _BEYOND) for one in self.sights)
        return likely + _likely(self.found - _FOUND) + 0.3 * sum(min(one.score, copy.asked) for one, copy in pairs)


def _likely(beyond: float) -> float:
    return 1 / (1 + float(np.exp(-2 * beyond)))


def trial(draft: Draft, image_bgr: Bytes, pattern: Pattern, payload: int, spared: Spared = NONE_SPARED) -> Trial:
    """Wear a marked picture and read its copies, those that are spared left out; the crop never is."""
    copies = worn_copies(image_bgr, spared)
    sights = [sight(one, pattern, payload) for one in copies]
    crop = next(one for one, copy in zip(sights, copies, strict=True) if copy.cropped)
    return Trial(draft, image_bgr, copies, sights, held_lattice(pattern, crop))


class Tuner:
    """Tunes marks of one payload for one picture."""

    def __init__(self, image_bgr: Bytes, pattern: Pattern, payload: int, spared: Spared = NONE_SPARED) -> None:
        self._pattern, self._payload, self._codeword = pattern, payload, encode(payload)
        self._spared, self._unmarked = spared, worn_copies(image_bgr, spared)
        self._known: dict[tuple[int, float], Floats] = {}

    def tuned(self, start: Trial, rounds: int) -> Trial:
        """The best of so many rounds from a trial on, or the trial itself."""
        at = self._pattern.data_at
        amount = _deviation(start.draft.values[..., at])
        best, last, idle = start, start, 0
        while rounds and idle < _IDLE and not best.whole:
            rounds, idle = rounds - 1, idle + 1
            # crops are found by the lattice: the payload takes of its share what it can spare, or gives some back
            spare = last.found / _AMPLE
            if spare < 1 or not last.passes:
                amount *= float(np.clip(spare, *_CHANGE))
            values = last.draft.values.copy()
            wanted = values[..., at] + np.float32(_STEP * amount) * self._move(last)
            values[..., at] = wanted * np.float32(amount / _deviation(wanted))
            draft = replace(last.draft, values=values)
            last = trial(draft, draft.drawn(), self._pattern, self._payload, self._spared)
            if (last.whole, last.merit) > (best.whole, best.merit):
                best, idle = last, 0
        return best

    def _move(self, last: Trial) -> Floats:
        """Steps 1 to 3 of one round, float32 (rows, columns, CODED_BITS), unit deviation."""
        moves = [self._for_copy(last, number) for number in range(len(last.copies))]
        return _unit(np.sum([share * move for share, move in zip(_shares(last), moves, strict=True)], axis=0))

    def _for_copy(self, last: Trial, number: int) -> Floats:
        """Steps 1 and 2 for one copy, float32 (rows, columns, CODED_BITS)."""
        seen, at = last.sights[number], self._pattern.data_at
        # a copy of another size may round to a row or column of tiles more or less
        same = tuple(slice(min(pair)) for pair in zip(seen.values.shape[:2], last.draft.values.shape[:2], strict=True))
        gained = ((seen.values - self._without(number, seen.alike_grey)) / seen.loud)[same][..., at]
        mark, weight = last.draft.values[same][..., at], seen.weight[at]
        through = _regressed(gained, mark, RINGS[at]) * weight
        flat = mark * through
        tile = np.maximum((gained * weight * flat).sum(2), 0) / np.maximum((flat * flat).sum(2), 1e-12)
        bits = self._codeword / np.float32(CODED_BITS**0.5) - seen.score * seen.soft / max(
            float(np.linalg.norm(seen.soft)), 1e-9
        )
        place = places(*mark.shape[:2])
        move = np.zeros((*last.draft.values.shape[:2], CODED_BITS), np.float32)
        move[same] = tile[..., None] * through * bits[self._pattern.order[place]] * self._pattern.signs[place]
        return _unit(move)

    def _without(self, number: int, alike_grey: float) -> Floats:
        """Coefficients of a worn copy of the unmarked picture."""
        key = (number, alike_grey)
        if key not in self._known:
            self._known[key] = self._unmarked[number].values(alike_grey)
        return self._known[key]


def _shares(last: Trial) -> Sequence[float]:
    """How much each copy lacks."""
    return [
        max(copy.asked + _BEYOND - one.score, 0) + _FIRST * max(_READ + _BEYOND / 2 - one.score, 0)
        for one, copy in zip(last.sights, last.copies, strict=True)
    ]


def _regressed(gained: Floats, mark: Floats, ring: NDArray[np.int64]) -> Floats:
    """What a unit of mark gains in each ring of frequencies, float32 (CODED_BITS,)."""
    both = np.bincount(ring, (gained * mark).sum((0, 1)))
    alone = np.bincount(ring, (mark * mark).sum((0, 1)))
    return np.asarray((np.maximum(both, 0) / np.maximum(alone, 1e-9))[ring], np.float32)


def _unit(values: Floats) -> Floats:
    return np.asarray(values / np.float32(_deviation(values)), np.float32)


def _deviation(values: Floats) -> float:
    return max(float(np.sqrt(np.mean(values * values))), 1e-12)
