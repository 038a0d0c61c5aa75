"""Verify one file without comparing it: what it carries, who signed it, which release it comes from.

Steps of `verify`:
1. The same bytes as a release or a confirmed fake.
2. The manifest, in the file or beside it, or, if the user asks for that, on the server that the file names: does it
   hold, and did we sign it?
3. The invisible mark, read blind: which release, and whose copy.
4. The fingerprint: which release or fake it was made from. If no mark was read, again with that release's master.
   What does not decode is damaged: what its manifest then fails by is no tampering.
5. The file held against the release that the mark names: a mark can be moved, and then that is the word for it.
6. A file whose manifest was stripped, and that a mark or a fingerprint led to a release: the manifest that we keep.
7. One word for it all.
Marks and fingerprints say where a file comes from, never that nothing in it was changed: that is what `check` is for.
"""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from haechi.check.marks import Pointer, held_against_release, read_mark, read_mark_informed
from haechi.check.match import Candidate, match
from haechi.check.remote import follow_remote
from haechi.core.errors import InputError, UnreadableMediaError
from haechi.core.fetch import Client
from haechi.core.media.probe import probe_media
from haechi.core.provenance.formats import is_of_type
from haechi.core.provenance.keys import Ours
from haechi.core.provenance.origin import Origin, read_origin
from haechi.core.provenance.read import ManifestReading, read_manifest, sidecar_beside, sidecar_of
from haechi.core.provenance.sign import needs_sidecar
from haechi.core.records import Release
from haechi.core.settings import Limits
from haechi.core.snapshot import take_snapshot
from haechi.core.store import Store


class Standing(StrEnum):
    """What a file is, as far as can be said without comparing it; strongest first."""

    KNOWN_FAKE = "known_fake"
    AUTHENTIC = "authentic"
    TRANSPLANTED = "transplanted"
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
        manifest: what the manifest says and where it was ("embedded", "sidecar", "remote", "store", or "elsewhere" when
            the file names an address from which nothing was read), or None.
        watermark: the invisible mark and what it leads to, or None.
        fingerprint: the match that led to the release or fake, or None.
        parent: the earlier release that it was made from, after a manifest of ours, or None.
        damage: why it does not decode, one line; None where it does or nobody tried.
        same_bytes: whose bytes it has, "master" or "output" of the release, or None.
    """

    path: Path
    sha256: str
    verdict: Standing
    release: Release | None
    manifest: dict[str, Any] | None
    watermark: dict[str, Any] | None
    fingerprint: dict[str, Any] | None
    parent: Release | None = None
    damage: str | None = None
    same_bytes: str | None = None


def verify(
    path: Path, store: Store, limits: Limits, ours: Ours, *, trust_pem: str = "", remote: Client | None = None
) -> Verification:
    """Verify one file; see the module for the steps.

    Args:
        path: the file.
        store: the registry.
        limits: what reading may cost.
        ours: what counts as signed by us.
        trust_pem: certificates whose descendants the user trusts, PEM.
        remote: fetches a manifest that lies on a server; None: nothing is fetched.

    Raises:
        InputError: the file cannot be read, or changed meanwhile.
    """
    # 1. The same bytes.
    snapshot = take_snapshot(path)
    release = store.release_of_bytes(snapshot.sha256)
    fake = store.bank_by_sha256(snapshot.sha256) is not None
    same = _whose_bytes(store, snapshot.sha256, release)
    # 2. The manifest.
    origin, manifest = _read_manifest(path, limits, ours, trust_pem, remote)
    release = release or signed_release(store, origin)
    # 3. The mark, 4. the fingerprint, 5. the mark's word against the content.
    proven = same is not None or is_authentic(origin)
    trail = _follow(path, store, limits, release, fake=fake, proven=proven, lenient=origin is not None)
    release, found, pointer = trail.release, trail.found, trail.pointer
    fake = fake or (found is not None and found.item == "bank")
    # 6. A stripped manifest; a master never had one of ours.
    if manifest is None and release is not None and same != "master":
        manifest = _kept(store, release, pointer)
    snapshot.confirm()
    # 7. One word.
    moved = pointer is not None and pointer.differs
    broken, known = trail.damage is not None, release is not None
    verdict = _standing(origin, fake=fake, proven=proven, broken=broken, moved=moved, from_release=known)
    watermark = pointer.as_data() if pointer is not None else None
    parent = _release_of_ours(store, origin, origin.reading.parent if origin is not None else None)
    led = _fingerprint(found)
    return Verification(path, snapshot.sha256, verdict, release, manifest, watermark, led, parent, trail.damage, same)


def _whose_bytes(store: Store, sha256: str, release: Release | None) -> str | None:
    """An output that was protected once more is a master, too; it went out all the same."""
    if release is None:
        return None
    return "output" if store.protections(output_sha256=sha256) else "master"


def _read_manifest(
    path: Path, limits: Limits, ours: Ours, trust_pem: str, remote: Client | None
) -> tuple[Origin | None, dict[str, Any] | None]:
    """Step 2: who signed the file, and what its manifest says."""
    origin, sidecar = _read_origin(path, limits, ours, trust_pem)
    if origin is None:
        return None, None
    held = follow_remote(path, origin, remote, limits, ours, trust_pem=trust_pem)
    where = "sidecar" if sidecar else "embedded"
    if held.remote_url is not None:
        where = "remote" if held.fetched_from is not None else "elsewhere"
    return held.origin, {"found": where, **held.as_data()}


@dataclass(frozen=True, slots=True)
class _Trail:
    """What led from the content to a release or a fake, or why the content could not be looked at."""

    release: Release | None
    found: Candidate | None = None
    pointer: Pointer | None = None
    damage: str | None = None


def _follow(
    path: Path, store: Store, limits: Limits, release: Release | None, *, fake: bool, proven: bool, lenient: bool
) -> _Trail:
    """Steps 3 to 5; a file that carries a manifest is told of even if the rest does not decode."""
    if fake:
        return _Trail(release)
    try:
        info = probe_media(path, limits)
        pointer = read_mark(path, info, store, limits, search=not proven)
        if proven:
            return _Trail(release, None, pointer)
        found = None if release is not None else _best(match(path, info, store, limits))
    except InputError as error:
        if lenient or proven:
            return _Trail(release, damage=_damage(error))
        raise
    if found is not None and found.item == "release":
        release = store.release(found.item_id)
    if pointer is None and release is not None:
        pointer = read_mark_informed(path, info, release, store, limits)
    if pointer is not None:
        pointer = held_against_release(pointer, path, info, store, limits)
        release = pointer.release if pointer.agrees else release
    return _Trail(release, found, pointer)


def _damage(error: InputError) -> str | None:
    """What a file suffers from that does not decode; an error that names a setting tells of a limit, not of damage."""
    limit = Limits.model_config["env_prefix"]
    return str(error) if isinstance(error, UnreadableMediaError) and limit not in str(error) else None


def _standing(
    origin: Origin | None, *, fake: bool, proven: bool, broken: bool, moved: bool, from_release: bool
) -> Standing:
    if fake:
        return Standing.KNOWN_FAKE
    if proven:
        return Standing.AUTHENTIC
    if broken:
        return Standing.DAMAGED
    if moved:
        return Standing.TRANSPLANTED
    # What lies on a server and was not read says nothing, neither for the file nor against it.
    unread = origin is None or origin.reading.remote_url is not None
    if origin is not None and not unread and origin.reading.state != "valid":
        states = {"invalid": Standing.CHANGED, "damaged": Standing.DAMAGED, "expired": Standing.EXPIRED}
        # Ours or trusted, but something in its history does not hold: no better than a stranger's.
        sound = Standing.UNKNOWN_SIGNER if origin.reading.problems else Standing.TRUSTED
        return states.get(origin.reading.state, sound)
    if from_release:
        return Standing.FROM_RELEASE
    return Standing.UNKNOWN if unread else Standing.UNKNOWN_SIGNER


def is_authentic(origin: Origin | None) -> bool:
    """Whether a manifest alone makes a file authentic: signed by us, intact, and nothing in its history fails."""
    return origin is not None and origin.by_us and origin.reading.state == "trusted" and not origin.reading.problems


def signed_release(store: Store, origin: Origin | None) -> Release | None:
    """The release that a manifest of ours belongs to; a label in anyone else's says nothing."""
    return _release_of_ours(store, origin, origin.reading.manifest if origin is not None else None)


def _release_of_ours(store: Store, origin: Origin | None, label: str | None) -> Release | None:
    if origin is None or not origin.by_us or label is None:
        return None
    known = store.protections(label=label)
    return store.release(known[0].release_id) if known else None


def _best(candidates: Sequence[Candidate]) -> Candidate | None:
    """A release goes before a fake: the two look alike, and only a comparison tells them apart."""
    releases = [one for one in candidates if one.item == "release"]
    return next(iter(releases or candidates), None)


def _read_origin(path: Path, limits: Limits, ours: Ours, trust_pem: str) -> tuple[Origin | None, Path | None]:
    """Who signed a file, and the manifest beside it that says so, for a file of a kind that cannot hold one.

    A manifest that does not bear the file's whole name may be that of another file, `clip.mkv` beside `clip.ogg`: it
    is, where it fits that one and not this one. Where it fits neither, one of them was changed: this one, if it alone
    is of the type that the manifest was made for. Otherwise it says nothing of this one.
    """
    sidecar = sidecar_beside(path) if needs_sidecar(path) else None
    origin = read_origin(path, limits, ours, trust_pem=trust_pem, sidecar=sidecar)
    if sidecar is None or sidecar == sidecar_of(path) or (origin is not None and _is_intact(origin.reading)):
        return origin, sidecar
    made_for = origin.reading.format if origin is not None else None
    if any(_may_own(one, path, sidecar, made_for, limits) for one in path.parent.glob(f"{glob.escape(path.stem)}.*")):
        return read_origin(path, limits, ours, trust_pem=trust_pem), None
    return origin, sidecar


def _may_own(other: Path, path: Path, sidecar: Path, made_for: str | None, limits: Limits) -> bool:
    """Whether a manifest that does not fit `path` may be that of another file: it fits, or its type leaves it open."""
    try:
        if other in (path, sidecar) or not other.is_file() or not needs_sidecar(other):
            return False
        reading = read_manifest(other, limits, sidecar=sidecar)
    except (InputError, OSError):
        return False
    if reading is not None and _is_intact(reading):
        return True
    return made_for is None or is_of_type(other, made_for) or not is_of_type(path, made_for)


def _is_intact(reading: ManifestReading) -> bool:
    return reading.state in ("trusted", "valid", "expired")


def _kept(store: Store, release: Release, pointer: Pointer | None) -> dict[str, Any] | None:
    """What the manifest said that we keep of a release; it is not held against the file, which has lost it.

    Of several outputs the mark tells which one it was; else the newest stands for them.
    """
    marked = pointer.mark if pointer is not None and pointer.agrees else None
    known = store.protections(label=marked.label) if marked is not None else store.protections(release_id=release.id)
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
