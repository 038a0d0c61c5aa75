"""Faces, points, persons and tracks of the sample photograph, distorted in known ways."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.core.errors import InputError
from haechi.core.media.align import cut, similarity
from haechi.core.media.decode import Frame
from haechi.core.media.descriptors import DESCRIPTORS, FaceDescriber
from haechi.core.media.faces import POINT_COUNT, FaceFinder, FaceMesh
from haechi.core.media.persons import PersonMask
from haechi.core.media.tracks import FaceTrack, track_faces

Image = NDArray[np.uint8]
FACE = (226, 125)  # centre of the face of the sample photograph, pixels
FACE_HEIGHT = 102


@pytest.fixture(scope="module")
def finder(models: Path) -> FaceFinder:
    return FaceFinder(models)


@pytest.fixture(scope="module")
def mesh(models: Path) -> FaceMesh:
    return FaceMesh(models)


@pytest.fixture(scope="module")
def points(astronaut: Image, finder: FaceFinder, mesh: FaceMesh) -> NDArray[np.float32]:
    placed = mesh.landmarks(astronaut, finder.find(astronaut)[0])
    assert placed is not None
    return placed.points


def scaled(image: Image, face_height: int) -> tuple[Image, float]:
    factor = face_height / FACE_HEIGHT
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8), factor


def test_finds_the_face(astronaut: Image, finder: FaceFinder) -> None:
    faces = finder.find(astronaut)
    assert len(faces) == 1
    box = faces[0].box
    assert abs(box.x + box.w / 2 - FACE[0]) < 8
    assert abs(box.y + box.h / 2 - FACE[1]) < 8
    assert faces[0].keypoints.shape == (6, 2)
    right, left = faces[0].keypoints[:2]
    assert right[0] < left[0], "the person's right eye lies left in the picture"


def test_no_face_in_texture(finder: FaceFinder) -> None:
    noise = np.random.default_rng(5).integers(0, 255, (360, 640, 3), np.uint8)
    blurred = np.asarray(cv2.GaussianBlur(noise, (0, 0), 5), np.uint8)
    assert finder.find(blurred) == []
    assert finder.find(np.zeros((1, 1, 3), np.uint8)) == []


@pytest.mark.parametrize("face_height", [32, 48, 96])
def test_finds_small_faces_in_full_hd(astronaut: Image, finder: FaceFinder, face_height: int) -> None:
    small, _ = scaled(astronaut, face_height)
    frame = np.full((1080, 1920, 3), 96, np.uint8)
    frame[500 : 500 + small.shape[0], 1300 : 1300 + small.shape[1]] = small
    best = finder.find(frame)[0].box
    assert abs(best.h - face_height) < 0.35 * face_height
    assert 1300 <= best.x <= 1300 + small.shape[1]


def test_finds_both_of_two_faces(astronaut: Image, finder: FaceFinder) -> None:
    assert len(finder.find(np.hstack([astronaut, astronaut[:, ::-1]]))) == 2


@pytest.mark.parametrize("face_height", [24, 40, 80, 200])
def test_mesh_keeps_its_place_at_any_size(
    astronaut: Image, finder: FaceFinder, mesh: FaceMesh, points: NDArray[np.float32], face_height: int
) -> None:
    other, factor = scaled(astronaut, face_height)
    placed = mesh.landmarks(other, finder.find(other)[0])
    assert placed is not None
    assert placed.points.shape == (POINT_COUNT, 2)
    error = np.abs(placed.points / factor - points).mean() / FACE_HEIGHT
    assert error < (0.03 if face_height < 30 else 0.015)


@pytest.mark.parametrize("angle", [-30, 20])
def test_mesh_follows_a_turn(
    astronaut: Image, finder: FaceFinder, mesh: FaceMesh, points: NDArray[np.float32], angle: int
) -> None:
    turn = cv2.getRotationMatrix2D(FACE, angle, 1.0)
    turned = np.asarray(cv2.warpAffine(astronaut, turn, (512, 512), borderMode=cv2.BORDER_REFLECT), np.uint8)
    placed = mesh.landmarks(turned, finder.find(turned)[0])
    assert placed is not None
    expected = points @ turn[:, :2].T + turn[:, 2]
    assert np.abs(placed.points - expected).mean() / FACE_HEIGHT < 0.02


def test_mesh_at_the_picture_border(astronaut: Image, finder: FaceFinder, mesh: FaceMesh) -> None:
    halved = np.ascontiguousarray(astronaut[:, 205:])
    faces = finder.find(halved)
    assert faces
    assert faces[0].box.x == 0
    assert mesh.landmarks(halved, faces[0]) is not None


def test_iris_points_lie_in_the_eyes(astronaut: Image, points: NDArray[np.float32], models: Path) -> None:
    for centre, (outer, inner) in ((468, (33, 133)), (473, (362, 263))):
        assert points[outer, 0] < points[centre, 0] < points[inner, 0]
        assert np.hypot(*(points[centre] - points[[outer, inner]].mean(axis=0))) < 5
    plain = FaceMesh(models, iris=False).follow(astronaut, points)
    assert plain is not None
    assert np.abs(plain.points[[468, 473]] - points[[468, 473]]).max() < 5


def test_mesh_says_when_there_is_no_face(mesh: FaceMesh, points: NDArray[np.float32]) -> None:
    assert mesh.follow(np.full((512, 512, 3), 120, np.uint8), points) is None


def test_weights_must_be_pulled(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="models pull"):
        FaceFinder(tmp_path)


@pytest.mark.parametrize("wide", [False, True])
def test_person_mask(astronaut: Image, models: Path, wide: bool) -> None:
    picture = astronaut[:320] if wide else astronaut
    mask = PersonMask(models).mask(np.ascontiguousarray(picture))
    assert mask.shape == picture.shape[:2]
    assert mask.dtype == np.float32
    assert mask[FACE[1], FACE[0]] > 0.9
    assert mask[60, 330:350].mean() < 0.1
    assert 0.2 < mask.mean() < 0.8


def test_similarity_is_recovered() -> None:
    source = np.array([[0, 0], [10, 0], [3, 8], [7, 2]], np.float32)
    truth = np.array([[1.2, -0.5, 4.0], [0.5, 1.2, -7.0]])
    np.testing.assert_allclose(
        similarity(source, (source @ truth[:, :2].T + truth[:, 2]).astype(np.float32)), truth, atol=1e-5
    )


def test_cut_averages_when_it_shrinks() -> None:
    checker = (np.indices((256, 256)).sum(axis=0) % 2 * 255).astype(np.uint8)
    crop = cut(np.dstack([checker] * 3), np.array([[0.25, 0, 0], [0, 0.25, 0]]), 64)
    assert np.abs(crop[8:-8, 8:-8].astype(int) - 127).max() <= 1


def test_descriptors_survive_what_posts_do(
    astronaut: Image, finder: FaceFinder, mesh: FaceMesh, points: NDArray[np.float32], models: Path
) -> None:
    describer = FaceDescriber(models)
    first = describer.describe(astronaut, points)
    assert {name: len(vector) for name, vector in first.vectors.items()} == DESCRIPTORS
    jpeg = cv2.imdecode(cv2.imencode(".jpg", astronaut, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_COLOR)
    for changed in (np.ascontiguousarray(astronaut[:, ::-1]), np.asarray(jpeg, np.uint8), scaled(astronaut, 70)[0]):
        placed = mesh.landmarks(changed, finder.find(changed)[0])
        assert placed is not None
        again = describer.describe(changed, placed.points)
        assert again.quality.problem is None
        for name in DESCRIPTORS:
            assert np.linalg.norm(again.vectors[name]) == pytest.approx(1, abs=1e-5)
            assert first.vectors[name] @ again.vectors[name] > 0.9


def test_quality_gate(
    astronaut: Image, finder: FaceFinder, mesh: FaceMesh, points: NDArray[np.float32], models: Path
) -> None:
    describer = FaceDescriber(models)
    tiny, _ = scaled(astronaut, 24)
    placed = mesh.landmarks(tiny, finder.find(tiny)[0])
    assert placed is not None
    assert describer.quality(tiny, placed.points).problem == "the face is too small"
    blurred = np.asarray(cv2.GaussianBlur(astronaut, (0, 0), 6), np.uint8)
    assert describer.quality(blurred, points).problem == "the face is blurred"
    dark = (astronaut // 12).astype(np.uint8)
    assert describer.quality(dark, points).problem == "the face is too dark or too bright"
    good = describer.quality(astronaut, points)
    assert good.problem is None
    assert good.weight > 0.8


def moving(astronaut: Image, count: int = 45, rate: float = 30.0) -> Iterator[Frame]:
    """The face wanders 60 pixels to the right."""
    for index in range(count):
        shift = np.array([[1, 0, 60 * index / count], [0, 1, 0]], np.float64)
        moved = cv2.warpAffine(astronaut, shift, (512, 512), borderMode=cv2.BORDER_REPLICATE)
        yield Frame(index / rate, np.asarray(moved[:300], np.uint8), index == 0)


def middle(track: FaceTrack) -> NDArray[np.float32]:
    return track.landmarks[:, 1]


def test_track_follows_the_face(astronaut: Image, models: Path) -> None:
    (track,) = track_faces(moving(astronaut), models)
    steps = np.diff(track.times_s)
    assert steps.min() == pytest.approx(2 / 30, abs=1e-6), "every second frame of 30 a second"
    assert track.seen.all()
    travelled = middle(track)[-1] - middle(track)[0]
    assert travelled[0] == pytest.approx(60 * (track.times_s[-1] * 30) / 45, abs=2)
    assert abs(travelled[1]) < 2
    between = track.at(float(track.times_s[3:5].mean()))
    assert between is not None
    np.testing.assert_allclose(between, track.landmarks[3:5].mean(axis=0), atol=1e-3)
    assert track.at(99.0) is None


def test_gap_is_bridged(astronaut: Image, models: Path) -> None:
    frames = list(moving(astronaut))
    for index in range(20, 30):  # a hand for a third of a second
        frames[index].image[60:190, 150:330] = 150
    (track,) = track_faces(frames, models)
    hidden = (track.times_s >= 20 / 30) & (track.times_s < 30 / 30)
    assert not track.seen[hidden].any()
    assert track.seen[~hidden].all()
    steps = np.diff(middle(track)[:, 0])
    assert steps.min() > -1.5, "the bridge runs evenly"


def test_cut_ends_a_track(astronaut: Image, models: Path) -> None:
    first = list(moving(astronaut, 16))
    scene = np.ascontiguousarray(astronaut[:300, ::-1] // 2)
    second = [Frame(16 / 30 + index / 30, scene.copy(), False) for index in range(16)]
    tracks = track_faces([*first, *second], models)
    assert len(tracks) == 2
    assert tracks[0].times_s[-1] < 16 / 30 <= tracks[1].times_s[0] + 1e-9


def test_no_faces_no_tracks(models: Path) -> None:
    grey = [Frame(index / 10, np.full((90, 160), 128, np.uint8), True) for index in range(5)]
    assert track_faces(grey, models) == []
    assert track_faces([], models) == []
