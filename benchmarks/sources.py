"""The real masters that the comparison benchmark uses, split by person: nobody is in both halves."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

_DEV = {
    "astorfi/sample_video.mp4": "interviewee",
    "grid/bbaf2n.mpg": "grid-a",
    "grid/lwbsza.mpg": "grid-f",
    "liveportrait_driving/d12.mp4": "d12",
    "liveportrait_driving/d18.mp4": "d18",
    "mead_dreamtalk/M030_front_angry_level3_001.mp4": "M030",
    "mead_dreamtalk/W009_front_happy_level3_001.mp4": "W009",
    "mead_eamm/crop/M030_sad_3_001.mp4": "M030",
    "retalking_faces/1.mp4": "r1",
    "retalking_faces/3.mp4": "aoc",
    "hdtf_sadtalker/WDA_AlexandriaOcasioCortez_000.mp4": "aoc",
    "tpsmm/driving.mp4": "driving",
    "fsgan_examples/shinzo_abe.mp4": "abe",
}
_TEST = {
    "grid/brbk7n.mpg": "grid-b",
    "grid/lbax4n.mpg": "grid-c",
    "grid/lbbc2a.mpg": "grid-d",
    "grid/lrwp9a.mpg": "grid-e",
    "liveportrait_driving/d20.mp4": "d20",
    "retalking_faces/5.mp4": "r5",
    "mead_dreamtalk/W011_front_surprised_level3_001.mp4": "W011",
    "mead_dreamtalk/W011_front_sad_level3_001.mp4": "W011",
}
_FILMS = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".mpg"}


@dataclass(frozen=True, slots=True)
class Source:
    """One master: `name` is unique and fits file names, `split` is dev or test."""

    name: str
    path: Path
    person: str
    split: str


def data_folder() -> Path | None:
    """Where the real media are: HAECHI_BENCH_DATA, or ../shared/data beside the repository; None when absent."""
    named = os.environ.get("HAECHI_BENCH_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    return folder if (folder / "video_real").is_dir() else None


def find_sources(data: Path) -> list[Source]:
    """The masters that are present."""
    found = []
    for split, table in (("dev", _DEV), ("test", _TEST)):
        for place, person in table.items():
            path = data / "video_real" / place
            if path.is_file():
                found.append(Source(f"{path.parent.name[:10]}-{path.stem}"[:32], path, person, split))
    return found


def films_in(folder: Path) -> list[Source]:
    """Every film of a folder as a master of its own: footage on which nothing was ever developed."""
    films = sorted(path for path in folder.iterdir() if path.suffix.lower() in _FILMS)
    return [Source(f"film-{path.stem}"[:32], path, path.stem, "test") for path in films]


def folder(text: str) -> Path:
    """A folder named on the command line, for argparse."""
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text}: no such folder")
    return Path(text)
