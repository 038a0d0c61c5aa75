"""Cases: opened in a lane, tightened by anyone, loosened by two, closed with a reason.

Invariants: a case of the minor lane is locked from its first moment and never leaves that lane; the lane of a case
holds for everything in it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from haechi.core.approvals import need_second
from haechi.core.errors import InputError, PolicyError
from haechi.core.evidence import Case, CaseState, Lane, Notice, NoticeState
from haechi.core.lanes import MINOR_LAW, MINOR_RULE, SEXUAL_LAW, SEXUAL_RULE
from haechi.core.ledger.entries import moment
from haechi.core.people import Person
from haechi.core.store import new_id
from haechi.core.store.evidence import Evidence
from haechi.core.store.ledger import Change
from haechi.core.store.rows import normal_name

KEEP_DAYS: Final = 3653
"""Ten years, the limitation period of most claims in tort (Korean Civil Act 766(2))."""


def open_case(
    evidence: Evidence,
    person: Person,
    title: str,
    artist: str,
    artist_id: str | None = None,
    lane: Lane = Lane.ORDINARY,
) -> Case:
    """Open a case.

    Args:
        evidence: where it is kept.
        person: who opens it.
        title: what it is called.
        artist: whom it is about, by the name that the public knows.
        artist_id: id of the enrolled artist, if there is one.
        lane: how it must be handled.

    Raises:
        InputError: no title or no artist.
        PolicyError: the person may not.
    """
    person.need("case.open")
    title, artist = normal_name(title), normal_name(artist)
    if not title or not artist:
        raise InputError("a case needs a title and the artist whom it is about")
    state = CaseState.LOCKED if lane is Lane.MINOR else CaseState.OPEN
    keep_until = (datetime.now(UTC) + timedelta(days=KEEP_DAYS)).date().isoformat()
    case = Case(new_id("C"), "", title, artist, artist_id, lane, state, moment(), person.name, keep_until)
    return evidence.change(lambda change: change.put(case, "case.open", lane=lane.value))


def change_lane(evidence: Evidence, person: Person, case_id: str, lane: Lane, why: str) -> Case:
    """Tighten a case at once, or loosen it with a second person.

    What lies in it must be sealed by whoever calls this: see `haechi.workflows.lanes`.

    Raises:
        InputError: no such case, no reason, or it is in that lane.
        PolicyError: the person may not, a second one must consent, or the lane is that of minors.
    """
    person.need("case.lane")
    case = evidence.get(Case, case_id)
    if lane is case.lane:
        raise InputError(f"{case_id} is in the lane {lane} already")
    if not why.strip():
        raise InputError("another lane needs a reason: --because TEXT")
    loosens = lane.strictness < case.lane.strictness
    if loosens and case.lane is Lane.MINOR:
        raise PolicyError(
            f"{MINOR_RULE}; law: {MINOR_LAW}: {case_id} never leaves this lane; open a new case if it erred"
        )
    detail = {"from": case.lane.value, "to": lane.value}
    rule = f"{SEXUAL_RULE}; law: {SEXUAL_LAW}"
    consent = need_second(evidence, person, "case.loosen", case_id, why, rule, detail) if loosens else None

    def work(change: Change) -> Case:
        now = change.get(Case, case_id)
        if now.lane is not case.lane:
            raise InputError(f"{case_id} has changed its lane meanwhile; look again: haechi case show {case_id}")
        state = CaseState.LOCKED if lane is Lane.MINOR else now.state
        act = "case.loosen" if loosens else "case.tighten"
        if consent is not None:
            consent.use(change, why)
        said = detail | ({"second": consent.second} if consent is not None else {})
        return change.put(replace(now, lane=lane, state=state), act, why, **said)

    return evidence.change(work)


def close_case(evidence: Evidence, person: Person, case_id: str, why: str) -> Case:
    """Close a case.

    Raises:
        InputError: no such case, no reason, closed before, or a notice still waits for its answer.
        PolicyError: the person may not.
    """
    person.need("case.close")
    if not why.strip():
        raise InputError("closing needs a reason: --because TEXT")

    def work(change: Change) -> Case:
        case = change.get(Case, case_id)
        if case.state is CaseState.CLOSED:
            raise InputError(f"{case_id} is closed already: {case.because}")
        waiting = [one.id for one in change.all(Notice, case_id) if one.state in _WAITING]
        if waiting:
            raise InputError(f"{case_id} has notices without an answer: {', '.join(waiting)}; note the answer first")
        return change.put(replace(case, state=CaseState.CLOSED, because=why.strip()), "case.close", why)

    return evidence.change(work)


_WAITING: Final = (NoticeState.SIGNED, NoticeState.SENT, NoticeState.ACKNOWLEDGED, NoticeState.REAPPEARED)
