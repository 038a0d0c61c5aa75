"""Compare a file with the master of every release that the match or the mark led to.

Each release is compared along the pieces that its match found. Where several releases explain the same stretch, the one
that explains most of it with the least change speaks, among equals the one whose mark the file carries; joined releases
each speak for their own stretch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from haechi.check.match import Candidate
from haechi.check.outcome import unexplained_s
from haechi.core.media.probe import MediaInfo, probe_media
from haechi.core.records import Comparison, Release, ReleaseMatch, Segment, Span
from haechi.core.settings import Settings
from haechi.core.store import Store

# A fingerprint tells a piece's ends only to its sampling interval.
REACH_S = 4.0

Compared = tuple[ReleaseMatch, Comparison]


@dataclass(frozen=True, slots=True)
class Masters:
    """What the comparisons with all masters say.

    Attributes:
        compared: every release with its comparison; the one that explains most with least change comes first.
    """

    compared: Sequence[Compared] = ()

    @property
    def told(self) -> list[Compared]:
        """Those that explain a stretch of the probe which none before them explained (joined releases)."""
        told: list[Compared] = []
        for pair in self.compared:
            spans = [s.span for s in pair[1].segments]
            known = [s.span for _, c in told for s in c.segments]
            shared = sum(max(0.0, min(a.end_s, b.end_s) - max(a.start_s, b.start_s)) for a in spans for b in known)
            if not told or (spans and shared < 0.5 * sum(s.duration_s for s in spans)):
                told.append(pair)
        return told

    @property
    def best(self) -> ReleaseMatch | None:
        """The release that speaks first."""
        return self.compared[0][0] if self.compared else None

    @property
    def releases(self) -> list[ReleaseMatch]:
        """All releases, those that are told first."""
        told = self.told
        return [release for release, _ in told + [pair for pair in self.compared if pair not in told]]

    @property
    def together(self) -> Comparison | None:
        """What is told, as one comparison."""
        return _together([comparison for _, comparison in self.told]) if self.compared else None

    def unexplained_s(self, info: MediaInfo) -> float:
        """Seconds of the probe that no release explains."""
        return unexplained_s(info, [comparison for _, comparison in self.told])


def compare_all(
    path: Path,
    info: MediaInfo,
    candidates: Sequence[Candidate],
    store: Store,
    settings: Settings,
    *,
    marked: str | None,
    pictures: bool,
    progress: Callable[[float], None],
) -> Masters:
    """Compare with every matched master.

    Args:
        path: the probe.
        info: what it is.
        candidates: releases that it may come from; others are left alone.
        store: holds the working copies of the masters.
        settings: where the models are and what decoding may cost.
        marked: id of the release whose mark the file carries, where its content agrees with that release.
        pictures: whether to make pictures for the report.
        progress: called with the share done, 0 to 1.

    Raises:
        InputError: the probe cannot be read.
    """
    wanted = _by_release([c for c in candidates if c.item == "release"])
    if not wanted:
        return Masters()
    # Loading takes more than half a second, and most files hold nothing of ours.
    from haechi.check.compare import compare_files

    compared = []
    for i, (release_id, parts) in enumerate(wanted.items()):
        release = store.release(release_id)
        if release is None or release.proxy is None:
            continue
        master = store.blob_path(release.proxy)
        comparison = compare_files(
            path,
            info,
            master,
            _master_info(master, release, settings),
            models=settings.models,
            limits=settings.limits,
            hint=_stretched(_hint(parts), info.duration_s),
            working_copy=True,
            pictures=pictures,
            progress=lambda x, i=i: progress((i + x) / len(wanted)),  # type: ignore[misc]
        )
        segments = comparison.segments or _hint(parts)
        best = max(parts, key=lambda c: c.score)
        compared.append((ReleaseMatch(release.id, release.title, segments, best.score, best.method), comparison))
    compared.sort(key=lambda one: (-round(_explained(one[1])), _strongest(one[1]), one[0].release_id != marked))
    return Masters(compared)


def _strongest(comparison: Comparison) -> float:
    return max((c.strength for c in comparison.changes), default=0.0)


def _together(comparisons: Sequence[Comparison]) -> Comparison:
    """All comparisons as one; pictures keep pointing at their changes."""
    whole = comparisons[0]
    for other in comparisons[1:]:
        shift = len(whole.changes)
        moved = (p if p.change is None else replace(p, change=p.change + shift) for p in other.pictures)
        whole = Comparison(
            changes=whole.changes + other.changes,
            edits=whole.edits + other.edits,
            findings=whole.findings + other.findings,
            abstentions=whole.abstentions + other.abstentions,
            segments=whole.segments + other.segments,
            pictures=whole.pictures + tuple(moved),
            curves=whole.curves + other.curves,
            undecoded_s=whole.undecoded_s + other.undecoded_s,
        )
    return whole


def _by_release(candidates: Sequence[Candidate]) -> dict[str, list[Candidate]]:
    grouped: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        grouped.setdefault(candidate.item_id, []).append(candidate)
    return grouped


def _hint(parts: Sequence[Candidate]) -> tuple[Segment, ...]:
    """Pieces seen, or heard when nothing was seen; pictures and sound of one release give the same pieces twice."""
    seen = [c for c in parts if not c.method.startswith("audio")] or list(parts)
    return tuple(sorted((s for c in seen for s in c.segments), key=lambda s: s.span.start_s))


def _stretched(pieces: Sequence[Segment], duration_s: float | None) -> tuple[Segment, ...]:
    """Pieces grown to the middle of the gaps between them: a match samples seldom, the comparison finds the borders."""
    if duration_s is None or not pieces:
        return tuple(pieces)
    out = []
    for i, piece in enumerate(pieces):
        start = 0.0 if i == 0 else (pieces[i - 1].span.end_s + piece.span.start_s) / 2
        end = duration_s if i == len(pieces) - 1 else (piece.span.end_s + pieces[i + 1].span.start_s) / 2
        span = Span(max(start, piece.span.start_s - REACH_S), min(end, piece.span.end_s + REACH_S))
        offset = piece.offset_s - piece.speed * (piece.span.start_s - span.start_s)
        out.append(replace(piece, span=span, offset_s=offset))
    return tuple(out)


def _master_info(master: Path, release: Release, settings: Settings) -> MediaInfo:
    """What the working copy is, with the master's own duration and size: edits are told against the master."""
    info = probe_media(master, settings.limits)
    size = (release.width or info.width, release.height or info.height)
    return replace(info, duration_s=release.duration_s, width=size[0], height=size[1])


def _explained(comparison: Comparison) -> float:
    return sum(s.span.duration_s for s in comparison.segments) + 1e-3 * bool(comparison.segments)
