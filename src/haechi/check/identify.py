"""Say which enrolled artist a file seems to show: rank 4, routing only, never a statement about authenticity.

Steps:
1. Without an enrolled artist nothing is searched (DESIGN.md section 2, rule 2: only enrolled artists are
matched, and nothing is kept about any face here).
2. Take faces: all of a still image; of a video its key frames, or frames at `MIN_INTERVAL_S` when key
frames are few.
3. Link faces over time: close in the picture and alike, or very alike.
4. Score each face of sufficient quality against each artist, and fuse over the track, weighted by quality.
5. Name the best artist of a track when the fused score passes that artist's threshold. Two tracks that are
   seen at the same moment are never the same artist: the weaker one loses the name.

Limits: open set: "no enrolled artist" is the normal answer. Siblings, look-alikes and face swaps pass: a
swapped face looks like the artist, that is its purpose. With fewer than five reference photos many true
faces are missed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from haechi.core.errors import InputError
from haechi.core.media.decode import Frame, FrameRequest, read_frames, read_image
from haechi.core.media.descriptors import FaceDescriber
from haechi.core.media.faces import Face, FaceFinder, FaceMesh
from haechi.core.media.probe import MediaInfo
from haechi.core.records import Abstention, Artist, ArtistMatch, Box, Finding, Kind, Span
from haechi.core.reference import FaceReference, features, likeness, load_references
from haechi.core.settings import Limits
from haechi.core.store import Store

NAME, VERSION, RANK = "face_identity", 1, 4
MAX_SIDE, STILL_MAX_SIDE = 1280, 2560
KEY_FRAMES_ENOUGH = 8
DENSE_MAX_S = 20.0
DENSE_FRAMES = 24
MIN_INTERVAL_S = 0.4
SMALL_SEARCHES = 6  # how many frames without a large face are searched for small ones
NEAR_S = 1.7
ENOUGH_FACES = 8  # of a track; further ones next to the last are not described
MAX_FRAMES = 240
MIN_MESH_SCORE = 0.6
_NEAR, _ALIKE, _VERY_ALIKE = 0.3, 0.25, 0.55  # intersection over union; likeness


@dataclass(slots=True)
class _Track:
    """Sightings that seem to be of one person.

    Attributes:
        times_s: of all sightings.
        boxes: of all sightings, frame pixels.
        vectors: features float32 (d,) of the described ones.
        weights: quality of the described ones.
        places: which sightings were described.
    """

    times_s: list[float] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    vectors: list[NDArray[np.float32]] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    @property
    def span(self) -> Span:
        """From the first to the last sighting."""
        return Span(min(self.times_s), max(self.times_s))

    @property
    def clearest_box(self) -> Box:
        """Where the face of best quality was."""
        return self.boxes[self.places[int(np.argmax(self.weights))]]

    def see(self, time_s: float, box: Box) -> None:
        """Take a sighting."""
        self.times_s.append(time_s)
        self.boxes.append(box)

    def describe(self, vector: NDArray[np.float32], weight: float) -> None:
        """Describe the last sighting."""
        self.places.append(len(self.boxes) - 1)
        self.vectors.append(vector)
        self.weights.append(weight)

    def is_near(self, time_s: float, box: Box) -> bool:
        """Whether a face at that time and place can be the next of this track."""
        gaps = [abs(time_s - seen) for seen in self.times_s]
        closest = int(np.argmin(gaps))
        return gaps[closest] <= NEAR_S and self.boxes[closest].iou(box) > _NEAR

    def is_together(self, other: _Track) -> bool:
        """Whether both were seen in one frame."""
        return bool(set(self.times_s) & set(other.times_s))

    def fused(self, scores: NDArray[np.float64]) -> float:
        """Fuse the scores of the faces: mean weighted by quality.

        A mean, not a sum: frames of one shot repeat each other and are no independent witnesses.
        """
        return float(np.average(scores, weights=np.asarray(self.weights) + 1e-3))


def identify(
    path: Path, info: MediaInfo, store: Store, models: Path, limits: Limits
) -> tuple[tuple[ArtistMatch, ...], tuple[Finding, ...], tuple[Abstention, ...]]:
    """Look for enrolled artists in a picture or video; see the module for the steps.

    Args:
        path: the probe.
        info: what `probe_media` said of it.
        store: artists and their references.
        models: the models folder.
        limits: what reading the file may cost.

    Returns:
        Matches (most certain first), findings, abstentions.

    Raises:
        UnreadableMediaError: if the file does not decode.
    """
    # 1. artists
    if info.kind is Kind.AUDIO:
        return (), (), ()
    artists = {artist.id: artist for artist in store.artists()}
    if not artists:
        return _abstain("No artist is enrolled, so that nobody could be recognised.", "no_artist_enrolled")
    references = load_references(store)
    # 2. faces; 3. tracks
    try:
        looker = _Looker(models)
    except InputError as error:
        return _abstain(f"Face recognition is not installed: {error}.", "no_models")
    _look_through(path, info, limits, looker)
    if not looker.tracks:
        if looker.poor:
            return _abstain("The faces are too small or too blurred to be recognised.", "low_quality")
        return _abstain("No face was found.", "no_face")
    # 4. scores; 5. names
    scale = (info.width or looker.width) / max(looker.width, 1)
    matches = _named(looker.tracks, references, artists, scale)
    return matches, _findings(matches, looker.tracks, references), ()


def _abstain(reason: str, code: str) -> tuple[tuple[ArtistMatch, ...], tuple[Finding, ...], tuple[Abstention, ...]]:
    return (), (), (Abstention(NAME, reason, f"{NAME}.{code}"),)


def _findings(
    matches: Sequence[ArtistMatch], tracks: Sequence[_Track], references: Mapping[str, FaceReference]
) -> tuple[Finding, ...]:
    found: dict[str, Finding] = {}
    for match in matches:
        spans = tuple(other.span for other in matches if other.artist_id == match.artist_id)
        found.setdefault(
            match.artist_id,
            Finding(
                NAME,
                VERSION,
                RANK,
                f"A face looks like the enrolled artist {match.name}; this says nothing about authenticity.",
                f"{NAME}.found",
                score=match.score,
                spans=spans,
                data={"name": match.name, "artist": match.name, "artist_id": match.artist_id},
            ),
        )
    if found:
        return tuple(found.values())
    closest = max(
        (track.fused(one.score(np.stack(track.vectors))) for track in tracks for one in references.values()),
        default=None,
    )
    score = None if closest is None else round(closest, 3)
    statement = "None of the faces looks like an enrolled artist."
    return (Finding(NAME, VERSION, RANK, statement, f"{NAME}.none", score=score, data={"faces": len(tracks)}),)


def _look_through(path: Path, info: MediaInfo, limits: Limits, looker: _Looker) -> None:
    if info.kind is Kind.IMAGE:
        looker.look(read_image(path, limits, max_side=STILL_MAX_SIDE), thorough=True)
        return
    duration_s = info.duration_s or 0.0
    spacing_s = max(duration_s / MAX_FRAMES, MIN_INTERVAL_S)
    keys = FrameRequest(max_side=MAX_SIDE, key_only=True, min_interval_s=spacing_s)
    for frame in read_frames(path, limits, keys):
        looker.look(frame, thorough=False)
    if looker.frames < KEY_FRAMES_ENOUGH and duration_s <= DENSE_MAX_S:
        spacing_s = max(duration_s / DENSE_FRAMES, MIN_INTERVAL_S)
        for frame in read_frames(path, limits, FrameRequest(max_side=MAX_SIDE, min_interval_s=spacing_s)):
            looker.look(frame, thorough=False)


class _Looker:
    """Finds, describes and links the faces of frames; a moment that was looked at is passed over."""

    def __init__(self, models: Path) -> None:
        self._finder, self._mesh = FaceFinder(models), FaceMesh(models, iris=False)
        self._describer = FaceDescriber(models)
        self._seen_s: list[float] = []
        self._small_searches = 0
        self.tracks: list[_Track] = []
        self.poor = 0
        self.width = 0

    @property
    def frames(self) -> int:
        """How many frames were looked at."""
        return len(self._seen_s)

    def look(self, frame: Frame, *, thorough: bool) -> None:
        """Take the faces of one frame."""
        if any(abs(frame.time_s - seen) < 0.5 * MIN_INTERVAL_S for seen in self._seen_s):
            return
        self._seen_s.append(frame.time_s)
        self.width = frame.image.shape[1]
        taken: set[int] = set()
        for face in self._find(frame.image, thorough):
            placed = self._mesh.landmarks(frame.image, face)
            if placed is not None and placed.score >= MIN_MESH_SCORE:
                self._take(frame, face.box, placed.points, taken)

    def _take(self, frame: Frame, box: Box, points: NDArray[np.float32], taken: set[int]) -> None:
        known = [track for track in self.tracks if id(track) not in taken]
        near = next((track for track in known if track.is_near(frame.time_s, box)), None)
        if near is not None and len(near.vectors) >= ENOUGH_FACES:
            taken.add(id(near))
            near.see(frame.time_s, box)
            return
        quality = self._describer.quality(frame.image, points)
        if quality.problem:
            self.poor += 1
            return
        vector = features(self._describer.describe(frame.image, points).vectors)
        track = _most_alike(known, vector, frame.time_s, box)
        if track is None:
            track = _Track()
            self.tracks.append(track)
        taken.add(id(track))
        track.see(frame.time_s, box)
        track.describe(vector, quality.weight)

    def _find(self, image: NDArray[np.uint8], thorough: bool) -> list[Face]:
        if thorough:
            return self._finder.find(image)
        faces = self._finder.find(image, small=False)
        if faces or self._small_searches >= SMALL_SEARCHES:
            return faces
        self._small_searches += 1
        return self._finder.find(image)


def _most_alike(tracks: Sequence[_Track], vector: NDArray[np.float32], time_s: float, box: Box) -> _Track | None:
    best, best_value = None, 0.0
    for track in tracks:
        alike = max(likeness(vector, other) for other in track.vectors)
        least = _ALIKE if track.is_near(time_s, box) else _VERY_ALIKE
        if alike > max(least, best_value):
            best, best_value = track, alike
    return best


def _named(
    tracks: Sequence[_Track],
    references: Mapping[str, FaceReference],
    artists: Mapping[str, Artist],
    scale: float,
) -> tuple[ArtistMatch, ...]:
    """Give each track its best artist above the threshold; an artist is at one place at a time."""
    claims: list[tuple[float, str, _Track]] = []
    for track in tracks:
        scores = {
            key: (track.fused(reference.score(np.stack(track.vectors))), reference.threshold)
            for key, reference in references.items()
            if key in artists
        }
        if scores:
            best = max(scores, key=lambda key: scores[key][0])
            if scores[best][0] >= scores[best][1]:
                claims.append((scores[best][0], best, track))
    claims.sort(key=lambda claim: -claim[0])
    kept: list[tuple[float, str, _Track]] = []
    for claim in claims:
        if not any(other[1] == claim[1] and other[2].is_together(claim[2]) for other in kept):
            kept.append(claim)
    return tuple(
        ArtistMatch(key, artists[key].name, round(score, 3), track.span, _scaled(track.clearest_box, scale))
        for score, key, track in kept
    )


def _scaled(box: Box, scale: float) -> Box:
    return Box(round(box.x * scale), round(box.y * scale), round(box.w * scale), round(box.h * scale))
