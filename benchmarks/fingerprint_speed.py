"""Speed of fingerprints and of the exact index, each beside its anchor in the same run.

    python -m benchmarks.fingerprint_speed [--quick]

PDQ from JPEG against Pillow + pdqhash; the Hamming index at radius 31 against faiss-cpu BinaryFlat (10 nearest,
one query after the other and all
at once); key-frame fingerprint of a 1080p30 master against its duration; the reference hashes of the
ThreatExchange sample.
Pictures and codes are made here; only the reference hashes need the benchmark media.
"""

from __future__ import annotations

import argparse
import csv
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import psutil  # type: ignore[import-untyped]
from numpy.typing import NDArray

from benchmarks.sources import data_folder
from haechi.core.fingerprint import fingerprint_media
from haechi.core.fingerprint.index import HammingIndex
from haechi.core.fingerprint.pdq import distance, pdq, pdq_512, pdq_of_jpeg
from haechi.core.media.encode import write_video
from haechi.core.media.probe import probe_media
from haechi.core.settings import Limits

Codes = NDArray[np.uint8]


def scene(width: int, height: int, seed: int = 0) -> NDArray[np.uint8]:
    """A picture with structure at every scale."""
    rng = np.random.default_rng(seed)
    out = np.zeros((height, width, 3), np.float32)
    for step in (4, 8, 16, 32, 64, 128):
        small = rng.normal(0, 1, (height // step + 2, width // step + 2, 3)).astype(np.float32)
        out += cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC) * step**0.6
    return np.clip(128 + 12 * out, 0, 255).astype(np.uint8)


def rate(work: Callable[[], object], seconds: float) -> float:
    """Calls a second, after one call to warm up."""
    work()
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        work()
        count += 1
    return count / (time.perf_counter() - start)


def jpegs(seconds: float) -> None:
    import pdqhash
    from PIL import Image

    print(
        "\n### PDQ from JPEG, hashes a second\n\n| size | Pillow + pdqhash | Haechi | ratio | bits apart |"
        "\n|---|---|---|---|---|"
    )
    for width, height in ((640, 480), (1920, 1080), (4000, 3000)):
        data = cv2.imencode(".jpg", scene(width, height), [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()

        def anchor(data: bytes = data) -> NDArray[np.uint8]:
            return np.packbits(pdqhash.compute(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))[0])

        def ours(data: bytes = data) -> Codes:
            return pdq_of_jpeg(data).bits

        slow, fast = rate(anchor, seconds), rate(ours, seconds)
        apart = int(distance(anchor(), ours()))
        print(f"| {width}x{height} | {slow:.1f} | {fast:.1f} | {fast / slow:.1f} | {apart} |", flush=True)


def index(count: int) -> None:
    """Queries a second of copies up to 31 bits away."""
    import faiss

    rng = np.random.default_rng(1)
    codes = rng.integers(0, 256, (count, 32), np.uint8)
    bits = np.unpackbits(codes[rng.integers(0, count, 2000)], axis=1)
    for row in bits:
        row[rng.choice(256, int(rng.integers(0, 32)), replace=False)] ^= 1
    queries = np.packbits(bits, axis=1)
    start = time.perf_counter()
    ours = HammingIndex.build(codes)
    built = time.perf_counter() - start
    ours.search(queries[:50], 31)
    start = time.perf_counter()
    hits = ours.search(queries, 31)
    fast = len(queries) / (time.perf_counter() - start)
    flat = faiss.IndexBinaryFlat(256)
    flat.add(codes)
    few = queries[:200] if count <= 1_000_000 else queries[:40]
    start = time.perf_counter()
    flat.search(few, 10)
    slow = len(few) / (time.perf_counter() - start)
    found = len(np.unique(hits.query)) / len(queries)
    memory = ours.size_bytes / 1e6
    print(f"| {count:.0e} | {slow:.0f} | {fast:.0f} | {fast / slow:.1f} | {found:.3f} ", end="")
    print(f"| {memory:.0f} MB | {built:.1f} s |", flush=True)


def master(seconds: float) -> None:
    """Key-frame fingerprint of a 1080p30 master with a key frame every 8 s or sooner."""
    still = scene(2200, 1300)
    frames = (
        np.ascontiguousarray(still[k % 200 : k % 200 + 1080, k % 240 : k % 240 + 1920])
        for k in range(int(30 * seconds))
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "master.mp4"
        write_video(path, frames, 30.0, preset="ultrafast", crf=28)
        limits = Limits()
        info = probe_media(path, limits)
        start = time.perf_counter()
        fingerprint_media(path, info, limits)
        took = time.perf_counter() - start
    print(
        f"\n### Master\n\n1080p30, {seconds:.0f} s: fingerprinted in {took:.2f} s, {seconds / took:.0f} x real time",
        flush=True,
    )


def references(data: Path) -> None:
    base = data / "copy_detection/threatexchange_pdq"
    with (base / "wasm/test/TestData/PDQMD5TestData.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    print(
        "\n### Reference hashes of the ThreatExchange sample, bits apart\n"
        "\n| picture | pdq-v1/full | pdq-v1/512 |\n|---|---|---|"
    )
    for row in rows:
        path = base / row["FilePath"].replace("../../../../data/", "")
        if not path.exists():
            continue
        image = np.asarray(cv2.imread(str(path)), np.uint8)
        reference = np.frombuffer(bytes.fromhex(row["Hash"]), np.uint8)
        print(f"| {path.name} | {distance(pdq(image).bits, reference)} | {distance(pdq_512(image).bits, reference)} |")
    haystack, needles = (
        np.array(
            [list(bytes.fromhex(line)) for line in (base / f"reg-test-input/{name}.txt").read_text().split()], np.uint8
        )
        for name in ("haystack", "needles")
    )
    hits = HammingIndex.build(haystack).search(needles, 31)
    brute = np.argwhere(np.bitwise_count(needles[:, None] ^ haystack[None]).sum(axis=2, dtype=int) <= 31)
    same = np.array_equal(brute, np.column_stack([hits.query, hits.entry]))
    print(f"\nneedles in haystack at radius 31: {len(hits.query)} pairs, {'equal to' if same else 'NOT'} brute force")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="within 60 seconds, without 1e7")
    quick = parser.parse_args().quick
    jpegs(0.5 if quick else 3.0)
    print(
        "\n### Exact index, radius 31, queries a second\n"
        "\n| codes | faiss BinaryFlat | Haechi | ratio | found | size | build |\n|---|---|---|---|---|---|---|"
    )
    for count in (1_000_000,) if quick else (1_000_000, 10_000_000):
        index(count)
    print(f"\nPeak memory of this process so far: {psutil.Process().memory_info().rss / 1e6:.0f} MB")
    master(20.0 if quick else 60.0)
    data = data_folder()
    if data is None:
        print("\nNo benchmark media: set HAECHI_BENCH_DATA; reference hashes not compared.")
    else:
        references(data)


if __name__ == "__main__":
    main()
