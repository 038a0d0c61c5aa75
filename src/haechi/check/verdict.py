"""One verdict from all findings: the strongest rank that speaks decides, and says so.

Rules, in this order (DESIGN.md section 1):
 1. the same bytes as a bank item; as a release, or signed by us and intact     known_fake, authentic
 2. a match to a bank item, unless comparison shows a plain copy of a master    known_fake
 3. a comparison with the master: a changed person or voice; none               altered, authentic_copy
    a mark of a release that the file does not show: never a copy               inconclusive
    only its sound is the release's, the pictures are others                    inconclusive
 4. a release is found but could not be compared, or damage took too much of it inconclusive
 5. an enrolled artist is depicted, and nothing above spoke                     inconclusive
 6. nothing of ours                                                             not_ours
Invariants: a lower rank never overrules a higher one; `authentic` needs rank 1; identity alone never says anything
about authenticity. A bank item and its master look alike to a fingerprint, so rule 2 gives way to a plain copy: rank 3
compares the very pictures, and an authentic clip must not be called a fake because a fake was made from it.
"""

from __future__ import annotations

from dataclasses import dataclass

from haechi.core.language import mark
from haechi.core.records import ArtistMatch, Comparison, Kind, ReleaseMatch, Verdict

# From this score on, foreign sound under our pictures counts as a replaced voice (see compare/sound_speech).
SPEECH_LIKE = 0.5
# Unexplained stretches shorter than this are cuts, fades and cards.
UNEXPLAINED_S = 1.5
# Nor may damage have taken more than this share of what was compared.
MAX_DAMAGED = 0.2


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the steps of a check found.

    Attributes:
        kind: of the probe.
        same_release: the probe has the bytes of this release.
        same_bank: the probe has the bytes of this bank item.
        signed_by_us: the probe carries an intact manifest, signed with a certificate of ours, without any problem.
        mark_differs: the probe carries the mark of a release that it does not show: someone moved it there.
        bank_match: id of the bank item that the probe matches, or None.
        release: the release that was compared, or None.
        comparison: with that release's master, or None when there was nothing to compare.
        unexplained_s: seconds of the probe that no release explains.
        artists: enrolled artists who seem to be depicted.
    """

    kind: Kind
    same_release: bool = False
    same_bank: bool = False
    signed_by_us: bool = False
    mark_differs: bool = False
    bank_match: str | None = None
    release: ReleaseMatch | None = None
    comparison: Comparison | None = None
    unexplained_s: float = 0.0
    artists: tuple[ArtistMatch, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict, the finding that decided it, and what would change it."""

    verdict: Verdict
    decided_by: str
    would_change: tuple[str, ...]


def decide(evidence: Evidence) -> Decision:
    """Apply the rules of the module."""
    # 1. Proof of origin.
    if (proven := _proven(evidence)) is not None:
        return proven
    compared = evidence.comparison is not None and bool(evidence.comparison.segments)
    changed = evidence.comparison is not None and is_changed(evidence.comparison)
    # 2. A confirmed fake, seen again.
    if evidence.bank_match is not None and evidence.release is None:
        return Decision(Verdict.KNOWN_FAKE, "bank_match", _BANK)
    if evidence.bank_match is not None and compared and changed:
        return Decision(Verdict.KNOWN_FAKE, "bank_match", _BANK)
    # 3. Comparison with the master.
    if compared and changed:
        return Decision(Verdict.ALTERED, "comparison", _ALTERED)
    if evidence.mark_differs:
        return Decision(Verdict.INCONCLUSIVE, "watermark", _MOVED)
    if compared and foreign_pictures(evidence.comparison):
        return Decision(Verdict.INCONCLUSIVE, "comparison", _SOUND_ALONE)
    if compared and not _hides_artist(evidence) and not _damaged(evidence):
        return Decision(Verdict.AUTHENTIC_COPY, "comparison", _COPY)
    # 4. and 5. Something of ours, but too little evidence.
    if evidence.release is not None or evidence.bank_match is not None:
        return Decision(Verdict.INCONCLUSIVE, "release_match", _UNCOMPARED)
    if evidence.artists:
        return Decision(Verdict.INCONCLUSIVE, "face_identity", _UNKNOWN_SOURCE)
    # 6. Nothing of ours.
    return Decision(Verdict.NOT_OURS, "release_match", _NOT_OURS)


def _proven(evidence: Evidence) -> Decision | None:
    if evidence.same_bank:
        return Decision(
            Verdict.KNOWN_FAKE, "same_bytes", (mark("A reviewer withdraws it from the list of confirmed fakes."),)
        )
    if evidence.same_release:
        return Decision(
            Verdict.AUTHENTIC, "same_bytes", (mark("The release turns out to have been registered wrongly."),)
        )
    if evidence.signed_by_us:
        return Decision(Verdict.AUTHENTIC, "c2pa", (mark("The key that signed it turns out to have been stolen."),))
    return None


def is_changed(comparison: Comparison) -> bool:
    """Whether a person, a voice or the scene differs from the master beyond harmless edits."""
    return bool(comparison.changes) or foreign_voice(comparison)


def foreign_voice(comparison: Comparison) -> bool:
    """Whether other speech was put under our pictures."""
    heard = [e for e in comparison.edits if e.kind == "audio_replaced"]
    return any(float(e.detail.get("speech_like", 0.0)) >= SPEECH_LIKE for e in heard)


def foreign_pictures(comparison: Comparison | None) -> bool:
    """Whether other pictures are shown with our sound: nothing can be said of them."""
    return comparison is not None and any(edit.kind == "pictures_replaced" for edit in comparison.edits)


def _hides_artist(evidence: Evidence) -> bool:
    """Whether an enrolled artist may be shown in a stretch that no release explains."""
    return evidence.unexplained_s > UNEXPLAINED_S and bool(evidence.artists)


def _damaged(evidence: Evidence) -> bool:
    """Whether damage has taken so much of the probe that the rest does not stand for it."""
    comparison = evidence.comparison
    if comparison is None:
        return False
    explained_s = sum(s.span.duration_s for s in comparison.segments)
    return comparison.undecoded_s > min(UNEXPLAINED_S, MAX_DAMAGED * explained_s)


_BANK = (
    mark("The fake that it shows is withdrawn from the list of confirmed fakes."),
    mark("The original is registered, and the file proves to be a plain copy of it."),
)
_ALTERED = (
    mark("Another original, which shows this very content, is registered."),
    mark("A copy of better quality shows that poor quality alone made the difference."),
)
_COPY = (mark("A copy of better quality shows a difference that this one is too coarse to show."),)
_SOUND_ALONE = (mark("The original of its pictures is registered."),)
_MOVED = (mark("A person compares it with the release whose mark it carries, and finds out how the mark got there."),)
_UNCOMPARED = (
    mark("A copy of better quality or size, which can be lined up with the original."),
    mark("The original of the remaining part is registered."),
)
_UNKNOWN_SOURCE = (mark("The original that this was made from is registered, if there is one."),)
_NOT_OURS = (mark("The release is registered, or the artist is enrolled, and the file is checked again."),)
