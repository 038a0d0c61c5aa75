"""Releases, bank items and their fingerprints, inside a transaction that the caller opened.

An item and all its fingerprint sets are inserted together. An item whose bytes are already there is not added
again: the one that stands is returned. Every change is noted in the ledger, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

from haechi.core.records import BankItem, Kind, Mark, Protection, Release, SoftBinding
from haechi.core.store.rows import (
    Item,
    bank_row,
    mark_row,
    release_row,
    to_bank_item,
    to_mark,
    to_protection,
    to_release,
)
from haechi.core.store.schema import bank_items, fingerprints, marks, protections, releases, soft_bindings

if TYPE_CHECKING:
    from haechi.core.store.registry import RegistryChange

Sets = Sequence[tuple[str, bytes]]
"""Algorithm and serialised fingerprints of each set."""


def add_release(change: RegistryChange, release: Release, sets: Sets) -> tuple[Release, bool]:
    """Add a release with its fingerprints; the second value is False when its bytes were there already."""
    connection = change.connection
    row = connection.execute(sa.select(releases).filter_by(sha256=release.sha256)).mappings().first()
    if row:
        return to_release(row), False
    connection.execute(sa.insert(releases).values(release_row(release)))
    _add_sets(connection, "release", release.id, sets)
    change.note("add", "release", release.id, sha256=release.sha256)
    return release, True


def add_bank_item(change: RegistryChange, item: BankItem, sets: Sets) -> tuple[BankItem, bool]:
    """Add a confirmed fake with its fingerprints.

    The second value is False when its bytes were there already.
    """
    connection = change.connection
    row = connection.execute(sa.select(bank_items).filter_by(sha256=item.sha256)).mappings().first()
    if row:
        return to_bank_item(row), False
    connection.execute(sa.insert(bank_items).values(bank_row(item)))
    _add_sets(connection, "bank", item.id, sets)
    change.note("add", "bank", item.id, item.because, sha256=item.sha256)
    return item, True


def _add_sets(connection: sa.Connection, item: Item, item_id: str, sets: Sets) -> None:
    rows = [{"item": item, "item_id": item_id, "algorithm": algorithm, "data": data} for algorithm, data in sets]
    if rows:
        connection.execute(sa.insert(fingerprints), rows)


def all_releases(connection: sa.Connection) -> list[Release]:
    """Every release, oldest first."""
    rows = connection.execute(sa.select(releases).order_by(releases.c.added_at, releases.c.id))
    return [to_release(row) for row in rows.mappings()]


def all_bank_items(connection: sa.Connection) -> list[BankItem]:
    """Every bank item, oldest first."""
    rows = connection.execute(sa.select(bank_items).order_by(bank_items.c.added_at, bank_items.c.id))
    return [to_bank_item(row) for row in rows.mappings()]


def find_release(connection: sa.Connection, **column: str) -> Release | None:
    """The release whose unique column has that value, e.g. `id=` or `sha256=`."""
    row = connection.execute(sa.select(releases).filter_by(**column)).mappings().first()
    return to_release(row) if row else None


def find_bank_item(connection: sa.Connection, **column: str) -> BankItem | None:
    """The bank item whose unique column has that value, e.g. `id=` or `sha256=`."""
    row = connection.execute(sa.select(bank_items).filter_by(**column)).mappings().first()
    return to_bank_item(row) if row else None


def remove_item(change: RegistryChange, item: Literal["release", "bank"], item_id: str, why: str) -> bool:
    """Remove an item with its fingerprints, and what was signed of it. False: there is none of that id."""
    connection, table = change.connection, releases if item == "release" else bank_items
    known = connection.execute(sa.select(table.c.sha256).where(table.c.id == item_id)).scalar()
    if known is None:
        return False
    of_it = sa.select(protections.c.label).where(protections.c.release_id == item_id).order_by(protections.c.label)
    signed = list(connection.scalars(of_it))
    connection.execute(sa.delete(fingerprints).filter_by(item=item, item_id=item_id))
    connection.execute(sa.delete(table).where(table.c.id == item_id))
    change.note("remove", item, item_id, why, sha256=known)
    for label in signed:
        change.note("remove", "protection", label, release=item_id)
    return True


def fingerprint_rows(
    connection: sa.Connection, after_seq: int, algorithm: str | None, of: Sequence[Item] | None, count: int
) -> Sequence[sa.Row[Any]]:
    """At most `count` rows of `fingerprints` after `after_seq`, ascending."""
    query = sa.select(fingerprints).where(fingerprints.c.seq > after_seq).order_by(fingerprints.c.seq).limit(count)
    if algorithm is not None:
        query = query.where(fingerprints.c.algorithm == algorithm)
    if of is not None:
        query = query.where(fingerprints.c.item.in_(of))
    return connection.execute(query).all()


def last_seq(connection: sa.Connection) -> int:
    """The highest `seq` that a live row has, 0 when there is none."""
    return connection.scalar(sa.select(sa.func.max(fingerprints.c.seq))) or 0


def live_items(connection: sa.Connection, of: Sequence[Item]) -> set[str]:
    """Ids of all entries of some kinds."""
    exhibited = sa.select(fingerprints.c.item_id).filter_by(item="exhibit").distinct()
    every = {"release": sa.select(releases.c.id), "bank": sa.select(bank_items.c.id), "exhibit": exhibited}
    return set(connection.scalars(sa.union_all(*(every[one] for one in of))))


def add_protection(
    change: RegistryChange, protection: Protection, mark: Mark | None, bindings: Sequence[SoftBinding]
) -> None:
    """Note that a release was signed, which number the output bears, and what its manifest is found again by."""
    change.connection.execute(sa.insert(protections).values(asdict(protection)))
    if mark is not None:
        add_mark(change.connection, mark)
    add_soft_bindings(change.connection, protection.label, bindings)
    told = {"release": protection.release_id, "output": protection.output_sha256, "key": protection.signed_by}
    change.note("add", "protection", protection.label, **told, marked=mark is not None)


def find_protections(connection: sa.Connection, **column: str) -> list[Protection]:
    """Those whose column has that value, e.g. `source_sha256=`, newest first."""
    query = sa.select(protections).filter_by(**column).order_by(protections.c.signed_at.desc())
    return [to_protection(row) for row in connection.execute(query).mappings()]


def find_release_of_bytes(connection: sa.Connection, sha256: str) -> Release | None:
    """The release whose master, or one of whose signed outputs, has exactly these bytes."""
    signed = sa.select(protections.c.release_id).where(protections.c.output_sha256 == sha256)
    query = sa.select(releases).where(sa.or_(releases.c.sha256 == sha256, releases.c.id.in_(signed)))
    # the same bytes may be the master of one release and an output of another: the master goes first
    row = connection.execute(query.order_by(releases.c.sha256 != sha256, releases.c.added_at)).mappings().first()
    return to_release(row) if row else None


def add_mark(connection: sa.Connection, mark: Mark) -> None:
    """Note which number an output bears."""
    connection.execute(sa.insert(marks).values(mark_row(mark)))


def find_marks(connection: sa.Connection, **column: str | int) -> list[Mark]:
    """Those whose column has that value, e.g. `payload=` or `label=`."""
    query = sa.select(marks).filter_by(**column).order_by(marks.c.label)
    return [to_mark(row) for row in connection.execute(query).mappings()]


def add_soft_bindings(connection: sa.Connection, label: str, bindings: Sequence[SoftBinding]) -> None:
    """Note what the manifest of that label is found again by."""
    for one in bindings:
        connection.execute(sa.insert(soft_bindings).values(label=label, alg=one.alg, value=one.value))


def find_soft_bindings(connection: sa.Connection, alg: str) -> list[tuple[str, bytes]]:
    """Label and value of every soft binding of an algorithm."""
    query = sa.select(soft_bindings.c.label, soft_bindings.c.value).filter_by(alg=alg).order_by(soft_bindings.c.label)
    return [(str(label), bytes(value)) for label, value in connection.execute(query)]


def has_marks(connection: sa.Connection, kind: Kind) -> bool:
    """Whether any output of that kind bears a mark."""
    return connection.execute(sa.select(marks.c.label).filter_by(kind=kind.value).limit(1)).first() is not None


def wanted_blobs(connection: sa.Connection) -> set[str]:
    """Digests of all blobs that a record points to."""
    proxies = connection.scalars(sa.select(releases.c.proxy).where(releases.c.proxy.is_not(None)))
    return {*proxies, *connection.scalars(sa.select(protections.c.manifest))}
