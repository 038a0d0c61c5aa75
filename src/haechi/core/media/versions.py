"""Versions of the decoders, for reports; asked in the child so that the main process need not load them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av
import cv2
import PIL
from numpy.typing import NDArray


def run(descriptor: int, name: str, params: dict[str, Any]) -> Iterator[tuple[dict[str, Any], NDArray[Any] | None]]:
    """One header {"versions": {...}}; the file plays no part."""
    found = {"pyav": av.__version__, "opencv": cv2.__version__, "pillow": PIL.__version__}
    found["ffmpeg"] = str(av.ffmpeg_version_info)
    for library, version in sorted(av.library_versions.items()):
        found[library] = ".".join(str(part) for part in version)
    yield {"versions": found}, None
