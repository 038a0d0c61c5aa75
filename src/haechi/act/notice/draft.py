"""Drafts: a law's fields filled from the case, the verdict and the user; what is still missing is named.

Steps:
1. Location and evidence from the case's exhibits, facts from the verdict's reasons; what the user gives comes first.
2. The text in the addressee's language, with every statement that the signer makes.
Invariants: the media itself is never in a notice; of a case in a stricter lane, addresses and reference numbers alone.
A draft may have gaps, and shows them; a signature is refused while there is one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haechi.act.notice import wording
from haechi.act.notice.fields import CHOICES, FIELDS, STATEMENTS
from haechi.act.notice.laws import Law, law_named
from haechi.core.errors import InputError
from haechi.core.evidence import Case, Exhibit, Lane, Notice, NoticeState, Stamp
from haechi.core.ledger.entries import moment
from haechi.core.people import Person
from haechi.core.store import new_id
from haechi.core.store.evidence import Evidence

MOST_CHARACTERS = 20_000
PARODY = "parody"
"""What stands among the missing while the question of satire and parody is open."""


def draft_notice(
    evidence: Evidence,
    person: Person,
    case_id: str,
    law_key: str,
    to: str,
    given: Mapping[str, str],
    *,
    language: str | None = None,
    parody: str = "",
    report: Mapping[str, Any] | None = None,
    exhibits: Sequence[str] = (),
) -> Notice:
    """Draft a notice.

    Args:
        evidence: where the case is.
        person: who drafts.
        case_id: the case.
        law_key: e.g. "us-tida".
        to: addressee, e.g. the platform.
        given: fields by key.
        language: "ko", "en" or "ja"; the law's when None.
        parody: why it is no satire or parody, or why it is illegal all the same.
        report: a `haechi.report/1` whose reasons become the facts.
        exhibits: ids to rest on; all of the case when empty.

    Raises:
        InputError: no such case, law, field, language or exhibit, or no addressee.
        PolicyError: the person may not.
    """
    person.need("notice.draft")
    law, case = law_named(law_key), evidence.get(Case, case_id)
    spoken = language or law.language
    if spoken not in wording.LANGUAGES:
        raise InputError(f"notices are written in {', '.join(wording.LANGUAGES)}, not {spoken!r}")
    _check(law, to, given)
    chosen = _exhibits(evidence, case, exhibits)
    derived = _derived(evidence, law, case, chosen, report, spoken)
    filled = {name: given.get(name) or derived.get(name, "") for name in law.asked(given)}
    to, parody = to.strip(), parody.strip()
    notice = Notice(
        id=new_id("N"),
        parent=case.id,
        law=law.key,
        to=to,
        language=spoken,
        fields=filled,
        exhibits=tuple(one.id for one in chosen),
        text=compose(law, case, to, filled, spoken, parody),
        parody=parody,
        state=NoticeState.DRAFTED,
        state_at=moment(),
        drafted_by=person.name,
    )
    return evidence.change(lambda change: change.put(notice, "notice.draft", law=law.key, to=to, case=case.id))


def missing(notice: Notice) -> list[str]:
    """Keys of what the law asks for and the notice lacks, and `PARODY` while that question is open."""
    law = law_named(notice.law)
    gaps = [name for name in law.asked(notice.fields) if not notice.fields.get(name, "").strip()]
    return gaps if notice.parody else [*gaps, PARODY]


def compose(law: Law, case: Case, to: str, fields: Mapping[str, str], language: str, parody: str) -> str:
    """The text of a notice."""
    gap = wording.MISSING.speak(language)
    lines = [wording.DRAFT.speak(language), "", law.title.speak(language), ""]
    lines += [
        f"{wording.TO.speak(language)}: {to}",
        f"{wording.FILER.speak(language)}: {law.filer.speak(language)}",
        "",
    ]
    for number, name in enumerate(law.asked(fields), 1):
        value = fields.get(name, "").strip() or gap
        if law.choice is not None and name == law.choice.field and value in CHOICES:
            value = CHOICES[value].speak(language)
        lines.append(f"{number}. {FIELDS[name].speak(language)}")
        lines += [f"   {line}" for line in value.split("\n")]
    if case.lane is not Lane.ORDINARY:
        lines += ["", wording.NO_MEDIA.speak(language)]
    lines += ["", wording.STATEMENTS.speak(language)]
    lines += [f"- {STATEMENTS[name].speak(language)}" for name in law.statements]
    lines += ["", f"{wording.PARODY.speak(language)}: {parody or gap}"]
    if law.remark is not None:
        lines += ["", f"{wording.REMARK.speak(language)}: {law.remark.speak(language)}"]
    return "\n".join(lines) + "\n"


def signed_text(notice: Notice) -> str:
    """The text with the signatures under it."""
    label = wording.SIGNED.speak(notice.language)
    return notice.text + "".join(f"\n{label}: {one.name}, {one.role}, {one.at}" for one in notice.signatures)


def reasons(report: Mapping[str, Any], language: str) -> str:
    """The reasons of a verdict in the addressee's language.

    Args:
        report: the JSON contract `haechi.report/1`.
        language: of the addressee.

    Raises:
        InputError: it is no report.
    """
    try:
        lines = [f"{wording.VERDICT.speak(language)}: {wording.VERDICTS[report['verdict']].speak(language)}"]
        for change in report.get("changes", []):
            region = wording.REGIONS[change["kind"]].speak(language)
            start, end = change.get("start_s"), change.get("end_s")
            if start is not None and end is not None and end > start:
                when = wording.FROM_TO.speak(language)
                region = f"{region}: {when.format(start=round(start, 1), end=round(end, 1))}"
            lines.append(f"- {region}")
        lines += [f"({report['probe']['sha256']})"]
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError("this is not a report of haechi check --json") from error
    return "\n".join(lines)


def _derived(
    evidence: Evidence, law: Law, case: Case, chosen: Sequence[Exhibit], report: Mapping[str, Any] | None, language: str
) -> dict[str, str]:
    """What need not be typed: what the exhibits say, the reasons of the verdict, and what is waived for a child."""
    waived = law.waived if case.lane is Lane.MINOR else ()
    return {
        "location": "\n".join(dict.fromkeys(one.url for one in chosen if one.url)),
        "evidence": "\n".join(_reference(evidence, case, one, language) for one in chosen),
        "facts": reasons(report, language) if report is not None else "",
        **dict.fromkeys(waived, wording.WAIVED.speak(language)),
    }


def _check(law: Law, to: str, given: Mapping[str, str]) -> None:
    if not to.strip():
        raise InputError("a notice needs its addressee: --to PLATFORM")
    _check_choice(law, given)
    asked = law.asked(given)
    for name, value in given.items():
        if name not in asked:
            raise InputError(f"{law.key} asks for no field {name!r}; it asks for {', '.join(asked)}")
        if len(value) > MOST_CHARACTERS:
            raise InputError(f"the field {name} is too long: {MOST_CHARACTERS} characters at most")


def _check_choice(law: Law, given: Mapping[str, str]) -> None:
    """One of the words that the law knows; what only another word asks for is no field."""
    if law.choice is None or not (chosen := given.get(law.choice.field, "").strip()):
        return
    if chosen not in law.choice.asks:
        raise InputError(f"{law.choice.field} is one of {', '.join(law.choice.asks)}, not {chosen!r}")


def _exhibits(evidence: Evidence, case: Case, wanted: Sequence[str]) -> list[Exhibit]:
    known = {one.id: one for one in evidence.all(Exhibit, case.id)}
    for identity in wanted:
        if identity not in known:
            raise InputError(f"{case.id} has no exhibit {identity}; haechi case show {case.id} lists them")
    return [known[identity] for identity in wanted] if wanted else list(known.values())


def _reference(evidence: Evidence, case: Case, exhibit: Exhibit, language: str) -> str:
    """One line about an exhibit; hashes of sexual media stay out of what goes to strangers."""
    parts = [exhibit.id, exhibit.url]
    if exhibit.posted:
        parts.append(f"{wording.POSTED.speak(language)} {exhibit.posted}")
    if exhibit.account:
        parts.append(f"{wording.ACCOUNT.speak(language)} {exhibit.account}")
    if case.lane is Lane.ORDINARY:
        parts += [part.sha256 for part in exhibit.parts]
    parts += [f"{wording.STAMPED.speak(language)} {stamp.at}" for stamp in evidence.all(Stamp, exhibit.id)]
    return " · ".join(part for part in parts if part)
