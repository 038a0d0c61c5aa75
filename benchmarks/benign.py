"""Harmless edits that must not look like a fake (FACTS section 1): frames, colours, time.

Each maker takes a clip and a random generator, draws its own strength, and keeps the geometry and the time map true.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from benchmarks.chains import cropped, scaled, scaled_by
from benchmarks.clips import SAMPLE_RATE, Clip, Image, Material, Piece, shift_matrix, transformed


def other_codec(clip: Clip, rng: np.random.Generator) -> Clip:
    """HEVC, VP9, MPEG-4 or a coarse H.264."""
    choices = [{"codec": "libx265", "crf": 30}, {"codec": "libvpx-vp9", "crf": 38}, {"codec": "libx264", "crf": 35}]
    coding = choices[int(rng.integers(0, len(choices)))]
    return replace(clip, coding=clip.coding | coding, detail=clip.detail | coding)


def scale(clip: Clip, rng: np.random.Generator) -> Clip:
    """Down to 0.45 or up to 1.4."""
    return scaled_by(clip, float(rng.choice([rng.uniform(0.45, 0.8), rng.uniform(1.1, 1.4)])))


def crop(clip: Clip, rng: np.random.Generator) -> Clip:
    """5-25 % of each side length away, anywhere."""
    width, height = clip.size
    w, h = (round(s * float(rng.uniform(0.75, 0.95))) for s in (width, height))
    return cropped(clip, int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1)), w, h)


def letterbox(clip: Clip, rng: np.random.Generator) -> Clip:
    """Black bars above and below, or left and right."""
    width, height = clip.size
    bars = float(rng.uniform(0.1, 0.3))
    x, y = (0, round(bars * height)) if rng.random() < 0.6 else (round(bars * width), 0)
    frames = [np.asarray(cv2.copyMakeBorder(f, y, y, x, x, cv2.BORDER_CONSTANT), np.uint8) for f in clip.frames]
    return transformed(clip, frames, shift_matrix(x, y))


def blurred_fill(clip: Clip, rng: np.random.Generator) -> Clip:
    """An upright 9:16 picture: the clip in the middle, itself blurred behind."""
    width, height = clip.size
    tall = 2 * round(width * 16 / 9 / 2)
    if tall <= height:
        return letterbox(clip, rng)
    top = (tall - height) // 2
    frames = []
    for frame in clip.frames:
        small = cv2.resize(frame, (max(8, width // 8), max(8, tall // 8)), interpolation=cv2.INTER_AREA)
        back = cv2.resize(cv2.GaussianBlur(small, (0, 0), 3), (width, tall), interpolation=cv2.INTER_CUBIC)
        back[top : top + height] = frame
        frames.append(np.asarray(back, np.uint8))
    return transformed(clip, frames, shift_matrix(0, top))


def border(clip: Clip, rng: np.random.Generator) -> Clip:
    """A coloured frame of 2-8 %, around or over the picture."""
    width, height = clip.size
    rim = max(2, round(float(rng.uniform(0.02, 0.08)) * min(width, height)))
    colour = tuple(int(v) for v in rng.integers(0, 256, 3))
    if rng.random() < 0.5:
        frames = [cv2.rectangle(f.copy(), (0, 0), (width - 1, height - 1), colour, 2 * rim) for f in clip.frames]
        return transformed(clip, [np.asarray(f, np.uint8) for f in frames], np.eye(3))
    frames = [cv2.copyMakeBorder(f, rim, rim, rim, rim, cv2.BORDER_CONSTANT, value=colour) for f in clip.frames]
    return transformed(clip, [np.asarray(f, np.uint8) for f in frames], shift_matrix(rim, rim))


def mirror(clip: Clip, rng: np.random.Generator) -> Clip:
    """Left and right exchanged."""
    matrix = np.diag([-1.0, 1.0, 1.0])
    matrix[0, 2] = clip.size[0]
    frames = [np.ascontiguousarray(f[:, ::-1]) for f in clip.frames]
    return replace(transformed(clip, frames, matrix), mirrored=not clip.mirrored)


def rotate(clip: Clip, rng: np.random.Generator) -> Clip:
    """Turned by 1-3 degrees and enlarged so that no corner is empty."""
    width, height = clip.size
    degrees = float(rng.choice([-1, 1]) * rng.uniform(1, 3))
    a = abs(np.deg2rad(degrees))
    grow = float(np.cos(a) + np.sin(a) * max(width / height, height / width))
    matrix = np.vstack([cv2.getRotationMatrix2D((width / 2, height / 2), degrees, grow), [0, 0, 1]])
    centre = shift_matrix(-0.5, -0.5) @ matrix @ shift_matrix(0.5, 0.5)
    frames = [
        np.asarray(
            cv2.warpAffine(f, centre[:2], (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE),
            np.uint8,
        )
        for f in clip.frames
    ]
    return transformed(clip, frames, matrix, degrees=round(degrees, 2))


def speed(clip: Clip, rng: np.random.Generator) -> Clip:
    """Faster or slower by 2-8 %, sound included (pitch moves along)."""
    factor = float(1 + rng.choice([-1, 1]) * rng.uniform(0.02, 0.08))
    count = int(len(clip.frames) / factor)
    index = np.minimum(np.round(np.arange(count) * factor).astype(int), len(clip.frames) - 1)
    sound = clip.sound
    if sound is not None:
        places = np.arange(int(len(sound) / factor)) * factor
        sound = np.asarray(np.interp(places, np.arange(len(sound)), sound), np.float32)
    pieces = tuple(
        replace(p, start_s=p.start_s / factor, end_s=p.end_s / factor, speed=p.speed * factor) for p in clip.pieces
    )
    altered = tuple(replace(a, times_s=a.times_s / factor) for a in clip.altered)
    frames = [clip.frames[i] for i in index]
    return replace(
        clip,
        frames=frames,
        sound=sound,
        pieces=pieces,
        altered=altered,
        detail=clip.detail | {"speed": round(factor, 4)},
    )


def frame_rate(clip: Clip, rng: np.random.Generator) -> Clip:
    """Frames left out (24, 15, 12.5) or doubled (30) to another rate."""
    choices = [r for r in (12.5, 15.0, 24.0, 30.0) if abs(r - clip.rate) > 1]
    rate = float(rng.choice(choices))
    index = np.minimum(np.arange(round(clip.duration_s * rate)) * clip.rate / rate, len(clip.frames) - 1).astype(int)
    return replace(clip, frames=[clip.frames[i] for i in index], rate=rate, detail=clip.detail | {"frame_rate": rate})


def dropped_frames(clip: Clip, rng: np.random.Generator) -> Clip:
    """Every so often a frame is shown twice in place of the next."""
    lost = rng.random(len(clip.frames)) < rng.uniform(0.03, 0.12)
    lost[0] = False
    index = np.maximum.accumulate(np.where(lost, 0, np.arange(len(clip.frames))))
    return replace(clip, frames=[clip.frames[i] for i in index], detail=clip.detail | {"dropped": int(lost.sum())})


def colour_filter(clip: Clip, rng: np.random.Generator, name: str) -> Clip:
    """Warm, cool, black and white, contrast, vignette or faded."""
    amount = float(rng.uniform(0.5, 1.0))
    width, height = clip.size
    y, x = np.mgrid[0:height, 0:width]
    shade = 1 - 0.5 * amount * np.clip(((x / width - 0.5) ** 2 + (y / height - 0.5) ** 2) * 2.2, 0, 1)
    shade3 = shade[:, :, None].astype(np.float32)
    frames = [_filtered(frame, name, amount, shade3) for frame in clip.frames]
    return transformed(clip, frames, np.eye(3), filter=name, amount=round(amount, 2))


def _filtered(
    frame: Image, name: str, amount: float, shade: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
) -> Image:
    if name == "vignette":
        return np.asarray(np.round(frame * shade), np.uint8)
    ramp = np.arange(256, dtype=np.float32)
    if name == "black_and_white":
        grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
    if name in ("warm", "cool"):
        sign = 1 if name == "warm" else -1
        gains = (1 - 0.15 * amount * sign, 1.0, 1 + 0.12 * amount * sign)
        tables = [np.clip(ramp * g, 0, 255).astype(np.uint8) for g in gains]
        return np.stack([t[frame[:, :, i]] for i, t in enumerate(tables)], axis=2)
    if name == "contrast":
        table = np.asarray(255 / (1 + np.exp(-(ramp / 255 - 0.5) * (4 + 3 * amount))), np.float32)
    else:  # faded
        table = np.asarray(25 * amount + ramp * (1 - 0.2 * amount), np.float32)
    return np.asarray(np.clip(table, 0, 255).astype(np.uint8)[frame], np.uint8)


def beauty(clip: Clip, rng: np.random.Generator) -> Clip:
    """Skin smoothed by a bilateral filter and brightened, the whole picture over."""
    strength = float(rng.uniform(0.5, 0.9))
    frames = []
    for frame in clip.frames:
        ycc = cv2.cvtColor(frame, cv2.COLOR_BGR2YCrCb)
        found = cv2.inRange(ycc, np.array([60, 135, 80]), np.array([255, 180, 130])).astype(np.float32) / 255
        skin = cv2.GaussianBlur(found, (0, 0), max(1.0, clip.size[0] / 120))[:, :, None] * strength
        smooth = cv2.bilateralFilter(frame, 7, 35, max(3.0, clip.size[0] / 100)).astype(np.float32)
        fair = np.clip(smooth * 1.04 + 6, 0, 255)
        frames.append(np.asarray(np.round(frame * (1 - skin) + fair * skin), np.uint8))
    return transformed(clip, frames, np.eye(3), beauty=round(strength, 2))


def picture_in_picture(clip: Clip, other: Material, rng: np.random.Generator) -> Clip:
    """Our release at 45-70 % of the size inside another moving picture."""
    width, height = clip.size
    share = float(rng.uniform(0.45, 0.7))
    w, h = 2 * round(width * share / 2), 2 * round(height * share / 2)
    x, y = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
    small = scaled(clip, w, h)
    frames = []
    for index, frame in enumerate(small.frames):
        back = cv2.resize(other.frames[index % len(other.frames)], (width, height), interpolation=cv2.INTER_AREA)
        back[y : y + h, x : x + w] = frame
        frames.append(np.asarray(back, np.uint8))
    return transformed(small, frames, shift_matrix(x, y), inside=[x, y, w, h], other=other.source_id)


def trimmed_and_joined(clip: Clip, rng: np.random.Generator) -> Clip:
    """Two stretches of the same release joined, with a piece between them left out."""
    count = len(clip.frames)
    gap = max(3, round(count * float(rng.uniform(0.1, 0.25))))
    first = round(count * float(rng.uniform(0.3, 0.5)))
    second = first + gap
    frames = clip.frames[:first] + clip.frames[second:]
    sound = clip.sound
    if sound is not None:
        cut = [round(i / clip.rate * SAMPLE_RATE) for i in (first, second)]
        sound = np.concatenate([sound[: cut[0]], sound[cut[1] :]])
    offset = clip.pieces[0].offset_s or 0.0
    seam, end = first / clip.rate, len(frames) / clip.rate
    pieces = (Piece(0.0, seam, offset), Piece(seam, end, offset + second / clip.rate))
    return replace(clip, frames=frames, sound=sound, pieces=pieces)


def joined_with_other(clip: Clip, other: Material, rng: np.random.Generator) -> Clip:
    """A stretch of another release comes after (or before) ours."""
    width, height = clip.size
    length = round(min(other.duration_s, float(rng.uniform(1.5, 2.5))) * clip.rate)
    index = np.minimum(np.arange(length) * other.rate / clip.rate, len(other.frames) - 1).astype(int)
    added = [
        np.asarray(cv2.resize(other.frames[i], (width, height), interpolation=cv2.INTER_AREA), np.uint8) for i in index
    ]
    share = length / clip.rate
    sound = clip.sound
    foreign = other.sound if other.sound is not None else np.zeros(0, np.float32)
    tail = np.zeros(round(share * SAMPLE_RATE), np.float32)
    tail[: min(len(tail), len(foreign))] = foreign[: len(tail)]
    mine = clip.pieces[0]
    if rng.random() < 0.5:
        sound = None if sound is None else np.concatenate([sound, tail])
        pieces = (mine, Piece(mine.end_s, mine.end_s + share, None))
        return replace(
            clip,
            frames=clip.frames + added,
            sound=sound,
            pieces=pieces,
            detail=clip.detail | {"other": other.source_id},
        )
    sound = None if sound is None else np.concatenate([tail, sound])
    pieces = (Piece(0.0, share, None), replace(mine, start_s=share, end_s=share + mine.end_s))
    return replace(
        clip, frames=added + clip.frames, sound=sound, pieces=pieces, detail=clip.detail | {"other": other.source_id}
    )
