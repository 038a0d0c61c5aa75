"""The demo: register a sample master, check a plain copy and an altered copy of it, and say where the reports are.

    python demo/demo.py [--out DIR]

The master is made from NASA's portrait of Eileen Collins (public domain), which scikit-image carries: the camera drifts
and zooms over the photograph while the light changes a little. The plain copy is a smaller, coarser re-post. The other
copy is that re-post, but from 2 s to 4 s the mouth opens and shuts by stretching those same pixels. Everything runs
through the `haechi` command as a user would type it; state and reports stay in the output folder.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.errors import HaechiError
from haechi.core.media.decode import read_image
from haechi.core.media.encode import write_video
from haechi.core.media.faces import FaceFinder, FaceMesh
from haechi.core.media.models import model_path
from haechi.core.settings import Settings

Image = NDArray[np.uint8]
SIDE, RATE, SECONDS = 512, 25.0, 6.0
ALTERED_S = (2.0, 4.0)
SAMPLE_RATE = 44_100
_LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)


def make_clips(folder: Path, settings: Settings) -> tuple[Path, Path, Path]:
    """Write master, plain copy and altered copy; returns their paths."""
    photo = read_image(model_path("astronaut.png", settings.models), settings.limits).image
    lips = find_lips(photo, settings.models)
    count = round(SECONDS * RATE)
    plain = [moved_view(photo, lips.mean(axis=0), index / RATE) for index in range(count)]
    altered = [
        moved_view(with_mouth(photo, lips, index / RATE), lips.mean(axis=0), index / RATE) for index in range(count)
    ]
    sound = tune()
    paths = tuple(folder / f"{name}.mp4" for name in ("master", "plain-copy", "altered-copy"))
    write_video(paths[0], plain, RATE, crf=16, audio=sound, sample_rate=SAMPLE_RATE, audio_bit_rate=160_000)
    for path, frames in zip(paths[1:], (plain, altered), strict=True):
        small = (np.asarray(cv2.resize(f, (384, 384), interpolation=cv2.INTER_AREA), np.uint8) for f in frames)
        write_video(path, small, RATE, crf=28, audio=sound, sample_rate=SAMPLE_RATE, audio_bit_rate=64_000)
    return paths[0], paths[1], paths[2]


def find_lips(photo: Image, models: Path) -> NDArray[np.float32]:
    """The outline of the mouth in the photograph: float32 (20, 2), pixels."""
    faces = FaceFinder(models).find(photo)
    found = FaceMesh(models).landmarks(photo, faces[0]) if faces else None
    if found is None:
        raise HaechiError("no face was found in the sample photograph; run `haechi models pull` again")
    return found.points[list(_LIPS)]


def moved_view(photo: Image, centre: NDArray[Any], time_s: float) -> Image:
    """What the camera sees at a time: it drifts, zooms and breathes around the face, and the light changes."""
    zoom = 1.75 + 0.2 * np.sin(0.9 * time_s) + 0.05 * np.sin(2.3 * time_s)
    away = np.array([14 * np.sin(1.1 * time_s) + 4 * np.sin(3.1 * time_s), 10 * np.sin(0.7 * time_s + 1)])
    turn = np.deg2rad(1.5 * np.sin(0.8 * time_s))
    linear = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shift = np.array([SIDE / 2, 0.58 * SIDE]) - linear @ (centre + away)
    matrix = np.column_stack([linear, shift])
    view = cv2.warpAffine(photo, matrix, (SIDE, SIDE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    light = 1 + 0.04 * np.sin(1.7 * time_s)
    return np.asarray(np.clip(view * light, 0, 255), np.uint8)


def with_mouth(photo: Image, lips: NDArray[np.float32], time_s: float) -> Image:
    """The photograph with the mouth stretched up and down; unchanged outside ALTERED_S."""
    if not ALTERED_S[0] <= time_s < ALTERED_S[1]:
        return photo
    stretch = 1 + 0.55 * abs(np.sin(2 * np.pi * 1.6 * (time_s - ALTERED_S[0]) + 0.6))
    centre = lips.mean(axis=0)
    width, height = np.ptp(lips, axis=0)
    y, x = np.mgrid[0 : photo.shape[0], 0 : photo.shape[1]].astype(np.float32)
    far = np.hypot((x - centre[0]) / (0.75 * width), (y - centre[1]) / (1.7 * height))
    weight = np.clip(1.5 - 1.5 * far, 0, 1)
    from_y = centre[1] + (y - centre[1]) * (1 + weight * (1 / stretch - 1))
    warped = cv2.remap(photo, x, from_y.astype(np.float32), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(warped, np.uint8)


def tune() -> NDArray[np.float32]:
    """A short made-up tune: float32 (n,), -1..1."""
    moments = np.arange(round(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    notes = np.array([0, 4, 7, 12, 9, 7, 5, 2, 4, 7, 11, 14, 12, 9, 7, 4, 5, 0, 2, 7])
    step = (moments / 0.3).astype(int) % len(notes)
    phase = 2 * np.pi * np.cumsum(262 * 2 ** (notes[step] / 12)) / SAMPLE_RATE
    fade = np.exp(-(moments % 0.3) / 0.15)
    return np.asarray(0.3 * fade * (np.sin(phase) + 0.4 * np.sin(2 * phase)), np.float32)


def haechi(home: Path, *arguments: object) -> list[dict[str, Any]]:
    """Run the installed command; show what is typed; returns its JSON lines."""
    shown = " ".join(str(argument) for argument in arguments)
    print(f"  $ haechi --home {home.name} {shown}", flush=True)
    command = [sys.executable, "-m", "haechi.cli", "--home", str(home), *map(str, arguments)]
    variables = os.environ | {"HAECHI_MODELS": str(Settings().models)}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=variables, check=False, timeout=120)
    if done.returncode != 0:
        raise HaechiError(f"`haechi {shown}` ended with code {done.returncode}; its message stands above")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def say(name: str, report: dict[str, Any], expected: str) -> bool:
    """Print what a check said in one or two lines; returns whether it is what the demo expects."""
    right = bool(report["verdict"] == expected)
    print(f"    -> {name}: {report['verdict']}" + ("" if right else f"   (expected {expected})"))
    for change in report["changes"]:
        span = f"{change['start_s']:.1f}-{change['end_s']:.1f} s"
        print(f"       {change['kind']}, {span}, box {change['box']}, strength {change['strength']:.1f}")
    return right


def run(out: Path) -> bool:
    """All steps; returns whether both verdicts came out as expected."""
    began = time.monotonic()
    settings = Settings()
    home, reports = out / "home", out / "reports"
    for old in (home, reports):
        shutil.rmtree(old, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    print("1. Make a master, a plain copy and an altered copy of it from one photograph", flush=True)
    master, copy, altered = make_clips(out, settings)
    print("2. Register the master")
    haechi(home, "release", "add", master, "--title", "Demo: portrait of an astronaut", "--json")
    print("3. Check the plain copy: smaller and re-encoded")
    good = say("plain copy", haechi(home, "check", copy, "--json", "--report", reports)[0], "authentic_copy")
    print("4. Check the altered copy: the mouth is stretched from 2 s to 4 s")
    bad = say("altered copy", haechi(home, "check", altered, "--json", "--report", reports)[0], "altered")
    print(f"\nDone in {time.monotonic() - began:.0f} s. Open the reports in a browser:")
    for page in sorted(reports.rglob("*.html")):
        print(f"  {page}")
    return good and bad


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse and run; 0 when the demo shows what it promises."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("demo-output"), help="where clips, state and reports go")
    try:
        return 0 if run(parser.parse_args(arguments).out) else 1
    except HaechiError as error:
        print(f"The demo stopped: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
