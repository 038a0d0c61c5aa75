"""The report of a file from what was found out about it: the verdict, and all that speaks for or against it."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any

import haechi
from haechi.check.verdict import Evidence, decide
from haechi.core.media.models import model_digests
from haechi.core.media.probe import MediaInfo
from haechi.core.media.sandbox import software_versions
from haechi.core.records import Abstention, Comparison, Finding, Probe, ReleaseMatch, Report, Segment, Span
from haechi.core.settings import Settings
from haechi.core.snapshot import Snapshot


def report_of(
    snapshot: Snapshot,
    info: MediaInfo,
    evidence: Evidence,
    releases: Sequence[ReleaseMatch],
    settings: Settings,
    findings: Sequence[Finding] = (),
    abstentions: Sequence[Abstention] = (),
) -> Report:
    """Decide, and put everything together.

    Args:
        snapshot: the file as it was.
        info: what `probe_media` said of it.
        evidence: what decides.
        releases: those that the report names, the first one first.
        settings: where the models are.
        findings: of the steps before the comparison.
        abstentions: the same.
    """
    decision = decide(evidence)
    comparison = evidence.comparison or Comparison()
    said = [*findings, *comparison.findings]
    if info.notes:
        text = " ".join(info.notes)
        said.append(Finding("media", 1, 5, text, "media.notes", None, data={"notes": list(info.notes)}))
    return Report(
        probe=Probe(str(snapshot.path), snapshot.sha256, info.kind, info.duration_s, info.width, info.height),
        verdict=decision.verdict,
        decided_by=decision.decided_by,
        llr_log10=None,
        artists=evidence.artists,
        release=releases[0] if releases else None,
        changes=comparison.changes,
        edits=comparison.edits,
        findings=tuple(said),
        abstentions=(*abstentions, *comparison.abstentions),
        would_change=decision.would_change,
        software=_software(settings),
        other_releases=tuple(releases[1:]),
        pictures=comparison.pictures,
        curves=comparison.curves,
    )


def whole(info: MediaInfo) -> Segment:
    """All of a file, as it is."""
    return Segment(Span(0.0, info.duration_s or 0.0), 0.0, 1.0, False)


def unexplained_s(info: MediaInfo, comparisons: Sequence[Comparison]) -> float:
    """Seconds of a file that these comparisons do not explain."""
    if info.duration_s is None or not comparisons:
        return 0.0
    explained = sum(segment.span.duration_s for one in comparisons for segment in one.segments)
    return max(0.0, info.duration_s - explained)


def _software(settings: Settings) -> dict[str, Any]:
    return {
        "haechi": haechi.__version__,
        "python": platform.python_version(),
        **software_versions(),
        "models": model_digests(settings.models),
    }
