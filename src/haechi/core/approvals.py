"""Dual control: some acts take a second person, who is asked, decides, and is asked anew the next time.

Method: the first attempt writes a request and is refused; an approver decides on it; the second attempt of the same
person, with the same subject and details, goes through and uses it up in the act's own transaction: whoever is killed
in between has neither acted nor lost the consent.
Invariants: nobody decides on a request of their own; a consent serves once, for one person, one subject and the details
that were asked for; while there are no accounts nobody can consent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from haechi.core.errors import InputError, PolicyError
from haechi.core.evidence import Approval
from haechi.core.ledger.entries import moment
from haechi.core.people import Person
from haechi.core.store import new_id
from haechi.core.store.evidence import Evidence
from haechi.core.store.ledger import Change


@dataclass(frozen=True, slots=True)
class Consent:
    """A second person's word to one act, still to be used up in the transaction of that act.

    Attributes:
        id: of the request.
        second: who consented.
    """

    id: str
    second: str

    def use(self, change: Change, why: str) -> None:
        """Use it up, together with the act or not at all.

        Raises:
            PolicyError: it was used meanwhile.
        """
        approval = change.get(Approval, self.id)
        if approval.state != "granted":
            raise PolicyError(f"the consent {self.id} was used before; ask again")
        change.put(replace(approval, state="used"), "approval.use", why)


def need_second(
    evidence: Evidence, person: Person, act: str, subject: str, why: str, rule: str, detail: Mapping[str, Any]
) -> Consent:
    """Find the consent to this act, or ask for one.

    Args:
        evidence: where it is kept.
        person: who wants to act.
        act: e.g. "exhibit.unseal".
        subject: id that it is about.
        why: reason; must not be empty.
        rule: which rule asks for two, for the message.
        detail: what exactly is asked; the consent holds for the same only.

    Raises:
        PolicyError: there are no accounts, or no consent yet; then it has been asked for.
        InputError: no reason.
    """
    if not why.strip():
        raise InputError(f"{act} needs a reason: --because TEXT")
    if person.alone:
        raise PolicyError(f"{rule}: {act} takes two people; make accounts first: haechi user add NAME --role ROLE")

    def work(change: Change) -> Approval:
        mine = [one for one in change.all(Approval) if _same(one, person.name, act, subject, detail)]
        for state in ("granted", "asked"):
            found = next((one for one in mine if one.state == state), None)
            if found is not None:
                return found
        asked = Approval(new_id("P"), subject, act, subject, why.strip(), person.name, moment(), dict(detail))
        return change.put(asked, "approval.ask", why)

    approval = evidence.change(work)
    if approval.state != "granted":
        how = f"an approver runs haechi approve grant {approval.id}, then you run this again"
        raise PolicyError(f"{rule}: {act} takes a second person, who was asked as {approval.id}: {how}")
    return Consent(approval.id, approval.decided_by)


def decide(evidence: Evidence, person: Person, identity: str, granted: bool, why: str) -> Approval:
    """Grant or refuse a request.

    Raises:
        InputError: there is no such request, or it is decided.
        PolicyError: the person may not approve, or asked for it.
    """
    person.need("approval.decide")

    def work(change: Change) -> Approval:
        approval = change.get(Approval, identity)
        if approval.state != "asked":
            raise InputError(f"{identity} was decided before: {approval.state}")
        if approval.asked_by == person.name:
            raise PolicyError(f"{identity} is your own request: another approver must decide")
        state = "granted" if granted else "refused"
        decided = replace(approval, state=state, decided_by=person.name, decided_at=moment())
        return change.put(decided, f"approval.{'grant' if granted else 'refuse'}", why)

    return evidence.change(work)


def _same(one: Approval, name: str, act: str, subject: str, detail: Mapping[str, Any]) -> bool:
    return (one.asked_by, one.act, one.subject, dict(one.detail)) == (name, act, subject, dict(detail))
