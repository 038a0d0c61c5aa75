"""Sound benchmark: how well voice changes are found, how seldom benign edits are taken for one, and how fast.

Usage: python -m benchmarks.sound [--quick] [--every N] [--only FORGERY] [--json FILE]
Data: `HAECHI_BENCH_DATA`, or ../shared/data beside the repository. Prints tables; says so when the data are
absent. A clip's score is its strongest change minus nothing: the greatest z / threshold over time; a clip
alarms when it has a change. AUC compares all forged clips with all benign clips of the same chain; intervals
are 95 %: bootstrap over masters for the AUC and the IoU, Wilson for rates.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import zlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.sound_cases import BENIGN, CHAINS, FORGERIES, RATE, Forgery, Master, Sound, masters
from haechi.check.compare.sound import compare_tracks
from haechi.core.records import Change, Comparison, Segment, Span


@dataclass(frozen=True, slots=True)
class Row:
    """One compared clip; `forgery` is None for a benign one, `iou` None when nothing was forged."""

    master: str
    group: str
    chain: str
    forgery: str | None
    score: float
    alarms: int
    iou: float | None
    aligned: bool
    seconds: float
    cost_s: float
    note: str


def data_folder() -> Path | None:
    """Where the media lie, or None."""
    given = os.environ.get("HAECHI_BENCH_DATA")
    folder = Path(given) if given else Path(__file__).resolve().parents[1].parent / "shared" / "data"
    return folder if (folder / "audio_real_fake").is_dir() else None


def compared(master: Master, probe: Sound, *, hinted: bool, seed: int) -> tuple[Comparison, float]:
    """Compare, with a hint as the pictures would give it (up to 0.2 s and 2e-4 wrong) or without."""
    rng = np.random.default_rng(seed)
    hint: tuple[Segment, ...] = ()
    if hinted:
        span = Span(0.0, len(probe) / RATE)
        hint = (Segment(span, float(rng.uniform(-0.2, 0.2)), 1.0 + float(rng.uniform(-2e-4, 2e-4)), False),)
    start = time.perf_counter()
    result = compare_tracks(probe, master.sound, hint)
    return result, time.perf_counter() - start


def score(result: Comparison) -> float:
    """Greatest strength over its threshold, over the whole clip."""
    best = max((change.strength for change in result.changes), default=0.0)
    curve = result.curves[0] if result.curves else None
    if curve is None or not curve.strength:
        return best
    return max(curve.strength) / curve.threshold if result.changes else min(max(curve.strength) / curve.threshold, 0.99)


def overlap(changes: tuple[Change, ...], truth: Forgery) -> float:
    """Time intersection over union of all changes with the true stretch."""
    inside = sum(max(0.0, min(c.span.end_s, truth.end_s) - max(c.span.start_s, truth.start_s)) for c in changes)
    union = truth.end_s - truth.start_s + sum(c.span.duration_s for c in changes) - inside
    return float(inside / union)


def measure(items: list[Master], *, quick: bool, only: str = "") -> list[Row]:
    """All clips: each master through each benign process, and each forgery through each chain."""
    rows: list[Row] = []
    for number, master in enumerate(items):
        for chain, process in BENIGN.items():
            rng = np.random.default_rng(zlib.crc32(f"{master.name}{chain}".encode()))
            hinted = number % 2 == 0 and chain in CHAINS
            rows.append(one(master, process(master.sound, rng), chain, None, None, hinted=hinted))
        for index, (chain, process) in enumerate(CHAINS.items()):
            for kind, (name, forge) in enumerate(FORGERIES.items()):
                if only not in name or (quick and (index + kind + number) % 4):
                    continue
                rng = np.random.default_rng(zlib.crc32(f"{master.name}{name}".encode()))
                forgery = forge(master, rng)
                if forgery is not None:
                    probe = process(forgery.sound, rng)
                    rows.append(one(master, probe, chain, name, forgery, hinted=(number + kind) % 2 == 0))
        print(f"\r{number + 1}/{len(items)} masters", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return rows


def one(master: Master, probe: Sound, chain: str, name: str | None, forgery: Forgery | None, *, hinted: bool) -> Row:
    """Compare one clip and note what came out."""
    result, cost = compared(master, probe, hinted=hinted, seed=len(probe))
    iou = None if forgery is None else overlap(result.changes, forgery)
    note = "; ".join(f"{c.detail['kind']} {c.span.start_s:.2f}-{c.span.end_s:.2f}" for c in result.changes)
    if forgery is not None:
        note += f" (truth {forgery.start_s:.2f}-{forgery.end_s:.2f})"
    aligned = bool(result.segments)
    if not aligned:
        note += " not aligned"
    return Row(
        master.name,
        master.group,
        chain,
        name,
        score(result),
        len(result.changes),
        iou,
        aligned,
        len(probe) / RATE,
        cost,
        note,
    )


def auc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Chance that a forged clip scores above a benign one; ties count half."""
    above = (positive[:, None] > negative[None]).mean() + 0.5 * (positive[:, None] == negative[None]).mean()
    return float(above)


def auc_interval(forged: list[Row], benign: list[Row]) -> tuple[float, float, float]:
    """AUC with its 95 % interval by bootstrap over masters."""
    names = sorted({row.master for row in forged})
    by_name = {
        n: ([r.score for r in forged if r.master == n], [r.score for r in benign if r.master == n]) for n in names
    }
    rng = np.random.default_rng(0)
    values = []
    for draw in range(201):
        chosen = names if draw == 0 else rng.choice(names, len(names)).tolist()
        positive = np.array([s for n in chosen for s in by_name[n][0]])
        negative = np.array([s for n in chosen for s in by_name[n][1]])
        values.append(auc(positive, negative) if len(positive) and len(negative) else 1.0)
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return values[0], float(low), float(high)


def wilson(hits: int, count: int) -> tuple[float, float]:
    """95 % interval of a rate."""
    z, rate = 1.96, hits / count
    middle = (rate + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * float(np.sqrt(rate * (1 - rate) / count + z * z / (4 * count * count)))
    return max(0.0, middle - half), min(1.0, middle + half)


def print_tables(rows: list[Row]) -> None:
    """The tables that docs/benchmarks.md keeps."""
    benign = [row for row in rows if row.forgery is None]
    forged = [row for row in rows if row.forgery is not None]
    print("| chain | forged clips | AUC [95 %] | found | time IoU mean / median |\n|---|---|---|---|---|")
    for chain in CHAINS:
        mine = [row for row in forged if row.chain == chain]
        print_line(chain, mine, [row for row in benign if row.chain == chain])
    print("\n| forgery | clips | AUC [95 %] | found | time IoU mean / median |\n|---|---|---|---|---|")
    for name in FORGERIES:
        print_line(name, [row for row in forged if row.forgery == name], [r for r in benign if r.chain in CHAINS])
    print_line("all", forged, [row for row in benign if row.chain in CHAINS])
    print("\n| benign edit | clips | aligned | false alarms [95 %] |\n|---|---|---|---|")
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in benign:
        groups[row.chain].append(row)
        groups["all"].append(row)
    for chain, mine in groups.items():
        alarms = sum(row.alarms > 0 for row in mine)
        low, high = wilson(alarms, len(mine))
        print(f"| {chain} | {len(mine)} | {sum(r.aligned for r in mine)} | {alarms} [{low:.1%}, {high:.1%}] |")
    cost = sum(row.cost_s for row in rows) / sum(row.seconds for row in rows)
    print(f"\nCost without decoding: {cost:.4f} x duration; {len(rows)} clips, {sum(r.seconds for r in rows):.0f} s.")


def print_line(name: str, forged: list[Row], benign: list[Row]) -> None:
    """One line of a forgery table."""
    if not forged:
        return
    value, low, high = auc_interval(forged, benign)
    ious = np.array([row.iou for row in forged])
    found = float((ious > 0.1).mean())
    print(
        f"| {name} | {len(forged)} | {value:.4f} [{low:.4f}, {high:.4f}] | {found:.1%} "
        f"| {ious.mean():.3f} / {np.median(ious):.3f} |"
    )


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a third of the masters, a quarter of the forgeries")
    parser.add_argument("--only", default="", help="only forgeries whose name contains this")
    parser.add_argument("--every", type=int, default=1, help="take every Nth master")
    parser.add_argument("--json", type=Path, help="write every row here")
    parser.add_argument("--verbose", action="store_true", help="list false alarms and misses")
    options = parser.parse_args()
    folder = data_folder()
    if folder is None:
        print("sound benchmark: no data; set HAECHI_BENCH_DATA to the folder that holds audio_real_fake")
        return 0
    items = masters(folder)
    items = items[:: 3 if options.quick else options.every]
    rows = measure(items, quick=options.quick, only=options.only)
    print_tables(rows)
    if options.verbose:
        for row in rows:
            if (row.forgery is None and (row.alarms or not row.aligned)) or (row.iou is not None and row.iou < 0.6):
                print(f"{row.master:18} {row.chain:28} {row.forgery!s:22} {row.score:6.2f} {row.note}")
    if options.json:
        options.json.write_text(json.dumps([{n: getattr(r, n) for n in Row.__slots__} for r in rows], indent=0))
    return 0


if __name__ == "__main__":
    sys.exit(main())
