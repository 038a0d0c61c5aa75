"""What the store gives and takes beyond the records of `haechi.core.records`, and how rows become records."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from haechi.core.records import Artist, BankItem, Kind, Mark, Protection, Release

if TYPE_CHECKING:
    import sqlalchemy as sa

    from haechi.core.fingerprint import FingerprintSet

Item = Literal["release", "bank", "exhibit"]


@dataclass(frozen=True, slots=True)
class EnrolledPhoto:
    """One accepted photo of an artist: no picture is kept, only what recognises the face.

    Attributes:
        source_name: file name that the user gave, for messages.
        sha256: digest of the photo file.
        descriptors: descriptor name -> float32 (n,), one face.
    """

    source_name: str
    sha256: str
    descriptors: Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class FingerprintRow:
    """One fingerprint set of one item; `seq` grows with time and is never given twice."""

    seq: int
    item: Item
    item_id: str
    fingerprints: FingerprintSet


def new_id(prefix: str) -> str:
    """A fresh identifier such as `R-3f9c2a71d0`; random, so that no two stores or removals ever share one."""
    return f"{prefix}-{secrets.token_hex(5)}"


def now() -> str:
    """The present moment, UTC, ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def normal_name(name: str) -> str:
    """Name in Unicode form NFC without outer blanks: Korean typed on two systems compares equal."""
    return storable_text(unicodedata.normalize("NFC", name)).strip()


def release_row(release: Release) -> dict[str, Any]:
    """Columns of `releases`."""
    return _storable(asdict(release))


def bank_row(item: BankItem) -> dict[str, Any]:
    """Columns of `bank_items`."""
    return _storable(asdict(item))


def storable_text(text: str) -> str:
    """Text as a database can hold it: bytes of a file name that are no UTF-8 are written out in hexadecimal."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _storable(values: dict[str, Any]) -> dict[str, Any]:
    return {name: storable_text(value) if isinstance(value, str) else value for name, value in values.items()}


def to_release(row: sa.RowMapping) -> Release:
    """Record of a row of `releases`."""
    return Release(**_named(row) | {"kind": Kind(row["kind"])})


def to_protection(row: sa.RowMapping) -> Protection:
    """Record of a row of `protections`."""
    return Protection(**_named(row))


def mark_row(mark: Mark) -> dict[str, Any]:
    """Columns of `marks`."""
    return _storable(asdict(mark))


def to_mark(row: sa.RowMapping) -> Mark:
    """Record of a row of `marks`."""
    return Mark(**_named(row) | {"kind": Kind(row["kind"])})


def to_bank_item(row: sa.RowMapping) -> BankItem:
    """Record of a row of `bank_items`."""
    return BankItem(**_named(row) | {"kind": Kind(row["kind"])})


def to_artist(row: sa.RowMapping) -> Artist:
    """Record of a row of `artists` joined with its number of photos."""
    return Artist(**_named(row))


def _named(row: sa.RowMapping) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}


def vector_bytes(vector: NDArray[np.float32]) -> bytes:
    """A descriptor, float32 (n,), as little-endian bytes."""
    if vector.ndim != 1:
        raise ValueError(f"a descriptor has one dimension, not {vector.ndim}")
    return np.ascontiguousarray(vector, dtype="<f4").tobytes()


def vector_from(data: bytes) -> NDArray[np.float32]:
    """The descriptor that `vector_bytes` wrote, float32 (n,), writable."""
    return np.frombuffer(data, dtype="<f4").astype(np.float32)
