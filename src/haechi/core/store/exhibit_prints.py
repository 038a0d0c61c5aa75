"""Fingerprints of exhibits, and what is known by its bytes, inside a transaction that the caller opened.

The rows stand beside those of releases and fakes, under the item "exhibit", and are searched apart from them. Their
digests stand in the exhibit's `Recognition`, which the ledger vouches for: a row that was changed, put in or taken out
behind its back is found.
Invariant: a set is put in, and taken out, in the transaction of the record that says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from haechi.core.ledger import Fault
from haechi.core.ledger.entries import digest_of
from haechi.core.recognition import Recognition
from haechi.core.store.schema import evidence, fingerprints

ITEM = "exhibit"


def put_sets(connection: sa.Connection, exhibit_id: str, sets: Mapping[str, bytes]) -> dict[str, str]:
    """Keep the serialised sets of an exhibit, by algorithm; gives the digest of each."""
    rows = [
        {"item": ITEM, "item_id": exhibit_id, "algorithm": algorithm, "data": data} for algorithm, data in sets.items()
    ]
    if rows:
        connection.execute(sa.insert(fingerprints), rows)
    return {algorithm: digest_of(data) for algorithm, data in sets.items()}


def drop_sets(connection: sa.Connection, exhibit_id: str) -> None:
    """Remove every set of an exhibit; the bytes are overwritten."""
    connection.exec_driver_sql("PRAGMA secure_delete = ON")
    connection.execute(sa.delete(fingerprints).filter_by(item=ITEM, item_id=exhibit_id))


def exhibits_with(connection: sa.Connection, sha256: str) -> list[str]:
    """Ids of the exhibits whose record names these bytes, oldest first."""
    named = sa.func.instr(evidence.c.body, sa.literal(sha256.encode(), sa.LargeBinary)) > 0
    first = sa.func.min(evidence.c.seq)
    query = sa.select(evidence.c.id).where(evidence.c.kind == "exhibit", named).group_by(evidence.c.id).order_by(first)
    return [str(one) for one in connection.scalars(query)]


def print_faults(connection: sa.Connection) -> Iterator[Fault]:
    """Sets that are not as the recognitions of their exhibits say."""
    kept: dict[str, dict[str, str]] = {}
    query = sa.select(fingerprints.c.item_id, fingerprints.c.algorithm, fingerprints.c.data).filter_by(item=ITEM)
    for row in connection.execute(query):
        kept.setdefault(str(row.item_id), {})[str(row.algorithm)] = _digest(row.data)
    for identity, sets in _stated(connection):
        there = kept.pop(identity, {})
        if there != sets:
            yield Fault(f"fingerprints of {identity}", "are not those that its recognition names")
    yield from (Fault(f"fingerprints of {identity}", "were put in: no recognition names them") for identity in kept)


def _stated(connection: sa.Connection) -> Iterator[tuple[str, dict[str, str]]]:
    newest = sa.select(sa.func.max(evidence.c.seq)).filter_by(kind=Recognition.kind).group_by(evidence.c.id)
    for row in connection.execute(sa.select(evidence.c.id, evidence.c.body).where(evidence.c.seq.in_(newest))):
        try:
            yield str(row.id), dict(json.loads(row.body).get("sets", {}))
        except (ValueError, TypeError, AttributeError):
            continue  # the audit of the record itself says so


def _digest(data: Any) -> str:
    """SQLite gives whatever type a forger left in the column."""
    return digest_of(data if isinstance(data, bytes) else str(data).encode())
