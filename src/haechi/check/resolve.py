"""Manifests found again by content: the lookups of C2PA's Soft Binding Resolution API, over the store, offline.

| API 1.0 | here |
|---|---|
| GET /services/supportedAlgorithms | `supported_algorithms` |
| GET /matches/byBinding | `by_binding` |
| POST /matches/byContent | `by_content` |
| GET /manifests/{id} | `manifest_store` |

A match says which manifest belongs to content like this. Whether a file is what the manifest says, only holding the two
against each other tells. Where there is content it is held: a mark that stands in foreign content gives no match, and a
code of sound that lies near (a majority vote over all of it, by which hours of talk come to look alike) gives
none unless the landmarks of the same release are in the sound. A code alone, in `by_binding`, may lie near by chance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from haechi.check.marks import held_against_release, read_mark, read_mark_informed
from haechi.check.match import match
from haechi.core.errors import InputError
from haechi.core.fingerprint.iscc import ALGORITHM, BITS, SAME_BITS, content_code, distance, kind_of
from haechi.core.media.probe import MediaInfo, probe_media
from haechi.core.records import Kind
from haechi.core.settings import Limits
from haechi.core.store import Store
from haechi.core.watermark.markers import MARKERS

MOST_MATCHES = 10
_MOST_NEAR = 100
"""Codes that are held against the content: of much talk, foreign ones may lie nearer than the right one."""
_WHOLE = 100


@dataclass(frozen=True, slots=True)
class ManifestMatch:
    """A manifest of ours that belongs to such content.

    Attributes:
        manifest_id: its label, "urn:c2pa:...".
        similarity_score: 0-100; 100 for the same mark.
    """

    manifest_id: str
    similarity_score: int

    def as_data(self) -> dict[str, Any]:
        """As the API writes it."""
        return {"manifestId": self.manifest_id, "similarityScore": self.similarity_score}


@dataclass(frozen=True, slots=True)
class SupportedAlgorithms:
    """What can be looked up."""

    watermarks: tuple[str, ...]
    fingerprints: tuple[str, ...]

    def as_data(self) -> dict[str, Any]:
        """As the API writes it."""
        return {
            "watermarks": [{"alg": name} for name in self.watermarks],
            "fingerprints": [{"alg": name} for name in self.fingerprints],
        }


def supported_algorithms() -> SupportedAlgorithms:
    """Our marks, which are not on C2PA's list yet, and ISCC, which is."""
    return SupportedAlgorithms(tuple(marker.name for marker in MARKERS.values()), (ALGORITHM,))


def by_binding(store: Store, alg: str, value: bytes, *, most: int = MOST_MATCHES) -> list[ManifestMatch]:
    """Manifests whose soft binding has that value, or for a code of the content one near it; best first.

    Raises:
        InputError: the algorithm is none that `supported_algorithms` names, or the value is not of its kind.
    """
    names = supported_algorithms()
    if alg in names.watermarks:
        found = [ManifestMatch(label, _WHOLE) for label, known in store.soft_bindings(alg) if known == value]
        return found[:most]
    if alg not in names.fingerprints:
        known_names = ", ".join((*names.watermarks, *names.fingerprints))
        raise InputError(f"no manifests are found by {alg!r}; known are {known_names}")
    kind = kind_of(value)
    if kind is None:
        size = f"two bytes of header and {BITS // 8} of code"
        raise InputError(f"the value is no {BITS}-bit Image-Code or Audio-Code; it has {size}")
    near = [(distance(known, value), label) for label, known in store.soft_bindings(alg) if kind_of(known) is kind]
    close = sorted(pair for pair in near if pair[0] <= SAME_BITS[kind])
    return [ManifestMatch(label, round(_WHOLE * (1 - bits / BITS))) for bits, label in close[:most]]


def by_content(path: Path, store: Store, limits: Limits, *, most: int = MOST_MATCHES) -> list[ManifestMatch]:
    """Manifests of what a file was made from: by its mark, by our fingerprints, by its ISCC; best first.

    Raises:
        InputError: the file cannot be read.
    """
    info = probe_media(path, limits)
    scores: dict[str, int] = {}
    found = cache(lambda: _releases(path, info, store, limits))
    for one in [*_by_mark(path, info, store, limits, found), *_by_code(path, info, store, limits, found)]:
        scores[one.manifest_id] = max(one.similarity_score, scores.get(one.manifest_id, 0))
    ordered = sorted(scores.items(), key=lambda pair: -pair[1])
    return [ManifestMatch(label, score) for label, score in ordered[:most]]


def manifest_store(store: Store, manifest_id: str) -> bytes | None:
    """The manifest store of that label, "application/c2pa", or None."""
    known = store.protections(label=manifest_id)
    return store.blob_path(known[0].manifest).read_bytes() if known else None


def _releases(path: Path, info: MediaInfo, store: Store, limits: Limits) -> list[str]:
    """Ids of the releases of which fingerprints find something in the file, best first."""
    return [one.item_id for one in match(path, info, store, limits) if one.item == "release"]


def _by_mark(
    path: Path, info: MediaInfo, store: Store, limits: Limits, found: Callable[[], list[str]]
) -> list[ManifestMatch]:
    """By the mark, blind or with the master that a fingerprint found; else every output of that master's release."""
    pointer = read_mark(path, info, store, limits)
    release = None
    if pointer is None:
        release = store.release(found()[0]) if found() else None
        pointer = read_mark_informed(path, info, release, store, limits) if release is not None else None
    if pointer is not None:
        pointer = held_against_release(pointer, path, info, store, limits)
        return [ManifestMatch(pointer.mark.label, _WHOLE)] if pointer.mark is not None and pointer.agrees else []
    if release is None:
        return []
    # which of several outputs it was, a fingerprint does not tell
    return [ManifestMatch(one.label, _WHOLE - 1) for one in store.protections(release_id=release.id)]


def _by_code(
    path: Path, info: MediaInfo, store: Store, limits: Limits, found: Callable[[], list[str]]
) -> list[ManifestMatch]:
    code = content_code(path, info.kind, limits)
    near = by_binding(store, ALGORITHM, code, most=_MOST_NEAR) if code is not None else []
    if info.kind is not Kind.AUDIO:
        return near
    return [one for one in near if any(p.release_id in found() for p in store.protections(label=one.manifest_id))]
