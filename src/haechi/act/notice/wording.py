"""The words of a notice besides the law's own, in the three languages of addressees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LANGUAGES: Final = ("ko", "en", "ja")


@dataclass(frozen=True, slots=True)
class Words:
    """A sentence in the three languages of addressees."""

    ko: str
    en: str
    ja: str

    def speak(self, language: str) -> str:
        """The sentence in one of `LANGUAGES`."""
        return {"ko": self.ko, "en": self.en, "ja": self.ja}[language]


DRAFT: Final = Words(
    "초안: 법률 전문가의 검토 없이 발송하지 마십시오. 법률 자문이 아닙니다.",
    "DRAFT FOR COUNSEL: not to be sent before a lawyer has reviewed it. This is not legal advice.",
    "草案:弁護士の確認なしに送付しないでください。法的助言ではありません。",
)
TO: Final = Words("수신", "To", "宛先")
MISSING: Final = Words("[기재 필요]", "[to be filled in]", "[要記入]")
FILER: Final = Words("신청 자격", "Who may file", "申出資格")
STATEMENTS: Final = Words("진술", "Statements", "陳述")
REMARK: Final = Words("검토 사항", "For counsel to check", "確認事項")
SIGNED: Final = Words("서명", "Signed", "署名")
PARODY: Final = Words("풍자·패러디 여부 검토", "Satire or parody considered", "風刺・パロディの検討")
NO_MEDIA: Final = Words(
    "성적 영상물이므로 자료는 첨부하지 않으며, 주소와 식별번호만 적습니다.",
    "No media is attached: this concerns intimate content. Addresses and reference numbers only.",
    "性的な内容のため資料は添付せず、所在と識別番号のみを記載します。",
)
WAIVED: Final = Words(
    "아동 성착취 관련 범죄이므로 기재가 면제됩니다.",
    "Not required: the information concerns an offence of child sexual abuse.",
    "児童の性的虐待に関する犯罪のため、記載は不要です。",
)
VERDICT: Final = Words("검사 결과", "Finding of the examination", "検査結果")
FROM_TO: Final = Words("{start}초부터 {end}초까지", "from {start} s to {end} s", "{start}秒から{end}秒まで")
POSTED: Final = Words("게시", "posted", "投稿")
ACCOUNT: Final = Words("계정", "account", "アカウント")
STAMPED: Final = Words("시점확인", "time stamp", "タイムスタンプ")

VERDICTS: Final[Mapping[str, Words]] = {
    "altered": Words(
        "원본과 대조하여 변조된 것으로 확인",
        "altered, as the comparison with the authentic master shows",
        "原本との照合により改変を確認",
    ),
    "known_fake": Words(
        "이미 확인된 가짜와 동일", "the same as a fake that was confirmed before", "確認済みの偽造物と同一"
    ),
    "likely_fake": Words(
        "조작된 것으로 추정(추가 확인 필요)", "likely fake (an estimate, not a proof)", "偽造の可能性が高い(推定)"
    ),
    "authentic": Words("원본", "authentic", "原本"),
    "authentic_copy": Words(
        "원본의 복제물(변조 없음)", "a copy of the authentic release, not altered", "原本の複製(改変なし)"
    ),
    "inconclusive": Words("판단 불가", "inconclusive", "判断不能"),
    "not_ours": Words("해당 아티스트의 자료가 아님", "nothing of the artist was found", "該当なし"),
}
REGIONS: Final[Mapping[str, Words]] = {
    "mouth": Words("입", "mouth", "口"),
    "eyes": Words("눈", "eyes", "目"),
    "face": Words("얼굴", "face", "顔"),
    "hair": Words("머리카락", "hair", "髪"),
    "neck": Words("목", "neck", "首"),
    "body": Words("몸", "body", "身体"),
    "background": Words("배경", "background", "背景"),
    "voice": Words("목소리", "voice", "声"),
}
