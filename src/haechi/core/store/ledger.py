"""The ledger in the database: entries and the records that they write, inside a transaction of the caller.

Invariants: a record and its ledger entry appear in one transaction or not at all, and so does the signed head; nobody
but this module writes these tables, so no act can forget its entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from haechi.core.errors import InputError, IntegrityError
from haechi.core.evidence import Record
from haechi.core.ledger import (
    Checkpoint,
    Entry,
    Frontier,
    LedgerKey,
    Row,
    canonical,
    leaf_hash,
    read_checkpoint,
    record_digest,
    sign_checkpoint,
)
from haechi.core.ledger.entries import NO_PREVIOUS, moment
from haechi.core.store.exhibit_prints import drop_sets, exhibits_with, put_sets
from haechi.core.store.rows import new_id
from haechi.core.store.schema import checkpoints, evidence, ledger, ledger_head

BEGIN: Final = "ledger.begin"
EVERY: Final = 1024
"""A checkpoint is kept for good whenever so many entries have come since the last one."""
_ROWS_AT_ONCE: Final = 4096
_INSERT_ENTRY: Final = "INSERT INTO ledger (seq, act, subject, entry, leaf) VALUES (?, ?, ?, ?, ?)"
_INSERT_RECORD: Final = "INSERT INTO evidence (seq, kind, id, parent, body) VALUES (?, ?, ?, ?, ?)"

AnyRecord = TypeVar("AnyRecord", bound=Record)


class Change:
    """One write transaction on the evidence: read, put, log. Made by `Evidence.change` alone.

    Args:
        connection: in a write transaction.
        key: signs the head.
        actor: who acts.
    """

    def __init__(self, connection: sa.Connection, key: LedgerKey, actor: str) -> None:
        self.actor = actor
        self.connection = connection
        self._key = key
        head = connection.execute(sa.select(ledger_head)).first()
        if head is None:
            self._ledger = new_id("L")
            self._frontier, self._previous, self._kept = Frontier(), NO_PREVIOUS, 0
            self.log(BEGIN, self._ledger, "", public_key=key.id)
            return
        signed = read_checkpoint(head.checkpoint, key.id)
        last = connection.execute(sa.select(ledger.c.leaf).filter_by(seq=signed.size - 1)).scalar()
        if last is None:
            raise IntegrityError("the end of the ledger is missing; nothing is added: run haechi ledger verify")
        self._ledger = signed.ledger
        self._previous = f"sha256:{last.hex()}"
        self._frontier = Frontier.from_bytes(signed.size, head.frontier)
        self._kept = connection.scalar(sa.select(sa.func.max(checkpoints.c.size))) or 0

    @property
    def size(self) -> int:
        """Entries so far, those of this transaction included."""
        return self._frontier.size

    def put(self, record: AnyRecord, act: str, why: str = "", **detail: Any) -> AnyRecord:
        """Write a record, new or newer, and the ledger's entry of it."""
        body = canonical(record.to_fields())
        seq = self._append(
            act, record.id, why, detail, record_digest(type(record).kind, record.id, record.parent, body)
        )
        row = (seq, type(record).kind, record.id, record.parent, body)
        self.connection.exec_driver_sql(_INSERT_RECORD, row)
        return record

    def log(self, act: str, subject: str, why: str = "", **detail: Any) -> int:
        """Note an act that changes no record; gives its number."""
        return self._append(act, subject, why, detail, None)

    def keep_prints(self, exhibit_id: str, sets: Mapping[str, bytes]) -> dict[str, str]:
        """Keep fingerprints of an exhibit, by algorithm; gives their digests, which its recognition must name."""
        return put_sets(self.connection, exhibit_id, sets)

    def drop_prints(self, exhibit_id: str) -> None:
        """Remove all fingerprints of an exhibit."""
        drop_sets(self.connection, exhibit_id)

    def exhibits_with(self, sha256: str) -> list[str]:
        """See `Evidence.exhibits_with`."""
        return exhibits_with(self.connection, sha256)

    def find(self, kind: type[AnyRecord], identity: str) -> AnyRecord | None:
        """See `Evidence.find`."""
        return find(self.connection, kind, identity)

    def get(self, kind: type[AnyRecord], identity: str) -> AnyRecord:
        """See `Evidence.get`."""
        return get(self.connection, kind, identity)

    def all(self, kind: type[AnyRecord], parent: str | None = None) -> list[AnyRecord]:
        """See `Evidence.all`."""
        return all_of(self.connection, kind, parent)

    def state(self) -> tuple[Frontier, str]:
        """What `restore` takes, for a savepoint."""
        return self._frontier.copy(), self._previous

    def restore(self, state: tuple[Frontier, str]) -> None:
        """Go back to a savepoint."""
        self._frontier, self._previous = state

    def close(self) -> None:
        """Sign the head; the last thing before the commit."""
        signed = self.checkpoint()
        values = {"frontier": self._frontier.to_bytes(), "checkpoint": signed}
        if self.connection.execute(sa.update(ledger_head).values(values)).rowcount == 0:
            self.connection.execute(sa.insert(ledger_head).values(id=1, **values))
        if self.size - self._kept >= EVERY:
            self.keep(signed)

    def checkpoint(self) -> bytes:
        """A signed checkpoint of the ledger as it is now."""
        root = f"sha256:{self._frontier.root().hex()}"
        return sign_checkpoint(self._key, Checkpoint(self._ledger, self.size, root, moment(), self._key.id))

    def keep(self, signed: bytes) -> None:
        """Keep a checkpoint of the present size for good."""
        if self._kept < self.size:
            self.connection.execute(sa.insert(checkpoints).values(size=self.size, checkpoint=signed))
            self._kept = self.size

    def _append(self, act: str, subject: str, why: str, detail: dict[str, Any], digest: str | None) -> int:
        entry = Entry(self.size, self._previous, moment(), self.actor, act, subject, why, detail, digest)
        data = entry.to_bytes()
        leaf = leaf_hash(data)
        self.connection.exec_driver_sql(_INSERT_ENTRY, (entry.seq, act, subject, data, leaf))
        self._frontier.append(leaf)
        self._previous = f"sha256:{leaf.hex()}"
        return entry.seq


def find(connection: sa.Connection, kind: type[AnyRecord], identity: str) -> AnyRecord | None:
    """The newest state of a record, or None."""
    query = sa.select(evidence.c.body).filter_by(kind=kind.kind, id=identity).order_by(evidence.c.seq.desc()).limit(1)
    body = connection.execute(query).scalar()
    return None if body is None else _record(kind, body)


def get(connection: sa.Connection, kind: type[AnyRecord], identity: str) -> AnyRecord:
    """The newest state of a record.

    Raises:
        InputError: there is none of that id.
    """
    found = find(connection, kind, identity)
    if found is None:
        raise InputError(f"no {kind.kind} has the id {identity}")
    return found


def all_of(connection: sa.Connection, kind: type[AnyRecord], parent: str | None) -> list[AnyRecord]:
    """The newest state of every record of a kind, oldest first; of one parent if given."""
    newest = sa.select(sa.func.max(evidence.c.seq).label("seq"), sa.func.min(evidence.c.seq).label("first"))
    newest = newest.where(evidence.c.kind == kind.kind).group_by(evidence.c.id)
    if parent is not None:
        newest = newest.where(evidence.c.parent == parent)
    last = newest.subquery()
    query = sa.select(evidence.c.body).join(last, last.c.seq == evidence.c.seq).order_by(last.c.first)
    return [_record(kind, body) for body in connection.scalars(query)]


def bodies(connection: sa.Connection, kind: str, identity: str) -> list[tuple[int, str, bytes]]:
    """Every state of a record: number of the entry, parent, canonical bytes; oldest first."""
    query = sa.select(evidence.c.seq, evidence.c.parent, evidence.c.body).filter_by(kind=kind, id=identity)
    rows = connection.execute(query.order_by(evidence.c.seq))
    return [(row.seq, str(row.parent), _bytes(row.body)) for row in rows]


def entries_about(connection: sa.Connection, subjects: list[str]) -> list[tuple[int, bytes]]:
    """Number and canonical bytes of every entry about these, in order."""
    query = sa.select(ledger.c.seq, ledger.c.entry).where(ledger.c.subject.in_(subjects)).order_by(ledger.c.seq)
    return [(row.seq, row.entry) for row in connection.execute(query)]


def all_leaves(connection: sa.Connection, size: int) -> list[bytes]:
    """Leaf hashes of the first `size` entries."""
    return list(connection.scalars(sa.select(ledger.c.leaf).where(ledger.c.seq < size).order_by(ledger.c.seq)))


def head_checkpoint(connection: sa.Connection) -> bytes | None:
    """The signed head, or None when nothing was ever written."""
    return connection.execute(sa.select(ledger_head.c.checkpoint)).scalar()


def kept_checkpoints(connection: sa.Connection) -> dict[int, list[bytes]]:
    """Size -> checkpoints that are kept."""
    return {row.size: [row.checkpoint] for row in connection.execute(sa.select(checkpoints))}


def rows_to_audit(database: sa.Connection) -> Iterator[Row]:
    """Every entry beside its record, and records without an entry at the end, as the database gives them."""
    cursor = database.connection.cursor()
    joined = "SELECT l.seq, l.act, l.subject, l.entry, l.leaf, e.kind, e.id, e.parent, e.body"
    cursor.execute(f"{joined} FROM ledger l LEFT JOIN evidence e ON e.seq = l.seq ORDER BY l.seq")
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        yield from map(Row._make, rows)


def stray_records(connection: sa.Connection) -> list[str]:
    """Records that no entry of the ledger wrote."""
    query = sa.select(evidence.c.seq, evidence.c.kind, evidence.c.id)
    stray = query.where(evidence.c.seq.not_in(sa.select(ledger.c.seq)))
    return [f"record {row.kind} {row.id} of entry {row.seq}" for row in connection.execute(stray)]


def missing_triggers(connection: sa.Connection) -> list[str]:
    """Guards of the tables that are gone."""
    wanted = {f"{table}_no_{verb}" for table in ("ledger", "evidence", "checkpoints") for verb in ("update", "delete")}
    present = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars()
    return sorted(wanted - set(present))


def _bytes(body: Any) -> bytes:
    """SQLite gives whatever type a forger left in the column."""
    return body if isinstance(body, bytes) else str(body).encode()


def _record(kind: type[AnyRecord], body: bytes) -> AnyRecord:
    import json

    try:
        return kind.from_fields(json.loads(body))
    except (ValueError, KeyError, TypeError) as error:
        message = f"a {kind.kind} of the store is damaged; haechi ledger verify says which"
        raise IntegrityError(message) from error
