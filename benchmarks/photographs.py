"""Photographs with graphics over them, and photographs that were altered: what the comparison says of each.

    python -m benchmarks.photographs [--split dev|test|all] [--every N] [--results FILE]

Every photograph goes once with each graphic of `benchmarks.graphics` and each alteration of `benchmarks.tampering`
through a re-post drawn by name: JPEG 85, or .6 of the size and JPEG 60. A graphic that reads as altered is a false
alarm; an alteration that does not is a miss. Rows go into a file, so that a stopped run goes on. Media:
HAECHI_BENCH_DATA, or ../shared/data; photographs are split by who or what they show.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from benchmarks.comparison import code_digest
from benchmarks.graphics import KINDS, FaceBox, Image, laid_over
from benchmarks.intervals import wilson
from benchmarks.sources import data_folder
from benchmarks.tampering import ALTERATIONS
from haechi.check.pair import compare_pair
from haechi.core.errors import HaechiError
from haechi.core.media.faces import FaceFinder
from haechi.core.settings import Settings

_AZURE: Final = "faces_identity/azure_face_samples"
LFW: Final = "faces_identity/lfw_deepfunneled"
_LABELME: Final = "copy_detection/threatexchange_pdq/reg-test-input/labelme-subset"
PHOTOGRAPHS: Final[dict[str, tuple[str, ...]]] = {
    "dev": (
        "copy_detection/kodak/04.png",
        "copy_detection/kodak/19.png",
        *(f"{_AZURE}/{name}.jpg" for name in ("detection1", "detection2", "detection3", "detection6")),
        *(f"{_AZURE}/{name}.jpg" for name in ("identification1", "Family3-Lady1", "Family3-Man1")),
        f"{_LABELME}/q1050.jpg",
        f"{LFW}/Junichiro_Koizumi/Junichiro_Koizumi_0001.jpg",
        f"{LFW}/Yoko_Ono/Yoko_Ono_0001.jpg",
    ),
    "test": (
        "copy_detection/kodak/15.png",
        "copy_detection/kodak/23.png",
        *(f"{_AZURE}/{name}.jpg" for name in ("detection4", "detection5", "test-image-person-group")),
        *(f"{_AZURE}/{name}.jpg" for name in ("Family2-Lady1", "Family2-Man2", "woman1-person-group")),
        "copy_detection/threatexchange_pdq/bridge-mods/aaa-orig.jpg",
        f"{_LABELME}/q0291.jpg",
        f"{LFW}/Roh_Moo-hyun/Roh_Moo-hyun_0001.jpg",
        f"{LFW}/Michelle_Kwan/Michelle_Kwan_0001.jpg",
    ),
}
CHAINS: Final[dict[str, tuple[float, int]]] = {"jpeg85": (1.0, 85), "s06_jpeg60": (0.6, 60)}
_PROCESSES: Final = 2


@dataclass(frozen=True, slots=True)
class Case:
    """One picture to make and compare: which photograph, what is done to it, how it is re-posted."""

    split: str
    photograph: str
    kind: str
    chain: str

    @property
    def name(self) -> str:
        """Unique, and what all that is drawn hangs on."""
        return f"{Path(self.photograph).stem}--{self.kind}--{self.chain}"

    @property
    def harmless(self) -> bool:
        """Whether the picture shows the same but for a graphic."""
        return self.kind not in ALTERATIONS


def plan(split: str, every: int = 1) -> Iterator[Case]:
    """All cases of a split; which chain a kind goes through is drawn by its name."""
    for part, photographs in PHOTOGRAPHS.items():
        for photograph in photographs if split in ("all", part) else ():
            for kind in (*KINDS, *ALTERATIONS):
                chosen = zlib.crc32(f"{photograph}--{kind}".encode())
                if chosen // 2 % every == 0:
                    yield Case(part, photograph, kind, tuple(CHAINS)[chosen % 2])


def make(case: Case, data: Path, models: Path) -> bytes | None:
    """The picture as JPEG, or None where the alteration would not show."""
    rng = np.random.default_rng(zlib.crc32(case.name.encode()))
    picture = _read(data / case.photograph)
    boxes = [face.box for face in FaceFinder(models).find(picture)]
    faces: list[FaceBox] = [(box.x, box.y, box.w, box.h) for box in boxes]
    if case.harmless:
        made: Image | None = laid_over(picture, case.kind, rng, faces)
    else:
        others = [each for each in PHOTOGRAPHS[case.split] if each != case.photograph]
        other = _read(data / others[int(rng.integers(0, len(others)))])
        made = ALTERATIONS[case.kind](picture, other, faces, rng)
    if made is None:
        return None
    factor, quality = CHAINS[case.chain]
    sent = cv2.resize(made, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor != 1 else made
    return cv2.imencode(".jpg", sent, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def compare(case: Case, data: Path) -> dict[str, Any] | None:
    """One row: the verdict, what differs, which edits were named; None where nothing was made."""
    settings = Settings()
    made = make(case, data, settings.models)
    if made is None:
        return None
    row: dict[str, Any] = {"name": case.name, "split": case.split, "kind": case.kind, "chain": case.chain}
    row |= {"photograph": case.photograph, "harmless": case.harmless}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "probe.jpg"
        path.write_bytes(made)
        try:
            report = compare_pair(path, data / case.photograph, settings, pictures=False)
        except HaechiError as error:
            return row | {"verdict": "error", "error": str(error)}
    row |= {"verdict": report.verdict.value, "edits": sorted({edit.kind for edit in report.edits})}
    changes = [
        (c.region.value, c.strength, None if c.box is None else [c.box.x, c.box.y, c.box.w, c.box.h])
        for c in report.changes
    ]
    return row | {"changes": changes}


def render(rows: Sequence[dict[str, Any]]) -> str:
    """False alarms by graphic, misses by alteration, each with its 95 % interval, as Markdown."""
    lines = ["| photographs | pictures | wrong | share |", "|---|---|---|---|"]
    for harmless, wrong in ((True, "false alarms"), (False, "misses")):
        for split in ("dev", "test"):
            part = [row for row in rows if row["harmless"] is harmless and row["split"] == split]
            lines.append(_line(f"{wrong}, {split}", part))
            lines += [
                _line(f"- {key}", [row for row in part if key in (row["kind"], row["chain"])])
                for key in sorted({row["kind"] for row in part}) + sorted({row["chain"] for row in part})
            ]
    return "\n".join(lines)


def is_wrong(row: dict[str, Any]) -> bool:
    """A graphic that is no authentic copy, or an alteration that is not told."""
    return bool(row["verdict"] != ("authentic_copy" if row["harmless"] else "altered"))


def _line(title: str, part: Sequence[dict[str, Any]]) -> str:
    wrong = sum(is_wrong(row) for row in part)
    low, high = wilson(wrong, len(part))
    share = wrong / max(1, len(part))
    return f"| {title} | {len(part)} | {wrong} | {100 * share:.1f} % ({100 * low:.1f}-{100 * high:.1f} %) |"


def _read(path: Path) -> Image:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise SystemExit(f"{path} does not read; is HAECHI_BENCH_DATA right?")
    return np.asarray(picture, np.uint8)


def _compare(job: tuple[Case, Path]) -> dict[str, Any] | None:
    return compare(*job)


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=("dev", "test", "all"), default="all")
    parser.add_argument("--every", type=int, default=1, help="only one case in so many, drawn by its name")
    parser.add_argument("--results", type=Path, help="file of rows to go on with, whatever the code")
    options = parser.parse_args()
    data = data_folder()
    if data is None:
        print("Photographs: nothing was measured, for lack of media. Set HAECHI_BENCH_DATA.")
        return
    cache = Path(os.environ.get("HAECHI_BENCH_CACHE", tempfile.gettempdir()))
    cache.mkdir(parents=True, exist_ok=True)
    results = options.results or cache / f"photographs-{code_digest()}.jsonl"
    lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
    rows = [json.loads(line) for line in lines if line.endswith("}")]
    known = {row["name"] for row in rows}
    cases = list(plan(options.split, options.every))
    todo = [(case, data) for case in cases if case.name not in known]
    with multiprocessing.get_context("spawn").Pool(_PROCESSES) as pool, results.open("a", encoding="utf-8") as file:
        for row in pool.imap(_compare, todo):
            if row is not None:
                rows.append(row)
                file.write(json.dumps(row) + "\n")
                file.flush()
    wanted = {case.name for case in cases}
    print(render([row for row in rows if row["name"] in wanted]))


if __name__ == "__main__":
    main()
