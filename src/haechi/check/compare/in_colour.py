"""Probe and master in colour and in one geometry: what `drawn` looks at. Everything else is compared in luma."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.check.compare.geometry import Placement, warp

# A grade is fitted so many times, each time without what lies far off; and to so many pixels at the least.
N_GRADED, FEWEST_GRADED = 4, 200

Image = NDArray[np.uint8]
# The probe and what the master predicts there, BGR uint8 (h, w, 3) each.
Pair = tuple[Image, Image]


def in_colour(picture: Image, scene: Image, placement: Placement, seen: NDArray[np.bool_]) -> Pair:
    """The probe at working size and what the master predicts there.

    Args:
        picture: the probe, BGR.
        scene: the master, BGR.
        placement: of the master in the probe at working size.
        seen: bool (h, w), where the probe shows the master.
    """
    size = (seen.shape[1], seen.shape[0])
    ours = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    small = at_scale(scene, placement)
    placement = placement.rescaled(1.0, max(small.shape) / max(scene.shape))
    laid = [warp(np.ascontiguousarray(small[..., k]), placement.matrix, seen.shape) for k in range(3)]
    graded = [_graded(plane, ours[..., k], seen) for k, plane in enumerate(laid)]
    return ours, np.stack(graded, axis=-1)


def _graded(plane: Image, wanted: Image, seen: NDArray[np.bool_]) -> Image:
    """A colour plane brought to the probe's contrast and brightness; what differs is left out of the fit."""
    x, y = plane[seen].astype(np.float64), wanted[seen].astype(np.float64)
    kept = np.ones(len(x), bool)
    gain, bias = 1.0, 0.0
    for _ in range(N_GRADED):
        near_x, near_y = x[kept], y[kept]
        if len(near_x) < FEWEST_GRADED or (spread := float(near_x.var())) < 1.0:
            break
        # Least squares.
        mean_x, mean_y = float(near_x.mean()), float(near_y.mean())
        gain = float((near_x - mean_x) @ (near_y - mean_y)) / (len(near_x) * spread)
        bias = mean_y - gain * mean_x
        off = np.abs(y - gain * x - bias)
        kept = off <= max(4.0, 2.5 * float(np.median(off)))
    return np.clip(np.round(plane * gain + bias), 0, 255).astype(np.uint8)


def at_scale(picture: Image, placement: Placement) -> Image:
    """A picture of the master at about the probe's scale, so that the warp does not alias."""
    factor = placement.scale
    if factor > 0.8:
        return picture
    return np.asarray(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
