"""Sound: one alteration (speech of another moment) and the harmless edits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.clips import SAMPLE_RATE, Altered, Clip, Floats, Material
from benchmarks.retiming import NotPossibleError

_FADE_S = 0.01
_MIN_DIFFERENCE_DB = 6.0


def voice_other_moment(clip: Clip, material: Material, rng: np.random.Generator) -> Clip:
    """Replace 40-60 % of the sound by speech of another moment of the same recording, at equal loudness."""
    if clip.sound is None or material.sound is None:
        raise NotPossibleError("no sound")
    total = len(clip.sound)
    length = round(total * float(rng.uniform(0.4, 0.6)))
    offset = round(clip.pieces[0].offset_s * SAMPLE_RATE) if clip.pieces[0].offset_s else 0
    best: tuple[float, int, int] | None = None
    for _ in range(60):
        start = int(rng.integers(SAMPLE_RATE // 10, max(SAMPLE_RATE // 10 + 1, total - length - SAMPLE_RATE // 10)))
        source = int(rng.integers(0, max(1, len(material.sound) - length)))
        if abs(source - (start + offset)) < 0.4 * SAMPLE_RATE:
            continue
        here, there = clip.sound[start : start + length], material.sound[source : source + length]
        n = min(len(here), len(there))
        differs = _envelope_difference_db(here[:n], there[:n])
        if n >= 0.9 * length and (best is None or differs > best[0]):
            best = (differs, start, source)
    if best is None or best[0] < _MIN_DIFFERENCE_DB:
        raise NotPossibleError("no other speech of this recording sounds different enough")
    return _replaced(clip, material.sound, best[1], best[2], length)


def with_music(clip: Clip, rng: np.random.Generator) -> Clip:
    """A music bed (chords with a beat) 8-16 dB under the speech."""
    if clip.sound is None:
        raise NotPossibleError("no sound")
    level_db = -float(rng.uniform(8, 16))
    bed = music(len(clip.sound), rng)
    gain = _rms(clip.sound) / max(_rms(bed), 1e-6) * 10 ** (level_db / 20)
    return _heard(clip, clip.sound + bed * gain, music_db=round(level_db, 1))


def with_volume(clip: Clip, rng: np.random.Generator) -> Clip:
    """Louder or softer by 3-9 dB."""
    if clip.sound is None:
        raise NotPossibleError("no sound")
    gain_db = float(rng.choice([-1, 1]) * rng.uniform(3, 9))
    return _heard(clip, np.clip(clip.sound * 10 ** (gain_db / 20), -1, 1), gain_db=round(gain_db, 1))


def with_audio_codec(clip: Clip, rng: np.random.Generator) -> Clip:
    """AAC, MP3 or Opus at 64 kbit/s."""
    if clip.sound is None:
        raise NotPossibleError("no sound")
    codec = str(rng.choice(["aac", "libmp3lame", "libopus"]))
    coding = {"audio_codec": codec, "audio_bit_rate": 64_000} | ({"suffix": ".mkv"} if codec == "libopus" else {})
    return replace(clip, coding=clip.coding | coding, detail=clip.detail | {"audio_codec": codec})


def without_sound(clip: Clip, rng: np.random.Generator) -> Clip:
    """The sound track is gone."""
    if clip.sound is None:
        raise NotPossibleError("no sound")
    return replace(clip, sound=None)


def foreign_sound(clip: Clip, other: Material, rng: np.random.Generator) -> Clip:
    """The whole sound is that of another recording, or music: an edit that must be named, not a changed voice."""
    if clip.sound is None:
        raise NotPossibleError("no sound")
    if other.sound is None or rng.random() < 0.3:
        return _heard(clip, 0.2 * music(len(clip.sound), rng), foreign="music")
    repeated = np.tile(other.sound, 1 + len(clip.sound) // len(other.sound))[: len(clip.sound)]
    return _heard(clip, repeated, foreign=other.source_id)


def music(count: int, rng: np.random.Generator) -> Floats:
    """Chords that change every half second, with a soft beat: float32 (count,), peak 1."""
    time = np.arange(count) / SAMPLE_RATE
    beat = (time / 0.5).astype(int)
    roots = 220 * 2 ** (rng.choice([0, 3, 5, 7, 8, 10], size=int(beat.max(initial=0)) + 1) / 12)
    total = np.zeros(count)
    for interval in (0, 4, 7, 12):
        phase = np.cumsum(roots[beat] * 2 ** (interval / 12)) / SAMPLE_RATE * 2 * np.pi
        total += np.sin(phase) + 0.3 * np.sin(2 * phase)
    into = time % 0.5
    total *= 0.4 + 0.6 * np.exp(-into / 0.2)
    total += 1.5 * rng.standard_normal(count) * np.exp(-into / 0.02)
    return np.asarray(total / np.abs(total).max(initial=1e-6), np.float32)


def _replaced(clip: Clip, sound: Floats, start: int, source: int, length: int) -> Clip:
    assert clip.sound is not None
    new = clip.sound.copy()
    length = min(length, len(sound) - source, len(new) - start)
    piece = sound[source : source + length]
    piece = piece * np.clip(_rms(new[start : start + length]) / max(_rms(piece), 1e-6), 0.3, 3.0)
    weight = np.clip(np.minimum(np.arange(length), np.arange(length)[::-1]) / (_FADE_S * SAMPLE_RATE), 0, 1)
    new[start : start + length] = new[start : start + length] * (1 - weight) + piece * weight
    span = np.array([start, start + length]) / SAMPLE_RATE
    how = {"how": "replaced", "from_s": round(source / SAMPLE_RATE, 3)}
    item = Altered("voice", (), span, None, float("nan"), 0.0, how)
    return replace(clip, sound=new.astype(np.float32), altered=(*clip.altered, item))


def _envelope_difference_db(one: Floats, two: Floats) -> float:
    """Mean absolute difference of loudness in 40 ms steps, where either speaks."""
    step = round(0.04 * SAMPLE_RATE)
    n = min(len(one), len(two)) // step
    if n < 5:
        return 0.0
    levels = [10 * np.log10((s[: n * step].reshape(n, step) ** 2).mean(axis=1) + 1e-7) for s in (one, two)]
    return float(np.abs(levels[0] - levels[1])[np.maximum(*levels) > -45].mean()) if np.any(levels[0] > -45) else 0.0


def _rms(samples: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if samples.size else 0.0


def _heard(clip: Clip, sound: Floats, **detail: object) -> Clip:
    peak = float(np.abs(sound).max(initial=0))
    return replace(clip, sound=(sound / max(1.0, peak)).astype(np.float32), detail=clip.detail | detail)
