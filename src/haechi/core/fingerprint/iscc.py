"""The ISCC of a picture or of sound (ISO 24138): what a C2PA soft binding `io.iscc.v0` names it by.

A picture: as displayed, alpha over white, an even border trimmed, grey, 32 x 32 by bicubic scaling (`media.iscc`, after
iscc-sdk). Sound: all of it, as the words of `chromaprint`. The Image-Code or Audio-Code itself by iscc-lib, 256 bits.
Value of a soft binding: the unit's two header bytes and its body (ISCC-SEQ of IEP-0020).
Different scenes lie 92 bits and more apart, copies that were coded again mostly 14 and less; different recordings 46
and more, copies that were coded again 27 and less (docs/soft-binding.md). Up to `SAME_BITS` apart they are called the
same work.
Limits: a picture's is lost by crops, rotation and mirroring, and by any coding of a picture with an even border, which
is trimmed only as long as it has exactly one colour. That of sound is lost by changed speed or pitch, by strong
equalisers and compressors, and where a tenth or more was cut off; and the longer recordings of one kind are, the nearer
they lie, so that it will not tell hours of talk apart. Our own fingerprints find and tell all those.
Sound of which most is silent has no code: it would be that of every silence. Films have none: the standard makes theirs
of an MPEG-7 signature of the pictures. The code of its sound alone would name another work, the sound; and a Mixed-Code
takes two content codes and more.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import iscc_lib
import numpy as np

from haechi.core.errors import UnsupportedMediaError
from haechi.core.fingerprint.chromaprint import SILENCE, read_chromaprint
from haechi.core.media.iscc import read_small_gray
from haechi.core.records import Kind
from haechi.core.settings import Limits

ALGORITHM: Final = "io.iscc.v0"
BITS: Final = 256
SAME_BITS: Final[Mapping[Kind, int]] = MappingProxyType({Kind.IMAGE: 80, Kind.AUDIO: 32})
_HEADERS: Final[Mapping[Kind, bytes]] = MappingProxyType({Kind.IMAGE: b"\x21\x07", Kind.AUDIO: b"\x22\x07"})
"""Main type content, sub type image or audio, version 0, eight times 32 bits."""
_HEADER_BYTES: Final = 2
_LEAST_WORDS: Final = 4
"""The code describes each quarter of the sound by itself; with fewer words, one would be empty."""


def content_code(path: Path, kind: Kind, limits: Limits) -> bytes | None:
    """The soft binding's value of a file, 34 bytes; None for what has none.

    Raises:
        InputError: the file cannot be read.
    """
    if kind is Kind.AUDIO:
        return sound_code(path, limits)
    if kind is Kind.VIDEO:
        return None
    try:
        return image_code(path, limits)
    except UnsupportedMediaError:  # HEIC
        return None


def image_code(path: Path, limits: Limits) -> bytes:
    """The soft binding's value of a picture file: 34 bytes.

    Raises:
        InputError: the file is no picture or cannot be read.
    """
    return _value(iscc_lib.gen_image_code_v0(read_small_gray(path, limits), BITS)["iscc"])


def sound_code(path: Path, limits: Limits) -> bytes | None:
    """The soft binding's value of a sound file: 34 bytes; None under 3.2 s and where most of it is silent.

    Raises:
        InputError: the file cannot be read.
    """
    words = read_chromaprint(path, limits)
    heard = np.count_nonzero(words != SILENCE)
    if len(words) < _LEAST_WORDS or 2 * heard <= len(words):
        return None
    return _value(iscc_lib.gen_audio_code_v0(words.view(np.int32).tolist(), BITS)["iscc"])


def kind_of(value: bytes) -> Kind | None:
    """Of what a soft binding's value is the code; None when it is none that `content_code` makes."""
    if len(value) != _HEADER_BYTES + BITS // 8:
        return None
    return next((kind for kind, header in _HEADERS.items() if value.startswith(header)), None)


def distance(one: bytes, other: bytes) -> int:
    """Bits in which two values differ."""
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


def text_of(value: bytes) -> str:
    """The code as people write it, "ISCC:..."."""
    return f"ISCC:{base64.b32encode(value).decode('ascii').rstrip('=')}"


def _value(code: str) -> bytes:
    text = code.removeprefix("ISCC:")
    return base64.b32decode(text + "=" * (-len(text) % 8))
