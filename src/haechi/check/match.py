"""Find which releases and known fakes a file was made from, or which exhibits show the same.

Only accepted matches come out: no false match is worth a guess.

Steps of `match`:
1. Bring the catalogue up to the store: new entries match at once, removed ones no more.
2. Sound: landmarks of the sound track (`match_sound`).
3. Pictures: hashes and local features vote for stored samples, geometry confirms, motion aligns (`match_pictures`).
Sound and pictures come out as separate candidates whose `method` names the algorithm, so that our pictures
under foreign sound, and the
reverse, can be told.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from threadpoolctl import threadpool_limits

from haechi.core.fingerprint.audio import AUDIO_FINGERPRINT, RATE
from haechi.core.fingerprint.catalogue import REGISTERED, Catalogue, Items
from haechi.core.fingerprint.index import load_kernels
from haechi.core.media.audio import read_all_audio
from haechi.core.media.probe import MediaInfo
from haechi.core.records import Kind, Segment
from haechi.core.settings import Limits
from haechi.core.store import Store

_SOUND_S = 900.0
"""Of a longer probe only this much sound is searched: from its start, its middle and its end."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A release or bank item that is in the probe.

    Attributes:
        item: which kind of entry.
        item_id: its id.
        segments: where in the probe and in the master; one zero-length segment for a still image.
        score: inliers (pictures) or votes (sound).
        method: algorithm that found it, e.g. "video_fingerprint_v1", "audio_fingerprint_v1", "pdq",
        "local_features_v1".
        homography: probe pixels -> master pixels, row major (9 numbers); None for sound.
    """

    item: Literal["release", "bank", "exhibit"]
    item_id: str
    segments: tuple[Segment, ...]
    score: float
    method: str
    homography: tuple[float, ...] | None


def match(
    path: Path, info: MediaInfo, store: Store, limits: Limits, among: Items = REGISTERED
) -> tuple[Candidate, ...]:
    """Releases and bank items (or exhibits) of which a file holds something, best first: pictures, then sound.

    Args:
        path: the file.
        info: what `probe_media` said of it.
        store: where the fingerprints are.
        limits: what decoding may cost.
        among: kinds of entry to search; what is exhibited often must not crowd out what was released.

    Raises:
        UnreadableMediaError: the file does not decode.
    """
    from haechi.check.match_pictures import match_pictures

    # 1. Catalogue.
    catalogue = Catalogue(store, among)
    catalogue.refresh()
    if catalogue.is_empty():
        return ()
    load_kernels()  # while the decoding child works
    # The matrix products are small: threads for them wait for each other, and take the cores from the decoders.
    with threadpool_limits(1, user_api="blas"):
        # 2. Sound.
        heard = _heard(path, info, catalogue, limits) if info.has_audio and info.kind is not Kind.IMAGE else ()
        # 3. Pictures.
        seen = match_pictures(path, info, catalogue, store, limits) if info.kind is not Kind.AUDIO else []
    shown = [
        Candidate(row.item, row.item_id, one.segments, one.score, one.method, one.homography)
        for one in seen
        for row in (catalogue.rows[one.row],)
    ]
    return (*sorted(shown, key=lambda c: -c.score), *heard)


def _heard(path: Path, info: MediaInfo, catalogue: Catalogue, limits: Limits) -> tuple[Candidate, ...]:
    from haechi.check.match_sound import match_sound

    samples = read_all_audio(path, limits, sample_rate=RATE, end_s=_SOUND_S)
    grouped: dict[int, list[tuple[Segment, int]]] = {}
    for one in match_sound(samples, catalogue):
        grouped.setdefault(one.row, []).append((one.segment, one.votes))
    found = [
        Candidate(
            catalogue.rows[row].item,
            catalogue.rows[row].item_id,
            tuple(sorted((segment for segment, _ in parts), key=lambda s: s.span.start_s)),
            float(sum(votes for _, votes in parts)),
            AUDIO_FINGERPRINT,
            None,
        )
        for row, parts in grouped.items()
    ]
    return tuple(sorted(found, key=lambda c: -c.score))
