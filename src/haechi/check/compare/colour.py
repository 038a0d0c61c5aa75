"""How the probe's tones and sharpness follow from the master's: a tone curve and a small linear filter.

Method: the tone curve is the median probe level for each master level (so that a changed minority cannot bend it),
made monotone by isotonic pooling. The filter is the least-squares 7x7 kernel that leads from toned master to probe
(blur of scaling, sharpening, sub-pixel shift at once), fitted after dropping the worst tenth of the pixels.
Limits: one curve and one filter for a window; local grading is left to the residual's local gain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

KERNEL_SIDE = 7
LEVELS = 32

Image = NDArray[np.uint8]
Pair = tuple[Image, Image]


@dataclass(frozen=True, slots=True)
class Tone:
    """What turns a warped master into an expected probe.

    Attributes:
        curve: float32 (256,), probe level for each master level.
        kernel: float32 (KERNEL_SIDE, KERNEL_SIDE), applied after the curve; sums to about 1.
    """

    curve: NDArray[np.float32]
    kernel: NDArray[np.float32]

    def apply(self, master: Image) -> NDArray[np.float32]:
        """The expected probe, float32 (h, w), levels 0-255."""
        toned = cv2.LUT(master, self.curve)
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
        pairs: (probe, warped master), uint8 (h, w) each.
        seen: bool (h, w), where the probe shows the master.
    """
    curve = _fit_curve(pairs, seen)
    return Tone(curve, _fit_kernel(pairs, curve, seen))


def _fit_curve(pairs: Sequence[Pair], seen: NDArray[np.bool_]) -> NDArray[np.float32]:
    # Slightly blurred samples: edges that are off by a fraction of a pixel would spread the levels.
    probe = np.concatenate([cv2.GaussianBlur(p, (0, 0), 1.5)[seen] for p, _ in pairs])
    master = np.concatenate([cv2.GaussianBlur(m, (0, 0), 1.5)[seen] for _, m in pairs])
    width = 256 // LEVELS
    bins = master // width
    centres, values, weights = [], [], []
    for k in range(LEVELS):
        inside = bins == k
        count = int(inside.sum())
        if count >= 50:
            centres.append(float(master[inside].mean()))
            values.append(float(np.median(probe[inside])))
            weights.append(float(count))
    if len(centres) < 3:
        return np.arange(256, dtype=np.float32)
    steady = _isotonic(np.array(values), np.array(weights))
    levels = np.arange(256, dtype=np.float64)
    curve = np.interp(levels, centres, steady)
    slope = float(np.clip((steady[-1] - steady[0]) / max(centres[-1] - centres[0], 1.0), 0.2, 3.0))
    curve = np.where(levels < centres[0], steady[0] - slope * (centres[0] - levels), curve)
    curve = np.where(levels > centres[-1], steady[-1] + slope * (levels - centres[-1]), curve)
    return np.clip(curve, 0, 255).astype(np.float32)


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


def _fit_kernel(pairs: Sequence[Pair], curve: NDArray[np.float32], seen: NDArray[np.bool_]) -> NDArray[np.float32]:
    radius = KERNEL_SIDE // 2
    inner = cv2.erode(seen.astype(np.uint8), np.ones((KERNEL_SIDE + 2, KERNEL_SIDE + 2), np.uint8)) > 0
    inner[:radius], inner[-radius:], inner[:, :radius], inner[:, -radius:] = False, False, False, False
    rows, targets = [], []
    for probe, master in pairs:
        toned = cv2.LUT(master, curve).astype(np.float32)
        gx, gy = cv2.Sobel(toned, cv2.CV_32F, 1, 0), cv2.Sobel(toned, cv2.CV_32F, 0, 1)
        ys, xs = np.nonzero(inner & (gx * gx + gy * gy > 200.0))
        if len(xs) < 200:
            continue
        step = max(1, len(xs) // 3000)
        ys, xs = ys[::step], xs[::step]
        windows = np.lib.stride_tricks.sliding_window_view(toned, (KERNEL_SIDE, KERNEL_SIDE))
        rows.append(windows[ys - radius, xs - radius].reshape(len(ys), -1))
        targets.append(probe[ys, xs].astype(np.float32))
    identity = np.zeros((KERNEL_SIDE, KERNEL_SIDE), np.float32)
    identity[radius, radius] = 1.0
    if not rows:
        return identity
    return _trimmed_least_squares(np.concatenate(rows), np.concatenate(targets), identity)


def _trimmed_least_squares(
    a: NDArray[np.float32], b: NDArray[np.float32], start: NDArray[np.float32]
) -> NDArray[np.float32]:
    mean = a.mean(1, keepdims=True)
    kernel = start.ravel().astype(np.float64)
    ridge = 30.0 * len(b) / 1000.0 * np.eye(len(kernel))
    for _ in range(3):
        error = np.abs(b - a @ kernel)
        keep = error <= np.percentile(error, 85)
        # Around the local mean: the kernel shapes detail, the curve owns the level.
        x, y = (a - mean)[keep].astype(np.float64), (b - mean[:, 0])[keep].astype(np.float64)
        kernel = np.linalg.solve(x.T @ x + ridge, x.T @ y + ridge @ start.ravel())
    shaped = kernel.reshape(start.shape)
    # Detail was fitted freely; now make it keep flat areas as they are.
    shaped = shaped + (1.0 - shaped.sum()) / shaped.size
    return np.asarray(shaped, dtype=np.float32)
