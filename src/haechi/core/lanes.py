"""The lanes as law: what must not happen in each, and whom to call.

Every refusal names the rule of DESIGN.md section 2 and the law behind it.
Sources: 아동·청소년의 성보호에 관한 법률 (Act on the Protection of Children and Youth against Sex Offenses) 11(5);
성폭력범죄의 처벌 등에 관한 특례법 (Act on Special Cases concerning Sexual Crimes) 14-2(4); 18 U.S.C. 2252A;
Protection of Children Act 1978 (UK) 1; 児童ポルノ禁止法 (Japan) 7.
Limits: numbers and addresses change: a company checks them, and adds its own counsel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from haechi.core.errors import InputError, PolicyError
from haechi.core.evidence import Case, CaseState, Exhibit, Lane

if TYPE_CHECKING:
    from haechi.core.store.evidence import Evidence
    from haechi.core.store.ledger import Change

MINOR_RULE: Final = "rule 3 (a minor's sexual media is never fetched, decoded, hashed, thumbnailed or stored)"
SEXUAL_RULE: Final = "rule 4 (an adult's sexual media: legal role, second approver and a reason; sealed at once)"
MINOR_LAW: Final = "아청법 11(5), 18 U.S.C. 2252A"
SEXUAL_LAW: Final = "성폭력처벌법 14-2(4)"

WHOM_TO_CALL: Final[tuple[tuple[str, str, str], ...]] = (
    ("KR", "경찰청 긴급신고 / Police", "112"),
    ("KR", "디지털성범죄피해자지원센터 / Digital Sex Crime Victim Support Center (D4U)", "02-735-8994, d4u.stop.or.kr"),
    ("KR", "여성긴급전화 / Women's emergency line", "1366"),
    ("KR", "방송미디어통신심의위원회 / Review committee", "1377"),
    ("US", "NCMEC CyberTipline", "report.cybertip.org, 1-800-843-5678"),
    ("UK", "Internet Watch Foundation", "report.iwf.org.uk"),
    ("JP", "インターネット・ホットラインセンター / Internet Hotline Center", "internethotline.jp"),
    ("EU", "INHOPE hotlines", "inhope.org"),
)
"""Country, whom, where."""


def lane_of(evidence: Evidence | Change, exhibit_id: str) -> Lane:
    """The lane that holds for an exhibit: the stricter of its own and its case's.

    Raises:
        InputError: no such exhibit.
    """
    exhibit = evidence.get(Exhibit, exhibit_id)
    return max(exhibit.lane, evidence.get(Case, exhibit.parent).lane, key=lambda lane: lane.strictness)


def refuse_media(case: Case, doing: str) -> None:
    """Stop before anything touches media of a minor.

    Raises:
        PolicyError: the case is of that lane.
    """
    if case.lane is Lane.MINOR:
        raise PolicyError(
            f"{MINOR_RULE}; law: {MINOR_LAW}: {doing} is refused for {case.id}. Keep the address alone "
            "(haechi exhibit note) and call the police or a hotline: haechi case show lists them"
        )


def need_open(case: Case) -> None:
    """See that something may be added to a case.

    Raises:
        PolicyError: it is locked, in the lane of minors.
        InputError: it is closed.
    """
    if case.state is CaseState.LOCKED:
        raise PolicyError(f"{MINOR_RULE}; law: {MINOR_LAW}: {case.id} is locked; only addresses are added to it")
    if case.state is CaseState.CLOSED:
        raise InputError(f"{case.id} is closed; open a new case")


def refuse_clear(lane: Lane, doing: str) -> None:
    """Stop before anything clear of sexual media leaves the vault.

    Raises:
        PolicyError: the lane is not the ordinary one.
    """
    if lane is not Lane.ORDINARY:
        rule, law = (MINOR_RULE, MINOR_LAW) if lane is Lane.MINOR else (SEXUAL_RULE, SEXUAL_LAW)
        raise PolicyError(f"{rule}; law: {law}: {doing} is refused")
