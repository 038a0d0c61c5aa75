"""One row per clip: what the comparison said, held against the truth.

`score` orders clips for the ROC curve: the strength of the strongest change over its threshold when there is one
(>= 1), else the greatest sub-threshold strength over the threshold (< 1), outside what was explained as an edit.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from haechi.check.pair import compare_pair
from haechi.core.errors import HaechiError
from haechi.core.records import Change, Edit, Region, Report
from haechi.core.settings import Settings

_STEP_S = 0.01


def compare_clip(folder: Path, truth: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Run the comparison on one clip and judge it; an error of the comparison is a row too."""
    row: dict[str, Any] = {k: truth[k] for k in ("kind", "chain", "benign", "split", "duration_s")}
    row |= {"name": Path(truth["probe"]).stem, "source": truth["source_id"], "width": truth["width"]}
    row |= {"height": truth["height"]}
    began = time.perf_counter()
    try:
        report = compare_pair(folder / truth["probe"], Path(truth["master"]), settings, pictures=False)
    except HaechiError as error:
        return row | {"error": str(error), "verdict": "error", "score": 0.0, "changes": [], "edits": []}
    row["seconds"] = round(time.perf_counter() - began, 3)
    return row | judge(truth, report)


def judge(truth: dict[str, Any], report: Report) -> dict[str, Any]:
    """Score, verdict, time IoU and box hits of one report."""
    wanted = truth["regions"]
    judged: dict[str, Any] = {
        "verdict": report.verdict.value,
        "score": round(score_of(report), 4),
        "changes": [_change_json(change) for change in report.changes],
        "edits": sorted({edit.kind for edit in report.edits}),
        "abstentions": [a.name for a in report.abstentions],
        "aligned": bool(report.release and report.release.segments),
    }
    if wanted and report.changes:
        judged["iou"] = round(time_iou(wanted, report.changes, float(truth["duration_s"])), 4)
        judged["boxes"] = box_hits(wanted, report.changes)
        judged["right_region"] = any(c.region.value in _names(r) for r in wanted for c in report.changes)
    return judged


def score_of(report: Report) -> float:
    """Greatest strength over its threshold; see the module."""
    limits = {curve.region: curve.threshold for curve in report.curves}
    strong = [c.strength / float(c.detail.get("threshold", limits.get(c.region, 1.0))) for c in report.changes]
    if strong:
        return max(1.0, *strong)
    below = [
        strength / curve.threshold
        for curve in report.curves
        for moment, strength in zip(curve.times_s, curve.strength, strict=True)
        if curve.threshold > 0 and not any(_explains(edit, curve.region, moment) for edit in report.edits)
    ]
    return min(0.999, max(below, default=0.0))


def time_iou(wanted: list[dict[str, Any]], changes: tuple[Change, ...], duration_s: float) -> float:
    """Intersection over union of altered and detected time; sound counts only against sound."""
    heard = any(region["region"] == "voice" for region in wanted)
    grid = np.arange(0.0, duration_s + _STEP_S, _STEP_S)
    true, said = np.zeros(len(grid), bool), np.zeros(len(grid), bool)
    for region in wanted:
        true |= (grid >= region["span"][0]) & (grid < region["span"][1])
    for change in changes:
        if (change.region is Region.VOICE) == heard:
            said |= (grid >= change.span.start_s) & (grid < change.span.end_s)
    return float((true & said).sum() / max(1, (true | said).sum()))


def box_hits(wanted: list[dict[str, Any]], changes: tuple[Change, ...]) -> list[bool]:
    """For each detected box: does its centre lie inside an altered region (over its whole span)?"""
    hits = []
    for change in changes:
        if change.box is None:
            continue
        x, y = change.box.x + change.box.w / 2, change.box.y + change.box.h / 2
        inside = (_inside(region["box"], x, y) for region in wanted if region["box"] is not None)
        hits.append(any(inside))
    return hits


def _inside(box: list[float], x: float, y: float) -> bool:
    left, top, width, height = box
    return bool(left <= x <= left + width and top <= y <= top + height)


def _names(region: dict[str, Any]) -> set[str]:
    return {region["region"], *region["accept"]}


def _explains(edit: Edit, region: Region | None, moment: float) -> bool:
    """Whether an edit accounts for a strength: one with a place does; another speed or coding of the sound does not."""
    if edit.span is None or edit.box is None or region is Region.VOICE:
        return False
    return edit.span.start_s - 0.5 <= moment <= edit.span.end_s + 0.5


def _change_json(change: Change) -> dict[str, Any]:
    box = change.box
    return {
        "region": change.region.value,
        "span": [change.span.start_s, change.span.end_s],
        "box": None if box is None else [box.x, box.y, box.w, box.h],
        "strength": change.strength,
    }
