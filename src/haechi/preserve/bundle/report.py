"""The report of a bundle for people: PDF/A-2b, Korean and English (`core.typeset`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from haechi.core.evidence import Case, Exhibit, Holding, Notice, Stamp
from haechi.core.ledger import Checkpoint, Entry
from haechi.core.ledger.entries import canonical, digest_of
from haechi.core.typeset import typeset
from haechi.preserve.bundle.verdicts import verdict_rows
from haechi.preserve.bundle.wording import GLOSSARY, LIMITS, REPORT

LANGUAGES: Final = ("ko", "en")


@dataclass(frozen=True, slots=True)
class Told:
    """What the report tells: one case with all that belongs to it, and the ledger's standing."""

    case: Case
    exhibits: Sequence[Exhibit]
    holdings: Mapping[str, Holding]
    stamps: Mapping[str, Sequence[Stamp]]
    notices: Sequence[Notice]
    custody: Sequence[Entry]
    checkpoint: Checkpoint
    verdicts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def pdf_report(told: Told, language: str, fonts: Path | None) -> bytes:
    """The report as PDF/A.

    Args:
        told: what it tells.
        language: "ko" or "en".
        fonts: the folder of pulled fonts, or None for this machine's own.

    Raises:
        NoFontError: no font at hand has its script.
    """
    template = files("haechi.preserve.bundle").joinpath("report.typ").read_bytes()
    moment = datetime.fromisoformat(told.checkpoint.at)
    return typeset(template, report_data(told, language), language, moment, fonts)


def report_data(told: Told, language: str) -> dict[str, Any]:
    """Everything that the template sets, in one language."""
    words, case, point = REPORT[language], told.case, told.checkpoint
    return {
        "lang": language,
        "words": dict(words),
        "title": words["title"].format(case=case.id),
        "author": f"Haechi {version('haechi')}",
        "case": [
            [words["case_title"], case.title, False],
            [words["artist"], case.artist, False],
            [words["lane"], case.lane.value, False],
            [words["opened"], f"{case.opened_at}, {case.opened_by}", False],
            [words["keep_until"], case.keep_until, False],
        ],
        "exhibits": [_exhibit(told, exhibit, language) for exhibit in told.exhibits],
        "custody": [[entry.at, entry.actor, f"{entry.act} {entry.subject}", entry.why] for entry in told.custody],
        "notices": [[one.id, one.law, one.to, one.state.value, one.state_at] for one in told.notices],
        "ledger": [
            [words["entries"], str(point.size), False],
            [words["root"], point.root, True],
            [words["signed_at"], point.at, False],
            [words["key"], point.key, True],
        ],
        "limits": list(LIMITS[language]),
        "glossary": [list(pair) for pair in GLOSSARY[language]],
    }


def _exhibit(told: Told, exhibit: Exhibit, language: str) -> dict[str, Any]:
    words, facts = REPORT[language], exhibit.facts
    rows = [
        [words["url"], exhibit.url, False],
        [words["platform"], exhibit.platform, False],
        [words["account"], exhibit.account, False],
        [words["posted"], exhibit.posted, False],
        [words["added"], f"{exhibit.added_at}, {exhibit.added_by}", False],
        [words["authority_fact"], str(facts.get("authority", "")), False],
        [words["tool"], f"{facts.get('tool')} {facts.get('version')}, {exhibit.method}", False],
        [words["record"], digest_of(canonical(exhibit.to_fields())), True],
        [words["withheld"], _withheld(told.holdings.get(exhibit.id), words), False],
        *verdict_rows(exhibit, told.verdicts, language),
    ]
    standing = {True: words["independent"], False: words["not_independent"]}
    return {
        "id": exhibit.id,
        "facts": [row for row in rows if row[1]],
        "parts": [[part.name, str(part.size), part.sha256.removeprefix("sha256:")] for part in exhibit.parts],
        "stamps": [[one.at, one.tsa, standing[one.independent]] for one in told.stamps.get(exhibit.id, ())],
    }


def _withheld(holding: Holding | None, words: Mapping[str, str]) -> str:
    places = holding.places if holding is not None else {}
    told = [
        f"{name}: {words['destroyed'] if place.destroyed else words['sealed']}"
        for name, place in places.items()
        if place.destroyed or place.sealed
    ]
    return "; ".join(told)
