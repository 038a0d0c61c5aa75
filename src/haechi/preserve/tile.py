"""The tile: all that anyone sees of sexual media without two key holders: 64 pixels, grey, blurred.

Method: the first frame, decoded in the limited child process straight down to 64 pixels, luma alone, Gaussian blur of
sigma 6 pixels: about ten distinguishable spots across. It tells duplicates and blank frames apart, never a person.
Limits: sound and what cannot be decoded has none.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from haechi.core.errors import InputError
from haechi.core.settings import Limits

SIDE_PX: Final = 64
SIGMA_PX: Final = 6.0
_QUALITY: Final = 60


def blurred_tile(path: Path, limits: Limits) -> bytes | None:
    """A JPEG of at most 64 pixels, or None when nothing decodes."""
    import cv2

    from haechi.core.media.decode import read_image

    try:
        image = read_image(path, limits, max_side=SIDE_PX, gray=True).image
    except InputError:
        return None
    blurred = cv2.GaussianBlur(image, (0, 0), SIGMA_PX, borderType=cv2.BORDER_REPLICATE)
    done, data = cv2.imencode(".jpg", blurred, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return data.tobytes() if done else None
