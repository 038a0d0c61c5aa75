"""Database engines, chosen by URI; each brings the schema up to date before it is handed out.

SQLite runs in WAL mode with full synchronisation: readers never wait for the one writer, and a transaction
that returned survives a power cut. A write transaction begins as IMMEDIATE, so that it never fails half way
for want of the lock; a busy database is waited for `BUSY_TIMEOUT_S`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import sqlalchemy as sa

from haechi.core.errors import StoreError
from haechi.core.store.failures import store_failures
from haechi.core.store.schema import HEAD

BUSY_TIMEOUT_S: Final = 60
WRITES: Final = "haechi_writes"
"""Execution option of a connection that is going to write."""


def open_engine(uri: str, home: Path) -> sa.Engine:
    """The engine that `uri` names, its schema at `HEAD`.

    Args:
        uri: `sqlite:<path of the database file>`.
        home: folder of the store, for locks and messages.

    Raises:
        StoreError: unknown scheme, not to be opened, damaged, or written by a newer Haechi.
    """
    scheme, _, rest = uri.partition(":")
    if scheme not in ENGINES:
        known = ", ".join(f"{name}:" for name in ENGINES)
        raise StoreError(f"no store for {uri!r}; known are {known}")
    with store_failures(home):
        return ENGINES[scheme](rest, home)


def _open_sqlite(rest: str, home: Path) -> sa.Engine:
    path = Path(rest)
    writable = os.access(path.parent, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))
    if not writable and not path.exists():
        raise StoreError(f"{home} is read-only; make it writable or choose another folder with --home")
    engine = _sqlite_engine(path, writable)
    if _revision(engine) != HEAD:
        if not writable:
            raise StoreError(f"{home} is read-only and of another version of Haechi; make it writable once")
        with _locked(path.with_suffix(".lock")):
            _migrate(engine, home)
    return engine


def _sqlite_engine(path: Path, writable: bool) -> sa.Engine:
    """In a read-only folder SQLite cannot share memory for its log.

    Without a log the file is opened as immutable.
    """
    log = path.with_name(path.name + "-wal")
    has_log = log.exists() and log.stat().st_size > 0
    mode = "rwc" if writable else "ro" if has_log else "ro&immutable=1"
    engine = sa.create_engine(
        f"sqlite:///file:{quote(str(path.absolute()))}?mode={mode}&uri=true",
        poolclass=sa.NullPool,
        connect_args={"timeout": BUSY_TIMEOUT_S},
    )

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # else sqlite3 begins and commits by itself, around DDL too
        for pragma in ("foreign_keys = ON", "synchronous = FULL", f"busy_timeout = {BUSY_TIMEOUT_S * 1000}"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _revision(engine: sa.Engine) -> str | None:
    """Revision of the database.

    None for an empty one; read without Alembic, whose import costs a fifth of a second.
    """
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def _migrate(engine: sa.Engine, home: Path) -> None:
    """Run the missing revisions in one transaction; the caller holds the migration lock."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "haechi.core.store:migrations")
    config.set_main_option("path_separator", "os")
    current = _revision(engine)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise StoreError(f"{home} was written by a newer version of Haechi; upgrade Haechi to use it")
    with engine.connect() as connection:
        connection.connection.cursor().execute("PRAGMA journal_mode = WAL")
    with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock between processes; the system frees it when its holder dies."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


ENGINES: Final[Mapping[str, Callable[[str, Path], sa.Engine]]] = {"sqlite": _open_sqlite}
"""URI scheme -> opener: `postgresql:` becomes one more row."""
