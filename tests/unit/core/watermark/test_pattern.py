"""The keyed pattern and its basis."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from haechi.core.errors import InputError
from haechi.core.watermark.canvas import coefficients, from_tiles, synthesise, to_tiles
from haechi.core.watermark.pattern import COUNT, FREQUENCIES, LATTICE_ROWS, MAP, TILE, pattern_of

KEY = b"a company's key!"


def test_the_groups_share_the_band() -> None:
    pattern = pattern_of(KEY)
    lattice = np.concatenate([2 * LATTICE_ROWS, 2 * LATTICE_ROWS + 1])
    everything = np.concatenate([pattern.data_at, pattern.pilot_at, lattice])
    assert np.array_equal(np.sort(everything), np.arange(2 * COUNT))


def test_the_lattice_is_closed_under_turning_and_mirroring() -> None:
    waves = {(int(y), int(x)) for y, x in FREQUENCIES[LATTICE_ROWS]}
    whole = waves | {(-y, -x) for y, x in waves}
    assert {(x, y) for y, x in whole} == whole
    assert {(y, -x) for y, x in whole} == whole


def test_each_place_of_the_map_carries_each_bit_once() -> None:
    order = pattern_of(KEY).order
    assert np.array_equal(np.sort(order, axis=2), np.broadcast_to(np.arange(order.shape[2]), order.shape))
    assert len({order[i, j].tobytes() for i in range(MAP) for j in range(MAP)}) == MAP * MAP


def test_the_pattern_of_a_key_never_changes() -> None:
    pattern = pattern_of(KEY)
    digest = hashlib.sha256()
    for part in (pattern.data_at.astype("<i8"), pattern.pilot_at.astype("<i8"), pattern.order.astype("<i2")):
        digest.update(part.tobytes())
    digest.update(pattern.signs.tobytes() + pattern.pilot.tobytes())
    assert digest.hexdigest() == "c0a39283f852906daa7380fec3a697e26a415199f5c762839c179217b4c581ba"


def test_keys_and_labels_give_unrelated_signs() -> None:
    ours = pattern_of(KEY).signs.reshape(-1).astype(float)
    for other in (pattern_of(b"another company's"), pattern_of(KEY, "recipient")):
        assert abs(float(np.mean(ours * other.signs.reshape(-1)))) < 0.02


def test_short_keys_are_refused() -> None:
    with pytest.raises(InputError, match="16 bytes"):
        pattern_of(b"short")


def test_coefficients_and_synthesis_are_inverse() -> None:
    values = np.random.default_rng(1).normal(0, 1, (2, 3, 2 * COUNT)).astype(np.float32)
    assert np.abs(coefficients(synthesise(values)) - values).max() < 1e-4


def test_the_basis_is_orthonormal() -> None:
    values = np.zeros((1, 2 * COUNT), np.float32)
    values[0, 7] = 1
    assert float((synthesise(values) ** 2).sum()) == pytest.approx(1, abs=1e-4)


def test_tiles_go_there_and_back() -> None:
    plane = np.random.default_rng(2).normal(0, 1, (100, 150)).astype(np.float32)
    tiles = to_tiles(plane)
    assert tiles.shape == (2, 3, TILE, TILE)
    assert np.array_equal(from_tiles(tiles, 100, 150), plane)
