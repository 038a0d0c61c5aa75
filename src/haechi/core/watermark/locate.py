"""Where on the mark's canvas an upright part of a marked picture lies: found by the mark itself.

Method: at each scale, whiten the part in the mark's pixels, and correlate it with the lattice and the pilot, whose
signs the key's owner knows, over all places of the canvas at once (Fourier transform). The canvas is no larger than the
pilot's map, so the place is unique; pilot and lattice say nothing of the payload. The greatest correlation over the
deviation of all others tells how sure it is.
Where a picture is even and gives no features to register by, the mark is all that there is, and strongest.
Limits: no rotation, no change of aspect; from `_SMALLEST_PX` of the mark's 512 px on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from haechi.core.watermark.canvas import canvas, from_tiles, scaling, synthesise, whiten
from haechi.core.watermark.code import PAYLOAD_BITS, encode
from haechi.core.watermark.pattern import TILE, Pattern
from haechi.core.watermark.spread import chips

SURE: Final = 6.5
"""Deviations from which on a place is worth a look."""
_SMALLEST_PX, _STEP_PX, _FINE_PX = 60, 6, 2

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part lies.

    Attributes:
        matrix: float64 (3, 3), pixels (x, y, 1) of the part -> pixels of the mark's canvas.
        sureness: deviations above the other places.
    """

    matrix: Matrix
    sureness: float


def located(gray: Bytes, shape: tuple[int, ...], pattern: Pattern) -> Place | None:
    """The likeliest place of an upright part, or None where none is likely.

    Args:
        gray: the part, uint8 (h, w).
        shape: rows and columns of the mark's canvas.
        pattern: of the key, label "release".
    """
    search = _Search(gray, (int(shape[0]), int(shape[1])), pattern)
    best = max(map(search.at, search.sides()), key=lambda found: found[0], default=None)
    if best is None or best[0] < SURE:
        return None
    near = [best[1] + step for step in range(-_STEP_PX + _FINE_PX, _STEP_PX, _FINE_PX) if step]
    return search.place(max((best, *map(search.at, near)), key=lambda found: found[2])[1])


class _Search:
    def __init__(self, gray: Bytes, shape: tuple[int, int], pattern: Pattern) -> None:
        self._gray, self._shape = gray, shape
        self._known = np.fft.rfft2(_known_part(shape, pattern))

    def sides(self) -> Iterator[int]:
        """Lengths of the part's long side on the canvas that are tried: a few pixels' error at the end does no harm."""
        rows, columns = self._gray.shape
        most = min(self._shape[0] / rows, self._shape[1] / columns) * max(rows, columns)
        return iter(range(_SMALLEST_PX, int(most) + 1, _STEP_PX))

    def at(self, side: int) -> tuple[float, int, float]:
        """Sureness, side, and share of the part that agrees, at the best place for one length of the long side."""
        scores, white = self._scores(side)
        if not scores.size:
            return 0.0, side, 0.0
        top = float(scores.max())
        return (
            top / max(float(scores.std()), 1e-12),
            side,
            top / max(float(np.linalg.norm(white)) * white.size**0.5, 1e-12),
        )

    def place(self, side: int) -> Place:
        """The place, to a part of a pixel."""
        scores, white = self._scores(side)
        row, column = (int(v) for v in np.unravel_index(int(scores.argmax()), scores.shape))
        matrix = scaling(self._gray.shape, white.shape)
        matrix[0, 2] += column + _peak(scores[row], column)
        matrix[1, 2] += row + _peak(scores[:, column], row)
        return Place(matrix, float(scores.max() / max(float(scores.std()), 1e-12)))

    def _scores(self, side: int) -> tuple[Floats, Floats]:
        white = whiten(canvas(self._gray, side))
        rows, columns = self._shape[0] - white.shape[0] + 1, self._shape[1] - white.shape[1] + 1
        if rows < 1 or columns < 1:
            return np.empty((0, 0), np.float32), white
        seen = np.fft.rfft2(white, s=self._shape)
        scores = np.fft.irfft2(self._known * np.conj(seen), s=self._shape)[:rows, :columns]
        return np.asarray(scores, np.float32), white


def _known_part(shape: tuple[int, int], pattern: Pattern) -> Floats:
    """Lattice and pilot over the canvas, float32, unit deviation."""
    wanted = chips(pattern, encode((1 << PAYLOAD_BITS) - 1), -(-shape[0] // TILE), -(-shape[1] // TILE))
    wanted[..., pattern.data_at] = 0
    plane = from_tiles(synthesise(wanted), *shape)
    return np.asarray(plane / plane.std(), np.float32)


def _peak(line: Floats, top: int) -> float:
    """How far beside its greatest sample a line has its peak, by a parabola."""
    if not 0 < top < len(line) - 1:
        return 0.0
    before, middle, after = (float(v) for v in line[top - 1 : top + 2])
    bend = before - 2 * middle + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0
