"""The image mark against what the internet does to pictures, beside a peer in the same run.

    python -m benchmarks.watermark_image [--quick] [--peer] [--out FILE.md]

Pictures: photographs of the benchmark media with a long side of 512 px or more, each once, and frames of its videos.
Each is marked with its own payload at the strength that the self-test chooses; then it goes through every attack and
is read blind (geometry unknown) or informed. A cell is the share of exact payloads with its 95 % interval.
"crop_50" keeps half of each side (a quarter of the area); "crop_area_50" half of the area.
Unmarked readings: each picture read with the wrong key; and many keyed projections of it decoded, for the
distribution of the score (the theory is in `core.watermark.decide`).
The peer (`blind-watermark`, when installed: `uv run --with blind-watermark`) gets its picture scaled back to its
own size and turned upright before it reads: it has no synchronisation.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
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
from haechi.core.media.encode import write_video
from haechi.core.watermark import embed, read, read_informed
from haechi.core.watermark.code import CODED_BITS, decode, encode
from haechi.core.watermark.decide import MIN_SCORE, score_of

Image = NDArray[np.uint8]
Attack = Callable[[Image, np.random.Generator], Image]

KEY, WRONG = b"benchmark key 1!", b"benchmark key 2!"
LEAST_PX = 512
_FRAMES = (20, 75)
_PHOTO_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp"}
_PEER_PIXELS = 800_000
_DISTINCT_PX = 24
_DISTINCT = 0.97


def _image(value: Any) -> Image:
    return np.clip(np.round(np.asarray(value, np.float32)), 0, 255).astype(np.uint8)


def resized(x: float, y: float | None = None) -> Attack:
    def attack(image: Image, rng: np.random.Generator) -> Image:
        way = cv2.INTER_AREA if x < 1 else cv2.INTER_CUBIC
        return _image(cv2.resize(image, None, fx=x, fy=x if y is None else y, interpolation=way))

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
        return _image(cv2.imdecode(data, cv2.IMREAD_COLOR))

    return attack


def h264(crf: int) -> Attack:
    def attack(image: Image, rng: np.random.Generator) -> Image:
        height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "still.mp4"
            write_video(path, [np.ascontiguousarray(image[:height, :width])] * 3, 25.0, crf=crf)
            with av.open(str(path)) as container:
                frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
        return _image(frames[1])

    return attack


def fitted(side: int) -> Attack:
    def attack(image: Image, rng: np.random.Generator) -> Image:
        return resized(min(1.0, side / max(image.shape[:2])))(image, rng)

    return attack


def gamma(value: float) -> Attack:
    return lambda image, rng: _image(255 * (image.astype(np.float32) / 255) ** value)


def saturated(factor: float) -> Attack:
    def attack(image: Image, rng: np.random.Generator) -> Image:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)[..., None]
        return _image(grey + factor * (image - grey))

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
    return _image(cv2.bilateralFilter(cv2.medianBlur(image, 3), 7, 40, 5))


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
    "bright": lambda image, rng: _image(image + np.float32(35)),
    "contrast_60": lambda image, rng: _image((image - np.float32(128)) * 0.6 + 128),
    "contrast_140": lambda image, rng: _image((image - np.float32(128)) * 1.4 + 128),
    "saturation_0.4": saturated(0.4),
    "saturation_1.8": saturated(1.8),
    "gamma_0.6": gamma(0.6),
    "gamma_1.6": gamma(1.6),
    "grey": saturated(0),
    "blur_2": lambda image, rng: _image(cv2.GaussianBlur(image, (0, 0), 2)),
    "noise_15": lambda image, rng: _image(image + rng.normal(0, 15, image.shape)),
    "median_3": lambda image, rng: _image(cv2.medianBlur(image, 3)),
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


PEER_ATTACKS: Final = ("none", "jpeg_50", "jpeg_30", "resize_25", "contrast_60", "noise_15", "h264_28", "crop_75")


def pictures(data: Path, every: int) -> Iterator[tuple[str, Image]]:
    """Photographs and frames, near duplicates left out; each `every`th."""
    seen: list[NDArray[np.float64]] = []
    number = 0
    for name, image in _all_pictures(data):
        if max(image.shape[:2]) < LEAST_PX:
            continue
        small = cv2.resize(image, (_DISTINCT_PX, _DISTINCT_PX), interpolation=cv2.INTER_AREA).astype(float).reshape(-1)
        small = (small - small.mean()) / max(float(np.linalg.norm(small - small.mean())), 1e-9)
        if any(float(small @ other) > _DISTINCT for other in seen):
            continue
        seen.append(small)
        number += 1
        if (number - 1) % every == 0:
            yield name, image


def _all_pictures(data: Path) -> Iterator[tuple[str, Image]]:
    for path in sorted(data.rglob("*")):
        if "lfw" in str(path) or path.suffix.lower() not in {*_PHOTO_SUFFIXES, ".mp4"}:
            continue
        if path.suffix.lower() == ".mp4":
            yield from _frames(path)
        elif "bridge-mods" not in str(path) or "orig" in path.name:
            image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
            if image is not None:
                yield path.stem, _image(image)


def _frames(path: Path) -> Iterator[tuple[str, Image]]:
    try:
        with av.open(str(path)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number in _FRAMES:
                    yield f"{path.stem[:20]}-{number}", _image(frame.to_ndarray(format="bgr24"))
                if number == max(_FRAMES):
                    return
    except av.error.FFmpegError:
        return


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
        self.seconds: dict[str, list[float]] = {}
        self.wrong_reads = 0
        self.null: list[float] = []

    def add(self, reader: str, attack: str, hit: bool) -> None:
        self.hits.setdefault(reader, {}).setdefault(attack, []).append(hit)

    def timed(self, name: str, work: Callable[[], Any]) -> Any:
        start = time.process_time()
        result = work()
        self.seconds.setdefault(name, []).append(time.process_time() - start)
        return result


def measure(image: Image, number: int, tally: Tally) -> list[str]:
    """All attacks on one picture; what failed."""
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
    for name, attack in ATTACKS.items():
        probe = attack(marked.image, rng)
        reading = tally.timed(f"read {name}", partial(read, probe, KEY))
        tally.add("blind", name, reading is not None and reading.payload == payload)
        tally.wrong_reads += reading is not None and reading.payload != payload
        if not tally.hits["blind"][name][-1]:
            failed.append(name)
    faint = embed(image, payload, KEY, strength_db=48.0, test=False)
    for name, attack in INFORMED.items():
        for reader, copy in (("informed", marked.image), ("informed, 48 dB", faint.image)):
            probe = attack(copy, rng)
            reading = tally.timed("read informed", partial(read_informed, probe, image, KEY))
            tally.add(reader, name, reading is not None and reading.payload == payload)
    tally.wrong_reads += tally.timed("search in vain", lambda: read(marked.image, WRONG)) is not None
    tally.wrong_reads += read(image, KEY) is not None
    return failed


def null_scores(image: Image, number: int, count: int) -> list[float]:
    """Scores of the likeliest codeword, whatever its CRC, of an unmarked picture under random keyed signs."""
    from haechi.core.watermark.canvas import canvas, coefficients, luma, to_tiles, whiten
    from haechi.core.watermark.code import most_likely
    from haechi.core.watermark.pattern import pattern_of
    from haechi.core.watermark.spread import WEIGHT

    rng, at = np.random.default_rng(number), pattern_of(KEY).data_at
    values = coefficients(to_tiles(whiten(canvas(luma(image)))))[..., at].reshape(-1, len(at)) * WEIGHT[at]
    order = np.argsort(rng.random((len(values), CODED_BITS)), axis=1)
    soft = np.stack(
        [
            np.bincount(np.roll(order, k, 1).reshape(-1), (values * rng.choice([-1, 1], values.shape)).reshape(-1))
            for k in range(count)
        ]
    ).astype(np.float32)
    words = most_likely(soft)
    return [float(w @ s / np.linalg.norm(s) / CODED_BITS**0.5) for w, s in zip(words, soft, strict=True)]


class Peer:
    """blind-watermark, 40 bits, in its default strength."""

    def __init__(self) -> None:
        from blind_watermark import WaterMark  # type: ignore[import-not-found]

        self._make: Callable[[], Any] = partial(WaterMark, password_wm=1, password_img=1)

    def embed(self, image: Image, payload: int) -> Image:
        mark = self._make()
        mark.read_img(img=image)
        mark.read_wm([bool(payload >> k & 1) for k in range(40)], mode="bit")
        return _image(mark.embed())

    def read(self, image: Image, shape: tuple[int, ...]) -> int:
        back = cv2.resize(image, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
        bits = self._make().extract(embed_img=back, wm_shape=40, mode="bit")
        return sum(int(bit > 0.5) << k for k, bit in enumerate(bits))


def measure_peer(peer: Peer, image: Image, number: int, tally: Tally) -> None:
    rng = np.random.default_rng(number)
    payload = int(rng.integers(0, 1 << 40))
    marked = tally.timed("peer embeds", lambda: peer.embed(image, payload))
    tally.seconds.setdefault("peer PSNR", []).append(cv2.PSNR(image, marked))
    for name in PEER_ATTACKS:
        attack = ATTACKS[name]
        read_back = tally.timed("peer reads", partial(peer.read, attack(marked, rng), image.shape))
        tally.add("blind-watermark", name, read_back == payload)


def security(images: list[Image], rounds: int = 3) -> list[str]:
    """What an attacker without the key, but who knows everything else, gets from marked pictures."""
    payload = 0x5AA5F00F11
    size = (1024, 768)
    images = [_image(cv2.resize(image, size, interpolation=cv2.INTER_AREA)) for image in images]
    marked = [embed(image, payload, KEY).image for image in images]
    estimates = [image.astype(np.float32) - cv2.bilateralFilter(image, 9, 25, 7) for image in marked]
    counts = dict.fromkeys(("fold, paste", "fold, subtract", "copy residual", "average residuals, paste"), 0)
    counts["average residuals, subtract"] = 0
    together = np.mean(estimates, axis=0)
    rounds = min(rounds, len(images) - 1)
    for number in range(rounds):
        clean = images[number + 1]
        tile = estimates[number].reshape(size[1] // 128, 128, size[0] // 128, 128, 3).mean((0, 2))
        fold = _at_40_db(np.tile(tile, (size[1] // 128, size[0] // 128, 1)))
        counts["fold, paste"] += _reads(clean + fold, payload)
        counts["fold, subtract"] += not _reads(marked[number] - fold, payload)
        counts["copy residual"] += _reads(clean + _at_40_db(estimates[number]), payload)
        counts["average residuals, paste"] += _reads(clean + _at_40_db(together), payload)
        counts["average residuals, subtract"] += not _reads(marked[number] - _at_40_db(together), payload)
    return [f"{name}: {count} of {rounds} succeed (all marked with one payload)" for name, count in counts.items()]


def _at_40_db(estimate: Any) -> Any:
    return estimate * (2.55 / max(float(np.sqrt(np.mean(estimate**2))), 1e-6))


def _reads(values: Any, payload: int) -> bool:
    reading = read(_image(values), KEY)
    return reading is not None and reading.payload == payload


def render(tally: Tally) -> str:
    psnr, structure, survives = (np.array(column) for column in zip(*tally.quality, strict=True))
    lines = [
        f"{len(psnr)} pictures. PSNR mean {psnr.mean():.2f} dB, least {psnr.min():.2f}; SSIM mean "
        f"{structure.mean():.4f}, least {structure.min():.4f}; self-test passed by {int(survives.sum())}.",
        "",
    ]
    for reader, attacks in tally.hits.items():
        lines += [f"| {reader} | exact payload | 95 % interval |", "|---|---|---|"]
        for name, hits in attacks.items():
            low, high = wilson(sum(hits), len(hits))
            lines.append(f"| {name} | {sum(hits)}/{len(hits)} = {np.mean(hits):.1%} | {low:.1%} - {high:.1%} |")
        lines.append("")
    lines += ["| processor time, ms, one core (PSNR: dB) | median | 95th percentile |", "|---|---|---|"]
    for name, values in tally.seconds.items():
        factor = 1 if name == "peer PSNR" else 1e3
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
    parser.add_argument(
        "--peer",
        action="store_true",
        help="also measure blind-watermark on each fourth picture of less than 800,000 pixels",
    )
    parser.add_argument("--null", type=int, default=400, help="unmarked decodings per picture")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    data = data_folder()
    assert data is not None, "benchmark media not found: set HAECHI_BENCH_DATA"
    cv2.setNumThreads(1)
    assert decode(encode(1)[None]) == [1] and score_of(encode(1), 1) > MIN_SCORE
    read(np.zeros((256, 256, 3), np.uint8), KEY)  # builds the tables
    tally, peer = Tally(), Peer() if options.peer else None
    samples: list[Image] = []
    for number, (name, image) in enumerate(pictures(data, 6 if options.quick else options.every)):
        failed = measure(image, number, tally)
        tally.null += null_scores(image, number, options.null)
        if peer is not None and number % 4 == 0 and image.size < 3 * _PEER_PIXELS:
            measure_peer(peer, image, number, tally)
        print(f"{name:32s} {tally.quality[-1][0]:.1f} dB {' '.join(failed)}", flush=True)
        if options.out:
            options.out.write_text(render(tally))
        if len(samples) < 8:
            samples.append(image)
    text = render(tally) + "\n" + "\n".join(f"* {line}" for line in security(samples)) + "\n"
    if options.out:
        options.out.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
