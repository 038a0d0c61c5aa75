"""Graphics that people lay over photographs before they post them: text, stickers, marks, frames, buttons.

Each maker draws one graphic as a layer (RGBA) of its own and says nothing about the photograph; `laid_over` puts it at
a place that it draws, sometimes beside a face and sometimes touching its rim, but never over the middle of one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageDraw, ImageFilter

from benchmarks.overlays import font

Image = NDArray[np.uint8]
Rng = np.random.Generator
Colour = tuple[int, int, int]
FaceBox = tuple[float, float, float, float]
Maker = Callable[[int, Rng], Pil.Image]

COLOURS: Final[tuple[Colour, ...]] = (
    (255, 255, 255),
    (20, 20, 20),
    (255, 220, 60),
    (230, 40, 60),
    (40, 120, 240),
    (60, 190, 110),
    (240, 130, 200),
    (140, 90, 220),
    (250, 140, 40),
    (200, 200, 205),
)
TEXTS: Final = ("진짜예요?", "오늘의 무대", "LIVE now", "wait for it", "best day ever", "@haechi_fan", "D-7", "NEW!")
# Shares of the shorter side: the height of letters and buttons, the side of stickers.
SIZES: Final = (0.09, 0.14, 0.22, 0.32)
CLEAR_OF_FACE: Final = 0.3
_FINER: Final = 4


def text_plain(side: int, rng: Rng) -> Pil.Image:
    """Letters of one colour."""
    return _text(_any_text(rng), side // 2, _colour(rng))


def text_outlined(side: int, rng: Rng) -> Pil.Image:
    """Letters with an outline of another colour."""
    fill = _colour(rng)
    return _text(_any_text(rng), side // 2, fill, outline=_other(fill))


def text_boxed(side: int, rng: Rng) -> Pil.Image:
    """Letters on a full box."""
    fill = _colour(rng)
    return _boxed(_text(_any_text(rng), side // 3, fill), (*_other(fill), 255), round(side * rng.uniform(0, 0.15)))


def text_on_glass(side: int, rng: Rng) -> Pil.Image:
    """Letters on a see-through box."""
    fill = _colour(rng)
    opacity = int(rng.integers(90, 200))
    return _boxed(_text(_any_text(rng), side // 3, fill), (*_other(fill), opacity), side // 10)


def watermark(side: int, rng: Rng) -> Pil.Image:
    """See-through letters, level or tilted."""
    letters = _text(_any_text(rng), side // 2, _colour(rng)).rotate(float(rng.choice([0, 20, -30])), expand=True)
    return _faded(letters, float(rng.uniform(0.3, 0.7)))


def logo(side: int, rng: Rng) -> Pil.Image:
    """A ring with letters inside, two flat colours."""
    ring = _colour(rng)
    canvas, draw, big = _canvas(side)
    draw.ellipse((0, 0, big - 1, big - 1), fill=(*ring, 255))
    draw.ellipse((0.12 * big, 0.12 * big, 0.88 * big, 0.88 * big), fill=(*_other(ring), 255))
    face, words = font("HC", big // 3)
    draw.text((big / 2, big / 2), words, font=face, fill=(*ring, 255), anchor="mm")
    return _shrunk(canvas, side)


def sticker(side: int, rng: Rng) -> Pil.Image:
    """A heart or a star with a white rim and a soft shadow."""
    canvas, draw, big = _canvas(side)
    shape = _heart(0.8 * big) if rng.random() < 0.5 else _star(0.8 * big)
    points = [(float(x + big / 2), float(y + big / 2)) for x, y in shape]
    rim = round(0.05 * big)
    draw.polygon(points, fill=(*_colour(rng), 255))
    draw.line([*points, points[0], points[1]], fill=(255, 255, 255, 255), width=rim, joint="curve")
    return _shrunk(_shadowed(canvas, big // 40), side)


def soft_sticker(side: int, rng: Rng) -> Pil.Image:
    """A glow or sparkle: one colour whose edge fades away."""
    canvas, draw, big = _canvas(side)
    draw.polygon([(float(x + big / 2), float(y + big / 2)) for x, y in _star(0.7 * big)], fill=(*_colour(rng), 255))
    return _shrunk(canvas.filter(ImageFilter.GaussianBlur(big * float(rng.uniform(0.01, 0.04)))), side)


def emoji(side: int, rng: Rng) -> Pil.Image:
    """A round shaded face with eyes and a mouth."""
    canvas, draw, big = _canvas(side)
    canvas.paste(_shaded((255, 215, 70), (245, 165, 30), big), (0, 0), _disc(big))
    for x in (0.34, 0.66):
        draw.ellipse(((x - 0.06) * big, 0.32 * big, (x + 0.06) * big, 0.48 * big), fill=(90, 50, 20, 255))
    draw.chord((0.25 * big, 0.45 * big, 0.75 * big, 0.82 * big), 0, 180, fill=(120, 40, 30, 255))
    draw.chord((0.35 * big, 0.65 * big, 0.65 * big, 0.82 * big), 0, 180, fill=(235, 90, 90, 255))
    return _shrunk(canvas, side)


def arrow(side: int, rng: Rng) -> Pil.Image:
    """A thick arrow, turned anyhow."""
    canvas, draw, big = _canvas(side)
    points = [(0.05, 0.4), (0.6, 0.4), (0.6, 0.2), (0.95, 0.5), (0.6, 0.8), (0.6, 0.6), (0.05, 0.6)]
    draw.polygon([(x * big, y * big) for x, y in points], fill=(*_colour(rng), 255))
    turned = canvas.rotate(float(rng.uniform(0, 360)), resample=Pil.Resampling.BICUBIC, expand=True)
    return turned.resize((turned.width // _FINER, turned.height // _FINER), Pil.Resampling.LANCZOS)


def circle_mark(side: int, rng: Rng) -> Pil.Image:
    """A ring drawn around something."""
    canvas, draw, big = _canvas(2 * side)
    width = round(big * float(rng.uniform(0.03, 0.07)))
    box = (0.02 * big, 0.15 * big, 0.98 * big, 0.85 * big)
    draw.ellipse(box, outline=(*_colour(rng), 255), width=width)
    return _shrunk(canvas, 2 * side)


def scribble(side: int, rng: Rng) -> Pil.Image:
    """A line drawn by hand."""
    canvas, draw, big = _canvas(2 * side)
    t = np.linspace(0, 2 * np.pi, 120)
    a, b = rng.uniform(0.5, 3, 2), rng.uniform(0, 6, 2)
    x = 0.5 + 0.4 * np.sin(a[0] * t + b[0])
    y = 0.5 + 0.4 * np.sin(a[1] * t + b[1])
    line = [(float(u * big), float(v * big)) for u, v in zip(x, y, strict=True)]
    draw.line(line, fill=(*_colour(rng), 255), width=max(4, round(0.035 * big)), joint="curve")
    return _shrunk(canvas, 2 * side)


def price_tag(side: int, rng: Rng) -> Pil.Image:
    """A round-cornered label with a gradient and a number, tilted."""
    colour = _colour(rng)
    words = _text(f"{int(rng.integers(1, 99))},900", side // 3, _other(colour))
    pad = side // 6
    size = (words.width + 2 * pad, words.height + 2 * pad)
    label = _shaded(colour, tuple(round(0.7 * c) for c in colour), max(size)).resize(size)
    mask = Pil.new("L", size, 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), radius=pad, fill=255)
    label.putalpha(mask)
    label.alpha_composite(words, (pad, pad))
    return label.rotate(float(rng.uniform(-20, 20)), resample=Pil.Resampling.BICUBIC, expand=True)


def speech_bubble(side: int, rng: Rng) -> Pil.Image:
    """Letters in a white or yellow bubble with a tail."""
    words = _text(_any_text(rng), side // 3, (20, 20, 20))
    pad = side // 4
    width, height = words.width + 2 * pad, words.height + 2 * pad
    canvas = Pil.new("RGBA", (width, height + pad), (0, 0, 0, 0))
    draw = ImageDraw.Draw(canvas)
    fill = (255, 255, 255, 255) if rng.random() < 0.6 else (255, 235, 90, 255)
    draw.polygon([(0.3 * width, height - 2), (0.45 * width, height - 2), (0.3 * width, height + pad - 1)], fill=fill)
    draw.ellipse((0, 0, width - 1, height - 1), fill=fill, outline=(20, 20, 20, 255), width=max(1, side // 30))
    canvas.alpha_composite(words, (pad, pad))
    return canvas


def glossy_button(side: int, rng: Rng) -> Pil.Image:
    """A play button: a disc with a gradient and a triangle."""
    canvas, draw, big = _canvas(side)
    colour = _colour(rng)
    canvas.paste(_shaded(tuple(min(255, c + 60) for c in colour), colour, big), (0, 0), _disc(big))
    draw.polygon(
        [(0.38 * big, 0.28 * big), (0.38 * big, 0.72 * big), (0.75 * big, 0.5 * big)], fill=(*_other(colour), 255)
    )
    return _faded(_shrunk(canvas, side), float(rng.choice([1.0, 1.0, 0.8])))


def square_code(side: int, rng: Rng) -> Pil.Image:
    """Black and white modules on a white square, as a QR code."""
    modules = np.pad(rng.integers(0, 2, (21, 21)) * 255, 2, constant_values=255).astype(np.uint8)
    return Pil.fromarray(modules).resize((side, side), Pil.Resampling.NEAREST).convert("RGBA")


PLACED: Final[dict[str, Maker]] = {
    maker.__name__: maker
    for maker in (
        text_plain, text_outlined, text_boxed, text_on_glass, watermark, logo, sticker, soft_sticker, emoji, arrow,
        circle_mark, scribble, price_tag, speech_bubble, glossy_button, square_code,
    )
}  # fmt: skip
WHOLE: Final = ("frame", "story_screen", "lower_third")
KINDS: Final = (*PLACED, *WHOLE)


def laid_over(picture: Image, kind: str, rng: Rng, faces: list[FaceBox]) -> Image:
    """The photograph BGR uint8 (h, w, 3) with a graphic over it.

    Args:
        picture: the photograph.
        kind: one of KINDS.
        rng: draws colours, sizes and the place.
        faces: boxes x, y, w, h of faces, pixels.
    """
    height, width = picture.shape[:2]
    if kind in PLACED:
        size = max(14, round(float(rng.choice(SIZES)) * min(height, width)))
        layer = PLACED[kind](size, rng)
        layer.thumbnail((round(0.8 * width), round(0.6 * height)))
        x, y = _place(layer.size, (width, height), faces, rng)
        canvas = Pil.new("RGBA", (width, height), (0, 0, 0, 0))
        canvas.paste(layer, (x, y))
    else:
        canvas = {"frame": _frame, "story_screen": _story_screen, "lower_third": _lower_third}[kind](width, height, rng)
    rgba = np.asarray(canvas)
    weight = rgba[:, :, 3:].astype(np.float32) / 255
    return np.asarray(np.round(picture * (1 - weight) + rgba[:, :, 2::-1] * weight), np.uint8)


def _place(size: tuple[int, int], picture: tuple[int, int], faces: list[FaceBox], rng: Rng) -> tuple[int, int]:
    """Where a graphic lies: anywhere, a third of the time near a face, its middle off the middle of every face."""
    room = [max(1, whole - part) for whole, part in zip(picture, size, strict=True)]
    near = bool(faces) and rng.random() < 0.35
    for _ in range(200):
        x, y = int(rng.integers(0, room[0])), int(rng.integers(0, room[1]))
        if near:
            fx, fy, fw, fh = faces[int(rng.integers(0, len(faces)))]
            turn = rng.uniform(0, 2 * np.pi)
            reach = (0.5 * (fw + size[0]), 0.5 * (fh + size[1]))
            x = round(fx + fw / 2 + reach[0] * np.cos(turn) - size[0] / 2)
            y = round(fy + fh / 2 + reach[1] * np.sin(turn) - size[1] / 2)
        inside = 0 <= x <= room[0] and 0 <= y <= room[1]
        if inside and not any(_covers((x, y, *size), face) for face in faces):
            return x, y
    return 2, 2


def _covers(box: FaceBox, face: FaceBox) -> bool:
    """Whether a box reaches into the inner part of a face."""
    inner = (face[0] + CLEAR_OF_FACE * face[2], face[1] + CLEAR_OF_FACE * face[3])
    outer = (face[0] + (1 - CLEAR_OF_FACE) * face[2], face[1] + (1 - CLEAR_OF_FACE) * face[3])
    across = min(box[0] + box[2], outer[0]) - max(box[0], inner[0])
    down = min(box[1] + box[3], outer[1]) - max(box[1], inner[1])
    return across > 0 and down > 0


def _frame(width: int, height: int, rng: Rng) -> Pil.Image:
    canvas = Pil.new("RGBA", (width, height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(canvas)
    line = max(2, round(float(rng.uniform(0.008, 0.05)) * min(width, height)))
    away = int(rng.choice([0, 2 * line]))
    draw.rectangle((away, away, width - 1 - away, height - 1 - away), outline=(*_colour(rng), 255), width=line)
    return canvas


def _story_screen(width: int, height: int, rng: Rng) -> Pil.Image:
    """What a phone shows over a story: a portrait disc and a name above, an answer field and a heart below."""
    canvas = Pil.new("RGBA", (width, height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(canvas)
    unit = max(8, round(0.06 * min(width, height)))
    draw.rounded_rectangle((unit, unit // 2, width - unit, unit // 2 + max(2, unit // 8)), 2, fill=(255, 255, 255, 200))
    canvas.paste(_shaded(_colour(rng), _colour(rng), unit), (unit, unit), _disc(unit))
    canvas.alpha_composite(_text("haechi_daily  3h", max(9, unit // 2), (255, 255, 255)), (round(2.3 * unit), unit))
    low = height - round(1.6 * unit)
    draw.rounded_rectangle((unit, low, width - 3 * unit, low + unit), unit // 2, outline=(255, 255, 255, 255), width=2)
    heart = [(float(x) + width - 1.5 * unit, float(y) + low + unit / 2) for x, y in _heart(unit)]
    draw.polygon(heart, fill=(255, 255, 255, 255))
    return canvas


def _lower_third(width: int, height: int, rng: Rng) -> Pil.Image:
    """A bar that fades to one side, with a line of text, as in news."""
    rows = round(float(rng.uniform(0.1, 0.18)) * height)
    top = height - rows - round(0.05 * height)
    fade = np.tile(np.linspace(255, float(rng.choice([60, 160])), width), (rows, 1)).astype(np.uint8)
    bar = Pil.new("RGBA", (width, rows), (*_colour(rng), 255))
    bar.putalpha(Pil.fromarray(fade))
    canvas = Pil.new("RGBA", (width, height), (0, 0, 0, 0))
    canvas.paste(bar, (0, top))
    colour = bar.getpixel((0, 0))
    words = _text("오늘 저녁 특집: 그들의 이야기", max(10, rows // 2), _other(colour[:3]))  # type: ignore[index]
    words.thumbnail((width - 12, rows))
    canvas.alpha_composite(words, (8, top + (rows - words.height) // 2))
    return canvas


def _text(words: str, points: int, colour: Colour, outline: Colour | None = None) -> Pil.Image:
    face, words = font(words, max(9, points))
    stroke = 0 if outline is None else max(1, points // 10)
    left, top, right, bottom = ImageDraw.Draw(Pil.new("L", (1, 1))).textbbox(
        (0, 0), words, font=face, stroke_width=stroke
    )
    canvas = Pil.new("RGBA", (round(right - left) + 2, round(bottom - top) + 2), (0, 0, 0, 0))
    ImageDraw.Draw(canvas).text(
        (1 - left, 1 - top),
        words,
        font=face,
        fill=(*colour, 255),
        stroke_width=stroke,
        stroke_fill=(*(outline or colour), 255),
    )
    return canvas


def _boxed(words: Pil.Image, fill: tuple[int, int, int, int], radius: int) -> Pil.Image:
    pad = max(4, words.height // 2)
    canvas = Pil.new("RGBA", (words.width + 2 * pad, words.height + 2 * pad), (0, 0, 0, 0))
    ImageDraw.Draw(canvas).rounded_rectangle((0, 0, canvas.width - 1, canvas.height - 1), radius=radius, fill=fill)
    canvas.alpha_composite(words, (pad, pad))
    return canvas


def _canvas(side: int) -> tuple[Pil.Image, ImageDraw.ImageDraw, int]:
    canvas = Pil.new("RGBA", (_FINER * side,) * 2, (0, 0, 0, 0))
    return canvas, ImageDraw.Draw(canvas), _FINER * side


def _shrunk(canvas: Pil.Image, side: int) -> Pil.Image:
    return canvas.resize((side, side), Pil.Resampling.LANCZOS)


def _shadowed(canvas: Pil.Image, away: int) -> Pil.Image:
    shadow = Pil.new("RGBA", canvas.size, (0, 0, 0, 0))
    shadow.paste((0, 0, 0, 130), (away, 2 * away), canvas.getchannel("A"))
    return Pil.alpha_composite(shadow.filter(ImageFilter.GaussianBlur(2 * away)), canvas)


def _faded(layer: Pil.Image, opacity: float) -> Pil.Image:
    layer.putalpha(layer.getchannel("A").point(lambda value: round(opacity * value)))
    return layer


def _shaded(top: tuple[int, ...], foot: tuple[int, ...], side: int) -> Pil.Image:
    """A square whose colour goes from `top` to `foot`."""
    ramp = np.linspace(0, 1, side)[:, None, None]
    rows = np.asarray(top)[None, None] * (1 - ramp) + np.asarray(foot)[None, None] * ramp
    return Pil.fromarray(np.broadcast_to(rows, (side, side, 3)).round().astype(np.uint8)).convert("RGBA")


def _disc(side: int) -> Pil.Image:
    mask = Pil.new("L", (side, side), 0)
    ImageDraw.Draw(mask).ellipse((0, 0, side - 1, side - 1), fill=255)
    return mask


def _heart(side: float) -> NDArray[np.float64]:
    angle = np.linspace(0, 2 * np.pi, 80)
    x = 16 * np.sin(angle) ** 3
    y = -(13 * np.cos(angle) - 5 * np.cos(2 * angle) - 2 * np.cos(3 * angle) - np.cos(4 * angle))
    return np.stack([x, y], axis=1) / 34 * side


def _star(side: float) -> NDArray[np.float64]:
    turns = np.arange(10) * np.pi / 5 - np.pi / 2
    reach = np.where(np.arange(10) % 2 == 0, 0.5, 0.22) * side
    return np.stack([np.cos(turns) * reach, np.sin(turns) * reach], axis=1)


def _any_text(rng: Rng) -> str:
    return str(rng.choice(TEXTS))


def _colour(rng: Rng) -> Colour:
    return COLOURS[int(rng.integers(0, len(COLOURS)))]


def _other(colour: tuple[int, ...]) -> Colour:
    """White on dark colours, black on light ones."""
    return (255, 255, 255) if float(np.mean(colour)) < 140 else (15, 15, 15)
