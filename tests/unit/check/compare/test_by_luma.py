"""What kind of content differs, by looks as they were measured on real clips."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from haechi.check.compare.by_luma import NOISE, benign_kind, is_hidden, is_neighbour, is_soft
from haechi.check.compare.changes import Component
from haechi.check.compare.look import Look
from haechi.core.records import Region

# Each from one clip: flatness, contrast, steady, moved, alike, fine, hard, solid, hue.
CASES: list[tuple[str, Region, tuple[float, ...], str | None]] = [
    ("emoji on scenery", Region.BACKGROUND, (0.88, 181.7, 1.0, 0.0, -0.05, 23.2, 0.85, 0.60, 87.5), "overlay"),
    ("emoji at crf 32", Region.BODY, (0.91, 143.2, 0.54, 0.0, 0.17, 5.5, 0.47, 0.65, 84.6), "overlay"),
    ("full sticker on cloth", Region.BODY, (0.84, 116.5, 0.97, 0.0, 0.63, 2.7, 0.89, 0.89, 24.7), "overlay"),
    (
        "captions in the scene's own grey",
        Region.BACKGROUND,
        (0.96, 54.8, 0.6, 0.0, 0.03, 32.1, 1.01, 0.77, 7.6),
        "overlay",
    ),
    ("captions at crf 32", Region.NECK, (0.57, 49.1, 0.5, 0.0, 0.77, 6.1, 1.07, 0.5, 31.3), "overlay"),
    ("large captions at 240 lines", Region.BODY, (0.34, 107.7, 0.62, 0.0, 0.55, 4.7, 0.69, 0.39, 28.4), "overlay"),
    ("green heart that follows a face", Region.FACE, (0.99, 63.2, 0.37, 0.0, 0.8, 0.83, 0.41, 0.36, 56.4), "overlay"),
    ("skin painted over with skin", Region.FACE, (0.99, 63.2, 0.37, 0.0, 0.8, 0.83, 0.41, 0.36, 8.0), None),
    ("plain scenery pasted, blended in", Region.BACKGROUND, (0.88, 58.7, 1.0, 0.0, -0.38, 4.4, 0.5, 0.93, 22.4), None),
    ("the same of another colour", Region.BACKGROUND, (0.92, 63.7, 1.0, 0.0, 0.0, 4.3, 0.42, 0.95, 30.3), None),
    ("coding beside an edge", Region.BACKGROUND, (0.71, 14.3, 0.99, 0.0, 0.99, 1.1, 0.93, 0.56, 5.0), NOISE),
    ("a face a hair's breadth off", Region.FACE, (0.62, 10.4, 0.47, 0.0, 1.0, 1.0, 0.0, 0.14, 5.0), NOISE),
]


def look(values: tuple[float, ...], **others: Any) -> Look:
    names = ("flatness", "contrast", "steady", "moved", "alike", "fine", "hard", "solid", "hue")
    plain = {"face_cover": 0.0, "corner": False, "edge": False, "graded": False}
    return Look(**{**plain, **dict(zip(names, values, strict=True)), **others})


def component(region: Region) -> Component:
    return Component(region, 0, 9, np.ones((4, 4), bool), 20.0, 5, {region: 1.0})


@pytest.mark.parametrize(("name", "region", "values", "kind"), CASES, ids=[name for name, *_ in CASES])
def test_what_differs_is_told_by_its_look(
    name: str, region: Region, values: tuple[float, ...], kind: str | None
) -> None:
    assert benign_kind(component(region), look(values)) == kind


def test_scenery_hardly_off_its_own_picture_is_noise_only_while_it_is_weak() -> None:
    alike = (0.57, 21.5, 0.99, 0.0, 0.94, 1.9, 0.0, 0.6, 3.2)
    scenery = component(Region.BACKGROUND)
    assert benign_kind(replace(scenery, peak=7.6, high=7.5), look(alike)) == NOISE
    assert benign_kind(replace(scenery, peak=12.0, high=7.5), look(alike)) is None
    assert benign_kind(replace(component(Region.FACE), peak=7.6, high=7.5), look(alike)) is None


def test_a_face_smoothed_all_over_is_a_beauty_filter_and_a_small_part_of_it_is_not() -> None:
    smoothed = (0.5, 15.0, 0.6, 0.0, 0.97, 0.7, 0.2, 0.5, 3.0)
    assert benign_kind(component(Region.FACE), look(smoothed, face_cover=0.8)) == "beauty_filter"
    assert benign_kind(component(Region.FACE), look(smoothed, face_cover=0.1)) is None


def test_a_plain_patch_of_few_levels_is_a_change_where_it_stands_out_by_its_edge() -> None:
    patch = (1.0, 11.7, 0.98, 0.0, -0.01, 1.28, 0.83, 0.74, 2.8)
    scenery = component(Region.BACKGROUND)
    assert benign_kind(replace(scenery, peak=36.9, high=11.1), look(patch)) is None
    assert benign_kind(replace(scenery, peak=15.0, high=11.1), look(patch)) == NOISE
    blended = replace(look(patch), hard=0.1)
    assert benign_kind(replace(scenery, peak=36.9, high=11.1), blended) == NOISE


@pytest.mark.parametrize("steady", [0.99, 0.83])
def test_a_shade_without_an_edge_is_noise_only_while_it_is_weak(steady: float) -> None:
    shade = (1.0, 23.3, steady, 0.0, 0.71, 1.23, 0.0, 0.44, 3.0)
    scenery = component(Region.BACKGROUND)
    assert benign_kind(replace(scenery, peak=17.3, high=17.1), look(shade)) == NOISE
    assert benign_kind(replace(scenery, peak=25.0, high=17.1), look(shade)) is None
    assert benign_kind(replace(scenery, peak=17.3, high=17.1), replace(look(shade), hard=0.8)) != NOISE


def test_a_frame_alone_that_is_alike_shows_the_moment_beside_it() -> None:
    leaves = look((0.34, 42.7, 1.0, 0.18, 0.84, 1.04, 0.75, 0.03, 3.2))
    alone = replace(component(Region.BACKGROUND), last=0)
    assert is_neighbour(alone, leaves, 59)
    assert not is_neighbour(alone, leaves, 1)
    assert not is_neighbour(replace(alone, last=1), leaves, 59)
    assert not is_neighbour(alone, replace(leaves, alike=0.6), 59)
    assert is_neighbour(alone, replace(leaves, alike=0.6, contrast=38.0), 59)
    assert not is_neighbour(replace(alone, region=Region.MOUTH), leaves, 59)


def test_a_mouth_beneath_a_caption_is_a_change_and_the_rim_of_a_sticker_is_none() -> None:
    mouth = replace(component(Region.MOUTH), peak=18.0, high=7.4)
    retimed = look((0.64, 23.9, 0.22, 0.14, 0.91, 0.85, 0.73, 0.54, 5.6))
    assert is_hidden(mouth, retimed, None)
    assert not is_hidden(mouth, retimed, "overlay")
    assert not is_hidden(replace(mouth, peak=9.0), retimed, None)
    assert not is_hidden(replace(mouth, region=Region.BODY), retimed, None)
    assert not is_hidden(mouth, replace(retimed, flatness=0.9), None)
    # A star that follows a face: what was left of its tip beside the mouth.
    rim = look((0.67, 23.7, 0.52, 0.0, 0.99, 1.16, 0.94, 0.16, 14.7))
    assert not is_hidden(replace(mouth, peak=9.0, high=6.0), rim, None)


def test_eyes_of_another_moment_in_a_small_copy_are_a_change_and_coding_is_not() -> None:
    eyes = (0.41, 19.2, 0.44, 0.04, 0.98, 1.1, 0.89, 0.33, 3.4)
    face = component(Region.FACE)
    assert benign_kind(replace(face, peak=9.1, high=6.2), look(eyes)) is None
    assert benign_kind(replace(face, peak=7.1, high=6.2), look(eyes)) == NOISE
    coded = replace(look(eyes), contrast=15.5)
    assert benign_kind(replace(face, peak=9.1, high=6.2), coded) == NOISE
    assert benign_kind(replace(face, peak=9.1, high=6.2), replace(look(eyes), graded=True)) == NOISE


def test_a_faint_strip_along_the_border_of_a_marked_copy_is_no_overlay() -> None:
    strip = (0.79, 15.1, 1.0, 0.0, 0.56, 1.34, 1.0, 0.13, 5.0)
    cloth = component(Region.BODY)
    assert benign_kind(replace(cloth, peak=7.9, high=7.5), look(strip, edge=True)) == NOISE
    assert benign_kind(replace(cloth, peak=17.0, high=7.5), look(strip, edge=True)) == "overlay"


def test_detail_that_a_grade_swallows_is_no_blur_unless_much_is_missing() -> None:
    soft = (0.9, 20.0, 0.5, 0.0, 0.97, 0.6, 0.5, 0.5, 9.0)
    mouth = component(Region.MOUTH)
    assert is_soft(replace(mouth, peak=7.06, high=6.82), look(soft))
    assert not is_soft(replace(mouth, peak=7.06, high=6.82), look(soft, graded=True))
    assert is_soft(replace(mouth, peak=9.5, high=6.82), look(soft, graded=True))


def test_a_small_picture_in_a_corner_is_told_by_its_detail_or_by_colours_that_are_not_the_scenes() -> None:
    inset = (0.43, 124.4, 0.61, 0.0, 0.16, 1.76, 0.83, 0.51, 59.9)
    cloth = component(Region.BODY)
    assert benign_kind(cloth, look(inset, corner=True)) == "overlay"
    assert benign_kind(cloth, look(inset)) is None
    assert benign_kind(cloth, replace(look(inset, corner=True), hue=15.0)) is None
    assert benign_kind(cloth, replace(look(inset, corner=True), hue=15.0, fine=2.4)) == "overlay"
    assert benign_kind(cloth, replace(look(inset, corner=True), moved=0.4)) is None


def test_a_weak_soft_shade_on_a_face_is_noise_and_one_with_an_edge_or_levels_is_a_change() -> None:
    shade = (0.93, 15.3, 0.44, 0.37, 0.93, 1.53, 0.0, 0.59, 4.2)
    face = replace(component(Region.FACE), peak=9.07, high=8.9)
    assert benign_kind(face, look(shade)) == NOISE
    assert benign_kind(replace(face, peak=11.0), look(shade)) is None
    assert benign_kind(face, replace(look(shade), hard=0.6)) is None
    assert benign_kind(face, replace(look(shade), contrast=22.0)) is None


def test_what_the_frame_beside_shows_is_no_change_unless_it_is_a_face() -> None:
    # A letter typed on a still screen, in a copy that lost the frame of that moment.
    letter = (0.5, 113.2, 1.0, 0.0, 0.71, 1.0, 0.97, 1.0, 1.0)
    scenery, mouth = (replace(component(region), high=8.6) for region in (Region.BACKGROUND, Region.MOUTH))
    assert benign_kind(scenery, look(letter, beside=7.0)) == NOISE
    assert benign_kind(mouth, look(letter, beside=7.0)) is None
    assert benign_kind(scenery, look(letter, beside=40.0)) is None
    faint = (0.5, 16.0, 1.0, 0.0, 0.71, 1.0, 0.97, 1.0, 1.0)
    assert benign_kind(scenery, look(faint, beside=12.0)) is None
