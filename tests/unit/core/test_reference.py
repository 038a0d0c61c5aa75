"""The reference of a face, on drawn people: an identity plus a variation for each photo, as the model assumes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.core.errors import IntegrityError
from haechi.core.media.descriptors import DESCRIPTORS
from haechi.core.reference import (
    FaceReference,
    faces_of,
    features,
    likeness,
    load_references,
    load_statistics,
    reference_from_bytes,
    refresh_references,
    train_references,
)
from haechi.core.store import EnrolledPhoto, Store, open_store

Faces = NDArray[np.float32]


def person(seed: int, count: int = 30, near: Faces | None = None, distance: float = 0.5) -> Faces:
    """Features of one drawn person, float32 (count, d); `near` makes a look-alike of the person with those photos."""
    statistics, rng = load_statistics(), np.random.default_rng(seed)
    between = np.sqrt(1 - statistics.within)
    identity = between * rng.standard_normal(len(between))
    if near is not None:
        identity = (1 - distance) * near.mean(axis=0) + distance * identity
    variation = np.sqrt(statistics.within) * rng.standard_normal((count, len(between)))
    return (identity + variation).astype(np.float32)


def test_statistics_hold_nobody() -> None:
    statistics = load_statistics()
    size = sum(DESCRIPTORS.values())
    assert set(statistics.names) == set(DESCRIPTORS)
    assert statistics.projection.shape == (size, len(statistics.within))
    assert statistics.centre.shape == (size,)
    assert (statistics.within > 0).all()
    assert (statistics.within < 1).all()
    assert statistics.threshold > 1


def test_an_artist_is_told_from_strangers() -> None:
    artist = person(1)
    reference = train_references({"A": list(artist[:10])})["A"]
    assert (reference.score(artist[10:]) >= reference.threshold).mean() > 0.95
    strangers = np.concatenate([person(seed, 4) for seed in range(100, 200)])
    assert (reference.score(strangers) >= reference.threshold).mean() < 0.01


def test_training_is_deterministic_and_survives_storage() -> None:
    photos = {"A": list(person(1, 6)), "B": list(person(2, 6))}
    one, again = train_references(photos), train_references(photos)
    assert one["A"].to_bytes() == again["A"].to_bytes()
    read = reference_from_bytes(one["A"].to_bytes())
    assert read is not None
    probes = person(3, 5)
    np.testing.assert_array_equal(read.score(probes), one["A"].score(probes))


def test_another_version_is_trained_anew_and_damage_is_told() -> None:
    data = train_references({"A": list(person(1, 4))})["A"].to_bytes()
    with pytest.raises(IntegrityError, match="enrol"):
        reference_from_bytes(data[: len(data) // 2])
    with pytest.raises(IntegrityError):
        reference_from_bytes(b"")


def test_an_enrolled_look_alike_is_a_hard_negative() -> None:
    artist = person(1)
    twin = person(2, near=artist, distance=0.5)
    alone = train_references({"A": list(artist[:10])})["A"]
    together = train_references({"A": list(artist[:10]), "B": list(twin[:10])})["A"]
    assert together.score(twin[10:]).mean() < alone.score(twin[10:]).mean() - 0.5
    assert (together.score(artist[10:]) >= together.threshold).mean() > 0.9


def test_threshold_rises_where_other_artists_come_close() -> None:
    artist = person(1)
    twins = {f"T{seed}": list(person(seed, 10, near=artist, distance=0.3)) for seed in range(2, 7)}
    reference = train_references({"A": list(artist[:10]), **twins})["A"]
    assert reference.threshold > load_statistics().threshold


def test_one_photo_is_enough_to_train() -> None:
    reference = train_references({"A": [person(1)[0]], "B": []})
    assert set(reference) == {"A"}
    assert isinstance(reference["A"], FaceReference)


def test_features_and_likeness() -> None:
    rng = np.random.default_rng(3)
    vectors = {name: rng.standard_normal(size).astype(np.float32) for name, size in DESCRIPTORS.items()}
    one = features(vectors)
    assert one.dtype == np.float32
    assert likeness(one, one) == pytest.approx(1, abs=1e-5)
    photos = person(5)
    assert likeness(photos[0], photos[1]) > likeness(photos[0], person(6)[0]) + 0.2


def photo(seed: int, faces: int = 1) -> EnrolledPhoto:
    rng = np.random.default_rng(seed)
    vectors: dict[str, NDArray[np.float32]] = {}
    for number in range(faces):
        for name, size in DESCRIPTORS.items():
            vectors[name if number == 0 else f"{name}.{number}"] = rng.standard_normal(size).astype(np.float32)
    return EnrolledPhoto(f"{seed}.jpg", f"sha256:{seed:064x}", vectors)


def test_a_clip_holds_several_faces() -> None:
    assert len(faces_of(photo(1, faces=3))) == 3
    whole = photo(1)
    assert faces_of(replace(whole, descriptors={"dlib": whole.descriptors["dlib"]})) == []


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return open_store(tmp_path_factory.mktemp("home"))


def test_refresh_follows_the_artists(store: Store) -> None:
    one = store.add_artist("One", "contract 1", [photo(seed) for seed in range(4)])
    refresh_references(store)
    alone = store.references()[one.id]
    two = store.add_artist("Two", "contract 2", [photo(seed) for seed in range(10, 14)])
    assert set(load_references(store)) == {one.id, two.id}, "trained in memory until refreshed"
    refresh_references(store)
    assert store.references()[one.id] != alone
    store.remove_artist(two.id)
    refresh_references(store)
    assert store.references() == {one.id: alone}
