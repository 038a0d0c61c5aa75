"""The store: everything that Haechi remembers, in one folder.

    home/
      haechi.db (-wal, -shm)     records, fingerprints, saved reports: SQLite
      blobs/                     working copies of masters and manifests, by digest
      vault/                     encrypted parts of exhibits (see vault)
      keys/                      signing certificates and keys (see core.provenance.keys)
      incoming/                  files being written; what a killed process left is swept at the next start
      index/                     derived index files: may be deleted at any time

Invariants: an item, its fingerprints and its blob appear together in one transaction or not at all;
`fingerprints` are the truth for every index; a store that cannot do something raises `StoreError` and has
changed nothing. Every change of artists, releases, bank and signed outputs stands in the ledger, written in its own
transaction (see `registry`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from haechi.core.errors import StoreError
from haechi.core.login import login_account
from haechi.core.records import Artist, BankItem, Kind, Mark, Protection, Release, SoftBinding
from haechi.core.store import artists, items, reports
from haechi.core.store.blobs import FileBlobs
from haechi.core.store.engines import WRITES, open_engine
from haechi.core.store.failures import store_failures
from haechi.core.store.rows import EnrolledPhoto, FingerprintRow, Item

if TYPE_CHECKING:
    from haechi.core.fingerprint import FingerprintSet
    from haechi.core.ledger import LedgerKey
    from haechi.core.store.evidence import Evidence
    from haechi.core.store.registry import RegistryChange

DATABASE: Final = "haechi.db"
_ROWS_AT_ONCE: Final = 64


def open_store(home: Path, *, create: bool = True, database: str | None = None) -> Store:
    """Open the store in `home`; its schema is brought up to date, and what a killed process left is swept.

    Args:
        home: folder of the store.
        create: make it when it is not there.
        database: URI of the database, by default the SQLite file in `home`.

    Raises:
        StoreError: absent (and not to be created), not to be opened, damaged, or written by a newer Haechi.
    """
    home = home.expanduser()
    if not create and not (home / DATABASE).exists():
        raise StoreError(f"there is no store in {home}; choose another folder with --home")
    with store_failures(home):
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = Store(home, open_engine(database or f"sqlite:{home / DATABASE}", home))
    store.sweep()
    return store


class Store:
    """Records, fingerprints and blobs of one home; safe to use from several processes and threads at once.

    Args:
        home: folder of the store.
        engine: database at the newest schema, from `open_engine`.
        actor: who acts, by default the account of the operating system.
    """

    def __init__(self, home: Path, engine: sa.Engine, actor: str | None = None) -> None:
        self.home = home
        self.actor = login_account() if actor is None else actor
        self._engine = engine
        self._key: LedgerKey | None = None
        self._blobs = FileBlobs(home)

    @property
    def index_folder(self) -> Path:
        """Folder of derived index files, made on first use."""
        folder = self.home / "index"
        with store_failures(self.home):
            folder.mkdir(exist_ok=True)
        return folder

    def acting(self, actor: str) -> Store:
        """The same store in the hands of another."""
        return Store(self.home, self._engine, actor)

    def evidence(self, actor: str) -> Evidence:
        """Cases, exhibits and the ledger, in the hands of `actor`; what a killed writer left in the vault is swept.

        Raises:
            IntegrityError: the key that signs the ledger is damaged.
        """
        from haechi.core.ledger import ledger_key
        from haechi.core.store.evidence import Evidence

        with store_failures(self.home):
            evidence = Evidence(self.home, self._engine, ledger_key(self.home), actor)
            evidence.vault.sweep()
        return evidence

    # Artists

    def add_artist(self, name: str, consent: str, photos: Sequence[EnrolledPhoto]) -> Artist:
        """Add an artist, or further photos of the artist of that name; the same photo is never added twice.

        Raises:
            InputError: no name or no consent.
        """
        with self._changing() as change:
            return artists.add_artist(change, name, consent, photos)

    def artists(self) -> list[Artist]:
        """Every artist, by name."""
        with self._reading() as connection:
            return artists.all_artists(connection)

    def artist(self, name_or_id: str) -> Artist | None:
        """The artist of that id or name."""
        with self._reading() as connection:
            return artists.find_artist(connection, name_or_id)

    def artist_photos(self, artist_id: str) -> list[EnrolledPhoto]:
        """The artist's photos with their descriptors."""
        with self._reading() as connection:
            return artists.photos_of(connection, artist_id)

    def remove_artist(self, artist_id: str, why: str = "") -> bool:
        """Remove an artist with photos and reference; False when there is none of that id."""
        with self._changing() as change:
            return artists.remove_artist(change, artist_id, why)

    def set_references(self, references: Mapping[str, bytes]) -> None:
        """Replace all trained references (artist id -> serialised reference) in one transaction."""
        with self._changing() as change:
            artists.set_references(change, references)

    def references(self) -> Mapping[str, bytes]:
        """Artist id -> serialised trained reference."""
        with self._reading() as connection:
            return artists.get_references(connection)

    # Releases and bank

    def add_release(self, release: Release, fingerprints: Sequence[FingerprintSet]) -> tuple[Release, bool]:
        """Add a release with all its fingerprints; its proxy must have been put inside the same `writing()`.

        Returns:
            The release that stands, and whether it was added: not when its bytes were registered before, be it by
            another process meanwhile; then the proxy that nothing points to is swept when the store is next opened.
        """
        sets = [(one.algorithm, one.to_bytes()) for one in fingerprints]
        with self._changing() as change:
            if release.proxy is not None:
                self._blobs.path(release.proxy)
            standing, added = items.add_release(change, release, sets)
        if not added and release.proxy not in (None, standing.proxy):
            self._blobs.leave_mark()
        return standing, added

    def releases(self) -> list[Release]:
        """Every release, oldest first."""
        with self._reading() as connection:
            return items.all_releases(connection)

    def release(self, release_id: str) -> Release | None:
        """The release of that id."""
        with self._reading() as connection:
            return items.find_release(connection, id=release_id)

    def release_by_sha256(self, sha256: str) -> Release | None:
        """The release whose master has exactly these bytes."""
        with self._reading() as connection:
            return items.find_release(connection, sha256=sha256)

    def release_of_bytes(self, sha256: str) -> Release | None:
        """The release whose master, or one of whose signed outputs, has exactly these bytes."""
        with self._reading() as connection:
            return items.find_release_of_bytes(connection, sha256)

    def remove_release(self, release_id: str, why: str = "") -> bool:
        """Remove a release, its fingerprints and its working copy; False when there is none of that id."""
        with self._changing() as change:
            removed = items.remove_item(change, "release", release_id, why)
        if removed:
            self._blobs.leave_mark()
            self.sweep()
        return removed

    def add_protection(
        self, protection: Protection, mark: Mark | None = None, bindings: Sequence[SoftBinding] = ()
    ) -> None:
        """Note that a release was signed, its mark, and what its manifest is found again by.

        The manifest must have been put inside the same `writing()`.
        """
        with self._changing() as change:
            self._blobs.path(protection.manifest)
            items.add_protection(change, protection, mark, bindings)

    def protections(self, **column: str) -> list[Protection]:
        """Signed releases whose column has that value, e.g. `source_sha256=`, newest first."""
        with self._reading() as connection:
            return items.find_protections(connection, **column)

    def marks(self, **column: str | int) -> list[Mark]:
        """Marks whose column has that value, e.g. `payload=`."""
        with self._reading() as connection:
            return items.find_marks(connection, **column)

    def has_marks(self, kind: Kind) -> bool:
        """Whether any output of that kind bears a mark."""
        with self._reading() as connection:
            return items.has_marks(connection, kind)

    def soft_bindings(self, alg: str) -> list[tuple[str, bytes]]:
        """Label of the manifest and value, of every soft binding of that algorithm."""
        with self._reading() as connection:
            return items.find_soft_bindings(connection, alg)

    def add_bank_item(self, item: BankItem, fingerprints: Sequence[FingerprintSet]) -> tuple[BankItem, bool]:
        """Add a confirmed fake with all its fingerprints.

        Returns:
            The one that stands, and whether it was added, as `add_release` does.
        """
        sets = [(one.algorithm, one.to_bytes()) for one in fingerprints]
        with self._changing() as change:
            return items.add_bank_item(change, item, sets)

    def bank_items(self) -> list[BankItem]:
        """Every bank item, oldest first."""
        with self._reading() as connection:
            return items.all_bank_items(connection)

    def bank_item(self, item_id: str) -> BankItem | None:
        """The bank item of that id."""
        with self._reading() as connection:
            return items.find_bank_item(connection, id=item_id)

    def bank_by_sha256(self, sha256: str) -> BankItem | None:
        """The bank item with exactly these bytes."""
        with self._reading() as connection:
            return items.find_bank_item(connection, sha256=sha256)

    def remove_bank_item(self, item_id: str, why: str = "") -> bool:
        """Remove a bank item and its fingerprints; False when there is none of that id."""
        with self._changing() as change:
            return items.remove_item(change, "bank", item_id, why)

    # Fingerprints

    def fingerprints(
        self, *, after_seq: int = 0, algorithm: str | None = None, of: Sequence[Item] | None = None
    ) -> Iterator[FingerprintRow]:
        """Every stored fingerprint set after `after_seq`, of some kinds of entry if given.

        Ascending; no transaction is held between two rows.
        """
        from haechi.core.fingerprint import FingerprintSet

        while True:
            with self._reading() as connection:
                rows = items.fingerprint_rows(connection, after_seq, algorithm, of, _ROWS_AT_ONCE)
            for row in rows:
                yield FingerprintRow(row.seq, row.item, row.item_id, FingerprintSet.from_bytes(row.data))
            if len(rows) < _ROWS_AT_ONCE:
                return
            after_seq = rows[-1].seq

    def live_items(self, of: Sequence[Item] = ("release", "bank")) -> set[str]:
        """Ids of all entries of some kinds: an index entry of any other id is dead."""
        with self._reading() as connection:
            return items.live_items(connection, of)

    def last_seq(self) -> int:
        """The highest `seq` among the stored fingerprints, 0 when there are none."""
        with self._reading() as connection:
            return items.last_seq(connection)

    def generation(self) -> int:
        """Grows with every change of artists, releases or bank."""
        with self._reading() as connection:
            return reports.generation(connection)

    # Blobs

    def writing(self) -> AbstractContextManager[Path]:
        """Put blobs and add the record that points to them inside this.

        Yields a folder for temporary files.
        """
        return self._blobs.writing()

    def put_blob(self, data: Path | bytes) -> str:
        """Store a copy of a file, or bytes; returns its digest. Without a record it is swept one day."""
        return self._blobs.put(data)

    def blob_path(self, digest: str) -> Path:
        """Path of a stored blob; for reading only.

        Raises:
            IntegrityError: it is missing.
        """
        return self._blobs.path(digest)

    def sweep(self) -> int:
        """Remove what killed processes and removed releases left.

        Unless a writer is at work; returns how many blobs.
        """
        if not self._blobs.needs_sweep():
            return 0
        try:
            with self._blobs.alone() as alone:
                return self._blobs.sweep(self._wanted_blobs()) if alone else 0
        except StoreError:
            return 0  # a read-only home can be read all the same; the leftovers wait for a writable start

    # Saved reports and care

    def saved_report(self, sha256: str, software_id: str) -> str | None:
        """The report saved for these bytes by this software.

        If artists, releases and bank are still the same.
        """
        with self._reading() as connection:
            return reports.saved_report(connection, sha256, software_id)

    def save_report(self, sha256: str, software_id: str, report: str, since_generation: int) -> None:
        """Keep the text of a report for `saved_report`.

        Args:
            sha256: digest of the checked file.
            software_id: whatever names the software and its settings.
            report: the text to give back.
            since_generation: `generation()` from before the check began.
        """
        with self._writing_rows() as connection:
            reports.save_report(connection, sha256, software_id, report, since_generation)

    def problems(self) -> list[str]:
        """What is damaged, one line each.

        The database's own integrity check, and every blob against its digest.
        """
        with self._reading() as connection:
            lines = list(connection.exec_driver_sql("PRAGMA integrity_check").scalars())
        found = [f"database: {line}" for line in lines if line != "ok"]
        return found + [f"blob {digest} is missing or damaged" for digest in self._blobs.damaged(self._wanted_blobs())]

    def _wanted_blobs(self) -> set[str]:
        with self._reading() as connection:
            return items.wanted_blobs(connection)

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with store_failures(self.home), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing_rows(self) -> Iterator[sa.Connection]:
        with (
            store_failures(self.home),
            self._engine.connect().execution_options(**{WRITES: True}) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def _changing(self) -> Iterator[RegistryChange]:
        """A write transaction whose acts stand in the ledger, and after which saved reports no longer hold."""
        from haechi.core.store.registry import RegistryChange

        with self._writing_rows() as connection:
            change = RegistryChange(connection, self._ledger_key, self.actor)
            yield change
            change.close()
            reports.next_generation(connection)

    def _ledger_key(self) -> LedgerKey:
        if self._key is None:
            from haechi.core.ledger import ledger_key

            self._key = ledger_key(self.home)
        return self._key
