"""Speed and memory of `compare` and `check`, each beside the plain decoding of its probe in the same run.

    python -m benchmarks.speed [--quick]

`compare`: whole commands, process start included, on a 720p copy of full length, on an excerpt, on excerpts with
captions all over, which must be looked at closely, and on a small clip.
`check`: a copy of a registered 60 s 1080p30 master, and a clip that is not registered, against a registry of 100
masters. Decoding alone is PyAV with its own choice of threads, every picture, no conversion.
The media are joined and re-encoded from the benchmark's real clips; most of the 100 masters are made here.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import psutil  # type: ignore[import-untyped]
from numpy.typing import NDArray

from benchmarks.fingerprint_speed import scene
from benchmarks.sources import data_folder
from haechi.core.media.decode import FrameRequest, read_frames
from haechi.core.media.encode import write_video
from haechi.core.settings import Limits

RATE = 30.0
FULL_HD = (1920, 1080)
JOINED = (
    "fsgan_examples/shinzo_abe.mp4",
    "hdtf_sadtalker/WDA_AlexandriaOcasioCortez_000.mp4",
    "liveportrait_driving/d12.mp4",
    "liveportrait_driving/d18.mp4",
    "liveportrait_driving/d20.mp4",
    "astorfi/sample_video.mp4",
    "tpsmm/driving.mp4",
)
N_MASTERS = 100
CAPTIONS, CAPTION_S = ("hello everyone", "what a day it was", "see you tomorrow", "we love you all", "thank you"), 2.0

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Run:
    """One command: wall seconds and the most memory of all its processes, MB; 0 when nobody watched."""

    seconds: float
    peak_mb: float


def command(*arguments: str | Path, watch: bool = False) -> Run:
    """Run `haechi` with these arguments; watching its memory reads a page table 20 times a second."""
    # As installed: Python keeps what it has compiled.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    program = [Path(sys.executable).with_name("haechi"), *map(str, arguments)]
    started = time.perf_counter()
    process = psutil.Popen(program, stdout=subprocess.DEVNULL, env=environment)
    peak = 0
    while watch and process.poll() is None:
        peak = max(peak, _memory(process))
        time.sleep(0.05)
    if process.wait() != 0:
        raise SystemExit(f"haechi {' '.join(map(str, arguments))} failed")
    return Run(time.perf_counter() - started, peak / 1e6)


def measured(*arguments: str | Path) -> Run:
    """The time of one run, and the memory of another one: watching takes a sixth of two cores' time."""
    return Run(command(*arguments).seconds, command(*arguments, watch=True).peak_mb)


def _memory(process: psutil.Process) -> int:
    """Proportional set size of a process and all below it: shared pages count once."""
    total = 0
    for each in [process, *process.children(recursive=True)]:
        try:
            total += each.memory_full_info().pss
        except psutil.Error:
            continue
    return total


def decoding_alone(path: Path) -> float:
    """Seconds to decode every picture of a file."""
    start = time.perf_counter()
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for _ in container.decode(video=0):
            pass
    return time.perf_counter() - start


def copy_of(master: Path, target: Path, *, start_s: float = 0.0, end_s: float | None = None) -> Path:
    """A re-encoded copy, or a part of it."""
    frames = (f.image for f in read_frames(master, Limits(), FrameRequest(start_s=start_s, end_s=end_s)))
    write_video(target, frames, RATE, crf=26)
    return target


def captioned(master: Path, target: Path, *, start_s: float, end_s: float) -> Path:
    """A part of a film with another line of text every two seconds, re-encoded."""

    def frames() -> Iterator[Image]:
        for frame in read_frames(master, Limits(), FrameRequest(start_s=start_s, end_s=end_s)):
            height, width = frame.image.shape[:2]
            line = CAPTIONS[int((frame.time_s - start_s) // CAPTION_S) % len(CAPTIONS)]
            place, thick = (width // 5, round(0.88 * height)), max(2, height // 240)
            yield cv2.putText(
                frame.image, line, place, cv2.FONT_HERSHEY_DUPLEX, height / 420, (255, 255, 255), thick, cv2.LINE_AA
            ).astype(np.uint8)

    write_video(target, frames(), RATE, crf=26)
    return target


def joined_master(data: Path, target: Path, seconds: float) -> Path:
    """Real clips one after the other, each fitted into 1080p."""
    write_video(target, _joined(data, int(seconds * RATE)), RATE, crf=20)
    return target


def _joined(data: Path, count: int) -> Iterator[Image]:
    left = count
    for place in JOINED:
        for frame in read_frames(data / "video_real" / place, Limits(), FrameRequest(min_interval_s=1 / RATE - 0.002)):
            if left == 0:
                return
            left -= 1
            yield _fitted(frame.image)


def _fitted(image: Image) -> Image:
    width, height = FULL_HD
    factor = min(width / image.shape[1], height / image.shape[0])
    size = (2 * round(image.shape[1] * factor / 2), 2 * round(image.shape[0] * factor / 2))
    out = np.zeros((height, width, 3), np.uint8)
    x, y = (width - size[0]) // 2, (height - size[1]) // 2
    out[y : y + size[1], x : x + size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    return out


def filler_master(target: Path, seed: int) -> Path:
    """Four seconds of a camera over a made-up scene."""
    still = scene(800, 500, seed)
    frames = (np.ascontiguousarray(still[k : k + 360, 2 * k : 2 * k + 480]) for k in range(100))
    write_video(target, frames, 25.0, preset="ultrafast")
    return target


def compare_rows(data: Path, folder: Path) -> None:
    """Print the table of `compare`."""
    print("\n### compare\n")
    print("| probe | duration | wall | wall / duration | decoding alone | peak memory |\n|---|---|---|---|---|---|")
    abe, small = (data / "video_real" / p for p in (JOINED[0], "mead_dreamtalk/W009_front_sad_level3_001.mp4"))
    probes: Sequence[tuple[str, Path, Path]] = (
        ("720p, all of a 20 s master", copy_of(abe, folder / "abe.mp4"), abe),
        ("720p, 5 s of a 20 s master", copy_of(abe, folder / "abe-part.mp4", start_s=6.0, end_s=11.0), abe),
        ("720p, 10 s with captions", captioned(abe, folder / "captions.mp4", start_s=4.0, end_s=14.0), abe),
        ("720p, 5 s with captions", captioned(abe, folder / "captions-5.mp4", start_s=6.0, end_s=11.0), abe),
        ("256x256", copy_of(small, folder / "small.mp4"), small),
    )
    command("compare", small, small, "--json")  # the first compiles what it loads
    for name, probe, master in probes:
        alone = decoding_alone(probe)
        run = measured("compare", probe, master, "--json")
        length = duration(probe)
        print(
            f"| {name} | {length:.1f} s | {run.seconds:.1f} s | {run.seconds / length:.2f} | {alone:.2f} s "
            f"| {run.peak_mb:.0f} MB |",
            flush=True,
        )


def check_rows(data: Path, folder: Path, masters: int, seconds: float) -> None:
    """Print the table of `check`."""
    known, unknown = folder / "known.mp4", folder / "unknown.mp4"
    joined_master(data, known, seconds)
    still = scene(2400, 1400, 999)
    pan = (
        np.ascontiguousarray(still[k % 300 : k % 300 + 1080, k % 470 : k % 470 + 1920])
        for k in range(int(30 * seconds))
    )
    write_video(unknown, pan, RATE, crf=24)
    fill = folder / "masters"
    fill.mkdir()
    for k in range(masters - 1):
        filler_master(fill / f"{k:03d}.mp4", k)
    home = folder / "home"
    command("--home", home, "release", "add", known, fill, "--json")
    probe = copy_of(known, folder / "probe.mp4")
    command("--home", home, "check", fill / "000.mp4", "--json")  # the first check compiles what it loads
    print(f"\n### check of {seconds:.0f} s of 1080p30 against {masters} masters\n")
    print("| probe | decoding alone | wall | wall / decoding | peak memory |\n|---|---|---|---|---|")
    for name, path in (("not registered", unknown), ("copy of a registered master", probe)):
        alone = decoding_alone(path)
        run = measured("--home", home, "check", path, "--again", "--json")
        print(
            f"| {name} | {alone:.1f} s | {run.seconds:.1f} s | {run.seconds / alone:.1f} | {run.peak_mb:.0f} MB |",
            flush=True,
        )


def duration(path: Path) -> float:
    """Seconds."""
    with av.open(str(path)) as container:
        return float(container.duration or 0) / av.time_base


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="within two minutes: ten masters, ten seconds")
    quick = parser.parse_args().quick
    data = data_folder()
    if data is None:
        print("No benchmark media: set HAECHI_BENCH_DATA; speed not measured.")
        return
    with tempfile.TemporaryDirectory() as name:
        compare_rows(data, Path(name))
        check_rows(data, Path(name), *((10, 10.0) if quick else (N_MASTERS, 60.0)))


if __name__ == "__main__":
    main()
