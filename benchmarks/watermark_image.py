"""The image mark against what the internet does to pictures, beside a peer in the same run.

    python -m benchmarks.watermark_image [--quick] [--also FOLDER] [--informed-every 1] [--peer-every 0] [--out FILE.md]
        [--only-also] [--attacks NAME ...]

Pictures: see `watermark_pictures`. Each is marked with its own payload at the strength that the self-test chooses;
then it goes through every attack and is read blind (geometry unknown) or informed. A cell is the share of exact
payloads with its 95 % interval.
Where an attack leaves one colour alone of the unmarked picture (white, made brighter), no method could read
the copy: it is counted apart, not as a miss.
"crop_50" keeps half of each side (a quarter of the area); "crop_area_50" half of the area.
Unmarked readings: each picture read with the wrong key; and many keyed projections of it decoded, for the
distribution of the score (the theory is in `core.watermark.decide`).
Peers (`watermark_peers`, when installed) get their picture scaled back to its own size before they read: they have no
synchronisation. Attacks of somebody who wants to forge or remove the mark are in `watermark_security`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.image_edits import crop, jpeg, rotate, screenshot
from benchmarks.intervals import wilson
from benchmarks.sources import data_folder
from benchmarks.watermark_peers import Peer, installed_peers
from benchmarks.watermark_pictures import DRAWN, as_image, pictures
from haechi.core.media.encode import write_video
from haechi.core.watermark.blind import read
from haechi.core.watermark.code import CODED_BITS, decode, encode
from haechi.core.watermark.decide import MIN_SCORE, score_of
from haechi.core.watermark.embed import embed
from haechi.core.watermark.informed import read_informed

Image = NDArray[np.uint8]
Attack = Callable[[Image, np.random.Generator], Image]

KEY, WRONG = b"benchmark key 1!", b"benchmark key 2!"
_PEER_PIXELS = 800_000


def resized(x: float, y: float | None = None) -> Attack:
    def attack(image: Image, rng: np.random.Generator) -> Image:
        way = cv2.INTER_AREA if x < 1 else cv2.INTER_CUBIC
        return as_image(cv2.resize(image, None, fx=x, fy=x if y is None else y, interpolation=way))

    return attack


def through(*steps: Attack) -> Attack:
    def attack(image: Image, rng: np.random.Generator) -> Image:
        for step in steps:
            image = step(image, rng)
        return image

    return attack


def area(percent: int) -> Attack:
    return crop(round(10 * percent**0.5))


def webp(quality: int) -> Attack:
    def attack(image: Image, rng: np.random.Generator) -> Image:
        data = cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, quality])[1]
        return as_image(cv2.imdecode(data, cv2.IMREAD_COLOR))

    return attack


def h264(crf: int) -> Attack:
    def attack(image: Image, rng: np.random.Generator) -> Image:
        height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "still.mp4"
            write_video(path, [np.ascontiguousarray(image[:height, :width])] * 3, 25.0, crf=crf)
            with av.open(str(path)) as container:
                frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
        return as_image(frames[1])

    return attack


def fitted(side: int) -> Attack:
    def attack(image: Image, rng: np.random.Generator) -> Image:
        return resized(min(1.0, side / max(image.shape[:2])))(image, rng)

    return attack


def gamma(value: float) -> Attack:
    return lambda image, rng: as_image(255 * (image.astype(np.float32) / 255) ** value)


def saturated(factor: float) -> Attack:
    def attack(image: Image, rng: np.random.Generator) -> Image:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)[..., None]
        return as_image(grey + factor * (image - grey))

    return attack


def overlay(image: Image, rng: np.random.Generator) -> Image:
    """An opaque box over a fifth of the area."""
    out = image.copy()
    height, width = image.shape[:2]
    h, w = round(height * 0.2**0.5), round(width * 0.2**0.5)
    y, x = int(rng.integers(0, height - h)), int(rng.integers(0, width - w))
    out[y : y + h, x : x + w] = rng.integers(0, 256, 3)
    return out


def denoised(image: Image, rng: np.random.Generator) -> Image:
    return as_image(cv2.bilateralFilter(cv2.medianBlur(image, 3), 7, 40, 5))


ATTACKS: Final[dict[str, Attack]] = {
    "none": lambda image, rng: image,
    "jpeg_90": jpeg(90),
    "jpeg_50": jpeg(50),
    "jpeg_30": jpeg(30),
    "webp_50": webp(50),
    "resize_25": resized(0.25),
    "resize_40": resized(0.4),
    "resize_75": resized(0.75),
    "resize_150": resized(1.5),
    "bright": lambda image, rng: as_image(image + np.float32(35)),
    "contrast_60": lambda image, rng: as_image((image - np.float32(128)) * 0.6 + 128),
    "contrast_140": lambda image, rng: as_image((image - np.float32(128)) * 1.4 + 128),
    "saturation_0.4": saturated(0.4),
    "saturation_1.8": saturated(1.8),
    "gamma_0.6": gamma(0.6),
    "gamma_1.6": gamma(1.6),
    "grey": saturated(0),
    "blur_2": lambda image, rng: as_image(cv2.GaussianBlur(image, (0, 0), 2)),
    "noise_15": lambda image, rng: as_image(image + rng.normal(0, 15, image.shape)),
    "median_3": lambda image, rng: as_image(cv2.medianBlur(image, 3)),
    "h264_23": h264(23),
    "h264_28": h264(28),
    "social": through(fitted(1080), jpeg(75)),
    "screenshot": through(screenshot, jpeg(85)),
    "mirror": lambda image, rng: np.ascontiguousarray(image[:, ::-1]),
    "rotate_2": through(rotate(2), jpeg(85)),
    "rotate_5": through(rotate(-5), jpeg(85)),
    "rotate_10": through(rotate(10), jpeg(85)),
    "aspect_90": through(resized(0.9, 1.0), jpeg(85)),
    "aspect_110": through(resized(1.1, 1.0), jpeg(85)),
    "overlay_20": through(overlay, jpeg(85)),
    "crop_75": through(crop(75), jpeg(85)),
    "crop_area_50": through(area(50), jpeg(85)),
    "crop_50": through(crop(50), jpeg(85)),
    "crop_50_scaled": through(crop(50), resized(1.37), jpeg(80)),
    "regenerated": through(denoised, resized(0.6), jpeg(40), resized(1 / 0.6)),
}
INFORMED: Final[dict[str, Attack]] = {
    "jpeg_30": jpeg(30),
    "crop_area_25_jpeg_50": through(area(25), jpeg(50)),
    "crop_25_jpeg_50": through(crop(25), jpeg(50)),
    "crop_area_10": through(area(10), jpeg(85)),
    "rotate_10": through(rotate(10), jpeg(85)),
    "regenerated": through(denoised, resized(0.6), jpeg(40)),
}


def ssim(a: Image, b: Image) -> float:
    """Structural similarity of luma (Wang et al. 2004): Gaussian window, sigma 1.5."""
    x, y = (cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32) for image in (a, b))

    def mean(values: Any) -> Any:
        return cv2.GaussianBlur(values, (11, 11), 1.5)

    mx, my = mean(x), mean(y)
    vx, vy, vxy = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return float((((2 * mx * my + c1) * (2 * vxy + c2)) / ((mx * mx + my * my + c1) * (vx + vy + c2))).mean())


class Tally:
    """Counts and times of one run."""

    def __init__(self) -> None:
        self.hits: dict[str, dict[str, list[bool]]] = {}
        self.quality: list[tuple[float, float, bool]] = []
        self.groups: dict[str, dict[str, list[bool]]] = {}
        self.seconds: dict[str, list[float]] = {}
        self.wrong_reads = 0
        self.one_colour: list[str] = []
        self.null: list[float] = []

    def add(self, reader: str, attack: str, hit: bool) -> None:
        self.hits.setdefault(reader, {}).setdefault(attack, []).append(hit)

    def add_blind(self, attack: str, group: str, hit: bool) -> None:
        self.add("blind", attack, hit)
        self.groups.setdefault(attack, {}).setdefault(group, []).append(hit)

    def timed(self, name: str, work: Callable[[], Any]) -> Any:
        start = time.process_time()
        result = work()
        self.seconds.setdefault(name, []).append(time.process_time() - start)
        return result


def measure(
    image: Image, number: int, tally: Tally, group: str, attacks: Sequence[str], *, informed: bool = True
) -> list[str]:
    """Attacks on one picture; what failed."""
    rng = np.random.default_rng(number)
    payload = int(rng.integers(0, 1 << 40))
    pixels = image.shape[0] * image.shape[1] / 1e6
    marked = embed(image, payload, KEY)
    tally.timed("embed, no self-test, per megapixel", lambda: embed(image, payload, KEY, strength_db=42.0, test=False))
    tally.seconds["embed, no self-test, per megapixel"][-1] /= pixels
    tally.quality.append((marked.psnr_db, ssim(image, marked.image), marked.survives))
    tally.timed("read as it lies, per megapixel", lambda: read(marked.image, KEY))
    tally.seconds["read as it lies, per megapixel"][-1] /= pixels
    failed = []
    for name in attacks:
        attack = ATTACKS[name]
        probe = attack(marked.image, rng)
        reading = tally.timed(f"read {name}", partial(read, probe, KEY))
        exact = reading is not None and reading.payload == payload
        tally.wrong_reads += reading is not None and not exact
        if not exact and is_one_colour(attack(image, np.random.default_rng(number))):
            tally.one_colour.append(name)
            continue
        tally.add_blind(name, group, exact)
        if not exact:
            failed.append(name)
    if informed:
        measure_informed(image, marked.image, payload, rng, tally)
    tally.wrong_reads += tally.timed("search in vain", lambda: read(marked.image, WRONG)) is not None
    tally.wrong_reads += read(image, KEY) is not None
    return failed


def is_one_colour(image: Image) -> bool:
    return not np.ptp(image.reshape(-1, image.shape[-1]), axis=0).any()


def measure_informed(image: Image, marked: Image, payload: int, rng: np.random.Generator, tally: Tally) -> None:
    """With the master, at the strength of the self-test and at a recipient's."""
    faint = embed(image, payload, KEY, strength_db=48.0, test=False).image
    for name, attack in INFORMED.items():
        for reader, copy in (("informed", marked), ("informed, 48 dB", faint)):
            probe = attack(copy, rng)
            reading = tally.timed("read informed", partial(read_informed, probe, image, KEY))
            tally.add(reader, name, reading is not None and reading.payload == payload)


def null_scores(image: Image, number: int, count: int) -> list[float]:
    """Scores of the likeliest codeword, whatever its CRC, of an unmarked picture under random keyed signs."""
    from haechi.core.watermark.canvas import canvas, coefficients, luma, to_tiles, whiten
    from haechi.core.watermark.code import most_likely
    from haechi.core.watermark.pattern import pattern_of
    from haechi.core.watermark.spread import PICTURE, levelled

    rng, at = np.random.default_rng(number), pattern_of(KEY).data_at
    even = levelled(coefficients(to_tiles(whiten(canvas(luma(image))))))
    values = even[..., at].reshape(-1, len(at)) * PICTURE[0][at]
    order = np.argsort(rng.random((len(values), CODED_BITS)), axis=1)
    soft = np.stack(
        [
            np.bincount(np.roll(order, k, 1).reshape(-1), (values * rng.choice([-1, 1], values.shape)).reshape(-1))
            for k in range(count)
        ]
    ).astype(np.float32)
    words = most_likely(soft)
    return [
        float(w @ s / max(float(np.linalg.norm(s)), 1e-9) / CODED_BITS**0.5) for w, s in zip(words, soft, strict=True)
    ]


def measure_peer(peer: Peer, image: Image, number: int, tally: Tally) -> None:
    """Every attack, as far as it keeps the frame: a peer cannot know what was cropped or turned."""
    rng = np.random.default_rng(number)
    payload = int(rng.integers(0, 1 << 40))
    marked = tally.timed(f"{peer.name} embeds", lambda: peer.embed(image, payload))
    tally.seconds.setdefault(f"{peer.name} PSNR", []).append(cv2.PSNR(image, marked))
    for name, attack in ATTACKS.items():
        read_back = tally.timed(f"{peer.name} reads", partial(peer.read, attack(marked, rng), image.shape))
        tally.add(peer.name, name, read_back == payload)


def render(tally: Tally) -> str:
    psnr, structure, survives = (np.array(column) for column in zip(*tally.quality, strict=True))
    lines = [
        f"{len(psnr)} pictures. PSNR mean {psnr.mean():.2f} dB, least {psnr.min():.2f}; SSIM mean "
        f"{structure.mean():.4f}, least {structure.min():.4f}; self-test passed by {int(survives.sum())}. Copies of "
        f"one colour, not counted: {dict(Counter(tally.one_colour)) or 0}.",
        "",
    ]
    for reader, attacks in tally.hits.items():
        lines += [f"| {reader} | exact payload | 95 % interval | by group |", "|---|---|---|---|"]
        for name, hits in attacks.items():
            low, high = wilson(sum(hits), len(hits))
            groups = tally.groups.get(name, {}) if reader == "blind" else {}
            told = ", ".join(f"{group} {sum(some)}/{len(some)}" for group, some in groups.items())
            share = f"{sum(hits)}/{len(hits)} = {np.mean(hits):.1%}"
            lines.append(f"| {name} | {share} | {low:.1%} - {high:.1%} | {told} |")
        lines.append("")
    lines += ["| processor time, ms, one core (PSNR: dB) | median | 95th percentile |", "|---|---|---|"]
    for name, values in tally.seconds.items():
        factor = 1 if name.endswith("PSNR") else 1e3
        middle, slow = np.quantile(np.array(values) * factor, [0.5, 0.95])
        lines.append(f"| {name} | {middle:.1f} | {slow:.1f} |")
    null = np.array(tally.null)
    lines += [
        "",
        f"Wrong or unmarked readings that gave a payload: {tally.wrong_reads}. {len(null)} decodings of unmarked "
        f"pictures: score {null.mean():.3f} +- {null.std():.3f}, 99.9 % {np.quantile(null, 0.999):.3f}, greatest "
        f"{null.max():.3f}; threshold {MIN_SCORE}.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="each sixth picture")
    parser.add_argument("--every", type=int, default=1, help="each n-th picture")
    parser.add_argument("--also", type=Path, action="append", default=[], help="folder of further photographs")
    parser.add_argument("--only-also", action="store_true", help="only the pictures of those folders")
    parser.add_argument("--attacks", nargs="+", choices=ATTACKS, default=list(ATTACKS), help="only these, blind")
    parser.add_argument("--drawn", type=int, default=DRAWN, help="pictures that are drawn here")
    parser.add_argument("--informed-every", type=int, default=1, help="read each n-th picture with its master, too")
    parser.add_argument(
        "--peer-every",
        type=int,
        default=0,
        help="also measure the peers that are installed on each n-th picture of less than 800,000 pixels",
    )
    parser.add_argument("--null", type=int, default=400, help="unmarked decodings per picture")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    source = None if options.only_also else data_folder()
    assert source or options.only_also, "benchmark media not found: set HAECHI_BENCH_DATA"
    cv2.setNumThreads(1)
    assert decode(encode(1)[None]) == [1] and score_of(encode(1), 1) > MIN_SCORE
    read(np.zeros((256, 256, 3), np.uint8), KEY)  # builds the tables
    tally, peers = Tally(), installed_peers() if options.peer_every else []
    every = 6 if options.quick else options.every
    for number, (name, image) in enumerate(pictures(source, every, options.also, options.drawn)):
        informed = number % options.informed_every == 0
        failed = measure(image, number, tally, name.split(":")[0], options.attacks, informed=informed)
        tally.null += null_scores(image, number, options.null)
        if options.peer_every and number % options.peer_every == 0 and image.size < 3 * _PEER_PIXELS:
            for peer in peers:
                measure_peer(peer, image, number, tally)
        print(f"{name:40s} {tally.quality[-1][0]:.1f} dB {' '.join(failed)}", flush=True)
        if options.out:
            options.out.write_text(render(tally))
    print(render(tally))


if __name__ == "__main__":
    main()
