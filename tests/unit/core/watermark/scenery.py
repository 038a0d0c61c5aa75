"""Pictures with structure at every scale, drawn from a seed."""

import cv2
import numpy as np


def scene(width: int, height: int, seed: int = 0, depth: float = 5.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    out = np.zeros((height, width, 3), np.float32)
    for step in (2, 4, 8, 16, 32, 64, 128):
        small = rng.normal(0, 1, (height // step + 2, width // step + 2, 3)).astype(np.float32)
        out += cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC) * step**0.6
    return np.clip(128 + depth * out, 0, 255).astype(np.uint8)


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


def page(width: int, height: int, seed: int = 0) -> np.ndarray:
    """A white page of large letters: brightened, only the letters are left."""
    rng = np.random.default_rng(seed)
    out = np.clip(236 + rng.normal(0, 2, (height, width, 3)), 0, 255).astype(np.uint8)
    for y in range(60, height - 20, 40):
        cv2.putText(
            out, "Haneul First Snow official tour 2026", (30, y), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (40, 40, 50), 2
        )
    return out


def stars(width: int, height: int, seed: int = 0) -> np.ndarray:
    """Bright spots on black: with more contrast, only the spots are left."""
    rng = np.random.default_rng(seed)
    spots = np.zeros((height, width), np.float32)
    spots[rng.integers(0, height, 1700), rng.integers(0, width, 1700)] = rng.uniform(300, 3000, 1700)
    out = 14 + cv2.GaussianBlur(spots, (0, 0), 2.2) + rng.normal(0, 2, (height, width))
    return np.repeat(np.clip(out, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def sky(width: int, height: int, seed: int = 0) -> np.ndarray:
    """A smooth slope with a little noise: nothing to register a part by."""
    y, x = np.mgrid[:height, :width]
    out = 90 + 0.08 * x + 0.05 * y + np.random.default_rng(seed).normal(0, 1.2, (height, width))
    return np.repeat(np.clip(out, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
