"""What a media file is: kind, size, length, codecs, and what has to be assumed or converted to look at it.

The answer comes from decoding the first picture and the first block of sound and from reading packets, in a
limited child process (`sandbox`); header claims are not believed.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, fields, replace
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any

from haechi.core.errors import UnreadableMediaError
from haechi.core.media import sandbox
from haechi.core.records import Kind
from haechi.core.settings import Limits

_LENGTH_SLACK_S, _RATE_SLACK = 0.03, 1e-3


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """Facts about one file.

    Attributes:
        container: FFmpeg's or Pillow's name, e.g. "mov", "matroska", "jpeg".
        duration_s: from the first frame (of sound without video) to the end of what is really there.
        width: pixels as displayed, orientation and pixel aspect applied; None for sound.
        rotation_deg: clockwise turn that was applied.
        frame_rate: nominal frames per second.
        hdr: "pq", "hlg" or None.
        notes: what was assumed or converted, plain English.
    """

    kind: Kind
    container: str
    duration_s: float | None
    width: int | None
    height: int | None
    rotation_deg: int
    frame_rate: float | None
    variable_frame_rate: bool
    video_codec: str | None
    pixel_format: str | None
    bit_depth: int | None
    hdr: str | None
    interlaced: bool
    has_alpha: bool
    has_audio: bool
    audio_codec: str | None
    sample_rate: int | None
    channels: int | None
    notes: tuple[str, ...]


def probe_media(path: Path, limits: Limits) -> MediaInfo:
    """Describe a file.

    Raises:
        InputError: it cannot be opened, or is not a regular file.
        UnreadableMediaError: nothing in it decodes, or it is beyond a limit.
        UnsupportedMediaError: a format or codec that Haechi does not read.
    """
    params = {"max_pixels": limits.max_pixels, "max_duration_s": limits.max_duration_s}
    found: dict[str, Any] | None = None
    for header, _ in sandbox.run_job("survey", path, limits, params):
        found = header.get("info", found)
    if not isinstance(found, dict):
        raise UnreadableMediaError(f"{path.name}: could not be examined; get the file again from its source")
    return _media_info(found, path)


def same_facts(before: MediaInfo, after: MediaInfo) -> bool:
    """Whether two files are alike but for the notes and a coder's last few samples or ticks."""
    lengths, rates = ([getattr(info, name) or 0.0 for info in (before, after)] for name in ("duration_s", "frame_rate"))
    if abs(lengths[0] - lengths[1]) > _LENGTH_SLACK_S or abs(rates[0] - rates[1]) > _RATE_SLACK * rates[0]:
        return False
    one, other = (replace(info, notes=(), duration_s=None, frame_rate=None) for info in (before, after))
    return one == other


def hash_file(path: Path) -> str:
    """SHA-256 of the file as "sha256:<hex>"; links to regular files are followed.

    Raises:
        InputError: missing, not readable, or not a regular file; UnreadableMediaError when it is empty.
    """
    descriptor = sandbox.open_regular(path, Limits(max_bytes=1 << 62))
    with open(descriptor, "rb", buffering=0) as handle:  # noqa: PTH123  the descriptor was checked, the path not
        return hash_stream(handle)


def hash_stream(stream: BufferedReader | FileIO) -> str:
    """SHA-256 of the rest of an open file as "sha256:<hex>"."""
    return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def _media_info(found: dict[str, Any], path: Path) -> MediaInfo:
    """Check the child's answer field by field."""
    expected = {field.name for field in fields(MediaInfo)}
    numbers = (found.get("duration_s"), found.get("frame_rate"))
    sane = set(found) == expected and all(
        n is None or (isinstance(n, int | float) and math.isfinite(n)) for n in numbers
    )
    if not sane or found["kind"] not in set(Kind):
        raise UnreadableMediaError(f"{path.name}: the decoder gave an impossible answer; treat the file as hostile")
    return MediaInfo(**{**found, "kind": Kind(found["kind"]), "notes": tuple(map(str, found["notes"]))})
