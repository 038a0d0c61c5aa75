"""The mark in the luma of a film, frame by frame, fast enough to go along with the encoder.

Method: the pattern of the image mark (`haechi-mark-image-v1`: the same tiles, code, lattice and map), laid out once for
the film's shape and tilted towards low frequencies, which is what strong coding leaves, as far as the picture's own
coarse structure leaves it readable. Each frame's own texture shapes it (`canvas.mask`) and each frame gets the same
mean square, so the pattern stands still while the picture moves: a reader adds frames up, and a still of the film reads
as a marked picture. At the beginning of a scene, and every `_REFRESH` frames, the mark takes account of what the
picture itself says to the reader, as `write` does; the change is faded in.
Depths of 8 to 16 bits, limited or full range: the mark is scaled with the code values and stays between black and
white, HDR signals are left as they are.
Limits: the pattern is the same all through a film, so averaging the film's frames helps to estimate it: a pointer,
never a proof.
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.media.orientation import Orientation
from haechi.core.watermark.canvas import (
    COARSE_SIGMA,
    coefficients,
    from_tiles,
    lively,
    mask,
    synthesise,
    to_tiles,
    whiten,
)
from haechi.core.watermark.code import encode
from haechi.core.watermark.decide import score_of
from haechi.core.watermark.pattern import LONG_SIDE, Pattern
from haechi.core.watermark.spread import OCTAVES, PICTURE, chips, levelled, loudness, soft_bits
from haechi.core.watermark.write import host_votes

NAME: Final = "haechi-mark-video-v1"
PSNR_DB: Final = 42.02
"""Of the luma of each frame, code values of 8 bits or their like: 42 dB, and what rounding to them takes."""
_REFRESH, _FADED = 24, 8
_CANCELLED, _MOST_ENERGY = 0.6, 0.3
_TILTS, _READABLE = (2.0, 1.5, 1.0, 0.6, 0.3, 0.1), 0.9
_SCENE = 12.0
_HALF_BOXES = (3, 3), (5, 5)
_USUALLY_LOST, _MOST_LOST = 1.06, 1.2
_BESIDE = 0.5
_UPRIGHT = Orientation()

Floats = NDArray[np.float32]


class LumaMarker:
    """Marks the luma of one film.

    Args:
        pattern: the key's choices.
        payload: 40 bits.
        shape: (h, w) of the frames as they are stored.
        displayed: (w, h) as displayed.
        orientation: how a stored frame is turned for display.
        bits: of a code value.
        levels: code values of black and white, which the mark does not go beyond; None where these are the last ones.
        psnr_db: of each frame.
        recipient: a second payload and its pattern, `_BESIDE` as strong, without a lattice.
    """

    def __init__(
        self,
        pattern: Pattern,
        payload: int,
        shape: tuple[int, int],
        *,
        displayed: tuple[int, int] | None = None,
        orientation: Orientation = _UPRIGHT,
        bits: int = 8,
        levels: tuple[int, int] | None = None,
        psnr_db: float = PSNR_DB,
        recipient: tuple[Pattern, int] | None = None,
    ) -> None:
        width, height = displayed or (shape[1], shape[0])
        factor = LONG_SIDE / max(width, height)
        self._canvas = max(1, round(height * factor)), max(1, round(width * factor))
        self._orientation, self._turned = orientation, _turned(self._canvas, orientation)
        self._shape, self._unit = shape, float(1 << (bits - 8))
        self._levels = levels
        self._rounding = 1 / 12 / self._unit**2
        self._power = 255.0**2 / 10 ** (psnr_db / 10) - self._rounding
        rows, columns = (-(-side // 64) for side in self._canvas)
        self._pattern, self._payload = pattern, payload
        self._wanted = chips(pattern, encode(payload), rows, columns)
        self._signs = np.sign(self._wanted)
        self._beside = np.zeros(self._turned, np.float32)
        if recipient is not None:
            second = chips(recipient[0], encode(recipient[1]), rows, columns, lattice=False)
            self._beside = self._unit_plane(from_tiles(synthesise(second), *self._canvas)) * np.float32(_BESIDE)
        self._from = self._to = np.zeros(self._turned, np.float32)
        self._fade, self._lost = _FADED, _USUALLY_LOST
        self._age = 0
        self._last: Floats | None = None
        self._error, self._pixels, self._most_error = 0.0, 0, 0.0

    @property
    def psnr_db(self) -> float:
        """Of all frames so far."""
        return 10 * float(np.log10(255.0**2 * self._pixels / self._error)) if self._error else 99.0

    @property
    def least_psnr_db(self) -> float:
        """Of the frame that was changed most."""
        return 10 * float(np.log10(255.0**2 / self._most_error)) if self._most_error else 99.0

    def mark(self, luma: NDArray[Any]) -> NDArray[Any]:
        """The marked luma of the next frame, uint8 or uint16 (h, w); what comes in is left alone."""
        small = shrunk(luma, self._turned)
        if self._unit != 1:
            small /= self._unit
        self._follow(small)
        share = np.float32(min(self._fade, _FADED) / _FADED)
        plane = self._to if share >= 1 else self._from * (1 - share) + self._to * share
        self._fade += 1
        plane = plane * quick_mask(small)
        plane *= np.float32(np.sqrt(self._power / max(float(np.mean(plane * plane)), 1e-9)) * self._unit)
        plane *= np.float32(self._lost)
        full = cv2.resize(plane, self._shape[::-1], interpolation=cv2.INTER_LINEAR)
        out: NDArray[Any] = cv2.add(luma, full, dtype=cv2.CV_8U if luma.dtype == np.uint8 else cv2.CV_16U)
        if self._levels is not None:  # what lay beyond them before stays
            black, white = self._levels
            np.maximum(out, np.minimum(luma, black), out=out)
            np.minimum(out, np.maximum(luma, white), out=out)
        self._account(float(cv2.norm(out, luma, cv2.NORM_L2SQR)) / self._unit**2, out.size)
        return out

    def _account(self, error: float, pixels: int) -> None:
        """Enlarging smooths, black and white clip: the next frame makes good what this one lost."""
        self._error += error
        self._pixels += pixels
        self._most_error = max(self._most_error, error / pixels)
        left = max(error / pixels - self._rounding, 1e-9)
        self._lost = float(np.clip(self._lost * np.sqrt(self._power / left), 1.0, _MOST_LOST))

    def _follow(self, small: Floats) -> None:
        """Take account of the picture at the beginning of a scene, and now and then."""
        thumb = np.asarray(cv2.resize(small, (16, 16), interpolation=cv2.INTER_AREA), np.float32)
        cut = self._last is None or float(np.abs(thumb - self._last).mean()) > _SCENE
        self._last = thumb
        self._age += 1
        if cut or self._age >= _REFRESH:
            shown = self._plane_for(small)
            self._from = shown if cut else self._to
            self._to, self._fade, self._age = shown, (_FADED if cut else 0), 0

    def _plane_for(self, small: Floats) -> Floats:
        """The pattern's plane for a picture: tilted as far as the picture itself leaves it readable."""
        upright = np.asarray(self._orientation.apply(small), np.float32)
        values, shape = coefficients(to_tiles(whiten(upright))), mask(upright)
        plane = np.zeros_like(upright)
        for tilt in _TILTS:
            wanted = self._wanted * np.exp2(-np.float32(tilt) * OCTAVES)
            answer = self._answer(upright, shape, from_tiles(synthesise(wanted), *self._canvas)) - values
            plane = from_tiles(synthesise(self._cancelled(wanted, values, answer)), *self._canvas)
            seen = levelled(values + answer)
            scores = [score_of(soft_bits(self._pattern, seen, weight=way), self._payload) for way in PICTURE[:2]]
            if max(scores) >= _READABLE:
                break
        return self._unit_plane(plane) + self._beside

    def _answer(self, upright: Floats, shape: Floats, plane: Floats) -> Floats:
        """Coefficients of the picture with a plane added at the film's strength."""
        added = plane * shape
        added *= np.float32(np.sqrt(self._power / max(float(np.mean(added * added)), 1e-9)))
        return coefficients(to_tiles(whiten(upright + added)))

    def _cancelled(self, wanted: Floats, values: Floats, answer: Floats) -> Floats:
        """The host's own votes cancelled as far as the energy allows; step 3 of `write`."""
        weight = PICTURE[0] / loudness(values)
        gain = (answer * self._signs * weight).mean(2) / (np.abs(wanted) * weight).mean(2)
        gain = np.maximum(gain, 0.25 * max(float(gain.mean()), 1e-6))[..., None]
        spare = host_votes(values, weight, self._pattern) / gain
        limit = float(np.sqrt(np.mean(wanted**2) / max(float(np.mean(spare**2)), 1e-12)))
        return np.asarray(wanted - spare * np.float32(min(_CANCELLED, _MOST_ENERGY * limit)), np.float32)

    def _unit_plane(self, plane: Floats) -> Floats:
        """Turned as frames are stored, with unit mean square."""
        turned = turned_back(plane, self._orientation)
        return turned / np.float32(max(float(np.sqrt(np.mean(turned * turned))), 1e-9))


def shrunk(luma: NDArray[Any], shape: tuple[int, int]) -> Floats:
    """Luma scaled to a shape (h, w), float32: by whole halvings, which are quick, then by less than one."""
    height, width = shape
    while luma.shape[0] >= 2 * height and luma.shape[1] >= 2 * width:
        half = luma.shape[1] // 2, luma.shape[0] // 2
        luma = cv2.resize(luma, half, interpolation=cv2.INTER_AREA)
    way = cv2.INTER_AREA if min(luma.shape[0] / height, luma.shape[1] / width) < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(luma, (width, height), interpolation=way), np.float32)


def quick_mask(small: Floats) -> Floats:
    """`canvas.mask` in a third of the time: what is coarse, and how lively a place is, taken at half the size."""
    height, width = small.shape
    half = max(1, width // 2), max(1, height // 2)
    coarse = cv2.GaussianBlur(cv2.resize(small, half, interpolation=cv2.INTER_AREA), (0, 0), COARSE_SIGMA / 2)
    fine = small - cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    power = cv2.resize(fine * fine, half, interpolation=cv2.INTER_AREA)
    power = cv2.blur(cv2.blur(power, _HALF_BOXES[0]), _HALF_BOXES[1])
    shape = lively(np.sqrt(np.maximum(power, 0)))  # the running sums of the box can end just below zero
    return np.asarray(cv2.resize(shape, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _turned(canvas: tuple[int, int], orientation: Orientation) -> tuple[int, int]:
    return canvas[::-1] if orientation.transpose else canvas


def turned_back(plane: Floats, turn: Orientation) -> Floats:
    """From display orientation to stored orientation: undo `Orientation.apply`."""
    if turn.mirror_x:
        plane = plane[:, ::-1]
    if turn.mirror_y:
        plane = plane[::-1]
    return np.ascontiguousarray(plane.T if turn.transpose else plane)
