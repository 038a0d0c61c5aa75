"""The nouns of evidence: what the store keeps under the ledger's watch. Frozen; a change is a newer one of the same id.

Times are ISO 8601, UTC. Digests read `sha256:<64 hex>`. `facts` and `detail` hold JSON types only. An `Exhibit` never
changes: where its bytes lie, and whether they are sealed or destroyed, is its `Holding`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, ClassVar, Final, Self, TypeVar, cast

Built = TypeVar("Built")
EVIDENTIARY: Final = "evidentiary"
WORKING: Final = "working"


class Lane(StrEnum):
    """How a case must be handled, from the loosest to the strictest."""

    ORDINARY = "ordinary"
    SEXUAL = "sexual"
    MINOR = "minor"

    @property
    def strictness(self) -> int:
        """0 for the loosest."""
        return list(Lane).index(self)


class CaseState(StrEnum):
    """`LOCKED`: a record of the minor lane, to which nothing may be added."""

    OPEN = "open"
    CLOSED = "closed"
    LOCKED = "locked"


class Role(StrEnum):
    """What a person may do; `haechi.core.roles` says what each allows."""

    DESK = "desk"
    REVIEWER = "reviewer"
    LEGAL = "legal"
    APPROVER = "approver"
    AUDITOR = "auditor"
    ADMIN = "admin"


class NoticeState(StrEnum):
    """How far a notice has come."""

    DRAFTED = "drafted"
    SIGNED = "signed"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    REMOVED = "removed"
    REFUSED = "refused"
    REAPPEARED = "reappeared"


@dataclass(frozen=True, slots=True)
class Record:
    """What all of them share: an id, and the id of the record that they belong to (empty for none)."""

    kind: ClassVar[str] = ""

    id: str
    parent: str

    def to_fields(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)

    @classmethod
    def from_fields(cls, values: Mapping[str, Any]) -> Self:
        """The record whose JSON form is `values`; a field of a newer Haechi is passed over."""
        names = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in names})


@dataclass(frozen=True, slots=True)
class User(Record):
    """A person who works here. `password` is an argon2 hash."""

    kind: ClassVar[str] = "user"

    name: str
    roles: tuple[str, ...]
    password: str
    active: bool = True

    @classmethod
    def from_fields(cls, values: Mapping[str, Any]) -> User:
        """See `Record.from_fields`."""
        return _plain(cls, values, roles=tuple(values["roles"]))


@dataclass(frozen=True, slots=True)
class Approval(Record):
    """A second person's consent to one act on one subject, asked for, decided and used once.

    Attributes:
        act: e.g. "exhibit.add".
        subject: id that it is about.
        why: the reason that was given.
        detail: what exactly is asked.
        state: "asked", "granted", "refused" or "used".
    """

    kind: ClassVar[str] = "approval"

    act: str
    subject: str
    why: str
    asked_by: str
    asked_at: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    state: str = "asked"
    decided_by: str = ""
    decided_at: str = ""


@dataclass(frozen=True, slots=True)
class Case(Record):
    """What belongs together for one artist and one matter.

    Attributes:
        artist: name, as it was given.
        artist_id: of the enrolled artist of that name, or None.
        keep_until: day on which its retention ends, ISO 8601.
        because: why it was closed, else empty.
    """

    kind: ClassVar[str] = "case"

    title: str
    artist: str
    artist_id: str | None
    lane: Lane
    state: CaseState
    opened_at: str
    opened_by: str
    keep_until: str
    because: str = ""

    @classmethod
    def from_fields(cls, values: Mapping[str, Any]) -> Case:
        """See `Record.from_fields`."""
        return _plain(cls, values, lane=Lane(values["lane"]), state=CaseState(values["state"]))


@dataclass(frozen=True, slots=True)
class Part:
    """One file of an exhibit.

    Attributes:
        name: within the exhibit; unique, without folders.
        role: `EVIDENTIARY`, or `WORKING` for a copy made for work.
        media_type: as far as it is known.
        size: bytes.
        sha256: of the content as it came.
    """

    name: str
    role: str
    media_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Exhibit(Record):
    """A preserved item; its parent is the case. It never changes.

    Attributes:
        url: where it was found, or empty.
        posted: when it was posted, as shown, with its zone.
        account: poster as shown on the public page.
        platform: name of the service.
        method: how it came here: "file", "http", "browser", "report" (URL and words alone).
        source_name: file name that the user gave.
        facts: SWGDE and ISO/IEC 27037: authority, examiner, tool, version, settings, host; and of the page.
    """

    kind: ClassVar[str] = "exhibit"

    lane: Lane
    url: str
    posted: str
    account: str
    platform: str
    method: str
    source_name: str
    added_at: str
    added_by: str
    parts: tuple[Part, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_fields(cls, values: Mapping[str, Any]) -> Exhibit:
        """See `Record.from_fields`."""
        parts = tuple(Part(**part) for part in values["parts"])
        return _plain(cls, values, parts=parts, lane=Lane(values["lane"]))


@dataclass(frozen=True, slots=True)
class Place:
    """Where the bytes of a part lie.

    Attributes:
        stored: digest of its encrypted form in the vault.
        sealed: True when only two of three key holders can open it.
        destroyed: True when the file is gone for good.
    """

    stored: str
    sealed: bool
    destroyed: bool = False


@dataclass(frozen=True, slots=True)
class Holding(Record):
    """What is still held of an exhibit; its id is the exhibit's, its parent the case.

    Attributes:
        places: part name -> place.
        because: why it was destroyed or sealed, else empty.
    """

    kind: ClassVar[str] = "holding"

    places: Mapping[str, Place]
    because: str = ""

    @classmethod
    def from_fields(cls, values: Mapping[str, Any]) -> Holding:
        """See `Record.from_fields`."""
        return _plain(cls, values, places={name: Place(**place) for name, place in values["places"].items()})


@dataclass(frozen=True, slots=True)
class Stamp(Record):
    """A time stamp token (RFC 3161) over the record of an exhibit, its parent.

    Attributes:
        digest: SHA-256 of the stamped bytes: the exhibit's canonical JSON.
        tsa: URI that was asked.
        at: time that the token states.
        independent: False for an authority of our own.
        token: the whole response, base64.
        chain: certificates that verify it, PEM, root last.
    """

    kind: ClassVar[str] = "stamp"

    digest: str
    tsa: str
    at: str
    independent: bool
    token: str
    chain: str


@dataclass(frozen=True, slots=True)
class Signature:
    """A person's hand under a notice."""

    name: str
    role: str
    at: str
    by: str


@dataclass(frozen=True, slots=True)
class Notice(Record):
    """A notice under one law to one platform; its parent is the case.

    Attributes:
        law: key of the law, e.g. "us-tida".
        to: addressee.
        language: "ko", "en" or "ja".
        fields: what the law asks for.
        exhibits: ids that it rests on.
        text: the draft.
        parody: the answer to the question of satire and parody.
        signatures: in order.
        state_at: when it came into its state.
        deadline: when the answer is due, or empty.
        answers: what came back: state, text and time each.
    """

    kind: ClassVar[str] = "notice"

    law: str
    to: str
    language: str
    fields: Mapping[str, str]
    exhibits: tuple[str, ...]
    text: str
    parody: str
    state: NoticeState
    state_at: str
    drafted_by: str
    signatures: tuple[Signature, ...] = ()
    deadline: str = ""
    answers: tuple[Mapping[str, str], ...] = ()

    @classmethod
    def from_fields(cls, values: Mapping[str, Any]) -> Notice:
        """See `Record.from_fields`."""
        return _plain(
            cls,
            values,
            exhibits=tuple(values["exhibits"]),
            state=NoticeState(values["state"]),
            signatures=tuple(Signature(**one) for one in values["signatures"]),
            answers=tuple(values["answers"]),
        )


@dataclass(frozen=True, slots=True)
class Paper(Record):
    """A notice as PDF with signatures inside; its id is the notice's, its parent the case.

    Attributes:
        sha256: of the PDF.
        level: of the newest signature: "B-T" or "B-LTA" (ETSI EN 319 142-1).
        certificate: SHA-256 of the newest signer's certificate.
        independent: False when its time stamp is by the home's own authority.
        pdf: the file, base64.
    """

    kind: ClassVar[str] = "paper"

    sha256: str
    level: str
    certificate: str
    independent: bool
    pdf: str


@dataclass(frozen=True, slots=True)
class Sighting(Record):
    """A place where an item was seen; its parent is the case.

    Attributes:
        item: digest, bank item or exhibit id that says which item it is.
        posted_at: as shown, with its zone, or empty.
        seen_at: when we saw it.
        state: "up", "removed" or "reappeared".
        reach: e.g. {"views": 1200}; figures as the page showed them.
    """

    kind: ClassVar[str] = "sighting"

    item: str
    url: str
    platform: str
    account: str
    posted_at: str
    seen_at: str
    state: str = "up"
    reach: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Schedule(Record):
    """An address that is captured again and again; its parent is the case.

    Attributes:
        item: exhibit, bank item or digest whose sightings the captures are.
        url: the address.
        every_s: seconds between two captures.
        next_at: when the next one is due, ISO 8601, UTC.
        until: after this none is due, ISO 8601, UTC.
        account: poster as shown.
        platform: name of the service.
        authority: by what right.
        plain: without browser and yt-dlp.
        made: captures so far, without the first one.
        ended: why none is due any more, or empty.
    """

    kind: ClassVar[str] = "schedule"

    item: str
    url: str
    every_s: int
    next_at: str
    until: str
    account: str
    platform: str
    authority: str
    plain: bool
    added_at: str
    added_by: str
    made: int = 0
    ended: str = ""


def _plain(cls: Callable[..., Built], values: Mapping[str, Any], **built: Any) -> Built:
    names = {one.name for one in fields(cast(Any, cls))}
    return cls(**({name: value for name, value in values.items() if name in names} | built))
