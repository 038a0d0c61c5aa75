"""What embedding and reading an image mark give back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Marked:
    """A marked picture.

    Attributes:
        image: uint8 (h, w, 3), BGR.
        psnr_db: against the picture that came in, all three colours.
        strength: the PSNR in dB that the self-test settled on: the lower, the stronger the mark.
        survives: whether the self-test was passed at this strength; a hopeless picture is marked all the same.
    """

    image: NDArray[np.uint8]
    psnr_db: float
    strength: float
    survives: bool


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a probe lies in the picture that was marked.

    Attributes:
        matrix: float64 (2, 3), pixels (x, y) of the probe -> pixels of the marked picture scaled to a long side of
            512; both count from the centre of the first pixel.
    """

    matrix: NDArray[np.float64]

    @property
    def mirrored(self) -> bool:
        """Whether the probe is a mirror image."""
        return float(np.linalg.det(self.matrix[:, :2])) < 0

    @property
    def angle_deg(self) -> float:
        """Rotation of the probe's x axis in the marked picture, degrees."""
        return float(np.degrees(np.arctan2(self.matrix[1, 0], self.matrix[0, 0])))

    @property
    def scale(self) -> float:
        """Pixels of the scaled marked picture per pixel of the probe."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:, :2]))))


@dataclass(frozen=True, slots=True)
class Reading:
    """A payload that was read.

    Attributes:
        payload: 40 bits. A pointer, never a proof: a mark can be copied from one picture to another.
        score: cosine between the soft bits and the payload's codeword, 0-1; `MIN_SCORE` or more.
        geometry: how the probe lies in the marked picture.
    """

    payload: int
    score: float
    geometry: Geometry
