"""The invisible mark of a file under check: which release it points to, and whether the file shows that release.

Steps:
1. Nothing is done where nothing was ever marked: no key in the home, or no mark of this kind of media in the store.
2. Blind reading: as the file lies, then, if wanted, by search.
3. Informed reading, when asked for: with the working copy of the release that a fingerprint found.
4. A mark is a pointer, never a proof, for it can be moved from one picture to another: the file is held against the
   release's working copy, where the mark says that it lies. If they differ, that is a finding of its own.
Limits: where picture and release are too even to be compared, nothing is said either way (`agrees` is None).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from haechi.check.match import Candidate
from haechi.core.errors import UnreadableMediaError
from haechi.core.media.probe import MediaInfo
from haechi.core.records import Kind, Mark, Release, Segment, Span
from haechi.core.settings import Limits
from haechi.core.store import Store
from haechi.core.watermark.mark_key import mark_key
from haechi.core.watermark.marks import Agreement, MarkReading

if TYPE_CHECKING:
    from haechi.core.protocols import Watermarker


@dataclass(frozen=True, slots=True)
class Pointer:
    """A mark that was read, and what it leads to.

    Attributes:
        reading: the number and how it was read.
        mark: the output that bears this number, or None when the store does not know it.
        release: of that output.
        agreement: of the file with the release, or None when it was not looked at.
    """

    reading: MarkReading
    mark: Mark | None = None
    release: Release | None = None
    agreement: Agreement | None = None

    @property
    def agrees(self) -> bool | None:
        """Whether the file shows what the mark points to; None when that cannot be said."""
        if self.agreement is None or self.agreement.share is None:
            return None
        return self.agreement.agrees

    @property
    def differs(self) -> bool:
        """Whether the mark stands in other content than the one that it was made for."""
        return self.agrees is False

    def as_data(self) -> dict[str, Any]:
        """In JSON types."""
        return {
            "release": self.release.id if self.release else None,
            "recipient": self.mark.recipient if self.mark else None,
            "reader": self.reading.reader,
            "score": round(self.reading.score, 3),
            "method": self.reading.method,
            "agrees": self.agrees,
        }


def key_for(store: Store, kind: Kind) -> bytes | None:
    """Step 1: the key, where reading can find anything."""
    key = mark_key(store.home)
    return key if key is not None and store.has_marks(kind) else None


def _reader(store: Store, kind: Kind) -> tuple[bytes, Watermarker] | None:
    """The key and who reads with it. Readers are loaded here: that takes long, and most homes never marked anything."""
    key = key_for(store, kind)
    if key is None:
        return None
    from haechi.core.watermark.markers import marker_for

    marker = marker_for(kind)
    return None if marker is None else (key, marker)


def read_mark(path: Path, info: MediaInfo, store: Store, limits: Limits, *, search: bool = True) -> Pointer | None:
    """Step 2.

    Args:
        path: the file.
        info: what it is.
        store: leads the number back.
        limits: what reading may cost.
        search: also in other geometry than the mark's own, which takes up to a second.
    """
    reader = _reader(store, info.kind)
    if reader is None:
        return None
    key, marker = reader
    try:
        reading = marker.detect(path, key, limits, search=search)
    except UnreadableMediaError:  # what does not decode carries no mark; the steps that need the pictures say so
        return None
    return None if reading is None else _led_back(reading, store)


def read_mark_informed(path: Path, info: MediaInfo, release: Release, store: Store, limits: Limits) -> Pointer | None:
    """Step 3."""
    if release.proxy is None or release.kind is not info.kind:
        return None
    reader = _reader(store, info.kind)
    if reader is None:
        return None
    key, marker = reader
    among = {mark.payload for mark in marks_of(release.id, store)}
    if not among:
        return None
    reading = marker.detect_informed(path, store.blob_path(release.proxy), key, limits, among=among)
    return None if reading is None else _led_back(reading, store)


def marks_of(release_id: str, store: Store) -> list[Mark]:
    """Of all outputs of a release."""
    return [mark for one in store.protections(release_id=release_id) for mark in store.marks(label=one.label)]


def held_against_release(pointer: Pointer, path: Path, info: MediaInfo, store: Store, limits: Limits) -> Pointer:
    """Step 4."""
    reader, release = _reader(store, info.kind), pointer.release
    if reader is None or release is None or release.proxy is None:
        return pointer
    key, marker = reader
    master = store.blob_path(release.proxy)
    return replace(pointer, agreement=marker.agreement(path, master, pointer.reading, key, limits))


def candidate_of(pointer: Pointer) -> Candidate | None:
    """The release of a mark that belongs to its content, as something to compare with."""
    if pointer.release is None or not pointer.agrees:
        return None
    whole = Segment(Span(0.0, 0.0), 0.0, 1.0, mirrored=False)
    reading = pointer.reading
    return Candidate("release", pointer.release.id, (whole,), reading.score, reading.method, None)


def _led_back(reading: MarkReading, store: Store) -> Pointer:
    mark = next(iter(store.marks(payload=reading.payload)), None)
    if mark is None:
        return Pointer(reading)
    known = store.protections(label=mark.label)
    return Pointer(reading, mark, store.release(known[0].release_id) if known else None)
