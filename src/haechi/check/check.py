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

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from haechi.check.detectors import examine_all
from haechi.check.marks import Pointer, candidate_of, held_against_release, key_for, read_mark
from haechi.check.masters import Masters, compare_all
from haechi.check.match import Candidate, match
from haechi.check.notes import Notes, note_manifest, note_mark, note_matches, note_same_bytes
from haechi.check.outcome import report_of, whole
from haechi.check.verdict import Evidence
from haechi.check.verify import is_authentic, signed_release
from haechi.core.fetch import Client
from haechi.core.fingerprint.index import load_kernels
from haechi.core.media.probe import MediaInfo, probe_media
from haechi.core.media.sandbox import warm_up
from haechi.core.plugins import load_detectors
from haechi.core.provenance.origin import Origin
from haechi.core.records import ArtistMatch, BankItem, Kind, Release, ReleaseMatch, Report
from haechi.core.settings import Settings
from haechi.core.snapshot import Snapshot, take_snapshot
from haechi.core.store import Store

Progress = Callable[[float], None]


def check_file(
    path: Path,
    store: Store,
    settings: Settings,
    *,
    pictures: bool = True,
    progress: Progress | None = None,
    matched: Sequence[Candidate] | None = None,
    remote: Client | None = None,
) -> Report:
    """Check one file against the registry; see the module for the steps.

    Args:
        path: the suspicious file.
        store: the registry.
        settings: where the models are and what the file may cost.
        pictures: whether to make pictures for the report.
        progress: called with the share done, 0 to 1.
        matched: what `match` gave for this file, when the caller has asked it already.
        remote: fetches content credentials that lie on a server; None: nothing is fetched.

    Raises:
        InputError: the file cannot be read, or changed meanwhile; nothing is said of it.
    """
    say = progress or _silent
    warm_up()
    snapshot = take_snapshot(path)
    notes = Notes()
    # 1. Same bytes.
    known = _known_bytes(notes, snapshot, store)
    if not known.answered and store.last_seq():
        load_kernels()  # for step 4, while a child looks through the file
    info = probe_media(path, settings.limits)
    # 2. Content credentials.
    known.origin = note_manifest(notes, path, settings, remote)
    say(0.05)
    # 3. The mark, 4. Match.
    candidates = _candidates(notes, path, info, known, store, settings, matched)
    say(0.2)
    # 5. Compare.
    masters = compare_all(
        path,
        info,
        candidates,
        store,
        settings,
        marked=known.marked,
        pictures=pictures,
        progress=lambda x: say(0.2 + 0.7 * x),
    )
    # 6. Identify.
    artists = _identify(notes, path, info, store, settings)
    # 7. Blind detectors, if any is installed.
    _detect(notes, path, info, settings)
    snapshot.confirm()
    say(0.98)
    # 8. Decide.
    evidence = Evidence(
        kind=info.kind,
        same_release=known.release is not None,
        same_bank=known.banked is not None,
        signed_by_us=known.signed,
        mark_differs=known.mark_differs,
        bank_match=next((c.item_id for c in candidates if c.item == "bank"), known.banked.id if known.banked else None),
        release=masters.best,
        comparison=masters.together,
        unexplained_s=masters.unexplained_s(info),
        artists=artists,
    )
    releases = _releases(known, info, masters, store)
    return report_of(snapshot, info, evidence, releases, settings, notes.findings, notes.abstentions)


@dataclass(slots=True)
class _Known:
    """What a file says of itself, by its bytes, its credentials and its mark.

    Attributes:
        release: has the same bytes.
        banked: has the same bytes.
        origin: what its content credentials say.
        marked: id of the release whose mark it carries and which it shows.
        mark_differs: it carries the mark of a release that it does not show.
    """

    release: Release | None
    banked: BankItem | None
    origin: Origin | None = None
    marked: str | None = None
    mark_differs: bool = False

    @property
    def signed(self) -> bool:
        """Intact credentials of our own."""
        return is_authentic(self.origin)

    @property
    def answered(self) -> bool:
        """Nothing needs to be searched any more."""
        return self.release is not None or self.banked is not None or self.signed


def _known_bytes(notes: Notes, snapshot: Snapshot, store: Store) -> _Known:
    known = _Known(store.release_of_bytes(snapshot.sha256), store.bank_by_sha256(snapshot.sha256))
    note_same_bytes(notes, known.release, known.banked)
    return known


def _candidates(
    notes: Notes,
    path: Path,
    info: MediaInfo,
    known: _Known,
    store: Store,
    settings: Settings,
    matched: Sequence[Candidate] | None,
) -> tuple[Candidate, ...]:
    """Steps 3 and 4: what the file may come from, by its mark and by fingerprints."""
    searched = not known.answered
    pointer = read_mark(path, info, store, settings.limits) if searched else None
    candidates: Sequence[Candidate] = ()
    if searched:
        candidates = match(path, info, store, settings.limits) if matched is None else matched
    candidates, pointer = _pointed(path, info, candidates, pointer, store, settings)
    if pointer is not None:
        known.mark_differs = pointer.differs
        known.marked = pointer.release.id if pointer.release is not None and pointer.agrees else None
    note_mark(notes, pointer, searched=searched and key_for(store, info.kind) is not None)
    note_matches(notes, candidates, store, searched=searched)
    return tuple(candidates)


def _releases(known: _Known, info: MediaInfo, masters: Masters, store: Store) -> list[ReleaseMatch]:
    """The releases that the report names, the first one first."""
    if known.release is not None:
        return [ReleaseMatch(known.release.id, known.release.title, (whole(info),), 1.0, "same_bytes")]
    if known.signed and (named := signed_release(store, known.origin)) is not None:
        return [ReleaseMatch(named.id, named.title, (whole(info),), 1.0, "c2pa")]
    return masters.releases


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


def _silent(share: float) -> None:
    del share
