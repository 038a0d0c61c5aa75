"""The registry under the ledger's watch: artists, releases, confirmed fakes and signed outputs.

Method: whoever changes a row notes the act here, in the transaction of the change. The entry's `state` is SHA-256 over
the canonical JSON of all rows that belong to the record as they stand after the act; a removal has none. The audit
makes every state again from the rows and compares it with the newest entry.
Invariants: no name, no face template, no fingerprint and no picture goes into the ledger from a row: binary columns
enter the state as their SHA-256, and of the state itself only the digest is logged. A change and its entry appear
together or not at all; a transaction that changed nothing adds nothing.
Limits: what stood in a home before it had this watch is taken as it was at the first change (`registry.begin`, then
one `adopt` each); the reason that a person gives is logged as it was given.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal

import sqlalchemy as sa

from haechi.core.ledger import Fault, LedgerKey, canonical
from haechi.core.ledger.entries import digest_of
from haechi.core.store.ledger import Change
from haechi.core.store.rows import storable_text

Kind = Literal["artist", "release", "bank", "protection"]
BEGIN: Final = "registry.begin"
_SUBJECT: Final = "registry"
_SETS: Final = "SELECT seq, algorithm, data FROM fingerprints WHERE item = '{}' AND item_id = ? ORDER BY seq"
_STATE: Final[Mapping[Kind, tuple[str, ...]]] = {
    "artist": (
        "SELECT id, name, consent, added_at FROM artists WHERE id = ?",
        "SELECT id, source_name, sha256 FROM artist_photos WHERE artist_id = ? ORDER BY id",
        "SELECT photo_id, name, vector FROM photo_descriptors WHERE photo_id IN"
        " (SELECT id FROM artist_photos WHERE artist_id = ?) ORDER BY photo_id, name",
        "SELECT data FROM artist_references WHERE artist_id = ?",
    ),
    "release": (
        "SELECT id, title, kind, sha256, source_name, artist_id, published, added_at, duration_s, width, height, proxy"
        " FROM releases WHERE id = ?",
        _SETS.format("release"),
    ),
    "bank": (
        "SELECT id, kind, sha256, source_name, because, added_at, duration_s FROM bank_items WHERE id = ?",
        _SETS.format("bank"),
    ),
    "protection": (
        "SELECT label, output_sha256, release_id, source_sha256, request, manifest, signed_by, signed_at, unmarked"
        " FROM protections WHERE label = ?",
        "SELECT kind, method, payload, recipient_payload, recipient, psnr_db, survives FROM marks WHERE label = ?",
        "SELECT alg, value FROM soft_bindings WHERE label = ? ORDER BY alg",
    ),
}
"""Everything that belongs to a record; never edited: what was logged was made by exactly these."""
_IDS: Final[Mapping[Kind, str]] = {
    "artist": "SELECT id FROM artists ORDER BY id",
    "release": "SELECT id FROM releases ORDER BY id",
    "bank": "SELECT id FROM bank_items ORDER BY id",
    "protection": "SELECT label FROM protections ORDER BY label",
}
_NEWEST: Final = "SELECT max(seq), subject, entry FROM ledger WHERE act >= ? AND act < ? GROUP BY subject"
_LARGEST_INTEGER: Final = (1 << 53) - 1


class RegistryChange:
    """One write transaction on the registry.

    Args:
        connection: in a write transaction.
        key: gives what signs the ledger.
        actor: who acts.
    """

    def __init__(self, connection: sa.Connection, key: Callable[[], LedgerKey], actor: str) -> None:
        self.connection = connection
        self._key = key
        self._actor = actor
        self._change: Change | None = None
        self._adopted = None if _is_watched(connection) else _states(connection)

    def note(self, act: str, kind: Kind, identity: str, why: str = "", **detail: Any) -> None:
        """Log an act on a record of the registry, after all its rows have been written."""
        state = state_of(self.connection, kind, identity)
        told = {**detail, "state": state} if state is not None else detail
        if self._adopted is not None:
            adopted, self._adopted = self._adopted, None
            self._log(BEGIN, _SUBJECT, "", {})
            for one, of_kind, was in adopted:
                self._log(f"{of_kind}.adopt", one, "", {"state": was})
        self._log(f"{kind}.{act}", identity, why, told)

    def close(self) -> None:
        """Sign the head if anything was noted; the last thing before the commit."""
        if self._change is not None:
            self._change.close()

    def _log(self, act: str, subject: str, why: str, detail: dict[str, Any]) -> None:
        if self._change is None:
            self._change = Change(self.connection, self._key(), self._actor)
        self._change.log(act, storable_text(subject), storable_text(why), **detail)


def state_of(connection: sa.Connection, kind: Kind, identity: str) -> str | None:
    """Digest of all rows of a record, or None when there is no such record."""
    first, *further = (_rows(connection, query, identity) for query in _STATE[kind])
    return digest_of(canonical([kind, first, *further])) if first else None


def registry_faults(connection: sa.Connection) -> Iterator[Fault]:
    """What of the registry is not as the ledger says; nothing where the registry was never changed under its watch."""
    if not _is_watched(connection):
        return
    for kind in _IDS:
        known = dict(_newest_states(connection, kind))
        for identity in _ids(connection, kind):
            where = f"{kind} {identity}"
            seq, state = known.pop(identity, (None, None))
            if state is None:
                yield Fault(where, "was put in: no entry of the ledger wrote it")
            elif state_of(connection, kind, identity) != state:
                yield Fault(where, f"was changed: its rows have not the digest that entry {seq} names")
        gone = [(identity, seq) for identity, (seq, state) in known.items() if state is not None]
        yield from (
            Fault(f"{kind} {one}", f"is missing: entry {seq} wrote it and none removed it") for one, seq in gone
        )


def _newest_states(connection: sa.Connection, kind: Kind) -> Iterator[tuple[str, tuple[int, str | None]]]:
    """Of every record that the ledger knows: id, and number and state of its newest entry."""
    for seq, subject, entry in connection.exec_driver_sql(_NEWEST, (f"{kind}.", f"{kind}/")):
        try:
            detail = json.loads(entry).get("detail", {})
        except (ValueError, TypeError, AttributeError):
            detail = {}  # the audit of the ledger itself says so
        yield subject, (seq, detail.get("state"))


def _is_watched(connection: sa.Connection) -> bool:
    query = "SELECT 1 FROM ledger WHERE subject = ? LIMIT 1"
    return connection.exec_driver_sql(query, (_SUBJECT,)).first() is not None


def _states(connection: sa.Connection) -> list[tuple[str, Kind, str]]:
    """Id, kind and state of everything that stands here before the ledger watches it."""
    return [
        (one, kind, state)
        for kind in _IDS
        for one in _ids(connection, kind)
        if (state := state_of(connection, kind, one)) is not None
    ]


def _ids(connection: sa.Connection, kind: Kind) -> list[str]:
    return [str(one) for one in connection.exec_driver_sql(_IDS[kind]).scalars()]


def _rows(connection: sa.Connection, query: str, identity: str) -> list[list[Any]]:
    return [[_plain(value) for value in row] for row in connection.exec_driver_sql(query, (identity,))]


def _plain(value: Any) -> Any:
    """As canonical JSON can hold it, whatever a forger left in a column."""
    if isinstance(value, bytes):
        return digest_of(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
        return str(value)
    return value
