"""Another lane for a case: the case and what lies in it change together."""

from __future__ import annotations

from haechi.act.case import change_lane
from haechi.core.evidence import Case, Lane
from haechi.core.people import Person
from haechi.core.store.evidence import Evidence


def move_to_lane(evidence: Evidence, person: Person, case_id: str, lane: Lane, why: str) -> Case:
    """Tighten or loosen a case.

    Raises:
        InputError: no such case, no reason, or it is in that lane.
        PolicyError: the person may not, or a second one must consent.
    """
    return change_lane(evidence, person, case_id, lane, why)
