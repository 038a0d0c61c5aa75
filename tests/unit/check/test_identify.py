"""Identification: the sample photograph against a reference made from its own versions, and against drawn artists."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.check.identify import identify
from haechi.core.media.descriptors import DESCRIPTORS
from haechi.core.media.encode import write_audio, write_video
from haechi.core.media.probe import probe_media
from haechi.core.settings import Limits
from haechi.core.store import EnrolledPhoto, Store, open_store
from haechi.register.enrol import enrol

Image = NDArray[np.uint8]
Answer = tuple[list[str], list[str], list[str]]


def view(astronaut: Image, index: int) -> Image:
    shift = np.array([[1.2, 0, -70 - 5 * index], [0, 1.2, -10 + 4 * index]], np.float64)
    crop = cv2.warpAffine(astronaut, shift, (380, 300))
    return np.asarray(np.clip(crop.astype(np.int16) + 8 * index - 16, 0, 255), np.uint8)


def drawn(seed: int) -> EnrolledPhoto:
    """A photo of nobody: random vectors."""
    rng = np.random.default_rng(seed)
    vectors = {name: rng.standard_normal(size).astype(np.float32) for name, size in DESCRIPTORS.items()}
    return EnrolledPhoto(f"{seed}.jpg", f"sha256:{seed:064x}", vectors)


@pytest.fixture(scope="module")
def enrolled(astronaut: Image, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("enrolled")
    store = open_store(folder / "home")
    store.add_artist("Nobody", "contract 1", [drawn(seed) for seed in range(3)])
    paths = []
    for index in range(4):
        paths.append(folder / f"{index}.png")
        cv2.imwrite(str(paths[-1]), view(astronaut, index))
    enrol(store, "Eileen", paths, "contract 2", models, Limits())
    return store


@pytest.fixture
def nobody(tmp_path: Path) -> Store:
    store = open_store(tmp_path / "home")
    store.add_artist("Nobody", "contract 1", [drawn(seed) for seed in range(3)])
    return store


def ask(path: Path, store: Store, models: Path) -> Answer:
    matches, findings, abstentions = identify(path, probe_media(path, Limits()), store, models, Limits())
    return (
        [match.name for match in matches],
        [finding.code for finding in findings],
        [abstention.code for abstention in abstentions],
    )


def save(folder: Path, image: Image, name: str = "probe.jpg") -> Path:
    path = folder / name
    cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 60])
    return path


def test_the_artist_is_named_in_pixels_of_the_probe(
    astronaut: Image, enrolled: Store, models: Path, tmp_path: Path
) -> None:
    path = save(tmp_path, np.asarray(cv2.resize(astronaut, (3000, 3000)), np.uint8))
    matches, (finding,), abstentions = identify(path, probe_media(path, Limits()), enrolled, models, Limits())
    assert [match.name for match in matches] == ["Eileen"]
    assert abstentions == ()
    assert finding.rank == 4
    assert "nothing about authenticity" in finding.statement
    box = matches[0].box
    assert box is not None
    assert abs(box.x + box.w / 2 - 226 * 3000 / 512) < 60
    assert matches[0].score > 2


def test_nobody_enrolled_is_like_this_face(astronaut: Image, nobody: Store, models: Path, tmp_path: Path) -> None:
    assert ask(save(tmp_path, astronaut), nobody, models) == ([], ["face_identity.none"], [])


def test_without_artists_no_face_is_looked_for(astronaut: Image, tmp_path: Path) -> None:
    store = open_store(tmp_path / "home")
    answer = ask(save(tmp_path, astronaut), store, tmp_path / "no models here")
    assert answer == ([], [], ["face_identity.no_artist_enrolled"])


def test_abstains(astronaut: Image, enrolled: Store, models: Path, tmp_path: Path) -> None:
    sky = save(tmp_path, np.full((240, 320, 3), 190, np.uint8), "sky.jpg")
    assert ask(sky, enrolled, models) == ([], [], ["face_identity.no_face"])
    small = np.asarray(cv2.resize(astronaut, (130, 130), interpolation=cv2.INTER_AREA), np.uint8)
    assert ask(save(tmp_path, small, "small.jpg"), enrolled, models) == ([], [], ["face_identity.low_quality"])
    assert ask(save(tmp_path, astronaut), enrolled, tmp_path) == ([], [], ["face_identity.no_models"])


def test_an_artist_is_at_one_place_at_a_time(astronaut: Image, enrolled: Store, models: Path, tmp_path: Path) -> None:
    twice = np.hstack([astronaut[:300], astronaut[:300, ::-1]])
    assert ask(save(tmp_path, twice), enrolled, models)[0] == ["Eileen"]


def test_video_is_fused_over_the_track(astronaut: Image, enrolled: Store, models: Path, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    still = np.full((300, 380, 3), 150, np.uint8)
    frames = [still] * 20 + [view(astronaut, index // 8) for index in range(40)]
    write_video(path, frames, 20.0)
    matches, _, _ = identify(path, probe_media(path, Limits()), enrolled, models, Limits())
    assert [match.name for match in matches] == ["Eileen"]
    assert matches[0].span.start_s == pytest.approx(1.0, abs=0.45)
    assert matches[0].span.end_s == pytest.approx(3.0, abs=0.6)


def test_sound_has_no_face(enrolled: Store, models: Path, tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    write_audio(path, np.zeros(16_000, np.float32), 16_000)
    assert ask(path, enrolled, models) == ([], [], [])
