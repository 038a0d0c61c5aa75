"""Attacks on the image mark by somebody who knows everything but the key, and readings where there is no mark.

    python -m benchmarks.watermark_security [--pictures 12] [--readings 20000] [--also FOLDER] [--out FILE.md]

Every picture bears a number of its own, as `protect` has it. An attack that puts a mark where it does not belong counts
as "read" when a number is read, and as "accepted" when the picture that bears it also agrees with the release of that
number (`core.watermark.agree`): that is what `verify` and `check` ask.
1. Folding: the estimate of the mark (picture minus its denoised self), averaged over tiles, pasted or subtracted.
2. Copying: the estimate itself, pasted on another picture at 40 dB.
3. Averaging the estimates of many marked pictures: pasted, subtracted.
4. Collusion: recipients average their copies of one picture; whom does informed reading name?
5. Marking again, with a stranger's key and with our own.
6. Sensitivity: with a reader at hand that says only yes or no, estimate the direction that removes the mark from many
   questions at the border, then walk along it; beside it, the noise that removes the mark.
7. Unmarked pictures, with random keys: as they lie, and by full search.
"""

from __future__ import annotations

import argparse
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.image_edits import jpeg
from benchmarks.sources import data_folder
from benchmarks.watermark_attacks import AGAIN, KEY, Hits, averaged, named, numbers, show, table
from benchmarks.watermark_pictures import Image, as_image, pictures
from haechi.core.watermark.agree import agreeing_share
from haechi.core.watermark.blind import read
from haechi.core.watermark.canvas import (
    ALIKE_GREY,
    BLURRED_GREY,
    MIN_SIDE_PX,
    canvas,
    coefficients,
    luma,
    to_tiles,
    whiten,
)
from haechi.core.watermark.decide import MIN_SCORE, Asked
from haechi.core.watermark.embed import RECIPIENT, embed
from haechi.core.watermark.informed import read_informed
from haechi.core.watermark.marks import LEAST_AGREEING
from haechi.core.watermark.pattern import Pattern, pattern_of
from haechi.core.watermark.spread import PICTURE, by_pilot, levelled, size, soft_bits

Floats = NDArray[np.float32]

SIZE = (1024, 768)
_COPIES = 20
_FOLD = 128  # a tile of 64 px on the canvas of 512 px


class Gallery:
    """Pictures of one size, each marked with its own number."""

    def __init__(self, images: list[Image]) -> None:
        self.images = [as_image(cv2.resize(image, SIZE, interpolation=cv2.INTER_AREA)) for image in images]
        self.numbers = [secrets.randbits(40) for _ in images]
        self.marked = [embed(one, n, KEY).image for one, n in zip(self.images, self.numbers, strict=True)]
        self.estimates = [one.astype(np.float32) - cv2.bilateralFilter(one, 9, 25, 7) for one in self.marked]

    def judged(self, values: Any) -> tuple[bool, bool]:
        """Whether a number of ours is read, and whether the picture agrees with the release of that number."""
        probe = as_image(values)
        reading = read(probe, KEY)
        if reading is None or reading.payload not in self.numbers:
            return reading is not None, False
        master = self.images[self.numbers.index(reading.payload)]
        share = agreeing_share(probe, master, reading.geometry.matrix)
        return True, share is not None and share >= LEAST_AGREEING

    def still_read(self, number: int, values: Any) -> tuple[bool, bool]:
        """Whether a picture's own number is still read from it, blind and informed."""
        probe = as_image(values)
        blind, informed = read(probe, KEY), read_informed(probe, self.images[number], KEY)
        wanted = self.numbers[number]
        return blind is not None and blind.payload == wanted, informed is not None and informed.payload == wanted


def at_40_db(estimate: Any) -> Any:
    return estimate * (2.55 / max(float(np.sqrt(np.mean(estimate**2))), 1e-6))


def forging(gallery: Gallery) -> list[str]:
    """1 to 3."""
    count = len(gallery.images)
    together = np.mean(gallery.estimates, axis=0)
    pasted, subtracted = dict[str, Hits](), dict[str, Hits]()
    for number in range(count):
        clean = gallery.images[(number + 1) % count].astype(np.float32)
        own = gallery.marked[number].astype(np.float32)
        tile = gallery.estimates[number].reshape(SIZE[1] // _FOLD, _FOLD, SIZE[0] // _FOLD, _FOLD, 3).mean((0, 2))
        fold = at_40_db(np.tile(tile, (SIZE[1] // _FOLD, SIZE[0] // _FOLD, 1)))
        for name, mark in (
            ("one picture folded", fold),
            ("one picture's estimate", at_40_db(gallery.estimates[number])),
            (f"estimates of {count} averaged", at_40_db(together)),
        ):
            pasted.setdefault(name, []).append(gallery.judged(clean + mark))
            subtracted.setdefault(name, []).append(gallery.still_read(number, own - mark))
    return [
        *table("| pasted on another picture, 40 dB | a number is read | accepted |", pasted),
        "",
        *table("| subtracted from its own picture, 40 dB | still read blind | still read informed |", subtracted),
    ]


def collusion(images: list[Image]) -> list[str]:
    """4."""
    return averaged(images, "JPEG 80", _named)


def _named(image: Image, copies: int) -> str:
    pairs = numbers(copies)
    made = [embed(image, one, KEY, recipient=two).image.astype(np.float32) for one, two in pairs]
    probe = jpeg(80)(as_image(np.mean(made, axis=0)), np.random.default_rng(0))
    first, second = read_informed(probe, image, KEY), read_informed(probe, image, KEY, label=RECIPIENT)
    who = {
        next((n for n, pair in enumerate(pairs) if pair[column] == reading.payload), -1)
        for column, reading in enumerate((first, second))
        if reading is not None
    }
    return named(who, copies)


def marking_again(gallery: Gallery) -> list[str]:
    """5."""
    hits = {
        name: [
            gallery.still_read(number, embed(one, secrets.randbits(40), key).image)
            for number, one in enumerate(gallery.marked)
        ]
        for name, key in AGAIN
    }
    return table("| marked again with | first number read blind | first number read informed |", hits)


def sensitivity(gallery: Gallery, questions: int, rounds: int) -> list[str]:
    """6."""
    lines = [f"| picture | PSNR after {questions} questions, when the mark is gone | PSNR of noise that removes it |"]
    lines.append("|---|---|---|")
    for number in range(min(rounds, len(gallery.marked))):
        own, wanted = gallery.marked[number].astype(np.float32), gallery.numbers[number]

        def says_yes(values: Any, wanted: int = wanted) -> bool:
            reading = read(as_image(values), KEY, search=False)
            return reading is not None and reading.payload == wanted

        direction = _border_direction(own, says_yes, questions, np.random.default_rng(number))
        along = _fidelity(own, direction, says_yes)
        noise = np.random.default_rng(number + 99).normal(0, 1, own.shape).astype(np.float32)
        lines.append(f"| {number + 1} | {along:.1f} dB | {_fidelity(own, noise, says_yes):.1f} dB |")
    return lines


def _border_direction(own: Floats, says_yes: Callable[[Any], bool], questions: int, rng: np.random.Generator) -> Floats:
    """From a point where the answer just turns, ask which small steps, smooth as the mark is, turn it back."""
    blurred = np.asarray(cv2.GaussianBlur(own, (0, 0), 12), np.float32)
    low, high = 0.0, 1.0
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if says_yes(own + middle * (blurred - own)) else (low, middle)
    border = own + low * (blurred - own)
    total = np.zeros(own.shape[:2], np.float32)
    for _ in range(questions):
        step = rng.normal(0, 1, (SIZE[1] // 4, SIZE[0] // 4)).astype(np.float32)
        fine = step - cv2.GaussianBlur(step, (0, 0), 4)
        wide = np.asarray(cv2.resize(fine, SIZE, interpolation=cv2.INTER_CUBIC), np.float32)
        total += wide if says_yes(border + 4 * wide[..., None]) else -wide
    return -np.repeat(total[..., None], 3, axis=2)


def _fidelity(own: Floats, direction: Floats, says_yes: Callable[[Any], bool]) -> float:
    """PSNR at which the mark is gone along a direction."""
    unit = direction / max(float(np.sqrt(np.mean(direction**2))), 1e-9)
    low, high = 0.0, 120.0
    for _ in range(10):
        middle = (low + high) / 2
        low, high = (middle, high) if says_yes(own + middle * unit) else (low, middle)
    return float(cv2.PSNR(as_image(own), as_image(own + high * unit)))


def unmarked(images: list[Image], readings: int, searches: int) -> list[str]:
    """7."""
    views = [view for image in images for view in _views(image)]
    levels = [_levels(view) for view in views]
    found = named = asked = 0
    while asked < readings:
        pattern = pattern_of(secrets.token_bytes(16))
        copies = Asked([secrets.randbits(40) for _ in range(_COPIES)])
        for values in levels[: readings - asked]:
            soft = np.stack([one for level in values for one in _soft(pattern, *level)])
            numbers = [number for number, _ in copies.find(soft)]
            found += bool(numbers)
            named += any(number in copies.numbers for number in numbers)
            asked += 1
    searched = 0
    start = time.process_time()
    for number in range(searches):
        searched += read(views[number % len(views)], secrets.token_bytes(16)) is not None
    spent = (time.process_time() - start) / max(searches, 1)
    return [
        f"* {asked} readings as they lie of {len(views)} unmarked pictures with random keys: {found} gave a number, "
        f"{named} one of {_COPIES} known ones; the bound allows {asked * 32 * 7e-12:.0e} (16 decodings and as many "
        "questions for the known ones, each at most 7e-12).",
        f"* {searches} full searches: {searched} gave a number; the bound allows {searches * 5e-10:.0e}. "
        f"{1000 * spent:.0f} ms of processor time each.",
        f"* Threshold {MIN_SCORE}. No number in n readings bounds the rate below 3 / n with 95 % confidence.",
    ]


def _levels(image: Image) -> list[tuple[Floats, Floats | None]]:
    """What `read` takes of a picture as it lies, two ways to whiten, mirrored too: levelled, and the tiles' sizes."""
    scaled, levels = canvas(luma(image)), []
    for alike_grey in (ALIKE_GREY, BLURRED_GREY):
        white = whiten(scaled, alike_grey)
        for plane in (white, np.ascontiguousarray(white[:, ::-1])):
            values = coefficients(to_tiles(plane))
            levels.append((levelled(values), size(values) if alike_grey == BLURRED_GREY else None))
    return levels


def _soft(pattern: Pattern, even: Floats, sizes: Floats | None) -> list[Floats]:
    """The soft bits that `read` decodes."""
    usual = [soft_bits(pattern, even, weight=weight) for weight in PICTURE]
    if sizes is None:
        return usual
    pilot = soft_bits(pattern, even, weight=by_pilot(pattern, even))
    return [*usual, pilot, soft_bits(pattern, even * sizes, weight=PICTURE[0])]


def _views(image: Image) -> list[Image]:
    rows, columns = image.shape[:2]
    views = [image, image[rows // 5 :, columns // 6 :], cv2.resize(image, None, fx=0.4, fy=0.4)]
    views += [jpeg(40)(image, np.random.default_rng(0)), np.rot90(image)]
    return [np.ascontiguousarray(one) for one in views if min(one.shape[:2]) >= 2 * MIN_SIDE_PX]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=12)
    parser.add_argument("--readings", type=int, default=20_000)
    parser.add_argument("--searches", type=int, default=500)
    parser.add_argument("--questions", type=int, default=1500)
    parser.add_argument("--also", type=Path, action="append", default=[])
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    data = data_folder()
    assert data is not None, "benchmark media not found: set HAECHI_BENCH_DATA"
    cv2.setNumThreads(1)
    images = [image for _, image in pictures(data, 1, given.also)]
    some = images[:: max(1, len(images) // given.pictures)][: given.pictures]
    gallery = Gallery(some)
    parts: list[Callable[[], list[str]]] = [
        lambda: forging(gallery),
        lambda: marking_again(gallery),
        lambda: collusion(gallery.images),
        lambda: sensitivity(gallery, given.questions, 3),
        lambda: unmarked(images, given.readings, given.searches),
    ]
    show(parts, 12, given.out)


if __name__ == "__main__":
    main()
