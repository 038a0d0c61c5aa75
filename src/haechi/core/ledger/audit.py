"""The audit: every row of the ledger and every record that it vouches for, read once; what is wrong, and where.

Steps for each row, in order of `seq`:
1. The sequence has no gap and no repeat: a gap is a removal.
2. The entry's bytes give the leaf hash that is kept with it, and its `prev` is the leaf hash before it.
3. What the entry says of itself (seq, act, subject) is what the columns say.
4. The record beside it has the digest that the entry names; none is missing, none is extra.
5. The tree so far has the root of each signed checkpoint of that size.
Afterwards the signed head must be reached exactly: fewer rows are a removal at the end, more were never signed.
Limits: whoever rewrites everything from a row on, with the key of the home, is found only by a checkpoint that was
kept elsewhere; the fault then names the stretch between the last checkpoint that agrees and the first that does not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from haechi.core.errors import HaechiError
from haechi.core.ledger.checkpoints import Checkpoint, read_checkpoint
from haechi.core.ledger.entries import NO_PREVIOUS, record_digest
from haechi.core.ledger.tree import Frontier

MOST_FAULTS: Final = 1000
"""No more are listed: what follows is of the same kind."""


class Row(NamedTuple):
    """A row of the ledger beside the record that it wrote, if any; as read, hence of any type at all."""

    seq: Any
    act: Any
    subject: Any
    entry: Any
    leaf: Any
    kind: Any = None
    id: Any = None
    parent: Any = None
    body: Any = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it was written.

    Attributes:
        where: e.g. "entry 17", "record exhibit E-3f9c2a71d0 of entry 17", "checkpoint of 256 entries".
        what: what is wrong with it.
    """

    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    Attributes:
        size: entries read.
        root: Merkle root over them, "sha256:...".
        checkpoints: how many signed checkpoints agree.
        faults: what is wrong, in order; empty when all is intact.
    """

    size: int
    root: str
    checkpoints: int
    faults: tuple[Fault, ...]


def audit(rows: Iterable[Row], head: bytes | None, checkpoints: Mapping[int, Sequence[bytes]], key_id: str) -> Audit:
    """Read everything once; see the module for the steps.

    Args:
        rows: ascending by `seq`.
        head: the signed head, or None when there is none.
        checkpoints: size -> signed checkpoints of that size, from the store and from elsewhere.
        key_id: digest of the ledger's public key.
    """
    found = _Audit(head, checkpoints, key_id)
    for row in rows:
        found.take(row)
    return found.close()


class _Audit:
    def __init__(self, head: bytes | None, checkpoints: Mapping[int, Sequence[bytes]], key_id: str) -> None:
        self._faults: list[Fault] = []
        self._frontier = Frontier()
        self._previous = NO_PREVIOUS
        self._next = 0
        self._agreed = 0
        self._agreeing = 0
        self._key_id = key_id
        self._head = self._signed(head, "the signed head") if head is not None else None
        if head is None:
            self._fault("the signed head", "is missing")
        self._waiting: dict[int, list[Checkpoint]] = {}
        for size, files in sorted(checkpoints.items()):
            for data in files:
                one = self._signed(data, f"checkpoint of {size} entries")
                if one is not None and one.size != size:
                    self._fault(f"checkpoint of {size} entries", f"is one of {one.size} entries")
                elif one is not None:
                    self._waiting.setdefault(size, []).append(one)

    def take(self, row: Row) -> None:
        seq = row.seq if isinstance(row.seq, int) else -1
        if seq != self._next:
            self._fault(f"entry {self._next}", f"is missing: entry {row.seq} follows entry {self._next - 1}")
            self._previous = ""
        self._next = seq + 1
        entry = row.entry if isinstance(row.entry, bytes) else str(row.entry).encode()
        leaf = hashlib.sha256(b"\x00" + entry).digest()
        if leaf != row.leaf:
            self._fault(f"entry {seq}", "was changed: it does not give the hash that was kept with it")
        fields = self._fields(seq, entry)
        if self._previous and fields.get("prev") != self._previous:
            self._fault(f"entry {seq}", f"does not follow entry {seq - 1}: one of the two was changed, moved or put in")
        if (fields.get("seq"), fields.get("act"), fields.get("subject")) != (row.seq, row.act, row.subject):
            self._fault(f"entry {seq}", "its columns (seq, act, subject) were changed")
        if fields.get("object") is not None or row.kind is not None:
            self._record(row, fields.get("object"))
        self._previous = f"sha256:{leaf.hex()}"
        self._frontier.append(leaf)
        if self._next in self._waiting:
            self._compare(self._waiting.pop(self._next))

    def close(self) -> Audit:
        size, root = self._next, f"sha256:{self._frontier.root().hex()}"
        for later in sorted(self._waiting):
            self._fault(f"entry {size}", f"is missing: a signed checkpoint covers {later} entries, {size} are here")
        if self._head is not None:
            if self._head.size > size:
                self._fault(f"entry {size}", f"is missing: {self._head.size} entries were signed, {size} are here")
            elif self._head.size < size:
                self._fault(f"entry {self._head.size}", f"was never signed: only {self._head.size} entries were")
            elif self._head.root != root:
                self._fault(self._stretch(size), "was changed: the tree has not the root that was signed")
        return Audit(size, root, self._agreeing, tuple(self._faults))

    def _fields(self, seq: int, entry: bytes) -> dict[str, Any]:
        try:
            fields = json.loads(entry)
        except ValueError:
            fields = None
        if not isinstance(fields, dict):
            self._fault(f"entry {seq}", "was changed: it cannot be read")
            return {}
        return fields

    def _record(self, row: Row, named: str | None) -> None:
        if row.kind is None:
            self._fault(f"entry {row.seq}", f"the record {row.subject} that it wrote is missing")
            return
        where = f"record {row.kind} {row.id} of entry {row.seq}"
        if named is None:
            self._fault(where, "was put in: the entry wrote no record")
            return
        try:
            body = row.body if isinstance(row.body, bytes) else str(row.body).encode()
            digest = record_digest(row.kind, row.id, row.parent, body)
        except TypeError:
            digest = ""
        if digest != named:
            self._fault(where, "was changed: it has not the digest that the entry names")

    def _compare(self, checkpoints: Sequence[Checkpoint]) -> None:
        root = f"sha256:{self._frontier.root().hex()}"
        for one in checkpoints:
            if one.root == root:
                self._agreed = one.size
                self._agreeing += 1
            else:
                self._fault(self._stretch(one.size), f"was changed: not the root signed at {one.at}")

    def _stretch(self, size: int) -> str:
        return f"entries {self._agreed} to {size - 1}"

    def _signed(self, data: bytes, where: str) -> Checkpoint | None:
        try:
            return read_checkpoint(data, self._key_id)
        except HaechiError as error:
            self._fault(where, str(error))
            return None

    def _fault(self, where: str, what: str) -> None:
        if len(self._faults) < MOST_FAULTS:
            self._faults.append(Fault(where, what))
