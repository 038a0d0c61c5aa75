"""What each law asks of a notice, as data: fields, statements, clocks, who may file, and in which language.

Their words stand in `fields`.
Sources, as of November 2026: 정보통신망법 44-2, 44-6, 44-12 and 시행령 35-6; TAKE IT DOWN Act (Pub. L. 119-12)
section 3; 17 U.S.C. 512(c)(3); Regulation (EU) 2022/2065 article 16(2); Online Safety Act 2023 section 10(3A);
情報流通プラットフォーム対処法. Requests to two Korean bodies that act for the victim stand beside the laws: the
Digital Sex Crime Victim Support centre (D4U; 성폭력방지법 7-3) and the review committee (1377; 정보통신망법 44-7).
Limits: every text made from this is a draft for counsel and says so. A clock that no statute sets is ours, a reminder;
those of the two bodies are ours, and their legal references want counsel. The NO FAKES Act is a bill, not law: there is
no template for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from haechi.act.notice.wording import Words
from haechi.core.errors import InputError
from haechi.core.language import mark


@dataclass(frozen=True, slots=True)
class Clock:
    """When an answer is due.

    Attributes:
        after: "sent", or the state that starts it.
        due: how long after.
        what: what ends then.
        statutory: False for a reminder of our own.
    """

    after: str
    due: timedelta
    what: str
    statutory: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """A field that takes one of a few words, and the further fields that each word asks for.

    Attributes:
        field: key of `FIELDS`.
        asks: word, a key of `CHOICES` -> keys of `FIELDS`.
    """

    field: str
    asks: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Law:
    """One law, or one body that is asked for help.

    Attributes:
        key: as the command line has it.
        title: name and article.
        filer: who may file.
        language: what its addressees read.
        fields: required, in order; keys of `FIELDS`.
        statements: what the signer declares; keys of `STATEMENTS`.
        clocks: deadlines; the first that starts with "sent" is the answer's.
        two_people: True when two must sign.
        remark: what counsel must look at first, or None.
        waived: what need not be said where a child is abused (DSA article 16(2)(c)); keys of `FIELDS`.
        choice: who may ask and with which papers, where that decides what else is required; or None.
    """

    key: str
    title: Words
    filer: Words
    language: str
    fields: tuple[str, ...]
    statements: tuple[str, ...]
    clocks: tuple[Clock, ...]
    two_people: bool = False
    remark: Words | None = None
    waived: tuple[str, ...] = ()
    choice: Choice | None = None

    def asked(self, given: Mapping[str, str]) -> tuple[str, ...]:
        """Keys of the fields that are required, in order, with what `given` chooses."""
        if self.choice is None:
            return self.fields
        further = self.choice.asks.get(given.get(self.choice.field, "").strip(), ())
        after = self.fields.index(self.choice.field) + 1
        return (*self.fields[:after], *further, *self.fields[after:])


_DAY: Final = timedelta(days=1)
_AGAIN: Final = Clock("removed", 30 * _DAY, mark("look whether it has come back"), False)
_KR_FILER: Final = Words(
    "권리를 침해받은 자 또는 대리인", "the injured person or an agent", "権利を侵害された者または代理人"
)
_ANYONE: Final = Words("누구나", "anyone", "何人も")

LAWS: Final[tuple[Law, ...]] = (
    Law(
        key="kr-44-2",
        title=Words(
            "정보통신망법 제44조의2 정보의 삭제요청",
            "Request under article 44-2 of the Korean Network Act",
            "韓国情報通信網法第44条の2による削除要請",
        ),
        filer=_KR_FILER,
        language="ko",
        fields=(
            "name",
            "capacity",
            "email",
            "location",
            "item",
            "right",
            "facts",
            "evidence",
            "demand",
            "result_channel",
        ),
        statements=("true",),
        clocks=(
            Clock("sent", 3 * _DAY, mark("answer due without delay (reminder)"), False),
            Clock("acknowledged", 30 * _DAY, mark("temporary block may end"), True),
            _AGAIN,
        ),
    ),
    Law(
        key="kr-44-12",
        title=Words(
            "정보통신망법 제44조의12 및 시행령 제35조의6에 따른 신고",
            "Report under article 44-12 of the Korean Network Act (decree 35-6)",
            "韓国情報通信網法第44条の12による申告",
        ),
        filer=_ANYONE,
        language="ko",
        fields=("name", "representative", "phone", "email", "location", "item", "reasons", "facts", "evidence"),
        statements=("true",),
        clocks=(
            Clock("sent", 7 * _DAY, mark("receipt and outcome expected (reminder)"), False),
            Clock("refused", 182 * _DAY, mark("appeal ends (6 months)"), True),
            _AGAIN,
        ),
        remark=Words(
            "대규모 사업자에게만 적용되며 남용 신고자는 거부될 수 있습니다(44-13).",
            "Applies to large providers only; abusive reporters can be refused (44-13).",
            "大規模事業者にのみ適用されます(44-13)。",
        ),
    ),
    Law(
        key="kr-44-6",
        title=Words(
            "정보통신망법 제44조의6 이용자 정보의 제공청구",
            "Request for a user's identity under article 44-6 of the Korean Network Act",
            "韓国情報通信網法第44条の6による利用者情報の提供請求",
        ),
        filer=_KR_FILER,
        language="ko",
        fields=("name", "address", "phone", "email", "location", "purpose", "right", "facts", "evidence"),
        statements=("true",),
        clocks=(Clock("sent", 60 * _DAY, mark("mediation route ends"), True),),
        two_people=True,
    ),
    Law(
        key="us-tida",
        title=Words(
            "미국 TAKE IT DOWN Act에 따른 삭제 요청",
            "Notice under the TAKE IT DOWN Act, section 3",
            "米国TAKE IT DOWN法による削除要請",
        ),
        filer=Words(
            "묘사된 본인 또는 위임받은 대리인", "the person or an authorised representative", "本人または代理人"
        ),
        language="en",
        fields=("name", "capacity", "email", "identification", "intimate", "location", "facts", "evidence"),
        statements=("non_consent",),
        clocks=(Clock("sent", timedelta(hours=48), mark("removal due, of identical copies too (48 h)"), True), _AGAIN),
    ),
    Law(
        key="us-dmca",
        title=Words(
            "미국 저작권법 512(c)(3)에 따른 통지",
            "Notification of claimed infringement, 17 U.S.C. 512(c)(3)",
            "米国著作権法512(c)(3)による通知",
        ),
        filer=Words("저작권자 또는 대리인", "the owner of the work or an agent", "著作権者または代理人"),
        language="en",
        fields=(
            "name",
            "capacity",
            "address",
            "phone",
            "email",
            "owner",
            "work",
            "location",
            "item",
            "facts",
            "evidence",
        ),
        statements=("dmca_belief", "perjury"),
        clocks=(
            Clock("sent", 3 * _DAY, mark("expeditious removal expected (reminder)"), False),
            Clock(
                "refused", 14 * _DAY, mark("after a counter-notice the content may return unless suit is filed"), True
            ),
            _AGAIN,
        ),
        two_people=True,
        remark=Words(
            "귀사의 영상이 실제로 사용된 경우에만 해당합니다.",
            "Only if footage that the company owns was used; a likeness alone is not copyright.",
            "自社の映像が実際に使われた場合に限ります。",
        ),
    ),
    Law(
        key="eu-dsa16",
        title=Words(
            "EU 디지털서비스법 제16조 통지",
            "Notice under article 16 of Regulation (EU) 2022/2065",
            "EUデジタルサービス法第16条による通知",
        ),
        filer=_ANYONE,
        language="en",
        fields=("name", "email", "location", "reasons", "facts", "evidence"),
        statements=("good_faith",),
        clocks=(Clock("sent", 7 * _DAY, mark("timely decision expected (reminder)"), False), _AGAIN),
        waived=("name", "email"),
    ),
    Law(
        key="uk-osa",
        title=Words(
            "영국 온라인안전법 제10조(3A) 통지",
            "Notice under section 10(3A) of the Online Safety Act 2023",
            "英国オンライン安全法第10条(3A)による通知",
        ),
        filer=Words("당사자 또는 대리인", "the subject or an agent", "本人または代理人"),
        language="en",
        fields=("name", "capacity", "email", "location", "item", "facts", "evidence"),
        statements=("good_faith", "non_consent"),
        clocks=(Clock("sent", timedelta(hours=48), mark("removal due (48 h)"), True), _AGAIN),
        remark=Words(
            "시행 여부와 필수 기재사항을 확인하십시오.",
            "Commencement and the content that regulations require are to be confirmed.",
            "施行状況を確認してください。",
        ),
    ),
    Law(
        key="jp-idpa",
        title=Words(
            "일본 정보유통플랫폼대처법에 따른 삭제 신청",
            "Request under the Japanese Information Distribution Platform Act",
            "情報流通プラットフォーム対処法に基づく削除の申出",
        ),
        filer=Words("권리를 침해받은 자", "the injured person", "権利を侵害された者"),
        language="ja",
        fields=("name", "email", "location", "right", "reasons", "facts", "evidence"),
        statements=("true",),
        clocks=(Clock("sent", 7 * _DAY, mark("decision and notice due (7 days)"), True), _AGAIN),
    ),
    Law(
        key="kr-d4u",
        title=Words(
            "디지털성범죄피해자지원센터(D4U) 삭제지원 신청",
            "Request for help with removal to the Korean Digital Sex Crime Victim Support centre (D4U)",
            "韓国デジタル性犯罪被害者支援センター(D4U)への削除支援の申請",
        ),
        filer=Words(
            "피해자 본인, 친족 또는 피해자가 지정한 대리인",
            "the victim, kin, or an agent whom the victim named",
            "被害者本人、親族または被害者が指名した代理人",
        ),
        language="ko",
        fields=("asker", "name", "identity", "phone", "email", "location", "description", "demand"),
        statements=("true",),
        clocks=(Clock("sent", 3 * _DAY, mark("answer of the support centre expected (reminder)"), False), _AGAIN),
        remark=Words(
            "법적 근거(성폭력방지법 제7조의3)와 기한은 변호사가 확인해야 합니다. "
            "기한은 법정 기한이 아니라 자체 알림입니다.",
            "The legal basis (Korean Sexual Violence Prevention Act, article 7-3) is for counsel to confirm; no "
            "statute sets a clock: the date in the calendar is our own reminder.",
            "法的根拠(性暴力防止法第7条の3)は弁護士の確認が必要です。期限は法定のものではなく当方の目安です。",
        ),
        choice=Choice("asker", {"victim": (), "kin": ("kinship",), "agent": ("attorney",)}),
    ),
    Law(
        key="kr-1377",
        title=Words(
            "방송미디어통신심의위원회(1377) 심의·삭제 신고",
            "Report to the Korean review committee (telephone 1377)",
            "韓国審議委員会(1377)への申告",
        ),
        filer=Words("피해자 또는 대리인", "the victim or an agent", "被害者または代理人"),
        language="ko",
        fields=("name", "capacity", "phone", "email", "location", "description", "evidence"),
        statements=("true",),
        clocks=(Clock("sent", _DAY, mark("outcome expected (24 h, the committee's target; reminder)"), False), _AGAIN),
        remark=Words(
            "법적 근거(정보통신망법 제44조의7)와 위원회의 명칭은 변호사가 확인해야 합니다. "
            "24시간은 위원회의 목표이며 법정 기한이 아닙니다.",
            "The legal basis (Korean Network Act, article 44-7) and the committee's present name are for counsel to "
            "confirm; 24 hours is the committee's target, not a statutory term: the calendar's date is our reminder.",
            "法的根拠(情報通信網法第44条の7)は弁護士の確認が必要です。24時間は委員会の目標であり、法定の期限ではありません。",
        ),
    ),
)


def law_named(key: str) -> Law:
    """The law of that key.

    Raises:
        InputError: there is none.
    """
    for law in LAWS:
        if law.key == key:
            return law
    raise InputError(f"there is no template for the law {key!r}; known are {', '.join(law.key for law in LAWS)}")
