"""Which item an exhibit shows: decided with the exhibit's own transaction, corrected by people, forgotten with it.

Steps of `note_item`, inside the transaction that lets the exhibit appear:
1. Bytes that an exhibit of a minor's case names are refused: nothing of it is kept.
2. The same bytes as an earlier exhibit are its item.
3. Else the best of the exhibits that show the same, if both differ from their release alike; else it is a new item.
Exhibits of the lane `sexual` are known by their bytes alone: no fingerprint is made of them.
Invariants: what people joined or parted stands until people change it; fingerprints live no longer than the parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from haechi.core.errors import InputError, PolicyError
from haechi.core.evidence import EVIDENTIARY, Case, Exhibit, Lane, Part
from haechi.core.lanes import MINOR_LAW, MINOR_RULE, lane_of
from haechi.core.people import Person
from haechi.core.recognition import FIRST, PERSON, SAME_BYTES, Likeness, Recognition, Seen, differ_alike
from haechi.core.store.evidence import Evidence
from haechi.core.store.ledger import Change

SAME: Final = "it shows what {exhibit} of the lane sexual shows"


def note_item(change: Change, exhibit: Exhibit, seen: Seen | None) -> Recognition | None:
    """Decide which item an exhibit shows, and keep it; None for an exhibit without media.

    Raises:
        PolicyError: its bytes are known from a minor's case; nothing of it may be kept.
    """
    # 1. Bytes of a minor's case.
    refuse_minor(change, {part.name: part.sha256 for part in _evidentiary(exhibit)})
    # 2. The same bytes.
    same = _same_bytes(change, exhibit)
    if seen is None and not same:
        return None
    # 3. The same pictures or sound.
    seen = seen or Seen()
    found = next((one for one in (*same, *seen.like) if _is_like(change, exhibit, one, seen)), None)
    known_by_bytes_alone = lane_of(change, exhibit.id) is not Lane.ORDINARY
    kept = {} if known_by_bytes_alone else {one.algorithm: one.to_bytes() for one in seen.sets}
    return change.put(
        Recognition(
            id=exhibit.id,
            parent=exhibit.parent,
            item=exhibit.id if found is None else item_of(change, found.exhibit),
            method=FIRST if found is None else found.method,
            like="" if found is None else found.exhibit,
            score=0.0 if found is None else round(found.score, 3),
            origin=seen.origin,
            sets=change.keep_prints(exhibit.id, kept),
            abstained=seen.abstained,
        ),
        "exhibit.recognise",
    )


def refuse_minor(evidence: Evidence | Change, digests: Mapping[str, str]) -> None:
    """Stop where the bytes are known from a case that was moved to the lane of minors.

    Args:
        evidence: what is known.
        digests: part name -> digest.

    Raises:
        PolicyError: they are.
    """
    if not any(case.lane is Lane.MINOR for case in evidence.all(Case)):
        return  # each digest is looked for in the record of every exhibit
    for name, digest in digests.items():
        for known in evidence.exhibits_with(digest):
            if lane_of(evidence, known) is Lane.MINOR:
                raise PolicyError(
                    f"{MINOR_RULE}; law: {MINOR_LAW}: {name} has the bytes of {known}, which lies in a minor's case; "
                    "nothing was kept. Keep the address alone (haechi exhibit note) and call the police or a hotline"
                )


def known_sexual(evidence: Evidence, digest: str, seen: Seen | None) -> str:
    """Id of an exhibit of the lane `sexual` that shows the same, or empty."""
    candidates = [*evidence.exhibits_with(digest), *(one.exhibit for one in (seen.like if seen else ()))]
    return next((one for one in candidates if lane_of(evidence, one) is Lane.SEXUAL), "")


def join(evidence: Evidence, person: Person, exhibit_id: str, other_id: str, why: str) -> Recognition:
    """Say that two exhibits show one item: the whole item of the first becomes the second's.

    Raises:
        InputError: no such exhibit, the same item already, or no reason.
        PolicyError: the person may not.
    """
    _may(person, why)

    def work(change: Change) -> Recognition:
        mine, item = _of(change, exhibit_id), _of(change, other_id).item
        if mine.item == item:
            raise InputError(f"{exhibit_id} and {other_id} are one item already")
        whole = [one for one in change.all(Recognition) if one.item == mine.item] or [mine]
        put = [_by_person(change, one, item, other_id, why) for one in whole]
        return next(one for one in put if one.id == exhibit_id)

    return evidence.change(work)


def part(evidence: Evidence, person: Person, exhibit_id: str, why: str) -> Recognition:
    """Say that an exhibit shows an item of its own.

    Raises:
        InputError: no such exhibit, it stands alone already, or no reason.
        PolicyError: the person may not.
    """
    _may(person, why)

    def work(change: Change) -> Recognition:
        mine = _of(change, exhibit_id)
        others = [one for one in change.all(Recognition) if one.item == mine.item and one.id != mine.id]
        if not others:
            raise InputError(f"{exhibit_id} is an item of its own already")
        if mine.item == mine.id:
            for one in others:
                _by_person(change, one, others[0].id, others[0].id, why)
        return _by_person(change, mine, mine.id, "", why)

    return evidence.change(work)


def forget(change: Change, exhibit_id: str, why: str) -> None:
    """Remove an exhibit's fingerprints; which item it showed stays known. `Evidence.forget_removed` does the rest."""
    known = change.find(Recognition, exhibit_id)
    if known is not None and known.sets:
        change.drop_prints(exhibit_id)
        change.put(replace(known, sets={}), "exhibit.forget", why)


def forget_minors(evidence: Evidence, case: Case) -> None:
    """Remove the fingerprints of everything in a minor's case; what a kill left, the next call removes."""

    def work(change: Change) -> None:
        for one in change.all(Recognition, case.id):
            forget(change, one.id, f"the case is in the lane {Lane.MINOR}")

    if case.lane is Lane.MINOR:
        evidence.change(work)
        evidence.forget_removed()


def item_of(change: Change, exhibit_id: str) -> str:
    """The item that an exhibit shows: itself, when nobody ever looked."""
    return _of(change, exhibit_id).item


def _same_bytes(change: Change, exhibit: Exhibit) -> list[Likeness]:
    media = {part.sha256 for part in _evidentiary(exhibit) if _is_media(part)}
    known = (one for digest in sorted(media) for one in change.exhibits_with(digest))
    return [Likeness(one, SAME_BYTES, 1.0) for one in known if one != exhibit.id]


def _evidentiary(exhibit: Exhibit) -> list[Part]:
    return [part for part in exhibit.parts if part.role == EVIDENTIARY]


def _is_media(part: Part) -> bool:
    """A file that was handed in counts whatever its name says; of a page only what is media."""
    return part.name.startswith("original") or part.media_type.startswith(("image/", "video/", "audio/"))


def _is_like(change: Change, exhibit: Exhibit, one: Likeness, seen: Seen) -> bool:
    if one.exhibit == exhibit.id or lane_of(change, one.exhibit) is Lane.MINOR:
        return False
    if one.method == SAME_BYTES:
        return True
    known = change.find(Recognition, one.exhibit)
    if known is None or (one.method.startswith("audio") and (_has_pictures(known.sets) or _has_pictures(_names(seen)))):
        return False  # one song under two films makes no item
    return differ_alike(seen.origin, known.origin)


def _names(seen: Seen) -> list[str]:
    return [one.algorithm for one in seen.sets]


def _has_pictures(algorithms: Iterable[str]) -> bool:
    return any(not one.startswith("audio") for one in algorithms)


def _of(change: Change, exhibit_id: str) -> Recognition:
    exhibit = change.get(Exhibit, exhibit_id)
    return change.find(Recognition, exhibit_id) or Recognition(exhibit.id, exhibit.parent, exhibit.id, FIRST)


def _by_person(change: Change, one: Recognition, item: str, like: str, why: str) -> Recognition:
    return change.put(replace(one, item=item, method=PERSON, like=like, score=0.0), "exhibit.recognise", why)


def _may(person: Person, why: str) -> None:
    person.need("sighting.add")
    if not why.strip():
        raise InputError("say why: --because")
