"""When natural colours may speak against an overlay, by looks as they were measured on real clips."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from haechi.check.compare.by_colour import may_be_natural
from haechi.check.compare.look import Look


def look(**values: Any) -> Look:
    plain = {"steady": 0.9, "moved": 0.0, "alike": 0.1, "face_cover": 0.0, "corner": False, "edge": False}
    return Look(**{**plain, "graded": False, **values})


def test_natural_colours_do_not_speak_against_stickers_frames_and_small_pictures() -> None:
    scenery = look(flatness=0.76, contrast=158.0, fine=2.7, hard=0.8, solid=0.98, hue=2.0)
    # A green heart on red cloth at 240 lines: its colour runs, its log odds are -3.4.
    heart = look(flatness=0.92, contrast=112.9, fine=3.3, hard=0.76, solid=0.89, hue=122.0)
    assert may_be_natural(scenery, film=True) and may_be_natural(scenery, film=False)
    assert not may_be_natural(heart, film=True) and may_be_natural(heart, film=False)
    assert may_be_natural(replace(heart, flatness=0.6), film=True)
    assert not may_be_natural(replace(scenery, edge=True), film=True)
    assert not may_be_natural(replace(scenery, corner=True), film=True)
    assert may_be_natural(replace(scenery, corner=True), film=False)
    assert not may_be_natural(replace(scenery, graded=True), film=True)
    assert may_be_natural(replace(scenery, graded=True), film=False)
