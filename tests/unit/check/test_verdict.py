from __future__ import annotations

from dataclasses import replace

import pytest

from haechi.check.verdict import Evidence, decide
from haechi.core.records import (
    ArtistMatch,
    Box,
    Change,
    Comparison,
    Edit,
    Kind,
    Region,
    ReleaseMatch,
    Segment,
    Span,
    Verdict,
)

WHOLE = Segment(Span(0.0, 10.0), 0.0, 1.0, False)
RELEASE = ReleaseMatch("R-1", "Song", (WHOLE,), 20.0, "video_fingerprint_v1")
PLAIN = Comparison(segments=(WHOLE,))
MOUTH = Comparison(changes=(Change(Region.MOUTH, Span(3.0, 7.0), Box(1, 2, 3, 4), 9.0),), segments=(WHOLE,))
ARTIST = (ArtistMatch("A-1", "Mina", 0.9, Span(0.0, 10.0)),)


def foreign_sound(speech_like: float) -> Comparison:
    return Comparison(edits=(Edit("audio_replaced", {"speech_like": speech_like}),), segments=(WHOLE,))


@pytest.mark.parametrize(
    ("evidence", "verdict", "decided_by"),
    [
        (Evidence(Kind.VIDEO, same_release=True), Verdict.AUTHENTIC, "same_bytes"),
        (Evidence(Kind.VIDEO, same_bank=True, same_release=True), Verdict.KNOWN_FAKE, "same_bytes"),
        (Evidence(Kind.VIDEO, signed_by_us=True), Verdict.AUTHENTIC, "c2pa"),
        (Evidence(Kind.IMAGE, mark_differs=True), Verdict.INCONCLUSIVE, "watermark"),
        (
            Evidence(Kind.IMAGE, mark_differs=True, release=RELEASE, comparison=PLAIN),
            Verdict.INCONCLUSIVE,
            "watermark",
        ),
        (Evidence(Kind.IMAGE, mark_differs=True, release=RELEASE, comparison=MOUTH), Verdict.ALTERED, "comparison"),
        (Evidence(Kind.IMAGE, mark_differs=True, bank_match="B-1"), Verdict.KNOWN_FAKE, "bank_match"),
        (Evidence(Kind.VIDEO, signed_by_us=True, bank_match="B-1"), Verdict.AUTHENTIC, "c2pa"),
        (Evidence(Kind.VIDEO, signed_by_us=True, same_bank=True), Verdict.KNOWN_FAKE, "same_bytes"),
        (Evidence(Kind.VIDEO, bank_match="B-1"), Verdict.KNOWN_FAKE, "bank_match"),
        (Evidence(Kind.VIDEO, bank_match="B-1", release=RELEASE, comparison=MOUTH), Verdict.KNOWN_FAKE, "bank_match"),
        (Evidence(Kind.VIDEO, release=RELEASE, comparison=MOUTH), Verdict.ALTERED, "comparison"),
        (Evidence(Kind.VIDEO, release=RELEASE, comparison=PLAIN), Verdict.AUTHENTIC_COPY, "comparison"),
        (Evidence(Kind.VIDEO, release=RELEASE, comparison=foreign_sound(0.9)), Verdict.ALTERED, "comparison"),
        (Evidence(Kind.VIDEO, release=RELEASE, comparison=foreign_sound(0.1)), Verdict.AUTHENTIC_COPY, "comparison"),
        (Evidence(Kind.VIDEO, release=RELEASE, comparison=Comparison()), Verdict.INCONCLUSIVE, "release_match"),
        (Evidence(Kind.VIDEO, artists=ARTIST), Verdict.INCONCLUSIVE, "face_identity"),
        (Evidence(Kind.VIDEO), Verdict.NOT_OURS, "release_match"),
    ],
)
def test_strongest_rank_decides(evidence: Evidence, verdict: Verdict, decided_by: str) -> None:
    decision = decide(evidence)
    assert decision.verdict is verdict
    assert decision.decided_by == decided_by
    assert decision.would_change


def test_authentic_clip_is_not_called_fake_because_a_fake_was_made_from_it() -> None:
    evidence = Evidence(Kind.VIDEO, bank_match="B-1", release=RELEASE, comparison=PLAIN)
    assert decide(evidence).verdict is Verdict.AUTHENTIC_COPY


def test_identity_never_makes_anything_authentic_or_fake() -> None:
    for release, comparison in ((None, None), (RELEASE, Comparison())):
        verdict = decide(Evidence(Kind.VIDEO, release=release, comparison=comparison, artists=ARTIST)).verdict
        assert verdict is Verdict.INCONCLUSIVE


def test_artist_in_a_stretch_that_no_release_explains_forbids_authentic_copy() -> None:
    evidence = Evidence(Kind.VIDEO, release=RELEASE, comparison=PLAIN, unexplained_s=4.0, artists=ARTIST)
    assert decide(evidence).verdict is Verdict.INCONCLUSIVE
    evidence = Evidence(Kind.VIDEO, release=RELEASE, comparison=PLAIN, unexplained_s=4.0)
    assert decide(evidence).verdict is Verdict.AUTHENTIC_COPY


@pytest.mark.parametrize(("undecoded_s", "verdict"), [(0.3, Verdict.AUTHENTIC_COPY), (2.0, Verdict.INCONCLUSIVE)])
def test_copy_of_which_damage_has_taken_much_is_not_called_authentic(undecoded_s: float, verdict: Verdict) -> None:
    comparison = replace(PLAIN, undecoded_s=undecoded_s)
    assert decide(Evidence(Kind.VIDEO, release=RELEASE, comparison=comparison)).verdict is verdict


def test_our_sound_under_other_pictures_is_no_copy() -> None:
    span = Span(0.0, 4.0)
    alone = Comparison(edits=(Edit("pictures_replaced", span=span),), segments=(Segment(span, 0.0, 1.0, False),))
    release = ReleaseMatch("R-1", "song", alone.segments, 9.0, "audio")
    decision = decide(Evidence(Kind.VIDEO, release=release, comparison=alone))
    assert (decision.verdict, decision.decided_by) == (Verdict.INCONCLUSIVE, "comparison")
    changed = replace(alone, changes=(Change(Region.VOICE, span, None, 9.0),))
    assert decide(Evidence(Kind.VIDEO, release=release, comparison=changed)).verdict is Verdict.ALTERED
