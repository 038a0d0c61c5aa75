"""How the frames of a film are added up so that most of the mark is left: weighted least squares, the pilot as guide.

Method: hard coding copies most of a picture from its neighbours, so the noise of frames is alike, and what the blind
reader sees of a frame shares the noise of what the master leaves of it. The weights w = (C + d I)^-1 s make the most of
the mark over the noise of the sum [1]: s is how much of the pilot each holds, C how alike they are, d a share of C's
mean diagonal, because s is measured on few coefficients.
The pilot's signs say nothing of the payload's, so that weighing by it makes no number of an unmarked film likelier.
[1] Cox, Zeskind, Owen. IEEE Trans. ASSP 35 (1987): robust adaptive beamforming, diagonal loading.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from haechi.core.watermark.pattern import Pattern
from haechi.core.watermark.spread import LOW, by_pilot, held_pilot, levelled, loudness, soft_bits

_LOADED = 2.0

Floats = NDArray[np.float32]


def best_sum(pattern: Pattern, views: Floats) -> Floats:
    """The sum of views of one film that holds most of the mark, float32 (rows, columns, 2 * COUNT).

    Args:
        pattern: the key's choices.
        views: coefficients float32 (n, rows, columns, 2 * COUNT), whose first tile lies at (0, 0) of the map.
    """
    alike = views / loudness(np.sqrt(np.mean(views * views, axis=0)))
    weight = by_pilot(pattern, alike.sum(0))
    held = np.array([held_pilot(pattern, one, weight) for one in alike])
    flat = (alike * weight).reshape(len(alike), -1)
    common = (flat @ flat.T).astype(np.float64)
    loaded = common + _LOADED * np.trace(common) / len(common) * np.eye(len(common))
    if not np.trace(common):
        return np.asarray(alike.sum(0), np.float32)
    return np.asarray(np.tensordot(np.linalg.solve(loaded, held), alike, 1), np.float32)


def soft_summed(pattern: Pattern, views: Floats) -> Floats:
    """Soft bits of the best sum, float32 (3, CODED_BITS)."""
    values = best_sum(pattern, views)
    even = levelled(values)
    ways = ((even, by_pilot(pattern, even)), (even, LOW), (values, by_pilot(pattern, values)))
    return np.stack([soft_bits(pattern, one, weight=weight) for one, weight in ways])
