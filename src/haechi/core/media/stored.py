"""The decoding job behind `rewrite.read_stored`; runs only inside the decoding child."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from haechi.core.media.images import ImageReader, sniff


def run(
    descriptor: int, name: str, params: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], NDArray[np.uint8] | None]]:
    """The picture as it is stored, with the facts that writing it again takes; or why that cannot be done."""
    if sniff(descriptor) in (None, "HEIC"):
        yield {"refused": "format"}, None
        return
    facts, pixels = ImageReader(descriptor, name, int(params["max_pixels"])).stored()
    if pixels is None:
        yield facts, None
        return
    yield {"slot_bytes": pixels.nbytes}, None
    yield {"stored": facts}, pixels
