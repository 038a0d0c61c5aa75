"""Twenty-six ways in which a picture gets re-posted; each keeps what it shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Edit = Callable[[Image, np.random.Generator], Image]


def _image(value: object) -> Image:
    return np.clip(np.round(np.asarray(value, np.float32)), 0, 255).astype(np.uint8)


def jpeg(quality: int) -> Edit:
    """Through a coarse JPEG."""

    def edit(image: Image, rng: np.random.Generator) -> Image:
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return _image(cv2.imdecode(data, cv2.IMREAD_COLOR))

    return edit


def rotate(degrees: float) -> Edit:
    """Turned, with grey corners."""

    def edit(image: Image, rng: np.random.Generator) -> Image:
        height, width = image.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
        return _image(cv2.warpAffine(image, matrix, (width, height), borderValue=(128, 128, 128)))

    return edit


def crop(percent: int) -> Edit:
    """This share of each side is kept, anywhere."""

    def edit(image: Image, rng: np.random.Generator) -> Image:
        height, width = image.shape[:2]
        h, w = height * percent // 100, width * percent // 100
        y, x = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
        return image[y : y + h, x : x + w].copy()

    return edit


def scale(factor: float) -> Edit:
    """Smaller."""
    return lambda image, rng: _image(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))


def caption(image: Image, rng: np.random.Generator) -> Image:
    """White text on a black band over the lower fifth."""
    out = image.copy()
    height, width = out.shape[:2]
    cv2.rectangle(out, (0, height * 4 // 5), (width, height), (0, 0, 0), -1)
    size = width / 400
    cv2.putText(out, "you will not believe this", (width // 20, height * 9 // 10), 0, size, (255, 255, 255), 2)
    return out


def letterbox(image: Image, rng: np.random.Generator) -> Image:
    """Black bars, a fifth of the height each."""
    rows = image.shape[0] // 5
    return _image(cv2.copyMakeBorder(image, rows, rows, 0, 0, cv2.BORDER_CONSTANT))


def blurred_fill(image: Image, rng: np.random.Generator) -> Image:
    """Upright 9:16 with itself blurred behind."""
    height, width = image.shape[:2]
    tall = max(height, width * 16 // 9)
    back = cv2.GaussianBlur(cv2.resize(image, (width, tall)), (0, 0), width / 30)
    top = (tall - height) // 2
    back[top : top + height] = image
    return _image(back)


def screenshot(image: Image, rng: np.random.Generator) -> Image:
    """On a phone's screen: white page, status bar, buttons."""
    height, width = image.shape[:2]
    page = np.full((height * 2, round(width * 1.08), 3), 250, np.uint8)
    top, left = height // 3, (page.shape[1] - width) // 2
    page[top : top + height, left : left + width] = image
    cv2.rectangle(page, (0, 0), (page.shape[1], height // 12), (40, 40, 40), -1)
    for k in range(4):
        cv2.circle(page, (page.shape[1] * (k + 1) // 5, height * 3 // 2), width // 25, (90, 90, 200), -1)
    cv2.putText(page, "12,345 likes", (left, height * 17 // 10), 0, width / 500, (20, 20, 20), 2)
    return page


def border(image: Image, rng: np.random.Generator) -> Image:
    """A coloured frame of 6 %."""
    rim = max(2, min(image.shape[:2]) * 6 // 100)
    colour = tuple(int(v) for v in rng.integers(0, 256, 3))
    return _image(cv2.copyMakeBorder(image, rim, rim, rim, rim, cv2.BORDER_CONSTANT, value=colour))


def sticker(image: Image, rng: np.random.Generator) -> Image:
    """A disc over a tenth of the picture."""
    out = image.copy()
    height, width = out.shape[:2]
    centre = (int(rng.integers(0, width)), int(rng.integers(0, height)))
    cv2.circle(out, centre, round(0.18 * min(height, width)), (60, 220, 255), -1)
    return out


def logo(image: Image, rng: np.random.Generator) -> Image:
    """Half-transparent letters in a corner."""
    over = image.copy()
    cv2.putText(
        over, "FANCAM", (image.shape[1] // 30, image.shape[0] // 8), 0, image.shape[1] / 500, (255, 255, 255), 3
    )
    return _image(cv2.addWeighted(over, 0.6, image, 0.4, 0))


def local_edit(image: Image, rng: np.random.Generator) -> Image:
    """A blurred oval like a hidden or repainted face."""
    height, width = image.shape[:2]
    mask = np.zeros((height, width, 1), np.float32)
    cv2.ellipse(mask, (width // 2, height * 2 // 5), (width // 6, height // 5), 0, 0, 360, 1.0, -1)
    soft = cv2.GaussianBlur(mask, (0, 0), width / 80)[..., None]
    return _image(soft * cv2.GaussianBlur(image, (0, 0), width / 25) + (1 - soft) * image)


def perspective(image: Image, rng: np.random.Generator) -> Image:
    """Seen slightly from the side."""
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = corners + rng.uniform(-0.05, 0.05, (4, 2)).astype(np.float32) * np.array([width, height], np.float32)
    return _image(cv2.warpPerspective(image, cv2.getPerspectiveTransform(corners, moved), (width, height)))


def gray(image: Image, rng: np.random.Generator) -> Image:
    """Black and white."""
    return _image(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR))


def warm(image: Image, rng: np.random.Generator) -> Image:
    """Redder, yellower, more contrast."""
    return _image((image.astype(np.float32) - 128) * 1.15 + 128 + np.array([-22.0, 4.0, 26.0], np.float32))


def dark(image: Image, rng: np.random.Generator) -> Image:
    """Gamma 1.7."""
    return _image(255 * (image.astype(np.float32) / 255) ** 1.7)


def noise(image: Image, rng: np.random.Generator) -> Image:
    """Gaussian noise, sigma 14."""
    return _image(image + rng.normal(0, 14, image.shape))


def collage(image: Image, rng: np.random.Generator) -> Image:
    """Beside a plain picture of the same size, at half its scale."""
    half = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    ramp = np.linspace(30, 220, half.shape[1])[None, :, None] * np.ones((half.shape[0], 1, 3))
    return np.hstack([_image(half), _image(ramp)])


EDITS: Final[dict[str, Edit]] = {
    "jpeg_30": jpeg(30),
    "jpeg_10": jpeg(10),
    "rotate_2": rotate(2),
    "rotate_10": rotate(10),
    "rotate_90": lambda image, rng: np.ascontiguousarray(np.rot90(image)),
    "crop_90": crop(90),
    "crop_75": crop(75),
    "crop_50": crop(50),
    "scale_50": scale(0.5),
    "scale_25": scale(0.25),
    "stretch": lambda image, rng: _image(cv2.resize(image, None, fx=1.15, fy=1.0)),
    "mirror": lambda image, rng: np.ascontiguousarray(image[:, ::-1]),
    "caption": caption,
    "letterbox": letterbox,
    "blurred_fill": blurred_fill,
    "screenshot": screenshot,
    "border": border,
    "sticker": sticker,
    "logo": logo,
    "local_edit": local_edit,
    "perspective": perspective,
    "gray": gray,
    "warm": warm,
    "dark": dark,
    "noise": noise,
    "blur": lambda image, rng: _image(cv2.GaussianBlur(image, (0, 0), min(image.shape[:2]) / 200)),
}
"""Twenty-six; `collage` is a harder case that is reported apart."""
