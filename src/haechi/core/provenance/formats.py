"""Which files take a C2PA manifest inside, told from their first bytes, and which need one beside them (a sidecar).

Measured with c2pa-python 0.38.1: inside JPEG, PNG, WebP, GIF, TIFF, AVIF, HEIC, MP4, MOV, M4A, WAV, AVI, MP3 and FLAC;
beside Matroska, WebM, Ogg, Opus, raw AAC, and QuickTime files of before 2001, which have no `ftyp` box.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

HEAD_BYTES: Final = 32
_AT_START: Final[Mapping[bytes, str]] = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG": "image/png",
    b"GIF8": "image/gif",
    b"II*\x00": "image/tiff",
    b"MM\x00*": "image/tiff",
    b"fLaC": "audio/flac",
    b"ID3": "audio/mpeg",
}
_RIFF: Final[Mapping[bytes, str]] = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/avi"}
_BRANDS: Final[Mapping[bytes, str]] = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
    b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
}
_BESIDE: Final[Mapping[bytes, str]] = {b"\x1aE\xdf\xa3": "video/x-matroska", b"OggS": "application/ogg"}
_UNKNOWN: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the manifest of a file goes: `mime` is the type to sign it as."""

    mime: str
    embedded: bool

    @property
    def is_film(self) -> bool:
        """Whether it is of the ISO family, whose long files are hashed in pieces."""
        return self.embedded and self.mime.startswith(("video/mp4", "video/quicktime", "audio/mp4"))


def place_of_manifest(head: bytes) -> Place:
    """Where the manifest of a file that begins with `head` goes."""
    for magic, mime in _AT_START.items():
        if head.startswith(magic):
            return Place(mime, embedded=True)
    if head[:4] == b"RIFF" and head[8:12] in _RIFF:
        return Place(_RIFF[head[8:12]], embedded=True)
    if head[4:8] == b"ftyp":
        return Place(_BRANDS.get(head[8:12], "video/mp4"), embedded=True)
    if _is_mpeg_layer_3(head):
        return Place("audio/mpeg", embedded=True)
    for magic, mime in _BESIDE.items():
        if head.startswith(magic):
            return Place(mime, embedded=False)
    return Place(_UNKNOWN, embedded=False)


def _is_mpeg_layer_3(head: bytes) -> bool:
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2
