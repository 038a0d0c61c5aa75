"""The decoding job behind `rewrite.read_stored`; runs only inside the decoding child.

Pillow gives the upper 8 bits of pictures of 16 bits a colour; the samples themselves come from OpenCV and must agree
with what Pillow gave.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.media.images import ImageReader, sniff
from haechi.core.media.orientation import Orientation

_RGB_OF_BGR = {1: [0], 2: [0, 3], 3: [2, 1, 0], 4: [2, 1, 0, 3]}
"""OpenCV's channels, by the number that the file stores; it reads grey with alpha as four."""


def run(descriptor: int, name: str, params: dict[str, Any]) -> Iterator[tuple[dict[str, Any], NDArray[Any] | None]]:
    """The picture as it is stored, with the facts that writing it again takes; or why that cannot be done."""
    if sniff(descriptor) in (None, "HEIC"):
        yield {"refused": "format"}, None
        return
    facts, pixels = ImageReader(descriptor, name, int(params["max_pixels"])).stored()
    samples = (
        _deep(descriptor, pixels, Orientation(*facts["orientation"]))
        if pixels is not None and facts["deep"]
        else pixels
    )
    if samples is None:
        yield {"refused": facts.get("refused", "format")}, None
        return
    yield {"slot_bytes": samples.nbytes}, None
    yield {"stored": facts}, samples


def _deep(descriptor: int, upper: NDArray[np.uint8], turn: Orientation) -> NDArray[np.uint16] | None:
    """Samples of 16 bits, (h, w, channels) as `upper`, which holds their upper 8; None when OpenCV disagrees.

    OpenCV turns TIFFs for display, PNGs not.
    """
    handle = io.FileIO(descriptor, closefd=False)
    handle.seek(0)
    read = cv2.imdecode(np.frombuffer(handle.readall(), np.uint8), cv2.IMREAD_UNCHANGED)
    if read is None or read.dtype != np.uint16:
        return None
    channels = _RGB_OF_BGR[upper.shape[2]]
    planes = np.asarray(read[:, :, None] if read.ndim == 2 else read, np.uint16)
    if planes.shape[2] <= max(channels):
        return None
    samples = np.ascontiguousarray(planes[:, :, channels])
    both = (samples, turn.undo(samples).reshape(upper.shape) if samples.size == upper.size else samples)
    return next((one for one in both if np.array_equal(one >> 8, upper)), None)
