"""Attacks on the film mark by somebody who knows everything but the key, and readings where there is no mark.

    python -m benchmarks.watermark_security_film [--films 9] [--readings 20000] [--searches 40] [--out FILE.md]

Films: 16 frames each of different scenes, scaled to one size, each marked with its own number at 42 dB of luma. "Read"
and "accepted" as in `watermark_security`: accepted asks that frames agree with the release of the number that is read.
1. Moving: the estimate of the mark (frames minus their denoised selves, averaged over the film, for the mark stands
   still), the fine structure of one frame, and the exact mark (somebody has the unmarked film, too), laid on another
   film and on a plain one.
2. Removing: the estimate subtracted; marking again.
3. Recipients average their copies, H.264 crf 28: whom does informed reading name among a hundred copies?
4. Sensitivity: questions to a reader of 8 frames that says only yes or no.
5. Unmarked films with random keys: as they lie, and by full search.
"""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.sources import data_folder
from benchmarks.watermark_attacks import AGAIN, KEY, Hits, Read, averaged, leak, numbers, removed, show, table
from benchmarks.watermark_video import coded, films
from haechi.core.watermark.agree import agreeing_share
from haechi.core.watermark.canvas import coefficients, to_tiles
from haechi.core.watermark.decide import Asked
from haechi.core.watermark.embed import RECIPIENT
from haechi.core.watermark.marks import LEAST_AGREEING
from haechi.core.watermark.pattern import pattern_of
from haechi.core.watermark.spread import PICTURE, levelled, soft_bits
from haechi.core.watermark.video import LumaMarker, read_frames_mark, read_informed_frames
from haechi.core.watermark.video.blind import mean_white
from haechi.core.watermark.video.informed import paired

Film = list[NDArray[np.uint8]]
Floats = NDArray[np.float32]

_SIZE: Final = (640, 480)
_FRAMES, _STILLS = 16, 8
_COPIES, _KNOWN = 100, 20


def marked(film: Film, number: int, key: bytes = KEY, recipient: int | None = None) -> Film:
    second = None if recipient is None else (pattern_of(key, RECIPIENT), recipient)
    marker = LumaMarker(pattern_of(key), number, film[0].shape[:2], recipient=second)
    return [np.asarray(marker.mark(frame), np.uint8) for frame in film]


def with_plane(film: Film, plane: Any) -> Film:
    return [np.clip(np.round(frame + plane), 0, 255).astype(np.uint8) for frame in film]


def at_40_db(plane: Any) -> Any:
    return plane * (2.55 / max(float(np.sqrt(np.mean(plane**2))), 1e-6))


def estimate(film: Film) -> Any:
    """What a denoiser takes away, averaged over the film."""
    return np.mean([one.astype(np.float32) - cv2.bilateralFilter(one, 9, 25, 7) for one in film], axis=0)


class Gallery:
    """Films of one size, each marked with its own number."""

    def __init__(self, found: list[Film]) -> None:
        self.films = found
        self.numbers = [secrets.randbits(40) for _ in found]
        self.marked = [marked(one, n) for one, n in zip(found, self.numbers, strict=True)]

    def judged(self, probe: Film) -> tuple[bool, bool]:
        """Whether a number of ours is read, and whether the film agrees with the release of that number."""
        reading = read_frames_mark(probe, KEY)
        if reading is None or reading.payload not in self.numbers:
            return reading is not None, False
        master = self.films[self.numbers.index(reading.payload)]
        matrix = np.vstack([reading.geometry.matrix, [0, 0, 1]])
        pairs = paired(probe[::3], master, matrix, least_alike=-1.0)
        shares = [agreeing_share(pair.probe, pair.master, matrix[:2]) for pair in pairs]
        told = [share for share in shares if share is not None]
        return True, bool(told) and float(np.median(told)) >= LEAST_AGREEING

    def still_read(self, number: int, probe: Film) -> tuple[bool, bool]:
        blind, informed = read_frames_mark(probe, KEY), read_informed_frames(probe, self.films[number], KEY)
        wanted = self.numbers[number]
        return blind is not None and blind.payload == wanted, informed is not None and informed.payload == wanted


def moving(gallery: Gallery) -> list[str]:
    """1."""
    hits, count = dict[str, Hits](), len(gallery.films)
    ramp = np.tile(np.linspace(60, 180, _SIZE[0], dtype=np.float32), (_SIZE[1], 1)).astype(np.uint8)
    for number, film in enumerate(gallery.marked):
        first = film[0].astype(np.float32)
        exact = np.mean([a.astype(np.float32) - b for a, b in zip(film, gallery.films[number], strict=True)], axis=0)
        planes = {
            "estimate": at_40_db(estimate(film)),
            "fine structure of a frame": at_40_db(first - cv2.GaussianBlur(first, (0, 0), 4)),
            "exact mark": at_40_db(exact),
        }
        for name, plane in planes.items():
            for where, host in (("another film", gallery.films[(number + 1) % count]), ("a plain one", [ramp] * 4)):
                hits.setdefault(f"{name}, on {where}", []).append(gallery.judged(with_plane(host, plane)))
    return table("| laid on, 40 dB | a number is read | accepted |", hits)


def removing(gallery: Gallery) -> list[str]:
    """2."""
    hits = dict[str, Hits]()
    for number, film in enumerate(gallery.marked):
        tries = {"own estimate subtracted, 40 dB": with_plane(film, -at_40_db(estimate(film)))}
        for name, key in AGAIN:
            tries[f"marked again, {name}"] = marked(film, secrets.randbits(40), key)
        for name, probe in tries.items():
            hits.setdefault(name, []).append(gallery.still_read(number, probe))
    return removed(hits)


def collusion(found: list[Film]) -> list[str]:
    """3."""
    return averaged(found, "crf 28", _named)


def _named(film: Film, copies: int) -> str:
    pairs = numbers(_COPIES)
    made = [marked(film, one, recipient=two) for one, two in pairs[:copies]]
    mean = [np.asarray(np.round(np.mean(same, axis=0)), np.uint8) for same in zip(*made, strict=True)]
    probe = _through_h264(mean)

    def informed(label: str, among: list[int]) -> Read | None:
        return read_informed_frames(probe, film, KEY, label=label, among=among)

    return leak(read_frames_mark(probe, KEY), informed, pairs, copies)


def _through_h264(film: Film) -> Film:
    grey = np.full((_SIZE[1] // 2, _SIZE[0]), 128, np.uint8)
    return coded("libx264", crf="28", preset="veryfast")([np.concatenate([one, grey]) for one in film])


def sensitivity(gallery: Gallery, questions: int, rounds: int) -> list[str]:
    """4."""
    lines = [
        f"| film | PSNR after {questions} questions, when the mark is gone | PSNR of still noise that removes it |"
    ]
    lines.append("|---|---|---|")
    for number in range(min(rounds, len(gallery.marked))):
        own, wanted = gallery.marked[number][::2][:_STILLS], gallery.numbers[number]

        def says_yes(plane: Any, own: Film = own, wanted: int = wanted) -> bool:
            reading = read_frames_mark(with_plane(own, plane), KEY, search=False)
            return reading is not None and reading.payload == wanted

        rng = np.random.default_rng(number)
        noise = _smooth_noise(rng)
        border = noise * _turns(noise, says_yes)
        total = np.zeros(own[0].shape, np.float32)
        for _ in range(questions):
            step = _smooth_noise(rng)
            total += step if says_yes(border + 4 * step) else -step
        cells = (-total / max(float(np.std(total)), 1e-9), noise)
        told = " | ".join(f"{20 * np.log10(255 / max(_turns(one, says_yes), 1e-3)):.1f} dB" for one in cells)
        lines.append(f"| {number + 1} | {told} |")
    return lines


def _smooth_noise(rng: np.random.Generator) -> Floats:
    """As fine as the mark is, unit deviation, float32 (h, w)."""
    step = rng.normal(0, 1, (_SIZE[1] // 3, _SIZE[0] // 3)).astype(np.float32)
    wide = cv2.resize(step - cv2.GaussianBlur(step, (0, 0), 4), _SIZE, interpolation=cv2.INTER_CUBIC)
    return np.asarray(wide / max(float(np.std(wide)), 1e-9), np.float32)


def _turns(plane: Floats, says_yes: Callable[[Any], bool]) -> float:
    """Grey levels r.m.s. at which the answer turns along a plane of unit deviation."""
    low, high = 0.0, 120.0
    for _ in range(10):
        middle = (low + high) / 2
        low, high = (middle, high) if says_yes(middle * plane) else (low, middle)
    return low


def unmarked(found: list[Film], readings: int, searches: int) -> list[str]:
    """5."""
    whites = [mean_white(film) for film in found]
    views = [
        [levelled(coefficients(to_tiles(one))) for one in (white, np.ascontiguousarray(white[:, ::-1]))]
        for white in whites
    ]
    hits = asked = 0
    while asked < readings:
        pattern = pattern_of(secrets.token_bytes(16))
        copies = Asked([secrets.randbits(40) for _ in range(_KNOWN)])
        for values in views[: readings - asked]:
            soft = np.stack([soft_bits(pattern, one, weight=weight) for one in values for weight in PICTURE])
            hits += bool(copies.find(soft))
            asked += 1
    searched = sum(
        read_frames_mark(found[n % len(found)][:4], secrets.token_bytes(16)) is not None for n in range(searches)
    )
    return [
        f"* {asked} readings as they lie of {len(found)} unmarked films with random keys, for any number and for "
        f"{_KNOWN} known ones: {hits}; the bound allows {asked * 12 * 7e-12:.0e}.",
        f"* {searches} full searches (4 frames): {searched}.",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=9)
    parser.add_argument("--readings", type=int, default=20_000)
    parser.add_argument("--searches", type=int, default=40)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    data = data_folder()
    assert data is not None, "benchmark media not found: set HAECHI_BENCH_DATA"
    cv2.setNumThreads(1)
    whole = [
        [
            np.asarray(cv2.resize(one[: len(one) * 2 // 3], _SIZE, interpolation=cv2.INTER_AREA), np.uint8)
            for one in frames
        ]
        for name, frames in films(data, _FRAMES)
        if name.endswith("-0")
    ]
    some = whole[:: max(1, len(whole) // given.films)][: given.films]
    gallery = Gallery(some)
    parts: list[Callable[[], list[str]]] = [
        lambda: moving(gallery),
        lambda: removing(gallery),
        lambda: collusion(some),
        lambda: unmarked(whole, given.readings, given.searches),
        lambda: sensitivity(gallery, given.questions, 2),
    ]
    show(parts, 10, given.out)


if __name__ == "__main__":
    main()
