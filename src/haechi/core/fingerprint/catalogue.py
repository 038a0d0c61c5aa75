"""All fingerprints of one store, ready to be searched.

The database is the truth; what stands in `store.index_folder` is derived from it and may be deleted at any time.
Refreshing, before every search:
1. Load the unbroken chain of segments that starts at the first row; delete what is damaged or left over.
2. Read the rows that came later from the database: a new entry matches at once. Enough of them become a new
   segment; many segments are merged into one.
3. Ask which items are live: what was removed stops matching at once, its codes go with the next merge.
Invariants: a segment never changes; only the holder of the lock writes or deletes; without the lock, or in a folder
that cannot be written, everything still works from memory.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from haechi.core.fingerprint.index import Hits
from haechi.core.fingerprint.segment import Row, Segment, SegmentBuilder

if TYPE_CHECKING:
    from haechi.core.fingerprint.sets import FingerprintSet
    from haechi.core.store import Store

Items = tuple[Literal["release", "bank", "exhibit"], ...]
REGISTERED: Final[Items] = ("release", "bank")
EXHIBITS: Final[Items] = ("exhibit",)
_FOLDERS: Final[Mapping[Items, str]] = {REGISTERED: "catalogue-v1", EXHIBITS: "exhibits-v1"}
"""What is searched together stands together."""
_FLUSH_SIZE: Final = 60_000
"""Codes and landmarks in memory from which on they are worth a segment."""
_SEGMENT_SIZE: Final = 4_000_000
_MAX_SEGMENTS: Final = 6
_MERGE_SIZE: Final = 12_000_000


class Found(NamedTuple):
    """Hits of a search in the whole catalogue.

    Attributes:
        query: int64 (k,) number of the query.
        row: int64 (k,) index into `Catalogue.rows`.
        place: float64 (k,) sample number of a picture, or seconds of a landmark.
        distance: int64 (k,) bits; 0 for a landmark.
    """

    query: NDArray[np.int64]
    row: NDArray[np.int64]
    place: NDArray[np.float64]
    distance: NDArray[np.int64]


class Catalogue:
    """Search over a store's fingerprints; call `refresh` before a series of searches.

    Args:
        store: holds the fingerprints.
        items: the kinds of entry that are searched.
    """

    def __init__(self, store: Store, items: Items = REGISTERED) -> None:
        self._store = store
        self._items = items
        self._folder = store.index_folder / _FOLDERS[items]
        self._segments: list[Segment] = []
        self.rows: list[Row] = []
        self._live = np.zeros(0, bool)

    def refresh(self) -> None:
        """Bring everything up to the database; see the module for the steps."""
        # 1. Segments.
        if not self._segments:
            self._segments = self._load_chain()
        # 2. Later rows.
        self._drop_if_foreign()
        live = self._store.live_items(self._items)
        on_disk = [s for s in self._segments if s.size >= _FLUSH_SIZE]
        tail = self._segments[len(on_disk) :]
        newest = self._segments[-1].last if self._segments else 0
        builder = SegmentBuilder(newest)
        built: list[Segment] = []
        for row in self._store.fingerprints(after_seq=newest, of=self._items):
            builder.add(Row(row.seq, row.item, row.item_id, row.fingerprints.algorithm), dict(row.fingerprints.arrays))
            if builder.size >= _SEGMENT_SIZE:
                built.append(builder.build())
                builder = SegmentBuilder(builder.last)
        if builder.rows:
            built.append(builder.build())
        self._segments = on_disk + self._kept(tail + built, live)
        self._merge(live)
        # 3. Live items.
        self.rows = [row for segment in self._segments for row in segment.rows]
        self._live = np.array([row.item_id in live for row in self.rows], bool)

    def is_empty(self) -> bool:
        """Nothing is registered."""
        return not self._live.any()

    def search_pdq(self, codes: NDArray[np.uint8], radius: int) -> Found:
        """Every stored picture hash within `radius` bits of each code, uint8 (q, 32)."""
        return self._joined((s.pdq.search(codes, radius), s.pdq_owner) for s in self._segments if len(s.pdq))

    def search_features(self, codes: NDArray[np.uint8], radius: int) -> Found:
        """Stored features that are probably within `radius` bits of each code, uint8 (q, 32)."""
        return self._joined((s.orb.search_likely(codes, radius), s.orb_owner) for s in self._segments if len(s.orb))

    def search_landmarks(self, keys: NDArray[np.uint32]) -> Found:
        """Every stored landmark with each of the keys, uint32 (q,)."""
        parts = []
        for segment, first in zip(self._segments, self._first_rows(), strict=True):
            low = np.searchsorted(segment.audio_keys, keys, "left")
            count = np.searchsorted(segment.audio_keys, keys, "right") - low
            query = np.repeat(np.arange(len(keys)), count)
            entry = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(low, count)
            row = segment.audio_owner[entry].astype(np.int64) + first
            parts.append((query, row, segment.audio_times[entry].astype(np.float64), np.zeros(len(row), np.int64)))
        return self._alive(parts)

    def fingerprint(self, row: int) -> FingerprintSet | None:
        """The whole set of a row; None when it was removed meanwhile."""
        seq = self.rows[row].seq
        for found in self._store.fingerprints(after_seq=seq - 1, algorithm=self.rows[row].algorithm):
            return found.fingerprints if found.seq == seq else None
        return None

    def _joined(self, parts: Iterator[tuple[Hits, NDArray[np.uint32]]]) -> Found:
        firsts = {id(s.pdq_owner): f for s, f in zip(self._segments, self._first_rows(), strict=True)}
        firsts |= {id(s.orb_owner): f for s, f in zip(self._segments, self._first_rows(), strict=True)}
        found = []
        for (query, entry, distance), owner in parts:
            owners = owner[entry].astype(np.int64)
            found.append((query, owners[:, 0] + firsts[id(owner)], owners[:, 1].astype(np.float64), distance))
        return self._alive(found)

    def _alive(
        self, parts: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]]
    ) -> Found:
        if not parts:
            return Found(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64))
        query, row, place, distance = (np.concatenate(column) for column in zip(*parts, strict=True))
        mask = self._live[row] if len(row) else np.zeros(0, bool)
        return Found(query[mask], row[mask], place[mask], distance[mask])

    def _first_rows(self) -> list[int]:
        return list(accumulate((len(s.rows) for s in self._segments[:-1]), initial=0)) if self._segments else []

    def _load_chain(self) -> list[Segment]:
        loaded = []
        for folder in self._folder.glob("seg-*"):
            try:
                loaded.append(Segment.load(folder))
            except (OSError, ValueError, KeyError, EOFError):
                with self._lock() as held:
                    if held:
                        shutil.rmtree(folder, ignore_errors=True)
        chain: list[Segment] = []
        while following := [s for s in loaded if s.after == (chain[-1].last if chain else 0)]:
            chain.append(max(following, key=lambda s: s.last))
        return chain

    def _drop_if_foreign(self) -> None:
        """Forget segments that were derived from another database, e.g. after a restored backup."""
        if not self._segments:
            return
        newest = self._segments[-1].last
        first = next(iter(self._store.fingerprints(of=self._items)), None)
        known = {(row.seq, row.item_id) for segment in self._segments for row in segment.rows}
        if first is not None and first.seq <= newest and (first.seq, first.item_id) not in known:
            self._segments = []
            with self._lock() as held:
                if held:
                    shutil.rmtree(self._folder, ignore_errors=True)

    def _kept(self, recent: list[Segment], live: set[str]) -> list[Segment]:
        """Join segments that are only in memory, and write them when they are large enough."""
        if not recent:
            return []
        size = sum(s.size for s in recent)
        joined = recent
        if len(recent) > 1 and size < 2 * _SEGMENT_SIZE:
            builder = SegmentBuilder(recent[0].after)
            for segment in recent:
                builder.add_segment(segment, live)
            joined = [builder.build()]
        return [self._written(s) if s.size >= _FLUSH_SIZE else s for s in joined]

    def _merge(self, live: set[str]) -> None:
        """Make one segment of many, without the rows of removed items."""
        if len(self._segments) <= _MAX_SEGMENTS or sum(s.size for s in self._segments) > _MERGE_SIZE:
            return
        builder = SegmentBuilder(0)
        for segment in self._segments:
            builder.add_segment(segment, live)
        old = [(s.after, s.last) for s in self._segments]
        self._segments = [self._written(builder.build())]
        with self._lock() as held:
            for after, last in old:
                if held and (after, last) != (0, self._segments[0].last):
                    shutil.rmtree(self._folder / f"seg-{after}-{last}", ignore_errors=True)

    def _written(self, segment: Segment) -> Segment:
        with self._lock() as held:
            if not held:
                return segment
            try:
                for part in self._folder.glob("part-*"):
                    shutil.rmtree(part, ignore_errors=True)
                segment.save(self._folder)
                return Segment.load(self._folder / f"seg-{segment.after}-{segment.last}")
            except OSError:
                return segment

    @contextmanager
    def _lock(self) -> Iterator[bool]:
        """Holds the writer's lock, or gives False at once when another process has it or nothing can be written."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        except OSError:
            yield False
            return
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
            else:
                yield True
        finally:
            os.close(handle)


def forget_exhibits(home: Path) -> None:
    """Delete the derived index of exhibits: what was removed from the store must not live on in it."""
    shutil.rmtree(home / "index" / _FOLDERS[EXHIBITS], ignore_errors=True)
