"""Which item an exhibit shows: what a recogniser saw of a file, and what is kept of it.

An item is whatever several exhibits show alike: the same bytes, or the same pictures or sound re-encoded, cropped,
mirrored. It is named by the exhibit that showed it first.
Method: two files made from one release look alike because of the release, so they are one item only where they differ
from it alike: per kind of part (head, body, scenery, voice), the stretches of the release's time that differ must
overlap by half, over the time that both show.
Limits: two fakes that change the same part over the same time are taken for one; a person parts them. Boxes are not
compared: copies are cropped and scaled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from haechi.core.evidence import Record
from haechi.core.records import Region, Report

if TYPE_CHECKING:
    from haechi.core.fingerprint import FingerprintSet

FIRST: Final = "first"
SAME_BYTES: Final = "same_bytes"
PERSON: Final = "person"
LEAST_OVERLAP: Final = 0.5
LEAST_S: Final = 0.3
"""Shorter stretches that differ, per part and over the shared time, do not count: alignment errs by a few frames."""
STILL_S: Final = 1.0
"""A still picture counts as so long."""
_PARTS: Final[Mapping[Region, str]] = {
    Region.MOUTH: "head",
    Region.EYES: "head",
    Region.FACE: "head",
    Region.HAIR: "head",
    Region.NECK: "body",
    Region.BODY: "body",
    Region.BACKGROUND: "scenery",
    Region.VOICE: "voice",
}

Spans = Sequence[Sequence[float]]
"""(start, end) pairs, seconds of the release."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The release that a file was made from, and how it differs from it.

    Attributes:
        release: its id.
        shown: stretches of the release that the file shows, seconds.
        differs: part ("head", "body", "scenery", "voice") -> stretches of the release that differ, seconds.
    """

    release: str
    shown: tuple[tuple[float, float], ...]
    differs: Mapping[str, tuple[tuple[float, float], ...]]


@dataclass(frozen=True, slots=True)
class Likeness:
    """An exhibit that a file is like: `method` found it, `score` in the method's own unit."""

    exhibit: str
    method: str
    score: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What a recogniser saw of one file, before it becomes an exhibit.

    Attributes:
        sets: fingerprints of what it shows.
        like: exhibits that show the same, best first.
        origin: the release that it was made from, if one was found.
        abstained: why it says nothing, or only a part, or empty.
    """

    sets: tuple[FingerprintSet, ...] = ()
    like: tuple[Likeness, ...] = ()
    origin: Origin | None = None
    abstained: str = ""


Recognise = Callable[[Path], Seen]
"""Looks at one file; never raises."""


@dataclass(frozen=True, slots=True)
class Recognition(Record):
    """Which item an exhibit shows; its id is the exhibit's, its parent the case.

    Attributes:
        item: id of the exhibit that showed it first: this one's own id for a new item.
        method: "first", "same_bytes", the algorithm that found it, or "person".
        like: the exhibit that it was found to be like, or empty.
        score: of the method, in its own unit.
        origin: the release that it was made from, or None.
        sets: algorithm -> digest of the fingerprints that the store keeps of it; empty when there are none.
        abstained: why nothing was recognised, or empty.
    """

    kind: ClassVar[str] = "recognition"

    item: str
    method: str
    like: str = ""
    score: float = 0.0
    origin: Origin | None = None
    sets: Mapping[str, str] = field(default_factory=dict)
    abstained: str = ""

    @classmethod
    def from_fields(cls, values: Mapping[str, Any]) -> Recognition:
        """See `Record.from_fields`."""
        names = {one.name for one in fields(cls)}
        origin = values.get("origin")
        given = {name: value for name, value in values.items() if name in names}
        return cls(**(given | {"origin": None if origin is None else _origin(origin)}))

    def to_fields(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


def _origin(values: Mapping[str, Any]) -> Origin:
    differs = {part: tuple((a, b) for a, b in spans) for part, spans in values["differs"].items()}
    return Origin(values["release"], tuple((a, b) for a, b in values["shown"]), differs)


def origin_of(report: Report) -> Origin | None:
    """What a check says of where a file comes from; None where it found no release, or cannot say what differs."""
    match = report.release
    if match is None or match.release_id is None or not match.segments:
        return None
    shown, differs = [], dict[str, list[tuple[float, float]]]()
    for segment in match.segments:
        shown.append(_in_release(segment, segment.span.start_s, segment.span.end_s))
        for change in report.changes:
            start = max(change.span.start_s, segment.span.start_s)
            end = min(change.span.end_s, segment.span.end_s)
            if start <= end:
                differs.setdefault(_PARTS.get(change.region, "scenery"), []).append(_in_release(segment, start, end))
    return Origin(match.release_id, tuple(shown), {part: tuple(spans) for part, spans in sorted(differs.items())})


def differ_alike(one: Origin | None, other: Origin | None) -> bool:
    """Whether two files that show the same may be one item: see the module."""
    if one is None or other is None or one.release != other.release:
        return True
    shared = _common(one.shown, other.shown)
    for part in {*one.differs, *other.differs}:
        mine = _common(one.differs.get(part, ()), shared)
        theirs = _common(other.differs.get(part, ()), shared)
        both = _length(_common(mine, theirs))
        either = _length(mine) + _length(theirs) - both
        if either > LEAST_S and both < LEAST_OVERLAP * either:
            return False
    return True


def _in_release(segment: Any, start_s: float, end_s: float) -> tuple[float, float]:
    if segment.span.duration_s == 0.0:
        return 0.0, STILL_S
    first, last = (segment.offset_s + segment.speed * (at - segment.span.start_s) for at in (start_s, end_s))
    return round(first, 3), round(last, 3)


def _common(one: Spans, other: Spans) -> list[tuple[float, float]]:
    """The intersection of two unions of stretches."""
    return [(max(a, c), min(b, d)) for a, b in _united(one) for c, d in _united(other) if min(b, d) > max(a, c)]


def _united(spans: Spans) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for start, end in sorted((float(a), float(b)) for a, b in spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _length(spans: Spans) -> float:
    return sum(end - start for start, end in _united(spans))
