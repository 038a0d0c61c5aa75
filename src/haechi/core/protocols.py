"""What a part must offer to be exchangeable: nothing to inherit, identity is `name` and `version`.

Abstaining is a value, not an error, and counts as no evidence: never as evidence of innocence.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from haechi.core.records import Abstention, Finding, Kind

if TYPE_CHECKING:
    from haechi.core.media.tracks import FaceTrack
    from haechi.core.settings import Limits
    from haechi.core.watermark.marks import Agreement, Marking, MarkReading, Unmarked


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


class Watermarker(Protocol):
    """An invisible mark for files of one kind of media; stands in the table `core.watermark.markers`.

    Common arguments: `key` is the company's watermark key, `limits` what reading one file may cost; a payload is a
    number of `payload_bits` bits. All methods raise InputError for files that cannot be read.
    """

    @property
    def name(self) -> str:
        """Name and version of the mark, e.g. "haechi-mark-image-v1": what an embedded mark is called for ever."""

    @property
    def kind(self) -> Kind:
        """Of the files that it marks."""

    @property
    def payload_bits(self) -> int:
        """Size of a payload."""

    def embed(
        self, source: Path, target: Path, key: bytes, payload: int, limits: Limits, *, recipient: int | None = None
    ) -> Marking | Unmarked:
        """Write a marked copy of `source` to `target`, in the same format, or say why that cannot be done.

        Args:
            source: is only read.
            target: may exist; it is left whole or not at all when a mark was written, else it counts for nothing.
            key: see the class.
            payload: what the blind reader finds.
            limits: see the class.
            recipient: a second payload, which only the informed reader finds.
        """

    def fidelity(self, source: Path, marked: Path, key: bytes, payload: int, limits: Limits) -> float | None:
        """PSNR in dB of a marked file against its source, infinity for sound; None when the payload is not read."""

    def detect(self, path: Path, key: bytes, limits: Limits, *, search: bool = True) -> MarkReading | None:
        """Read the mark without a master; without `search` only in unchanged geometry and speed, quickly."""

    def detect_informed(
        self,
        path: Path,
        master: Path,
        key: bytes,
        limits: Limits,
        *,
        label: str = "release",
        among: Collection[int] = (),
    ) -> MarkReading | None:
        """Read the mark with the unmarked master (or its working copy).

        Args:
            path: the probe.
            master: of the release that the probe is held against.
            key: the company's watermark key.
            limits: what reading may cost.
            label: "release" or "recipient": which of the two payloads.
            among: payloads that outputs of this release bear; the more there are, the surer each must be.
        """

    def agreement(self, path: Path, master: Path, reading: MarkReading, key: bytes, limits: Limits) -> Agreement:
        """How far the probe shows what the master shows, where the reading says so, and where the mark is gone."""


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
