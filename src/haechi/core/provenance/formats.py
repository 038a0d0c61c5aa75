"""Which files take a C2PA manifest inside, told from their first bytes, and which need one beside them (a sidecar).

Measured with c2pa-python 0.38.1: inside JPEG, PNG, WebP, GIF, TIFF, AVIF, HEIC, MP4, MOV, M4A, WAV, AVI, MP3 and FLAC;
beside Matroska, WebM, Ogg, Opus, raw AAC, and QuickTime files of before 2001, which have no `ftyp` box.
The name of a file does not count; `misnamed` says where it claims something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
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
# What others call the types of `_BESIDE`.
_OTHER_NAMES: Final[Mapping[str, str]] = {
    "video/webm": "video/x-matroska",
    "audio/webm": "video/x-matroska",
    "video/matroska": "video/x-matroska",
    "audio/x-matroska": "video/x-matroska",
    "audio/ogg": "application/ogg",
    "video/ogg": "application/ogg",
    "audio/opus": "application/ogg",
}
_HEIF: Final = (".heic", ".heif", ".hif", ".avif", ".avifs")
# of all brands that are not told apart, rare ones of HEIF among them
_ISO: Final = ("MP4 or QuickTime", (".mp4", ".m4v", ".mov", ".qt", ".m4a", ".m4b", ".3gp", ".3g2", *_HEIF))
# What people call it and which names it may have. An ID3 tag stands before MP3, FLAC and AAC alike; FLAC gets one when
# it is signed.
_NAMES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "image/jpeg": ("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif")),
    "image/png": ("PNG", (".png", ".apng")),
    "image/gif": ("GIF", (".gif",)),
    "image/tiff": ("TIFF", (".tif", ".tiff")),
    "image/webp": ("WebP", (".webp",)),
    "image/avif": ("AVIF", (".avif", ".avifs")),
    "image/heic": ("HEIC", (".heic", ".heif", ".hif")),
    "image/heif": ("HEIF", _HEIF),
    "video/mp4": _ISO,
    "video/quicktime": _ISO,
    "audio/mp4": _ISO,
    "video/avi": ("AVI", (".avi",)),
    "audio/wav": ("WAV", (".wav", ".wave")),
    "audio/flac": ("FLAC", (".flac",)),
    "audio/mpeg": ("MP3", (".mp3", ".mp2", ".flac", ".aac")),
    "video/x-matroska": ("Matroska or WebM", (".mkv", ".mka", ".webm")),
    "application/ogg": ("Ogg", (".ogg", ".oga", ".ogv", ".opus", ".spx")),
}
_KNOWN: Final = frozenset(suffix for _, suffixes in _NAMES.values() for suffix in suffixes)


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


def is_of_type(path: Path, mime: str) -> bool:
    """Whether a file is of that media type, whatever it is called.

    Raises:
        OSError: it cannot be read.
    """
    return place_of_manifest(head_of(path)).mime == _OTHER_NAMES.get(mime, mime)


def head_of(path: Path) -> bytes:
    """What the kind of a file is told from.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def misnamed(path: Path) -> str | None:
    """What a file is, e.g. "JPEG", where its name says that it is something else; None where the two agree.

    Raises:
        OSError: it cannot be read.
    """
    suffix = path.suffix.lower()
    what, suffixes = _NAMES.get(place_of_manifest(head_of(path)).mime, ("", ()))
    return what if what and suffix in _KNOWN and suffix not in suffixes else None


def _is_mpeg_layer_3(head: bytes) -> bool:
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2
