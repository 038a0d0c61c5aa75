"""Matching end to end on small made media: what is found, where, and what is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from clips import Frames, camera
from haechi.check.match import Candidate, match
from haechi.core.fingerprint import fingerprint_media
from haechi.core.media.encode import write_audio
from haechi.core.media.probe import probe_media
from haechi.core.records import BankItem, Kind, Release
from haechi.core.settings import Limits
from haechi.core.store import Store, open_store

LIMITS = Limits()


def tune(seconds: float, seed: int) -> NDArray[np.float32]:
    """Notes of a random melody with overtones, 16 kHz."""
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(int(seconds / 0.16)):
        t = np.arange(2560) / 16_000
        notes = [220 * 2 ** (int(n) / 12) for n in rng.integers(0, 30, 3)]
        parts.append(sum(np.sin(2 * np.pi * f * k * t) / k for f in notes for k in (1, 2, 3)) * np.exp(-6 * t))
    return (0.1 * np.concatenate(parts)).astype(np.float32)


def landscape() -> NDArray[np.uint8]:
    """A picture with structure at every scale that shares nothing with the photograph, uint8 (512, 512, 3)."""
    rng = np.random.default_rng(21)
    out = np.zeros((512, 512, 3), np.float32)
    for step in (4, 8, 16, 32, 64):
        rough = rng.normal(0, 1, (512 // step, 512 // step, 3)).astype(np.float32)
        out += cv2.resize(rough, (512, 512), interpolation=cv2.INTER_CUBIC) * step**0.7
    return np.clip(128 + 12 * out, 0, 255).astype(np.uint8)


def registered(store: Store, path: Path, name: str, *, bank: bool = False) -> str:
    """Fingerprints of a file under an id of our choice, without a working copy."""
    info = probe_media(path, LIMITS)
    sets = fingerprint_media(path, info, LIMITS)
    if bank:
        item = BankItem(name, info.kind, f"sha256:{name}", path.name, "confirmed by a test", "2026-01-01", None)
        return store.add_bank_item(item, sets)[0].id
    release = Release(
        name, name, info.kind, f"sha256:{name}", path.name, None, None, "2026-01-01", info.duration_s, info.width,
        info.height, None,
    )  # fmt: skip
    return store.add_release(release, sets)[0].id


def matches(path: Path, store: Store) -> tuple[Candidate, ...]:
    return match(path, probe_media(path, LIMITS), store, LIMITS)


@pytest.fixture(scope="module")
def other_frames() -> Frames:
    """The camera moves otherwise, over a picture that shares nothing."""
    rng = np.random.default_rng(8)
    small = rng.integers(0, 256, (64, 64, 3), np.uint8)
    picture = np.asarray(cv2.resize(small, (512, 512), interpolation=cv2.INTER_NEAREST), np.uint8)
    return [camera(picture, 1.4 * k / 25 + 2) for k in range(75)]


@pytest.fixture(scope="module")
def store(
    tmp_path_factory: pytest.TempPathFactory,
    make_clip: Callable[..., Path],
    moving_frames: Frames,
    other_frames: Frames,
) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("match")
    opened = open_store(folder / "home")
    registered(opened, make_clip(moving_frames, audio=tune(3.0, 1)), "R-main")
    registered(opened, make_clip(other_frames, audio=tune(3.0, 2)), "R-other")
    picture = folder / "사진 한 장.png"
    picture.write_bytes(cv2.imencode(".png", landscape())[1].tobytes())
    registered(opened, picture, "R-picture")
    yield opened


def seen(candidates: tuple[Candidate, ...]) -> list[str]:
    return [c.item_id for c in candidates if c.homography is not None]


def heard(candidates: tuple[Candidate, ...]) -> list[str]:
    return [c.item_id for c in candidates if c.homography is None]


def test_empty_store(tmp_path: Path, master_clip: Path) -> None:
    assert matches(master_clip, open_store(tmp_path / "home")) == ()


def test_excerpt_is_placed_in_time(store: Store, make_clip: Callable[..., Path], moving_frames: Frames) -> None:
    probe = make_clip(moving_frames[20:70], crf=30)
    (found,) = matches(probe, store)
    (segment,) = found.segments
    assert (found.item, found.item_id, found.method) == ("release", "R-main", "video_fingerprint_v1")
    assert abs(segment.offset_s - (0.8 + segment.span.start_s)) < 0.1 and segment.speed == pytest.approx(1, abs=0.04)
    assert segment.span.duration_s > 1.5 and not segment.mirrored


def test_mirrored_scaled_and_framed(store: Store, make_clip: Callable[..., Path], moving_frames: Frames) -> None:
    frames = []
    for frame in moving_frames[10:70]:
        page = np.full((480, 640, 3), 200, np.uint8)
        page[100:340, 50:290] = cv2.resize(frame[:, ::-1], (240, 240), interpolation=cv2.INTER_AREA)
        frames.append(page)
    (found,) = matches(make_clip(frames), store)
    assert found.item_id == "R-main" and found.segments[0].mirrored
    assert found.homography is not None
    corner = np.array(found.homography).reshape(3, 3) @ np.array([50.0, 100.0, 1.0])
    assert np.allclose(corner[:2] / corner[2], [384, 0], atol=25)


def test_faster_clip(store: Store, make_clip: Callable[..., Path], moving_frames: Frames) -> None:
    (found,) = matches(make_clip(moving_frames, rate=27.0), store)
    assert found.item_id == "R-main" and found.segments[0].speed == pytest.approx(1.08, abs=0.03)


def test_joined_releases(
    store: Store, make_clip: Callable[..., Path], moving_frames: Frames, other_frames: Frames
) -> None:
    found = matches(make_clip(moving_frames + other_frames), store)
    spans = {c.item_id: c.segments[0].span for c in found}
    assert set(spans) == {"R-main", "R-other"}
    assert spans["R-main"].end_s <= 3.6 and spans["R-other"].start_s >= 2.4


def test_another_take_of_the_same_scene_is_no_match(
    store: Store, make_clip: Callable[..., Path], astronaut: NDArray[np.uint8]
) -> None:
    take = [camera(astronaut, 40 - 1.3 * k / 25 + 0.3 * np.sin(k / 5)) for k in range(75)]
    assert seen(matches(make_clip(take), store)) == []


def test_foreign_sound_and_foreign_pictures_are_told_apart(
    store: Store, make_clip: Callable[..., Path], moving_frames: Frames
) -> None:
    found = matches(make_clip(moving_frames, audio=tune(3.0, 2)), store)
    assert (seen(found), heard(found)) == (["R-main"], ["R-other"])


@pytest.mark.parametrize("speed", [1.0, 1.06])
def test_sound_alone(store: Store, tmp_path: Path, speed: float) -> None:
    sound = tune(3.0, 1)
    places = np.arange(int(len(sound) / speed)) * speed
    write_audio(tmp_path / "a.wav", np.interp(places, np.arange(len(sound)), sound).astype(np.float32), 16_000)
    (found,) = matches(tmp_path / "a.wav", store)
    assert (found.item_id, found.method) == ("R-main", "audio_fingerprint_v1")
    assert found.segments[0].speed == pytest.approx(speed, abs=0.02)


@pytest.mark.parametrize("edit", ["crop", "caption", "turned", "noise"])
def test_edited_picture(store: Store, tmp_path: Path, edit: str) -> None:
    image = landscape()
    if edit == "crop":
        image = image[60:420, 40:430]
    elif edit == "caption":
        image = image.copy()
        image[400:] = 0
        cv2.putText(image, "breaking news", (30, 470), 0, 1.5, (255, 255, 255), 3)
    elif edit == "turned":
        image = np.asarray(cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE), np.uint8)
    else:
        noise = np.random.default_rng(1).normal(0, 12, image.shape)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    path = tmp_path / "probe.jpg"
    path.write_bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])[1].tobytes())
    found = matches(path, store)
    assert found[0].item_id == "R-picture" and found[0].method == "local_features_v1"
    assert found[0].segments[0].span.duration_s == 0


def sky(seed: int) -> NDArray[np.uint8]:
    """Faint soft clouds over a slope, and little else, uint8 (300, 300, 3)."""
    rng = np.random.default_rng(seed)
    out = np.linspace(165, 205, 300)[:, None] + rng.normal(0, 1, (300, 300))
    for step in (10, 20, 50):
        rough = rng.normal(0, 1, (300 // step, 300 // step)).astype(np.float32)
        out += cv2.resize(rough, (300, 300), interpolation=cv2.INTER_CUBIC) * step**0.5 * 0.6
    return np.clip(out[..., None] * [1.0, 0.95, 0.9], 0, 255).astype(np.uint8)


@pytest.mark.parametrize("edit", ["coarse", "on a screen"])
def test_plain_picture_among_plain_pictures(tmp_path: Path, edit: str) -> None:
    opened = open_store(tmp_path / "home")
    for seed in range(8):
        path = tmp_path / f"{seed}.png"
        path.write_bytes(cv2.imencode(".png", sky(seed))[1].tobytes())
        registered(opened, path, f"R-{seed}")
    for seed in (0, 8):  # registered, and not
        image, quality = sky(seed), 20
        if edit == "on a screen":
            image, quality = np.full((640, 324, 3), 250, np.uint8), 85
            image[:50] = 40
            image[200:500, 12:312] = sky(seed)
            cv2.putText(image, "12,345 likes", (20, 560), 0, 0.7, (20, 20, 20), 2)
        probe = tmp_path / "probe.jpg"
        probe.write_bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())
        assert seen(matches(probe, opened)) == (["R-0"] if seed == 0 else [])


def test_unknown_picture_and_flat_picture(store: Store, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for name, image in (
        ("noise", rng.integers(0, 256, (300, 300, 3), np.uint8)),
        ("flat", np.full((9, 9, 3), 7, np.uint8)),
    ):
        (tmp_path / f"{name}.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())
        assert matches(tmp_path / f"{name}.png", store) == ()


def test_added_matches_at_once_and_removed_no_more(
    tmp_path: Path, make_clip: Callable[..., Path], moving_frames: Frames
) -> None:
    opened = open_store(tmp_path / "home")
    clip = make_clip(moving_frames)
    registered(opened, clip, "K-1", bank=True)
    assert [(c.item, c.item_id) for c in matches(clip, opened)] == [("bank", "K-1")]
    registered(opened, clip, "R-1")
    assert {c.item_id for c in matches(clip, open_store(tmp_path / "home"))} == {"K-1", "R-1"}
    opened.remove_bank_item("K-1")
    assert [c.item_id for c in matches(clip, opened)] == ["R-1"]


def test_kind_of_the_fixture(store: Store) -> None:
    assert {release.kind for release in store.releases()} == {Kind.VIDEO, Kind.IMAGE}
