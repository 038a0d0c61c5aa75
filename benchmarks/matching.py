"""Matching: are copies of registered masters found, and nothing else?

    python -m benchmarks.matching [--quick] [--seconds N] [--only video|image]

Video: every master of video_real and of the ThreatExchange sample is registered; excerpts of 4-5 s (the masters are 3
to 22 s long) go through each benign edit and one of the five chains of `chains`. Image: pictures of copy_detection
(two are plain sky) and some portraits, among photographs of other people, through 26 edits. A false match is one that
neither is the source nor shows the same footage (SAME below, seen by eye). Unregistered takes: only every other take is
registered, so that of the rest only other takes of the same person in the same room are there, and nothing may match.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from benchmarks.alter import BENIGN, Stage
from benchmarks.chains import CHAINS, send
from benchmarks.clips import Material
from benchmarks.image_edits import EDITS
from benchmarks.intervals import wilson
from benchmarks.retiming import NotPossibleError
from benchmarks.sources import data_folder
from haechi.check.match import match
from haechi.core.media.audio import read_all_audio
from haechi.core.media.decode import FrameRequest, read_frames
from haechi.core.media.probe import probe_media
from haechi.core.settings import Limits
from haechi.core.store import Store, open_store
from haechi.register.release import register_release

SAME = (
    {"chair-19-sd-bar", "chair-orig-22-sd-bar"},
    {"pattern-hd-no-bar", "pattern-sd-grey-bar", "pattern-sd-with-small-logo-bar"},
    {"WDA_AlexandriaOcasioCortez_000", "3"},
    {"M030_sad_3_001", "M030_front_sad_level3_001"},
)
"""Masters that show the same footage."""
WITHOUT_FACES = [kind for kind in BENIGN if kind not in ("stickers", "stickers_on_face")]
_RATE, _LENGTH_S = 25.0, 20.0
_PORTRAITS = 13


@dataclass
class Tally:
    found: int = 0
    total: int = 0
    false: list[str] = field(default_factory=list)

    def line(self, name: str) -> str:
        low, high = wilson(self.found, self.total)
        share = self.found / max(1, self.total)
        wrong = f"{len(self.false)}" + (f" ({', '.join(self.false[:4])})" if self.false else "")
        return f"| {name} | {self.total} | {share:.3f} | {low:.3f}-{high:.3f} | {wrong} |"


def related(name: str) -> set[str]:
    """The master and those that show the same footage."""
    return {name}.union(*(group for group in SAME if name in group))


def masters(data: Path) -> list[Path]:
    clips = sorted((data / "video_real").rglob("*.mp*"))
    return clips + sorted((data / "copy_detection/threatexchange_tmk/sample-videos").glob("*.mp4"))


def pictures(data: Path) -> list[Path]:
    base = data / "copy_detection"
    named = [*sorted((base / "kodak").glob("*.png")), base / "threatexchange_pdq/bridge-mods/aaa-orig.jpg"]
    return named + sorted((base / "threatexchange_pdq/reg-test-input/labelme-subset").glob("*.jpg"))


def register_all(files: Sequence[Path], store: Store, limits: Limits) -> None:
    for file in files:
        register_release(file, store, limits, title=file.stem)


def read_clip(path: Path, limits: Limits) -> Material:
    """A master at 25 frames a second, at most 640 px wide or high, without faces (only matching is measured)."""
    with read_frames(path, limits, FrameRequest(max_side=640, end_s=_LENGTH_S)) as stream:
        read = list(stream)
    times = np.array([frame.time_s for frame in read])
    slots = np.arange(0, times[-1] + 0.5 / _RATE, 1 / _RATE)
    index = np.clip(np.searchsorted(times, slots + 0.25 / _RATE, side="right") - 1, 0, len(read) - 1)
    frames = [
        np.ascontiguousarray(read[i].image[: h // 2 * 2, : w // 2 * 2])
        for i in index
        for h, w in [read[i].image.shape[:2]]
    ]
    sound = read_all_audio(path, limits, sample_rate=16_000, end_s=len(frames) / _RATE)
    if sound.size:
        sound = np.pad(sound, (0, max(0, round(len(frames) / _RATE * 16_000) - len(sound))))
    faces = np.full((len(frames), 478, 2), np.nan, np.float32)
    return Material(
        path, path.stem, frames, _RATE, sound if sound.size else None, faces, np.zeros(frames[0].shape[:2], np.float32)
    )


def video(files: Sequence[Path], store: Store, limits: Limits, until: float, kinds: Sequence[str]) -> dict[str, Tally]:
    """Excerpts of every master through every edit, in an order that spreads over both."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    titles = {release.id: Path(release.title).stem for release in store.releases()}
    jobs = [(file, kind) for kind in kinds for file in files]
    np.random.default_rng(5).shuffle(jobs)
    with tempfile.TemporaryDirectory() as folder:
        for file, kind in jobs:
            if time.monotonic() > until:
                break
            file = Path(file)
            material = read_clip(file, limits)
            others = [f for f in files if f.parent != file.parent and f.stem not in related(file.stem)]
            seed = zlib.crc32(f"{file.stem}{kind}".encode())
            other = read_clip(others[seed % len(others)], limits)
            rng = np.random.default_rng(seed)
            try:
                clip = BENIGN[kind](Stage(material, other, rng))
            except NotPossibleError:
                continue
            _, path = send(clip, CHAINS[seed % len(CHAINS)], Path(folder) / "probe", rng, limits)
            got = match(path, probe_media(path, limits), store, limits)
            path.unlink()
            names = {titles[c.item_id] for c in got if c.homography is not None}
            heard = {titles[c.item_id] for c in got if c.homography is None}
            allowed = related(file.stem) | (related(other.source_id) if kind in _MIXED else set())
            _count(tallies, kind, bool(names & related(file.stem)), (names | heard) - allowed, file.stem)
    return tallies


_MIXED = ("picture_in_picture", "small_video_in_corner", "joined_with_other", "audio_foreign")


def _count(tallies: dict[str, Tally], kind: str, found: bool, wrong: set[str], source: str) -> None:
    for name in (kind, "all"):
        tallies[name].total += 1
        tallies[name].found += found
        tallies[name].false += [f"{source}->{one}" for one in sorted(wrong)]
    if not found or wrong:
        print(f"    {kind} of {source}: {'found' if found else 'MISSED'} {sorted(wrong) or ''}", flush=True)


def unregistered(files: Sequence[Path], limits: Limits, until: float) -> Tally:
    """Takes whose own master is not registered, among other takes of the same person."""
    files = [f for f in files if "mead" in str(f) or "grid" in str(f)]
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder))
        kept = [f for i, f in enumerate(files) if i % 2 == 0]
        register_all(kept, store, limits)
        titles = {release.id: Path(release.title).stem for release in store.releases()}
        for file in files:
            if file in kept or time.monotonic() > until:
                continue
            got = {titles[c.item_id] for c in match(file, probe_media(file, limits), store, limits)} - related(
                file.stem
            )
            tally.total += 1
            tally.found += not got
            tally.false += [f"{file.stem}->{one}" for one in sorted(got)]
    return tally


def image(data: Path, limits: Limits, until: float, distractors: int) -> dict[str, Tally]:
    """Every picture through every edit; the distractors must stay silent both as masters and as probes."""
    sources = pictures(data)
    people = sorted((data / "faces_identity/lfw_deepfunneled").rglob("*.jpg"))
    chosen = people[:: max(1, len(people) // (2 * distractors))]
    portraits = chosen[0::2]
    tallies: dict[str, Tally] = defaultdict(Tally)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "home")
        register_all(sources + portraits, store, limits)
        sources += portraits[:_PORTRAITS]
        titles = {release.id: Path(release.title).stem for release in store.releases()}

        def names(picture: np.ndarray) -> set[str]:
            path = Path(folder) / "probe.jpg"
            path.write_bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes())
            return {titles[c.item_id] for c in match(path, probe_media(path, limits), store, limits)}

        for job in np.random.default_rng(6).permutation(len(EDITS) * len(sources)):
            edit, source = list(EDITS)[job // len(sources)], sources[job % len(sources)]
            if time.monotonic() > until:
                break
            rng = np.random.default_rng(zlib.crc32(f"{edit}{source.stem}".encode()))
            got = names(EDITS[edit](np.asarray(cv2.imread(str(source)), np.uint8), rng))
            _count(tallies, edit, source.stem in got, got - {source.stem}, source.stem)
        for source in chosen[1::2]:
            if time.monotonic() > until:
                break
            got = names(np.asarray(cv2.imread(str(source)), np.uint8))
            tallies["unregistered people"].total += 1
            tallies["unregistered people"].found += not got
            tallies["unregistered people"].false += sorted(got)
    return tallies


def table(title: str, tallies: dict[str, Tally]) -> None:
    print(f"\n### {title}\n\n| edit | probes | recall | 95 % | false matches |\n|---|---|---|---|---|")
    for name in sorted(tallies, key=lambda n: (n == "all", n)):
        print(tallies[name].line(name))


def main() -> None:
    """Parse, register, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="within 90 seconds, a sample only")
    parser.add_argument("--seconds", type=float, default=7200.0)
    parser.add_argument("--only", choices=("video", "image"))
    parser.add_argument("--home", type=Path, help="a store to keep between runs")
    parser.add_argument("--kinds", default=",".join(WITHOUT_FACES))
    options = parser.parse_args()
    data = data_folder()
    if data is None:
        print("No benchmark media: set HAECHI_BENCH_DATA to the folder that holds video_real. Nothing measured.")
        return
    seconds = 65.0 if options.quick else options.seconds
    limits, start = Limits(), time.monotonic()
    if options.only != "video":
        table("Images", image(data, limits, start + 0.4 * seconds, 10 if options.quick else 150))
    if options.only != "image":
        files = masters(data)[:: 6 if options.quick else 1]
        with tempfile.TemporaryDirectory() as folder:
            store = open_store(options.home or Path(folder))
            if not store.releases():
                register_all(files, store, limits)
            table("Videos", video(files, store, limits, start + seconds, options.kinds.split(",")))
        if not options.quick:
            table("Other takes, own master not registered", {"all": unregistered(files, limits, start + seconds + 300)})


if __name__ == "__main__":
    main()
