"""What people draw over a photograph is told from natural content that was put, moved or blurred there."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.check.compare.drawn import NAMES, log_odds, measure, of_one_ink
from haechi.check.compare.layers import explained

Picture = NDArray[np.uint8]
# Left, top, side of the place that differs.
X, Y, SIDE = 300, 300, 90
PLACE = np.s_[Y : Y + SIDE, X : X + SIDE]


def mask(picture: Picture) -> NDArray[np.bool_]:
    inside = np.zeros(picture.shape[:2], bool)
    inside[PLACE] = True
    return inside


def coded(picture: Picture, quality: int = 80) -> Picture:
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def disc(picture: Picture, softness: float) -> NDArray[np.float32]:
    weight = np.zeros(picture.shape[:2], np.float32)
    cv2.circle(weight, (X + SIDE // 2, Y + SIDE // 2), SIDE // 2 - 8, (1.0,), -1, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(weight, (0, 0), softness) if softness else weight)[..., None]


def drawn(picture: Picture, what: str) -> Picture:
    over = picture.copy()
    if what == "letters":
        cv2.putText(over, "LIVE", (X + 2, Y + 60), cv2.FONT_HERSHEY_DUPLEX, 1.3, (60, 220, 255), 4, cv2.LINE_AA)
        return over
    if what == "pane":
        over[Y + 20 : Y + 70, X : X + SIDE] = picture[Y + 20 : Y + 70, X : X + SIDE] * 0.45 + 0.55 * 20
        return over
    shade = np.linspace(0, 1, SIDE)[:, None, None]
    over[PLACE] = np.array([60, 220, 255]) * (1 - shade) + np.array([20, 120, 250]) * shade
    weight = disc(picture, {"shaded disc": 0.0, "soft disc": 4.0}[what])
    return np.round(weight * over + (1 - weight) * picture).astype(np.uint8)


def natural(picture: Picture, what: str) -> Picture:
    over = picture.copy()
    if what == "patch":
        over[PLACE] = np.rot90(picture[20 : 20 + SIDE, 180 : 180 + SIDE])
        return over
    if what == "blurred":
        other = cv2.GaussianBlur(picture, (0, 0), 8)
    elif what == "erased":
        inside = (disc(picture, 0)[..., 0] > 0.5).astype(np.uint8)
        return np.asarray(cv2.inpaint(picture, inside, 5, cv2.INPAINT_TELEA), np.uint8)
    else:
        other = np.roll(picture, (9, 12), axis=(0, 1))
    weight = disc(picture, 3.0)
    return np.round(weight * other + (1 - weight) * picture).astype(np.uint8)


@pytest.mark.parametrize("quality", [90, 60])
@pytest.mark.parametrize("what", ["letters", "pane", "shaded disc", "soft disc"])
def test_what_was_drawn_is_told(what: str, quality: int, astronaut: Picture) -> None:
    odds = log_odds(coded(drawn(astronaut, what), quality), astronaut, mask(astronaut))
    assert odds is not None
    assert odds > 1.0


@pytest.mark.parametrize("quality", [90, 60])
@pytest.mark.parametrize("what", ["patch", "blurred", "erased", "pushed aside"])
def test_natural_content_is_not_taken_for_drawn(what: str, quality: int, astronaut: Picture) -> None:
    odds = log_odds(coded(natural(astronaut, what), quality), astronaut, mask(astronaut))
    assert odds is not None
    assert odds < -1.0


def test_nothing_is_said_where_nothing_differs(astronaut: Picture) -> None:
    assert log_odds(astronaut, astronaut, mask(astronaut)) is None
    assert measure(astronaut, astronaut, np.zeros(astronaut.shape[:2], bool)) is None
    values = measure(drawn(astronaut, "letters"), astronaut, mask(astronaut))
    assert values is not None
    assert values.shape == (len(NAMES),)
    assert np.isfinite(values).all()


def test_another_piece_of_what_was_drawn_is_told_by_its_colour(astronaut: Picture) -> None:
    over = natural(astronaut, "patch")
    cv2.rectangle(over, (20, 20), (490, 490), (200, 60, 240), 9)
    left, right = np.zeros((2, *over.shape[:2]), bool)
    left[10:500, 12:30], right[10:500, 482:500] = True, True
    shown = coded(over)
    assert of_one_ink(shown, astronaut, left, [right])
    assert not of_one_ink(shown, astronaut, mask(astronaut), [right])
    assert not of_one_ink(shown, astronaut, left, [])
    assert not of_one_ink(astronaut, astronaut, left, [right])


def test_a_colour_at_any_opacity_is_one_layer_and_noise_is_none(astronaut: Picture) -> None:
    theirs = astronaut[PLACE].astype(np.float32)
    opacity = np.linspace(0.2, 1.0, SIDE, dtype=np.float32)[None, :, None]
    ink = np.ones(theirs.shape[:2], bool)
    laid = theirs + opacity * (np.array([255, 40, 200], np.float32) - theirs)
    assert explained(laid, theirs, ink)[0] > 0.9
    noise = np.random.default_rng(2).uniform(0, 255, theirs.shape).astype(np.float32)
    assert explained(noise, theirs, ink)[2] < 0.3
