"""The life of a notice: drafted, signed by a person (two, where the law's weight asks for it), sent, answered.

Invariants (DESIGN.md rule 7): nobody signs while something is missing, satire and parody included; the second signature
comes from another account; the text that was signed is the text that is sent; no more notices a day than the cap.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from haechi.act.notice.draft import PARODY, missing
from haechi.act.notice.laws import law_named
from haechi.core.approvals import need_second
from haechi.core.errors import InputError, PolicyError
from haechi.core.evidence import Notice, NoticeState, Paper, Signature
from haechi.core.ledger.entries import digest_of, moment
from haechi.core.people import Person
from haechi.core.store.evidence import Evidence
from haechi.core.store.ledger import Change

if TYPE_CHECKING:
    from haechi.core.fetch import Client
    from haechi.core.pades import PdfKey

RULE: Final = "rule 7 (a person signs each notice; satire and parody are asked about; a daily cap)"
METER_DAYS: Final = 90
METER_LEAST: Final = 5
METER_SHARE: Final = 0.5
_S: Final = NoticeState
ANSWERS: Final[Mapping[NoticeState, tuple[NoticeState, ...]]] = {
    _S.SENT: (_S.ACKNOWLEDGED, _S.REMOVED, _S.REFUSED),
    _S.ACKNOWLEDGED: (_S.REMOVED, _S.REFUSED),
    _S.REMOVED: (_S.REAPPEARED,),
    _S.REFUSED: (_S.REMOVED,),
    _S.REAPPEARED: (_S.REMOVED, _S.REFUSED),
}
"""State -> what may be answered then."""


@dataclass(frozen=True, slots=True)
class Hand:
    """With what a person signs inside the PDF.

    Attributes:
        key: where the key is.
        tsa: URI of the time stamp authority.
        fonts: the folder of pulled fonts, or None for this machine's own.
        client: asks revocation services that certificates name; None: none is asked.
    """

    key: PdfKey
    tsa: str
    fonts: Path | None = None
    client: Client | None = None


@dataclass(frozen=True, slots=True)
class Meter:
    """How an addressee took our notices of the last 90 days."""

    answered: int
    refused: int

    @property
    def warns(self) -> bool:
        """True when more than half were refused: something is wrong with what is sent."""
        return self.answered >= METER_LEAST and self.refused > METER_SHARE * self.answered


def sign_notice(
    evidence: Evidence,
    person: Person,
    notice_id: str,
    name: str,
    role: str,
    why: str = "",
    hand: Hand | None = None,
) -> Notice:
    """Put a person's signature under a draft; with a key also inside its PDF, which is kept beside it.

    Args:
        evidence: where it is.
        person: whose account signs.
        notice_id: the notice.
        name: of the person, as it stands under the text.
        role: in which role, e.g. "counsel".
        why: reason; needed when the addressee refused most of our notices lately.
        hand: the person's key, or None.

    Raises:
        InputError: no such notice, no name or role, something is missing, it is signed already, or the key is wrong.
        PolicyError: the person may not, signed before, or two accounts are needed and there are none.
        IntegrityError, RemoteError, NoFontError: the PDF cannot be made or signed; nothing was signed.
    """
    person.need("notice.sign")
    if not name.strip() or not role.strip():
        raise InputError("a signature has a name and a role: --name NAME --role ROLE")

    notice, signature = evidence.get(Notice, notice_id), Signature(name.strip(), role.strip(), moment(), person.name)
    _may_sign(evidence, notice, person, why)
    signatures = (*notice.signatures, signature)
    complete = len(signatures) == (2 if law_named(notice.law).two_people else 1)
    state = NoticeState.SIGNED if complete else notice.state
    signed = replace(notice, signatures=signatures, state=state, state_at=signature.at)
    paper = _on_paper(evidence, signed, signature, hand) if hand is not None else None

    def work(change: Change) -> Notice:
        if change.get(Notice, notice_id) != notice:
            raise InputError(f"{notice_id} was changed meanwhile; nothing was signed: look at it again")
        _may_sign(change, notice, person, why)
        told = {"name": signature.name, "text": digest_of(notice.text.encode())}
        if paper is not None:
            told |= {"pdf": paper.sha256, "certificate": paper.certificate, "level": paper.level}
            change.put(paper, "notice.paper")
        return change.put(signed, "notice.sign", why, **told)

    return evidence.change(work)


def _on_paper(evidence: Evidence, signed: Notice, signature: Signature, hand: Hand) -> Paper:
    """The PDF with one signature more; the first one sets it."""
    from haechi.act.notice.paper import notice_pdf
    from haechi.core.pades import sign_pdf

    before = evidence.find(Paper, signed.id)
    pdf = notice_pdf(signed, hand.fonts) if before is None else base64.b64decode(before.pdf)
    told = {"name": signature.name, "reason": signature.role}
    made = sign_pdf(pdf, hand.key, hand.tsa, evidence.home, **told, client=hand.client)
    text = base64.b64encode(made.data).decode("ascii")
    return Paper(signed.id, signed.parent, digest_of(made.data), made.level, made.certificate, made.independent, text)


def mark_sent(evidence: Evidence, person: Person, notice_id: str, channel: str, cap: int, why: str = "") -> Notice:
    """Note that a signed notice went out; its clock starts.

    Args:
        evidence: where it is.
        person: who sent it.
        notice_id: the notice.
        channel: how, e.g. "web form".
        cap: most notices a day (UTC).
        why: reason; a second person is asked with it once there are accounts.

    Raises:
        InputError: no such notice, or it is not signed.
        PolicyError: the cap is reached, or a second person must consent.
    """
    person.need("notice.send")
    _may_send(evidence.get(Notice, notice_id), _sent_today(evidence.all(Notice)), cap)
    consent = None
    if not person.alone:
        notice = evidence.get(Notice, notice_id)
        told = {"text": digest_of(notice.text.encode()), "to": notice.to}
        consent = need_second(
            evidence, person, "notice.send", notice_id, why or f"{notice.law} to {notice.to}", RULE, told
        )

    def work(change: Change) -> Notice:
        notice = change.get(Notice, notice_id)
        _may_send(notice, _sent_today(change.all(Notice)), cap)
        if consent is not None:
            consent.use(change, why)
        now = datetime.now(UTC)
        clock = law_named(notice.law).clocks[0]
        deadline = (now + clock.due).isoformat(timespec="seconds")
        sent = replace(
            notice, state=NoticeState.SENT, state_at=now.isoformat(timespec="milliseconds"), deadline=deadline
        )
        return change.put(sent, "notice.send", why, channel=channel, second=consent.second if consent else "")

    return evidence.change(work)


def note_answer(evidence: Evidence, person: Person, notice_id: str, state: NoticeState, text: str) -> Notice:
    """Note what became of a notice.

    Raises:
        InputError: no such notice, or the answer does not follow from its state.
        PolicyError: the person may not.
    """
    person.need("notice.answer")

    def work(change: Change) -> Notice:
        notice = change.get(Notice, notice_id)
        if state not in ANSWERS.get(notice.state, ()):
            known = ", ".join(ANSWERS.get(notice.state, ())) or "nothing"
            raise InputError(f"{notice_id} is {notice.state}; what can follow is: {known}")
        answer = {"state": state.value, "text": text, "at": moment(), "by": person.name}
        answered = replace(notice, state=state, state_at=answer["at"], answers=(*notice.answers, answer))
        return change.put(answered, "notice.answer", text, state=state.value)

    return evidence.change(work)


def meter(notices: list[Notice], to: str) -> Meter:
    """How an addressee took our notices of the last 90 days."""
    since = datetime.now(UTC) - timedelta(days=METER_DAYS)
    outcomes = [
        one.answers[-1]["state"]
        for one in notices
        if one.to.casefold() == to.casefold() and one.answers and datetime.fromisoformat(one.answers[-1]["at"]) > since
    ]
    decided = [state for state in outcomes if state != NoticeState.ACKNOWLEDGED]
    return Meter(len(decided), decided.count(NoticeState.REFUSED.value))


def _may_sign(change: Change | Evidence, notice: Notice, person: Person, why: str) -> None:
    gaps = missing(notice)
    if gaps:
        told = ", ".join("why it is no satire or parody (--parody)" if gap == PARODY else gap for gap in gaps)
        raise InputError(f"{notice.id} cannot be signed, it lacks: {told}; draft it again with these fields")
    if notice.state is not NoticeState.DRAFTED:
        raise InputError(f"{notice.id} is {notice.state} already")
    two = law_named(notice.law).two_people
    if two and person.alone:
        raise PolicyError(f"{RULE}: {notice.law} takes the signatures of two accounts; make them: haechi user add")
    if any(one.by == person.name for one in notice.signatures):
        raise PolicyError(f"{RULE}: {notice.law} takes two people, and {person.name} has signed already")
    if meter(change.all(Notice), notice.to).warns and not why.strip():
        raise PolicyError(f"{RULE}: {notice.to} refused most of our notices lately; say why this one: --because TEXT")


def _may_send(notice: Notice, sent_today: int, cap: int) -> None:
    if notice.state is not NoticeState.SIGNED:
        raise InputError(f"{notice.id} is {notice.state}; only a signed notice is sent: haechi notice sign {notice.id}")
    if sent_today >= cap:
        raise PolicyError(f"{RULE}: {cap} notices went out today (UTC), which is the cap; go on tomorrow")


def _sent_today(notices: list[Notice]) -> int:
    """Notices whose clock started today; `deadline` minus the clock is when that was."""
    today = datetime.now(UTC).date()
    started = (
        datetime.fromisoformat(one.deadline) - law_named(one.law).clocks[0].due for one in notices if one.deadline
    )
    return sum(moment_sent.date() == today for moment_sent in started)
