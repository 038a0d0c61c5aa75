"""Verify a bundle as it lies, a ZIP, with nothing but the file: the checks of the `verify.py` in it, by our own copy.

Nothing is unpacked: files are read from the archive one after the other, in pieces.
Limits against bombs: so many files, so many bytes in all, and none larger than the archive says; a bundle of Haechi
stores its files uncompressed, so any compression at all is a fault.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from haechi.core.errors import HaechiError, InputError
from haechi.core.ledger import Fault
from haechi.core.timestamp import judge_token, load_certificates
from haechi.preserve.bundle.layout import layout_fault
from haechi.preserve.bundle.verify import SUMS, Verification

MOST_FILES: Final = 100_000
MOST_BYTES: Final = 1 << 40


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found: `faults` is empty when the bundle is intact."""

    faults: tuple[Fault, ...]
    files: int
    entries: int
    exhibits: int
    parts: int
    stamps: int
    not_independent: int
    key: str


def examine_bundle(path: Path) -> Examination:
    """Verify a bundle.

    Raises:
        InputError: it cannot be read, or is no ZIP archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            faults = _shape(archive)
            wrong = None if faults else layout_fault(path, archive.infolist())
            if faults:
                return Examination(tuple(faults), 0, 0, 0, 0, 0, 0, "")
            found = Verification(_Archive(archive), holds, stamp_fault)
            if wrong is not None:
                found.fault(wrong.where, wrong.what)
            found.run()
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise InputError(f"{path} is no evidence bundle: {error}") from error
    count = found.counts
    return Examination(
        faults=tuple(Fault(where, what) for where, what in found.faults),
        files=count["files"],
        entries=count["entries"],
        exhibits=count["exhibits"],
        parts=count["parts"],
        stamps=count["stamps"],
        not_independent=found.not_independent,
        key=found.key,
    )


def is_bundle(path: Path) -> bool:
    """Whether a file is a ZIP with the list of a bundle in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            return SUMS in archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError):
        return False


def holds(data: bytes, signature: bytes, pem: bytes) -> bool:
    """Whether an ECDSA signature with SHA-256 holds."""
    try:
        key = serialization.load_pem_public_key(pem)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return False
        key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def stamp_fault(token: bytes, data: bytes, chain: bytes, at: str) -> str | None:
    """What is wrong with a time stamp, or None."""
    try:
        known = load_certificates(chain)
        judged = judge_token(token, data, known)
        if judged.token.at.isoformat(timespec="milliseconds") != datetime.fromisoformat(at).isoformat(
            timespec="milliseconds"
        ):
            return "it states another time than the record"
    except (HaechiError, ValueError) as error:
        return str(error)
    return None if judged.trusted else judged.remark


class _Archive:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def names(self) -> list[str]:
        return [name for name in self._archive.namelist() if not name.endswith("/")]

    def open(self, name: str) -> IO[bytes]:
        try:
            return _Reader(self._archive.open(name))  # type: ignore[return-value]
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise OSError(str(error)) from error


class _Reader:
    """A file of the archive whose damage is an `OSError`, as of any file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except (zipfile.BadZipFile, EOFError) as error:
            raise OSError(str(error)) from error

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _shape(archive: zipfile.ZipFile) -> list[Fault]:
    """What makes the archive itself suspect."""
    infos = archive.infolist()
    if len(infos) > MOST_FILES or sum(info.file_size for info in infos) > MOST_BYTES:
        return [Fault("the archive", "has far more in it than a case has: it may be a bomb")]
    names = [info.filename for info in infos]
    twice = {name for name in names if names.count(name) > 1} if len(names) < 2000 else set()
    if len(set(names)) != len(names):
        return [Fault(name, "is in the archive twice") for name in sorted(twice) or ["a file"]]
    return [
        Fault(info.filename, "is compressed, encrypted or a link: no bundle has that")
        for info in infos
        if info.compress_type != zipfile.ZIP_STORED
        or info.flag_bits & 1
        or info.external_attr >> 16 & 0o170000 == 0o120000
    ]
