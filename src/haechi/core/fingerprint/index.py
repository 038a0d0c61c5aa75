"""Exact search of 256-bit codes within a Hamming radius, by multi-index hashing, memory-mapped.

Method: the code is cut into m chunks. Two codes within radius r agree in at least one chunk up to floor(r / m) bits,
in fact in one of the first r mod m + 1 chunks up to floor(r / m), or in one of the others up to floor(r / m) - 1 [1].
Each chunk has a table from its value to the codes that have it, so a search opens few buckets and compares
few codes. Exact for every radius; when so many buckets would be opened that a scan is cheaper, it scans.
Files of one index are written once and never changed: codes.npy, ids.npy, offsets.npy, mapped when loaded.
[1] Norouzi, Punjani, Fleet. Fast exact search in Hamming space with multi-index hashing. TPAMI 36 (2014).
"""

from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

_BITS: Final = 256
_MIN_CHUNKS, _MAX_CHUNKS = 11, 16
_FIRST_ROOM = 32
_BUCKET_CAP = 256
_SCAN_COST, _PROBE_COST = 1.0, 8.0
"""Relative cost of comparing the next code in order, and of opening a bucket or comparing a code out of order."""

Codes = NDArray[np.uint8]
_KERNEL = threading.Lock()
"""The portable thread pool of the compiled loops takes one caller at a time."""


class Hits(NamedTuple):
    """Pairs within the radius.

    Attributes:
        query: int64 (k,) number of the query.
        entry: int64 (k,) number of the code.
        distance: int64 (k,) bits.
    """

    query: NDArray[np.int64]
    entry: NDArray[np.int64]
    distance: NDArray[np.int64]


class HammingIndex:
    """An immutable set of 256-bit codes, numbered from 0 in the order they were given."""

    def __init__(self, codes: NDArray[np.uint64], ids: NDArray[np.uint32], offsets: NDArray[np.uint32]) -> None:
        for array in (codes, ids, offsets):  # mapped files are read-only: one kind of array, compiled once
            array.flags.writeable = False
        self._codes, self._ids, self._offsets = codes, ids, offsets
        self._starts, self._widths = _layout(len(ids))
        self._table_first = np.concatenate([[0], np.cumsum((1 << self._widths) + 1)[:-1]])

    @classmethod
    def build(cls, codes: Codes) -> Self:
        """Index codes, uint8 (n, 32)."""
        from haechi.core.fingerprint.index_kernels import build_chunk

        words = _words(codes).copy()
        starts, widths = _layout(_chunk_count(len(words)))
        ids = np.empty((len(starts), len(words)), np.uint32)
        offsets = np.zeros(int(np.sum((1 << widths) + 1)), np.uint32)
        first = 0
        for chunk, (start, width) in enumerate(zip(starts.tolist(), widths.tolist(), strict=True)):
            size = (1 << width) + 1
            build_chunk(words, start, width, offsets[first : first + size], ids[chunk])
            first += size
        return cls(words, ids, offsets)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map the files that `save` wrote.

        Raises:
            OSError, ValueError: they are missing or damaged.
        """
        codes, ids, offsets = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("codes", "ids", "offsets"))
        return cls(codes, ids, offsets)

    def save(self, folder: Path) -> None:
        """Write the index to a new folder."""
        folder.mkdir(parents=True)
        np.save(folder / "codes.npy", self._codes)
        np.save(folder / "ids.npy", self._ids)
        np.save(folder / "offsets.npy", self._offsets)

    def __len__(self) -> int:
        return len(self._codes)

    @property
    def codes(self) -> Codes:
        """The codes, uint8 (n, 32)."""
        return np.asarray(self._codes).view(np.uint8).reshape(-1, _BITS // 8)

    @property
    def size_bytes(self) -> int:
        """Bytes of all arrays."""
        return self._codes.nbytes + self._ids.nbytes + self._offsets.nbytes

    def search(self, queries: Codes, radius: int) -> Hits:
        """Every code within `radius` bits of each query, uint8 (q, 32). Exact."""
        chunks = len(self._starts)
        base, rest = divmod(radius, chunks)
        radii = np.where(np.arange(chunks) <= rest, base, base - 1)
        if self._probe_cost(radii) > _SCAN_COST * len(self):
            return self._scan(queries, radius)
        return self._search(queries, radius, radii, 0)

    def search_likely(self, queries: Codes, radius: int) -> Hits:
        """Codes within `radius` that agree exactly in at least one chunk: fast, complete only up to radius m - 1.

        Of buckets with more than `_BUCKET_CAP` codes only an even selection is compared.
        """
        return self._search(queries, radius, np.zeros(len(self._starts), np.int64), _BUCKET_CAP)

    def _probe_cost(self, radii: NDArray[np.int64]) -> float:
        lookups = [_ball(int(w), int(r)) for w, r in zip(self._widths, radii, strict=True)]
        compared = [n * len(self) / (1 << int(w)) for n, w in zip(lookups, self._widths, strict=True)]
        return _PROBE_COST * (sum(lookups) + sum(compared))

    def _search(self, queries: Codes, radius: int, radii: NDArray[np.int64], cap: int) -> Hits:
        from haechi.core.fingerprint.index_kernels import search_chunks

        patterns = [_patterns(int(w), int(r)) for w, r in zip(self._widths, radii, strict=True)]
        first = np.cumsum([0, *map(len, patterns)])
        masks = np.concatenate(patterns)

        def run(words: NDArray[np.uint64], *out: NDArray[Any]) -> None:
            search_chunks(
                words, self._codes, self._starts, self._widths, radii, masks, first,
                self._table_first, self._offsets, self._ids, radius, cap, *out,
            )  # fmt: skip

        return _collect(_words(queries), run)

    def _scan(self, queries: Codes, radius: int) -> Hits:
        from haechi.core.fingerprint.index_kernels import scan

        return _collect(_words(queries), lambda words, *out: scan(words, self._codes, radius, *out))


@cache
def load_kernels() -> None:
    """Load the compiled loops in the background, once: a process's first search waits for most of a second for them.

    Should that fail, the search says so.
    """
    aside = ThreadPoolExecutor(1)
    aside.submit(_load_kernels)
    aside.shutdown(wait=False)


def _load_kernels() -> None:
    code = np.zeros((1, _BITS // 8), np.uint8)
    HammingIndex.build(code).search_likely(code, 0)


def _collect(words: NDArray[np.uint64], run: Any) -> Hits:
    """Run a kernel; queries with more hits than there was room for run again with room enough."""
    pending, room, parts = np.arange(len(words)), _FIRST_ROOM, []
    while len(pending):
        ids = np.empty((len(pending), room), np.uint32)
        distances = np.empty((len(pending), room), np.int16)
        counts = np.zeros(len(pending), np.int64)
        with _KERNEL:
            run(words[pending], ids, distances, counts)
        done = counts <= room
        mask = (np.arange(room)[None, :] < counts[:, None]) & done[:, None]
        rows, columns = np.nonzero(mask)
        parts.append((pending[rows], ids[rows, columns].astype(np.int64), distances[rows, columns].astype(np.int64)))
        pending, room = pending[~done], max(room * 4, int(counts.max(initial=0)))
    joined = [np.concatenate(column) if parts else np.zeros(0, np.int64) for column in zip(*parts, strict=True)] or [
        np.zeros(0, np.int64)
    ] * 3
    order = np.lexsort((joined[1], joined[0]))
    return Hits(joined[0][order], joined[1][order], joined[2][order])


def _words(codes: Codes) -> NDArray[np.uint64]:
    return np.ascontiguousarray(codes, np.uint8).reshape(-1, _BITS // 8).view(np.uint64)


def _chunk_count(count: int) -> int:
    """As many chunks as give about one code a bucket, but tables that stay smaller than the ids."""
    return min(_MAX_CHUNKS, max(_MIN_CHUNKS, round(_BITS / max(1.0, math.log2(max(count, 2)) - 0.6) + 0.35)))


def _layout(chunks: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    edges = np.round(np.linspace(0, _BITS, chunks + 1)).astype(np.int64)
    return edges[:-1], np.diff(edges)


def _ball(width: int, radius: int) -> int:
    return sum(math.comb(width, k) for k in range(radius + 1))


def _patterns(width: int, radius: int) -> NDArray[np.uint64]:
    """All bit patterns of `width` bits with at most `radius` ones; none for a negative radius."""
    found = [sum(1 << b for b in bits) for k in range(radius + 1) for bits in combinations(range(width), k)]
    return np.array(found, np.uint64)
