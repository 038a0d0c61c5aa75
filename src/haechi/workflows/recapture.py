"""Captures on a schedule: the same address again and again, each answer an exhibit and a sighting of the same item.

Steps of `run_due`, for each schedule that is due:
1. Only open cases of the ordinary lane: in the others people decide about each capture, so the schedule ends.
2. One capture, however many were missed; its exhibit names the schedule and the moment at which it was due.
3. The sighting (up, or removed at 404, 410 and 451; figures that the platform shows), then the next date. After a kill
   the exhibit is found by its marker and its sighting by its time, and the next run goes on: no address is asked twice.
An address that gives no answer stays due and is asked again by the next run; whatever else keeps it from being captured
(robots.txt, a private address) is logged and waits for the next date.
Limits: nothing here wakes up by itself: cron or a systemd timer runs `haechi schedule run`. A page that says "removed"
with status 200 reads as up: people look at the exhibits.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from haechi.act.spread import add_sighting, state_seen
from haechi.core.errors import InputError, PolicyError, RemoteError
from haechi.core.evidence import Case, CaseState, Exhibit, Lane, Schedule, Sighting
from haechi.core.fetch import Client
from haechi.core.flag import Classify
from haechi.core.lanes import MINOR_LAW, MINOR_RULE, SEXUAL_LAW, SEXUAL_RULE
from haechi.core.ledger.entries import moment
from haechi.core.people import Person
from haechi.core.recognition import Recognise
from haechi.core.store import new_id
from haechi.core.store.evidence import Evidence
from haechi.core.store.failures import store_failures
from haechi.preserve.browser import Browser
from haechi.preserve.custody import Intent
from haechi.preserve.facts import Found
from haechi.workflows.intake import take_page

LEAST: Final = timedelta(hours=1)
_EVERY: Final = re.compile(r"([1-9]\d{0,3})([hdw])")
_UNITS: Final = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_FIGURES: Final = {"view_count": "views", "like_count": "likes", "comment_count": "comments", "repost_count": "reposts"}


@dataclass(frozen=True, slots=True)
class Means:
    """With what captures are made.

    Attributes:
        client: fetches.
        tsas: URIs of time stamp authorities.
        browser: shows pages, or None.
        classify: flags sexual content, or None.
        recognise: sees which exhibits show the same, or None.
    """

    client: Client
    tsas: Sequence[str]
    browser: Browser | None = None
    classify: Classify | None = None
    recognise: Recognise | None = None


@dataclass(frozen=True, slots=True)
class Recaptured:
    """What became of one schedule that was due.

    Attributes:
        schedule: as it is now.
        exhibit: id, or empty when nothing was kept.
        state: "gone", "there", "empty", "cut off" or "error"; else why nothing was kept.
    """

    schedule: Schedule
    exhibit: str
    state: str


def interval(text: str) -> timedelta:
    """Hours, days or weeks: "6h", "1d", "2w".

    Raises:
        InputError: it is none, or shorter than `LEAST`.
    """
    match = _EVERY.fullmatch(text.strip())
    if match is None:
        raise InputError(f"{text!r} is no interval; say hours, days or weeks, e.g. 6h, 1d, 2w")
    return max(LEAST, int(match.group(1)) * _UNITS[match.group(2)])


def end_of(text: str) -> datetime:
    """The moment at which a schedule ends: a day (UTC, itself included) or a time with its zone.

    Raises:
        InputError: it is neither.
    """
    try:
        if len(text.strip()) <= len("2026-12-31"):
            return datetime.combine(date.fromisoformat(text.strip()), time.max, UTC).replace(microsecond=0)
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise InputError(f"{text!r} is no day; say e.g. 2026-12-31") from error
    if found.tzinfo is None:
        raise InputError(f"the time {text} needs its zone, e.g. {text}+09:00")
    return found.astimezone(UTC)


def need_schedulable(evidence: Evidence, person: Person, case_id: str, until: datetime, now: datetime) -> None:
    """See, before anything is captured, that a schedule may be added.

    Raises:
        InputError: no such case, it is closed, or the end has passed.
        PolicyError: the person may not, or the lane is not the ordinary one.
    """
    person.need("exhibit.add")
    case = evidence.get(Case, case_id)
    if case.lane is not Lane.ORDINARY:
        rule, law = (MINOR_RULE, MINOR_LAW) if case.lane is Lane.MINOR else (SEXUAL_RULE, SEXUAL_LAW)
        words = f"{case_id} is in the lane {case.lane}: people decide about each capture; no schedules"
        raise PolicyError(f"{rule}; law: {law}: {words}")
    if case.state is not CaseState.OPEN:
        raise InputError(f"{case_id} is {case.state}; open a new case")
    if until <= now:
        raise InputError("a schedule ends in the future: --until DATE")


def add_schedule(
    evidence: Evidence, person: Person, first: Exhibit, every: timedelta, until: datetime, now: datetime, *, plain: bool
) -> Schedule:
    """Capture the address of an exhibit again and again; the exhibit is the item that its sightings are of.

    Args:
        evidence: where it is kept.
        person: who asks.
        first: the capture that was made now.
        every: between two captures.
        until: the last moment at which one may be due, aware.
        now: aware.
        plain: without browser and yt-dlp.

    Raises:
        InputError, PolicyError: as `need_schedulable`.
    """
    need_schedulable(evidence, person, first.parent, until, now)
    schedule = Schedule(
        id=new_id("W"),
        parent=first.parent,
        item=first.id,
        url=first.url,
        every_s=round(every.total_seconds()),
        next_at=_iso(now + every),
        until=_iso(until),
        account=first.account,
        platform=first.platform,
        authority=str(first.facts.get("authority", "")),
        plain=plain,
        added_at=moment(),
        added_by=person.name,
    )
    evidence.change(lambda change: change.put(schedule, "schedule.add", url=schedule.url, every_s=schedule.every_s))
    _sight(evidence, person, schedule, first)
    return schedule


def remove_schedule(evidence: Evidence, person: Person, schedule_id: str, why: str) -> Schedule:
    """End a schedule; what it captured stays.

    Raises:
        InputError: no such schedule, no reason, or it has ended.
        PolicyError: the person may not.
    """
    person.need("exhibit.add")
    if not why.strip():
        raise InputError("ending a schedule needs a reason: --because TEXT")
    schedule = evidence.get(Schedule, schedule_id)
    if schedule.ended:
        raise InputError(f"{schedule_id} has ended: {schedule.ended}")
    ended = replace(schedule, ended=why.strip())
    return evidence.change(lambda change: change.put(ended, "schedule.end", why))


def run_due(evidence: Evidence, person: Person, means: Means, now: datetime) -> Iterator[Recaptured]:
    """Capture whatever is due, one address after the other.

    Raises:
        PolicyError: the person may not.
        StoreError: the home cannot be written.
        InputError: another run is at work.
    """
    person.need("exhibit.add")
    with _alone(evidence.home):
        for schedule in evidence.all(Schedule):
            if not schedule.ended and datetime.fromisoformat(schedule.next_at) <= now:
                yield _run(evidence, person, schedule, means, now)


def _run(evidence: Evidence, person: Person, schedule: Schedule, means: Means, now: datetime) -> Recaptured:
    case = evidence.get(Case, schedule.parent)
    if case.lane is not Lane.ORDINARY or case.state is not CaseState.OPEN:
        # 1. people decide
        why = f"the case is {case.state}, in the lane {case.lane}"
        ended = replace(schedule, ended=why)
        return Recaptured(evidence.change(lambda change: change.put(ended, "schedule.end", why)), "", why)
    marker = {"schedule": schedule.id, "due": schedule.next_at}
    exhibit = next((one for one in evidence.all(Exhibit, case.id) if _marked(one, marker)), None)
    if exhibit is None:
        try:
            exhibit = _capture(evidence, person, schedule, means, marker)
        except RemoteError as error:
            reason = str(error)
            evidence.change(lambda change: change.log("schedule.failed", schedule.id, reason))
            return Recaptured(schedule, "", reason)
        except (InputError, PolicyError) as error:
            return Recaptured(_go_on(evidence, schedule, now, "schedule.refused", str(error)), "", str(error))
    # 3. a kill up to here: the exhibit is found by its marker
    _sight(evidence, person, schedule, exhibit)
    after = _go_on(evidence, replace(schedule, made=schedule.made + 1), now, "schedule.run", "", exhibit=exhibit.id)
    return Recaptured(after, exhibit.id, str(exhibit.facts.get("state", "")))


def _capture(
    evidence: Evidence, person: Person, schedule: Schedule, means: Means, marker: Mapping[str, str]
) -> Exhibit:
    """Step 2."""
    found = Found(schedule.url, "", schedule.account, schedule.platform)
    why = f"schedule {schedule.id}"
    intent = Intent(found, "http", authority=schedule.authority, why=why, settings={**marker, "item": schedule.item})
    browser = None if schedule.plain else means.browser
    return take_page(
        evidence,
        person,
        schedule.parent,
        intent,
        means.tsas,
        means.client,
        browser,
        means.classify,
        platforms=not schedule.plain,
        recognise=means.recognise,
    )


def _go_on(evidence: Evidence, schedule: Schedule, now: datetime, act: str, why: str, **told: Any) -> Schedule:
    """The next date after now, whatever was missed; or the end."""
    due, every = datetime.fromisoformat(schedule.next_at), timedelta(seconds=schedule.every_s)
    following = due + every * ((now - due) // every + 1)
    ended = "its last day has passed" if following > datetime.fromisoformat(schedule.until) else ""
    after = replace(schedule, next_at=_iso(following), ended=ended)
    return evidence.change(lambda change: change.put(after, act, why, **told))


def _sight(evidence: Evidence, person: Person, schedule: Schedule, exhibit: Exhibit) -> None:
    """The sighting that a capture is; once for each, and none where the answer says neither up nor removed."""
    state = state_seen(exhibit)
    known = {(one.item, one.url, one.seen_at) for one in evidence.all(Sighting, exhibit.parent)}
    if state is None or (schedule.item, schedule.url, exhibit.added_at) in known:
        return
    told = exhibit.facts.get("platform", {})
    reach = {name: told[key] for key, name in _FIGURES.items() if isinstance(told.get(key), int)}
    seen = Sighting(
        "", "", schedule.item, schedule.url, schedule.platform, schedule.account, "", exhibit.added_at, state, reach
    )
    add_sighting(evidence, person, exhibit.parent, seen)


def _marked(exhibit: Exhibit, marker: Mapping[str, str]) -> bool:
    settings = exhibit.facts.get("settings", {})
    return all(settings.get(key) == value for key, value in marker.items())


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One run at a time: two would capture the same address."""
    with store_failures(home):
        descriptor = os.open(home / "schedule.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError("another run is capturing what is due; wait for it") from error
        yield
    finally:
        os.close(descriptor)
