"""The comparison benchmark: copies, harmless edits and alterations of real masters through five chains.

    python -m benchmarks.comparison [--quick] [--split dev|test|all] [--every N] [--films FOLDER] [--table FILE]

Clips are made by `benchmarks.alter` into a cache (HAECHI_BENCH_CACHE, else a folder in the temporary directory) and
compared with their whole master by `haechi.check.check.compare_pair`. Results go into a file named after the code under
test, so that a stopped run goes on and a changed program starts anew. Media: HAECHI_BENCH_DATA, or ../shared/data.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import haechi
from benchmarks.alter import ALTERATIONS, BENIGN, make_source
from benchmarks.chains import CHAINS
from benchmarks.scoring import compare_clip
from benchmarks.sources import Source, data_folder, films_in, find_sources, folder
from benchmarks.tables import render
from haechi.core.settings import Settings

_PROCESSES = 2
_QUICK_S = 150.0
_QUICK_SOURCES = ("grid-bbaf2n", "mead_dream-M030_front_angry_lev", "liveportra-d20")
_QUICK_KINDS = (
    "copy",
    "mouth_retimed",
    "captions",
    "face_blur",
    "scale",
    "eyes_retimed",
    "mirror",
    "voice_replaced",
    "beauty",
)
_QUICK_CHAINS = ("crf23", "p240_crf33")
_PLAIN = tuple(kind for kind in ALTERATIONS if "+" not in kind)
# Through the lossier chains every alteration goes, but only these of the harmless edits.
_BENIGN_EVERYWHERE = (
    "copy",
    "captions",
    "stickers",
    "beauty",
    "speed",
    "blurred_fill",
    "filter_warm",
    "picture_in_picture",
)


@dataclass(frozen=True, slots=True)
class Job:
    """All clips of one source in one chain."""

    source: Source
    sources: tuple[Source, ...]
    chain: str
    kinds: tuple[str, ...]
    cache: Path
    done: frozenset[str]
    deadline: float


def plan(names: list[str], *, quick: bool, every: int = 1) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Which source goes through which chain with which kinds, the most telling first."""
    if quick:
        for sent in _QUICK_CHAINS:
            yield from ((name, sent, _QUICK_KINDS) for name in _QUICK_SOURCES if name in names)
        return
    for sent in CHAINS:
        kinds = tuple(BENIGN | ALTERATIONS) if sent == "crf23" else (*_BENIGN_EVERYWHERE, *_PLAIN)
        for name in names:
            drawn = [kind for kind in kinds if zlib.crc32(f"{name}--{kind}--{sent}".encode()) % every == 0]
            yield name, sent, tuple(drawn)


def run_job(job: Job) -> list[dict[str, Any]]:
    """Make what is missing and compare what has no result yet, until the deadline."""
    clips = {kind: f"{job.source.name}--{kind}--{job.chain}" for kind in job.kinds}
    left = [name for name in clips.values() if name not in job.done]
    # A master is read once for all of its clips, and each is compared as soon as it is there.
    missing = [kind for kind, name in clips.items() if name in left and not (job.cache / f"{name}.json").exists()]
    made = make_source(job.source, job.sources, job.cache, missing, [job.chain]) if missing else ()
    settings, rows = Settings(), list[dict[str, Any]]()
    for _ in chain(("those that are there",), made):
        for name in [one for one in left if (job.cache / f"{one}.json").exists()]:
            if time.time() > job.deadline:
                return rows
            left.remove(name)
            truth = json.loads((job.cache / f"{name}.json").read_text(encoding="utf-8"))
            rows.append(compare_clip(job.cache, truth, settings))
    return rows


def run(options: argparse.Namespace, data: Path, sources: tuple[Source, ...]) -> list[dict[str, Any]]:
    """Run all jobs, two at a time; returns the rows of this and of earlier runs of the same code."""
    # Clips know where their masters lie: other data, other clips.
    of_data = hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:8]
    cache = Path(os.environ.get("HAECHI_BENCH_CACHE", str(Path(tempfile.gettempdir()) / f"haechi-bench-{of_data}")))
    cache.mkdir(parents=True, exist_ok=True)
    results = options.results or cache / f"results-{code_digest()}.jsonl"
    rows = _known(results)
    done = frozenset(str(row["name"]) for row in rows)
    deadline = time.time() + (_QUICK_S if options.quick else options.limit_s)
    named = {source.name: source for source in sources if options.split in ("all", source.split)}
    jobs = [
        Job(named[name], sources, sent, kinds, cache, done, deadline)
        for name, sent, kinds in plan(list(named), quick=options.quick, every=options.every)
    ]
    with multiprocessing.get_context("spawn").Pool(_PROCESSES) as pool, results.open("a", encoding="utf-8") as file:
        for index, new in enumerate(pool.imap(run_job, jobs), start=1):
            rows.extend(new)
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in new)
            file.flush()
            print(f"{index}/{len(jobs)} jobs, {len(rows)} clips", flush=True)
    return rows


def code_digest() -> str:
    """Digest of the program under test: all of its Python files."""
    digest = hashlib.sha256()
    for path in sorted(Path(haechi.__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _known(results: Path) -> list[dict[str, Any]]:
    if not results.exists():
        return []
    return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines() if line.endswith("}")]


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="at most three minutes; says what it covered")
    parser.add_argument("--split", choices=("dev", "test", "all"), default="all")
    parser.add_argument("--every", type=int, default=1, help="only one clip in so many, drawn by its name")
    parser.add_argument("--films", type=folder, help="take the films of this folder as masters, whatever they show")
    parser.add_argument("--table", type=Path, help="write the tables as Markdown")
    parser.add_argument("--results", type=Path, help="file of results to go on with, whatever the code")
    parser.add_argument("--limit-s", type=float, default=86_400.0, help="stop after this many seconds")
    options = parser.parse_args()
    data = options.films or data_folder()
    if data is None:
        print("Comparison: nothing was measured, for lack of media. Set HAECHI_BENCH_DATA to the folder of video_real.")
        return
    sources = tuple(films_in(data) if options.films else find_sources(data))
    if len(sources) < 2:
        print(f"Comparison: nothing was measured. {data} holds fewer than two films.")
        return
    rows = run(options, data, sources)
    text = render(rows)
    print(text)
    if options.quick:
        chains, kinds = sorted({r["chain"] for r in rows}), sorted({r["kind"] for r in rows})
        print(
            f"Quick run: {len(rows)} clips of {len({r['source'] for r in rows})} masters; chains {', '.join(chains)}; "
            f"kinds {', '.join(kinds)}."
        )
    if options.table:
        options.table.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
