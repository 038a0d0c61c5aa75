"""Evidence in the store: records that never change silently, the ledger that vouches for them, and the vault.

Whoever changes something does it in `change`, which gives a `Change` to put records with and writes the ledger's entry
of each in the same transaction. Threads that change at once share commits (see `group_commit`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import sqlalchemy as sa

from haechi.core.errors import HaechiError, InputError
from haechi.core.ledger import Audit, Checkpoint, Entry, Fault, LedgerKey, Tree, audit, read_checkpoint
from haechi.core.store import ledger, reports
from haechi.core.store.engines import WRITES
from haechi.core.store.exhibit_prints import exhibits_with, print_faults
from haechi.core.store.failures import store_failures
from haechi.core.store.group_commit import GroupCommit, Job
from haechi.core.store.ledger import AnyRecord, Change
from haechi.core.store.registry import registry_faults
from haechi.core.store.vault import Vault

if TYPE_CHECKING:
    from haechi.core.places import MailServer

Result = TypeVar("Result")
_MOST_FAULTS: Final = 1000


class Evidence:
    """Evidence of one home, as one person works with it.

    Args:
        home: folder of the store.
        engine: database at the newest schema.
        key: signs the ledger.
        actor: who acts.
    """

    def __init__(self, home: Path, engine: sa.Engine, key: LedgerKey, actor: str) -> None:
        self.home = home
        self.actor = actor
        self.key = key
        self.vault = Vault(home, self._held)
        self._engine = engine
        self._commits: GroupCommit[Change] = GroupCommit(self._commit)

    def acting(self, actor: str) -> Evidence:
        """The same evidence in the hands of another."""
        return Evidence(self.home, self._engine, self.key, actor)

    # Records

    def change(self, work: Callable[[Change], Result]) -> Result:
        """Run `work` in a write transaction; when it returns, all that it put is on the disk, with the ledger.

        Raises:
            IntegrityError: the ledger is damaged at its end.
            StoreError: the store cannot do it now; nothing was written.
        """
        return self._commits.run(work)

    def find(self, kind: type[AnyRecord], identity: str) -> AnyRecord | None:
        """The newest state of a record, or None."""
        with self._reading() as connection:
            return ledger.find(connection, kind, identity)

    def get(self, kind: type[AnyRecord], identity: str) -> AnyRecord:
        """The newest state of a record.

        Raises:
            InputError: there is none of that id.
        """
        with self._reading() as connection:
            return ledger.get(connection, kind, identity)

    def all(self, kind: type[AnyRecord], parent: str | None = None) -> list[AnyRecord]:
        """The newest state of every record of a kind, oldest first; of one parent if given."""
        with self._reading() as connection:
            return ledger.all_of(connection, kind, parent)

    def bodies(self, kind: type[AnyRecord], identity: str) -> list[tuple[int, str, bytes]]:
        """Every state of a record: number of the entry, parent, canonical bytes; oldest first."""
        with self._reading() as connection:
            return ledger.bodies(connection, kind.kind, identity)

    def exhibits_with(self, sha256: str) -> list[str]:
        """Ids of the exhibits whose record names these bytes, oldest first."""
        with self._reading() as connection:
            return exhibits_with(connection, sha256)

    def forget_removed(self) -> None:
        """Let what was removed from the database go from its log and from the derived index, too."""
        from haechi.core.fingerprint.catalogue import forget_exhibits

        with store_failures(self.home), self._engine.connect() as connection:
            connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        forget_exhibits(self.home)

    def reports_on(self, digests: Sequence[str]) -> list[tuple[str, str, str]]:
        """Saved reports of checks of these bytes that still hold: digest, when it was saved, text."""
        with self._reading() as connection:
            return reports.reports_on(connection, digests)

    # Ledger

    def history(self, *subjects: str) -> list[Entry]:
        """Every entry about these ids, in order: an exhibit's are its custody events."""
        with self._reading() as connection:
            found = ledger.entries_about(connection, list(subjects))
        return [Entry.from_fields(json.loads(data)) for _, data in found]

    def entries(self, *subjects: str) -> list[tuple[int, bytes]]:
        """Number and canonical bytes of every entry about these ids."""
        with self._reading() as connection:
            return ledger.entries_about(connection, list(subjects))

    def tree(self, size: int) -> Tree:
        """The Merkle tree over the first `size` entries."""
        with self._reading() as connection:
            return Tree(ledger.all_leaves(connection, size))

    def head(self) -> Checkpoint | None:
        """The signed head, or None when nothing was ever written.

        Raises:
            IntegrityError: it was changed.
        """
        with self._reading() as connection:
            data = ledger.head_checkpoint(connection)
        return None if data is None else read_checkpoint(data, self.key.id)

    def keep_checkpoint(self) -> bytes:
        """Keep a signed checkpoint for good and give its file; the act is logged and lies below it."""

        def work(change: Change) -> bytes:
            change.log("ledger.checkpoint", "ledger")
            signed = change.checkpoint()
            change.keep(signed)
            return signed

        return self.change(work)

    def publish_checkpoint(self, uris: Sequence[str], mail: MailServer) -> list[Published]:
        """Keep a signed checkpoint and bring it to every second place; each success and each failure is logged.

        Raises:
            InputError: none of the places could be used; the message names the first.
            IntegrityError, RemoteError: likewise.
        """
        from haechi.core.places import publish

        data = self.keep_checkpoint()
        done = [_published(uri, data, mail, publish) for uri in uris]

        def work(change: Change) -> None:
            for one in done:
                act = "ledger.publish" if one.error is None else "ledger.publish_failed"
                change.log(act, "ledger", "" if one.error is None else str(one.error), place=one.place)

        self.change(work)
        if done and all(one.error is not None for one in done):
            raise next(one.error for one in done if one.error is not None)
        return done

    def audit(self, against: Sequence[bytes] = ()) -> Audit:
        """Read the whole ledger and every record once; see `haechi.core.ledger.audit`.

        Args:
            against: checkpoints that were kept elsewhere.

        Raises:
            InputError: one of them is no checkpoint.
            IntegrityError: one of them was changed, or is of another ledger.
        """
        elsewhere = [(read_checkpoint(data, self.key.id), data) for data in against]
        with self._reading() as connection:
            head = ledger.head_checkpoint(connection)
            waiting = ledger.kept_checkpoints(connection)
            if head is None and not elsewhere and connection.execute(sa.text("SELECT 1 FROM ledger")).first() is None:
                return Audit(0, f"sha256:{Tree([]).root().hex()}", 0, ())
            for one, data in elsewhere:
                waiting.setdefault(one.size, []).append(data)
            found = audit(ledger.rows_to_audit(connection), head, waiting, self.key.id)
            faults = [*found.faults, *_around(connection)][:_MOST_FAULTS]
        return Audit(found.size, found.root, found.checkpoints, tuple(faults))

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with store_failures(self.home), self._engine.connect() as connection, connection.begin():
            yield connection

    def _commit(self, jobs: Sequence[Job[Change]]) -> None:
        with (
            store_failures(self.home),
            self._engine.connect().execution_options(**{WRITES: True}) as connection,
            connection.begin(),
        ):
            change = Change(connection, self.key, self.actor)
            before = change.size
            for job in jobs:
                self._run(change, job)
            if change.size > before or before <= 1:
                change.close()

    def _run(self, change: Change, job: Job[Change]) -> None:
        state = change.state()
        savepoint = change.connection.begin_nested()
        try:
            job.result = job.work(change)
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked for this change, not to the group
            job.error = error
            savepoint.rollback()
            change.restore(state)
        else:
            savepoint.commit()

    def _held(self) -> set[str]:
        """Digests of everything in the vault that a record points to."""
        from haechi.core.evidence import Holding

        places = (place for holding in self.all(Holding) for place in holding.places.values())
        return {place.stored for place in places if not place.destroyed}


@dataclass(frozen=True, slots=True)
class Published:
    """What became of a checkpoint at one second place.

    Attributes:
        place: its address there, or the URI that failed.
        checkpoint: the file.
        error: why it failed, or None.
    """

    place: str
    checkpoint: bytes
    error: HaechiError | None = None


def _published(uri: str, data: bytes, mail: MailServer, publish: Callable[[str, bytes, MailServer], str]) -> Published:
    try:
        return Published(publish(uri, data, mail), data)
    except HaechiError as error:
        return Published(uri, data, error)


def _around(connection: sa.Connection) -> list[Fault]:
    """What stands beside the rows: records without an entry, the registry, guards that are gone."""
    stray = [Fault(where, "was put in: no entry wrote it") for where in ledger.stray_records(connection)]
    stray += [*registry_faults(connection), *print_faults(connection)]
    gone = ledger.missing_triggers(connection)
    return stray + [Fault(f"trigger {name}", "is missing: rows could be changed without a word") for name in gone]


def known(evidence: Evidence, kind: type[AnyRecord], identity: str, message: str) -> AnyRecord:
    """The newest state of a record, or an `InputError` with that message."""
    found = evidence.find(kind, identity)
    if found is None:
        raise InputError(message)
    return found
