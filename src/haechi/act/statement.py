"""What a company says in public of a case, and what it tells fans: drafts of facts alone, for counsel.

Facts: how many places were preserved and on which services, since when, which notices went out and what became of them.
Invariants (DESIGN.md rule 7): outside the ordinary lane neither artist nor title is named, nor a service, nor a day:
together they could point at the victim of a sexual offence. Of a minor nothing is said at all. No address and no
account ever. Nothing here says that something is fake: an advisory does, once a person has confirmed it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from haechi.core.errors import InputError, PolicyError
from haechi.core.evidence import Case, Exhibit, Lane, Notice, NoticeState
from haechi.core.lanes import MINOR_LAW, MINOR_RULE
from haechi.core.people import Person
from haechi.core.store.evidence import Evidence

KINDS: Final = ("public", "fans")
LANGUAGES: Final = ("ko", "en")
_OUT: Final = (NoticeState.SENT, NoticeState.ACKNOWLEDGED, NoticeState.REFUSED, NoticeState.REMOVED)
_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "draft": "DRAFT FOR COUNSEL: not to be published before a lawyer has reviewed it. This is not legal advice.",
        "public": "Statement",
        "fans": "Notice to fans",
        "about": "This concerns material about {artist} that was posted online and that we are examining.",
        "withheld": "This concerns material that was posted online. To protect the person concerned we name nobody.",
        "seen": "Since {day} (UTC) we have preserved {count} items as evidence{where}.",
        "kept": "Evidence has been preserved and sealed.",
        "sent": "Notices sent: {sent}; material removed: {removed}; refused: {refused}.",
        "ask": "Please do not watch, save or share it, not even to warn others: sharing spreads it.",
        "tell": "If you see it, send us its address, the service, the account shown and the time of posting; no copy.",
        "legal": "Further steps are being prepared with counsel.",
        "where": " ({places})",
        "place": "{name}: {count}",
    },
    "ko": {
        "draft": "초안: 법률 전문가의 검토 없이 게시하지 마십시오. 법률 자문이 아닙니다.",
        "public": "입장문",
        "fans": "팬 여러분께 드리는 안내",
        "about": "온라인에 게시되어 당사가 확인하고 있는, {artist} 관련 게시물에 대한 안내입니다.",
        "withheld": "온라인에 게시된 게시물에 대한 안내입니다. 당사자를 보호하기 위해 누구의 이름도 밝히지 않습니다.",
        "seen": "{day}(UTC)부터 {count}건을 증거로 보존했습니다{where}.",
        "kept": "증거를 보존하고 봉인했습니다.",
        "sent": "발송한 통지 {sent}건, 삭제 {removed}건, 거절 {refused}건.",
        "ask": "보거나 저장하거나 공유하지 마십시오. 경고하려는 공유도 확산을 돕습니다.",
        "tell": "발견하시면 사본 없이 주소, 서비스 이름, 표시된 계정, 게시 시각만 알려 주십시오.",
        "legal": "법률 전문가와 함께 다음 조치를 준비하고 있습니다.",
        "where": "({places})",
        "place": "{name} {count}건",
    },
}


def draft_statement(evidence: Evidence, person: Person, case_id: str, kind: str, language: str) -> str:
    """Draft a text; that it was drafted is logged.

    Args:
        evidence: where the case is.
        person: who drafts.
        case_id: the case.
        kind: "public" or "fans".
        language: "ko" or "en".

    Raises:
        InputError: no such case, kind or language.
        PolicyError: the person may not, or the case is of a minor.
    """
    person.need("notice.draft")
    if kind not in KINDS or language not in LANGUAGES:
        raise InputError(f"a statement is one of {', '.join(KINDS)}, in one of {', '.join(LANGUAGES)}")
    case = evidence.get(Case, case_id)
    if case.lane is Lane.MINOR:
        raise PolicyError(
            f"{MINOR_RULE}; law: {MINOR_LAW}: nothing is said in public of {case_id}; ask the police first"
        )
    words = _WORDS[language]
    lines = [words["draft"], "", words[kind], "", *_facts(evidence, case, words), ""]
    lines += [words["ask"], words["tell"]] if kind == "fans" else [words["legal"]]
    evidence.change(lambda change: change.log("case.statement", case_id, kind=kind, language=language))
    return "\n".join(lines) + "\n"


def _facts(evidence: Evidence, case: Case, words: Mapping[str, str]) -> list[str]:
    exhibits = evidence.all(Exhibit, case.id)
    if case.lane is not Lane.ORDINARY or any(one.lane is not Lane.ORDINARY for one in exhibits):
        lines = [words["withheld"], *([words["kept"]] if exhibits else [])]
    else:
        lines = [words["about"].format(artist=case.artist), *_seen(exhibits, words)]
    notices = evidence.all(Notice, case.id)
    states = [one.state for one in notices]
    sent = [one for one in notices if one.deadline or one.state in _OUT]
    if sent:
        told = {"removed": states.count(NoticeState.REMOVED), "refused": states.count(NoticeState.REFUSED)}
        lines.append(words["sent"].format(sent=len(sent), **told))
    return lines


def _seen(exhibits: Sequence[Exhibit], words: Mapping[str, str]) -> list[str]:
    if not exhibits:
        return []
    names = [one.platform for one in exhibits if one.platform]
    places = ", ".join(words["place"].format(name=name, count=names.count(name)) for name in dict.fromkeys(names))
    where = words["where"].format(places=places) if places else ""
    day = min(one.added_at for one in exhibits)[:10]
    return [words["seen"].format(day=day, count=len(exhibits), where=where)]
