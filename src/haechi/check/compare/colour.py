"""How the probe's tones and sharpness follow from the master's: curve, colour weights, shade, a small filter.

Method: the tone curve is the median probe level for each master level (so that a changed minority cannot bend it),
made monotone by isotonic pooling. Colour filters and confused colour matrices let luma follow colour too: the rest is
regressed on the master's two colour planes, robustly, where that brings the rarest colours no further off: those of a
plain wall tell nothing of a hand before it. The shade is a smooth gain over the picture (a vignette): a
polynomial fitted robustly to the ratio of coarse cells, in turns with the curve. The filter is the least-squares 7x7
kernel that leads from toned master to probe (blur of scaling, sharpening, sub-pixel shift at once), fitted after
dropping the worst pixels.
Limits: one curve, shade and filter for a window; local grading is left to the residual's local gain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

KERNEL_SIDE = 7
LEVELS = 32

Image = NDArray[np.uint8]
Chroma = NDArray[np.float32]
Pair = tuple[Image, Image, Chroma]
# How far from a straight line a tone curve may bend, levels.
MAX_BEND = 45.0
# Colour weights below this many levels of luma (two standard deviations) are left at nothing.
MIN_TINT = 1.0
# Percentile of the picture beyond which a tint is far from the common one.
FAR_TINT = 98
# Cells across the picture in which the shade is measured; how dark is too dark to tell; how little counts as none.
SHADE_CELLS = 24
DARK = 24.0
MIN_SHADE = 0.1
SHADES = (0.1, 2.0)


@dataclass(frozen=True, slots=True)
class Tone:
    """What turns a warped master into an expected probe.

    Attributes:
        curve: float32 (256,), probe level for each master level.
        colour: levels of luma for each level of red and blue difference (Cr, Cb), float32 (2,).
        kernel: float32 (KERNEL_SIDE, KERNEL_SIDE), applied after the curve; sums to about 1.
        shade: gain over the picture, float32 (h, w); None when it is the same everywhere.
    """

    curve: NDArray[np.float32]
    colour: NDArray[np.float32]
    kernel: NDArray[np.float32]
    shade: NDArray[np.float32] | None = None

    def apply(self, master: Image, chroma: Chroma) -> NDArray[np.float32]:
        """The expected probe, float32 (h, w), levels 0-255, from the warped master's luma and colour planes."""
        toned = cv2.LUT(master, self.curve)
        if self.colour.any():
            tint = chroma @ self.colour
            toned = toned + cv2.resize(tint, (master.shape[1], master.shape[0]), interpolation=cv2.INTER_LINEAR)
        if self.shade is not None:
            toned = toned * self.shade
        return np.asarray(cv2.filter2D(toned, cv2.CV_32F, self.kernel, borderType=cv2.BORDER_REFLECT))

    @property
    def gain(self) -> float:
        """Contrast: slope of the curve through its middle tones."""
        return float((self.curve[192] - self.curve[64]) / 128.0)

    @property
    def bias(self) -> float:
        """Brightness: shift of middle grey, levels."""
        return float(self.curve[128] - 128.0)

    @property
    def sharpness(self) -> float:
        """Energy of the filter: below 1 blurs, above 1 sharpens."""
        return float((self.kernel**2).sum())


def fit_tone(pairs: Sequence[Pair], seen: NDArray[np.bool_]) -> Tone:
    """Fit curve and kernel.

    Args:
        pairs: (probe, warped master, its colour planes): uint8 (h, w) twice, float32 (smaller, smaller, 2).
        seen: bool (h, w), where the probe shows the master.
    """
    curve = _fit_curve(pairs, seen)
    shade = _fit_shade(pairs, curve, seen)
    if shade is not None:
        evened = [(_evened(probe, shade), master, chroma) for probe, master, chroma in pairs]
        curve = _fit_curve(evened, seen)
        shade = _fit_shade(pairs, curve, seen)
    toning = Tone(curve, np.zeros(2, np.float32), _identity(), shade)
    toning = replace(toning, colour=_fit_colour(pairs, toning, seen))
    return replace(toning, kernel=_fit_kernel(pairs, toning, seen))


def _fit_curve(pairs: Sequence[Pair], seen: NDArray[np.bool_]) -> NDArray[np.float32]:
    # Slightly blurred samples: edges that are off by a fraction of a pixel would spread the levels.
    probe = np.concatenate([cv2.GaussianBlur(p, (0, 0), 1.5)[seen] for p, _, _ in pairs])
    master = np.concatenate([cv2.GaussianBlur(m, (0, 0), 1.5)[seen] for _, m, _ in pairs])
    # How often each level of the probe shows each one of the master: all that medians and means ask for.
    together = np.bincount(master.astype(np.uint16) * 256 + probe, minlength=256 * 256).reshape(256, 256)
    together = np.where(_near_line(probe, master), together, 0)
    levels = np.arange(256, dtype=np.float64)
    width = 256 // LEVELS
    centres, values, weights = [], [], []
    for k in range(LEVELS):
        inside = together[k * width : (k + 1) * width]
        count = int(inside.sum())
        if count >= 50:
            centres.append(float(inside.sum(1) @ levels[k * width : (k + 1) * width]) / count)
            values.append(_median(inside.sum(0)))
            weights.append(float(count))
    if len(centres) < 3:
        return np.arange(256, dtype=np.float32)
    steady = _isotonic(np.array(values), np.array(weights))
    curve = np.interp(levels, centres, steady)
    slope = float(np.clip((steady[-1] - steady[0]) / max(centres[-1] - centres[0], 1.0), 0.2, 3.0))
    curve = np.where(levels < centres[0], steady[0] - slope * (centres[0] - levels), curve)
    curve = np.where(levels > centres[-1], steady[-1] + slope * (levels - centres[-1]), curve)
    return np.clip(curve, 0, 255).astype(np.float32)


def _near_line(probe: Image, master: Image) -> NDArray[np.bool_]:
    """Pairs of levels that a grade could have made: within MAX_BEND of the straight line that most samples follow.

    A caption's bar can cover most of one tone (the bright sky behind it); its samples must not become the curve.

    Args:
        probe: samples, uint8 (n,).
        master: the same places of the master, uint8 (n,).

    Returns:
        bool (256, 256), by the master's level and the probe's.
    """
    step = max(1, len(probe) // 20_000)
    x, y = master[::step].astype(np.float64), probe[::step].astype(np.float64)
    keep = np.ones(len(x), bool)
    line = np.array([1.0, 0.0])
    for _ in range(6):
        line = np.polyfit(x[keep], y[keep], 1) if np.ptp(x[keep]) > 10 else line
        error = np.abs(y - np.polyval(line, x))
        keep = error <= max(float(np.percentile(error, 70)), 2.0)
    levels = np.arange(256, dtype=np.float64)
    return np.asarray(np.abs(levels[None, :] - np.polyval(line, levels)[:, None]) <= MAX_BEND)


def _median(counts: NDArray[np.int64]) -> float:
    """Median of levels 0, 1, ... that occur so many times (n,)."""
    up_to, count = np.cumsum(counts), int(counts.sum())
    lower, upper = np.searchsorted(up_to, [(count - 1) // 2, count // 2], side="right")
    return float(lower + upper) / 2.0


def _fit_shade(
    pairs: Sequence[Pair], curve: NDArray[np.float32], seen: NDArray[np.bool_]
) -> NDArray[np.float32] | None:
    """A smooth gain over the picture, float32 (h, w); None when it varies by less than MIN_SHADE."""
    height, width = seen.shape
    size = (SHADE_CELLS, max(4, round(SHADE_CELLS * height / width)))
    covered = cv2.resize(seen.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.95
    terms = _shade_terms(size)
    rows, ratios, weights = [], [], []
    for probe, master, _ in pairs:
        ours = cv2.resize(probe, size, interpolation=cv2.INTER_AREA).astype(np.float64)
        theirs = cv2.resize(cv2.LUT(master, curve), size, interpolation=cv2.INTER_AREA).astype(np.float64)
        usable = covered & (theirs > DARK)
        rows.append(terms[usable])
        ratios.append((ours / np.maximum(theirs, 1.0))[usable])
        weights.append(theirs[usable] / 255.0)
    x, y, weight = np.concatenate(rows), np.concatenate(ratios), np.concatenate(weights)
    if len(y) < 20 * terms.shape[2]:
        return None
    fitted: NDArray[np.float64] = np.zeros(terms.shape[2])
    fitted[0] = float(np.median(y))
    for _ in range(8):
        # Cauchy weights: a replaced face or a caption must not bend the shade.
        robust = weight / (1.0 + ((y - x @ fitted) / 0.05) ** 2)
        weighted = x * robust[:, None]
        fitted = np.asarray(np.linalg.solve(weighted.T @ x + 1e-6 * np.eye(len(fitted)), weighted.T @ y))
    grid = np.clip(terms @ fitted, *SHADES)
    if float(np.ptp(grid[covered])) < MIN_SHADE:
        return None
    return np.clip(_shade_terms((width, height)) @ fitted, *SHADES).astype(np.float32)


def _shade_terms(size: tuple[int, int]) -> NDArray[np.float64]:
    """The polynomials of `_fit_shade`, float64 (h, w, 8), on the picture from -1 to 1."""
    x, y = np.meshgrid((np.arange(size[0]) + 0.5) / size[0] * 2 - 1, (np.arange(size[1]) + 0.5) / size[1] * 2 - 1)
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x**4, y**4, x * x * y * y], axis=-1)


def _evened(probe: Image, shade: NDArray[np.float32]) -> Image:
    return np.clip(probe / shade, 0, 255).astype(np.uint8)


def _fit_colour(pairs: Sequence[Pair], toning: Tone, seen: NDArray[np.bool_]) -> NDArray[np.float32]:
    rows, rest = [], []
    for probe, master, chroma in pairs:
        size = (chroma.shape[1], chroma.shape[0])
        apart = probe.astype(np.float32) - toning.apply(master, chroma)
        inside = cv2.resize(seen.astype(np.uint8), size, interpolation=cv2.INTER_AREA) > 0
        rest.append(cv2.resize(apart, size, interpolation=cv2.INTER_AREA)[inside])
        rows.append(chroma[inside])
    x, y = np.concatenate(rows).astype(np.float64), np.concatenate(rest).astype(np.float64)
    weights = np.zeros(2, np.float32)
    if len(y) < 200:
        return weights
    x = np.concatenate([x, np.ones((len(x), 1))], 1)
    keep = np.ones(len(y), bool)
    for _ in range(4):
        fitted = np.linalg.solve(x[keep].T @ x[keep] + np.diag([50.0, 50.0, 1e-6]), x[keep].T @ y[keep])
        error = np.abs(y - x @ fitted)
        keep = error <= max(float(np.percentile(error, 75)), 1e-3)
    tint = x[:, :2] @ fitted[:2]
    if float(np.std(tint)) < MIN_TINT / 2:
        return weights
    unusual = np.abs(tint - np.median(tint))
    far = unusual >= np.percentile(unusual, FAR_TINT)
    led_off = float(error[far].mean()) > float(np.abs(y[far] - np.median(y)).mean())
    return weights if led_off else fitted[:2].astype(np.float32)


def _isotonic(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pool adjacent violators: the closest non-decreasing sequence."""
    blocks: list[list[float]] = []
    for value, weight in zip(values, weights, strict=True):
        blocks.append([value, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            b, a = blocks.pop(), blocks.pop()
            total = a[1] + b[1]
            blocks.append([(a[0] * a[1] + b[0] * b[1]) / total, total, a[2] + b[2]])
    return np.concatenate([np.full(int(count), value) for value, _, count in blocks])


def _identity() -> NDArray[np.float32]:
    kernel = np.zeros((KERNEL_SIDE, KERNEL_SIDE), np.float32)
    kernel[KERNEL_SIDE // 2, KERNEL_SIDE // 2] = 1.0
    return kernel


def _fit_kernel(pairs: Sequence[Pair], toning: Tone, seen: NDArray[np.bool_]) -> NDArray[np.float32]:
    radius = KERNEL_SIDE // 2
    inner = cv2.erode(seen.astype(np.uint8), np.ones((KERNEL_SIDE + 2, KERNEL_SIDE + 2), np.uint8)) > 0
    inner[:radius], inner[-radius:], inner[:, :radius], inner[:, -radius:] = False, False, False, False
    rows, targets = [], []
    for probe, master, chroma in pairs:
        toned = toning.apply(master, chroma)
        gx, gy = cv2.Sobel(toned, cv2.CV_32F, 1, 0), cv2.Sobel(toned, cv2.CV_32F, 0, 1)
        ys, xs = np.nonzero(inner & (gx * gx + gy * gy > 200.0))
        if len(xs) < 200:
            continue
        step = max(1, len(xs) // 3000)
        ys, xs = ys[::step], xs[::step]
        windows = np.lib.stride_tricks.sliding_window_view(toned, (KERNEL_SIDE, KERNEL_SIDE))
        rows.append(windows[ys - radius, xs - radius].reshape(len(ys), -1))
        targets.append(probe[ys, xs].astype(np.float32))
    if not rows:
        return _identity()
    return _trimmed_least_squares(np.concatenate(rows), np.concatenate(targets), _identity())


def _trimmed_least_squares(
    a: NDArray[np.float32], b: NDArray[np.float32], start: NDArray[np.float32]
) -> NDArray[np.float32]:
    # Around the local mean: the kernel shapes detail, the curve owns the level.
    mean = a.mean(1, keepdims=True)
    x, y = (a - mean).astype(np.float64), (b - mean[:, 0]).astype(np.float64)
    squares, products = x.T @ x, x.T @ y
    kernel = start.ravel().astype(np.float64)
    ridge = 30.0 * len(b) / 1000.0 * np.eye(len(kernel))
    for _ in range(3):
        error = np.abs(b - (x @ kernel + mean[:, 0] * kernel.sum()))
        dropped = error > np.percentile(error, 85)
        # Most rows stay: taking away what the others give costs a third of adding up anew.
        out, theirs = x[dropped], y[dropped]
        kernel = np.linalg.solve(
            squares - out.T @ out + ridge, products - out.T @ theirs + ridge @ start.ravel().astype(np.float64)
        )
    shaped = kernel.reshape(start.shape)
    # Detail was fitted freely; now make it keep flat areas as they are.
    shaped = shaped + (1.0 - shaped.sum()) / shaped.size
    return np.asarray(shaped, dtype=np.float32)
