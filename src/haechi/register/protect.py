"""Protect a release before it goes out: mark it, sign it, see that nothing was harmed, register it, then publish it.

Steps of `protect`:
1. The source: not a confirmed fake, and no credentials in it that fail. What the same request has made of it before,
   and still stands, is the answer. If it carries no credentials, an earlier output that it was made from is its parent.
2. Mark it (`marking`) in the staging folder, which lies beside the place of the output, with numbers of its own.
3. Take the marked copy's ISCC, and sign it, with the source, or its parent, as what it was made from.
4. Verify the output as a stranger would, read afresh: the manifest holds, names our certificate and has no problem; the
   media facts are those of the source; a marked picture is as good as the source (40 dB or more) and its mark is read
   back; an unmarked one has the very same pixels.
5. Once the output lies on the disk, register the source as the release's master, unmarked, so that marks can be read by
   subtracting it; and keep the output's digest, its numbers and its manifest, so that a copy whose metadata were
   stripped still leads back to it.
6. See that the source is still the one that was hashed; rename the manifest, then the output, to their places. If that
   fails, the finished output, never an unsigned copy, waits in the staging folder for the next run.
A release has one master and any number of outputs: one for each recipient, or each folder.

Invariants: the source is only read. A file appears at the output's place whole, verified and registered, or not at all;
whatever kills the process leaves only the staging folder, from which the next run goes on. Nothing is overwritten that
is not an earlier output of ours.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from haechi.core.durable import sync
from haechi.core.errors import InputError, IntegrityError
from haechi.core.media.decode import read_image
from haechi.core.media.probe import MediaInfo, hash_file, probe_media, same_facts
from haechi.core.provenance.formats import misnamed
from haechi.core.provenance.keys import Identity
from haechi.core.provenance.read import ManifestReading, read_manifest, sidecar_of
from haechi.core.provenance.sign import Claim, needs_sidecar, sign_media
from haechi.core.records import Kind, Mark, Protection, Release, SoftBinding
from haechi.core.settings import Limits
from haechi.core.snapshot import Snapshot, take_snapshot
from haechi.core.store import Store, now
from haechi.core.watermark.marks import Unmarked
from haechi.register.marking import NOT_WANTED, Copy, bindings_of, mark_copy, mark_of, require_mark
from haechi.register.parent import Search, parent_of_source, parent_release
from haechi.register.release import check_description, register_release

STAGING = ".haechi-staging"
_SIGNED_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for, the same for every file of one run.

    Attributes:
        identity: who signs.
        artist: name or id of an enrolled artist, or None.
        title: of the release; the file's name when None.
        published: ISO date, or None.
        tsa: address of a time stamp authority, or None.
        mark_key: the company's watermark key; None leaves the mark out.
        recipient: whose copy it is, or None.
        made_from: finds the earlier output that a source without credentials was made from; None: nobody looks for one.
    """

    identity: Identity
    artist: str | None = None
    title: str | None = None
    published: str | None = None
    tsa: str | None = None
    mark_key: bytes | None = field(default=None, repr=False)
    recipient: str | None = None
    made_from: Search | None = field(default=None, repr=False)

    def digest(self, artist_id: str | None, source_name: str) -> str:
        """Names the request: with the same source it gives the same release."""
        words = [self.identity.id, artist_id, self.title or source_name, self.published, self.tsa]
        words += ["marked", self.recipient] if self.mark_key is not None else []
        return f"sha256:{hashlib.sha256(json.dumps(words).encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Protected:
    """What became of one source.

    Attributes:
        source: as the user named it.
        output: the signed file.
        sidecar: the manifest beside it, when the output cannot hold one.
        release: as registered.
        protection: what was signed.
        mark: what the output bears, or None.
        parent: the earlier release that it was made from, or None.
        reused: an earlier run had done it.
        misnamed: what the output is, e.g. "JPEG", where its name, the source's, says that it is something else.
    """

    source: Path
    output: Path
    sidecar: Path | None
    release: Release
    protection: Protection
    mark: Mark | None
    parent: Release | None
    reused: bool
    misnamed: str | None


def protect(
    source: Path,
    output: Path,
    staging: Path,
    store: Store,
    limits: Limits,
    wish: Wish,
    progress: Callable[[float], None] | None = None,
) -> Protected:
    """Protect one file; see the module for the steps.

    Args:
        source: image, video or sound file.
        output: where the protected file goes.
        staging: folder on the same file system as `output`, which nobody else writes to.
        store: where to register it.
        limits: what reading the file may cost.
        wish: what is asked for.
        progress: told the fraction that is done.

    Raises:
        InputError: the source cannot be used, or something else stands at the output's place.
        IntegrityError: the output did not stand the test; nothing was published or registered.
        RemoteError: no time stamp could be got.
        StoreError: the store cannot take it.
    """
    # 1. The source.
    artist_id = check_description(store, wish.artist, wish.published)
    original = take_snapshot(source)
    request = wish.digest(artist_id, source.stem)
    _see_that_place_is_free(store, original, output, wish)
    staged = staging / _place_name(original, output) / output.name
    if (known := _done_before(original, output, request, store)) is not None:
        shutil.rmtree(staged.parent, ignore_errors=True)  # left by a kill right after it was published
        return known
    carries = _see_that_credentials_hold(store, original, limits)
    made = _finish_staged(staged, output, store, original.sha256, request)
    if made is None:
        try:
            made = _make(original, staged, store, limits, wish, request, progress, carries=carries)
        except Exception:
            # Unsigned copies do not stay beside what goes out; only a kill leaves them, for the next run to clear up.
            shutil.rmtree(staged.parent, ignore_errors=True)
            raise
    # 6. Publish. What another run of ours has put there meanwhile stays.
    _see_that_source_stands(original, staged)
    _see_that_place_is_free(store, original, output, wish)
    sidecar = _publish(staged, output)
    shutil.rmtree(staged.parent, ignore_errors=True)
    return _protected(store, source, output, sidecar, *made, reused=False)


def _place_name(original: Snapshot, output: Path) -> str:
    """Of the staging folder of one source and output: two outputs of the same bytes may be made side by side."""
    return hashlib.sha256(f"{original.sha256} {output.resolve()}".encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _make(
    original: Snapshot,
    staged: Path,
    store: Store,
    limits: Limits,
    wish: Wish,
    request: str,
    progress: Callable[[float], None] | None,
    *,
    carries: bool,
) -> tuple[Release, Protection]:
    """Steps 2 to 5, after what the source was made from: the output in the staging folder, verified and registered."""
    info = probe_media(original.path, limits)
    parent = None if carries else parent_of_source(original, info, store, wish.made_from)
    shutil.rmtree(staged.parent, ignore_errors=True)
    staged.parent.mkdir(parents=True)
    # 2. Mark.
    copy = _marked(original.path, info, staged.parent, store, limits, wish)
    # 3. Sign.
    bindings = bindings_of(copy, info, wish.mark_key, limits)
    claim = _claim(original.path, store, wish, bindings, parent)
    manifest = sign_media(
        copy.path, staged, sidecar_of(staged), claim, wish.identity, tsa=wish.tsa, original=original.path
    )
    # 4. Verify.
    reading = _verified(original.path, staged, info, limits, wish)
    fidelity = _see_that_content_is_whole(original.path, staged, info, copy, limits, wish)
    original.confirm()
    # 5. Register.
    _sync_staged(staged)
    label, told = reading.manifest or "", _rest(progress)
    with store.writing():
        digest = store.put_blob(manifest)
        release, _ = register_release(
            original.path,
            store,
            limits,
            info=info,
            artist=wish.artist,
            title=claim.title,
            published=wish.published,
            progress=told,
        )
        protection = _protection(original, staged, release, copy, wish, request, (label, digest, claim.published_at))
        store.add_protection(protection, mark_of(copy, info, label, wish.recipient, fidelity), bindings)
    if copy.path != original.path:
        copy.path.unlink()
    return release, protection


def _claim(
    original: Path, store: Store, wish: Wish, bindings: tuple[SoftBinding, ...], parent: Protection | None
) -> Claim:
    artist = store.artist(wish.artist) if wish.artist is not None else None
    title = wish.title or original.stem
    earlier = store.blob_path(parent.manifest).read_bytes() if parent is not None else None
    return Claim(title, wish.identity.name, artist.name if artist else None, original.name, now(), bindings, earlier)


def _sync_staged(staged: Path) -> None:
    """By now most of it has been written behind the verification."""
    sync(staged)
    if sidecar_of(staged).exists():
        sync(sidecar_of(staged))


def _protection(
    original: Snapshot,
    staged: Path,
    release: Release,
    copy: Copy,
    wish: Wish,
    request: str,
    signed: tuple[str, str, str],
) -> Protection:
    label, manifest, signed_at = signed
    return Protection(
        output_sha256=hash_file(staged),
        release_id=release.id,
        source_sha256=original.sha256,
        request=request,
        label=label,
        manifest=manifest,
        signed_by=wish.identity.id,
        signed_at=signed_at,
        unmarked=copy.marking.code if isinstance(copy.marking, Unmarked) else None,
    )


def _marked(source: Path, info: MediaInfo, folder: Path, store: Store, limits: Limits, wish: Wish) -> Copy:
    if wish.mark_key is None:
        return Copy(source, NOT_WANTED)
    return mark_copy(source, info, folder, store, limits, wish.mark_key, wish.recipient)


def _protected(
    store: Store,
    source: Path,
    output: Path,
    sidecar: Path | None,
    release: Release,
    protection: Protection,
    *,
    reused: bool,
) -> Protected:
    mark = next(iter(store.marks(label=protection.label)), None)
    parent = parent_release(protection, store)
    return Protected(source, output, sidecar, release, protection, mark, parent, reused, misnamed(output))


def _see_that_place_is_free(store: Store, original: Snapshot, output: Path, wish: Wish) -> None:
    """An earlier output of ours for the same recipient may be replaced, nothing else."""
    there = hash_file(output) if output.is_file() and not output.is_symlink() else ""
    ours = store.protections(output_sha256=there)
    if os.path.lexists(output) and not ours:
        raise InputError(f"{output} exists and is no output of ours; move it away or choose another folder with -o")
    for mark in (mark for one in ours for mark in store.marks(label=one.label)):
        if mark.recipient is not None and mark.recipient != wish.recipient:
            raise InputError(f"{output} is the copy for {mark.recipient!r}; choose another folder with -o")
    beside = sidecar_of(output)
    if needs_sidecar(original.path) and os.path.lexists(beside):
        known = store.protections(manifest=hash_file(beside)) if beside.is_file() else []
        if not any(one.source_sha256 == original.sha256 or one.output_sha256 == there for one in known):
            raise InputError(f"{beside} exists and belongs to another file; move it away or choose another folder")


def _done_before(original: Snapshot, output: Path, request: str, store: Store) -> Protected | None:
    """What an earlier run made of the same source and request, if it still stands as it was."""
    if not output.is_file():
        return None
    beside = sidecar_of(output) if needs_sidecar(original.path) else None
    for protection in store.protections(output_sha256=hash_file(output)):
        release = store.release(protection.release_id)
        same = (protection.source_sha256, protection.request) == (original.sha256, request)
        whole = beside is None or _is_blob(beside, protection.manifest)
        if same and whole and release is not None:
            return _protected(store, original.path, output, beside, release, protection, reused=True)
    return None


def _see_that_credentials_hold(store: Store, original: Snapshot, limits: Limits) -> bool:
    """What the source carries becomes part of its history: nothing that fails may. Whether it carries anything."""
    if store.bank_by_sha256(original.sha256) is not None:
        raise InputError(f"{original.path} is a confirmed fake in the bank; remove it there first if that is wrong")
    reading = read_manifest(original.path, limits)
    if reading is None:
        return False
    problems = ", ".join(problem.code for problem in reading.problems)
    if problems or reading.state not in ("trusted", "valid"):
        probe_media(original.path, limits)  # of a file that is cut off, this says so
        reason = f"its content credentials do not hold ({problems or reading.state})"
        raise InputError(f"{original.path}: {reason}; protect the original, or a copy without them")
    return True


def _finish_staged(
    staged: Path, output: Path, store: Store, source_sha256: str, request: str
) -> tuple[Release, Protection] | None:
    """What a run that was killed had registered but not yet published."""
    if not staged.is_file() or staged.stat().st_size == 0:
        return None
    for protection in store.protections(output_sha256=hash_file(staged)):
        release = store.release(protection.release_id)
        places = (sidecar_of(staged), sidecar_of(output))
        whole = not needs_sidecar(staged) or any(_is_blob(place, protection.manifest) for place in places)
        same = (protection.source_sha256, protection.request) == (source_sha256, request)
        if release is not None and whole and same:
            return release, protection
    return None


def _verified(source: Path, staged: Path, info: MediaInfo, limits: Limits, wish: Wish) -> ManifestReading:
    """See that the output is what the source was by its facts, and signed by us.

    Raises:
        IntegrityError: it is not.
    """
    beside, identity = sidecar_of(staged), wish.identity
    sidecar = beside if beside.exists() else None
    reading = read_manifest(staged, limits, trust_anchors_pem=identity.anchor_pem, sidecar=sidecar)
    good = reading is not None and reading.state == "trusted" and reading.serial == identity.serial
    if reading is None or not good or reading.problems:
        found = "none" if reading is None else ", ".join(p.code for p in reading.problems) or reading.state
        raise IntegrityError(f"{source}: the signed copy does not verify ({found}); nothing was published")
    if wish.tsa is not None and reading.signed_at is None:
        raise IntegrityError(f"{source}: the signed copy holds no valid time stamp; nothing was published")
    if not same_facts(info, probe_media(staged, limits)):
        raise IntegrityError(f"{source}: signing changed its streams or duration; nothing was published")
    return reading


def _see_that_content_is_whole(
    source: Path, staged: Path, info: MediaInfo, copy: Copy, limits: Limits, wish: Wish
) -> float | None:
    """PSNR of a marked output; None of an unmarked one, whose pixels are the very same.

    Raises:
        IntegrityError: something was harmed.
    """
    if wish.mark_key is not None and copy.payload is not None:
        return require_mark(source, staged, info, copy, wish.mark_key, limits)
    if info.kind is Kind.IMAGE and not _same_pixels(source, staged, limits):
        raise IntegrityError(f"{source}: signing changed its pixels; nothing was published")
    return None


def _same_pixels(one: Path, other: Path, limits: Limits) -> bool:
    return np.array_equal(read_image(one, limits).image, read_image(other, limits).image)


def _see_that_source_stands(original: Snapshot, staged: Path) -> None:
    """Of a source that has changed no run would ever take up what waits."""
    try:
        original.confirm()
    except InputError:
        shutil.rmtree(staged.parent, ignore_errors=True)
        raise


def _publish(staged: Path, output: Path) -> Path | None:
    """Rename to the final places, the manifest first: the output never stands without it.

    Raises:
        InputError: the system does not let it.
    """
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        sidecar = sidecar_of(output) if needs_sidecar(staged) else None
        if sidecar is not None and sidecar_of(staged).exists():
            sidecar_of(staged).replace(sidecar)
        staged.replace(output)
        sync(output.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{output}: finished, but not put there ({reason}); run the same command again") from error
    return sidecar


def _is_blob(path: Path, digest: str) -> bool:
    return path.is_file() and path.stat().st_size > 0 and hash_file(path) == digest


def _rest(progress: Callable[[float], None] | None) -> Callable[[float], None] | None:
    if progress is None:
        return None
    told = progress
    return lambda fraction: told(_SIGNED_SHARE + (1 - _SIGNED_SHARE) * fraction)
