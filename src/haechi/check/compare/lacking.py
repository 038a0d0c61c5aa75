"""Where a face lacks detail of the master's that a harmless re-post of this quality keeps.

A face that is softly blurred or painted over loses what heavy coding loses as well: the energy of the difference
(`residual`) hardly grows. What tells is the sign: how much of the master's own detail is left in each cell, against how
much the null has left there. The logarithm of their ratio is standardised at equal texture and smoothed as scores are
(`changes`); a second re-post, put in the probe's place, tells from where on it counts in this clip.
Limits: moving pictures only, faces only; a face of under a dozen cells, or one without detail, tells nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from haechi.check.compare.changes import FACIAL, FACIAL_CODES, Judged, components, smooth
from haechi.check.compare.residual import Energies, Scores, level

# Smoothed, standardised score at which a component counts at the least, and so many times what a harmless re-post
# reaches: fitted at crf 32 on all masters, where 79 harmless clips reach at most the .98-fold and blurred faces begin
# at the .96-fold.
HIGH, NULL_MARGIN = 6.0, 1.3
MIN_SPREAD = 0.1
FEWEST_FRAMES = 8


def judge_lacking(
    probe: Energies, harmless: Energies, codes: NDArray[np.uint8], times_s: NDArray[np.float64]
) -> Judged | None:
    """What a window's faces lack; None where that cannot be told.

    Args:
        probe: energies of the window.
        harmless: what they would be for a harmless copy.
        codes: regions, uint8 (n, gh, gw).
        times_s: probe times (n,).
    """
    face = np.isin(codes, FACIAL_CODES)
    if len(times_s) < FEWEST_FRAMES or not face.any():
        return None
    scores, null = _scored(probe), _scored(harmless)
    if scores is None or null is None:
        return None
    s = np.where(face, smooth(scores, times_s), np.float32(0.0))
    high = max(HIGH, NULL_MARGIN * float(smooth(null, times_s)[face].max()))
    least = dict.fromkeys(FACIAL, high)
    return Judged(s, least, tuple(components(s, scores.z, codes, least)))


def _scored(energies: Energies) -> Scores | None:
    if energies.kept is None or energies.null_kept is None:
        return None
    inside = np.broadcast_to(energies.seen, energies.kept.shape)
    z = level(energies.null_kept - energies.kept, energies.texture, inside, MIN_SPREAD)
    return Scores(z, energies.texture, energies.seen)
