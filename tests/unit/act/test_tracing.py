from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from accounts import DESK, evidence_of
from haechi.act.case import change_lane, open_case
from haechi.act.spread import add_sighting, impact
from haechi.act.tracing import trace
from haechi.core.evidence import Case, Exhibit, Lane, Part, Sighting
from haechi.core.recognition import FIRST, Recognition
from haechi.core.store.evidence import Evidence

DIGEST = "sha256:" + "1" * 64


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return evidence_of(tmp_path)


def found(evidence: Evidence, case: Case, name: str, at: str, item: str = "", **more: str) -> str:
    """An exhibit as it would come in, at an address of its own."""
    told = {"url": f"https://x.com/{name}", "account": "a", "state": "there", "digest": DIGEST, "posted": ""} | more
    parts = (Part("original.mp4", "evidentiary", "video/mp4", 1, told["digest"]),)
    exhibit = Exhibit(
        f"E-{name}",
        case.id,
        case.lane,
        told["url"],
        told["posted"],
        told["account"],
        "X",
        "http",
        "",
        f"2026-11-{at}:00:00+00:00",
        "desk",
        parts,
        {"state": told["state"]},
    )
    link = Recognition(exhibit.id, case.id, item or exhibit.id, FIRST if not item else "pdq", item)
    evidence.change(lambda change: (change.put(exhibit, "exhibit.add"), change.put(link, "exhibit.recognise")))
    return exhibit.id


def test_an_item_is_followed_over_all_cases_by_what_its_media_show(evidence: Evidence) -> None:
    one, two = (open_case(evidence, DESK, title, "하늘") for title in ("one", "two"))
    first = found(evidence, one, "first", "20T10", posted="2026-11-19T09:00:00+09:00")
    again = found(evidence, two, "again", "21T10", item=first, account="b", digest="sha256:" + "2" * 64)
    found(evidence, two, "other", "21T11", account="b", digest="sha256:" + "3" * 64)
    found(evidence, two, "gone", "22T10", url="https://x.com/first", state="gone", digest="sha256:" + "4" * 64)
    noted = Sighting("", "", again, "https://y.com/1", "Y", "c", "", "2026-11-23T10:00:00+00:00", "up", {"views": 7})
    add_sighting(evidence, DESK, two.id, noted)
    for asked in (first, again, DIGEST, "sha256:" + "2" * 64):
        traced = trace(evidence, asked)
        assert (traced.item, traced.exhibits) == (first, (first, again))
        assert [one.id for one in traced.links] == [first, again]
    sheet = impact(traced.sightings, traced.item)
    assert [place.first.url for place in sheet.places] == [
        "https://x.com/first",
        "https://x.com/again",
        "https://y.com/1",
    ]
    assert (sheet.up, sheet.removed, sheet.reuploads) == (2, 1, ["https://y.com/1"])
    assert sheet.hours_to_removal == [48.0]
    assert sheet.accounts == {"a": 1, "b": 1, "c": 1}
    assert sheet.reach == {"views": 7}
    assert traced.known_sources == {"b (X)": 1}


def test_what_is_up_after_it_was_gone_came_back_and_each_removal_has_its_hours(evidence: Evidence) -> None:
    case = open_case(evidence, DESK, "t", "하늘")
    item = found(evidence, case, "v", "20T10")
    for number, (at, state) in enumerate((("21T10", "gone"), ("22T10", "there"), ("22T12", "gone"))):
        found(evidence, case, f"v{number}", at, item=item, url="https://x.com/v", state=state)
    traced = trace(evidence, item)
    assert [one.state for one in traced.sightings] == ["up", "removed", "reappeared", "removed"]
    sheet = impact(traced.sightings, traced.item)
    assert (sheet.hours_to_removal, sheet.reappeared, sheet.removed, sheet.reuploads) == ([24.0, 2.0], 1, 1, [])


@pytest.mark.parametrize("state", ["error", "empty"])
def test_an_answer_that_says_neither_up_nor_removed_is_no_sighting(evidence: Evidence, state: str) -> None:
    case = open_case(evidence, DESK, "t", "하늘")
    item = found(evidence, case, "v", "20T10")
    for number, (at, answer) in enumerate((("21T10", "gone"), ("22T10", state), ("23T10", "cut off"))):
        found(evidence, case, f"v{number}", at, item=item, url="https://x.com/v", state=answer)
    found(evidence, case, "other", "23T11", state=state, digest="sha256:" + "3" * 64)
    traced = trace(evidence, item)
    assert [(one.state, one.seen_at[8:13]) for one in traced.sightings] == [
        ("up", "20T10"),
        ("removed", "21T10"),
        ("reappeared", "23T10"),
    ]
    assert traced.known_sources == {}


def test_a_file_that_was_handed_in_was_up_where_it_was_found(evidence: Evidence) -> None:
    case = open_case(evidence, DESK, "t", "하늘")
    item = found(evidence, case, "v", "20T10")
    exhibit = evidence.get(Exhibit, item)
    handed = replace(exhibit, id="E-file", url="https://x.com/file", added_at="2026-11-21T10:00:00+00:00", facts={})
    evidence.change(lambda change: change.put(handed, "exhibit.add"))
    evidence.change(lambda change: change.put(Recognition("E-file", case.id, item, FIRST), "exhibit.recognise"))
    assert [one.state for one in trace(evidence, item).sightings] == ["up", "up"]


def test_a_capture_with_its_sighting_counts_once(evidence: Evidence) -> None:
    case = open_case(evidence, DESK, "t", "하늘")
    item = found(evidence, case, "v", "20T10")
    same = Sighting("", "", item, "https://x.com/v", "X", "a", "", "2026-11-20T10:00:00+00:00", "up", {"views": 3})
    add_sighting(evidence, DESK, case.id, same)
    assert [one.reach for one in trace(evidence, item).sightings] == [{"views": 3}]


def test_minors_are_told_nowhere_and_unknown_items_by_their_name_alone(evidence: Evidence) -> None:
    case, minor = (open_case(evidence, DESK, title, "하늘") for title in ("t", "m"))
    item = found(evidence, case, "v", "20T10")
    found(evidence, minor, "w", "21T10", item=item)
    change_lane(evidence, DESK, minor.id, Lane.MINOR, "age unknown")
    assert trace(evidence, item).exhibits == (item,)
    add_sighting(evidence, DESK, case.id, Sighting("", "", "B-1", "https://z.com", "", "", "", ""))
    traced = trace(evidence, "B-1")
    assert (traced.item, traced.exhibits, [one.url for one in traced.sightings]) == ("B-1", (), ["https://z.com"])
    assert trace(evidence, "sha256:" + "9" * 64).sightings == ()
