"""Find the releases and known fakes whose pictures a file contains, whole, cropped, mirrored, framed or joined.

Steps:
1. Sample the probe as masters are sampled.
2. Vote: hashes and local features, of the picture and of its mirror image, name stored samples (`match_votes`).
3. Confirm each named pair of pictures: RANSAC geometry, then equal structure block by block inside it; SIFT on
   the working copy decides the borderline.
4. Videos: align by motion, so that another take of the same scene is not taken for a copy, and to tell joined
   pieces apart.
5. Accept, and drop what a better match of the same stretch explains.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from haechi.check.match_geometry import (
    Pair,
    Picture,
    Stored,
    accepts,
    confirm_pair,
    judge_pair,
    place_in_probe,
    to_full_size,
)
from haechi.check.match_motion import Master, ReadProbe, best_lines, extended, read_probe
from haechi.check.match_votes import Vote, best_rows, cast_votes
from haechi.core.fingerprint.catalogue import Catalogue
from haechi.core.fingerprint.local_features import SiftFeatures, sift_features, sift_geometry
from haechi.core.media.decode import FrameRequest, read_frames, read_image
from haechi.core.media.probe import MediaInfo
from haechi.core.records import Box, Kind, Segment, Span
from haechi.core.settings import Limits
from haechi.core.store import Store

_PAIRS_PER_ROW = 4
_COPY_SIDE = 1024
_RIVAL_MARGIN = 0.15
# Of two boxes that share more than this of what they cover, one is where the other is.
_SAME_PLACE = 0.55
_SIFT_THREADS, _SIFT_ROWS = 2, 8


@dataclass(frozen=True, slots=True)
class PictureMatch:
    """One accepted master.

    Attributes:
        row: row of the catalogue.
        segments: see `Candidate`.
        score: inliers of the best pair of pictures.
        method: see `Candidate`.
        homography: probe pixels -> master pixels, row major.
        strength: how well pictures and motion agree, 0 to 1, to rank explanations of one stretch.
        box: where the master lies in the probe (`place_in_probe`).
    """

    row: int
    segments: tuple[Segment, ...]
    score: float
    method: str
    homography: tuple[float, ...]
    strength: float
    box: Box


def match_pictures(
    path: Path, info: MediaInfo, catalogue: Catalogue, store: Store, limits: Limits
) -> list[PictureMatch]:
    """Accepted masters, best first; see the module for the steps."""
    # 1. Sample.
    probe = read_probe(path, info, limits)
    if not probe.pictures:
        return []
    # 2. Vote.
    named = _named(cast_votes(probe.pictures, catalogue, alone=probe.alone), probe, catalogue, store)
    # 3. Confirm, 4. Align.
    found: list[PictureMatch] = []
    for master, pairs in _confirmed(named, probe, limits, found):
        one = _aligned(path, info, probe, pairs, master, limits)
        if one is not None:
            found.append(one)
    # 5. Accept.
    return _explaining(found)


def _named(
    votes: Sequence[Vote], probe: ReadProbe, catalogue: Catalogue, store: Store
) -> list[tuple[Master, list[Vote]]]:
    """The masters with the most votes, each with its votes, best first."""
    named = []
    for row in best_rows(votes):
        fingerprint = catalogue.fingerprint(row)
        if fingerprint is not None:
            mine = sorted((v for v in votes if v.row == row), key=lambda v: -v.weight)
            master = Master(row, fingerprint, _proxy_of(catalogue, row, store))
            named.append((master, mine[:_PAIRS_PER_ROW] if probe.dense else mine))
    return named


def _proxy_of(catalogue: Catalogue, row: int, store: Store) -> Path | None:
    entry = catalogue.rows[row]
    release = store.release(entry.item_id) if entry.item == "release" else None
    return store.blob_path(release.proxy) if release is not None and release.proxy is not None else None


def _confirmed(
    named: Sequence[tuple[Master, Sequence[Vote]]],
    probe: ReadProbe,
    limits: Limits,
    found: Sequence[PictureMatch],
) -> Iterator[tuple[Master, list[Pair]]]:
    """Masters with accepted pairs, most inliers first.

    SIFT is asked only of the first, and only while nothing is `found`, which grows.
    """
    pictures, alone = probe.pictures, probe.alone
    judged = [_judged(pictures, votes, master) for master, votes in named]
    good = [[pair for pair, _ in rows if pair is not None and accepts(pair, alone=alone)] for rows in judged]
    points = cache(lambda sample, mirrored: sift_features(_turned(pictures[sample].gray, mirrored)))

    def by_sift(k: int) -> list[Pair]:
        _, vote = max(judged[k], key=lambda one: one[0].inliers if one[0] is not None else 0)
        pair = _by_sift(pictures[vote.picture], points(vote.picture, vote.mirrored), vote, named[k][0], limits)
        return [pair] if pair is not None and accepts(pair, alone=alone) else []

    with ThreadPoolExecutor(_SIFT_THREADS) as pool:
        asked: dict[int, Future[list[Pair]]] = {}
        for k, (master, _) in enumerate(named):
            if not good[k] and not found and k < _SIFT_ROWS:
                coming = itertools.takewhile(lambda j: not good[j], range(k, min(len(named), _SIFT_ROWS)))
                asked |= {j: pool.submit(by_sift, j) for j in coming if j not in asked}
                good[k] = asked[k].result()
            if good[k]:
                yield master, sorted(good[k], key=lambda pair: -pair.inliers)


def _judged(pictures: Sequence[Picture], votes: Sequence[Vote], master: Master) -> list[tuple[Pair | None, Vote]]:
    return [
        (confirm_pair(pictures[v.picture], Stored(master.fingerprint, v.sample), mirrored=v.mirrored), v) for v in votes
    ]


def _turned(gray: NDArray[np.uint8], mirrored: bool) -> NDArray[np.uint8]:
    return np.ascontiguousarray(gray[:, ::-1]) if mirrored else gray


def _by_sift(picture: Picture, mine: SiftFeatures | None, vote: Vote, master: Master, limits: Limits) -> Pair | None:
    """The pair again, from the master's working copy, by SIFT."""
    stored = Stored(master.fingerprint, vote.sample)
    image = _proxy_picture(master, stored.time_s, limits) if mine is not None else None
    theirs = sift_features(image) if image is not None else None
    geometry = sift_geometry(mine, theirs) if mine is not None and theirs is not None else None
    return None if geometry is None else judge_pair(picture, stored, geometry, mirrored=vote.mirrored)


def _proxy_picture(master: Master, time_s: float, limits: Limits) -> NDArray[np.uint8] | None:
    if master.proxy is None:
        return None
    if master.is_image:
        return read_image(master.proxy, limits, max_side=_COPY_SIDE, gray=True).image
    request = FrameRequest(max_side=_COPY_SIDE, gray=True, start_s=max(0.0, time_s - 0.02))
    with read_frames(master.proxy, limits, request) as stream:
        return next((frame.image for frame in stream), None)


def _aligned(
    path: Path, info: MediaInfo, probe: ReadProbe, pairs: Sequence[Pair], master: Master, limits: Limits
) -> PictureMatch | None:
    """The match that confirmed pairs stand for; None when motion says that it is another take."""
    if info.kind is Kind.IMAGE:
        return _as_image(pairs, master, (info.width or 1, info.height or 1))
    return _as_video(path, info, probe, pairs, master, limits)


def _as_image(pairs: Sequence[Pair], master: Master, size: tuple[int, int]) -> PictureMatch:
    best = pairs[0]
    segment = Segment(Span(0.0, 0.0), best.master_s, 1.0, best.mirrored)
    matrix = to_full_size(best.matrix, size, master.size)
    strength = (best.agreement or 0.3) * min(1.0, best.inliers / 100)
    box = place_in_probe(matrix, size, master.size)
    return PictureMatch(master.row, (segment,), float(best.inliers), "local_features_v1", matrix, strength, box)


def _as_video(
    path: Path, info: MediaInfo, probe: ReadProbe, pairs: Sequence[Pair], master: Master, limits: Limits
) -> PictureMatch | None:
    lines, best = best_lines(path, probe, pairs, master, limits)
    if lines is None:  # nothing moves: the pictures speak alone
        span = _span_of(pairs, info)
        segment = Segment(span, max(0.0, best.master_s - (best.probe_s - span.start_s)), 1.0, best.mirrored)
        segments: tuple[Segment, ...] = (segment,)
        strength = 0.5 * (best.agreement or 0.3)
    elif lines:
        if not probe.dense:
            lines = extended(
                lines, [p.time_s for p in probe.pictures], {p.probe_s for p in pairs}, info.duration_s or 0.0
            )
        segments = tuple(Segment(Span(a.start_s, a.end_s), a.offset_s, a.speed, best.mirrored) for a in lines)
        strength = max(a.correlation for a in lines)
    else:
        return None
    size = (info.width or 1, info.height or 1)
    matrix = to_full_size(best.matrix, size, master.size)
    box = place_in_probe(matrix, size, master.size)
    inliers = float(pairs[0].inliers)
    return PictureMatch(master.row, segments, inliers, master.fingerprint.algorithm, matrix, strength, box)


def _span_of(pairs: Sequence[Pair], info: MediaInfo) -> Span:
    times = [pair.probe_s for pair in pairs]
    return Span(min(times), info.duration_s or max(times))


def _explaining(found: list[PictureMatch]) -> list[PictureMatch]:
    """Without those that only resemble a stretch which another explains clearly better, at the same place of it.

    A picture in a picture is no rival of the one around it.
    """
    kept: list[PictureMatch] = []
    for one in sorted(found, key=lambda match: -match.strength):
        rivals = [k for k in kept if _shared(k.segments, one.segments) > 0.3 and k.box.iou(one.box) > _SAME_PLACE]
        if all(one.strength >= k.strength - _RIVAL_MARGIN for k in rivals):
            kept.append(one)
    return kept


def _shared(a: Sequence[Segment], b: Sequence[Segment]) -> float:
    """Share of the probe time of b that a explains too; 1 for stills."""
    total = sum(s.span.duration_s for s in b)
    if total <= 0:
        return 1.0
    common = sum(max(0.0, min(x.span.end_s, y.span.end_s) - max(x.span.start_s, y.span.start_s)) for x in a for y in b)
    return common / total
