from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from benchmarks import comparison
from benchmarks.alter import KINDS
from benchmarks.intervals import auc, over_sources, wilson
from benchmarks.scoring import box_hits, judge, score_of, time_iou
from benchmarks.sources import films_in, find_sources
from benchmarks.tables import render

from haechi.core.records import Box, Change, Curve, Edit, Kind, Probe, Region, Report, Span, Verdict


def report(changes: Sequence[Change] = (), curves: Sequence[Curve] = (), edits: Sequence[Edit] = ()) -> Report:
    return Report(
        probe=Probe("p.mp4", "sha256:0", Kind.VIDEO, 4.0, 100, 100),
        verdict=Verdict.ALTERED if changes else Verdict.AUTHENTIC_COPY,
        decided_by="comparison",
        llr_log10=None,
        artists=(),
        release=None,
        changes=tuple(changes),
        edits=tuple(edits),
        findings=(),
        abstentions=(),
        would_change=(),
        software={},
        curves=tuple(curves),
    )


INSIDE = Box(45, 52, 6, 4)
WANTED = [{"region": "mouth", "accept": ["face"], "span": [1.0, 2.0], "box": [40, 50, 20, 10]}]


def change(start: float, end: float, box: Box | None = INSIDE, region: Region = Region.MOUTH) -> Change:
    return Change(region, Span(start, end), box, 12.0, {"threshold": 6.0})


def test_wilson_and_auc_match_known_values() -> None:
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-3)
    assert wilson(0, 0) == (0.0, 1.0)
    assert auc([3, 4, 5], [1, 2]) == 1.0
    assert auc([1, 2], [1, 2]) == 0.5
    assert math.isnan(auc([], [1]))


def test_interval_over_sources_contains_the_value() -> None:
    rows = [{"source": str(s), "x": s} for s in range(10) for _ in range(3)]
    low, high = over_sources(rows, lambda some: sum(r["x"] for r in some) / len(some))
    assert low < 4.5 < high


def test_time_iou_counts_only_the_matching_sense() -> None:
    assert time_iou(WANTED, (change(1.0, 2.0),), 4.0) == pytest.approx(1.0, abs=0.02)
    assert time_iou(WANTED, (change(1.5, 2.5),), 4.0) == pytest.approx(1 / 3, abs=0.02)
    assert time_iou(WANTED, (change(1.0, 2.0), change(3.0, 4.0, None, Region.VOICE)), 4.0) == pytest.approx(
        1.0, abs=0.02
    )


def test_box_centres() -> None:
    assert box_hits(WANTED, (change(1, 2), change(1, 2, Box(0, 0, 10, 10)), change(1, 2, None))) == [True, False]


def test_score_orders_changes_above_what_stays_below_the_threshold() -> None:
    quiet = Curve(Region.MOUTH, (0.0, 1.0), (3.0, 4.5), 6.0)
    assert score_of(report([change(1, 2)], [quiet])) == 2.0
    assert score_of(report((), [quiet])) == 0.75
    assert score_of(report((), [quiet], [Edit("overlay", {}, Span(0.8, 1.2), Box(0, 0, 5, 5))])) == 0.5
    assert score_of(report()) == 0.0


def test_tables_hold_every_number(tmp_path: Path) -> None:
    rows = []
    for number in range(6):
        benign = number % 2 == 0
        truth = {"regions": [] if benign else WANTED, "duration_s": 4.0}
        row = judge(truth, report([] if benign else [change(1, 2)]))
        row |= {"kind": "copy" if benign else "mouth_retimed", "chain": "crf23", "benign": benign, "split": "dev"}
        rows.append(row | {"source": str(number // 2), "seconds": 2.0, "duration_s": 4.0, "height": 720, "name": "x"})
    text = render(rows)
    assert "| crf23 | mouth_retimed | 3 | 1.000 [1.000, 1.000] | 3/3 = 1.000" in text
    assert "| copy | 3 | 0/3 = 0.000" in text
    assert "median 0.50" in text


def test_without_media_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("HAECHI_BENCH_DATA", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["comparison", "--quick"])
    comparison.main()
    assert "nothing was measured" in capsys.readouterr().out


def test_sources_are_split_by_person(tmp_path: Path) -> None:
    from benchmarks import sources

    for place in (*sources._DEV, *sources._TEST):
        (tmp_path / "video_real" / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "video_real" / place).touch()
    found = find_sources(tmp_path)
    people = {split: {s.person for s in found if s.split == split} for split in ("dev", "test")}
    assert people["dev"].isdisjoint(people["test"])
    assert len({s.name for s in found}) == len(found)


def test_films_of_a_folder_are_masters_each_by_itself(tmp_path: Path) -> None:
    for name in ("무대.mp4", "clip.MKV", "notes.txt"):
        (tmp_path / name).touch()
    assert [(one.name, one.person, one.split) for one in films_in(tmp_path)] == [
        ("film-clip", "clip", "test"),
        ("film-무대", "무대", "test"),
    ]


def test_quick_plan_is_small_and_full_plan_covers_all() -> None:
    names = [*comparison._QUICK_SOURCES, "x"]
    assert len(list(comparison.plan(names, quick=True))) == 6
    full = list(comparison.plan(["x"], quick=False))
    assert set(full[0][2]) == set(KINDS)
    assert {chain for _, chain, _ in full} == set(comparison.CHAINS)
