"""Enrol an artist: learn a face from photos and clips, with consent noted.

Steps:
1. Refuse without consent noted (DESIGN.md section 2, rule 2): nothing is read before that.
2. Take faces from each file: the one face of a photo; of a clip, up to `CLIP_FACES` well separated good
moments. A file with no face, with two faces, or with no face of sufficient quality is rejected, with the
reason.
3. Reject files whose face is unlike the others (and unlike the artist's earlier photos): someone else
slipped in.
4. Store the vectors, never the picture.
5. Train the references of all artists anew: each artist is a hard negative for the others.

A file that is rejected never stops the others; only when none is left is the enrolment an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from haechi.core.errors import InputError, PolicyError
from haechi.core.media.decode import FrameRequest, read_frames, read_image
from haechi.core.media.descriptors import Description, FaceDescriber
from haechi.core.media.faces import Face, FaceFinder, FaceMesh
from haechi.core.media.probe import hash_file, probe_media
from haechi.core.media.tracks import FaceTracker
from haechi.core.records import Artist, Kind
from haechi.core.reference import faces_of, features, likeness, refresh_references, train_references
from haechi.core.settings import Limits
from haechi.core.store import EnrolledPhoto, Store

MAX_SIDE = 1600
CLIP_MAX_SIDE = 960
CLIP_FACES = 6
CLIP_INTERVAL_S = 0.25
FACE_GAP_S = 1.0
SECOND_FACE = 0.4  # of the largest face's height: smaller ones are bystanders far off
GOOD_PHOTO_COUNT = 5
MODEL_FACES = 3  # from so many other faces on, a reference trained on them judges, else their likeness
MIN_SCORE = 0.2  # log10 LR: on LFW 1 % of a person's own photos lie below it, 98 % of other people's
MIN_LIKENESS = 0.3  # on LFW 1 % of the pairs of one person lie below it, 96 % of the pairs of two


class NoPhotoError(InputError):
    """None of the photos could be used.

    Args:
        name: of the artist.
        rejected: each file with the reason.
    """

    def __init__(self, name: str, rejected: Sequence[tuple[Path, str]]) -> None:
        reasons = "; ".join(f"{path.name}: {reason}" for path, reason in rejected) or "none was given"
        super().__init__(f"no photo of {name} could be used ({reasons})")
        self.rejected = tuple(rejected)


@dataclass(frozen=True, slots=True)
class EnrolResult:
    """What enrolment did.

    Attributes:
        artist: as stored now.
        accepted: files whose face was taken.
        rejected: files that were not, each with the reason.
        notes: advice, plain English.
    """

    artist: Artist
    accepted: tuple[Path, ...]
    rejected: tuple[tuple[Path, str], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Taken:
    path: Path
    sha256: str
    faces: tuple[Mapping[str, NDArray[np.float32]], ...]


def enrol(
    store: Store,
    name: str,
    photos: Sequence[Path],
    consent: str,
    models: Path,
    limits: Limits,
    progress: Callable[[float], None] | None = None,
) -> EnrolResult:
    """Enrol an artist, or add photos to one; see the module for the steps.

    Args:
        store: where to.
        name: of the artist; an enrolled one of that name gets the photos added.
        photos: photos or clips that show this person and nobody else.
        consent: the document in which the artist agreed, e.g. "contract 2026-114".
        models: the models folder.
        limits: what reading one file may cost.
        progress: called with the fraction done, 0 to 1.

    Raises:
        PolicyError: if no consent is noted.
        InputError: if there is no name.
        NoPhotoError: if no file could be used; it says why for each.
        StoreError: if the store cannot take it; nothing was enrolled.
    """
    # 1. consent
    if not consent.strip():
        raise PolicyError("only artists who consented are enrolled: name the document, e.g. --consent 'contract 12'")
    if not name.strip():
        raise InputError("the artist needs a name")
    # 2. faces
    reader = _Reader(models, limits)
    taken: list[_Taken] = []
    rejected: list[tuple[Path, str]] = []
    for index, path in enumerate(photos):
        try:
            taken.append(reader.take(path))
        except InputError as error:
            rejected.append((path, str(error)))
        if progress is not None:
            progress(0.95 * (index + 1) / len(photos))
    # 3. one person
    known = store.artist(name)
    earlier = store.artist_photos(known.id) if known else []
    taken, unlike = _of_one_person(taken, earlier)
    rejected += [(entry.path, "the face is unlike the others") for entry in unlike]
    if not taken:
        raise NoPhotoError(name.strip(), rejected)
    # 4. store; 5. train
    artist = store.add_artist(name, consent, [_enrolled(entry) for entry in taken])
    refresh_references(store)
    if progress is not None:
        progress(1.0)
    return EnrolResult(artist, tuple(entry.path for entry in taken), tuple(rejected), _notes(artist))


def remove_artist(store: Store, artist_id: str, why: str = "") -> bool:
    """Remove an artist with everything that recognises the face, and train the others anew.

    Args:
        store: where from.
        artist_id: of the artist.
        why: the reason, for the ledger.

    Returns:
        False if there is no such artist.
    """
    removed = store.remove_artist(artist_id, why)
    if removed:
        refresh_references(store)
    return removed


class _Reader:
    """Takes faces from files."""

    def __init__(self, models: Path, limits: Limits) -> None:
        self._models, self._limits = models, limits
        self._finder, self._mesh = FaceFinder(models), FaceMesh(models)
        self._describer = FaceDescriber(models)

    def take(self, path: Path) -> _Taken:
        """Take the faces of one file; raises InputError with the reason when it cannot be used."""
        info = probe_media(path, self._limits)
        if info.kind is Kind.AUDIO:
            raise InputError("it has no picture")
        found = self._from_photo(path) if info.kind is Kind.IMAGE else self._from_clip(path)
        return _Taken(path, hash_file(path), tuple(one.vectors for one in found))

    def _from_photo(self, path: Path) -> list[Description]:
        image = read_image(path, self._limits, max_side=MAX_SIDE).image
        placed = [(face, self._mesh.landmarks(image, face)) for face in self._finder.find(image)]
        sure = [(face, points) for face, points in placed if points is not None and points.score > 0.5]
        if not sure:
            raise InputError("no face was found")
        if _has_two([face for face, _ in sure], image):
            raise InputError("more than one face: crop the photo to the artist")
        _, points = max(sure, key=lambda pair: pair[0].box.h)
        described = self._describer.describe(image, points.points)
        if described.quality.problem:
            raise InputError(described.quality.problem)
        return [described]

    def _from_clip(self, path: Path) -> list[Description]:
        tracker = FaceTracker(self._models, rate_hz=1 / CLIP_INTERVAL_S, iris=False)
        request = FrameRequest(max_side=CLIP_MAX_SIDE, min_interval_s=CLIP_INTERVAL_S)
        best: dict[int, tuple[float, Description]] = {}  # slot of FACE_GAP_S -> quality, description
        problem, seen = "no face was found", 0
        for frame in read_frames(path, self._limits, request):
            faces = list(tracker.step(frame).values())
            if len(faces) > 1:
                raise InputError("more than one face: cut the clip to the artist")
            for points in faces:
                seen += 1
                quality = self._describer.quality(frame.image, points)
                slot = int(frame.time_s / FACE_GAP_S)
                if quality.problem:
                    problem = quality.problem
                elif quality.weight > best.get(slot, (0.0, None))[0]:
                    best[slot] = (quality.weight, self._describer.describe(frame.image, points))
        if not best:
            raise InputError(problem)
        ranked = sorted(best.values(), key=lambda pair: -pair[0])
        return [description for _, description in ranked[:CLIP_FACES]]


def _has_two(faces: Sequence[Face], image: NDArray[np.uint8]) -> bool:
    """Whether a second face competes with the largest: a bystander cut off by the picture's edge does not."""
    width = image.shape[1]
    main = max(faces, key=lambda face: face.box.h)
    for face in faces:
        cut_off = face.box.x <= 1 or face.box.x + face.box.w >= width - 1
        if face is not main and face.box.h > SECOND_FACE * main.box.h and not cut_off:
            return True
    return False


def _enrolled(entry: _Taken) -> EnrolledPhoto:
    """Name the vectors of further faces of a clip "dlib.1", "faceres.1" and so on."""
    vectors = {
        name if number == 0 else f"{name}.{number}": vector
        for number, face in enumerate(entry.faces)
        for name, vector in face.items()
    }
    return EnrolledPhoto(entry.path.name, entry.sha256, vectors)


def _of_one_person(taken: Sequence[_Taken], earlier: Sequence[EnrolledPhoto]) -> tuple[list[_Taken], list[_Taken]]:
    """Split files into those that agree on one face and those that do not.

    The file that is least like the rest goes first, until all that are left agree; earlier photos never go. Of two
    files that disagree, the second one goes.
    """
    kept, gone = list(taken), list[_Taken]()
    known = [face for photo in earlier for face in faces_of(photo)]
    faces = {id(entry): [features(face) for face in entry.faces] for entry in taken}
    while len(kept) + bool(known) > 1:
        margins = []
        for entry in kept:
            others = [face for other in kept if other is not entry for face in faces[id(other)]]
            margins.append(_agreement(faces[id(entry)], [*others, *known]))
        worst = min(range(len(kept)), key=lambda index: (margins[index], -index))
        if margins[worst] >= 0:
            break
        gone.append(kept.pop(worst))
    return kept, gone


def _agreement(faces: Sequence[NDArray[np.float32]], others: Sequence[NDArray[np.float32]]) -> float:
    """How far a file's faces lie above the limit of agreement with the others; negative: someone else."""
    if len(others) < MODEL_FACES:
        values = [likeness(one, other) for one in faces for other in others]
        return float(np.median(values)) - MIN_LIKENESS
    reference = train_references({"others": others})["others"]
    return float(np.median(reference.score(np.stack(faces)))) - MIN_SCORE


def _notes(artist: Artist) -> tuple[str, ...]:
    if artist.photo_count >= GOOD_PHOTO_COUNT:
        return ()
    return (
        f"photos of {artist.name}: {artist.photo_count}; with at least {GOOD_PHOTO_COUNT}, "
        "of different days and light, recognition is much better",
    )
