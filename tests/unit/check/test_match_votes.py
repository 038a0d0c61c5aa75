"""Which stored samples get named: rarity of features, families of one photograph, near and far hashes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.check.match_geometry import Picture
from haechi.check.match_votes import FAR_HASH_RADIUS, HASH_RADIUS, best_rows, cast_votes
from haechi.core.fingerprint import FingerprintSet
from haechi.core.fingerprint.catalogue import Catalogue
from haechi.core.fingerprint.local_features import Features
from haechi.core.records import Kind, Release
from haechi.core.store import Store, open_store

RNG = np.random.default_rng(5)
COMMON, RARE = RNG.integers(0, 256, (30, 32), np.uint8), RNG.integers(0, 256, (7, 32), np.uint8)
HASHES = RNG.integers(0, 256, (12, 32), np.uint8)
NOTHING = np.zeros((0, 32), np.uint8)

Codes = NDArray[np.uint8]


def add(store: Store, name: str, codes: Codes, bits: Codes) -> None:
    arrays = {
        "pdq": bits[None],
        "pdq_frame": np.zeros(1, np.int32),
        "orb_first": np.array([0, len(codes)], np.int32),
        "orb_codes": codes,
    }
    release = Release(name, name, Kind.IMAGE, f"sha256:{name}", name, None, None, "2026-01-01", None, 9, 9, None)
    store.add_release(release, [FingerprintSet("image_fingerprint_v1", arrays)])


def picture(codes: Codes, bits: Codes, quality: int) -> Picture:
    xy = np.zeros((len(codes), 2), np.float32)
    none = Features(NOTHING, np.zeros((0, 2), np.float32))
    return Picture(0.0, np.zeros((9, 9), np.uint8), (Features(codes, xy), none), ((bits, quality, False),), np.eye(3))


def flipped(code: Codes, count: int) -> Codes:
    bits = np.unpackbits(code)
    bits[np.random.default_rng(2).permutation(256)[:count]] ^= 1
    return np.packbits(bits)


def named(store: Store, probe: Picture, *, alone: bool = True) -> list[str]:
    catalogue = Catalogue(store)
    catalogue.refresh()
    return [catalogue.rows[row].item_id for row in best_rows(cast_votes([probe], catalogue, alone=alone))]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Ten items that share what every picture has, and one that shares little else with the probe."""
    opened = open_store(tmp_path / "home")
    for number in range(10):
        add(opened, f"R-{number}", np.concatenate([COMMON, RNG.integers(0, 256, (20, 32), np.uint8)]), HASHES[number])
    add(opened, "R-plain", RARE, HASHES[10])
    return opened


def test_few_rare_features_weigh_more_than_many_common_ones(store: Store) -> None:
    # Counted alone, each of the ten would have thirty votes and the right one seven.
    found = named(store, picture(np.concatenate([COMMON[:12], RARE]), HASHES[11], 0))
    assert found[0] == "R-plain"


def test_many_fakes_of_one_photograph_do_not_sink_below_chance(store: Store) -> None:
    family = RNG.integers(0, 256, (60, 32), np.uint8)
    for number in range(40):
        add(store, f"K-{number}", family, HASHES[11])
    found = named(store, picture(np.concatenate([family, RARE[:4]]), HASHES[11], 0), alone=False)
    assert len(found) == 5 and all(name.startswith("K-") for name in found)


@pytest.mark.parametrize(
    ("bits", "quality", "alone", "is_named"),
    [
        (HASH_RADIUS, 100, False, True),
        (HASH_RADIUS, 3, False, False),
        (HASH_RADIUS + 1, 100, False, False),
        (FAR_HASH_RADIUS, 3, True, True),
        (FAR_HASH_RADIUS + 1, 100, True, False),
    ],
)
def test_far_and_plain_hashes_name_only_for_a_picture_that_stands_alone(
    store: Store, bits: int, quality: int, alone: bool, is_named: bool
) -> None:
    found = named(store, picture(NOTHING, flipped(HASHES[10], bits), quality), alone=alone)
    assert found == (["R-plain"] if is_named else [])


def test_only_the_two_nearest_far_hashes_name(store: Store) -> None:
    for name, bits in (("R-60", 60), ("R-50", 50), ("R-40", 40)):
        add(store, name, NOTHING, flipped(HASHES[11], bits))
    assert sorted(named(store, picture(NOTHING, HASHES[11], 3))) == ["R-40", "R-50"]
