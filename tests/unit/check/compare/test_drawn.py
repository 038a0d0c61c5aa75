"""What people draw over a photograph is told from natural content that was put, moved or blurred there."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.check.compare.drawn import NAMES, log_odds, measure, of_one_ink
from haechi.check.compare.layers import explained
from haechi.core.media.decode import FrameRequest, read_frames
from haechi.core.media.encode import write_video
from haechi.core.settings import Limits

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


def filmed(picture: Picture, crf: int) -> Picture:
    """A frame of a short film in which the camera pans over a picture, as read back in the picture's own place."""
    frames = [np.asarray(np.roll(picture, 2 * k, axis=1)) for k in range(5)]
    return np.asarray(np.roll(coded_film(frames, crf)[-1], -8, axis=1))


def coded_film(frames: list[Picture], crf: int) -> list[Picture]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        write_video(path, frames, 25.0, crf=crf)
        with read_frames(path, Limits(), FrameRequest()) as stream:
            return [frame.image for frame in stream]


@pytest.mark.parametrize("crf", [23, 32])
@pytest.mark.parametrize("what", ["letters", "pane", "shaded disc", "soft disc"])
def test_what_was_drawn_is_told_in_films(what: str, crf: int, astronaut: Picture) -> None:
    odds = log_odds(filmed(drawn(astronaut, what), crf), astronaut, mask(astronaut), film=True)
    assert odds is not None
    assert odds > 1.0


@pytest.mark.parametrize("crf", [23, 32])
@pytest.mark.parametrize("what", ["patch", "blurred", "erased", "pushed aside"])
def test_natural_content_of_films_is_not_taken_for_drawn(what: str, crf: int, astronaut: Picture) -> None:
    odds = log_odds(filmed(natural(astronaut, what), crf), astronaut, mask(astronaut), film=True)
    assert odds is not None
    assert odds < -1.0


def test_what_luma_does_not_show_of_a_drawing_is_found_by_its_colour() -> None:
    rng = np.random.default_rng(4)
    wall = np.clip(170 + rng.normal(0, 3, (240, 320, 1)) + np.zeros(3), 0, 255).astype(np.uint8)
    face = wall.copy()
    whole, eyes = np.zeros((2, *wall.shape[:2]), np.uint8)
    # As bright as the wall: luma shows the eyes alone.
    for picture, colour in ((face, (28, 186, 195)), (whole, (1,))):
        cv2.circle(picture, (160, 120), 45, colour, -1, cv2.LINE_AA)
    for x in (145, 175):
        cv2.circle(face, (x, 108), 6, (90, 90, 90), -1, cv2.LINE_AA)
        cv2.circle(eyes, (x, 108), 7, (1,), -1)
    shown = coded_film([face] * 3, 28)[-1]
    odds = log_odds(shown, wall, eyes > 0, film=True)
    assert odds is not None
    assert odds > 2.5
    assert odds == log_odds(shown, wall, (whole | eyes) > 0, film=True)


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
