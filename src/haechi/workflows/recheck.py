"""Look again at a notice's addresses once its deadline has passed: exhibits that prove removal, or that it failed.

Steps, for each deadline of a notice that has passed:
1. Only cases of the ordinary lane: in the others, people decide about each capture.
2. Every address of the notice's exhibits is fetched by plain HTTP, once for each deadline, and kept in the case.
Invariant: the state of a notice stays as it is; a person looks at the exhibits and notes the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from haechi.act.deadline import of_notice
from haechi.core.errors import InputError, PolicyError, RemoteError
from haechi.core.evidence import Case, Exhibit, Lane, Notice
from haechi.core.fetch import Client
from haechi.core.flag import Classify
from haechi.core.people import Person
from haechi.core.recognition import Recognise
from haechi.core.store.evidence import Evidence
from haechi.preserve.custody import Intent
from haechi.preserve.facts import Found
from haechi.workflows.intake import take_page


@dataclass(frozen=True, slots=True)
class Rechecked:
    """What one address answered.

    Attributes:
        notice: id.
        url: that was asked.
        exhibit: id, or empty when nothing was kept.
        state: "gone", "there", "empty", "cut off" or "error"; else why nothing was kept.
    """

    notice: str
    url: str
    exhibit: str
    state: str


def recheck(
    evidence: Evidence,
    person: Person,
    tsas: Sequence[str],
    client: Client,
    now: datetime,
    classify: Classify | None = None,
    recognise: Recognise | None = None,
) -> Iterator[Rechecked]:
    """Look again at whatever is due, one address after the other.

    Args:
        evidence: where the notices are.
        person: who asks.
        tsas: URIs of time stamp authorities.
        client: fetches.
        now: aware; deadlines before it have passed.
        classify: flags sexual content; None for nobody.
        recognise: sees which exhibits show the same; None for bytes alone.

    Raises:
        PolicyError: the person may not.
    """
    person.need("exhibit.add")
    for notice in evidence.all(Notice):
        case = evidence.get(Case, notice.parent)
        exhibits = {one.id: one for one in evidence.all(Exhibit, case.id)}
        for deadline in of_notice(notice):
            marker = {"recheck_of": notice.id, "deadline": deadline.at.isoformat()}
            done = {one.url for one in exhibits.values() if _marked(one, marker)}
            urls = dict.fromkeys(exhibits[one].url for one in notice.exhibits if one in exhibits)
            for url in urls if deadline.overdue(now) else ():
                if not url or url in done:
                    continue
                if case.lane is not Lane.ORDINARY:
                    yield Rechecked(notice.id, url, "", f"lane {case.lane}: people decide about each capture")
                    continue
                intent = Intent(Found(url), "http", why=f"deadline of {notice.id} has passed", settings=marker)
                yield _look(evidence, person, case, intent, tsas, client, notice, classify, recognise)


def _marked(exhibit: Exhibit, marker: dict[str, str]) -> bool:
    settings = exhibit.facts.get("settings", {})
    return all(settings.get(key) == value for key, value in marker.items())


def _look(
    evidence: Evidence,
    person: Person,
    case: Case,
    intent: Intent,
    tsas: Sequence[str],
    client: Client,
    notice: Notice,
    classify: Classify | None,
    recognise: Recognise | None,
) -> Rechecked:
    """Fetch one address; what cannot be fetched is told, and the others go on."""
    try:
        kept = take_page(
            evidence, person, case.id, intent, tsas, client, None, classify, platforms=False, recognise=recognise
        )
    except (InputError, PolicyError, RemoteError) as error:
        return Rechecked(notice.id, intent.found.url, "", str(error))
    return Rechecked(notice.id, intent.found.url, kept.id, str(kept.facts["state"]))
