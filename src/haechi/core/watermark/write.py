"""Embedding: the mark of one payload added to the luma of a picture.

Steps:
1. Scale the luma, whiten it, take its coefficients: what the picture itself says to the reader (host interference).
2. Put the codeword's chips into tiles, shape them by the mask, and scale to the wanted PSNR. A `Bent` changes the shape
   for a picture that needs it: tilted to low frequencies, which coarse copies keep; out of almost white and almost
   black pixels, which a brighter or a harsher copy clips (`room`).
3. Improved spread spectrum [1]: around each tile (5 x 5), cancel a share of the host's own vote on each bit, as far as
   the same energy allows; so that crops profit too.
4. Scale the mark up to the picture's size and add it to all three colours; clip, round. Before that, `tune` may change
   the mark of a hard picture.

[1] Malvar, Florencio. IEEE Trans. Signal Processing 51 (2003).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.watermark.canvas import (
    LEAST_MASK,
    canvas,
    coefficients,
    from_tiles,
    luma,
    mask,
    synthesise,
    to_tiles,
    whiten,
)
from haechi.core.watermark.code import encode
from haechi.core.watermark.pattern import Pattern
from haechi.core.watermark.room import Room, room_of
from haechi.core.watermark.spread import OCTAVES, PICTURE, chips, lattice_at, loudness, places

_NEIGHBOURS = 5
_CANCELLED = 0.6
_MOST_ENERGY = 0.5

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Bent:
    """How the mark's shape differs from the usual one.

    Attributes:
        tilt: by how much amplitudes halve with each octave.
        at_ends: share of the mark that almost white and almost black pixels take.
    """

    tilt: float = 0.0
    at_ends: float = 1.0


STRAIGHT: Final = Bent()


@dataclass(frozen=True, slots=True)
class Host:
    """What embedding needs of a picture, computed once for all strengths."""

    image_bgr: Bytes
    scaled: Floats
    mask: Floats
    values: Floats


def host_of(image_bgr: Bytes) -> Host:
    """Step 1."""
    scaled = canvas(luma(image_bgr))
    return Host(image_bgr, scaled, mask(scaled), coefficients(to_tiles(whiten(scaled))))


@dataclass(frozen=True, slots=True)
class Draft:
    """A mark before it is drawn into its picture.

    Attributes:
        host: the picture; its mask says where the mark goes.
        values: the mark in coefficients, float32 (rows, columns, 2 * COUNT), relative.
        power: mean square of the mark, grey levels.
        beside: another mark's plane, which is added too, or None.
        room: where in the picture the mark goes; None for everywhere.
    """

    host: Host
    values: Floats
    power: float
    beside: Floats | None
    room: Room | None = None

    def drawn(self) -> Bytes:
        """Step 4: the marked picture, uint8 (h, w, 3)."""
        image, plane = self.host.image_bgr, _plane(self.host, self.values, self.power, self.room)
        if self.room is None:
            return _added(image, _enlarged(plane if self.beside is None else plane + self.beside, image))
        full = _enlarged(plane, image) * self.room.share
        return _added(image, full if self.beside is None else full + _enlarged(self.beside, image))

    def louder(self, by_db: float) -> Draft:
        """The same mark with more power."""
        return replace(self, power=self.power * 10 ** (by_db / 10))


def draft(
    host: Host, pattern: Pattern, payload: int, psnr_db: float, *, bent: Bent = STRAIGHT, beside: Floats | None = None
) -> Draft:
    """Steps 2 and 3: the mark of a payload for a picture.

    Args:
        host: the picture.
        pattern: the key's choices.
        payload: 40 bits.
        psnr_db: of everything that is added.
        bent: the mark's shape.
        beside: another mark's plane, which is added too.
    """
    rows, columns = host.values.shape[:2]
    power = _power(psnr_db) - (0.0 if beside is None else float(np.mean(beside * beside)))
    codeword = encode(payload)
    wanted = chips(pattern, codeword, rows, columns) * np.exp2(-np.float32(bent.tilt) * OCTAVES)
    room = room_of(luma(host.image_bgr), host.scaled.shape, bent.at_ends) if bent.at_ends < 1 else None
    plane = _plane(host, wanted, power, room)
    if room is not None:
        plane = plane * room.mean
    answer = coefficients(to_tiles(whiten(host.scaled + plane))) - host.values
    signs = np.sign(wanted)
    # how strongly the whitened picture answers one unit of chip, per tile
    weight = PICTURE[0] / loudness(host.values)
    gain = (answer * signs * weight).mean(2) / (np.abs(wanted) * weight).mean(2)
    gain = np.maximum(gain, 0.25 * max(float(gain.mean()), 1e-6))[..., None]
    spare = host_votes(host.values, weight, pattern) / gain
    share = min(_CANCELLED, _MOST_ENERGY * float(np.sqrt(np.mean(wanted**2) / max(float(np.mean(spare**2)), 1e-12))))
    return Draft(host, wanted - spare * np.float32(share), power, beside, room)


def host_votes(values: Floats, weight: Floats, pattern: Pattern) -> Floats:
    """For each chip, what takes back the host's vote around its tile on its bit: float32 (rows, columns, 2 * COUNT).

    Args:
        values: the host's coefficients float32 (rows, columns, 2 * COUNT), whitened.
        weight: of the same shape; a reader multiplies the values with it.
        pattern: the key's choices.
    """
    rows, columns = values.shape[:2]
    at = places(rows, columns)
    weighed, out = values * weight, np.zeros_like(values)
    energy_of = weight * weight
    order = pattern.order[at].astype(np.int64)
    keyed = pattern.signs[at]
    by_bit, energy = np.empty(order.shape, np.float32), np.empty(order.shape, np.float32)
    np.put_along_axis(by_bit, order, weighed[..., pattern.data_at] * keyed, 2)
    np.put_along_axis(energy, order, energy_of[..., pattern.data_at], 2)
    ratio = _around(by_bit) / _around(energy)
    out[..., pattern.data_at] = np.take_along_axis(ratio, order, 2) * keyed
    chosen = lattice_at()
    out[..., chosen] = _around(weighed[..., chosen]) / _around(energy_of[..., chosen])
    return out * weight


def _around(values: Floats) -> Floats:
    """Sums over the neighbourhood of each tile."""
    reach = _NEIGHBOURS // 2
    sums = np.pad(values, ((reach + 1, reach), (reach + 1, reach), (0, 0))).cumsum(0).cumsum(1)
    n = _NEIGHBOURS
    return np.asarray(sums[n:, n:] - sums[:-n, n:] - sums[n:, :-n] + sums[:-n, :-n], np.float32)


def second_plane(host: Host, pattern: Pattern, payload: int, psnr_db: float) -> Floats:
    """The plane of a mark without lattice, for informed readers only: float32, the canvas' size, grey levels."""
    rows, columns = host.values.shape[:2]
    return _plane(host, chips(pattern, encode(payload), rows, columns, lattice=False), 255.0**2 / 10 ** (psnr_db / 10))


def _power(psnr_db: float) -> float:
    """Mean square in grey levels that a PSNR leaves, less what rounding takes."""
    return max(float(255.0**2 / 10 ** (psnr_db / 10)) - 1 / 12, 0.01)


def _plane(host: Host, wanted: Floats, power: float, room: Room | None = None) -> Floats:
    """The mark in grey levels at the canvas' size, scaled to the mean square that it has where there is room.

    However little room there is, an even place there bears no more than it would in an even picture.
    """
    height, width = host.scaled.shape
    even = from_tiles(synthesise(wanted), height, width)
    plane = even * host.mask
    energy = float(np.mean(plane * plane if room is None else plane * plane * room.energy))
    if room is not None:
        energy = max(energy, float(np.mean(even * even)) * LEAST_MASK**2)
    return plane * np.float32(np.sqrt(max(power, 0.01) / max(energy, 1e-9)))


def _enlarged(plane: Floats, image_bgr: Bytes) -> Floats:
    """A plane of the canvas at the picture's size."""
    height, width = image_bgr.shape[:2]
    way = cv2.INTER_AREA if width < plane.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(plane, (width, height), interpolation=way), np.float32)


def _added(image_bgr: Bytes, full: Floats) -> Bytes:
    return np.asarray(cv2.add(image_bgr, cv2.merge([full, full, full]), dtype=cv2.CV_8U), np.uint8)
