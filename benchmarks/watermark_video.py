"""The video mark against what the internet does to films.

    python -m benchmarks.watermark_video [--quick] [--frames 50] [--only WORD] [--out FILE.md]
    python -m benchmarks.watermark_video --speed

Films: 50 frames (2 s at 25 a second) from the 10th on of the clips of the benchmark media with 360 lines or more, each
scene once, and again 4.5 and 9 s later where the clip is that long; 1080p is scaled to 720p. Each is marked with its
own payload at 42 dB of luma, changed, coded, decoded, and read from up to 48 frames, blind and with the unmarked film
at 640 px: any number, and the numbers of the hundred copies that were made of the film. A cell is the share of exact
payloads with its 95 % interval.
"crop 50" keeps half of each side (a quarter of the area), "crop area 50" half of the area; both are enlarged again.
`--speed` does only this: a 1080p film of 10 s is marked file to file; decoding and coding alone, the same with marking,
and with reading back and PSNR take turns, since others may load the machine: wall clock, processor time, and both over
those of the first of the same turn, medians.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.intervals import wilson
from benchmarks.sources import data_folder
from haechi.core.media.encode import write_video
from haechi.core.media.remade import remake_file
from haechi.core.media.remake import VIDEO_CODECS
from haechi.core.settings import Limits
from haechi.core.watermark.pattern import pattern_of
from haechi.core.watermark.video import PSNR_DB, LumaMarker, read_frames_mark, read_informed_frames
from haechi.core.watermark.video.sample import FRAMES, PROBE_SIDE_PX
from haechi.core.watermark.video_file import VideoMarker

Planes = NDArray[np.uint8]
"""A frame as yuv420p, uint8 (h * 3 / 2, w)."""
Image = NDArray[np.uint8]

KEY, WRONG = b"benchmark key 1!", b"benchmark key 2!"
RATE: Final = 25
_FIRST, _LEAST_LINES, _MOST_LINES = 10, 360, 720
_MASTER_SIDE_PX = 640
_COPIES = 100
_SPEED_CLIP: Final = "video_real/fsgan_examples/shinzo_abe.mp4"
_SPEED_FRAMES, _TURNS, _REAPED_S = 250, 3, 0.05
_AGAIN_S, _EXCERPTS = 4.5, 3
_SUFFIXES: Final = {".mp4", ".mpg", ".mov"}
_THUMB, _DISTINCT = 24, 0.97


def films(data: Path, count: int) -> Iterator[tuple[str, list[Planes]]]:
    """Name and frames of every film; clips whose first pictures are alike are one scene."""
    seen: list[NDArray[np.float64]] = []
    for path in sorted(data.rglob("*")):
        if path.suffix.lower() not in _SUFFIXES:
            continue
        found = excerpts(path, count)
        for number, frames in enumerate(found):
            if number == 0:
                thumb = _thumb(frames[0])
                if any(float(thumb @ other) > _DISTINCT for other in seen):
                    break
                seen.append(thumb)
            yield f"{path.stem[:24]}-{number}", frames


def _thumb(planes: Planes) -> NDArray[np.float64]:
    luma = planes[: planes.shape[0] * 2 // 3]
    flat = np.asarray(cv2.resize(luma, (_THUMB, _THUMB), interpolation=cv2.INTER_AREA), np.float64).reshape(-1)
    centred = flat - flat.mean()
    return np.asarray(centred / max(float(np.linalg.norm(centred)), 1e-9), np.float64)


def excerpts(path: Path, count: int) -> list[list[Planes]]:
    """Up to three excerpts of so many frames; none of what is too small or cannot be read."""
    found: list[list[Planes]] = []
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            rate = float(stream.average_rate or RATE)
            starts = [_FIRST + round(number * _AGAIN_S * rate) for number in range(_EXCERPTS)]
            if min(stream.width, stream.height) < _LEAST_LINES:
                return []
            for number, frame in enumerate(container.decode(video=0)):
                if number > starts[-1] + count:
                    break
                for at, start in enumerate(starts):
                    if start <= number < start + count:
                        found += [[]] * (at + 1 - len(found))
                        found[at] = [*found[at], _planes(frame)]
    except av.error.FFmpegError:
        return []
    return [one for one in found if len(one) == count]


def _planes(frame: av.VideoFrame) -> Planes:
    factor = min(1.0, _MOST_LINES / min(frame.width, frame.height))
    width, height = (round(side * factor) // 2 * 2 for side in (frame.width, frame.height))
    return frame.reformat(width, height, "yuv420p").to_ndarray().astype(np.uint8)


def coded(codec: str, **options: str) -> Callable[[Sequence[Planes]], list[Image]]:
    """Through a coder; luma comes back."""

    def attack(frames: Sequence[Planes]) -> list[Image]:
        buffer = io.BytesIO()
        with av.open(buffer, "w", format="matroska") as container:
            stream: Any = container.add_stream(codec, rate=RATE, options=options)
            for number, planes in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(planes), format="yuv420p")
                if number == 0:
                    stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuv420p"
                frame.pts = number
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        buffer.seek(0)
        with av.open(buffer, "r") as written:
            return [np.asarray(frame.to_ndarray(format="gray"), np.uint8) for frame in written.decode(video=0)]

    return attack


def changed(change: Callable[[Image], Image], frames: Sequence[Planes]) -> list[Planes]:
    """Every frame as a picture, changed."""
    out = []
    for planes in frames:
        picture = np.asarray(change(np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420), np.uint8)), np.uint8)
        height, width = (side // 2 * 2 for side in picture.shape[:2])
        even = np.ascontiguousarray(picture[:height, :width])
        out.append(np.asarray(cv2.cvtColor(even, cv2.COLOR_BGR2YUV_I420), np.uint8))
    return out


def rotated(degrees: float, image: Image) -> Image:
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(image, turn, (width, height)), np.uint8)


def cropped(share: float, image: Image) -> Image:
    """The middle, enlarged to the old size; `share` of each side."""
    height, width = image.shape[:2]
    h, w = round(height * share), round(width * share)
    top, left = (height - h) // 2, (width - w) // 2
    inner = image[top : top + h, left : left + w]
    return np.asarray(cv2.resize(inner, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def half(image: Image) -> Image:
    return np.asarray(cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)


def _x264(crf: int) -> Callable[[Sequence[Planes]], list[Image]]:
    return coded("libx264", crf=str(crf), preset="veryfast")


def _after(change: Callable[[Image], Image]) -> Callable[[Sequence[Planes]], list[Image]]:
    return lambda frames: _x264(23)(changed(change, frames))


Attack = Callable[[Sequence[Planes]], list[Image]]
_VP9 = {"b": "600k", "deadline": "realtime", "cpu-used": "8"}
_X265 = {"crf": "32", "preset": "veryfast", "x265-params": "log-level=none"}
ATTACKS: Final[dict[str, Attack]] = {
    "H.264 crf 23": _x264(23),
    "H.264 crf 28": _x264(28),
    "H.264 crf 35": _x264(35),
    "H.264 crf 40": _x264(40),
    "half size, crf 23": _after(half),
    "HEVC crf 32": coded("libx265", **_X265),
    "VP9 600k": coded("libvpx-vp9", **_VP9),
    "rotation 3, crf 23": _after(partial(rotated, 3)),
    "crop area 50, crf 23": _after(partial(cropped, 0.5**0.5)),
    "crop 50, crf 23": _after(partial(cropped, 0.5)),
    "mirror, crf 23": _after(lambda image: np.ascontiguousarray(image[:, ::-1])),
}
INFORMED: Final = ("H.264 crf 28", "H.264 crf 35", "H.264 crf 40", "crop area 50, crf 23")


def fitted(images: Sequence[Image], side: int) -> list[Image]:
    factor = min(1.0, side / max(images[0].shape))
    if factor == 1.0:
        return list(images)
    return [np.asarray(cv2.resize(one, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)) for one in images]


class Tally:
    """Counts of one run."""

    def __init__(self) -> None:
        self.hits: dict[str, dict[str, list[bool]]] = {}
        self.psnr: list[float] = []
        self.seconds: dict[str, list[float]] = {}
        self.wrong = self.null = 0

    def timed(self, name: str, work: Callable[[], Any]) -> Any:
        start = time.process_time()
        result = work()
        self.seconds.setdefault(name, []).append(time.process_time() - start)
        return result


def measure(frames: Sequence[Planes], number: int, tally: Tally, attacks: Mapping[str, Attack]) -> list[str]:
    """All attacks on one film; what failed."""
    copies = [int(one) for one in np.random.default_rng(number).integers(0, 1 << 40, _COPIES)]
    payload = copies[0]
    lines = frames[0].shape[0] * 2 // 3
    marker = LumaMarker(pattern_of(KEY), payload, (lines, frames[0].shape[1]))
    marked = [planes.copy() for planes in frames]
    start = time.process_time()
    for planes in marked:
        planes[:lines] = marker.mark(planes[:lines])
    pixels = lines * frames[0].shape[1] * len(frames) / 1e6
    tally.seconds.setdefault("mark, per megapixel", []).append((time.process_time() - start) / pixels)
    tally.psnr.append(marker.psnr_db)
    master = fitted([planes[:lines] for planes in frames], _MASTER_SIDE_PX)
    failed = []
    for name, attack in attacks.items():
        seen = fitted(attack(marked), PROBE_SIDE_PX)
        chosen = [int(at) for at in np.unique(np.linspace(0, len(seen) - 1, FRAMES).astype(int))]
        probe = [seen[at] for at in chosen]
        times = [at / RATE for at in chosen], [at / RATE for at in range(len(master))]
        reading = tally.timed(f"read {name}", partial(read_frames_mark, probe, KEY))
        tally.wrong += reading is not None and reading.payload != payload
        hit = reading is not None and reading.payload == payload
        tally.hits.setdefault(name, {}).setdefault("blind", []).append(hit)
        failed += [] if hit else [name]
        if name in INFORMED:
            for reader, among in (("informed", []), ("of 100 copies", copies)):
                ask = partial(read_informed_frames, probe, master, KEY, times=times, among=among)
                known = tally.timed("read informed", ask)
                hit = known is not None and known.payload == payload
                tally.hits[name].setdefault(reader, []).append(hit)
                failed += [] if hit else [f"{name} {reader}"]
        if name == "H.264 crf 23":
            tally.null += 1
            tally.wrong += tally.timed("search in vain", partial(read_frames_mark, probe, WRONG)) is not None
    return failed


def speed(data: Path) -> list[str]:
    """A 1080p film of 10 s, file to file, the sides taking turns."""
    frames = excerpts(data / _SPEED_CLIP, _SPEED_FRAMES)[0]
    large = (cv2.resize(cv2.cvtColor(one, cv2.COLOR_YUV2BGR_I420), (1920, 1080)) for one in frames)
    change = {"key": KEY.hex(), "payload": 1, "recipient": None, "psnr_db": PSNR_DB}
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "film.mp4", Path(folder) / "marked.mp4"
        write_video(source, (np.asarray(one, np.uint8) for one in large), RATE, crf=20)
        sides: dict[str, Callable[[], Any]] = {
            "decoding and coding alone": partial(_coded_again, source, target),
            "with marking": partial(remake_file, "mark_video", source, target, Limits(), change),
            "with reading back and PSNR": partial(VideoMarker().embed, source, target, KEY, 1, Limits()),
        }
        spent: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
        for _ in range(_TURNS):
            for name, work in sides.items():
                start, busy = time.perf_counter(), _processor_s()
                work()
                time.sleep(_REAPED_S)  # the child's processor time is known when it has been waited for
                spent[name].append((time.perf_counter() - start - _REAPED_S, _processor_s() - busy))
    plain = np.array(spent["decoding and coding alone"])
    lines = []
    for name, values in spent.items():
        wall_s, busy_s = np.median(values, axis=0)
        ratio, busy_ratio = np.median(np.array(values) / plain, axis=0)
        lines.append(
            f"1080p, {_SPEED_FRAMES} frames, {name}: {_SPEED_FRAMES / wall_s:.1f} frames a second, {ratio:.2f} of the "
            f"time; {busy_s / _SPEED_FRAMES * 1e3:.1f} ms of processor time a frame, {busy_ratio:.2f} of it."
        )
    return lines


def _coded_again(source: Path, target: Path) -> None:
    """What marking a file costs without the mark: decoded and coded as `remake` does it."""
    with av.open(str(source)) as given, av.open(str(target), "w") as taken:
        codec, options = VIDEO_CODECS["h264"]
        stream: Any = taken.add_stream(codec, rate=RATE, options=dict(options))
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        given.streams.video[0].thread_type = "AUTO"
        for frame in given.decode(video=0):
            frame.pict_type = 0
            taken.mux(stream.encode(frame))
        taken.mux(stream.encode(None))


def _processor_s() -> float:
    """User and system time of this process and of what it started, seconds; Linux only."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if os.getpid() in (int(stat.parent.name), int(fields[1])):
                ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def render(tally: Tally) -> str:
    psnr = np.array(tally.psnr)
    lines = [f"{len(psnr)} films. PSNR of luma: mean {psnr.mean():.2f} dB, least {psnr.min():.2f}.", ""]
    lines += ["| attack | blind | 95 % interval | informed | of 100 copies |", "|---|---|---|---|---|"]
    for name, by_reader in tally.hits.items():
        blind = by_reader["blind"]
        low, high = wilson(sum(blind), len(blind))
        told = " | ".join(_share(by_reader.get(reader, [])) for reader in ("informed", "of 100 copies"))
        lines.append(f"| {name} | {_share(blind)} | {low:.1%} - {high:.1%} | {told} |")
    lines += ["", "| processor time, ms, one core | median | 95th percentile |", "|---|---|---|"]
    for name, values in tally.seconds.items():
        middle, slow = np.quantile(np.array(values) * 1e3, [0.5, 0.95])
        lines.append(f"| {name} | {middle:.1f} | {slow:.1f} |")
    lines += ["", f"Wrong payloads, {tally.null} readings with a wrong key among them: {tally.wrong}."]
    return "\n".join(lines) + "\n"


def _share(hits: Sequence[bool]) -> str:
    return f"{sum(hits)}/{len(hits)}" if hits else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="each fourth film")
    parser.add_argument("--frames", type=int, default=50)
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--only", default="", help="attacks whose name holds one of these words, split by commas")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    data = data_folder()
    assert data is not None, "benchmark media not found: set HAECHI_BENCH_DATA"
    cv2.setNumThreads(1)
    tally = Tally()
    if options.speed:
        print("\n".join(speed(data)))
        return
    wanted = options.only.split(",")
    attacks = {name: attack for name, attack in ATTACKS.items() if any(word in name for word in wanted)}
    for number, (name, frames) in enumerate(films(data, options.frames)):
        if options.quick and number % 4:
            continue
        failed = measure(frames, number, tally, attacks)
        print(f"{name:32s} {tally.psnr[-1]:.2f} dB {', '.join(failed)}", flush=True)
        if options.out:
            options.out.write_text(render(tally))
    print(render(tally))


if __name__ == "__main__":
    main()
