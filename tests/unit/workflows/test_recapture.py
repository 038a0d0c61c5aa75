from __future__ import annotations

import fcntl
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from accounts import AUDITOR, DESK, evidence_of
from haechi.act.case import close_case, open_case
from haechi.act.spread import impact
from haechi.core.errors import InputError, PolicyError
from haechi.core.evidence import Exhibit, Lane, Schedule, Sighting
from haechi.core.fetch import Client, Guard
from haechi.core.people import alone
from haechi.core.settings import Settings
from haechi.core.store.evidence import Evidence
from haechi.preserve.bundle.examine import examine_bundle
from haechi.preserve.bundle.write import write_bundle
from haechi.preserve.capture import capture
from haechi.preserve.custody import Intent
from haechi.preserve.facts import Found
from haechi.workflows.lanes import move_to_lane
from haechi.workflows.recapture import Means, add_schedule, end_of, interval, remove_schedule, run_due
from web_server import Site, serving

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Changing(Site):
    """A page that goes away when told to."""

    status = 200

    def answer_page(self) -> None:
        self.send(b"<p>here" if self.status == 200 else b"", self.status)


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return evidence_of(tmp_path / "home")


@pytest.fixture
def site() -> Iterator[tuple[str, type[Changing], Guard]]:
    with serving(handler=Changing) as served:
        yield served  # type: ignore[misc]


@pytest.fixture
def schedule(evidence: Evidence, site: Any) -> Schedule:
    """Daily for a week, beginning tomorrow at noon."""
    case = open_case(evidence, DESK, "t", "하늘")
    intent = Intent(Found(f"{site[0]}/page", "", "someone"), "http", authority="contract")
    first = capture(evidence, DESK, case.id, intent, [], Client(site[2]))
    return add_schedule(evidence, DESK, first, DAY, NOW + 7 * DAY, NOW, plain=True)


def run(evidence: Evidence, site: Any, now: datetime) -> list[Any]:
    return list(run_due(evidence, DESK, Means(Client(site[2]), []), now))


def test_due_addresses_become_exhibits_and_sightings_of_one_item(
    evidence: Evidence, site: Any, schedule: Schedule
) -> None:
    assert run(evidence, site, NOW + DAY - timedelta(seconds=1)) == []
    (first,) = run(evidence, site, NOW + DAY)
    assert (first.state, first.schedule.next_at, first.schedule.made) == ("there", "2026-11-24T12:00:00+00:00", 1)
    exhibit = evidence.get(Exhibit, first.exhibit)
    settings = exhibit.facts["settings"]
    assert (settings["schedule"], settings["due"]) == (schedule.id, "2026-11-23T12:00:00+00:00")
    assert (settings["item"], exhibit.account, exhibit.facts["authority"]) == (schedule.item, "someone", "contract")
    assert run(evidence, site, NOW + DAY) == []
    site[1].status = 410
    (second,) = run(evidence, site, NOW + 2 * DAY)
    assert second.state == "gone"
    found = impact(evidence.all(Sighting, schedule.parent), schedule.item)
    assert (found.up, found.removed, len(found.hours_to_removal)) == (0, 1, 1)
    assert [one.state for one in evidence.all(Sighting)] == ["up", "up", "removed"]
    site[1].status = 200
    run(evidence, site, NOW + 3 * DAY)
    assert evidence.all(Sighting)[-1].state == "reappeared"
    assert evidence.audit().faults == ()


def test_missed_dates_are_made_once_and_the_schedule_ends(evidence: Evidence, site: Any, schedule: Schedule) -> None:
    (late,) = run(evidence, site, NOW + 4.5 * DAY)
    assert (late.schedule.next_at, late.schedule.made) == ("2026-11-27T12:00:00+00:00", 1)
    assert run(evidence, site, NOW + 4.6 * DAY) == []
    (last,) = run(evidence, site, NOW + 30 * DAY)
    assert (last.schedule.ended, last.schedule.made) == ("its last day has passed", 2)
    assert run(evidence, site, NOW + 60 * DAY) == []
    assert len(evidence.all(Exhibit)) == 3


def test_what_was_captured_before_a_kill_is_not_captured_again(
    evidence: Evidence, site: Any, schedule: Schedule
) -> None:
    settings = {"schedule": schedule.id, "due": schedule.next_at, "item": schedule.item}
    intent = Intent(Found(schedule.url), "http", settings=settings)
    kept = capture(evidence, DESK, schedule.parent, intent, [], Client(site[2]))
    (one,) = run(evidence, site, NOW + DAY)
    assert (one.exhibit, one.schedule.made, len(evidence.all(Exhibit))) == (kept.id, 1, 2)


def test_silence_stays_due_and_refusals_wait_for_the_next_date(
    evidence: Evidence, site: Any, schedule: Schedule
) -> None:
    nowhere = Means(Client(Guard(site[2].allowed, lambda *_: [])), [])
    for _ in range(2):
        (silent,) = run_due(evidence, DESK, nowhere, NOW + DAY)
        assert (silent.exhibit, silent.schedule.next_at) == ("", schedule.next_at)
        assert "no address" in silent.state
    (refused,) = run_due(evidence, DESK, Means(Client(Guard()), []), NOW + DAY)
    assert "not a public address" in refused.state
    assert refused.schedule.next_at == "2026-11-24T12:00:00+00:00"
    acts = [one.act for one in evidence.history(schedule.id)]
    assert acts == ["schedule.add", "schedule.failed", "schedule.failed", "schedule.refused"]


def test_stricter_lanes_and_closed_cases_end_it(evidence: Evidence, site: Any, schedule: Schedule) -> None:
    asked = len(site[1].seen)
    move_to_lane(evidence, DESK, schedule.parent, Lane.SEXUAL, "nudity")
    (one,) = run(evidence, site, NOW + DAY)
    assert (one.exhibit, len(site[1].seen)) == ("", asked)
    assert "lane sexual" in one.schedule.ended
    assert run(evidence, site, NOW + 2 * DAY) == []
    first = evidence.all(Exhibit)[0]
    with pytest.raises(PolicyError, match=r"rule 4.*law: 성폭력처벌법.*lane sexual"):
        add_schedule(evidence, DESK, first, DAY, NOW + DAY, NOW, plain=True)
    with pytest.raises(InputError, match="has ended"):
        remove_schedule(evidence, DESK, schedule.id, "why")


def test_schedules_are_ended_by_people_with_a_reason(evidence: Evidence, site: Any, schedule: Schedule) -> None:
    with pytest.raises(InputError, match="reason"):
        remove_schedule(evidence, DESK, schedule.id, " ")
    with pytest.raises(PolicyError):
        remove_schedule(evidence, AUDITOR, schedule.id, "why")
    with pytest.raises(PolicyError):
        list(run_due(evidence, AUDITOR, Means(Client(), []), NOW))
    assert remove_schedule(evidence, DESK, schedule.id, "settled").ended == "settled"
    assert run(evidence, site, NOW + DAY) == []
    close_case(evidence, alone(), schedule.parent, "done")
    first = evidence.all(Exhibit)[0]
    with pytest.raises(InputError, match="closed"):
        add_schedule(evidence, DESK, first, DAY, NOW + DAY, NOW, plain=True)


def test_two_runs_at_once_do_not_capture_twice(evidence: Evidence, site: Any, schedule: Schedule) -> None:
    with (evidence.home / "schedule.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="another run"):
            run(evidence, site, NOW + DAY)
    assert len(run(evidence, site, NOW + DAY)) == 1


def test_intervals_and_ends() -> None:
    assert [interval(text) for text in ("1h", "6h", "1d", "2w")] == [
        timedelta(hours=1),
        timedelta(hours=6),
        DAY,
        timedelta(weeks=2),
    ]
    for wrong in ("", "0d", "1m", "d", "1.5d", "-1d", "99999h"):
        with pytest.raises(InputError):
            interval(wrong)
    assert end_of("2026-12-31") == datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert end_of("2026-12-31T09:00+09:00") == datetime(2026, 12, 31, tzinfo=UTC)
    for wrong in ("", "tomorrow", "2026-12-31T09:00"):
        with pytest.raises(InputError):
            end_of(wrong)


def test_bundle_tells_of_the_schedule(evidence: Evidence, site: Any, schedule: Schedule, tmp_path: Path) -> None:
    run(evidence, site, NOW + DAY)
    write_bundle(evidence, alone(), schedule.parent, tmp_path / "case.zip", fonts=Settings().models)
    assert examine_bundle(tmp_path / "case.zip").faults == ()
    with zipfile.ZipFile(tmp_path / "case.zip") as archive:
        records = archive.read("ledger/records.jsonl").decode()
    assert records.count('"kind": "schedule"') + records.count('"kind":"schedule"') == 2


def test_records_keep_plain_types(evidence: Evidence, schedule: Schedule) -> None:
    assert Schedule.from_fields(json.loads(json.dumps(schedule.to_fields()))) == schedule
