"""The vault's files: content that is encrypted before it comes here, by the digest of its encrypted form.

    home/vault/
      blobs/<2 hex>/<64 hex>     encrypted parts of exhibits
      incoming/                  what is being written; `intent` names what a writer is about to add

Invariants: no plain text ever comes here. A file appears whole or not at all. Nothing is removed because a record is
missing: only what a writer announced and never acknowledged (it was killed), and what `destroy` was asked to remove.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from haechi.core.errors import IntegrityError
from haechi.core.store.blobs import FileBlobs
from haechi.core.store.failures import store_failures

_INTENT: Final = "intent"


class Vault:
    """Encrypted files of one home.

    Args:
        home: folder of the store.
        held: gives the digests that records point to.
    """

    def __init__(self, home: Path, held: Callable[[], set[str]]) -> None:
        self._folder = home / "vault"
        self._blobs = FileBlobs(self._folder)
        self._held = held

    @contextmanager
    def writing(self) -> Iterator[Intake]:
        """Put files and write the record that points to them inside this."""
        with store_failures(self._folder):
            self._folder.mkdir(exist_ok=True, mode=0o700)
        with self._blobs.writing() as folder:
            yield Intake(self._blobs, folder)

    def path(self, digest: str) -> Path:
        """Path of an encrypted file.

        Raises:
            IntegrityError: it is missing.
        """
        try:
            return self._blobs.path(digest)
        except IntegrityError as error:
            raise IntegrityError(f"{digest} is missing from the vault; restore it from a copy") from error

    def damaged(self, digests: set[str]) -> list[str]:
        """Which of these files are missing, or no longer have that content."""
        return self._blobs.damaged(digests)

    def destroy(self, digest: str) -> None:
        """Remove a file; its record must say so already."""
        with store_failures(self._folder):
            try:
                self._blobs.path(digest).unlink(missing_ok=True)
            except IntegrityError:
                return

    def sweep(self) -> int:
        """Remove what killed writers announced and never acknowledged; gives how many files."""
        if not self._folder.is_dir() or not self._blobs.needs_sweep():
            return 0
        with self._blobs.alone() as alone:
            if not alone:
                return 0
            announced = self._announced()
            present = {f"sha256:{path.name}" for path in (self._folder / "blobs").glob("??/*")}
            return self._blobs.sweep(present - (announced - self._held()))

    def _announced(self) -> set[str]:
        with store_failures(self._folder):
            files = list((self._folder / "incoming").glob(f"*/{_INTENT}"))
            return {line for file in files for line in file.read_text("ascii").split("\n") if line}


class Intake:
    """A writer at work.

    Args:
        blobs: where files end up.
        folder: its own folder for temporary files; encrypted ones only.
    """

    def __init__(self, blobs: FileBlobs, folder: Path) -> None:
        self.folder = folder
        self._blobs = blobs

    def put(self, encrypted: Path) -> str:
        """Take in an encrypted file and give its digest; until a record stands, a kill takes it away again."""
        from haechi.core.media.probe import hash_file

        digest = hash_file(encrypted)
        with store_failures(self.folder):
            descriptor = os.open(self.folder / _INTENT, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(descriptor, f"{digest}\n".encode("ascii"))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        put = self._blobs.put(encrypted)
        encrypted.unlink()
        return put
