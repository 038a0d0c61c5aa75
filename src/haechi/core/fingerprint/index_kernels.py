"""Compiled loops of the Hamming index. Imported only when a search or a build needs them: compiling takes seconds.

The compiled code is cached beside the module, or in the user's cache folder, or, when neither can be written,
compiled anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
from numba import njit, prange
from numba.extending import intrinsic

F = TypeVar("F", bound=Callable[..., Any])


def _compiled(**options: Any) -> Callable[[F], F]:
    def wrap(function: F) -> F:
        try:
            return njit(cache=True, **options)(function)  # type: ignore[no-any-return]
        except RuntimeError:  # no folder for the cache can be written
            return njit(**options)(function)  # type: ignore[no-any-return]

    return wrap


def _count_bits(typing_context: Any, value: Any) -> Any:
    """Number of set bits of a uint64, one machine instruction."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return numba.uint64(numba.uint64), generate


_popcount: Any = intrinsic(_count_bits)


@_compiled()
def chunk_key(code: Any, start: int, width: int) -> Any:
    """Bits start..start+width of a code, uint64 (4,), as an integer."""
    word, shift = start >> 6, start & 63
    key = code[word] >> np.uint64(shift)
    if shift + width > 64:
        key |= code[word + 1] << np.uint64(64 - shift)
    return key & ((np.uint64(1) << np.uint64(width)) - np.uint64(1))


@_compiled()
def build_chunk(codes: Any, start: int, width: int, offsets: Any, ids: Any) -> None:
    """Counting sort of code numbers by their chunk: ids[offsets[k]:offsets[k + 1]] have key k.

    Args:
        codes: uint64 (n, 4).
        start: first bit.
        width: number of bits.
        offsets: uint32 (2**width + 1,), zeros; filled.
        ids: uint32 (n,); filled.
    """
    for i in range(codes.shape[0]):
        offsets[chunk_key(codes[i], start, width) + np.uint64(1)] += np.uint32(1)
    for k in range(1, offsets.shape[0]):
        offsets[k] += offsets[k - 1]
    place = offsets[:-1].copy()
    for i in range(codes.shape[0]):
        key = chunk_key(codes[i], start, width)
        ids[place[key]] = np.uint32(i)
        place[key] += np.uint32(1)


@_compiled()
def _distance(a: Any, b: Any) -> Any:
    return _popcount(a[0] ^ b[0]) + _popcount(a[1] ^ b[1]) + _popcount(a[2] ^ b[2]) + _popcount(a[3] ^ b[3])


@_compiled()
def _found_before(difference: Any, starts: Any, widths: Any, radii: Any, chunk: int) -> bool:
    for c in range(chunk):  # noqa: SIM110
        if _popcount(chunk_key(difference, starts[c], widths[c])) <= np.uint64(radii[c]):
            return True
    return False


@_compiled(parallel=True)
def search_chunks(
    queries: Any,
    codes: Any,
    starts: Any,
    widths: Any,
    radii: Any,
    masks: Any,
    mask_first: Any,
    table_first: Any,
    offsets: Any,
    ids: Any,
    radius: int,
    bucket_cap: int,
    out_id: Any,
    out_distance: Any,
    counts: Any,
) -> None:
    """All codes within `radius` that share a chunk with the query up to that chunk's own radius.

    Args:
        queries: uint64 (q, 4).
        codes: uint64 (n, 4).
        starts: int64 (m,), first bit of each chunk.
        widths: int64 (m,), bits of each chunk.
        radii: int64 (m,), bits that may differ in each chunk.
        masks: uint64, bit patterns of all chunks.
        mask_first: int64 (m + 1,), those of chunk c are masks[mask_first[c]:mask_first[c + 1]].
        table_first: int64 (m,) where the chunk's table begins in `offsets`.
        offsets: uint32, all tables of `build_chunk` in a row.
        ids: uint32 (m, n).
        radius: largest distance that is reported.
        bucket_cap: of a fuller bucket only this many evenly spaced entries are looked at; 0 for all.
        out_id: uint32 (q, room), filled up to room.
        out_distance: int16 (q, room), likewise.
        counts: int64 (q,); how many there are, which may be more than room.
    """
    room = out_id.shape[1]
    for q in prange(queries.shape[0]):
        query = queries[q]
        difference = np.empty(4, np.uint64)
        found = 0
        for c in range(starts.shape[0]):
            key = chunk_key(query, starts[c], widths[c])
            for k in range(mask_first[c], mask_first[c + 1]):
                slot = table_first[c] + np.int64(key ^ masks[k])
                low, high = np.int64(offsets[slot]), np.int64(offsets[slot + 1])
                step = np.int64(1)
                if bucket_cap > 0 and high - low > bucket_cap:
                    step = (high - low + bucket_cap - 1) // bucket_cap
                for place in range(low, high, step):
                    i = ids[c, place]
                    code = codes[i]
                    d = np.int64(_distance(query, code))
                    if d > radius:
                        continue
                    for w in range(4):
                        difference[w] = query[w] ^ code[w]
                    if _found_before(difference, starts, widths, radii, c):
                        continue
                    if found < room:
                        out_id[q, found] = i
                        out_distance[q, found] = d
                    found += 1
        counts[q] = found


@_compiled(parallel=True)
def scan(queries: Any, codes: Any, radius: int, out_id: Any, out_distance: Any, counts: Any) -> None:
    """As `search_chunks`, but every code is looked at."""
    room = out_id.shape[1]
    for q in prange(queries.shape[0]):
        query = queries[q]
        found = 0
        for i in range(codes.shape[0]):
            d = np.int64(_distance(query, codes[i]))
            if d <= radius:
                if found < room:
                    out_id[q, found] = i
                    out_distance[q, found] = d
                found += 1
        counts[q] = found
