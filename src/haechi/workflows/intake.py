"""Files and pages come in: an exhibit, and, where the classifier raised its flag, the whole case sealed at once.

Steps:
1. `custody` or `capture` makes the exhibit, and says which item it shows; a raised flag, or a match with an exhibit of
   the lane `sexual`, moves the case in the same transaction.
2. What else lies in the case is sealed. Where nobody holds keys yet, all of it waits for `haechi vault holders`; a kill
   in between is made good by `haechi vault seal`. Either way the lane alone keeps everyone from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from haechi.core.evidence import Case, Exhibit, Lane
from haechi.core.fetch import Client
from haechi.core.flag import THRESHOLD, Classify
from haechi.core.people import Person
from haechi.core.recognition import Recognise
from haechi.core.sealing import VaultKeys
from haechi.core.settings import Limits
from haechi.core.store.evidence import Evidence
from haechi.preserve.browser import Browser
from haechi.preserve.capture import capture
from haechi.preserve.custody import FLAGGED, Intent, add_file
from haechi.preserve.seal import seal_case
from haechi.workflows.recognise import Lookout


def take_file(
    evidence: Evidence,
    person: Person,
    case_id: str,
    path: Path,
    intent: Intent,
    tsas: Sequence[str],
    limits: Limits,
    classify: Classify | None,
    recognise: Recognise | None = None,
) -> Exhibit:
    """Make an exhibit of a file; see `haechi.preserve.custody.add_file` for arguments and errors."""
    look = Lookout(evidence, recognise, classify)
    exhibit = add_file(evidence, person, case_id, path, intent, tsas, limits, look.classify, look.recognise)
    _seal_the_rest(evidence, person, exhibit)
    return exhibit


def take_page(
    evidence: Evidence,
    person: Person,
    case_id: str,
    intent: Intent,
    tsas: Sequence[str],
    client: Client,
    browser: Browser | None,
    classify: Classify | None,
    *,
    platforms: bool,
    recognise: Recognise | None = None,
) -> Exhibit:
    """Capture an address; see `haechi.preserve.capture.capture` for arguments and errors."""
    look = Lookout(evidence, recognise, classify)
    exhibit = capture(
        evidence,
        person,
        case_id,
        intent,
        tsas,
        client,
        browser,
        look.classify,
        platforms=platforms,
        recognise=look.recognise,
    )
    _seal_the_rest(evidence, person, exhibit)
    return exhibit


def flags_of(exhibit: Exhibit) -> list[dict[str, Any]]:
    """What the classifier said of an exhibit, as in its record."""
    found = exhibit.facts.get("sexual_content", {})
    return list(found.values()) if isinstance(found, dict) else []


def was_flagged(exhibit: Exhibit) -> bool:
    """Whether the classifier raised its flag over an exhibit."""
    return any(flag.get("score", 0.0) >= flag.get("threshold", THRESHOLD) for flag in flags_of(exhibit))


def _seal_the_rest(evidence: Evidence, person: Person, exhibit: Exhibit) -> None:
    if was_flagged(exhibit) and VaultKeys(evidence.home).seal() is not None:
        case = evidence.get(Case, exhibit.parent)
        if case.lane is not Lane.ORDINARY:
            seal_case(evidence, person, case, FLAGGED)
