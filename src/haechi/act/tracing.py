"""Everything that is known of one item, over the whole store: its exhibits, where each was found, and what was noted.

Method: exhibits that show one item were linked when they came in (`core.recognition`). Their addresses, and the
sightings that name one of them or its bytes, are the item's sightings. A capture that found one of these addresses
gone is one as well; one that was answered by an error, or by nothing, is none. States are told anew in the order of
time: what is up after it was gone has reappeared.
A known source is an account that other items of the store were seen with, too.
Limits: only what pages show; an account is a public name on one service, and nobody tries to find out who has it.
What lies in the lane of minors is never told elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from haechi.act.spread import state_seen
from haechi.core.evidence import EVIDENTIARY, Case, Exhibit, Lane, Sighting
from haechi.core.recognition import Recognition
from haechi.core.store.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Traced:
    """What is known of one item.

    Attributes:
        item: id of the exhibit that showed it first, or what was asked for where no exhibit shows it.
        exhibits: ids of those that show it, oldest first.
        links: why each of them is held to show it.
        sightings: of all of them, in order of seeing, all named by `item`.
        known_sources: "account (service)" of these sightings -> other items that it was seen with.
    """

    item: str
    exhibits: tuple[str, ...]
    links: tuple[Recognition, ...]
    sightings: tuple[Sighting, ...]
    known_sources: dict[str, int]


def trace(evidence: Evidence, asked: str) -> Traced:
    """Everything about an item, named by an exhibit, a digest, or whatever sightings name it by."""
    minors = {one.id for one in evidence.all(Case) if one.lane is Lane.MINOR}
    links = {one.id: one for one in evidence.all(Recognition) if one.parent not in minors}
    exhibits = {one.id: one for one in evidence.all(Exhibit) if one.parent not in minors}
    root = _root(evidence, asked, links, exhibits)
    shown = [one for one in exhibits.values() if _item(links, one.id) == root] if root in exhibits else []
    names = {root, asked, *(one.id for one in shown), *_digests(shown)}
    every = [one for one in evidence.all(Sighting) if one.parent not in minors]
    noted = [one for one in every if one.item in names]
    urls = {one.url for one in shown} | {one.url for one in noted}
    found = [
        *shown,
        *(one for one in exhibits.values() if one.url in urls and state_seen(one) == "removed" and one not in shown),
    ]
    told = [*noted, *_found_at(found, noted)]
    sightings = _in_time(replace(one, item=root) for one in told)
    there = [one for one in exhibits.values() if state_seen(one) == "up"]
    sources = _sources([*every, *_found_at(there, every)], links, names, sightings)
    ids = tuple(one.id for one in shown)
    return Traced(root, ids, tuple(links[one] for one in ids if one in links), tuple(sightings), sources)


def _root(evidence: Evidence, asked: str, links: dict[str, Recognition], exhibits: dict[str, Exhibit]) -> str:
    if asked in exhibits:
        return _item(links, asked)
    known = evidence.exhibits_with(asked) if asked.startswith("sha256:") else []
    return next((_item(links, one) for one in known if one in exhibits), asked)


def _item(links: dict[str, Recognition], exhibit_id: str) -> str:
    return links[exhibit_id].item if exhibit_id in links else exhibit_id


def _digests(exhibits: Iterable[Exhibit]) -> set[str]:
    return {part.sha256 for one in exhibits for part in one.parts if part.role == EVIDENTIARY}


def _found_at(exhibits: Sequence[Exhibit], noted: Sequence[Sighting]) -> list[Sighting]:
    """Exhibits as sightings, but those of which a sighting was noted with them, and those that tell no state."""
    known = {(one.url, one.seen_at) for one in noted}
    return [
        Sighting(
            one.id,
            one.parent,
            one.id,
            one.url,
            one.platform,
            one.account,
            one.posted,
            one.added_at,
            state,
        )
        for one in exhibits
        if one.url and (one.url, one.added_at) not in known and (state := state_seen(one)) is not None
    ]


def _in_time(sightings: Iterable[Sighting]) -> list[Sighting]:
    gone: dict[str, bool] = {}
    told = []
    for one in sorted(sightings, key=lambda one: one.seen_at):
        state = "removed" if one.state == "removed" else "reappeared" if gone.get(one.url) else one.state
        gone[one.url] = state == "removed"
        told.append(replace(one, state=state))
    return told


def _sources(
    every: Sequence[Sighting], links: dict[str, Recognition], names: set[str], sightings: Sequence[Sighting]
) -> dict[str, int]:
    ours = {(one.account, one.platform) for one in sightings if one.account}
    others: dict[tuple[str, str], set[str]] = {}
    for one in every:
        if one.item not in names and one.account and (one.account, one.platform) in ours:
            others.setdefault((one.account, one.platform), set()).add(_item(links, one.item))
    told = {f"{name} ({service})" if service else name: len(items) for (name, service), items in others.items()}
    return dict(sorted(told.items(), key=lambda pair: (-pair[1], pair[0])))
