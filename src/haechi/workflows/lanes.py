"""Another lane for a case: the case and what lies in it change together.

Steps:
1. The case moves: from here on the lane alone keeps everyone from what is in it.
2. Nothing of a minor stays recognisable: the fingerprints of such a case are removed.
3. Going stricter, every part is sealed. Where nobody holds keys yet, that waits for `haechi vault holders`; a kill in
   between is made good by `haechi vault seal`.
"""

from __future__ import annotations

from haechi.act.case import change_lane
from haechi.core.evidence import Case, Lane
from haechi.core.people import Person
from haechi.core.sealing import VaultKeys
from haechi.core.store.evidence import Evidence
from haechi.preserve.items import forget_minors
from haechi.preserve.seal import seal_case


def move_to_lane(evidence: Evidence, person: Person, case_id: str, lane: Lane, why: str) -> Case:
    """Tighten or loosen a case.

    Raises:
        InputError: no such case, no reason, or it is in that lane.
        PolicyError: the person may not, or a second one must consent.
    """
    case = change_lane(evidence, person, case_id, lane, why)
    forget_minors(evidence, case)
    if lane is not Lane.ORDINARY and VaultKeys(evidence.home).seal() is not None:
        seal_case(evidence, person, case, why)
    return case
