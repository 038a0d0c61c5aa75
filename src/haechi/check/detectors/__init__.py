"""Blind detectors: together one witness of rank 5, heard last, never overruling a fact.

None is built in: none that can be had holds in the wild (docs/adr/0001). Other packages bring theirs by the entry point
`haechi.detectors` (see `haechi.core.plugins`). One that raises becomes an abstention that names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from haechi.core.media.decode import FrameRequest, read_frames
from haechi.core.media.tracks import FaceTrack, track_faces
from haechi.core.protocols import Detector
from haechi.core.records import Abstention, Finding
from haechi.core.settings import Limits

TRACKED_S = 60.0
TRACKED_SIDE = 1280


def examine_all(
    path: Path, detectors: Sequence[Detector], models: Path, limits: Limits
) -> tuple[list[Finding], list[Abstention]]:
    """Let every detector look at every face track of the first TRACKED_S seconds.

    Args:
        path: image or video file.
        detectors: from `load_detectors`.
        models: folder of model weights.
        limits: decoding limits.
    """
    if not detectors:
        reason = "No blind detector is installed; none would overrule a comparison."
        return [], [Abstention("detectors", reason, "detectors.none_installed")]
    request = FrameRequest(max_side=TRACKED_SIDE, end_s=TRACKED_S)
    tracks = track_faces(read_frames(path, limits, request), models)
    said = [_examine(detector, track) for detector in detectors for track in tracks]
    findings = [s for s in said if isinstance(s, Finding)]
    return findings, [s for s in said if isinstance(s, Abstention)]


def _examine(detector: Detector, track: FaceTrack) -> Finding | Abstention:
    try:
        said: object = detector.examine(track)
    except Exception as error:  # noqa: BLE001 - the plugin boundary: a detector that fails must not stop the check
        return Abstention(detector.name, f"The detector failed: {error}", "detectors.failed", {"error": str(error)})
    if isinstance(said, Finding | Abstention):
        return said
    return Abstention(detector.name, "The detector gave no finding.", "detectors.failed", {"error": "no finding"})
