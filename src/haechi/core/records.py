"""The nouns that stages exchange: frozen, slotted, without behaviour beyond their own arithmetic.

Times are seconds of the file's own time stamps (never frame counts). Boxes are pixels of the displayed picture
(orientation applied), origin top left. Digests read `sha256:<64 hex>`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """What a check says in the end; DESIGN.md section 1 tells what each rests on."""

    AUTHENTIC = "authentic"
    AUTHENTIC_COPY = "authentic_copy"
    ALTERED = "altered"
    KNOWN_FAKE = "known_fake"
    LIKELY_FAKE = "likely_fake"
    INCONCLUSIVE = "inconclusive"
    NOT_OURS = "not_ours"


class Kind(StrEnum):
    """What a media file is to us. An animated GIF, WebP or AVIF is a video; a video without pictures is audio."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"


class Region(StrEnum):
    """Where a change lies. `VOICE` is the only one that is heard rather than seen."""

    MOUTH = "mouth"
    EYES = "eyes"
    FACE = "face"
    HAIR = "hair"
    NECK = "neck"
    BODY = "body"
    BACKGROUND = "background"
    VOICE = "voice"


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, seconds, end exclusive."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the displayed picture, origin top left."""

    x: int
    y: int
    w: int
    h: int

    def iou(self, other: Box) -> float:
        """Intersection over union, 0 to 1; 0 of two without area."""
        wide = min(self.x + self.w, other.x + other.w) - max(self.x, other.x)
        high = min(self.y + self.h, other.y + other.h) - max(self.y, other.y)
        shared = max(wide, 0) * max(high, 0)
        return shared / max(self.w * self.h + other.w * other.h - shared, 1)


@dataclass(frozen=True, slots=True)
class Probe:
    """A file under check. `duration_s` is None for a still image; width and height are None for audio."""

    path: str
    sha256: str
    kind: Kind
    duration_s: float | None
    width: int | None
    height: int | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a step found.

    Attributes:
        name: which step speaks, e.g. "same_bytes", "c2pa", "release_match", "comparison", "face_identity".
        version: version of the method that produced it.
        rank: rank of the evidence, 1 (strongest) to 5, DESIGN.md section 1.
        statement: one plain English sentence; the report translates by `code` and `data` where it can.
        code: stable message identifier for translation, e.g. "release_match.found".
        score: raw score in the method's own unit, or None.
        llr_log10: calibrated log10 likelihood ratio (positive: altered or fake), or None when not calibrated.
        spans: where in time.
        data: values that fill the translated sentence; JSON types only.
    """

    name: str
    version: int
    rank: int
    statement: str
    code: str
    score: float | None = None
    llr_log10: float | None = None
    spans: tuple[Span, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Abstention:
    """A step that could not speak, and why. It counts as no evidence, never as evidence of innocence."""

    name: str
    reason: str
    code: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """Content that differs from the master.

    Attributes:
        region: which part differs.
        span: when, seconds of the probe; (0, 0) for a still image.
        box: where, probe pixels; None for a voice.
        strength: how many robust standard deviations of the benign null the difference lies above it (z).
        detail: extra facts, e.g. {"null_threshold": 6.0, "kind": "moved_in_time"}; JSON types only.
    """

    region: Region
    span: Span
    box: Box | None
    strength: float
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edit:
    """A benign edit that explains a difference, e.g. kind "crop", "mirror", "speed", "overlay", "filter"."""

    kind: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    span: Span | None = None
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the probe that was taken from one release.

    A probe time t in `span` shows release time `offset_s + speed * (t - span.start_s)`.
    """

    span: Span
    offset_s: float
    speed: float
    mirrored: bool


@dataclass(frozen=True, slots=True)
class ReleaseMatch:
    """A release from which (part of) the probe was made.

    Attributes:
        release_id: None in `compare`, which needs no registration.
        title: what the company calls it.
        segments: the joined pieces, in probe time; one zero-length segment for a still image.
        score: votes, inliers or 1.0 for identical bytes, in the unit that `method` names.
        method: e.g. "same_bytes", "pdq", "local_features_v1", "video_fingerprint_v1", "audio_fingerprint_v1".
    """

    release_id: str | None
    title: str
    segments: tuple[Segment, ...]
    score: float
    method: str


@dataclass(frozen=True, slots=True)
class ArtistMatch:
    """An enrolled artist who seems to be depicted: routing only, never a statement about authenticity."""

    artist_id: str
    name: str
    score: float
    span: Span
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """An image for the report: probe, matching master frame and heat map of one moment, as JPEG bytes.

    `change` indexes `Report.changes`; None for the general side-by-side.
    """

    name: str
    jpeg: bytes
    width: int
    height: int
    time_s: float
    change: int | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """Strength over time of one region, for the time line: `times_s[i]` (probe) with `strength[i]` (z).

    Without a region it is that of the whole picture, as a glance at it tells.
    """

    region: Region | None
    times_s: tuple[float, ...]
    strength: tuple[float, ...]
    threshold: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """What comparing a probe with one master gives.

    Attributes:
        undecoded_s: seconds of the probe that damage has taken, of which nothing is said.
    """

    changes: tuple[Change, ...] = ()
    edits: tuple[Edit, ...] = ()
    findings: tuple[Finding, ...] = ()
    abstentions: tuple[Abstention, ...] = ()
    segments: tuple[Segment, ...] = ()
    pictures: tuple[Picture, ...] = ()
    curves: tuple[Curve, ...] = ()
    undecoded_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """All of a check; `haechi.check.report` renders it as JSON and HTML."""

    probe: Probe
    verdict: Verdict
    decided_by: str
    llr_log10: float | None
    artists: tuple[ArtistMatch, ...]
    release: ReleaseMatch | None
    changes: tuple[Change, ...]
    edits: tuple[Edit, ...]
    findings: tuple[Finding, ...]
    abstentions: tuple[Abstention, ...]
    would_change: tuple[str, ...]
    software: Mapping[str, Any]
    other_releases: tuple[ReleaseMatch, ...] = ()
    pictures: tuple[Picture, ...] = ()
    curves: tuple[Curve, ...] = ()


@dataclass(frozen=True, slots=True)
class Artist:
    """An enrolled artist. `consent` names the contract or document that allows matching (DESIGN.md rule 2)."""

    id: str
    name: str
    consent: str
    added_at: str
    photo_count: int


@dataclass(frozen=True, slots=True)
class Release:
    """A registered master.

    `proxy` is the digest of the working copy that `compare` reads when the master itself is not at hand.
    """

    id: str
    title: str
    kind: Kind
    sha256: str
    source_name: str
    artist_id: str | None
    published: str | None
    added_at: str
    duration_s: float | None
    width: int | None
    height: int | None
    proxy: str | None


@dataclass(frozen=True, slots=True)
class Protection:
    """A release that we signed before it went out.

    Attributes:
        label: of the C2PA manifest; unique.
        output_sha256: of the signed file, which is the release's master.
        release_id: the release.
        source_sha256: of the file that was given to be protected.
        request: digest of what was asked for; the same request of the same source needs no second signing.
        manifest: digest of the manifest store's blob.
        signed_by: id of the signing identity.
        signed_at: ISO 8601, UTC, by our own clock.
        unmarked: why the output bears no mark (see `core.watermark.marks.Unmarked`; "asked": none was wanted); None
            when it bears one, or is older than the marks.
    """

    label: str
    output_sha256: str
    release_id: str
    source_sha256: str
    request: str
    manifest: str
    signed_by: str
    signed_at: str
    unmarked: str | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """The invisible mark of one output: a number of its own for every single one.

    Attributes:
        label: of the output's C2PA manifest; names the `Protection`.
        kind: of the media.
        method: name and version of the mark.
        payload: what the blind reader finds; unique among all marks.
        recipient_payload: the second number, which only the informed reader finds; unique, None without recipient.
        recipient: whose copy it is, as the user named it.
        psnr_db: of the output against its source.
        survives: it stood its own test of harmful treatment.
    """

    label: str
    kind: Kind
    method: str
    payload: int
    recipient_payload: int | None
    recipient: str | None
    psnr_db: float | None
    survives: bool


@dataclass(frozen=True, slots=True)
class SoftBinding:
    """What a manifest is found again by when it was stripped from its file (C2PA 2.2, section 9.3).

    Attributes:
        alg: name of the algorithm, e.g. "io.iscc.v0".
        value: what the algorithm makes of the content.
    """

    alg: str
    value: bytes


@dataclass(frozen=True, slots=True)
class BankItem:
    """A confirmed fake; `because` says who confirmed it and on what ground."""

    id: str
    kind: Kind
    sha256: str
    source_name: str
    because: str
    added_at: str
    duration_s: float | None
