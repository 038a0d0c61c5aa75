"""Which pixels keep a mark when tones are clipped."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from haechi.core.watermark.canvas import canvas, luma
from haechi.core.watermark.pattern import pattern_of
from haechi.core.watermark.room import room_of
from haechi.core.watermark.tune import trial
from haechi.core.watermark.write import STRAIGHT, Bent, draft, host_of

KEY, PAYLOAD = b"a company's key!", 0x9123456789


def _page() -> np.ndarray:
    page = np.full((900, 700, 3), 255, np.uint8)
    for y in range(50, 880, 34):
        cv2.putText(
            page, "Haneul First Snow official", (20, y), cv2.FONT_HERSHEY_COMPLEX, 0.8, (0, 0, 0), 1, cv2.LINE_AA
        )
    return page


def test_room_is_what_brightness_and_contrast_leave_apart() -> None:
    tones = np.arange(256, dtype=np.uint8)[None].repeat(64, 0)
    share = room_of(tones, (64, 256), 0.35).share[0]
    for tone in range(256):
        kept = 0 < (tone - 128) * 1.4 + 128 < 255 and tone + 35 < 255
        assert kept == (share[tone] == 1) or abs(tone - 38) <= 2 or abs(tone - 217) <= 3
    assert share[0] == share[255] == pytest.approx(0.35)


def test_room_is_seen_in_the_picture_s_own_pixels() -> None:
    checks = np.kron(np.indices((400, 400)).sum(0) % 2, np.ones((3, 3))).astype(np.uint8) * 255
    room = room_of(checks, canvas(checks).shape, 0.0)
    assert abs(float(canvas(checks).mean()) - 127) < 3  # the canvas is grey
    assert room.mean.max() == room.energy.max() == 0  # yet nothing of it keeps a mark


def test_a_mark_that_spares_the_ends_lies_on_the_edges_of_letters_and_reads_better_in_a_brighter_copy() -> None:
    page, pattern = _page(), pattern_of(KEY)
    host, tries = host_of(page), {}
    for bent in (STRAIGHT, Bent(at_ends=0.35)):
        mark = draft(host, pattern, PAYLOAD, 40.2, bent=bent)
        tries[bent] = trial(mark, mark.drawn(), pattern, PAYLOAD)
    straight, roomy = tries.values()
    clipped = [n for n, copy in enumerate(straight.copies) if copy.clipped]
    assert len(clipped) == 2
    assert min(roomy.sights[n].score for n in clipped) > min(straight.sights[n].score for n in clipped)
    edges = (luma(page) > 40) & (luma(page) < 215)
    moved = [np.abs(one.image.astype(int) - page).mean(2)[edges].mean() for one in (straight, roomy)]
    assert moved[1] > 1.5 * moved[0]


def test_an_even_place_among_clipped_ones_bears_no_more_than_in_an_even_picture() -> None:
    logo = np.full((600, 800, 3), 255, np.uint8)
    logo[250:350, 300:500] = 128
    even = np.full_like(logo, 128)
    inside = np.s_[270:330, 320:480]
    moved = []
    for picture in (logo, even):
        drawn = draft(host_of(picture), pattern_of(KEY), PAYLOAD, 40.2, bent=Bent(at_ends=0.0)).drawn()
        moved.append((drawn.astype(float) - picture)[inside].std())
    assert moved[0] < 1.25 * moved[1]
    assert moved[0] > 0.5 * moved[1]
