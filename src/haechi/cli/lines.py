"""One line for people about each checked file, and the summary of all of them."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from haechi.check.report_page.text import listing, sentence, stretch, visible
from haechi.check.report_page.wording import EDITS, REGIONS, VERDICTS
from haechi.core.language import Language, mark
from haechi.core.records import Kind, Region, Span, Verdict
from haechi.workflows.files import Failed

if TYPE_CHECKING:
    from haechi.workflows.triage import Checked

_COLOURS = {
    Verdict.AUTHENTIC: "32",
    Verdict.AUTHENTIC_COPY: "32",
    Verdict.ALTERED: "1;31",
    Verdict.KNOWN_FAKE: "1;31",
    Verdict.LIKELY_FAKE: "1;33",
    Verdict.INCONCLUSIVE: "33",
}
_MOST_NAMED = 4


def outcome_line(say: Language, report: Mapping[str, Any], page: Path | None, *, reused: bool = False) -> str:
    """The verdict in words, which file, what and where, and where the page is.

    Args:
        say: the user's language.
        report: the JSON contract `haechi.report/1`.
        page: the HTML report, if one was wanted.
        reused: an earlier run has checked the file.
    """
    parts = [report_line(say, report)]
    if page is not None:
        parts.append(say(mark("report: {page}"), page=visible(str(page))))
    if reused:
        parts.append(say(mark("checked before")))
    return " · ".join(parts)


def report_line(say: Language, report: Mapping[str, Any]) -> str:
    """The verdict in words, which file, what and where.

    Args:
        say: the user's language.
        report: the JSON contract `haechi.report/1`.
    """
    verdict = Verdict(report["verdict"])
    details = [_changes(say, report["changes"]), _edits(say, verdict, report["edits"]), _origin(say, report)]
    details.append(_moved_mark(say, report))
    path = visible(report["probe"]["path"])
    line = f"{_coloured(say(VERDICTS[verdict].word), verdict)}  {path}"
    told = " · ".join(detail for detail in details if detail)
    return f"{line}: {told}" if told else line


def failure_line(path: Path, reason: str) -> str:
    """Which file was not checked and why.

    A reason that names the file already is not given the name twice.
    """
    reason = reason.removeprefix(f"{path.name}: ")
    line = reason if str(path) in reason else f"{path}: {reason}"
    return visible(line, longest=sys.maxsize)


class Tally:
    """Counts the outcomes of one run.

    Args:
        passed_over: files in folders that were not taken for media.
    """

    def __init__(self, passed_over: int) -> None:
        self.failed = 0
        self._passed_over = passed_over
        self._reused = 0
        self._unsaved: str | None = None
        self._verdicts: Counter[Verdict] = Counter()

    def count(self, outcome: Checked | Failed) -> None:
        """Take one outcome into account."""
        if isinstance(outcome, Failed):
            self.failed += 1
            return
        self._verdicts[Verdict(outcome.report["verdict"])] += 1
        self._reused += outcome.reused
        self._unsaved = outcome.unsaved or self._unsaved

    def summary(self, say: Language) -> str:
        """How many files came out how."""
        total = sum(self._verdicts.values()) + self.failed
        counts = [
            f"{say(VERDICTS[verdict].word)} {self._verdicts[verdict]}" for verdict in Verdict if self._verdicts[verdict]
        ]
        if self.failed:
            counts.append(say(mark("could not be checked: {count}"), count=self.failed))
        if self._reused:
            counts.append(say(mark("checked before: {count}"), count=self._reused))
        if not total:
            return say(mark("Nothing to check."))
        return " · ".join([say(mark("Files: {count}"), count=total), *counts])

    def notes(self, say: Language) -> Iterable[str]:
        """What the user should know besides the results."""
        if self._passed_over:
            yield say(mark("passed over, hidden or not media: {count}"), count=self._passed_over)
        if self._unsaved:
            yield say(mark("reports were not saved for the next run: {reason}"), reason=visible(self._unsaved))


def _changes(say: Language, changes: list[Mapping[str, Any]]) -> str:
    """Regions with their first spans, e.g. `mouth from 0:03 to 0:07, voice from 0:02 to 0:09`."""
    named = [_change(say, change) for change in changes[:_MOST_NAMED]]
    if len(changes) > _MOST_NAMED:
        named.append(say(mark("{count} more"), count=len(changes) - _MOST_NAMED))
    return ", ".join(named)


def _change(say: Language, change: Mapping[str, Any]) -> str:
    region = say(REGIONS[Region(change["kind"])][1])
    start, end = change["start_s"], change["end_s"]
    if start is None or end is None or end <= start:
        return region
    return f"{region} {stretch(say, Span(start, end))}"


def _edits(say: Language, verdict: Verdict, edits: list[Mapping[str, Any]]) -> str:
    if verdict is not Verdict.AUTHENTIC_COPY:
        return ""
    words = [sentence(say, EDITS, edit["kind"], edit) or visible(edit["kind"]) for edit in edits]
    return listing(say, dict.fromkeys(words))


def _origin(say: Language, report: Mapping[str, Any]) -> str:
    release = report["release"]
    if release is None or release["id"] is None:
        return ""
    return say(mark("from release ‘{title}’"), title=visible(release["title"]))


_MOVED_MARK: Mapping[Kind, str] = {
    Kind.IMAGE: mark("carries a mark of yours that was moved here from another picture"),
    Kind.VIDEO: mark("carries a mark of yours that was moved here from another film"),
    Kind.AUDIO: mark("carries a mark of yours that was moved here from another recording"),
}


def _moved_mark(say: Language, report: Mapping[str, Any]) -> str:
    if not any(finding["code"] == "watermark.differs" for finding in report["findings"]):
        return ""
    return _in_red(say(_MOVED_MARK[Kind(report["probe"]["kind"])]))


def _coloured(word: str, verdict: Verdict) -> str:
    return _in_colour(word, _COLOURS.get(verdict))


def _in_red(word: str) -> str:
    return _in_colour(word, _COLOURS[Verdict.ALTERED])


def _in_colour(word: str, colour: str | None) -> str:
    if colour is None or not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return word
    return f"\x1b[{colour}m{word}\x1b[0m"
