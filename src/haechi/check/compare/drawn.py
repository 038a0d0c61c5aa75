"""Whether what differs was drawn (text, sticker, logo, mark, button, frame) or is natural content put there.

What people draw is made of few colours, even or evenly shaded or see-through, and brings edges of its own; natural
content has grain and shading everywhere, and what was blurred, pushed aside, erased or blended in brings no edge.
Method: 34 measurements of the differing pixels, in colour (NAMES), go through five small networks of one hidden layer
each, whose mean is the log odds. They were trained on pictures with graphics and with true alterations, coded as
re-posts of photographs are, and others as films are: `benchmarks/drawn.py`, models/drawn.md.
Limits: under 16 differing pixels nothing is told. Plain natural content with a sharp outline looks drawn, thin and
faint graphics on a rich picture may not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from io import BytesIO
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.check.compare.layers import explained, pure
from haechi.check.compare.look import in_few_tones

NAMES: Final = (
    *("new_edge_50", "new_edge_80", "new_edge_95", "edge_gain", "edge_50", "edge_20", "edge_90", "edge_inside_10"),
    *("sparse", "even_5", "even_3", "even_through", "glass", "step", "hard"),
    *("layer_1", "layer_2", "layer_3", "colour_1", "colour_3"),
    *("chroma_50", "chroma_80", "apart_50", "apart_90", "area", "extreme", "tones", "one_way"),
    *("alike", "fine", "alike_coarse", "blur_left", "shift_left", "grain"),
)
WEIGHTS: Final = "drawn.npz"
WEIGHTS_FILM: Final = "drawn_film.npz"
# How far around what differs is looked at, pixels.
REACH: Final = 12
FEWEST_PIXELS: Final = 16
LEAST_APART, APART_SHARE = 10.0, 0.3
# From how many levels on colours beside a difference belong to it, and from which share of its own strength on.
LEAST_SEEN, SEEN_SHARE, LARGEST = 20.0, 0.4, 0.3
# Levels within which a colour is the same, and the share of the pixels that must have it.
SAME_INK, MOSTLY = 14.0, 0.6
BLURS: Final = (1.5, 3.0, 6.0, 10.0)

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Patch:
    """The surroundings of what differs.

    Attributes:
        ours: the probe, float32 (h, w, 3), BGR levels.
        theirs: what the master predicts, same shape.
        luma: of the probe, float32 (h, w).
        plain: luma of what the master predicts.
        apart: largest difference of a channel, float32 (h, w), levels.
        ink: bool (h, w), the pixels that differ.
    """

    ours: Floats
    theirs: Floats
    luma: Floats
    plain: Floats
    apart: Floats
    ink: Flags


def log_odds(probe: Picture, expected: Picture, mask: Flags, *, film: bool = False) -> float | None:
    """Natural log odds that the content was drawn; None where too few pixels differ.

    Args:
        probe: BGR uint8 (h, w, 3).
        expected: what the master predicts, in the same geometry and colours.
        mask: bool (h, w), where a difference was found.
        film: whether they are frames of films, whose coding leaves other traces than a photograph's.
    """
    values = measure(probe, expected, _whole(probe, expected, mask) if film else mask)
    if values is None:
        return None
    return float(odds_of(values[None], _weights(WEIGHTS_FILM if film else WEIGHTS))[0])


def odds_of(values: NDArray[Any], weights: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """Natural log odds (n,) of measurements (n, 34), by the networks that `benchmarks/drawn.py` fits.

    Args:
        values: rows of NAMES.
        weights: `middle` and `width` (34,), `in` (k, 34, h), `in_bias` (k, h), `out` (k, h), `out_bias` (k,).
    """
    x = np.clip((values - weights["middle"]) / weights["width"], -4.0, 4.0)
    hidden = np.tanh(np.einsum("nf,kfh->nkh", x, weights["in"]) + weights["in_bias"])
    return np.asarray((np.einsum("nkh,kh->nk", hidden, weights["out"]) + weights["out_bias"]).mean(axis=1))


def of_one_ink(probe: Picture, expected: Picture, mask: Flags, drawn: Sequence[Flags]) -> bool:
    """Whether what differs has the colours of what was drawn elsewhere on the same picture: another piece of that.

    Args:
        probe: BGR uint8 (h, w, 3).
        expected: what the master predicts, in the same geometry and colours.
        mask: bool (h, w), where a difference was found.
        drawn: masks of what was drawn.
    """
    patch = _patch(probe, expected, mask)
    others = [_patch(probe, expected, each) for each in drawn]
    inks = [ink for other in others if other is not None for ink in pure(other.ours, other.theirs, other.ink)]
    if patch is None or not inks:
        return False
    pixels = patch.ours[_core(patch)]
    off = np.min([np.linalg.norm(pixels - ink, axis=1) for ink in inks], axis=0)
    return bool((off < SAME_INK).mean() > MOSTLY)


def measure(probe: Picture, expected: Picture, mask: Flags) -> Floats | None:
    """The measurements NAMES, float32 (34,); arguments as `log_odds`."""
    patch = _patch(probe, expected, mask)
    if patch is None:
        return None
    values = (*_edges(patch), *_evenness(patch), *_outline(patch))
    values += (*explained(patch.ours, patch.theirs, patch.ink), *_colours(patch), *_likeness(patch))
    return np.array(values, np.float32)


def _whole(probe: Picture, expected: Picture, mask: Flags) -> Flags:
    """All that differs in colour where luma shows a difference: of a yellow face on a pale wall it shows the eyes."""
    apart = cv2.blur(np.abs(probe.astype(np.float32) - expected).max(axis=2), (3, 3))
    least = max(LEAST_SEEN, SEEN_SHARE * float(np.percentile(apart[mask], 95)))
    _, labels = cv2.connectedComponents((apart > least).astype(np.uint8))
    met = np.unique(labels[cv2.dilate(mask.astype(np.uint8), _square(3)) > 0])
    whole = np.isin(labels, met[met > 0]) | mask
    # Where much of the picture differs, its colours were not fitted.
    return whole if float(whole.mean()) < LARGEST else mask


def _patch(probe: Picture, expected: Picture, mask: Flags) -> _Patch | None:
    ys, xs = np.nonzero(mask)
    if not len(ys):
        return None
    box = tuple(slice(max(0, int(axis.min()) - REACH), int(axis.max()) + REACH + 1) for axis in (ys, xs))
    ours, theirs = probe[box].astype(np.float32), expected[box].astype(np.float32)
    apart = np.abs(ours - theirs).max(axis=2)
    soft = cv2.blur(apart, (3, 3))
    least = max(LEAST_APART, APART_SHARE * float(np.percentile(soft[mask[box]], 95)))
    near = cv2.dilate(mask[box].astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    ink = (soft > least) & near
    if int(ink.sum()) < FEWEST_PIXELS:
        return None
    return _Patch(ours, theirs, _luma(probe[box]), _luma(expected[box]), apart, ink)


def _edges(patch: _Patch) -> tuple[float, ...]:
    """Edges that the master lacks, and how strong edges are all over."""
    ink = patch.ink.astype(np.uint8)
    ring = cv2.morphologyEx(ink, cv2.MORPH_GRADIENT, _square(3)) > 0
    ours, theirs = _strongest_slope(patch.ours), _strongest_slope(patch.theirs)
    new = cv2.dilate(ours, _square(3)) - cv2.dilate(theirs, _square(5))
    squared = np.sort(ours[patch.ink]) ** 2
    sparse = float(squared[int(0.85 * len(squared)) :].sum() / max(float(squared.sum()), 1e-6))
    gain = float(np.log((_slope(patch.luma)[patch.ink].mean() + 1) / (_slope(patch.plain)[patch.ink].mean() + 1)))
    mids = np.log(np.percentile(ours[patch.ink], [50, 20, 90]) + 0.5)
    return (
        *(float(v) for v in np.percentile(new[ring], [50, 80])),
        float(np.log(max(float(np.percentile(new[patch.ink], 95)), 0.0) + 1)),
        gain,
        *(float(v) for v in mids),
        float(np.log(np.percentile(ours[_core(patch)], 10) + 0.2)),
        sparse,
    )


def _evenness(patch: _Patch) -> tuple[float, ...]:
    """Shares of pixels beside which all is even, by itself or as seen through a pane of one colour."""
    ours, theirs = patch.luma, patch.plain
    size = 5
    mean, plain = _box(ours, size), _box(theirs, size)
    own, other = _box(ours * ours, size) - mean * mean, _box(theirs * theirs, size) - plain * plain
    both = _box(ours * theirs, size) - mean * plain
    slope = np.clip(both / np.maximum(other, 1.0), 0.0, 0.85)
    rest = np.sqrt(np.maximum(own - 2 * slope * both + slope * slope * other, 0.0))
    little = rest < np.maximum(2.5, 0.35 * np.sqrt(np.maximum(other, 0.0)))
    pane = (slope > 0.12) & (slope < 0.84) & little & (other > 9)
    inner = cv2.erode(patch.ink.astype(np.uint8), _square(5)) > 0
    inner = inner if int(inner.sum()) > 10 else patch.ink
    return (
        float((_least(_spread(ours, 5), 5) < 2)[patch.ink].mean()),
        float((_least(_spread(ours, 3), 3) < 2)[patch.ink].mean()),
        float((_least(rest, 5) < 2.5)[patch.ink].mean()),
        float(pane[inner].mean()),
    )


def _outline(patch: _Patch) -> tuple[float, ...]:
    """The step across the outline beyond the one that the master has there, and how soon the difference is full."""
    ink = patch.ink.astype(np.uint8)
    ring = cv2.morphologyEx(ink, cv2.MORPH_GRADIENT, _square(3)) > 0
    beyond = _step(patch.ours, patch.ink) - _step(patch.theirs, patch.ink)
    depth = cv2.distanceTransform(ink, cv2.DIST_L2, 3)
    rim, inner = (depth >= 1) & (depth < 2.9), depth >= 3.5
    hard = 0.9
    if int(inner.sum()) > 5 and rim.any():
        hard = min(1.5, float(np.median(patch.apart[rim])) / max(float(np.percentile(patch.apart[inner], 60)), 1.0))
    return float(np.median(beyond[ring])), hard


def _step(picture: Floats, ink: Flags) -> Floats:
    """Difference between what lies on both sides of an outline, near it, float32 (h, w)."""
    inside = ink[..., None].astype(np.float32)
    share = cv2.GaussianBlur(ink.astype(np.float32), (0, 0), 2)[..., None]
    within = cv2.GaussianBlur(picture * inside, (0, 0), 2) / np.maximum(share, 0.05)
    around = cv2.GaussianBlur(picture * (1 - inside), (0, 0), 2) / np.maximum(1 - share, 0.05)
    return np.asarray(np.abs(within - around).max(axis=2), np.float32)


def _colours(patch: _Patch) -> tuple[float, ...]:
    lab = cv2.cvtColor(patch.ours.astype(np.uint8), cv2.COLOR_BGR2Lab).astype(np.float32)
    chroma = np.hypot(lab[..., 1] - 128, lab[..., 2] - 128)[patch.ink]
    tones, apart = patch.luma[patch.ink], patch.apart[patch.ink]
    signed = (patch.ours - patch.theirs).mean(axis=2)[patch.ink]
    return (
        *(float(v) for v in np.percentile(chroma, [50, 80])),
        *(float(v) for v in np.percentile(apart, [50, 90])),
        float(np.log(len(tones))),
        float(((tones > 244) | (tones < 24)).mean()),
        min(1.0, in_few_tones(tones)),
        abs(float(signed.mean())) / max(float(np.abs(signed).mean()), 1e-3),
    )


def _likeness(patch: _Patch) -> tuple[float, ...]:
    """How much of the master is left: its detail, itself blurred, or itself pushed aside."""
    ours, theirs, ink = patch.luma, patch.plain, patch.ink
    fine = [(picture - cv2.GaussianBlur(picture, (0, 0), 3))[ink] for picture in (ours, theirs)]
    coarse = [
        (cv2.GaussianBlur(picture, (0, 0), 3) - cv2.GaussianBlur(picture, (0, 0), 12))[ink]
        for picture in (ours, theirs)
    ]
    gain = [float(np.abs(detail - detail.mean()).mean()) + 0.5 for detail in fine]
    whole = max(float(np.abs(ours - theirs)[ink].mean()), 1.0)
    blurred = min(float(np.abs(ours - cv2.GaussianBlur(theirs, (0, 0), sigma))[ink].mean()) for sigma in BLURS)
    shifted = float(np.abs(ours - _pushed(theirs, ours))[ink].mean())
    grain = np.abs(ours - cv2.GaussianBlur(ours, (0, 0), 1.2))[_core(patch)]
    return (
        _correlation(fine[0], fine[1]),
        float(np.log(gain[0] / gain[1])),
        _correlation(coarse[0], coarse[1]),
        blurred / whole,
        shifted / whole,
        float(np.log(np.percentile(grain, 25) + 0.1)),
    )


def _pushed(theirs: Floats, ours: Floats) -> Floats:
    """The master's picture moved, place by place, to where the probe looks most like it."""
    start = np.zeros((*ours.shape, 2), np.float32)
    flow = cv2.calcOpticalFlowFarneback(ours, theirs, start, 0.5, 3, 9, 2, 5, 1.1, 0)
    y, x = np.mgrid[0 : ours.shape[0], 0 : ours.shape[1]].astype(np.float32)
    there = (x + flow[..., 0]).astype(np.float32), (y + flow[..., 1]).astype(np.float32)
    return np.asarray(cv2.remap(theirs, *there, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _core(patch: _Patch) -> Flags:
    core = cv2.erode(patch.ink.astype(np.uint8), _square(3)) > 0
    return np.asarray(core if int(core.sum()) > 10 else patch.ink)


def _luma(picture: Picture) -> Floats:
    return cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32)


def _slope(plane: Floats) -> Floats:
    across, down = (cv2.Sobel(plane, cv2.CV_32F, *order) / 8 for order in ((1, 0), (0, 1)))
    return np.asarray(cv2.magnitude(across, down), np.float32)


def _strongest_slope(picture: Floats) -> Floats:
    return np.asarray(np.maximum.reduce([_slope(picture[..., k]) for k in range(3)]), np.float32)


def _box(plane: Floats, size: int) -> Floats:
    return np.asarray(cv2.boxFilter(plane, -1, (size, size), borderType=cv2.BORDER_REFLECT), np.float32)


def _spread(plane: Floats, size: int) -> Floats:
    mean = _box(plane, size)
    return np.asarray(np.sqrt(np.maximum(_box(plane * plane, size) - mean * mean, 0.0)), np.float32)


def _least(plane: Floats, size: int) -> Floats:
    """The least of all windows that a pixel lies in: beside an edge one of them is even (Kuwahara)."""
    return np.asarray(cv2.erode(plane, _square(size)), np.float32)


def _square(side: int) -> Picture:
    return np.ones((side, side), np.uint8)


def _correlation(a: Floats, b: Floats) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / max(float(np.sqrt((a * a).sum() * (b * b).sum())), 1e-3))


@lru_cache(maxsize=2)
def _weights(file: str) -> dict[str, NDArray[Any]]:
    stored = files("haechi.check.compare").joinpath(file).read_bytes()
    with np.load(BytesIO(stored), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
