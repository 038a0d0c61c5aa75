"""The verdict as a sentence that a person who has never seen the project understands.

`said` is what was found ("The mouth was changed from 0:03 to 0:07."), `source` where it comes from ("It was
made from your release ‘X’."), `caution` what the verdict does not cover.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from haechi.check.report_page import wording
from haechi.check.report_page.text import listing, span_ends, stretch, visible
from haechi.core.language import Language
from haechi.core.records import Change, Kind, Region, ReleaseMatch, Report, Span, Verdict

MOST_SENTENCES = 3
MOST_SPANS = 3
WHOLE = 0.95
NOT_HARMLESS = frozenset({"audio_replaced"})


def said(say: Language, report: Report) -> str:
    """What was found, in one to three sentences."""
    verdict = report.verdict
    if verdict is Verdict.ALTERED:
        return _altered_said(say, report)
    if verdict is Verdict.KNOWN_FAKE:
        return _known_fake_said(say, report)
    if verdict is Verdict.AUTHENTIC and report.decided_by.startswith("same_bytes"):
        return say("This is your original, byte for byte.")
    if verdict is Verdict.AUTHENTIC and report.decided_by == "c2pa":
        return say("You signed this file, and nothing in it has changed since.")
    if verdict is Verdict.INCONCLUSIVE and any(edit.kind == "pictures_replaced" for edit in report.edits):
        return say("Only the sound is yours: other pictures are shown with it, and nothing can be said of them.")
    if verdict is Verdict.INCONCLUSIVE and report.decided_by.startswith(("release_match", "comparison")):
        return say("It could not be compared with your original well enough to tell whether it was changed.")
    names = listing(say, dict.fromkeys(visible(artist.name) for artist in report.artists))
    if verdict is Verdict.INCONCLUSIVE and names:
        return say("{names} may be shown, but there is not enough evidence to call it real or fake.", names=names)
    if verdict is Verdict.LIKELY_FAKE and names:
        return say("The signs point to a fake of {names}, but there was no original to compare it with.", names=names)
    return say(wording.VERDICTS[verdict].sentence)


def _known_fake_said(say: Language, report: Report) -> str:
    because = next((f.data["because"] for f in report.findings if f.rank <= 2 and "because" in f.data), None)
    if because:
        return say("A reviewer has already confirmed this as fake: {because}.", because=visible(str(because)))
    return say(wording.VERDICTS[Verdict.KNOWN_FAKE].sentence)


def _altered_said(say: Language, report: Report) -> str:
    if report.changes:
        return _changes_said(say, report)
    if has_foreign_sound(report):
        return say("Another voice was put under your pictures.")
    return say(wording.VERDICTS[Verdict.ALTERED].sentence)


def has_foreign_sound(report: Report) -> bool:
    """Whether a sound that is not the original's was put under its pictures."""
    return any(edit.kind in NOT_HARMLESS for edit in report.edits)


def source(say: Language, report: Report) -> str:
    """Which release the file was made from; empty when none was found."""
    if report.release is None:
        return ""
    title = visible(report.release.title)
    if report.release.release_id is None:
        return say("It was compared with ‘{title}’.", title=title)
    titles = dict.fromkeys(visible(release.title) for release in _one_after_another(report.release, report))
    if len(titles) > 1:
        named = listing(say, [f"‘{name}’" for name in titles])
        return say("It was joined from your releases {titles}.", titles=named)
    if report.verdict is Verdict.AUTHENTIC:
        return say("It is your release ‘{title}’.", title=title)
    return say("It was made from your release ‘{title}’.", title=title)


def _one_after_another(first: ReleaseMatch, report: Report) -> list[ReleaseMatch]:
    """The releases that fill stretches of their own; others only look alike."""
    parts, covered = [first], joined(segment.span for segment in first.segments)
    for other in report.other_releases:
        spans = joined(segment.span for segment in other.segments)
        length = sum(span.duration_s for span in spans)
        shared = sum(max(0.0, min(a.end_s, b.end_s) - max(a.start_s, b.start_s)) for a in spans for b in covered)
        if shared < length / 2:
            parts.append(other)
            covered = joined([*covered, *spans])
    return parts


def caution(say: Language, report: Report) -> str:
    """What a reader must not conclude; empty when there is nothing to warn of."""
    if any(finding.code == "watermark.differs" for finding in report.findings):
        return say(wording.MOVED_MARK[report.probe.kind])
    if report.verdict not in (Verdict.AUTHENTIC_COPY, Verdict.ALTERED):
        return ""
    if has_foreign_sound(report):
        return say("The sound is not the sound of the original.")
    copy = report.verdict is Verdict.AUTHENTIC_COPY
    if copy and any(_limits_the_comparison(a.name, a.code) for a in report.abstentions):
        return say("Not everything could be compared; see “What could not be checked”.")
    return ""


def times_said(spans: Sequence[Span]) -> str:
    """Spans as `0:03–0:07, 0:12–0:14, …`."""
    shown = ["–".join(span_ends(span)) for span in spans[:MOST_SPANS]]
    return ", ".join([*shown, "…"] if len(spans) > MOST_SPANS else shown)


def region_title(say: Language, region: Region) -> str:
    """Title of a region, e.g. `Mouth`."""
    return say(wording.REGIONS[region][0])


def _limits_the_comparison(name: str, code: str) -> bool:
    return name.startswith(("comparison", "audio", "sound")) and code != "comparison.no_sound"


def _changes_said(say: Language, report: Report) -> str:
    groups = _group(report.changes)
    shown = groups[: MOST_SENTENCES if len(groups) <= MOST_SENTENCES else MOST_SENTENCES - 1]
    sentences = [_group_said(say, regions, spans, report) for regions, spans in shown]
    rest = sum(len(spans) for _, spans in groups[len(shown) :])
    if rest:
        sentences.append(say.plural("One more place is listed below.", "{count} more places are listed below.", rest))
    return " ".join(sentences)


def _group(changes: Sequence[Change]) -> list[tuple[list[Region], list[Span]]]:
    """Regions with the same times are told together, in the order of `Region`."""
    groups: dict[tuple[tuple[str, str], ...], tuple[list[Region], list[Span]]] = {}
    for region in Region:
        spans = joined(change.span for change in changes if change.region is region)
        if spans:
            groups.setdefault(tuple(span_ends(span) for span in spans), ([], spans))[0].append(region)
    return list(groups.values())


def joined(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, those that overlap made one."""
    apart: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start_s):
        if apart and span.start_s <= apart[-1].end_s:
            apart[-1] = Span(apart[-1].start_s, max(apart[-1].end_s, span.end_s))
        else:
            apart.append(span)
    return apart


def _group_said(say: Language, regions: list[Region], spans: list[Span], report: Report) -> str:
    parts = listing(say, [say(wording.REGIONS[region][1]) for region in regions])
    count = 2 if len(regions) > 1 or regions[0] in wording.PLURAL_REGIONS else 1
    when = _when(say, spans, report)
    if when:
        text = say.plural("{parts} was changed {when}.", "{parts} were changed {when}.", count, parts=parts, when=when)
    else:
        text = say.plural("{parts} was changed.", "{parts} were changed.", count, parts=parts)
    return text[:1].upper() + text[1:]


def _when(say: Language, spans: list[Span], report: Report) -> str:
    duration = report.probe.duration_s
    if report.probe.kind is Kind.IMAGE or duration is None:
        return ""
    if sum(span.duration_s for span in spans) >= WHOLE * duration:
        return say("from beginning to end")
    if len(spans) == 1:
        return stretch(say, spans[0])
    return say.plural("in {count} place ({times})", "in {count} places ({times})", len(spans), times=times_said(spans))
