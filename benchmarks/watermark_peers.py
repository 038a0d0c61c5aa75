"""Other people's marks for the same table: installed for the benchmark only, helped back to size and upright.

pip install --no-deps --target FOLDER blind-watermark invisible-watermark PyWavelets, and FOLDER on PYTHONPATH.
invisible-watermark imports PyTorch for a method that is not measured here, so its two classical methods are loaded from
their own files.
Payloads: 40 bits without any check; exact means all of them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from benchmarks.watermark_pictures import Image, as_image

BITS = 40


class Peer(Protocol):
    """A mark that is compared with ours."""

    @property
    def name(self) -> str: ...

    def embed(self, image: Image, payload: int) -> Image: ...

    def read(self, image: Image, shape: Sequence[int]) -> int: ...


def installed_peers() -> list[Peer]:
    """Those that can be imported."""
    found: list[Peer] = []
    if importlib.util.find_spec("blind_watermark") is not None:
        found.append(BlindWatermark())
    folder = _folder("imwatermark")
    if folder is not None and importlib.util.find_spec("pywt") is not None:
        found.append(InvisibleWatermark("dwtDct", folder / "maxDct.py", "EmbedMaxDct"))
        found.append(InvisibleWatermark("dwtDctSvd", folder / "dwtDctSvd.py", "EmbedDwtDctSvd"))
    return found


def _folder(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or []) if spec is not None else []
    return Path(places[0]) if places else None


def _back(image: Image, shape: Sequence[int]) -> Image:
    return as_image(cv2.resize(image, (shape[1], shape[0]), interpolation=cv2.INTER_AREA))


class BlindWatermark:
    """blind-watermark in its default strength."""

    name = "blind-watermark"

    def __init__(self) -> None:
        from blind_watermark import WaterMark  # type: ignore[import-not-found]

        self._make = partial(WaterMark, password_wm=1, password_img=1)

    def embed(self, image: Image, payload: int) -> Image:
        mark: Any = self._make()
        mark.read_img(img=image)
        mark.read_wm([bool(payload >> k & 1) for k in range(BITS)], mode="bit")
        return as_image(mark.embed())

    def read(self, image: Image, shape: Sequence[int]) -> int:
        mark: Any = self._make()
        bits = mark.extract(embed_img=_back(image, shape), wm_shape=BITS, mode="bit")
        return sum(int(bit > 0.5) << k for k, bit in enumerate(bits))


class InvisibleWatermark:
    """invisible-watermark, one of its classical methods in its default strength."""

    def __init__(self, method: str, file: Path, kind: str) -> None:
        self.name = f"invisible-watermark {method}"
        spec = importlib.util.spec_from_file_location(f"peer_{method}", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self._kind = getattr(module, kind)

    def embed(self, image: Image, payload: int) -> Image:
        bits = [payload >> k & 1 for k in range(BITS)]
        return as_image(self._kind(bits, BITS).encode(image))

    def read(self, image: Image, shape: Sequence[int]) -> int:
        bits = np.asarray(self._kind([], BITS).decode(_back(image, shape)))
        return sum(int(bit) << k for k, bit in enumerate(bits))
