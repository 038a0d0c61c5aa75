"""The file that `remake` makes: what it is written into, and what is copied into it; runs only inside the child."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import av
import av.error
import numpy as np
from numpy.typing import NDArray

PIECE_BYTES: Final = 1 << 20
_MUXERS: Final = {
    "mov": {".mov": "mov", ".m4a": "ipod", "": "mp4"},
    "matroska": {".webm": "webm", "": "matroska"},
    "avi": {"": "avi"},
    "wav": {"": "wav"},
    "aiff": {"": "aiff"},
    "flac": {"": "flac"},
    "mp3": {"": "mp3"},
    "ogg": {".opus": "opus", "": "ogg"},
}
_NOT_METADATA: Final = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder"})

Message = tuple[dict[str, Any], NDArray[Any] | None]


class Sink:
    """A file in pieces: what the muxer writes, and where."""

    def __init__(self) -> None:
        self._pending: list[tuple[int, bytearray]] = []
        self._at = self._size = 0

    def write(self, data: Any) -> int:
        """Write at the current place."""
        content = bytes(data)
        last = self._pending[-1] if self._pending else None
        if last is not None and last[0] + len(last[1]) == self._at:
            last[1].extend(content)
        else:
            self._pending.append((self._at, bytearray(content)))
        self._at += len(content)
        self._size = max(self._size, self._at)
        return len(content)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place, as files do."""
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        """The current place."""
        return self._at

    def pieces(self, *, last: bool = False) -> Iterator[Message]:
        """What was written, as soon as it is worth a message."""
        if not last and sum(len(data) for _, data in self._pending) < PIECE_BYTES:
            return
        for offset, data in self._pending:
            for start in range(0, len(data), PIECE_BYTES):
                piece = np.frombuffer(bytes(data[start : start + PIECE_BYTES]), np.uint8)
                yield {"at": offset + start}, piece
        self._pending = []


def muxer_of(demuxer: str, name: str) -> str | None:
    """FFmpeg's muxer for a file of a demuxer and a name, None where there is none."""
    suffix = name[name.rfind(".") :].lower() if "." in name else ""
    for first in demuxer.split(","):
        if first in _MUXERS:
            return _MUXERS[first].get(suffix, _MUXERS[first][""])
    return None


def muxer_options(muxer: str) -> dict[str, str]:
    """What the muxer is told: keep metadata of any name, write colour tags."""
    return {"movflags": "+use_metadata_tags+write_colr"} if muxer in ("mov", "mp4", "ipod") else {}


def copy_streams(source: Any, target: Any, *, but: Any) -> tuple[dict[int, Any], list[str]]:
    """Add every stream but one as it is.

    Returns:
        new streams by the index of the old one, and the types of those that this container cannot take.
    """
    copies: dict[int, Any] = {}
    refused: list[str] = []
    for stream in source.streams:
        if stream.index == but.index:
            continue
        try:
            made = target.add_stream_from_template(stream)
        except (ValueError, av.FFmpegError):
            refused.append(stream.type)
            continue
        made.metadata.update(stream.metadata)
        made.time_base = stream.time_base
        made.disposition = stream.disposition
        copies[stream.index] = made
    return copies, refused


def copy_about(source: Any, target: Any, stream: Any, made: Any) -> None:
    """Metadata, chapters, and what a stream says of itself."""
    target.metadata.update({key: value for key, value in source.metadata.items() if key not in _NOT_METADATA})
    made.metadata.update({key: value for key, value in stream.metadata.items() if key not in _NOT_METADATA})
    made.disposition = stream.disposition
    chapters = source.chapters()
    if chapters:
        target.set_chapters(chapters)
