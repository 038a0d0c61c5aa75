"""Things laid over a picture: captions, stickers, logos, a small second video. They hide, they do not alter."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont

from benchmarks.clips import Clip, Floats, Image, Material, transformed

_FONTS = (
    "/usr/share/fonts/truetype/nanum/NanumGothicBold.ttf",
    "/usr/share/fonts/truetype/nanum/NanumGothic.ttf",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
    "/System/Library/Fonts/AppleSDGothicNeo.ttc",
    "C:/Windows/Fonts/malgunbd.ttf",
)
_KOREAN = (
    "오늘 무대 정말 최고였어요",
    "이거 실화인가요?",
    "끝까지 보세요!",
    "우리 언니 너무 예쁘다",
    "공식 영상 아님",
    "자막 제공: 팬",
)
_ENGLISH = (
    "wait for it...",
    "OMG this is so real",
    "follow for more clips",
    "[interview, eng sub]",
    "he really said that?!",
)
_COLOURS = ((255, 255, 255), (255, 235, 60), (120, 255, 160), (255, 150, 210))
Layer = tuple[Image, Floats]  # BGR and opacity (h, w), 0 to 1


def captions(clip: Clip, rng: np.random.Generator) -> Clip:
    """One or two lines of text that change every 1-2 s, at the foot or the head of the picture."""
    width, height = clip.size
    period = round(clip.rate * float(rng.uniform(1.0, 2.0)))
    size, top = float(rng.uniform(0.055, 0.085)), bool(rng.random() < 0.2)
    boxed, colour = bool(rng.random() < 0.4), tuple(int(v) for v in _COLOURS[int(rng.integers(0, len(_COLOURS)))])
    texts = [
        str(rng.choice(_KOREAN if rng.random() < 0.6 else _ENGLISH)) for _ in range(len(clip.frames) // period + 1)
    ]
    layers = {text: _text_layer(text, (width, height), size, colour, boxed, top) for text in set(texts)}
    frames = [_laid(frame, layers[texts[i // period]]) for i, frame in enumerate(clip.frames)]
    return transformed(clip, frames, np.eye(3), captions=texts, at_top=top)


def stickers(clip: Clip, rng: np.random.Generator, landmarks: Floats, where: str) -> Clip:
    """Drawn faces, hearts and stars: over the body or hair, or over part of the face; still, or following it."""
    width, height = clip.size
    face = landmarks if np.isfinite(landmarks).all() else None
    count = int(rng.integers(1, 4)) if where == "scene" else 1
    follows = face is not None and (where == "face" or rng.random() < 0.5)
    size = float(np.median(np.ptp(face[:, :, 0], axis=1))) if face is not None else 0.2 * width
    items = []
    for _ in range(count):
        side = round(max(12.0, size * float(rng.uniform(0.35, 0.7))))
        away = rng.uniform(-0.25, 0.25, 2) if where == "face" else rng.choice([-1, 1], 2) * rng.uniform(0.5, 1.1, 2)
        items.append((_sticker(side, rng), away * size))
    frames = []
    for index, frame in enumerate(clip.frames):
        anchor = face[index if follows else 0].mean(axis=0) if face is not None else np.array([width, height]) / 2
        image = frame
        for layer, away in items:
            image = _placed(image, layer, anchor + away)
        frames.append(image)
    return transformed(clip, frames, np.eye(3), stickers=count, follows=follows, where=where)


def logo(clip: Clip, rng: np.random.Generator) -> Clip:
    """A half transparent mark in a corner, or across the middle."""
    width, height = clip.size
    size = float(rng.uniform(0.05, 0.08))
    layer = _text_layer(
        str(rng.choice(["@haechi_fan", "KCLIPS TV", "팬캠.kr"])), (width, height), size, (255, 255, 255), False, True
    )
    alpha = float(rng.uniform(0.35, 0.7))
    shift = (float(rng.uniform(-0.3, 0.3)) * width, float(rng.choice([0.0, 0.35, 0.8])) * height)
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float64)
    moved = [np.asarray(cv2.warpAffine(part, matrix, (width, height))) for part in layer]
    faint = np.asarray(moved[0], np.uint8), np.asarray(moved[1] * alpha, np.float32)
    frames = [_laid(frame, faint) for frame in clip.frames]
    return transformed(clip, frames, np.eye(3), logo_alpha=round(alpha, 2))


def small_video_in_corner(clip: Clip, other: Material, rng: np.random.Generator) -> Clip:
    """Another video, small, in a corner: a reaction or a screen."""
    width, height = clip.size
    share = float(rng.uniform(0.2, 0.32))
    w = round(share * width)
    h = max(8, round(w * other.frames[0].shape[0] / other.frames[0].shape[1]))
    h = min(h, height // 2)
    x = int(rng.choice([4, width - w - 4]))
    y = int(rng.choice([4, height - h - 4]))
    frames = []
    for index, frame in enumerate(clip.frames):
        image = frame.copy()
        small = cv2.resize(other.frames[index % len(other.frames)], (w, h), interpolation=cv2.INTER_AREA)
        image[y : y + h, x : x + w] = small
        frames.append(image)
    return transformed(clip, frames, np.eye(3), inset=[x, y, w, h], other=other.source_id)


def _laid(frame: Image, layer: Layer) -> Image:
    weight = layer[1][:, :, None]
    return np.asarray(np.round(frame * (1 - weight) + layer[0] * weight), np.uint8)


def _placed(frame: Image, layer: Layer, centre: NDArray[Any]) -> Image:
    """Lay a small picture over, centred; what falls outside is cut."""
    picture, alpha = layer
    h, w = alpha.shape
    x, y = round(float(centre[0]) - w / 2), round(float(centre[1]) - h / 2)
    left, top = max(0, x), max(0, y)
    right, bottom = min(frame.shape[1], x + w), min(frame.shape[0], y + h)
    if right <= left or bottom <= top:
        return frame
    image = frame.copy()
    part = np.s_[top - y : bottom - y, left - x : right - x]
    image[top:bottom, left:right] = _laid(frame[top:bottom, left:right], (picture[part], alpha[part]))
    return image


def _text_layer(
    text: str, size: tuple[int, int], share: float, colour: tuple[int, ...], boxed: bool, top: bool
) -> Layer:
    """Text centred at the foot or head: RGBA drawn at the picture's size, as BGR and opacity."""
    width, height = size
    canvas = Pil.new("RGBA", size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(canvas)
    points = max(10, round(share * min(width, height * 1.4)))
    face, text = font(text, points)
    left, upper, right, lower = draw.textbbox((0, 0), text, font=face, stroke_width=2)
    x = (width - (right - left)) / 2 - left
    y = (0.05 if top else 0.93) * height - (0 if top else lower - upper)
    if boxed:
        pad = points // 3
        draw.rectangle((x + left - pad, y + upper - pad, x + right + pad, y + lower + pad), fill=(0, 0, 0, 170))
    draw.text(
        (x, y), text, font=face, fill=(*colour, 255), stroke_width=max(1, points // 14), stroke_fill=(0, 0, 0, 255)
    )
    rgba = np.asarray(canvas)
    return np.ascontiguousarray(rgba[:, :, 2::-1], np.uint8), np.asarray(rgba[:, :, 3] / 255, np.float32)


def font(text: str, points: int) -> tuple[Any, str]:
    """A font that has the letters; without a Korean font, English stands in."""
    for path in (os.environ.get("HAECHI_BENCH_FONT", ""), *_FONTS):
        if path and Path(path).is_file():
            return ImageFont.truetype(path, points), text
    plain = text if text.isascii() else _ENGLISH[len(text) % len(_ENGLISH)]
    return ImageFont.load_default(points), plain


def _sticker(side: int, rng: np.random.Generator) -> Layer:
    """A heart, a star or a round face, drawn at four times the size and averaged down."""
    big = 4 * side
    picture, alpha = np.zeros((big, big, 3), np.uint8), np.zeros((big, big), np.uint8)
    colour = [int(v) for v in rng.choice([[60, 60, 240], [60, 210, 250], [220, 120, 250], [120, 220, 120]])]
    picture[:] = colour
    shape = int(rng.integers(0, 3))
    angle = np.linspace(0, 2 * np.pi, 100)
    if shape == 0:
        x, y = (
            16 * np.sin(angle) ** 3,
            -(13 * np.cos(angle) - 5 * np.cos(2 * angle) - 2 * np.cos(3 * angle) - np.cos(4 * angle)),
        )
        points = np.stack([x, y], axis=1) / 36 * big + big / 2
        cv2.fillPoly(alpha, [points.astype(np.int32)], (255,))
    elif shape == 1:
        turns = np.arange(10) * np.pi / 5 - np.pi / 2
        reach = np.where(np.arange(10) % 2 == 0, 0.48, 0.2) * big
        points = np.stack([np.cos(turns) * reach, np.sin(turns) * reach], axis=1) + big / 2
        cv2.fillPoly(alpha, [points.astype(np.int32)], (255,))
    else:
        cv2.circle(alpha, (big // 2, big // 2), round(0.47 * big), (255,), -1)
        for eye in (0.33, 0.67):
            cv2.circle(picture, (round(eye * big), round(0.4 * big)), big // 12, (30, 30, 30), -1)
        cv2.ellipse(picture, (big // 2, round(0.58 * big)), (big // 4, big // 6), 0, 0, 180, (30, 30, 30), big // 24)
    shrink = (side, side)
    small = (
        cv2.resize(picture, shrink, interpolation=cv2.INTER_AREA),
        cv2.resize(alpha, shrink, interpolation=cv2.INTER_AREA),
    )
    return np.asarray(small[0], np.uint8), np.asarray(small[1] / 255, np.float32)
