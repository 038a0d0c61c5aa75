"""From whose copy was a file made? Every recipient's copy bears numbers of its own.

Steps of `find_leak`:
1. The same bytes as an output of ours.
2. Blind reading of the first number, which is another in each output.
3. The release: the one that the first number names, or the best fingerprint match.
4. Informed reading of both numbers, with the release's unmarked master subtracted: far stronger.
5. All that was read must name one and the same output, and the file must show its release; else nobody is named.
Limits: whoever has two copies can mix them; then one of the two is named, or the numbers disagree or vanish and nobody
is. A mark can be moved by someone who has a marked copy: what is found is a lead for an inquiry, not proof against a
person.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from haechi.check.marks import Pointer, held_against_release, key_for, marks_of, read_mark
from haechi.check.match import match
from haechi.core.media.probe import MediaInfo, probe_media
from haechi.core.protocols import Watermarker
from haechi.core.records import Mark, Release
from haechi.core.settings import Limits
from haechi.core.snapshot import take_snapshot
from haechi.core.store import Store
from haechi.core.watermark.markers import marker_for
from haechi.core.watermark.marks import MarkReading

LABELS = ("recipient", "release")


@dataclass(frozen=True, slots=True)
class Heard:
    """One number that was read.

    Attributes:
        label: "release" for the first number, "recipient" for the second.
        reading: how it was read.
        mark: the output that bears it, or None when the store does not know the number.
    """

    label: str
    reading: MarkReading
    mark: Mark | None


@dataclass(frozen=True, slots=True)
class Leak:
    """What was found.

    Attributes:
        path: as the user named it.
        sha256: of the file.
        release: that it was made from, or None.
        mark: of the output that it was made from, or None when nobody is named.
        by: "same_bytes", "mark" or None.
        heard: everything that was read.
        abstained: why nobody is named: "nothing_marked", "no_release", "no_mark", "unknown_number", "disagree",
            "content_differs" or "not_compared"; None when `mark` is there.
    """

    path: Path
    sha256: str
    release: Release | None
    mark: Mark | None
    by: str | None
    heard: tuple[Heard, ...] = ()
    abstained: str | None = None

    def as_data(self) -> dict[str, Any]:
        """In JSON types."""
        best = max((one.reading.score for one in self.heard), default=None)
        return {
            "path": str(self.path),
            "sha256": self.sha256,
            "release": self.release.id if self.release else None,
            "recipient": self.mark.recipient if self.mark else None,
            "output": self.mark.label if self.mark else None,
            "by": self.by,
            "score": None if best is None or self.mark is None else round(best, 3),
            "abstained": self.abstained,
            "readings": [_told(one) for one in self.heard],
        }


def find_leak(path: Path, store: Store, limits: Limits) -> Leak:
    """Say from whose copy a file was made, or why that cannot be said.

    Raises:
        InputError: the file cannot be read, or changed meanwhile.
    """
    snapshot = take_snapshot(path)
    # 1. The same bytes.
    known = [mark for one in store.protections(output_sha256=snapshot.sha256) for mark in store.marks(label=one.label)]
    if known:
        return Leak(path, snapshot.sha256, store.release_of_bytes(snapshot.sha256), known[0], "same_bytes")
    info = probe_media(path, limits)
    key, marker = key_for(store, info.kind), marker_for(info.kind)
    if key is None or marker is None:
        return Leak(path, snapshot.sha256, None, None, None, abstained="nothing_marked")
    # 2. Blind.
    pointer = read_mark(path, info, store, limits)
    # 3. The release.
    release = _release(path, info, pointer, store, limits)
    # 4. Informed.
    heard = [Heard("release", pointer.reading, pointer.mark)] if pointer is not None else []
    if release is not None and release.proxy is not None:
        heard += _informed(path, release, key, marker, store, limits)
    snapshot.confirm()
    # 5. One and the same.
    mark, abstained = _named(heard, release, store)
    if mark is not None:
        abstained = _against_content(mark, heard, path, info, store, limits)
    named = mark if abstained is None else None
    return Leak(path, snapshot.sha256, release, named, "mark" if named else None, tuple(heard), abstained)


def _release(path: Path, info: MediaInfo, pointer: Pointer | None, store: Store, limits: Limits) -> Release | None:
    if pointer is not None and pointer.release is not None:
        return pointer.release
    found = next((one for one in match(path, info, store, limits) if one.item == "release"), None)
    return store.release(found.item_id) if found is not None else None


def _informed(
    path: Path, release: Release, key: bytes, marker: Watermarker, store: Store, limits: Limits
) -> list[Heard]:
    heard, known = [], marks_of(release.id, store)
    master = store.blob_path(release.proxy or "")
    for label in LABELS:
        column = "recipient_payload" if label == "recipient" else "payload"
        among = {number for mark in known if (number := getattr(mark, column)) is not None}
        reading = marker.detect_informed(path, master, key, limits, label=label, among=among)
        if reading is not None:
            heard.append(Heard(label, reading, next(iter(store.marks(**{column: reading.payload})), None)))
    return heard


def _named(heard: list[Heard], release: Release | None, store: Store) -> tuple[Mark | None, str | None]:
    """The one output that all numbers name, or why there is none."""
    if not heard:
        return None, "no_release" if release is None else "no_mark"
    marks = {one.mark.label: one.mark for one in heard if one.mark is not None}
    if not marks:
        return None, "unknown_number"
    if len(marks) > 1:
        return None, "disagree"
    (mark,) = marks.values()
    of_release = {one.release_id for one in store.protections(label=mark.label)}
    if release is None or release.id not in of_release:
        return None, "content_differs"
    return mark, None


def _against_content(
    mark: Mark, heard: list[Heard], path: Path, info: MediaInfo, store: Store, limits: Limits
) -> str | None:
    """Why the mark does not count for this content, or None when it does."""
    reading = max((one.reading for one in heard if one.mark == mark), key=lambda one: one.score)
    known = store.protections(label=mark.label)
    pointer = Pointer(reading, mark, store.release(known[0].release_id))
    agrees = held_against_release(pointer, path, info, store, limits).agrees
    if agrees is None:
        return "not_compared"
    return None if agrees else "content_differs"


def _told(one: Heard) -> dict[str, Any]:
    return {
        "label": one.label,
        "reader": one.reading.reader,
        "score": round(one.reading.score, 3),
        "recipient": one.mark.recipient if one.mark else None,
        "known": one.mark is not None,
    }
