"""Embedding: the mark of one payload added to the luma of a picture.

Steps:
1. Scale the luma, whiten it, take its coefficients: what the picture itself says to the reader (host interference).
2. Put the codeword's chips into tiles, shape them by the mask, and scale to the wanted PSNR.
3. Improved spread spectrum [1]: around each tile (5 x 5), cancel a share of the host's own vote on each bit, as far as
   the same energy allows; so that crops profit too.
4. Scale the mark up to the picture's size and add it to all three colours; clip, round.

[1] Malvar, Florencio. IEEE Trans. Signal Processing 51 (2003).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.watermark.canvas import (
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
from haechi.core.watermark.spread import WEIGHT, chips, lattice_at, places

_NEIGHBOURS = 5
_CANCELLED = 0.6
_MOST_ENERGY = 0.5

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


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


def write(host: Host, pattern: Pattern, payload: int, psnr_db: float, *, beside: Floats | None = None) -> Bytes:
    """The marked picture, uint8 (h, w, 3), at about the PSNR.

    Args:
        host: the picture.
        pattern: the key's choices.
        payload: 40 bits.
        psnr_db: of everything that is added.
        beside: another mark's plane, which is added too.
    """
    rows, columns = host.values.shape[:2]
    power = _power(psnr_db) - (0.0 if beside is None else float(np.mean(beside * beside)))
    codeword = encode(payload)
    wanted = chips(pattern, codeword, rows, columns)
    plane = _plane(host, wanted, power)
    answer = coefficients(to_tiles(whiten(host.scaled + plane))) - host.values
    signs = np.sign(wanted)
    # how strongly the whitened picture answers one unit of chip, per tile
    gain = (answer * signs * WEIGHT).mean(2) / (np.abs(wanted) * WEIGHT).mean(2)
    gain = np.maximum(gain, 0.25 * max(float(gain.mean()), 1e-6))[..., None]
    vote = host_votes(host.values * WEIGHT, pattern, signs)
    spare = vote * WEIGHT / gain
    share = min(_CANCELLED, _MOST_ENERGY * float(np.sqrt(np.mean(wanted**2) / max(float(np.mean(spare**2)), 1e-12))))
    spare *= np.float32(share)
    plane = _plane(host, wanted - spare, power)
    return _added(host.image_bgr, plane if beside is None else plane + beside)


def host_votes(weighed: Floats, pattern: Pattern, signs: Floats) -> Floats:
    """For each chip, what the host around its tile says about its bit, per squared weight: (rows, columns, n)."""
    rows, columns = weighed.shape[:2]
    at = places(rows, columns)
    out = np.zeros_like(weighed)
    order = pattern.order[at].astype(np.int64)
    keyed = pattern.signs[at]
    by_bit, energy = np.empty(order.shape, np.float32), np.empty(order.shape, np.float32)
    np.put_along_axis(by_bit, order, weighed[..., pattern.data_at] * keyed, 2)
    np.put_along_axis(energy, order, np.broadcast_to(WEIGHT[pattern.data_at] ** 2, order.shape), 2)
    ratio = _around(by_bit) / _around(energy)
    out[..., pattern.data_at] = np.take_along_axis(ratio, order, 2) * keyed
    chosen = lattice_at()
    out[..., chosen] = _around(np.ascontiguousarray(weighed[..., chosen])) / (
        _around(np.ones((rows, columns, 1), np.float32)) * WEIGHT[chosen] ** 2
    )
    return out


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


def _plane(host: Host, wanted: Floats, power: float) -> Floats:
    """The mark in grey levels at the canvas' size, scaled to a mean square."""
    height, width = host.scaled.shape
    plane = from_tiles(synthesise(wanted), height, width) * host.mask
    return plane * np.float32(np.sqrt(max(power, 0.01) / max(float(np.mean(plane * plane)), 1e-9)))


def _added(image_bgr: Bytes, plane: Floats) -> Bytes:
    height, width = image_bgr.shape[:2]
    way = cv2.INTER_AREA if width < plane.shape[1] else cv2.INTER_CUBIC
    full = cv2.resize(plane, (width, height), interpolation=way)
    return np.asarray(cv2.add(image_bgr, cv2.merge([full, full, full]), dtype=cv2.CV_8U), np.uint8)
