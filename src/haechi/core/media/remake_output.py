"""The file that `remake` makes: what it is written into, and what is copied into it; runs only inside the child."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, Final

import av
import av.error
import numpy as np
from av.stream import Discard
from numpy.typing import NDArray

from haechi.core.media.boxes import is_fragmented

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
_FRAGMENT_US: Final = "2000000"
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


def muxer_options(muxer: str, descriptor: int) -> dict[str, str]:
    """What the muxer is told: keep metadata of any name, write colour tags, and stay in fragments.

    Args:
        muxer: FFmpeg's name.
        descriptor: the open source.
    """
    if muxer not in ("mov", "mp4", "ipod"):
        return {}
    flags = "+use_metadata_tags+write_colr"
    with os.fdopen(os.dup(descriptor), "rb") as source:
        if not is_fragmented(source):
            return {"movflags": flags}
    # The index waits for the first fragment, which says where the pictures begin.
    return {"movflags": f"{flags}+frag_keyframe+delay_moov+default_base_moof", "min_frag_duration": _FRAGMENT_US}


def copy_streams(
    source: Any, target: Any, *, but: Any, anew: Callable[[], Any]
) -> tuple[Any, dict[int, Any], list[str]]:
    """Add every stream as it is but one, in their order; the muxer writes titles of chapters and time codes anew.

    Args:
        source: what is copied.
        target: what it goes into.
        but: the stream that is made anew.
        anew: adds the new one.

    Returns:
        the stream made anew, the others by the index of the old one, and the types of those that this container cannot
        take.
    """
    copies: dict[int, Any] = {}
    refused: list[str] = []
    coded = None
    for stream in source.streams:
        if stream.index == but.index:
            coded = anew()
        if stream.index == but.index or _is_titles_of_chapters(stream) or _is_time_code(stream, but):
            continue
        if stream.type == "data" and stream.name is None:  # no codec: the muxer would fail halfway
            refused.append(stream.type)
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
    return coded, copies, refused


def _is_titles_of_chapters(stream: Any) -> bool:
    """In MP4 a text track holds them; FFmpeg's demuxer reads it itself and gives none of its packets."""
    return bool(stream.type == "data" and stream.name == "bin_data" and stream.discard == Discard.all)


def _is_time_code(stream: Any, of: Any) -> bool:
    """A track of time codes: the muxer writes it anew from what the film's own metadata say."""
    said = stream.metadata.get("timecode")
    return bool(stream.type == "data" and stream.name is None and said and said == of.metadata.get("timecode"))


def copy_about(source: Any, target: Any, stream: Any, made: Any) -> None:
    """Metadata, chapters, and what a stream says of itself."""
    target.metadata.update({key: value for key, value in source.metadata.items() if key not in _NOT_METADATA})
    made.metadata.update({key: value for key, value in stream.metadata.items() if key not in _NOT_METADATA})
    made.disposition = stream.disposition
    chapters = source.chapters()
    if chapters:
        target.set_chapters(chapters)
