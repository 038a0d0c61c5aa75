"""How a stored picture has to be turned for display: one of the eight symmetries of the rectangle.

Sources: EXIF 2.32 tag 0x0112 (values 1-8); the display matrix of ISO/IEC 14496-12 8.3.2 as FFmpeg reports it
(nine 32-bit values, the upper left four in 16.16 fixed point). Angles between right angles are taken as the
nearest.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Pixel = TypeVar("Pixel", bound=np.generic)

_EXIF = {
    1: (False, False, False),
    2: (False, True, False),
    3: (False, True, True),
    4: (False, False, True),
    5: (True, False, False),
    6: (True, True, False),
    7: (True, True, True),
    8: (True, False, True),
}


@dataclass(frozen=True, slots=True)
class Orientation:
    """First swap rows with columns, then mirror left-right, then top-bottom."""

    transpose: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    @property
    def rotation_deg(self) -> int:
        """Clockwise turn, 0, 90, 180 or 270; of a mirrored orientation the one after mirroring."""
        if self.transpose:
            return 270 if self.mirror_y else 90
        return 180 if self.mirror_y else 0

    @property
    def mirrored(self) -> bool:
        """Whether left and right are exchanged in the stored picture."""
        return (self.transpose + self.mirror_x + self.mirror_y) % 2 == 1

    def apply(self, image: NDArray[Pixel]) -> NDArray[Pixel]:
        """Turn (h, w) or (h, w, 3) into display orientation; an upright one is returned as it is."""
        if not (self.transpose or self.mirror_x or self.mirror_y):
            return image
        result: Any = image
        if self.transpose:
            result = cv2.transpose(result)
        if self.mirror_x or self.mirror_y:
            result = cv2.flip(result, -1 if self.mirror_x and self.mirror_y else (1 if self.mirror_x else 0))
        return np.ascontiguousarray(result)

    def undo(self, image: NDArray[Pixel]) -> NDArray[Pixel]:
        """From display orientation back to how it is stored."""
        result: Any = image
        if self.mirror_x or self.mirror_y:
            result = cv2.flip(result, -1 if self.mirror_x and self.mirror_y else (1 if self.mirror_x else 0))
        return np.ascontiguousarray(np.swapaxes(result, 0, 1) if self.transpose else result)

    def displayed_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height after turning."""
        return (height, width) if self.transpose else (width, height)


def from_exif(value: object) -> Orientation:
    """Orientation of the EXIF value; anything outside 1-8 means upright."""
    return Orientation(*_EXIF.get(value, _EXIF[1])) if isinstance(value, int) else Orientation()


def to_exif(turn: Orientation) -> int:
    """EXIF value of an orientation, 1-8."""
    return next(value for value, parts in _EXIF.items() if Orientation(*parts) == turn)


def from_display_matrix(matrix: bytes) -> Orientation:
    """Orientation of FFmpeg's DISPLAYMATRIX side data: (x, y) -> (a x + c y, b x + d y)."""
    if len(matrix) < 36:
        return Orientation()
    a, b, _, c, d = struct.unpack_from("=5i", matrix)
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(transpose=False, mirror_x=a < 0, mirror_y=d < 0)
    return Orientation(transpose=True, mirror_x=c < 0, mirror_y=b < 0)
