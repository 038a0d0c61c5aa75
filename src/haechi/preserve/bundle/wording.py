# ruff: noqa: E501 - sentences for people stand on one line each
"""Words of the report and of the README, Korean and English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

REPORT: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "title": "Evidence report, case {case}",
        "draft": "Prepared for counsel. It states what was preserved, when, by whom and how; it is not legal advice and "
        "draws no conclusion about any person.",
        "case": "Case",
        "exhibits": "Exhibits",
        "custody": "Chain of custody",
        "notices": "Notices",
        "integrity": "Integrity",
        "limits": "Limits",
        "glossary": "Glossary",
        "signature": "Signature of the person who stands for this report",
        "none": "None.",
        "part": "Part",
        "size": "Bytes",
        "stamp": "Time stamp (UTC)",
        "authority": "Authority",
        "standing": "Standing",
        "independent": "independent authority",
        "not_independent": "NOT INDEPENDENT: made by the same party",
        "when": "When (UTC)",
        "who": "Who",
        "act": "Act",
        "why": "Why",
        "law": "Law",
        "to": "To",
        "state": "State",
        "name": "Name",
        "role": "Role",
        "date": "Date",
        "artist": "Artist",
        "case_title": "Title",
        "lane": "Lane",
        "opened": "Opened",
        "keep_until": "Kept until",
        "url": "Address",
        "posted": "Posted, as shown",
        "account": "Account, as shown",
        "platform": "Platform",
        "added": "Taken in",
        "authority_fact": "Authority",
        "tool": "Tool and method",
        "record": "SHA-256 of the record",
        "withheld": "Not in this bundle",
        "sealed": "sealed; two of three key holders open it",
        "destroyed": "destroyed",
        "entries": "Entries of the ledger",
        "root": "Merkle root",
        "signed_at": "Checkpoint signed",
        "key": "Fingerprint of the signing key",
        "how": "To verify: unpack the bundle and run python3 -I verify.py (needs Python and openssl, no network). "
        "It exits with 0 when all is intact, and otherwise says where it is not.",
    },
    "ko": {
        "title": "증거 보고서, 사건 {case}",
        "draft": "법률 전문가 검토용입니다. 무엇을 언제 누가 어떻게 보존했는지 적은 것이며, 법률 자문이 아니고 어떤 사람에 대한 "
        "결론도 내리지 않습니다.",
        "case": "사건",
        "exhibits": "증거물",
        "custody": "보관의 연속성",
        "notices": "통지",
        "integrity": "무결성",
        "limits": "한계",
        "glossary": "용어",
        "signature": "이 보고서에 책임지는 사람의 서명",
        "none": "없음.",
        "part": "구성 파일",
        "size": "바이트",
        "stamp": "시점확인(UTC)",
        "authority": "기관",
        "standing": "성격",
        "independent": "독립 기관",
        "not_independent": "독립적이지 않음: 같은 당사자가 발급",
        "when": "일시(UTC)",
        "who": "행위자",
        "act": "행위",
        "why": "이유",
        "law": "법",
        "to": "수신",
        "state": "상태",
        "name": "성명",
        "role": "직책",
        "date": "날짜",
        "artist": "아티스트",
        "case_title": "제목",
        "lane": "처리 경로",
        "opened": "개시",
        "keep_until": "보존 기한",
        "url": "주소",
        "posted": "게시 시각(표시된 대로)",
        "account": "계정(표시된 대로)",
        "platform": "플랫폼",
        "added": "수집",
        "authority_fact": "수집 권한",
        "tool": "도구와 방법",
        "record": "기록의 SHA-256",
        "withheld": "이 묶음에 없는 것",
        "sealed": "봉인됨. 열쇠 보관자 세 사람 중 두 사람이 엽니다",
        "destroyed": "파기됨",
        "entries": "장부의 항목 수",
        "root": "머클 루트",
        "signed_at": "검사점 서명",
        "key": "서명 키의 지문",
        "how": "확인 방법: 묶음을 풀고 python3 -I verify.py를 실행하십시오(파이썬과 openssl만 필요하며 네트워크는 쓰지 않습니다). "
        "모두 그대로이면 0으로 끝나고, 아니면 어디가 다른지 알려 줍니다.",
    },
}

LIMITS: Final[Mapping[str, tuple[str, ...]]] = {
    "en": (
        "The report shows that the bytes are those that were taken in; whether what they show is true is another question.",
        "Addresses, accounts and times of posting are as the public page showed them, or as they were reported.",
        "A time stamp shows that the record existed at that time, not that it did not exist before.",
        "Stamps of an authority of the same party prove nothing against that party; independent ones do.",
        "A verdict of Haechi on a file is an examination with limits of its own; its report states them.",
    ),
    "ko": (
        "이 보고서는 자료가 수집 당시 그대로임을 보여 줄 뿐, 그 내용이 사실인지는 별개의 문제입니다.",
        "주소, 계정, 게시 시각은 공개 페이지에 표시된 대로이거나 제보된 대로입니다.",
        "시점확인은 그 시각에 기록이 존재했음을 보여 주며, 그 전에 없었음을 뜻하지 않습니다.",
        "같은 당사자가 발급한 시점확인은 그 당사자에 대해 아무것도 증명하지 않습니다. 독립 기관의 것은 증명합니다.",
        "파일에 대한 해치의 판정은 그 자체의 한계가 있는 검사이며, 해당 보고서에 적혀 있습니다.",
    ),
}

GLOSSARY: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "en": (
        ("SHA-256", "a fingerprint of a file: any change gives another one"),
        ("exhibit", "a preserved item with its record"),
        ("ledger", "the list of every act, in which each entry depends on all before it"),
        ("Merkle root", "one value that stands for the whole ledger"),
        ("checkpoint", "a signed statement of the ledger's size and root"),
        ("time stamp", "a statement of an authority that a record existed at a time (RFC 3161)"),
        ("sealed", "encrypted so that only two of three key holders together can open it"),
    ),
    "ko": (
        ("SHA-256", "파일의 지문. 조금이라도 바뀌면 다른 값이 됩니다"),
        ("증거물", "기록과 함께 보존된 자료"),
        ("장부", "모든 행위의 목록. 각 항목은 그 앞의 모든 항목에 의존합니다"),
        ("머클 루트", "장부 전체를 대표하는 하나의 값"),
        ("검사점", "장부의 크기와 루트에 대한 서명된 진술"),
        ("시점확인", "어떤 시각에 기록이 존재했다는 기관의 진술(RFC 3161)"),
        ("봉인", "열쇠 보관자 세 사람 중 두 사람이 함께해야 열 수 있는 암호화"),
    ),
}

README: Final = """\
증거 묶음 / EVIDENCE BUNDLE

사건 {case}
만든 때 {at}
서명 키의 지문 {key}

[한국어]
이 묶음은 한 사건의 증거물, 시점확인, 보관 기록을 담고 있습니다.
- report.ko.pdf     사람이 읽는 보고서
- exhibits/         증거물마다 기록(exhibit.json), 구성 파일(parts), 시점확인(stamps)
- notices/          통지문
- ledger/           모든 행위의 기록과 그 증명
- case-uco.jsonld   같은 내용을 CASE 1.5/UCO 로 적은 것(다른 도구용)
- sha256sums        모든 파일의 SHA-256, sha256sums.sig 는 그 서명
확인: 묶음을 풀고 그 폴더에서  python3 -I verify.py  를 실행하십시오. 파이썬과 openssl 만 필요하며 네트워크는 쓰지 않습니다.
      INTACT 와 함께 0 으로 끝나면 모두 그대로입니다. 아니면 어디가 다른지 알려 줍니다.
      마지막에 나오는 키의 지문을 다른 경로로 받은 지문과 비교하십시오.
      sha256sum -c sha256sums  로도 파일을 확인할 수 있습니다.
성적 영상물은 들어 있지 않습니다. 기록과 해시만 있습니다.

[English]
This bundle holds the exhibits of one case, their time stamps and their chain of custody.
- report.en.pdf     the report for people
- exhibits/         for each exhibit its record (exhibit.json), its parts, its time stamps
- notices/          the notices
- ledger/           every act, and the proof that none was changed
- case-uco.jsonld   the same in the words of CASE 1.5/UCO, for other tools
- sha256sums        the SHA-256 of every file; sha256sums.sig is its signature
To verify: unpack the bundle and run  python3 -I verify.py  in its folder. It needs Python and openssl, and no network.
      It ends with INTACT and exit code 0 when all is as it was, and otherwise says where it is not.
      Compare the fingerprint of the key that it prints with one that reached you on another way.
      sha256sum -c sha256sums  checks the files as well.
Sexual media is never in a bundle: its record and hashes alone are.
"""
