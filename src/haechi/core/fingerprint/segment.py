"""One immutable part of the catalogue: the codes and landmarks of a range of stored fingerprints, on disk or in
memory.

    seg-<after>-<last>/          covers fingerprint rows after < seq <= last
      meta.json                  rows: [seq, item, item_id, algorithm]
      pdq/ orb/                  Hamming indexes, see `index`
      pdq_owner.npy orb_owner.npy  uint32 (n, 2): row number here, sample number
      audio_keys.npy             uint32 (k,), ascending; audio_owner.npy uint32 (k,); audio_times.npy float32 (k,)

A segment is written to a temporary folder, synced and renamed: a killed process leaves no half segment.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from haechi.core.durable import sync as _sync
from haechi.core.fingerprint.index import HammingIndex

_META: Final = "meta.json"
_FORMAT: Final = 1


class Row(NamedTuple):
    """Which stored fingerprint set something came from."""

    seq: int
    item: Literal["release", "bank", "exhibit"]
    item_id: str
    algorithm: str


@dataclass(frozen=True, slots=True)
class Segment:
    """See the module; `after` < seq <= `last`."""

    after: int
    last: int
    rows: tuple[Row, ...]
    pdq: HammingIndex
    pdq_owner: NDArray[np.uint32]
    orb: HammingIndex
    orb_owner: NDArray[np.uint32]
    audio_keys: NDArray[np.uint32]
    audio_owner: NDArray[np.uint32]
    audio_times: NDArray[np.float32]

    @property
    def size(self) -> int:
        """Number of codes and landmarks."""
        return len(self.pdq) + len(self.orb) + len(self.audio_keys)

    def save(self, folder: Path) -> None:
        """Write into `folder` under the segment's own name, whole or not at all."""
        part = folder / f"part-{secrets.token_hex(6)}"
        part.mkdir()
        self.pdq.save(part / "pdq")
        self.orb.save(part / "orb")
        for name in ("pdq_owner", "orb_owner", "audio_keys", "audio_owner", "audio_times"):
            np.save(part / f"{name}.npy", getattr(self, name))
        meta = {"format": _FORMAT, "after": self.after, "last": self.last, "rows": [list(row) for row in self.rows]}
        (part / _META).write_text(json.dumps(meta), encoding="utf-8")
        for file in part.rglob("*"):
            _sync(file)
        target = folder / f"seg-{self.after}-{self.last}"
        if target.exists():
            shutil.rmtree(target)
        part.rename(target)
        _sync(folder)

    @classmethod
    def load(cls, folder: Path) -> Segment:
        """Map a segment.

        Raises:
            OSError, ValueError, KeyError: missing, damaged or of another format.
        """
        meta = json.loads((folder / _META).read_text(encoding="utf-8"))
        if meta["format"] != _FORMAT:
            raise ValueError("another format")
        columns = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r")
            for name in ("pdq_owner", "orb_owner", "audio_keys", "audio_owner", "audio_times")
        }
        rows = tuple(Row(*row) for row in meta["rows"])
        pdq, orb = HammingIndex.load(folder / "pdq"), HammingIndex.load(folder / "orb")
        return cls(meta["after"], meta["last"], rows, pdq=pdq, orb=orb, **columns)


class SegmentBuilder:
    """Collects fingerprint rows into a segment."""

    def __init__(self, after: int) -> None:
        self.after = self.last = after
        self.rows: list[Row] = []
        self.size = 0
        self._pdq: list[tuple[NDArray[np.uint8], NDArray[np.uint32]]] = []
        self._orb: list[tuple[NDArray[np.uint8], NDArray[np.uint32]]] = []
        self._audio: list[tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.float32]]] = []

    def add(self, row: Row, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Add one fingerprint set; an algorithm that is not known here adds its row only."""
        number = np.uint32(len(self.rows))
        self.rows.append(row)
        self.last = row.seq
        if "orb_codes" in arrays:
            first = arrays["orb_first"].astype(np.int64)
            counts = first[1:] - first[:-1]
            samples = np.repeat(np.arange(len(counts)), counts)
            self._orb.append((np.asarray(arrays["orb_codes"], np.uint8), _owner(number, samples)))
            self._pdq.append((np.asarray(arrays["pdq"], np.uint8), _owner(number, arrays["pdq_frame"])))
            self.size += len(arrays["orb_codes"]) + len(arrays["pdq"])
        if "keys" in arrays:
            keys = np.asarray(arrays["keys"], np.uint32)
            self._audio.append((keys, np.full(len(keys), number), np.asarray(arrays["times"], np.float32)))
            self.size += len(keys)

    def add_segment(self, segment: Segment, live: set[str]) -> None:
        """Take over a segment without the rows of items that are gone."""
        keep = np.array([row.item_id in live for row in segment.rows], bool)
        number = (np.cumsum(keep) - 1 + len(self.rows)).astype(np.uint32)
        for index, owner, parts in (
            (segment.pdq, segment.pdq_owner, self._pdq),
            (segment.orb, segment.orb_owner, self._orb),
        ):
            if len(index):
                mask = keep[owner[:, 0]]
                parts.append((index.codes[mask], np.column_stack([number[owner[mask, 0]], owner[mask, 1]])))
        if len(segment.audio_keys):
            mask = keep[segment.audio_owner]
            self._audio.append((segment.audio_keys[mask], number[segment.audio_owner[mask]], segment.audio_times[mask]))
        self.rows += [row for row, kept in zip(segment.rows, keep, strict=True) if kept]
        self.last = max(self.last, segment.last)
        self.size += segment.size

    def build(self) -> Segment:
        """The segment of everything added."""
        pdq, pdq_owner = _joined(self._pdq)
        orb, orb_owner = _joined(self._orb)
        keys, owner, times = _sorted_landmarks(self._audio)
        return Segment(
            after=self.after,
            last=self.last,
            rows=tuple(self.rows),
            pdq=HammingIndex.build(pdq),
            pdq_owner=pdq_owner,
            orb=HammingIndex.build(orb),
            orb_owner=orb_owner,
            audio_keys=keys,
            audio_owner=owner,
            audio_times=times,
        )


def _owner(number: np.uint32, samples: NDArray[np.generic]) -> NDArray[np.uint32]:
    return np.column_stack([np.full(len(samples), number), samples.astype(np.uint32)]).astype(np.uint32)


def _joined(
    parts: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint32]]],
) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    if not parts:
        return np.zeros((0, 32), np.uint8), np.zeros((0, 2), np.uint32)
    codes, owners = (np.concatenate(column) for column in zip(*parts, strict=True))
    return codes, owners.astype(np.uint32)


def _sorted_landmarks(
    parts: Sequence[tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.float32]]],
) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.float32]]:
    if not parts:
        return np.zeros(0, np.uint32), np.zeros(0, np.uint32), np.zeros(0, np.float32)
    keys, owner, times = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(keys, kind="stable")
    return keys[order], owner[order].astype(np.uint32), times[order]
