"""The 1,024 grey values from which ISO 24138 makes the code of a picture.

Steps, after iscc-sdk's `image_normalize`, in the decoding child: as displayed; alpha over white; an even border in the
colour of the first pixel trimmed; grey (BT.601); 32 x 32 by Pillow's bicubic filter.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageOps

from haechi.core.errors import UnreadableMediaError, UnsupportedMediaError
from haechi.core.media.images import DECODE_ERRORS, sniff
from haechi.core.media.pixels import refuse_too_many_pixels

if TYPE_CHECKING:
    from haechi.core.settings import Limits

_SIDE: Final = 32
_WHITE: Final = (255, 255, 255, 255)


def run(
    descriptor: int, name: str, params: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], NDArray[np.uint8] | None]]:
    """The job of the decoding child."""
    if sniff(descriptor) in (None, "HEIC"):
        raise UnsupportedMediaError(f"{name}: no code is made of this kind of file")
    try:
        image = Image.open(io.FileIO(descriptor, closefd=False))
        refuse_too_many_pixels(*image.size, int(params["max_pixels"]), name)
        small = _normal(image)
    except DECODE_ERRORS as error:
        raise UnreadableMediaError(
            f"{name}: the picture is damaged or cut off; get the file again from its source"
        ) from error
    yield {"slot_bytes": small.nbytes}, None
    yield {}, small


def read_small_gray(path: Path, limits: Limits) -> bytes:
    """1,024 grey values, row by row.

    Raises:
        UnreadableMediaError: damaged, or beyond a limit.
        UnsupportedMediaError: no picture that Pillow reads.
    """
    from haechi.core.media import sandbox  # the child that decodes needs none of it

    for _, values in sandbox.run_job("iscc", path, limits, {"max_pixels": limits.max_pixels}):
        if values is not None and values.shape == (_SIDE, _SIDE) and values.dtype == np.uint8:
            return values.tobytes()
    raise UnreadableMediaError(f"{path.name}: no picture could be decoded; get the file again from its source")


def _normal(image: Image.Image) -> NDArray[np.uint8]:
    shown = ImageOps.exif_transpose(image)
    if "A" in shown.mode or "transparency" in shown.info or shown.mode == "P":
        colours = shown.convert("RGBA")
        shown = Image.alpha_composite(Image.new("RGBA", colours.size, _WHITE), colours)
    flat = shown.convert("RGB")
    border = Image.new("RGB", flat.size, flat.getpixel((0, 0)))
    inner = ImageChops.difference(flat, border).getbbox()
    flat = flat.crop(inner) if inner not in (None, (0, 0, *flat.size)) else flat
    return np.asarray(flat.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BICUBIC), np.uint8)
