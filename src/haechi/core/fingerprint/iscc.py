"""The ISCC Image-Code of a picture (ISO 24138): what a C2PA soft binding `io.iscc.v0` names it by.

Input: the picture as displayed, alpha over white, an even border trimmed, grey, 32 x 32 by bicubic scaling
(`media.iscc`, after iscc-sdk); the code itself by iscc-lib. 256 bits. Value of a soft binding: the unit's two header
bytes and its body (ISCC-SEQ of IEP-0020).
Different scenes lie 92 bits and more apart, copies that were coded again mostly 14 and less (docs/soft-binding.md); up
to `SAME_BITS` apart they are called the same work.
Limits: lost by crops, rotation and mirroring, and by any coding of a picture with an even border, which is trimmed only
as long as it has exactly one colour: our own fingerprints find those. Films and sound have no code here: theirs take an
MPEG-7 signature or Chromaprint.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final

import iscc_lib

from haechi.core.media.iscc import read_small_gray
from haechi.core.settings import Limits

ALGORITHM: Final = "io.iscc.v0"
BITS: Final = 256
SAME_BITS: Final = 80
_HEADER: Final = bytes((0x21, 0x07))
"""Main type content, sub type image, version 0, eight times 32 bits."""


def image_code(path: Path, limits: Limits) -> bytes:
    """The soft binding's value of a picture file: 34 bytes.

    Raises:
        InputError: the file is no picture or cannot be read.
    """
    code = iscc_lib.gen_image_code_v0(read_small_gray(path, limits), BITS)["iscc"]
    return _HEADER + bytes(iscc_lib.iscc_decode(code)[4])


def is_image_code(value: bytes) -> bool:
    """Whether a soft binding's value is an Image-Code as `image_code` makes them."""
    return len(value) == len(_HEADER) + BITS // 8 and value.startswith(_HEADER)


def distance(one: bytes, other: bytes) -> int:
    """Bits in which two values differ."""
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


def text_of(value: bytes) -> str:
    """The code as people write it, "ISCC:..."."""
    return f"ISCC:{base64.b32encode(value).decode('ascii').rstrip('=')}"
