"""What a part must offer to be exchangeable: nothing to inherit, identity is `name` and `version`.

Abstaining is a value, not an error, and counts as no evidence: never as evidence of innocence.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from haechi.core.records import Abstention, Finding

if TYPE_CHECKING:
    from haechi.core.media.tracks import FaceTrack


@runtime_checkable
class Detector(Protocol):
    """A blind detector: judges a face without a master.

    All of them together count as one witness (rank 5).
    """

    @property
    def name(self) -> str:
        """What it is called in findings; unique among all detectors."""

    @property
    def version(self) -> int:
        """Grows whenever the same input may give another score."""

    def examine(self, track: FaceTrack) -> Finding | Abstention:
        """Score one face track, or say why that cannot be done."""


@runtime_checkable
class BlobStore(Protocol):
    """Content-addressed files, written whole or not at all."""

    def put(self, data: Path | bytes) -> str:
        """Store a copy of a file, or bytes, and return the digest, `sha256:...`."""

    def path(self, digest: str) -> Path:
        """Path of a stored blob, for reading only.

        Raises:
            IntegrityError: it is missing.
        """
