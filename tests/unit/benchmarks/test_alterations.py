from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from benchmarks import alterations, scenery, sound_edits
from benchmarks.clips import SAMPLE_RATE, Clip, Material, truth_of
from benchmarks.retiming import NotPossibleError

MAKERS: dict[str, Callable[..., Clip]] = {
    "mouth": lambda *a: alterations.retime(*a, "mouth"),
    "eyes": lambda *a: alterations.retime(*a, "eyes"),
    "blur": alterations.blur,
    "repaint": alterations.repaint,
    "background": scenery.background_paste,
    "body": scenery.body_other_moment,
}


@pytest.mark.parametrize("name", MAKERS)
def test_only_what_the_truth_names_changes(
    name: str, clip: Clip, material: Material, inside: slice, rng: np.random.Generator
) -> None:
    before = [frame.copy() for frame in clip.frames]
    altered = MAKERS[name](clip, material, inside, rng)
    (item,) = altered.altered
    numbers = np.round(item.times_s * clip.rate).astype(int)
    assert 5 <= len(numbers) <= 0.62 * len(before)
    assert (np.diff(numbers) == 1).all()
    for index, (old, new) in enumerate(zip(before, altered.frames, strict=True)):
        if index not in numbers:
            assert np.array_equal(old, new)
            continue
        x, y, w, h = map(int, item.boxes[index - numbers[0]])
        outside = np.ones(old.shape[:2], bool)
        outside[y : y + h, x : x + w] = False
        assert np.abs(old[outside].astype(int) - new[outside]).max() <= 2
        assert (np.abs(old.astype(int) - new).max(axis=2) > 2).any()
    assert item.visibility >= alterations.MIN_VISIBILITY[name]


def test_clip_itself_stays_as_it_was(clip: Clip, material: Material, inside: slice, rng: np.random.Generator) -> None:
    before = [frame.copy() for frame in clip.frames]
    alterations.retime(clip, material, inside, rng, "mouth")
    assert all(np.array_equal(a, b) for a, b in zip(before, clip.frames, strict=True))


def test_a_face_that_never_moves_cannot_be_retimed(
    clip: Clip, material: Material, inside: slice, rng: np.random.Generator
) -> None:
    frozen = [material.frames[0]] * len(material.frames)
    points = np.repeat(material.landmarks[:1], len(frozen), axis=0)
    still = type(material)(material.path, "still", frozen, material.rate, None, points, material.persons)
    with pytest.raises(NotPossibleError, match="hard to see"):
        alterations.retime(type(clip)(frozen[inside], clip.rate, None, clip.pieces), still, inside, rng, "mouth")


def test_no_face_is_said(clip: Clip, material: Material, inside: slice, rng: np.random.Generator) -> None:
    lost = np.full_like(material.landmarks, np.nan)
    faceless = type(material)(material.path, "x", material.frames, material.rate, None, lost, material.persons)
    with pytest.raises(NotPossibleError, match="no face"):
        alterations.blur(clip, faceless, inside, rng)


def test_plain_background_cannot_be_pasted(
    clip: Clip, material: Material, inside: slice, rng: np.random.Generator
) -> None:
    plain = [np.full_like(frame, 128) for frame in clip.frames]
    with pytest.raises(NotPossibleError, match="plain"):
        scenery.background_paste(type(clip)(plain, clip.rate, None, clip.pieces), material, inside, rng)


def test_voice_comes_from_another_moment_at_equal_loudness(
    clip: Clip, material: Material, rng: np.random.Generator
) -> None:
    altered = sound_edits.voice_other_moment(clip, material, rng)
    (item,) = altered.altered
    start, end = (round(t * SAMPLE_RATE) for t in item.times_s)
    assert item.region == "voice"
    assert np.array_equal(altered.sound[:start], clip.sound[:start])
    assert np.array_equal(altered.sound[end:], clip.sound[end:])
    assert np.abs(altered.sound[start:end] - clip.sound[start:end]).mean() > 0.01


def test_truth_is_in_probe_pixels(clip: Clip, material: Material, inside: slice, rng: np.random.Generator) -> None:
    altered = alterations.retime(clip, material, inside, rng, "mouth")
    half = type(altered)(**{f: getattr(altered, f) for f in altered.__slots__} | {"to_clip": np.diag([0.5, 0.5, 1])})
    full, small = (
        truth_of(c, material, kind="mouth_retimed", chain="crf23", benign=False, probe="p.mp4")["regions"][0]
        for c in (altered, half)
    )
    assert small["box"] == pytest.approx([v / 2 for v in full["box"]], abs=1)
    assert full["span"][1] - full["span"][0] == pytest.approx(len(altered.altered[0].times_s) / clip.rate, abs=1e-3)
    lips = material.landmarks[inside, 13]
    x, y, w, h = full["box"]
    assert x < lips[0, 0] < x + w and y < lips[0, 1] + 30 < y + h + 60
