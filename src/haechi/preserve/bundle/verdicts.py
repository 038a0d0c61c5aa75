"""What checks said of the exhibits of a case, each verdict with its limits, for the report of a bundle.

Only reports that the store has saved and that still hold (the same bytes, artists, releases and bank) are told. Of
exhibits in a stricter lane nothing is told. Pictures, curves and paths of a report stay out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from haechi.core.evidence import Case, Exhibit, Lane
from haechi.core.store.evidence import Evidence

LIMIT: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "en": {
        "authentic": ("authentic", "holds for exactly these bytes"),
        "authentic_copy": (
            "a copy of the release, no person and no voice changed",
            "changes finer than what coding and size left over go unseen",
        ),
        "altered": (
            "altered against the authentic master",
            "places and times are approximate; who made the change is not said",
        ),
        "known_fake": (
            "the same as a fake that a reviewer confirmed",
            "rests on that confirmation and on a match of fingerprints",
        ),
        "likely_fake": ("likely fake", "an estimate of detectors, not a proof; a person must confirm it"),
        "inconclusive": ("inconclusive", "says neither that it is authentic nor that it is fake"),
        "not_ours": ("no enrolled artist and no release was found", "says nothing about authenticity"),
    },
    "ko": {
        "authentic": ("진본", "정확히 이 바이트에 대해서만 유효합니다"),
        "authentic_copy": (
            "공개작의 복제물이며 사람과 목소리는 바뀌지 않음",
            "압축과 크기 때문에 남지 않은 미세한 변경은 보이지 않습니다",
        ),
        "altered": ("원본과 대조하여 변조됨", "위치와 시간은 근사값이며 누가 변조했는지는 말하지 않습니다"),
        "known_fake": ("검토자가 확인한 가짜와 동일", "그 확인과 지문의 일치에 근거합니다"),
        "likely_fake": ("가짜일 가능성이 높음", "탐지기의 추정이며 증명이 아닙니다. 사람이 확인해야 합니다"),
        "inconclusive": ("판단 불가", "진본이라는 뜻도 가짜라는 뜻도 아닙니다"),
        "not_ours": ("등록된 아티스트와 공개작을 찾지 못함", "진위에 대해서는 아무것도 말하지 않습니다"),
    },
}
_WORDS: Final = {
    "en": (
        "Verdict on {part}",
        "{told} (decided by {by}). Limit: {limit}.",
        "Checked {at}, Haechi {version}, report {digest}",
    ),
    "ko": ("{part}에 대한 판정", "{told}(근거: {by}). 한계: {limit}.", "{at} 검사, 해치 {version}, 보고서 {digest}"),
}
_REGIONS: Final = {
    "mouth": "입",
    "eyes": "눈",
    "face": "얼굴",
    "hair": "머리카락",
    "neck": "목",
    "body": "몸",
    "background": "배경",
    "voice": "목소리",
}
_MOST_CHANGES: Final = 20


def verdicts_of(evidence: Evidence, case: Case, exhibits: Sequence[Exhibit]) -> dict[str, Mapping[str, Any]]:
    """SHA-256 of a part -> what was said of it: the report, when, and the report's own digest."""
    if case.lane is not Lane.ORDINARY:
        return {}
    digests = [part.sha256 for one in exhibits if one.lane is Lane.ORDINARY for part in one.parts]
    found: dict[str, Mapping[str, Any]] = {}
    for sha256, at, text in evidence.reports_on(digests):
        report = json.loads(text)["report"]
        data = json.dumps(report, ensure_ascii=False, sort_keys=True).encode("utf-8", "surrogatepass")
        found[sha256] = {"report": report, "at": at, "digest": f"sha256:{hashlib.sha256(data).hexdigest()}"}
    return found


def verdict_rows(exhibit: Exhibit, verdicts: Mapping[str, Mapping[str, Any]], language: str) -> list[list[Any]]:
    """Rows of the report's table for one exhibit: label, text, whether it is set in one width."""
    label, sentence, source = _WORDS[language]
    rows: list[list[Any]] = []
    for part in exhibit.parts:
        if part.sha256 not in verdicts:
            continue
        said = verdicts[part.sha256]
        report = said["report"]
        told, limit = LIMIT[language].get(report["verdict"], (report["verdict"], "-"))
        lines = [sentence.format(told=told, by=report.get("decided_by") or "-", limit=limit)]
        lines += [_change(one, language) for one in report.get("changes", [])[:_MOST_CHANGES]]
        version = report.get("software", {}).get("haechi", "-")
        lines.append(source.format(at=said["at"], version=version, digest=said["digest"]))
        rows.append([label.format(part=part.name), "\n".join(lines), False])
    return rows


def _change(change: Mapping[str, Any], language: str) -> str:
    kind = str(change.get("kind", ""))
    name = _REGIONS.get(kind, kind) if language == "ko" else kind
    start, end = change.get("start_s"), change.get("end_s")
    if start is None or end is None or end <= start:
        return f"- {name}"
    return f"- {name}, {start:.1f}-{end:.1f} s"
