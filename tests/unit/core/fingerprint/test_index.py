"""The Hamming index against brute force, exact at every radius, in memory and mapped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from haechi.core.fingerprint.index import HammingIndex, Hits


def flipped(codes: NDArray[np.uint8], rng: np.random.Generator, most: int) -> NDArray[np.uint8]:
    bits = np.unpackbits(codes, axis=1)
    for row in bits:
        row[rng.choice(256, int(rng.integers(0, most + 1)), replace=False)] ^= 1
    return np.packbits(bits, axis=1)


def brute(codes: NDArray[np.uint8], queries: NDArray[np.uint8], radius: int) -> list[tuple[int, int, int]]:
    distances = np.bitwise_count(codes[None] ^ queries[:, None]).sum(axis=2, dtype=np.int64)
    return [(int(q), int(i), int(distances[q, i])) for q, i in np.argwhere(distances <= radius)]


def listed(hits: Hits) -> list[tuple[int, int, int]]:
    return [tuple(map(int, row)) for row in zip(*hits, strict=True)]  # type: ignore[misc]


@pytest.mark.parametrize("radius", [0, 5, 15, 16, 31, 32, 60, 90, 256])
def test_exact_at_every_radius(radius: int) -> None:
    rng = np.random.default_rng(radius)
    codes = rng.integers(0, 256, (700, 32), np.uint8)
    codes[100:140] = codes[100]  # many hits in one bucket
    queries = flipped(codes[rng.integers(0, 700, 40)], rng, 60)
    assert listed(HammingIndex.build(codes).search(queries, radius)) == brute(codes, queries, radius)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 60), radius=st.integers(0, 45))
def test_exact_for_random_sets(seed: int, count: int, radius: int) -> None:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 256, (count, 32), np.uint8)
    queries = flipped(codes[:5], rng, 50)
    assert listed(HammingIndex.build(codes).search(queries, radius)) == brute(codes, queries, radius)


def test_probing_is_exact_where_it_does_not_scan() -> None:
    rng = np.random.default_rng(4)
    codes = rng.integers(0, 256, (60_000, 32), np.uint8)
    queries = flipped(codes[:50], rng, 31)
    assert listed(HammingIndex.build(codes).search(queries, 31)) == brute(codes, queries, 31)


def test_no_codes_and_no_queries() -> None:
    empty = np.zeros((0, 32), np.uint8)
    assert listed(HammingIndex.build(empty).search(np.zeros((3, 32), np.uint8), 31)) == []
    assert listed(HammingIndex.build(np.zeros((3, 32), np.uint8)).search(empty, 31)) == []


def test_mapped_files_answer_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 256, (300, 32), np.uint8)
    index = HammingIndex.build(codes)
    index.save(tmp_path / "index")
    loaded = HammingIndex.load(tmp_path / "index")
    assert listed(loaded.search(codes[:20], 31)) == listed(index.search(codes[:20], 31))
    assert np.array_equal(loaded.codes, codes)


def test_likely_search_finds_near_codes_and_nothing_beyond_the_radius() -> None:
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 256, (500, 32), np.uint8)
    queries = flipped(codes[:100], rng, 15)
    got = listed(HammingIndex.build(codes).search_likely(queries, 40))
    assert {(q, q) for q in range(100)} <= {(q, i) for q, i, _ in got}
    assert all(d <= 40 for *_, d in got)
