"""Find the releases and known fakes whose pictures a file contains, whole, cropped, mirrored, framed or joined.

Steps:
1. Sample the probe as masters are sampled.
2. Vote: hashes within 31 bits and local features, of the picture and of its mirror image, name stored samples.
3. Confirm each named pair of pictures: RANSAC geometry, then equal structure block by block inside it; SIFT on
   the working copy decides the borderline.
4. Videos: align by motion, so that another take of the same scene is not taken for a copy, and to tell joined
   pieces apart.
5. Accept, and drop what a better match of the same stretch explains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.check.match_geometry import (
    Pair,
    Picture,
    Stored,
    confirm_pair,
    judge_pair,
    take_picture,
    to_full_size,
    warped_small,
)
from haechi.core.fingerprint.alignment import Alignment, Motion, align, is_still
from haechi.core.fingerprint.catalogue import Catalogue
from haechi.core.fingerprint.local_features import SIDE, sift_geometry
from haechi.core.fingerprint.pdq import GOOD_QUALITY
from haechi.core.fingerprint.sets import FingerprintSet
from haechi.core.fingerprint.visual import SMALL_INTERVAL_S, plan_sampling, small_picture
from haechi.core.media.decode import Frame, FrameRequest, read_frames, read_image
from haechi.core.media.probe import MediaInfo
from haechi.core.records import Kind, Segment, Span
from haechi.core.settings import Limits
from haechi.core.store import Store

MIN_INLIERS: Final = 16
MIN_AGREEMENT: Final = 0.3
MIN_CORRELATION: Final = 0.55

_HASH_RADIUS, _FEATURE_RADIUS = 31, 40
_VOTING_SAMPLES = 14
_MIN_VOTES, _ROWS_PER_SAMPLE, _ROWS, _PAIRS_PER_ROW = 5, 5, 10, 4
_IMAGE_SIDE, _FRAME_SIDE, _MOTION_SIDE = 1024, 512, 192
_WINDOW_S, _WINDOWS = 4.0, 3
_RIVAL_MARGIN = 0.15
_SAME_MOMENT_S = 0.03
_RHYTHM = 0.82
_MATRICES = 3


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
    """

    row: int
    segments: tuple[Segment, ...]
    score: float
    method: str
    homography: tuple[float, ...]
    strength: float


@dataclass(slots=True)
class _Probe:
    """What was read of the probe.

    Attributes:
        pictures: samples that vote and are confirmed.
        motion: grey pictures, long side 192, of all of a short probe; empty for a long one.
    """

    pictures: list[Picture]
    motion: list[Frame]
    dense: bool


@dataclass(frozen=True, slots=True)
class _Vote:
    row: int
    sample: int
    picture: int
    mirrored: bool
    votes: int


def match_pictures(
    path: Path, info: MediaInfo, catalogue: Catalogue, store: Store, limits: Limits
) -> list[PictureMatch]:
    """Accepted masters, best first; see the module for the steps."""
    # 1. Sample.
    probe = _read_probe(path, info, limits)
    if not probe.pictures:
        return []
    # 2. Vote.
    votes = _feature_votes(probe.pictures, catalogue) + _hash_votes(probe.pictures, catalogue)
    found: list[PictureMatch] = []
    for row in _best_rows(votes):
        fingerprint = catalogue.fingerprint(row)
        if fingerprint is None:
            continue
        master = _Master(row, fingerprint, _proxy_of(catalogue, row, store))
        # 3. Confirm.
        pairs = _confirm(probe.pictures, [v for v in votes if v.row == row], master, limits, sift=not found)
        if not pairs:
            continue
        # 4. Align.
        size = (info.width or 1, info.height or 1)
        if info.kind is Kind.IMAGE:
            found.append(_as_image(pairs, master, size))
        else:
            one = _as_video(path, info, probe, pairs, master, limits)
            found += [one] if one is not None else []
    # 5. Accept.
    return _explaining(found)


@dataclass(frozen=True, slots=True)
class _Master:
    row: int
    fingerprint: FingerprintSet
    proxy: Path | None

    @property
    def size(self) -> tuple[int, int]:
        return Stored(self.fingerprint, 0).size

    @property
    def is_image(self) -> bool:
        return self.fingerprint.algorithm.startswith("image")

    @property
    def follows_motion(self) -> bool:
        return bool(self.fingerprint.arrays["dense"][0])


def _read_probe(path: Path, info: MediaInfo, limits: Limits) -> _Probe:
    if info.kind is Kind.IMAGE:
        frame = read_image(path, limits, max_side=_IMAGE_SIDE, gray=True)
        return _Probe([take_picture(frame.image, 0.0)], [], dense=False)
    # Another rhythm than the master's, so that some samples of both show the same moment.
    sampling = plan_sampling(info)
    sampling = replace(sampling, interval_s=_RHYTHM * sampling.interval_s)
    interval = SMALL_INTERVAL_S if sampling.dense else sampling.interval_s
    request = FrameRequest(max_side=_FRAME_SIDE, gray=True, key_only=sampling.key_only, min_interval_s=interval)
    samples: list[Frame] = []
    motion: list[Frame] = []
    with read_frames(path, limits, request) as stream:
        for frame in stream:
            if sampling.dense:
                motion.append(_for_motion(frame))
            if not samples or frame.time_s - samples[-1].time_s >= sampling.interval_s - 1e-3:
                samples.append(frame)
    chosen = np.unique(np.linspace(0, len(samples) - 1, min(len(samples), _VOTING_SAMPLES)).round().astype(int))
    return _Probe([take_picture(samples[i].image, samples[i].time_s) for i in chosen], motion, sampling.dense)


def _for_motion(frame: Frame) -> Frame:
    height, width = frame.image.shape
    scale = _MOTION_SIDE / max(height, width)
    if scale >= 1:
        return frame
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return replace(frame, image=np.asarray(cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA), np.uint8))


def _feature_votes(pictures: Sequence[Picture], catalogue: Catalogue) -> list[_Vote]:
    """Stored samples that share the most features with each picture or its mirror image."""
    parts = [(i, m, p.features[m].codes) for i, p in enumerate(pictures) for m in (0, 1)]
    owner = np.concatenate([np.full(len(codes), k) for k, (_, _, codes) in enumerate(parts)])
    hits = catalogue.search_features(np.concatenate([codes for *_, codes in parts]), _FEATURE_RADIUS)
    if not len(hits.query):
        return []
    # One vote per feature and stored sample, however many of the sample's features it resembles.
    triples = np.unique(np.column_stack([hits.query, hits.row, hits.place.astype(np.int64)]), axis=0)
    keys = np.column_stack([owner[triples[:, 0]], triples[:, 1], triples[:, 2]])
    unique, counts = np.unique(keys, axis=0, return_counts=True)
    votes: list[_Vote] = []
    for k, (picture, mirrored, _) in enumerate(parts):
        mine = np.flatnonzero((unique[:, 0] == k) & (counts >= _MIN_VOTES))
        rows: set[int] = set()
        for at in mine[np.argsort(-counts[mine], kind="stable")]:
            row = int(unique[at, 1])
            if row in rows:
                continue
            rows.add(row)
            votes.append(_Vote(row, int(unique[at, 2]), picture, bool(mirrored), int(counts[at])))
            if len(rows) == _ROWS_PER_SAMPLE:
                break
    return votes


def _hash_votes(pictures: Sequence[Picture], catalogue: Catalogue) -> list[_Vote]:
    """Stored samples whose hash is near; worth as much as the most features, so that they are looked at first."""
    parts = [(i, m, bits) for i, p in enumerate(pictures) for bits, quality, m in p.hashes if quality >= GOOD_QUALITY]
    if not parts:
        return []
    hits = catalogue.search_pdq(np.stack([bits for *_, bits in parts]), _HASH_RADIUS)
    named: dict[tuple[int, int, bool], _Vote] = {}
    for query, row, place in zip(hits.query, hits.row, hits.place, strict=True):
        picture, mirrored, _ = parts[int(query)]
        named[picture, int(row), mirrored] = _Vote(int(row), int(place), picture, mirrored, 100)
    return list(named.values())


def _best_rows(votes: Sequence[_Vote]) -> list[int]:
    total: dict[int, int] = {}
    for vote in votes:
        total[vote.row] = total.get(vote.row, 0) + vote.votes
    return sorted(total, key=lambda row: -total[row])[:_ROWS]


def _proxy_of(catalogue: Catalogue, row: int, store: Store) -> Path | None:
    entry = catalogue.rows[row]
    release = store.release(entry.item_id) if entry.item == "release" else None
    return store.blob_path(release.proxy) if release is not None and release.proxy is not None else None


def _confirm(
    pictures: Sequence[Picture], votes: Sequence[_Vote], master: _Master, limits: Limits, *, sift: bool
) -> list[Pair]:
    """Accepted pairs, most inliers first; SIFT is asked only as long as no better named master was found."""
    judged: list[tuple[Pair | None, _Vote]] = []
    for vote in sorted(votes, key=lambda v: -v.votes)[:_PAIRS_PER_ROW]:
        stored = Stored(master.fingerprint, vote.sample)
        judged.append((confirm_pair(pictures[vote.picture], stored, mirrored=vote.mirrored), vote))
    good = [pair for pair, _ in judged if pair is not None and _is_good(pair)]
    if not good and judged and sift:
        _, vote = max(judged, key=lambda one: one[0].inliers if one[0] is not None else 0)
        again = _by_sift(pictures[vote.picture], vote, master, limits)
        good = [again] if again is not None and _is_good(again) else []
    return sorted(good, key=lambda pair: -pair.inliers)


def _is_good(pair: Pair) -> bool:
    return pair.inliers >= MIN_INLIERS and pair.agreement >= MIN_AGREEMENT


def _by_sift(picture: Picture, vote: _Vote, master: _Master, limits: Limits) -> Pair | None:
    """The pair again, from the master's working copy, by SIFT."""
    stored = Stored(master.fingerprint, vote.sample)
    image = _proxy_picture(master, stored.time_s, limits)
    if image is None:
        return None
    gray = np.ascontiguousarray(picture.gray[:, ::-1]) if vote.mirrored else picture.gray
    geometry = sift_geometry(gray, image)
    return None if geometry is None else judge_pair(picture, stored, geometry, mirrored=vote.mirrored)


def _proxy_picture(master: _Master, time_s: float, limits: Limits) -> NDArray[np.uint8] | None:
    if master.proxy is None:
        return None
    if master.is_image:
        return read_image(master.proxy, limits, max_side=_FRAME_SIDE * 2, gray=True).image
    request = FrameRequest(max_side=_FRAME_SIDE * 2, gray=True, start_s=max(0.0, time_s - 0.02))
    with read_frames(master.proxy, limits, request) as stream:
        return next((frame.image for frame in stream), None)


def _as_image(pairs: Sequence[Pair], master: _Master, size: tuple[int, int]) -> PictureMatch:
    best = pairs[0]
    segment = Segment(Span(0.0, 0.0), best.master_s, 1.0, best.mirrored)
    matrix = to_full_size(best.matrix, size, master.size)
    strength = best.agreement * min(1.0, best.inliers / 100)
    return PictureMatch(master.row, (segment,), float(best.inliers), "local_features_v1", matrix, strength)


def _as_video(
    path: Path, info: MediaInfo, probe: _Probe, pairs: Sequence[Pair], master: _Master, limits: Limits
) -> PictureMatch | None:
    lines, best = _best_lines(path, probe, pairs, master, limits)
    if lines is None:  # nothing moves: the pictures speak alone
        span = _span_of(pairs, info)
        segment = Segment(span, max(0.0, best.master_s - (best.probe_s - span.start_s)), 1.0, best.mirrored)
        segments: tuple[Segment, ...] = (segment,)
        strength = 0.5 * best.agreement
    elif lines:
        segments = tuple(Segment(Span(a.start_s, a.end_s), a.offset_s, a.speed, best.mirrored) for a in lines)
        strength = max(a.correlation for a in lines)
    else:
        return None
    matrix = to_full_size(best.matrix, (info.width or 1, info.height or 1), master.size)
    return PictureMatch(master.row, segments, float(pairs[0].inliers), master.fingerprint.algorithm, matrix, strength)


def _best_lines(
    path: Path, probe: _Probe, pairs: Sequence[Pair], master: _Master, limits: Limits
) -> tuple[list[Alignment] | None, Pair]:
    """Aligned stretches and the pair whose geometry gave them; None when motion cannot tell.

    Where the camera moves, only a pair of pictures of the same moment has the right geometry, and only the right
    geometry shows which moments are the same: the pair nearest to the first line is tried next, while that helps.
    """
    best, tried = pairs[0], {0}
    stretches = _stretches(path, probe, pairs, master, limits)
    lines = _lines(stretches, best, master)
    while lines and len(tried) < min(_MATRICES, len(pairs)):
        left = [i for i in range(len(pairs)) if i not in tried]
        errors = [_time_error(pairs[i], lines) for i in left]
        if not _SAME_MOMENT_S < _time_error(best, lines) > min(errors):
            break
        nearest = left[int(np.argmin(errors))]
        tried.add(nearest)
        again = _lines(stretches, pairs[nearest], master)
        if again and _explained(again) > _explained(lines):
            lines, best = again, pairs[nearest]
    return lines, best


def _explained(lines: Sequence[Alignment]) -> float:
    return sum(a.correlation * a.windows for a in lines)


def _time_error(pair: Pair, lines: Sequence[Alignment]) -> float:
    """How far apart in time the two pictures are, by the nearest line: the camera may have moved meanwhile."""
    return min(abs(a.offset_s + a.speed * (pair.probe_s - a.start_s) - pair.master_s) for a in lines)


def _span_of(pairs: Sequence[Pair], info: MediaInfo) -> Span:
    times = [pair.probe_s for pair in pairs]
    return Span(min(times), info.duration_s or max(times))


def _stretches(
    path: Path, probe: _Probe, pairs: Sequence[Pair], master: _Master, limits: Limits
) -> list[tuple[list[Frame], Motion]]:
    """Stretches of the probe, each with the motion of the master that may be in it; none when that is not known."""
    if master.is_image:
        return []
    found = [probe.motion] if probe.dense else _read_windows(path, pairs, limits)
    motions = [(frames, _master_motion(master, frames, pairs, limits)) for frames in found if frames]
    return [(frames, motion) for frames, motion in motions if motion is not None]


def _lines(stretches: Sequence[tuple[list[Frame], Motion]], pair: Pair, master: _Master) -> list[Alignment] | None:
    """Aligned stretches under the geometry of a pair; None when one side stands still, so that motion cannot tell."""
    found: list[Alignment] = []
    moving = False
    for frames, motion in stretches:
        mine, inside = _warped_motion(frames, pair.matrix, master.size)
        theirs = Motion(motion.times, motion.pictures[:, inside])
        if is_still(mine) or is_still(theirs):
            continue
        moving = True
        found += align(mine, theirs, MIN_CORRELATION)
    return found if moving else None


def _read_windows(path: Path, pairs: Sequence[Pair], limits: Limits) -> list[list[Frame]]:
    """Grey pictures of short stretches around the best confirmed samples of a long probe."""
    starts: list[float] = []
    for pair in pairs:
        if all(abs(pair.probe_s - start) > _WINDOW_S for start in starts) and len(starts) < _WINDOWS:
            starts.append(pair.probe_s)
    stretches = []
    for start in starts:
        request = FrameRequest(
            max_side=_MOTION_SIDE, gray=True, start_s=start, end_s=start + _WINDOW_S, min_interval_s=SMALL_INTERVAL_S
        )
        with read_frames(path, limits, request) as stream:
            stretches.append(list(stream))
    return stretches


def _master_motion(master: _Master, frames: Sequence[Frame], pairs: Sequence[Pair], limits: Limits) -> Motion | None:
    """The master's small pictures: kept ones, or those of its working copy around the confirmed samples."""
    if master.follows_motion:
        arrays = master.fingerprint.arrays
        pictures = arrays["small"].reshape(len(arrays["small"]), -1)
        return Motion(arrays["small_times"].astype(np.float64), pictures.astype(np.float32))
    if master.proxy is None or not frames:
        return None
    near = min(pairs, key=lambda pair: abs(pair.probe_s - frames[0].time_s))
    reach = 6.0
    low = near.master_s + (frames[0].time_s - near.probe_s) - reach
    high = near.master_s + (frames[-1].time_s - near.probe_s) + reach
    request = FrameRequest(
        max_side=_MOTION_SIDE, gray=True, start_s=max(0.0, low), end_s=high, min_interval_s=SMALL_INTERVAL_S
    )
    with read_frames(master.proxy, limits, request) as stream:
        read = [(frame.time_s, small_picture(frame.image).ravel()) for frame in stream]
    if not read:
        return None
    return Motion(np.array([t for t, _ in read]), np.stack([image for _, image in read]).astype(np.float32))


def _warped_motion(
    frames: Sequence[Frame], matrix: NDArray[np.float64], size: tuple[int, int]
) -> tuple[Motion, NDArray[np.bool_]]:
    """The probe's pictures in the master's frame, and which of the 48 x 48 pixels it reaches."""
    pictures = []
    inside = np.zeros(0, bool)
    for frame in frames:
        shrunk = np.diag([SIDE / max(frame.image.shape)] * 2 + [1.0])
        small, reach = warped_small(frame.image, matrix @ shrunk, size)
        pictures.append(small.ravel())
        inside = reach.ravel()
    stack = np.stack(pictures)[:, inside]
    return Motion(np.array([frame.time_s for frame in frames]), stack), inside


def _explaining(found: list[PictureMatch]) -> list[PictureMatch]:
    """Without those that only resemble a stretch which another explains clearly better."""
    kept: list[PictureMatch] = []
    for one in sorted(found, key=lambda match: -match.strength):
        rivals = [k for k in kept if _shared(k.segments, one.segments) > 0.3]
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
