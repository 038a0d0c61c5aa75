"""Verify one file without comparing it: what it carries, who signed it, which release it comes from.

Steps of `verify`:
1. The same bytes as a release or a confirmed fake.
2. The manifest, in the file or beside it: does it hold, and did we sign it?
3. The fingerprint: which release or fake it was made from.
4. A file whose manifest was stripped, and that a fingerprint led to a release: the manifest that we keep of it.
5. One word for it all.
A fingerprint says where a file comes from, never that nothing in it was changed: that is what `check` is for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from haechi.check.match import Candidate, match
from haechi.core.errors import InputError
from haechi.core.media.probe import probe_media
from haechi.core.provenance.keys import Ours
from haechi.core.provenance.origin import Origin, read_origin
from haechi.core.provenance.read import sidecar_of
from haechi.core.provenance.sign import needs_sidecar
from haechi.core.records import Release
from haechi.core.settings import Limits
from haechi.core.snapshot import take_snapshot
from haechi.core.store import Store


class Standing(StrEnum):
    """What a file is, as far as can be said without comparing it; strongest first."""

    KNOWN_FAKE = "known_fake"
    AUTHENTIC = "authentic"
    CHANGED = "changed"
    DAMAGED = "damaged"
    TRUSTED = "trusted"
    EXPIRED = "expired"
    FROM_RELEASE = "from_release"
    UNKNOWN_SIGNER = "unknown_signer"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found.

    Attributes:
        path: as the user named it.
        sha256: of the file.
        verdict: one word for it all.
        release: which it is or comes from, or None.
        manifest: what the manifest says and where it was ("embedded", "sidecar", "store"), or None.
        fingerprint: the match that led to the release or fake, or None.
    """

    path: Path
    sha256: str
    verdict: Standing
    release: Release | None
    manifest: dict[str, Any] | None
    fingerprint: dict[str, Any] | None


def verify(path: Path, store: Store, limits: Limits, ours: Ours, *, trust_pem: str = "") -> Verification:
    """Verify one file; see the module for the steps.

    Args:
        path: the file.
        store: the registry.
        limits: what reading may cost.
        ours: what counts as signed by us.
        trust_pem: certificates whose descendants the user trusts, PEM.

    Raises:
        InputError: the file cannot be read, or changed meanwhile.
    """
    # 1. The same bytes.
    snapshot = take_snapshot(path)
    release = store.release_by_sha256(snapshot.sha256)
    fake = store.bank_by_sha256(snapshot.sha256) is not None
    same = release is not None
    # 2. The manifest.
    sidecar = sidecar_of(path) if needs_sidecar(path) and sidecar_of(path).is_file() else None
    origin = read_origin(path, limits, ours, trust_pem=trust_pem, sidecar=sidecar)
    manifest = _told(origin, "sidecar" if sidecar else "embedded") if origin else None
    release = release or signed_release(store, origin)
    # 3. The fingerprint.
    found = None if fake or release is not None else _best(_matches(path, store, limits, lenient=origin is not None))
    if found is not None and found.item == "release":
        release = store.release(found.item_id)
    fake = fake or (found is not None and found.item == "bank")
    # 4. A stripped manifest.
    if manifest is None and release is not None:
        manifest = _kept(store, release)
    snapshot.confirm()
    # 5. One word.
    verdict = _standing(origin, fake=fake, same=same, from_release=release is not None)
    return Verification(path, snapshot.sha256, verdict, release, manifest, _fingerprint(found))


def _standing(origin: Origin | None, *, fake: bool, same: bool, from_release: bool) -> Standing:
    if fake:
        return Standing.KNOWN_FAKE
    if same or is_authentic(origin):
        return Standing.AUTHENTIC
    if origin is not None and origin.reading.state != "valid":
        states = {"invalid": Standing.CHANGED, "damaged": Standing.DAMAGED, "expired": Standing.EXPIRED}
        # Ours or trusted, but something in its history does not hold: no better than a stranger's.
        sound = Standing.UNKNOWN_SIGNER if origin.reading.problems else Standing.TRUSTED
        return states.get(origin.reading.state, sound)
    if from_release:
        return Standing.FROM_RELEASE
    return Standing.UNKNOWN if origin is None else Standing.UNKNOWN_SIGNER


def is_authentic(origin: Origin | None) -> bool:
    """Whether a manifest alone makes a file authentic: signed by us, intact, and nothing in its history fails."""
    return origin is not None and origin.by_us and origin.reading.state == "trusted" and not origin.reading.problems


def signed_release(store: Store, origin: Origin | None) -> Release | None:
    """The release that a manifest of ours belongs to; a label in anyone else's says nothing."""
    if origin is None or not origin.by_us or origin.reading.manifest is None:
        return None
    known = store.protections(label=origin.reading.manifest)
    return store.release(known[0].release_id) if known else None


def _matches(path: Path, store: Store, limits: Limits, *, lenient: bool) -> Sequence[Candidate]:
    """Fingerprint matches; of a file that carries a manifest the manifest is told even if the rest does not decode."""
    try:
        return match(path, probe_media(path, limits), store, limits)
    except InputError:
        if lenient:
            return ()
        raise


def _best(candidates: Sequence[Candidate]) -> Candidate | None:
    """A release goes before a fake: the two look alike, and only a comparison tells them apart."""
    releases = [one for one in candidates if one.item == "release"]
    return next(iter(releases or candidates), None)


def _told(origin: Origin, where: str) -> dict[str, Any]:
    return {"found": where, **origin.reading.as_data(), "by_us": origin.by_us}


def _kept(store: Store, release: Release) -> dict[str, Any] | None:
    """What the manifest said that we keep of a release; it is not held against the file, which has lost it."""
    known = store.protections(release_id=release.id)
    if not known:
        return None
    return {
        "found": "store",
        "state": "detached",
        "manifest": known[0].label,
        "sha256": known[0].manifest,
        "title": release.title,
        "signed_by": known[0].signed_by,
        "signed_at": known[0].signed_at,
        "by_us": True,
    }


def _fingerprint(found: Candidate | None) -> dict[str, Any] | None:
    if found is None:
        return None
    spans = [[one.span.start_s, one.span.end_s] for one in found.segments]
    return {"item": found.item, "id": found.item_id, "method": found.method, "score": found.score, "spans": spans}
