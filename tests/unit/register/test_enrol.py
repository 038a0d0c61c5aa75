"""Enrolment with versions of the sample photograph; another person is made by exchanging the describer's answer."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.core.errors import InputError, PolicyError
from haechi.core.media.descriptors import Description, FaceDescriber
from haechi.core.media.encode import write_video
from haechi.core.reference import faces_of
from haechi.core.settings import Limits
from haechi.core.store import Store
from haechi.register.enrol import EnrolResult, enrol, remove_artist

Image = NDArray[np.uint8]


def save(folder: Path, name: str, image: Image) -> Path:
    path = folder / name
    assert cv2.imwrite(str(path), image)
    return path


def close_up(astronaut: Image, index: int) -> Image:
    """The head and shoulders, a little different for each index."""
    shift = np.array([[1.3, 0, -90 - 4 * index], [0, 1.3, -20 + 3 * index]], np.float64)
    crop = cv2.warpAffine(astronaut, shift, (360, 300))
    return np.asarray(np.clip(crop.astype(np.int16) + 6 * index - 12, 0, 255), np.uint8)


@pytest.fixture
def photos(astronaut: Image, tmp_path: Path) -> list[Path]:
    return [save(tmp_path, f"사진 {index}.png", close_up(astronaut, index)) for index in range(4)]


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture whose upper left pixel is pure red shows somebody else."""
    true_describe = FaceDescriber.describe

    def describe(self: FaceDescriber, image: Image, points: NDArray[np.float32]) -> Description:
        told = true_describe(self, image, points)
        if tuple(image[0, 0]) != (0, 0, 255):
            return told
        rng = np.random.default_rng(1)
        vectors = {name: rng.standard_normal(len(old)).astype(np.float32) for name, old in told.vectors.items()}
        return Description(vectors, told.quality)

    monkeypatch.setattr(FaceDescriber, "describe", describe)


def run(store: Store, paths: list[Path], models: Path, consent: str = "contract 2026-114") -> EnrolResult:
    return enrol(store, "Eileen", paths, consent, models, Limits())


def reasons(result: EnrolResult) -> dict[str, str]:
    return {path.name: reason for path, reason in result.rejected}


@pytest.mark.parametrize("consent", ["", "  \t"])
def test_refuses_without_consent_and_reads_nothing(store: Store, models: Path, consent: str) -> None:
    with pytest.raises(PolicyError, match="consent"):
        run(store, [Path("/does/not/exist.jpg")], models, consent)
    assert store.artists() == []


def test_enrols_and_keeps_vectors_only(store: Store, photos: list[Path], models: Path) -> None:
    told: list[float] = []
    result = enrol(store, "Eileen", photos, "contract 2026-114", models, Limits(), told.append)
    assert result.accepted == tuple(photos)
    assert result.rejected == ()
    assert result.artist.photo_count == 4
    assert result.artist.consent == "contract 2026-114"
    assert "at least" in result.notes[0]
    assert told[-1] == 1.0
    assert set(store.references()) == {result.artist.id}
    assert {photo.source_name for photo in store.artist_photos(result.artist.id)} == {path.name for path in photos}


def test_says_why_a_photo_is_rejected(
    astronaut: Image, store: Store, photos: list[Path], models: Path, tmp_path: Path
) -> None:
    empty = save(tmp_path, "sky.png", np.full((200, 300, 3), 180, np.uint8))
    two = save(tmp_path, "two.png", np.hstack([astronaut[:300], astronaut[:300, ::-1]]))
    tiny = save(tmp_path, "tiny.png", np.asarray(cv2.resize(astronaut, (120, 120)), np.uint8))
    text = tmp_path / "notes.jpg"
    text.write_text("not a picture")
    result = run(store, [*photos, empty, two, tiny, text, tmp_path / "gone.jpg"], models)
    assert len(result.accepted) == 4
    told = reasons(result)
    assert told["sky.png"] == "no face was found"
    assert told["two.png"].startswith("more than one face")
    assert told["tiny.png"] == "the face is too small"
    assert set(told) == {"sky.png", "two.png", "tiny.png", "notes.jpg", "gone.jpg"}


@pytest.mark.usefixtures("stranger")
@pytest.mark.parametrize("count", [1, 4])
def test_rejects_a_face_unlike_the_others(
    astronaut: Image, store: Store, photos: list[Path], models: Path, tmp_path: Path, count: int
) -> None:
    other = close_up(astronaut, 2)
    other[0, 0] = (0, 0, 255)
    intruder = save(tmp_path, "other.png", other)
    result = run(store, [*photos[:count], intruder], models)
    assert reasons(result) == {"other.png": "the face is unlike the others"}
    again = [save(tmp_path, "later.png", other)]
    with pytest.raises(InputError, match="unlike the others"):
        run(store, again, models)
    assert store.artists()[0].photo_count == count


def test_nothing_usable_is_an_error_and_leaves_nothing(store: Store, models: Path, tmp_path: Path) -> None:
    empty = save(tmp_path, "sky.png", np.full((200, 300, 3), 180, np.uint8))
    with pytest.raises(InputError, match=r"sky.png: no face was found"):
        run(store, [empty], models)
    with pytest.raises(InputError, match="none was given"):
        run(store, [], models)
    with pytest.raises(InputError, match="name"):
        enrol(store, " ", [empty], "contract 1", models, Limits())
    assert store.artists() == []


def test_a_clip_gives_several_faces(astronaut: Image, store: Store, models: Path, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_video(path, [close_up(astronaut, index // 12) for index in range(36)], 12.0)
    result = run(store, [path], models)
    (photo,) = store.artist_photos(result.artist.id)
    assert 2 <= len(faces_of(photo)) <= 6


def test_removal_takes_the_reference_away(store: Store, photos: list[Path], models: Path) -> None:
    artist = run(store, photos[:2], models).artist
    assert remove_artist(store, artist.id)
    assert store.artists() == []
    assert store.references() == {}
    assert not remove_artist(store, artist.id)
