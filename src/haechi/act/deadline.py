"""Deadlines that cannot be forgotten: what each law's clock says of each notice, and where retention ends.

As a calendar (RFC 5545), in the user's language: one event each, with a reminder a day before (an hour, when the clock
is two days or less). An event keeps its UID from one calendar to the next, so that a program that takes in a newer one
does not show it twice. Nothing in it names an artist, a title or an address: a calendar travels.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from haechi.act.notice.laws import Clock, law_named
from haechi.core.errors import InputError
from haechi.core.evidence import Case, CaseState, Notice, NoticeState
from haechi.core.language import Language, mark
from haechi.core.store.evidence import Evidence

_OPEN_BEFORE_ANSWER = (NoticeState.SENT, NoticeState.ACKNOWLEDGED)
_LINE_BYTES = 75


@dataclass(frozen=True, slots=True)
class Deadline:
    """Something that ends.

    Attributes:
        at: when, aware, UTC.
        subject: notice or case.
        case: the case.
        law: key, or empty for retention.
        what: what ends then.
        statutory: False for a reminder of our own.
        starts: when the clock started, aware, UTC.
    """

    at: datetime
    subject: str
    case: str
    law: str
    what: str
    statutory: bool
    starts: datetime

    def overdue(self, now: datetime) -> bool:
        """True when it has passed."""
        return self.at <= now


def deadlines(evidence: Evidence) -> list[Deadline]:
    """Every deadline that still matters, the nearest first."""
    found = [one for notice in evidence.all(Notice) for one in of_notice(notice)]
    for case in evidence.all(Case):
        if case.state is not CaseState.LOCKED:
            starts = datetime.fromisoformat(case.opened_at)
            ends = datetime.fromisoformat(case.keep_until).replace(tzinfo=UTC)
            found.append(
                Deadline(ends, case.id, case.id, "", mark("retention ends: destroy, or say why not"), True, starts)
            )
    return sorted(found, key=lambda one: (one.at, one.subject))


def of_notice(notice: Notice) -> list[Deadline]:
    """The deadlines that run for a notice in its present state."""
    clocks = [clock for clock in law_named(notice.law).clocks if _runs(clock, notice.state)]
    return [_deadline(notice, clock) for clock in clocks]


def to_ics(found: list[Deadline], now: datetime, say: Language) -> str:
    """The deadlines as an iCalendar file.

    Args:
        found: at least one.
        now: aware.
        say: the language of the reader.

    Raises:
        InputError: there is none; a calendar without an event is none (RFC 5545, 3.4).
    """
    if not found:
        raise InputError(say(mark("no deadline runs, and a calendar has at least one: none was written")))
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:-//Haechi//deadlines//{say.code.upper()}", "CALSCALE:GREGORIAN"]
    for one in found:
        lines += _event(one, now, say)
    return "\r\n".join(folded for line in [*lines, "END:VCALENDAR"] for folded in _fold(line)) + "\r\n"


def _event(one: Deadline, now: datetime, say: Language) -> list[str]:
    before = "PT1H" if one.at - one.starts <= timedelta(days=2) else "P1D"
    title = _escaped(" ".join(part for part in (one.law, one.subject, say(one.what)) if part))
    kind = mark("The law sets this deadline.") if one.statutory else mark("Our own reminder; no law sets it.")
    which = hashlib.sha256(f"{one.law}\n{one.what}".encode()).hexdigest()[:12]
    return [
        "BEGIN:VEVENT",
        f"UID:{one.subject}-{which}@haechi",
        f"DTSTAMP:{_utc(now)}",
        f"DTSTART:{_utc(one.at)}",
        f"SUMMARY;LANGUAGE={say.code}:{title}",
        f"DESCRIPTION;LANGUAGE={say.code}:{_escaped(say(kind))}",
        "TRANSP:TRANSPARENT",
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        f"DESCRIPTION;LANGUAGE={say.code}:{title}",
        f"TRIGGER:-{before}",
        "END:VALARM",
        "END:VEVENT",
    ]


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _runs(clock: Clock, state: NoticeState) -> bool:
    if clock.after == "sent":
        return state in _OPEN_BEFORE_ANSWER or state is NoticeState.REAPPEARED
    return clock.after == state.value


def _deadline(notice: Notice, clock: Clock) -> Deadline:
    first = law_named(notice.law).clocks[0]
    starts = datetime.fromisoformat(notice.state_at)
    if clock == first and notice.deadline and notice.state in _OPEN_BEFORE_ANSWER:
        starts = datetime.fromisoformat(notice.deadline) - first.due
    at = starts.astimezone(UTC) + clock.due
    return Deadline(at, notice.id, notice.parent, notice.law, clock.what, clock.statutory, starts)


def _escaped(text: str) -> str:
    """A TEXT value (RFC 5545, 3.3.11): other control characters than the line feed have no place in one."""
    text = "".join(character for character in text if character >= " " or character == "\n").replace("\x7f", "")
    for plain, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        text = text.replace(plain, escaped)
    return text


def _fold(line: str) -> list[str]:
    """Lines of at most 75 octets, continued with a blank, never cut within a character."""
    folded, current = [], ""
    for character in line:
        if len((current + character).encode()) > _LINE_BYTES:
            folded.append(current)
            current = " "
        current += character
    return [*folded, current]
