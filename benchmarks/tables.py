"""Rows of the comparison benchmark as tables in Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.chains import CHAINS
from benchmarks.intervals import auc, over_sources, wilson

Row = dict[str, Any]

# Neither a harmless edit nor a change of ours: it must be named.
FOREIGN_SOUND = "audio_foreign"


def render(rows: Sequence[Row]) -> str:
    """All tables, for the development and the test sources."""
    parts = []
    for split in ("dev", "test"):
        mine = [row for row in rows if row["split"] == split]
        if mine:
            sources = len({row["source"] for row in mine})
            parts += [f"### {split} sources ({sources} masters, {len(mine)} clips)", *_sections(mine)]
    return "\n\n".join(parts) + "\n"


def _sections(every: Sequence[Row]) -> list[str]:
    rows = [row for row in every if row["kind"] != FOREIGN_SOUND]
    return [
        "**Alterations**, against all benign clips of the same chain",
        _detection(rows),
        "**False alarms** on copies and harmless edits",
        _false_alarms(rows),
        "**Where and when**, detected clips",
        _places(rows),
        "**Verdicts**",
        _verdicts(rows),
        _foreign_sound([row for row in every if row["kind"] == FOREIGN_SOUND]),
        _speed(rows),
        _wrong(rows),
    ]


def _foreign_sound(rows: Sequence[Row]) -> str:
    named = sum("audio_replaced" in row["edits"] for row in rows)
    altered = sum(row["verdict"] == "altered" for row in rows)
    of = f"of {len(rows)} clips"
    return f"**Our pictures under another's speech**: named so in {named} {of}, called altered in {altered}."


def _detection(rows: Sequence[Row]) -> str:
    lines = ["| chain | alteration | clips | AUC [95 %] | detected at the threshold [95 %] |", "|---|---|---|---|---|"]
    for chain in [c for c in CHAINS if any(r["chain"] == c for r in rows)]:
        of_chain = [row for row in rows if row["chain"] == chain]
        benign = [row for row in of_chain if row["benign"]]
        altered = [row for row in of_chain if not row["benign"]]
        for kind in ["all", *dict.fromkeys(sorted(str(row["kind"]) for row in altered))]:
            some = altered if kind == "all" else [row for row in altered if row["kind"] == kind]
            if not some:
                continue
            low, high = over_sources([*benign, *some], _auc_of)
            hits = sum(row["verdict"] == "altered" for row in some)
            area = f"{_auc_of([*benign, *some]):.3f} [{low:.3f}, {high:.3f}]"
            lines.append(f"| {chain} | {kind} | {len(some)} | {area} | {_rate(hits, len(some))} |")
    return "\n".join(lines)


def _auc_of(rows: Sequence[Row]) -> float:
    return auc([r["score"] for r in rows if not r["benign"]], [r["score"] for r in rows if r["benign"]])


def _false_alarms(rows: Sequence[Row]) -> str:
    lines = ["| edit | clips | called altered [95 %] | other than authentic_copy |", "|---|---|---|---|"]
    benign = [row for row in rows if row["benign"]]
    for kind in ["all", *sorted({str(row["kind"]) for row in benign})]:
        some = benign if kind == "all" else [row for row in benign if row["kind"] == kind]
        alarms = sum(row["verdict"] == "altered" for row in some)
        others = Counter(row["verdict"] for row in some if row["verdict"] not in ("altered", "authentic_copy"))
        told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(others.items())) or "0"
        lines.append(f"| {kind} | {len(some)} | {_rate(alarms, len(some))} | {told} |")
    return "\n".join(lines)


def _places(rows: Sequence[Row]) -> str:
    head = "| chain | clips | time IoU, mean [95 %] | IoU >= 0.85 | box centre inside [95 %] | right region named |"
    lines = [head, "|---|---|---|---|---|---|"]
    found = [row for row in rows if not row["benign"] and row.get("changes")]
    for chain in ["all", *CHAINS]:
        some = [row for row in found if chain in ("all", row["chain"])]
        if not some:
            continue
        low, high = over_sources(some, _mean_iou)
        boxes = [hit for row in some for hit in row.get("boxes", [])]
        good = sum(row["iou"] >= 0.85 for row in some)
        named = sum(bool(row["right_region"]) for row in some)
        iou = f"{_mean_iou(some):.3f} [{low:.3f}, {high:.3f}]"
        share = _rate(sum(boxes), len(boxes))
        lines.append(
            f"| {chain} | {len(some)} | {iou} | {_rate(good, len(some))} | {share} | {_rate(named, len(some))} |"
        )
    return "\n".join(lines)


def _mean_iou(rows: Sequence[Row]) -> float:
    values = [row["iou"] for row in rows]
    return float(np.mean(values)) if values else float("nan")


def _verdicts(rows: Sequence[Row]) -> str:
    names = sorted({str(row["verdict"]) for row in rows})
    lines = ["| truth | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for truth, benign in (("benign", True), ("altered", False)):
        counts = Counter(row["verdict"] for row in rows if row["benign"] is benign)
        lines.append(f"| {truth} | " + " | ".join(str(counts[name]) for name in names) + " |")
    return "\n".join(lines)


def _speed(rows: Sequence[Row]) -> str:
    timed = [row for row in rows if row.get("seconds")]
    if not timed:
        return "**Speed**: nothing timed."
    ratio = np.array([row["seconds"] / row["duration_s"] for row in timed])
    big = ratio[[row["height"] >= 700 for row in timed]]
    middle, high = np.median(ratio), np.quantile(ratio, 0.95)
    text = f"**Speed**, compare time / clip duration: median {middle:.2f}, 95th percentile {high:.2f}"
    return text + (f"; 700 rows and more: median {np.median(big):.2f} ({len(big)} clips)." if big.size else ".")


def _wrong(rows: Sequence[Row]) -> str:
    """Names of the clips that were judged wrongly, to look into."""
    alarms = [str(row["name"]) for row in rows if row["benign"] and row["verdict"] == "altered"]
    missed = [str(row["name"]) for row in rows if not row["benign"] and row["verdict"] != "altered"]
    parts = (
        f"{title}: {', '.join(sorted(names)) or 'none'}."
        for title, names in (("False alarms", alarms), ("Missed", missed))
    )
    return "\n\n".join(parts)


def _rate(hits: int, total: int) -> str:
    if total == 0:
        return "-"
    low, high = wilson(hits, total)
    return f"{hits}/{total} = {hits / total:.3f} [{low:.3f}, {high:.3f}]"
