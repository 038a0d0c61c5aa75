"""Fingerprints: what is kept of a master so that copies of it are found again.

Register writes them and check reads them; both halves of each method stand in one module.

    sets            container of one fingerprint set, and its bytes
    pdq             256-bit perceptual hash of a picture, exchangeable with other PDQ users
    local_features  ORB features of a picture and the geometry between two pictures
    visual          what is kept of a picture or a video: hashes, features, small grey pictures over time
    audio           landmarks of spectral peaks
    chromaprint     words of sound, exchangeable with other Chromaprint users
    iscc            code of a picture or of sound (ISO 24138), for soft bindings
    index           exact Hamming search by multi-index hashing, memory-mapped
    catalogue       all fingerprints of one store in derived index files
    alignment       which stretch of a master a stretch of a probe shows

Invariant: an algorithm's name never changes its meaning; another parameter is another name.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from haechi.core.fingerprint.sets import FingerprintSet
from haechi.core.records import Kind
from haechi.core.settings import Limits

if TYPE_CHECKING:
    from haechi.core.media.probe import MediaInfo

__all__ = ["FingerprintSet", "fingerprint_media"]


def fingerprint_media(
    path: Path, info: MediaInfo, limits: Limits, progress: Callable[[float], None] | None = None
) -> tuple[FingerprintSet, ...]:
    """Everything that a release or a bank entry of this kind needs to be found again.

    Args:
        path: image, video or sound file; decoded in a limited child process, streaming.
        info: what `probe_media` said of it.
        limits: what reading it may cost.
        progress: told the fraction that is done, 0 to 1.

    Returns:
        `image_fingerprint_v1` or `video_fingerprint_v1` when there are pictures, and `audio_fingerprint_v1`
        when there is sound with at least one spectral peak pair.

    Raises:
        UnreadableMediaError: it does not decode, or a limit was reached.
    """
    from haechi.core.fingerprint.audio import fingerprint_sound
    from haechi.core.fingerprint.visual import fingerprint_pictures

    sets = []
    if info.kind is not Kind.AUDIO:
        sets.append(fingerprint_pictures(path, info, limits, progress))
    if info.kind is not Kind.IMAGE and info.has_audio:
        sound = fingerprint_sound(path, limits)
        if sound is not None:
            sets.append(sound)
    if progress is not None:
        progress(1.0)
    return tuple(sets)
