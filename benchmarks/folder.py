"""A folder of photographs protected by `haechi protect`, killed with `kill -9` on the way and run again.

    python -m benchmarks.folder [--count 1000] [--kill-at 500] [--seconds N] [--work FOLDER]

Three in five photographs are crops, enlarged or reduced, of the pictures that the image mark is measured on: a dozen or
more look alike. The others are faces of the benchmark data, enlarged, one of each person. All have a short side of
512 px or more and a long one of 1,500 at most. Processor time is that of the command and of all that it started; of the
run that was killed, as far as the last look before it. Media: HAECHI_BENCH_DATA, or ../shared/data.
After `--seconds` the second run is ended as well, and the table tells how far it came.
Exit code 1 when an output is missing or unmarked, or one that stood before was written again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.photographs import LFW
from benchmarks.sources import data_folder
from benchmarks.watermark_pictures import pictures

Image = NDArray[np.uint8]

LEAST_PX, MOST_PX = 512, 1500
_FACES, _LEAST_CROP = 0.4, 0.45
_LOOK_S = 2.0


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the command did.

    Attributes:
        wall_s: seconds.
        processor_s: seconds, of it and all that it started.
        idle: share of the time of the machine's cores in which nobody wanted them.
        peak_mb: most memory of its main process.
        told: its lines.
        killed: it did not end by itself.
    """

    wall_s: float
    processor_s: float
    idle: float
    peak_mb: float
    told: Sequence[dict[str, object]]
    killed: bool


def make_photographs(folder: Path, data: Path, count: int, seed: int = 1) -> None:
    """Write them as JPEG, always the same for a seed."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    whole = [image for _, image in pictures(data, 1)]
    faces = [sorted(person.glob("*.jpg"))[0] for person in sorted((data / LFW).iterdir()) if any(person.glob("*.jpg"))]
    chosen = random.permutation(len(faces))[: round(_FACES * count)]
    for number in range(count):
        if number < len(chosen):
            image = np.asarray(cv2.imread(str(faces[chosen[number]])), np.uint8)
        else:
            image = _crop(whole[number % len(whole)], random)
        quality = int(random.integers(82, 96))
        # in an order that puts neither kind nor those that look alike together
        name = hashlib.sha256(f"{seed} {number}".encode()).hexdigest()[:12]
        cv2.imwrite(str(folder / f"{name}.jpg"), _sized(image, random), [cv2.IMWRITE_JPEG_QUALITY, quality])


def _crop(image: Image, random: np.random.Generator) -> Image:
    height, width = image.shape[:2]
    rows, columns = (int(side * random.uniform(_LEAST_CROP, 1)) for side in (height, width))
    top, left = int(random.integers(0, height - rows + 1)), int(random.integers(0, width - columns + 1))
    return image[top : top + rows, left : left + columns]


def _sized(image: Image, random: np.random.Generator) -> Image:
    height, width = image.shape[:2]
    least = LEAST_PX / min(height, width)
    scale = random.uniform(least, max(least, min(2 * least, MOST_PX / max(height, width))))
    size = (max(LEAST_PX, round(width * scale)), max(LEAST_PX, round(height * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=way), np.uint8)


def protect(home: Path, photographs: Path, out: Path, end_s: float, kill_at: int | None = None) -> Run:
    """Run the command, until `time.monotonic()` is `end_s` or, with `kill_at`, so many outputs are there."""
    command = [sys.executable, "-m", "haechi.cli", "protect", str(photographs), "-o", str(out), "--json"]
    lines = home.parent / "told.jsonl"
    idle, start = _idle_s(), time.monotonic()
    with lines.open("wb") as told:
        process = subprocess.Popen(command, stdout=told, env={**os.environ, "HAECHI_HOME": str(home)})
        used, peak, killed, status = 0.0, 0.0, False, None
        while status is None:
            time.sleep(_LOOK_S)
            used, peak = max(used, _processor_s(process.pid)), max(peak, _memory_mb(process.pid))
            there = kill_at is not None and len(_outputs(out)) >= kill_at
            if there or time.monotonic() > end_s:
                os.kill(process.pid, signal.SIGKILL)
                killed = True
            pid, code, usage = os.wait4(process.pid, 0 if killed else os.WNOHANG)
            status = code if pid else None
    process.returncode = status
    wall = time.monotonic() - start
    if not killed:
        used = usage.ru_utime + usage.ru_stime
    share = (_idle_s() - idle) / (wall * (os.cpu_count() or 1))
    said = [json.loads(line) for line in lines.read_bytes().splitlines() if line.endswith(b"}")]
    return Run(wall, used, share, peak, said, killed)


def _outputs(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jpg"))


def _idle_s() -> float:
    words = Path("/proc/stat").read_text().split()
    return (int(words[4]) + int(words[5])) / os.sysconf("SC_CLK_TCK")


def _memory_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return max((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), default=0.0)


def _processor_s(pid: int) -> float:
    """Of a process, its living descendants, and those of them that ended."""
    children: dict[int, list[int]] = defaultdict(list)
    spent: dict[int, float] = {}
    for one, parent, ticks in _processes():
        children[parent].append(one)
        spent[one] = ticks / os.sysconf("SC_CLK_TCK")
    total, waiting = 0.0, [pid]
    while waiting:
        one = waiting.pop()
        total += spent.get(one, 0.0)
        waiting += children[one]
    return total


def _processes() -> Iterator[tuple[int, int, int]]:
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = place.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        yield int(place.parent.name), int(words[1]), sum(map(int, words[11:15]))


def main() -> int:
    """Make the photographs, protect them in two runs, print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--kill-at", type=int)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--work", type=Path, help="an empty or new folder that is kept")
    given = parser.parse_args()
    data = data_folder()
    if data is None:
        sys.exit("No benchmark media: set HAECHI_BENCH_DATA to the folder that holds faces_identity.")
    with tempfile.TemporaryDirectory(prefix="haechi-folder-") as name:
        work = given.work or Path(name)
        photographs, home, out = work / "photographs", work / "home", work / "out"
        make_photographs(photographs, data, given.count)
        subprocess.run(
            [sys.executable, "-m", "haechi.cli", "keys", "new", "--name", "Example Entertainment"],
            env={**os.environ, "HAECHI_HOME": str(home)},
            check=True,
        )
        end_s = time.monotonic() + given.seconds
        first = protect(home, photographs, out, end_s, given.kill_at or given.count // 2)
        stood = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in _outputs(out)}
        second = protect(home, photographs, out, end_s)
        return _told(given.count, first, second, stood, out)


def _told(count: int, first: Run, second: Run, stood: dict[Path, tuple[bytes, int]], out: Path) -> int:
    made = (len(stood), len(_outputs(out)) - len(stood))
    print("| run | outputs made | wall, s | processor time each, s | cores idle, % | main process, MB |")
    print("|---|---|---|---|---|---|")
    for name, run, outputs in (("killed", first, made[0]), ("again", second, made[1])):
        each = run.processor_s / max(outputs, 1)
        print(f"| {name} | {outputs} | {run.wall_s:.0f} | {each:.2f} | {100 * run.idle:.0f} | {run.peak_mb:.0f} |")
    rewritten = [path for path, was in stood.items() if (path.read_bytes(), path.stat().st_mtime_ns) != was]
    marked = sum(one["watermark"] is not None for one in second.told)
    reused = sum(bool(one["reused"]) for one in second.told)
    print(f"\n{marked} of {count} are marked and signed; {reused} were left as the first run made them; "
          f"{len(rewritten)} of those were written again")  # fmt: skip
    return 0 if first.killed and marked == count == sum(made) and not rewritten else 1


if __name__ == "__main__":
    sys.exit(main())
