"""Entries of the ledger: who did what to what, when (UTC), why, and the hash of what it became.

Method: an entry is canonical JSON (RFC 8785), so that the same facts always have the same bytes. Its field `prev` is
the leaf hash of the entry before it: the chain says where something was changed, the tree over the same leaf hashes
makes it short to prove.
Invariants: `seq` counts from 0 without gaps; `object` is the digest of the record as it is after the act, and absent
when the act changed no record (a look, for example).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import rfc8785

VERSION: Final = 1
NO_PREVIOUS: Final = "sha256:" + "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One act.

    Attributes:
        seq: position, from 0.
        prev: leaf hash of the entry before, "sha256:...".
        at: ISO 8601, UTC, to the millisecond.
        actor: who did it.
        act: what was done, e.g. "exhibit.add".
        subject: id of the record that it was done to.
        why: the reason given, may be empty.
        detail: further facts; JSON types only.
        object: `record_digest` of the record after the act, or None.
    """

    seq: int
    prev: str
    at: str
    actor: str
    act: str
    subject: str
    why: str
    detail: Mapping[str, Any]
    object: str | None

    def to_bytes(self) -> bytes:
        """Canonical form, which is what is hashed and kept."""
        fields: dict[str, Any] = {
            "v": VERSION,
            "seq": self.seq,
            "prev": self.prev,
            "at": self.at,
            "actor": self.actor,
            "act": self.act,
            "subject": self.subject,
        }
        if self.why:
            fields["why"] = self.why
        if self.detail:
            fields["detail"] = dict(self.detail)
        if self.object is not None:
            fields["object"] = self.object
        return canonical(fields)

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Entry:
        """The entry whose parsed JSON is `fields`.

        Raises:
            KeyError: one is missing.
        """
        return cls(
            seq=fields["seq"],
            prev=fields["prev"],
            at=fields["at"],
            actor=fields["actor"],
            act=fields["act"],
            subject=fields["subject"],
            why=fields.get("why", ""),
            detail=fields.get("detail", {}),
            object=fields.get("object"),
        )


def canonical(value: Any) -> bytes:
    """Canonical JSON (RFC 8785)."""
    return rfc8785.dumps(value)


def digest_of(data: bytes) -> str:
    """SHA-256 as Haechi writes digests."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def record_digest(kind: str, identity: str, parent: str, body: bytes) -> str:
    """Digest that binds a record's content to its kind, id and parent."""
    head = "\x00".join((kind, identity, parent)).encode()
    return digest_of(head + b"\x00" + body)


def moment() -> str:
    """The present, ISO 8601, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
