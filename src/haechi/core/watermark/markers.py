"""The marks that Haechi writes and reads, one for each kind of media: what is not here is signed without a mark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from haechi.core.protocols import Watermarker
from haechi.core.records import Kind
from haechi.core.watermark.audio_file import AudioMarker
from haechi.core.watermark.image_file import ImageMarker
from haechi.core.watermark.video_file import VideoMarker

MARKERS: Final[Mapping[Kind, Watermarker]] = {
    Kind.IMAGE: ImageMarker(),
    Kind.VIDEO: VideoMarker(),
    Kind.AUDIO: AudioMarker(),
}


def marker_for(kind: Kind) -> Watermarker | None:
    """The mark of a kind of media, or None."""
    return MARKERS.get(kind)
