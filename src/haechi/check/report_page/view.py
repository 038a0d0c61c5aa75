"""From a report to what the page shows, every text in both languages at once.

1. The head: verdict, sentence, source, caution.
2. Looks: for each change the pictures of the file and of its original, outlined, with a close-up;
   the clearest first.
3. The time line.
4. Lists: edits, artists, findings, abstentions, ways to another verdict, how to reproduce it.

"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from haechi.check.report_page import headline, timeline, wording
from haechi.check.report_page.bilingual import Text, both, say_both
from haechi.check.report_page.looks import Look, looks_of
from haechi.check.report_page.text import clock, number, retold, sentence, span_ends, visible
from haechi.core.language import Language
from haechi.core.records import Edit, Finding, Kind, Region, Report, Span, Verdict


@dataclass(frozen=True, slots=True)
class Statement:
    """A finding or an abstention in words; `step` names who says it, `decides` whether the verdict rests on
    it.
    """

    said: Text
    step: Text
    rank: Text | None
    decides: bool
    detail: str


class PageView:
    """All that the template asks for; see the module for the order."""

    def __init__(self, report: Report, default: Language) -> None:
        self.report = report
        self.default = default
        self.file_name = visible(PurePath(report.probe.path).name or report.probe.path)
        self.words = wording.VERDICTS[report.verdict]

    # 1. head
    @property
    def document_title(self) -> str:
        """Title of the document: verdict word and file name."""
        return f"{self.default(self.words.word)} · {self.file_name} · Haechi"

    @property
    def said(self) -> Text:
        """The verdict sentence."""
        return both(lambda say: headline.said(say, self.report))

    @property
    def source(self) -> Text | None:
        """The sentence that names the release."""
        return both(lambda say: headline.source(say, self.report)) if self.report.release else None

    @property
    def caution(self) -> Text | None:
        """What the verdict does not cover."""
        if not headline.caution(self.default, self.report):
            return None
        return both(lambda say: headline.caution(say, self.report))

    @property
    def evidence(self) -> Text | None:
        """The calibrated strength of the evidence, in words, when there is one."""
        return None if self.report.llr_log10 is None else both(lambda say: _llr_said(say, self.report.llr_log10 or 0.0))

    @property
    def decided_by(self) -> Text:
        """Which step decided."""
        return _step(self.report.decided_by)

    @property
    def decided_by_code(self) -> str:
        """The step or the finding that decided, as the report's JSON names it."""
        return visible(self.report.decided_by)

    @property
    def facts(self) -> list[tuple[Text, str]]:
        """File, length, picture size, as label and value."""
        probe = self.report.probe
        rows = [(say_both("File"), self.file_name)]
        if probe.duration_s is not None and probe.kind is not Kind.IMAGE:
            rows.append((say_both("Length"), clock(probe.duration_s, tenths=probe.duration_s < 10)))
        if probe.width and probe.height:
            rows.append((say_both("Picture"), f"{probe.width} × {probe.height}"))
        return rows

    # 2. looks
    @property
    def looks(self) -> tuple[Look, ...]:
        """What there is to see, the clearest change first."""
        return looks_of(self.report)

    # 3. time line
    @property
    def lanes(self) -> tuple[timeline.Lane, ...]:
        """Lanes of the time line; none for a still image."""
        duration = self.report.probe.duration_s
        if not duration or self.report.probe.kind is Kind.IMAGE:
            return ()
        return timeline.lanes(self.report.changes, self.report.curves, duration)

    @property
    def ticks(self) -> list[tuple[timeline.Tick, str]]:
        """Times under the lanes."""
        marks = timeline.ticks(self.report.probe.duration_s or 1.0)
        tenths = any(tick.time_s % 1 for tick in marks)
        return [(tick, clock(tick.time_s, tenths=tenths)) for tick in marks]

    @property
    def rises_said(self) -> Text | None:
        """Why a curve lies above its line where nothing is marked; None where none does, or where it is no matter of
        harmless edits.
        """
        judged = self.report.verdict in (Verdict.AUTHENTIC_COPY, Verdict.ALTERED)
        if not judged or headline.has_foreign_sound(self.report) or not timeline.rises(self.report):
            return None
        if not self.report.changes:
            return say_both("What lies above the line was judged harmless, such as a caption.")
        return say_both(
            "What lies above the line without a number was judged harmless, such as a caption, "
            "or belongs to a change beside it."
        )

    def region(self, region: Region | None) -> Text:
        """Title of a region, or of the whole picture."""
        if region is None:
            return say_both("Whole picture")
        return both(lambda say: headline.region_title(say, region))

    # 4. lists
    @property
    def edits(self) -> list[Text]:
        """Harmless edits, each once; foreign sound is none of them, the head warns of it."""
        edits = (edit for edit in self.report.edits if edit.kind not in headline.NOT_HARMLESS)
        told = [both(lambda say, edit=edit: _edit_said(say, edit, self.report.probe.duration_s)) for edit in edits]  # type: ignore[misc]
        return list(dict.fromkeys(told))

    @property
    def artists(self) -> list[tuple[str, str]]:
        """Who seems to be shown, and when, each name once."""
        spans: dict[str, list[Span]] = {}
        for artist in self.report.artists:
            shown = spans.setdefault(visible(artist.name), [])
            if self.report.probe.kind is not Kind.IMAGE:
                shown.append(artist.span)
        return [(name, headline.times_said(headline.joined(shown))) for name, shown in spans.items()]

    @property
    def findings(self) -> list[Statement]:
        """Findings, the deciding one first, then by rank."""
        told = [_finding(finding, self.report) for finding in sorted(self.report.findings, key=lambda f: f.rank)]
        return sorted(told, key=lambda statement: not statement.decides)

    @property
    def abstentions(self) -> list[Statement]:
        """Steps that could not speak."""
        return [
            Statement(
                both(lambda say, a=a: _statement(say, a.code, a.reason, a.data)),  # type: ignore[misc]
                _step(a.name),
                None,
                decides=False,
                detail="",
            )
            for a in self.report.abstentions
        ]

    @property
    def would_change(self) -> list[Text]:
        """What could lead to another verdict; the general answer of the verdict when the report names
        none.
        """
        ways = self.report.would_change or (self.words.would_change,)
        return [both(lambda say, way=way: visible(say(way), 600)) for way in ways]  # type: ignore[misc]

    @property
    def software(self) -> list[tuple[str, str]]:
        """Versions and digests, flattened to `models.face_landmark` and its value."""
        return [(visible(key), visible(value)) for key, value in _flatten(self.report.software)]

    @property
    def command(self) -> str:
        """The command line that gives this report again."""
        name = PurePath(self.report.probe.path).name
        release = self.report.release
        if release is not None and release.release_id is None:
            return visible(f"haechi compare {shlex.quote(name)} {shlex.quote(release.title)} --report .", 400)
        return visible(f"haechi check {shlex.quote(name)} --report .", 400)


def _step(name: str) -> Text:
    known = wording.STEPS.get(name) or wording.STEPS.get(name.split(".", maxsplit=1)[0])
    return say_both(known) if known else both(lambda _: visible(name))


def _finding(finding: Finding, report: Report) -> Statement:
    rank = wording.RANKS.get(finding.rank)
    return Statement(
        said=both(lambda say: _statement(say, finding.code, finding.statement, finding.data)),
        step=_step(finding.name),
        rank=say_both(rank) if rank else None,
        decides=_decides(finding, report),
        detail=f"{visible(finding.name)} v{finding.version}",
    )


def _decides(finding: Finding, report: Report) -> bool:
    """Whether the verdict rests on this finding; `decided_by` may name the step, which then spoke for either side."""
    if report.decided_by == finding.name and report.verdict is Verdict.ALTERED:
        return finding.code not in wording.AGREEING
    return report.decided_by in (finding.name, finding.code)


def _statement(say: Language, code: str, statement: str, data: Mapping[str, Any]) -> str:
    """A code in words; a step's own English words when nobody translated the code."""
    notes = data.get("notes")
    if code == "media.notes" and isinstance(notes, list | tuple):
        return "; ".join(retold(say, wording.NOTES, str(note)) for note in notes)
    return (
        sentence(say, wording.FINDINGS, code, data)
        or sentence(say, wording.ABSTENTIONS, code, data)
        or visible(statement, 600)
    )


def _edit_said(say: Language, edit: Edit, duration_s: float | None) -> str:
    """An edit in words, with its time unless it is that of the whole file."""
    said = sentence(say, wording.EDITS, edit.kind, _edit_data(edit)) or visible(edit.kind.replace("_", " "))
    span = edit.span
    if span is None or span.duration_s <= 0 or span.duration_s >= headline.WHOLE * (duration_s or 0.0):
        return said
    return f"{said} ({'–'.join(span_ends(span))})"


def _edit_data(edit: Edit) -> dict[str, Any]:
    """The detail of an edit with what its sentences ask for: speeds, scales and shares as per cent."""
    data = dict(edit.detail)
    factor = data.get("speed", data.get("factor"))
    share = data.get("hidden_share", data.get("share"))
    if edit.kind == "speed" and isinstance(factor, int | float):
        percent = round(100 * (factor - 1), 1)
        data |= {"percent": abs(percent), "state": "faster" if percent > 0 else "slower"}
    elif edit.kind == "scale" and isinstance(factor, int | float):
        data["percent"] = round(100 * factor)
    elif edit.kind == "crop" and isinstance(share, int | float):
        data["percent"] = round(100 * share)
    return data


def _llr_said(say: Language, llr_log10: float) -> str:
    size = abs(llr_log10)
    _, fake, real = next(row for row in wording.LLR_SCALE if size >= row[0])
    words = say(fake if llr_log10 >= 0 else real)
    return say("{words} (log10 likelihood ratio {value})", words=words, value=number(llr_log10))


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        elif isinstance(value, list | tuple):
            yield f"{prefix}{key}", ", ".join(str(item) for item in value)
        else:
            yield f"{prefix}{key}", str(value)
