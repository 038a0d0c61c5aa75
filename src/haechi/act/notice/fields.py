"""What a law may ask for and have declared, in the three languages of addressees; `laws` says which asks for what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from haechi.act.notice.wording import Words

FIELDS: Final[Mapping[str, Words]] = {
    "name": Words("신고인 성명(법인: 상호)", "Name of the claimant (company: its name)", "申出人の氏名(法人名)"),
    "representative": Words("대표자", "Representative", "代表者"),
    "capacity": Words(
        "권한(본인/대리인과 그 근거)", "Capacity (subject or agent, and on what ground)", "資格(本人・代理人とその根拠)"
    ),
    "address": Words("주소", "Address", "住所"),
    "phone": Words("전화번호", "Telephone", "電話番号"),
    "email": Words("전자우편", "E-mail", "メールアドレス"),
    "location": Words("게시물 위치(URL)", "Location of the content (URL)", "情報の所在(URL)"),
    "item": Words("대상 정보", "The content complained of", "対象となる情報"),
    "right": Words("침해된 권리", "The right that is infringed", "侵害された権利"),
    "facts": Words("침해 사실의 소명", "Facts that substantiate the infringement", "侵害の理由となる事実"),
    "evidence": Words("증거", "Evidence", "証拠"),
    "demand": Words(
        "요청 사항(삭제 또는 반박내용 게재)", "What is demanded (removal, or a rebuttal)", "求める措置(削除等)"
    ),
    "result_channel": Words("처리 결과를 받을 곳", "Where the outcome is to be sent", "結果の通知先"),
    "identification": Words("묘사된 개인의 특정", "Identification of the depicted individual", "描写された個人の特定"),
    "intimate": Words(
        "성적 묘사물임의 확인", "Confirmation that it is an intimate visual depiction", "性的画像である旨の確認"
    ),
    "work": Words("저작물의 특정", "Identification of the copyrighted work", "著作物の特定"),
    "owner": Words("권리자", "Owner of the right", "権利者"),
    "reasons": Words("불법인 이유", "Why the content is illegal", "違法である理由"),
    "purpose": Words("소 제기의 목적", "Purpose of the suit", "訴訟の目的"),
    "asker": Words("신청인의 구분", "Who asks", "申請者の区分"),
    "identity": Words(
        "신분 확인(제시하는 신분증의 종류; 번호는 적지 않음)",
        "Proof of identity (which document is shown; not its number)",
        "本人確認(提示する証明書の種類。番号は書かない)",
    ),
    "kinship": Words(
        "친족관계의 증명(예: 가족관계증명서)",
        "Proof of kinship (e.g. family relations certificate)",
        "親族関係の証明(例:家族関係証明書)",
    ),
    "attorney": Words(
        "피해자가 자필 서명한 위임장(일자, 보관처)",
        "Power of attorney, signed by the victim's own hand (date, where it is kept)",
        "被害者自筆署名の委任状(日付・保管場所)",
    ),
    "description": Words("게시물의 내용", "Description of the content", "内容の説明"),
}

CHOICES: Final[Mapping[str, Words]] = {
    "victim": Words("피해자 본인", "the victim", "被害者本人"),
    "kin": Words(
        "배우자, 직계친족 또는 형제자매",
        "spouse, relative in direct line, brother or sister",
        "配偶者・直系親族・兄弟姉妹",
    ),
    "agent": Words("피해자가 지정한 대리인", "an agent whom the victim named", "被害者が指名した代理人"),
}

STATEMENTS: Final[Mapping[str, Words]] = {
    "true": Words(
        "기재 내용은 사실이며, 거짓 신고가 거부되거나 책임을 질 수 있음을 알고 있습니다.",
        "What is stated here is true to the best of my knowledge; I know that abusive notices may be refused.",
        "記載内容は事実に相違ありません。",
    ),
    "good_faith": Words(
        "이 통지의 정보와 주장이 정확하고 완전하다고 선의로 믿습니다.",
        "I have a bona fide belief that the information and allegations in this notice are accurate and complete.",
        "本通知の情報および主張が正確かつ完全であると誠実に信じています。",
    ),
    "non_consent": Words(
        "이 묘사물이 묘사된 사람의 동의 없이 공개되었다고 선의로 믿습니다.",
        "I have a good faith belief that the intimate visual depiction was published without the consent of the "
        "identifiable individual.",
        "当該画像が本人の同意なく公開されたと誠実に信じています。",
    ),
    "dmca_belief": Words(
        "이용이 저작권자, 그 대리인 또는 법률에 의해 허락되지 않았다고 선의로 믿습니다.",
        "I have a good faith belief that use of the material in the manner complained of is not authorized by the "
        "copyright owner, its agent, or the law.",
        "当該利用が著作権者、その代理人または法律によって許諾されていないと誠実に信じています。",
    ),
    "perjury": Words(
        "이 통지의 정보는 정확하며, 위증의 벌을 감수하고 권리자를 대리할 권한이 있음을 진술합니다.",
        "The information in this notification is accurate, and under penalty of perjury, I am authorized to act on "
        "behalf of the owner of an exclusive right that is allegedly infringed.",
        "本通知の情報は正確であり、偽証罪の罰則の下、権利者を代理する権限を有することを陳述します。",
    ),
}
