"""Attacks on the sound mark by somebody who knows everything but the key, and readings where there is no mark.

    python -m benchmarks.watermark_security_sound [--sounds 12] [--readings 20000] [--music FOLDER] [--out FILE.md]

Every sound (14 s) bears a number of its own, as `protect` has it. "Read": a number is read; "accepted": the sound that
bears it also agrees with the release of that number (`audio.agree`), which is what `verify` and `check` ask.
1. Moving: what the marked sound has over its neighbours in time and frequency (the reader's own whitening), over its
   smoothed level, and its exact gains (somebody has the unmarked sound, too), laid as gains on another sound; the
   marked sound itself beneath another one; the mean estimate of many sounds.
2. Removing: the same estimates taken from the marked sound.
3. Marking again. 4. Recipients average their copies: whom does informed reading name among a hundred copies?
5. Sensitivity: questions to a reader that says only yes or no, and to one that shows its score.
6. Unmarked sounds with random keys: as they lie, by full search, and with the master.
"""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.sound_cases import RATE, Sound, codec
from benchmarks.sources import data_folder
from benchmarks.watermark_attacks import AGAIN, KEY, Hits, Read, averaged, leak, numbers, removed, show, table
from benchmarks.watermark_audio import sounds
from haechi.core.watermark.audio import Shaper, embed_sound, read, read_informed
from haechi.core.watermark.audio import cells as cell
from haechi.core.watermark.audio.agree import agreeing_share
from haechi.core.watermark.audio.pattern import CELL_S, pattern_of
from haechi.core.watermark.audio.place import Stretch, transformed_pilot
from haechi.core.watermark.code import most_likely
from haechi.core.watermark.decide import MIN_SCORE
from haechi.core.watermark.marks import LEAST_AGREEING

_COPIES: Final = 100
_KNOWN: Final = 20
_STRENGTHS_DB: Final = (1.8, 3.6)
_STEP_DB: Final = 0.5

Gains = NDArray[Any]


class Gallery:
    """Sounds, each marked with its own number."""

    def __init__(self, found: list[Sound]) -> None:
        self.sounds = found
        self.numbers = [secrets.randbits(40) for _ in found]
        self.marked = [
            embed_sound(one, RATE, n, KEY, mono_16k=one).samples for one, n in zip(found, self.numbers, strict=True)
        ]

    def judged(self, probe: Sound) -> tuple[bool, bool]:
        """Whether a number of ours is read, and whether the sound agrees with the release of that number."""
        reading = read(probe, KEY)
        if reading is None or reading.payload not in self.numbers:
            return reading is not None, False
        master = self.sounds[self.numbers.index(reading.payload)]
        share = agreeing_share(probe, master, reading.start_s, reading.tempo, reading.pitch)
        return True, share is not None and share >= LEAST_AGREEING

    def still_read(self, number: int, probe: Sound) -> tuple[bool, bool]:
        """Whether a sound's own number is still read from it, blind and informed."""
        blind, informed = read(probe, KEY), read_informed(probe, self.sounds[number], KEY)
        wanted = self.numbers[number]
        return blind is not None and blind.payload == wanted, informed is not None and informed.payload == wanted


def levels(sound: Sound) -> Gains:
    """Level in dB of each cell, float32 (n, BANDS)."""
    of = cell.loudness(cell.band_power(cell.running_power(sound)))
    return np.asarray(cell.cells(of, 1.0, np.zeros(1), int(len(sound) / RATE / CELL_S))[0][0])


def whitened(sound: Sound) -> Gains:
    """What the reader itself looks at."""
    rest, spread = cell.whiten(levels(sound))
    return np.asarray(np.clip(rest / spread, -cell.CLIP, cell.CLIP))


def smoothed(sound: Sound) -> Gains:
    """Level over its mean in a box of 5 x 5 cells."""
    level = levels(sound)
    padded = np.pad(level, 2, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, (5, 5)).mean((2, 3))
    return np.asarray(np.clip(level - around, -8, 8))


def laid_on(sound: Sound, gains: Gains, strength_db: float | None = None) -> Sound:
    """A sound with gains, scaled to an r.m.s. in dB unless None."""
    if strength_db is not None:
        gains = gains * (strength_db / max(float(np.sqrt(np.mean(gains**2))), 1e-6))
    shaper = Shaper(RATE, 1, np.asarray(gains, np.float32))
    return np.concatenate([shaper.add(sound[:, None]), shaper.finish()])[:, 0]


def moving(gallery: Gallery) -> list[str]:
    """1."""
    count, hits = len(gallery.sounds), dict[str, Hits]()
    white = [whitened(one) for one in gallery.marked]
    rows = min(len(one) for one in white)
    together = np.mean([one[:rows] for one in white], axis=0)
    for number, marked in enumerate(gallery.marked):
        host = gallery.sounds[(number + 1) % count]
        exact = levels(marked)[:rows] - levels(gallery.sounds[number])[:rows]
        for strength in _STRENGTHS_DB:
            for name, gains in (
                ("whitened estimate", white[number]),
                ("smoothed estimate", smoothed(marked)),
                ("exact gains", exact),
                (f"mean estimate of {count}", together),
            ):
                tried = gallery.judged(laid_on(host, gains, strength))
                hits.setdefault(f"{name}, {strength} dB", []).append(tried)
        for below in (-10, -3):
            quiet = min(len(host), len(marked))
            loud = float(np.std(host)) * 10 ** (below / 20) / float(np.std(marked))
            tried = gallery.judged(np.asarray(host[:quiet] + loud * marked[:quiet], np.float32))
            hits.setdefault(f"the marked sound itself, {below} dB beneath", []).append(tried)
    return table("| laid on another sound | a number is read | accepted |", hits)


def removing(gallery: Gallery) -> list[str]:
    """2 and 3."""
    count, hits = len(gallery.sounds), dict[str, Hits]()
    white = [whitened(one) for one in gallery.marked]
    rows = min(len(one) for one in white)
    together = np.mean([one[:rows] for one in white], axis=0)
    for number, marked in enumerate(gallery.marked):
        noise = np.random.default_rng(number).normal(0, 1, white[number].shape)
        tries = {
            "own whitened estimate, 1.8 dB": laid_on(marked, -white[number], 1.8),
            "own whitened estimate, 3.6 dB": laid_on(marked, -white[number], 3.6),
            f"mean estimate of {count}, 3.6 dB": laid_on(marked, -together, 3.6),
            "random gains, 3.6 dB": laid_on(marked, noise, 3.6),
        }
        for name, key in AGAIN:
            again = embed_sound(marked, RATE, secrets.randbits(40), key, mono_16k=marked).samples
            tries[f"marked again, {name}"] = again
        for name, probe in tries.items():
            hits.setdefault(name, []).append(gallery.still_read(number, probe))
    return removed(hits)


def collusion(found: list[Sound]) -> list[str]:
    """4."""
    return averaged(found, "MP3 128k", _named)


def _named(sound: Sound, copies: int) -> str:
    pairs = numbers(_COPIES)
    made = [embed_sound(sound, RATE, one, KEY, mono_16k=sound, recipient=two).samples for one, two in pairs[:copies]]
    probe = codec("libmp3lame", 128_000)(np.mean(made, axis=0, dtype=np.float32), np.random.default_rng(0))

    def informed(label: str, among: list[int]) -> Read | None:
        return read_informed(probe, sound, KEY, label=label, among=among)

    return leak(read(probe, KEY), informed, pairs, copies)


def sensitivity(gallery: Gallery, questions: int, rounds: int) -> list[str]:
    """5."""
    lines = [f"| sound | SNR after {questions} yes or no | after {questions} scores | random gains that remove it |"]
    lines.append("|---|---|---|---|")
    for number in range(min(rounds, len(gallery.marked))):
        own, wanted = gallery.marked[number], gallery.numbers[number]
        shape = levels(own).shape

        def score(gains: Gains, own: Sound = own, wanted: int = wanted) -> float:
            reading = read(laid_on(own, gains), KEY, search=False)
            return reading.score if reading is not None and reading.payload == wanted else 0.0

        rng = np.random.default_rng(number)
        yes = _border_direction(shape, score, questions, rng, graded=False)
        graded = _border_direction(shape, score, questions, rng, graded=True)
        blind = rng.normal(0, 1, shape)
        cells = " | ".join(_cost(own, way, score) for way in (yes, graded, blind))
        lines.append(f"| {number + 1} | {cells} |")
    return lines


def _border_direction(
    shape: tuple[int, ...], score: Callable[[Gains], float], questions: int, rng: np.random.Generator, *, graded: bool
) -> Gains:
    """Which random gains take the score down (or the reading away, at a point where it just turns), added up."""
    start = np.zeros(shape)
    if not graded:
        way, low, high = rng.normal(0, 1, shape), 0.0, 16.0
        for _ in range(10):
            middle = (low + high) / 2
            low, high = (middle, high) if score(middle * way) > 0 else (low, middle)
        start = low * way
    total = np.zeros(shape)
    usual = score(start)
    for _ in range(questions):
        step = rng.normal(0, 1, shape)
        answer = score(start + _STEP_DB * step)
        total += step * (answer - usual if graded else (1.0 if answer > 0 else -1.0))
    return -total


def _cost(own: Sound, way: Gains, score: Callable[[Gains], float]) -> str:
    """r.m.s. of gains and SNR at which the mark is gone along a direction."""
    unit = way / max(float(np.sqrt(np.mean(way**2))), 1e-9)
    low, high = 0.0, 16.0
    for _ in range(8):
        middle = (low + high) / 2
        low, high = (middle, high) if score(middle * unit) > 0 else (low, middle)
    change = laid_on(own, high * unit) - own
    snr = 10 * np.log10(float(np.sum(own**2)) / max(float(np.sum(change**2)), 1e-12))
    return f"{high:.1f} dB of gain, SNR {snr:.1f} dB"


def unmarked(found: list[Sound], readings: int, searches: int) -> list[str]:
    """6."""
    read_at_all = sum(
        read(found[n % len(found)], secrets.token_bytes(16), search=False) is not None for n in range(readings)
    )
    searched = sum(read(found[n % len(found)], secrets.token_bytes(16)) is not None for n in range(searches))
    informed = 0
    mp3 = codec("libmp3lame", 64_000)
    for number in range(searches):
        sound = found[number % len(found)]
        probe = mp3(sound, np.random.default_rng(0)) if number < len(found) else sound
        known = [secrets.randbits(40) for _ in range(_KNOWN)]
        informed += read_informed(probe, sound, secrets.token_bytes(16), among=known) is not None
    scores = np.array([score for sound in found for score in _null_scores(sound, max(1, 2000 // len(found)))])
    return [
        f"* {readings} readings as they lie of {len(found)} unmarked sounds with random keys: {read_at_all} gave a "
        f"number; at most 128 decodings each, the bound allows {readings * 128 * 7e-12:.0e}.",
        f"* {searches} full searches: {searched} gave a number. {searches} readings with the master, asked for any "
        f"number and for {_KNOWN} known ones: {informed}.",
        f"* Likeliest codeword, whatever its CRC, in {len(scores)} places: score {scores.mean():.3f} +- "
        f"{scores.std():.3f}, 99.9 % below {np.quantile(scores, 0.999):.3f}, greatest {scores.max():.3f}; threshold "
        f"{MIN_SCORE}, and a right CRC is 2^-24 beyond.",
    ]


def _null_scores(sound: Sound, count: int) -> list[float]:
    found = []
    for _ in range(count):
        pattern = pattern_of(secrets.token_bytes(16))
        stretch = Stretch(sound[: 12 * RATE], pattern, transformed_pilot(pattern))
        soft = stretch.soft(stretch.places(1.0, 1.0, 1)[0])
        found.append(float(most_likely(soft[None])[0] @ soft / np.linalg.norm(soft) / len(soft) ** 0.5))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sounds", type=int, default=12)
    parser.add_argument("--readings", type=int, default=20_000)
    parser.add_argument("--searches", type=int, default=300)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--music", type=Path)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    data = data_folder()
    assert data is not None, "benchmark media not found: set HAECHI_BENCH_DATA"
    whole = [one for _, one in sounds(data, given.music, 1) if len(one) >= 10 * RATE]
    some = whole[:: max(1, len(whole) // given.sounds)][: given.sounds]
    gallery = Gallery(some)
    parts: list[Callable[[], list[str]]] = [
        lambda: moving(gallery),
        lambda: removing(gallery),
        lambda: collusion(some[:9]),
        lambda: sensitivity(gallery, given.questions, 3),
        lambda: unmarked(whole, given.readings, given.searches),
    ]
    show(parts, 14, given.out)


if __name__ == "__main__":
    main()
