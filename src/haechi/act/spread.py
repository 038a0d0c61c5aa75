"""Tracing: where an item was seen, in which order it spread, what came back, and how far it reached.

Method: sightings of one item (gathered by `tracing`) are put in order
of their posting where it is known, and of our seeing them otherwise; both are told apart. A place whose state went
from "removed" to up again is a reappearance.
Limits: only what pages show. Nothing here tries to find out who a poster is (DESIGN.md rule 2); an account that posted
first is the first that was seen, not the source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from haechi.core.errors import InputError
from haechi.core.evidence import Case, Exhibit, Sighting
from haechi.core.ledger.entries import moment
from haechi.core.people import Person
from haechi.core.store import new_id
from haechi.core.store.evidence import Evidence
from haechi.core.store.ledger import Change

STATES: Final = ("up", "removed", "reappeared")
_ANSWERS: Final = {"gone": "removed", "there": "up", "cut off": "up"}


@dataclass(frozen=True, slots=True)
class Place:
    """One address over time.

    Attributes:
        first: the first sighting.
        last: the newest.
        posted: when it was posted, aware, or None when the page does not say.
        removed_at: when it was first seen to be gone, or None.
        returned: True when it came back after that.
        hours_up: for each removal, from when it was first seen up to when it was seen to be gone.
        reach: largest figures that were seen.
    """

    first: Sighting
    last: Sighting
    posted: datetime | None
    removed_at: str | None
    returned: bool
    hours_up: Sequence[float]
    reach: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Impact:
    """What became of one item.

    Attributes:
        places: in the order of spread.
        accounts: public names that posted it, with how often, the most frequent first.
        platforms: name -> addresses.
        up: addresses that are up now.
        removed: addresses that are gone.
        reappeared: addresses that came back.
        reuploads: addresses that were first seen after the item had been removed somewhere.
        reach: sums of the largest figures of each address.
        hours_to_removal: of every removal, from the sighting that it was up to the sighting that it was gone.
        reach_over_time: when something new was seen -> sums of what each address had shown by then.
    """

    places: Sequence[Place]
    accounts: Mapping[str, int]
    platforms: Mapping[str, int]
    up: int
    removed: int
    reappeared: int
    reuploads: Sequence[str]
    reach: Mapping[str, int]
    hours_to_removal: Sequence[float]
    reach_over_time: Mapping[str, Mapping[str, int]]


def add_sighting(evidence: Evidence, person: Person, case_id: str, sighting: Sighting) -> Sighting:
    """Note that an item was seen; the same address again is a newer state of it.

    Raises:
        InputError: no such case, an unknown state, no address, or a figure that is none.
        PolicyError: the person may not.
    """
    person.need("sighting.add")
    if sighting.state not in STATES or not sighting.url or not sighting.item:
        raise InputError(f"a sighting has an item, an address and a state: {', '.join(STATES)}")
    if any(value < 0 for value in sighting.reach.values()):
        raise InputError("figures of reach are not negative")

    def work(change: Change) -> Sighting:
        case = change.get(Case, case_id)
        before = [one for one in change.all(Sighting, case.id) if _same(one, sighting)]
        state = sighting.state
        if state == "up" and before and before[-1].state == "removed":
            state = "reappeared"
        seen = sighting.seen_at or moment()
        new = replace(sighting, id=new_id("S"), parent=case.id, state=state, seen_at=seen)
        return change.put(new, "sighting.add", state=state, item=new.item)

    return evidence.change(work)


def state_seen(exhibit: Exhibit) -> str | None:
    """What an exhibit says of its address: "up" or "removed"; None where the answer says neither (an error, nothing).

    What was not captured (a file handed in, an address noted) was up when whoever handed it in saw it.
    """
    answered = exhibit.facts.get("state")
    return "up" if answered is None else _ANSWERS.get(str(answered))


def impact(sightings: Sequence[Sighting], item: str) -> Impact:
    """The impact sheet of one item."""
    by_url: dict[str, list[Sighting]] = {}
    seen = sorted((one for one in sightings if one.item == item), key=lambda one: one.seen_at)
    for one in seen:
        by_url.setdefault(one.url, []).append(one)
    places = sorted((_place(seen) for seen in by_url.values()), key=_order)
    return Impact(
        places=places,
        accounts=_counted([place.first.account for place in places]),
        platforms=_counted([place.first.platform for place in places]),
        up=sum(place.last.state != "removed" for place in places),
        removed=sum(place.last.state == "removed" for place in places),
        reappeared=sum(place.returned for place in places),
        reach=_sums([place.reach for place in places]),
        reuploads=_again(places),
        hours_to_removal=[hours for place in places for hours in place.hours_up],
        reach_over_time=_over_time(seen),
    )


def _over_time(seen: Sequence[Sighting]) -> dict[str, dict[str, int]]:
    """Sums of the largest figures of each address up to each sighting that showed any, in order of seeing."""
    largest: dict[str, dict[str, int]] = {}
    found = {}
    for one in seen:
        place = largest.setdefault(one.url, {})
        for name, value in one.reach.items():
            place[name] = max(place.get(name, 0), value)
        if one.reach:
            found[one.seen_at] = _sums(list(largest.values()))
    return found


def _place(seen: list[Sighting]) -> Place:
    gone = next((one.seen_at for one in seen if one.state == "removed"), None)
    reach: dict[str, int] = {}
    for one in seen:
        for name, value in one.reach.items():
            reach[name] = max(reach.get(name, 0), value)
    posted = next((moment for one in seen if (moment := _moment(one.posted_at)) is not None), None)
    returned = any(one.state == "reappeared" for one in seen)
    return Place(seen[0], seen[-1], posted, gone, returned, _hours_up(seen), reach)


def _hours_up(seen: Sequence[Sighting]) -> list[float]:
    found, up = [], ""
    for one in seen:
        if one.state != "removed":
            up = up or one.seen_at
        elif up:
            found.append(_hours(up, one.seen_at))
            up = ""
    return found


def _again(places: Sequence[Place]) -> list[str]:
    removals = [place.removed_at for place in places if place.removed_at]
    if not removals:
        return []
    first = min(datetime.fromisoformat(at) for at in removals)
    late = (place for place in places if datetime.fromisoformat(place.first.seen_at) > first)
    return [place.first.url for place in late if place.posted is None or place.posted > first]


def _order(place: Place) -> tuple[datetime, str]:
    return place.posted or _moment(place.first.seen_at) or datetime.max.replace(tzinfo=UTC), place.first.url


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _same(one: Sighting, other: Sighting) -> bool:
    return (one.item, one.url) == (other.item, other.url)


def _counted(names: Sequence[str]) -> dict[str, int]:
    found = {name: names.count(name) for name in dict.fromkeys(names) if name}
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def _sums(figures: Sequence[Mapping[str, int]]) -> dict[str, int]:
    names = dict.fromkeys(name for one in figures for name in one)
    return {name: sum(one.get(name, 0) for one in figures) for name in names}


def _hours(start: str, end: str) -> float:
    return round((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() / 3600, 1)
