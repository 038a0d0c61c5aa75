"""Check one file: what is it, which release was it made from, what was changed, who is shown; one verdict.

Steps of `check_file`, strongest evidence first (DESIGN.md section 1):
 1. same bytes as a release or a bank item
 2. content credentials (C2PA), if the file carries any: ours, intact, say as much as the same bytes
 3. the invisible mark, where this home ever marked anything: a pointer to a release, never a proof
 4. match by fingerprint to releases and to the bank; hold the file against the release that the mark names
 5. compare with the working copy of each release that the match or the mark led to
 6. identify enrolled artists: routing, never authenticity
 7. blind detectors, if any is installed
 8. decide, by rank
The file is opened several times, so it must still be the same at the end: else nothing is said of it.
A step that cannot speak leaves an abstention; it never counts as evidence of innocence.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import haechi
from haechi.check.detectors import examine_all
from haechi.check.marks import Pointer, candidate_of, held_against_release, key_for, read_mark
from haechi.check.match import Candidate, match
from haechi.check.notes import Notes, note_manifest, note_mark, note_matches, note_same_bytes
from haechi.check.verdict import Evidence, decide
from haechi.check.verify import is_authentic, signed_release
from haechi.core.fingerprint.index import load_kernels
from haechi.core.media.models import model_digests
from haechi.core.media.probe import MediaInfo, probe_media
from haechi.core.media.sandbox import software_versions, warm_up
from haechi.core.plugins import load_detectors
from haechi.core.records import (
    ArtistMatch,
    Comparison,
    Finding,
    Kind,
    Probe,
    Release,
    ReleaseMatch,
    Report,
    Segment,
    Span,
)
from haechi.core.settings import Settings
from haechi.core.snapshot import Snapshot, take_snapshot
from haechi.core.store import Store

Progress = Callable[[float], None]

# A fingerprint tells a piece's ends only to its sampling interval.
REACH_S = 4.0


def check_file(
    path: Path,
    store: Store,
    settings: Settings,
    *,
    pictures: bool = True,
    progress: Progress | None = None,
    matched: Sequence[Candidate] | None = None,
) -> Report:
    """Check one file against the registry; see the module for the steps.

    Args:
        path: the suspicious file.
        store: the registry.
        settings: where the models are and what the file may cost.
        pictures: whether to make pictures for the report.
        progress: called with the share done, 0 to 1.
        matched: what `match` gave for this file, when the caller has asked it already.

    Raises:
        InputError: the file cannot be read, or changed meanwhile; nothing is said of it.
    """
    say = progress or _silent
    warm_up()
    snapshot = take_snapshot(path)
    # 1. Same bytes.
    same = store.release_of_bytes(snapshot.sha256)
    banked = store.bank_by_sha256(snapshot.sha256)
    if same is None and banked is None and store.last_seq():
        load_kernels()  # for step 4, while a child looks through the file
    info = probe_media(path, settings.limits)
    probe = _probe(snapshot, info)
    notes = Notes()
    note_same_bytes(notes, same, banked)
    # 2. Content credentials.
    origin = note_manifest(notes, path, settings)
    signed = is_authentic(origin)
    say(0.05)
    # 3. The mark.
    known = same is not None or banked is not None or signed
    pointer = None if known else read_mark(path, info, store, settings.limits)
    # 4. Match.
    candidates = () if known else match(path, info, store, settings.limits) if matched is None else matched
    candidates, pointer = _pointed(path, info, candidates, pointer, store, settings)
    note_mark(notes, pointer, searched=not known and key_for(store, info.kind) is not None)
    bank = next((c.item_id for c in candidates if c.item == "bank"), banked.id if banked else None)
    note_matches(notes, candidates, store, searched=not known)
    say(0.2)
    # 5. Compare.
    compared = _compare_all(path, info, candidates, store, settings, pictures, lambda x: say(0.2 + 0.7 * x))
    told = _explaining(compared)
    # 6. Identify.
    artists = _identify(notes, path, info, store, settings)
    # 7. Blind detectors, if any is installed.
    _detect(notes, path, info, settings)
    snapshot.confirm()
    say(0.98)
    # 8. Decide.
    evidence = Evidence(
        kind=info.kind,
        same_release=same is not None,
        same_bank=banked is not None,
        signed_by_us=signed,
        mark_differs=pointer is not None and pointer.differs,
        bank_match=bank,
        release=compared[0][0] if compared else None,
        comparison=_together([c for _, c in told]) if compared else None,
        unexplained_s=_unexplained(info, [c for _, c in told]),
        artists=artists,
    )
    releases = [release for release, _ in told + [pair for pair in compared if pair not in told]]
    if same is not None:
        releases = [ReleaseMatch(same.id, same.title, (_whole(info),), 1.0, "same_bytes")]
    elif signed and (named := signed_release(store, origin)) is not None:
        releases = [ReleaseMatch(named.id, named.title, (_whole(info),), 1.0, "c2pa")]
    return _report(probe, info, evidence, releases, notes, settings)


def _pointed(
    path: Path,
    info: MediaInfo,
    candidates: Sequence[Candidate],
    pointer: Pointer | None,
    store: Store,
    settings: Settings,
) -> tuple[tuple[Candidate, ...], Pointer | None]:
    """The candidates, with the release that the mark names if the file shows it."""
    if pointer is None:
        return tuple(candidates), None
    pointer = held_against_release(pointer, path, info, store, settings.limits)
    named = candidate_of(pointer)
    if named is None or any(c.item == "release" and c.item_id == named.item_id for c in candidates):
        return tuple(candidates), pointer
    return (*candidates, named), pointer


def compare_pair(
    probe: Path, master: Path, settings: Settings, *, pictures: bool = True, progress: Progress | None = None
) -> Report:
    """Say what differs between two files, without any registry.

    Raises:
        InputError: one of them cannot be read, or changed meanwhile.
    """
    from haechi.check.compare import compare_files

    warm_up()
    snapshots = take_snapshot(probe), take_snapshot(master)
    with ThreadPoolExecutor(1) as other:
        master_later = other.submit(probe_media, master, settings.limits)
        info, master_info = probe_media(probe, settings.limits), master_later.result()
    comparison = compare_files(
        probe,
        info,
        master,
        master_info,
        models=settings.models,
        limits=settings.limits,
        pictures=pictures,
        progress=progress,
    )
    for snapshot in snapshots:
        snapshot.confirm()
    segments = comparison.segments or (_whole(info),)
    release = ReleaseMatch(None, master.name, segments, 1.0, "given")
    evidence = Evidence(
        kind=info.kind, release=release, comparison=comparison, unexplained_s=_unexplained(info, [comparison])
    )
    return _report(_probe(snapshots[0], info), info, evidence, [release], Notes(), settings)


def _probe(snapshot: Snapshot, info: MediaInfo) -> Probe:
    return Probe(str(snapshot.path), snapshot.sha256, info.kind, info.duration_s, info.width, info.height)


def _whole(info: MediaInfo) -> Segment:
    return Segment(Span(0.0, info.duration_s or 0.0), 0.0, 1.0, False)


def _compare_all(
    path: Path,
    info: MediaInfo,
    candidates: Sequence[Candidate],
    store: Store,
    settings: Settings,
    pictures: bool,
    progress: Progress,
) -> list[tuple[ReleaseMatch, Comparison]]:
    """Compare with every matched master; the one that explains most of the probe with least change comes first."""
    wanted = _by_release([c for c in candidates if c.item == "release"])
    if not wanted:
        return []
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
    return sorted(compared, key=lambda pair: (-round(_explained(pair[1])), _strongest(pair[1])))


def _strongest(comparison: Comparison) -> float:
    return max((c.strength for c in comparison.changes), default=0.0)


def _explaining(
    compared: Sequence[tuple[ReleaseMatch, Comparison]],
) -> list[tuple[ReleaseMatch, Comparison]]:
    """Those that explain a stretch of the probe which none before them explained (joined releases)."""
    told: list[tuple[ReleaseMatch, Comparison]] = []
    for pair in compared:
        spans = [s.span for s in pair[1].segments]
        known = [s.span for _, c in told for s in c.segments]
        shared = sum(max(0.0, min(a.end_s, b.end_s) - max(a.start_s, b.start_s)) for a in spans for b in known)
        if not told or (spans and shared < 0.5 * sum(s.duration_s for s in spans)):
            told.append(pair)
    return told


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


def _unexplained(info: MediaInfo, comparisons: Sequence[Comparison]) -> float:
    if info.duration_s is None or not comparisons:
        return 0.0
    return max(0.0, info.duration_s - sum(_explained(c) for c in comparisons))


def _identify(notes: Notes, path: Path, info: MediaInfo, store: Store, settings: Settings) -> tuple[ArtistMatch, ...]:
    if info.kind is Kind.AUDIO:
        return ()
    from haechi.check.identify import identify

    artists, findings, abstentions = identify(path, info, store, settings.models, settings.limits)
    notes.findings.extend(findings)
    notes.abstentions.extend(abstentions)
    return artists


def _detect(notes: Notes, path: Path, info: MediaInfo, settings: Settings) -> None:
    if info.kind is Kind.AUDIO:
        return
    findings, abstentions = examine_all(path, load_detectors(), settings.models, settings.limits)
    notes.findings.extend(findings)
    notes.abstentions.extend(abstentions)


def _report(
    probe: Probe,
    info: MediaInfo,
    evidence: Evidence,
    releases: Sequence[ReleaseMatch],
    notes: Notes,
    settings: Settings,
) -> Report:
    decision = decide(evidence)
    comparison = evidence.comparison or Comparison()
    findings = [*notes.findings, *comparison.findings]
    abstentions = [*notes.abstentions, *comparison.abstentions]
    if info.notes:
        text = " ".join(info.notes)
        findings.append(Finding("media", 1, 5, text, "media.notes", None, data={"notes": list(info.notes)}))
    return Report(
        probe=probe,
        verdict=decision.verdict,
        decided_by=decision.decided_by,
        llr_log10=None,
        artists=evidence.artists,
        release=releases[0] if releases else None,
        changes=comparison.changes,
        edits=comparison.edits,
        findings=tuple(findings),
        abstentions=tuple(abstentions),
        would_change=decision.would_change,
        software=_software(settings),
        other_releases=tuple(releases[1:]),
        pictures=comparison.pictures,
        curves=comparison.curves,
    )


def _software(settings: Settings) -> dict[str, Any]:
    return {
        "haechi": haechi.__version__,
        "python": platform.python_version(),
        **software_versions(),
        "models": model_digests(settings.models),
    }


def _silent(share: float) -> None:
    del share
