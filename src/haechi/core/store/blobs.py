"""Content-addressed files: `blobs/<2 hex>/<64 hex>`, written whole or not at all.

A blob is written under `incoming/`, synchronised, and renamed to the name of its digest. Whoever stores a
blob and then the record that points to it does both inside `writing()`, which holds a shared lock and a
folder of its own. The system frees the lock when its holder dies, and the folder stays behind: that is the
sign for `sweep` that something was left over. `sweep` works only when it gets the lock alone, so it never
removes a blob whose record is still to come.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from haechi.core.durable import sync
from haechi.core.errors import IntegrityError
from haechi.core.store.failures import store_failures

_CHUNK_BYTES: Final = 1 << 20
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


class FileBlobs:
    """Blobs in a folder of this machine.

    Args:
        home: folder of the store; `blobs/` and `incoming/` are made in it when something is first written.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._blobs = home / "blobs"
        self._incoming = home / "incoming"

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """Keep what is put from being swept until its record stands; yields a folder for temporary files.

        Raises:
            StoreError: the folder cannot be made.
        """
        with store_failures(self._home):
            self._incoming.mkdir(exist_ok=True)
            descriptor = self._lock(fcntl.LOCK_SH)
        finished = False
        try:
            with store_failures(self._home):
                folder = Path(tempfile.mkdtemp(dir=self._incoming))
            yield folder
            finished = True
        finally:
            if finished:
                shutil.rmtree(folder, ignore_errors=True)
            os.close(descriptor)  # an unfinished folder stays: the next sweep takes it and its blobs away

    def put(self, data: Path | bytes) -> str:
        """Store a copy of a file, or bytes, and return the digest.

        Raises:
            StoreError: disk full, read-only, or otherwise not to be written; nothing is left behind.
        """
        with store_failures(self._home):
            self._incoming.mkdir(exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self._incoming, prefix="blob-")
            staged = Path(name)
            try:
                with os.fdopen(descriptor, "wb") as target:
                    digest = _copy(data, target.fileno())
                self._publish(staged, digest)
            except BaseException:
                staged.unlink(missing_ok=True)
                raise
            return digest

    def path(self, digest: str) -> Path:
        """Path of a stored blob.

        Raises:
            IntegrityError: the blob is missing.
        """
        path = self._path(digest)
        if not path.is_file():
            raise IntegrityError(f"{digest} is missing from {self._blobs}; register the master again")
        return path

    def damaged(self, digests: Set[str]) -> list[str]:
        """The digests whose blob is missing or no longer has that content."""
        return [digest for digest in sorted(digests) if not _has_content(self._path(digest), digest)]

    def needs_sweep(self) -> bool:
        """True when a writer ended without cleaning up, or is still at work."""
        return self._incoming.is_dir() and any(self._incoming.iterdir())

    def leave_mark(self) -> None:
        """Ask the next opener of the store to sweep."""
        with store_failures(self._home):
            self._incoming.mkdir(exist_ok=True)
            descriptor, _ = tempfile.mkstemp(dir=self._incoming, prefix="sweep-")
            os.close(descriptor)

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Hold the lock that keeps writers out; yields False, at once, when a writer is at work."""
        with store_failures(self._home):
            self._incoming.mkdir(exist_ok=True)
            try:
                descriptor = self._lock(fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                descriptor = -1
        try:
            yield descriptor >= 0
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def sweep(self, wanted: Set[str]) -> int:
        """Remove leftovers of dead writers and every blob not in `wanted`.

        Only inside `alone()`. Returns how many.
        """
        with store_failures(self._home):
            unwanted = [p for p in self._blobs.glob("??/*") if f"sha256:{p.name}" not in wanted]
            for path in unwanted:
                path.unlink(missing_ok=True)
            for path in self._incoming.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
            return len(unwanted)

    def _path(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise IntegrityError(f"{digest!r} is not a digest of the form sha256:<64 hex>")
        name = digest.removeprefix("sha256:")
        return self._blobs / name[:2] / name

    def _publish(self, staged: Path, digest: str) -> None:
        path = self._path(digest)
        if path.is_file():
            staged.unlink()
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        staged.replace(path)
        sync(path.parent)
        sync(self._blobs)

    def _lock(self, operation: int) -> int:
        descriptor = os.open(self._home / "blobs.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, operation)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


def _copy(data: Path | bytes, target: int) -> str:
    """Write `data` to the open file `target`, synchronise it and return its digest."""
    sha256 = hashlib.sha256()
    if isinstance(data, bytes):
        sha256.update(data)
        _write_all(target, data)
    else:
        with data.open("rb") as source:
            while chunk := source.read(_CHUNK_BYTES):
                sha256.update(chunk)
                _write_all(target, chunk)
    os.fsync(target)
    return f"sha256:{sha256.hexdigest()}"


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _has_content(path: Path, digest: str) -> bool:
    try:
        with path.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}" == digest
    except OSError:
        return False
