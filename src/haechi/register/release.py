"""Register a master: fingerprints to find what was made from it, and a working copy to compare with.

Steps:
1. The same bytes are registered once: a second time gives the release that stands.
2. Fingerprint the master, streaming, in memory that does not grow with its length.
3. Make the working copy, so that a check never needs the master's original path.
4. See that the file is still the one that was hashed, then store everything in one transaction. A process
killed at
   any moment leaves nothing half registered: what it had written so far is swept when the store is next
   opened.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

from haechi.core.errors import InputError
from haechi.core.fingerprint import fingerprint_media
from haechi.core.media.probe import MediaInfo, probe_media
from haechi.core.media.proxy import make_proxy
from haechi.core.records import Release
from haechi.core.settings import Limits
from haechi.core.snapshot import Snapshot, take_snapshot
from haechi.core.store import Store, new_id, now

Progress = Callable[[float], None]
"""Told the fraction that is done, 0 to 1."""

_FINGERPRINT_SHARE = 0.5


def register_release(
    path: Path,
    store: Store,
    limits: Limits,
    *,
    info: MediaInfo | None = None,
    artist: str | None = None,
    title: str | None = None,
    published: str | None = None,
    progress: Progress | None = None,
) -> tuple[Release, bool]:
    """Register one master; see the module for the steps.

    Args:
        path: image, video or sound file.
        store: where to.
        limits: what reading the file may cost.
        info: what `probe_media` said of it, if it was asked already.
        artist: name or id of an enrolled artist.
        title: the file's name when not given.
        published: ISO date, e.g. 2026-05-01.
        progress: told the fraction that is done.

    Returns:
        The release that stands, and whether it was added now: False where its bytes were registered already, be it by
        another process meanwhile.

    Raises:
        InputError: unknown artist, bad date, a confirmed fake, a file that is unreadable or changes meanwhile.
        StoreError: the store cannot take it; nothing was registered.
    """
    artist_id = check_description(store, artist, published)
    # 1. Known bytes.
    master = take_snapshot(path)
    if (known := _known(path, store, master.sha256)) is not None:
        return known, False
    info = info or probe_media(path, limits)
    # 2. Fingerprints.
    sets = fingerprint_media(path, info, limits, _part(progress, 0.0, _FINGERPRINT_SHARE))
    with store.writing() as folder:
        # 3. Working copy.
        copying = _part(progress, _FINGERPRINT_SHARE, 1.0)
        proxy = store.put_blob(make_proxy(path, info, folder, limits, copying))
        # 4. All or nothing.
        master.confirm()
        release = _describe(master, info, artist_id, title, published, proxy)
        return store.add_release(release, sets)


def _known(path: Path, store: Store, sha256: str) -> Release | None:
    if store.bank_by_sha256(sha256) is not None:
        raise InputError(f"{path} is a confirmed fake in the bank; remove it there first if that is wrong")
    return store.release_by_sha256(sha256)


def check_description(store: Store, artist: str | None, published: str | None) -> str | None:
    """See that what the user says of a master can stand; returns the artist's id.

    Raises:
        InputError: no such artist, or no such day.
    """
    if published is not None:
        try:
            date.fromisoformat(published)
        except ValueError as error:
            raise InputError(f"{published!r} is not a date of the form 2026-05-01") from error
    if artist is None:
        return None
    found = store.artist(artist)
    if found is None:
        raise InputError(f"no artist is called {artist!r}; enrol the artist first with haechi artist add")
    return found.id


def _describe(
    master: Snapshot,
    info: MediaInfo,
    artist_id: str | None,
    title: str | None,
    published: str | None,
    proxy: str,
) -> Release:
    return Release(
        id=new_id("R"),
        title=title or master.path.stem,
        kind=info.kind,
        sha256=master.sha256,
        source_name=master.path.name,
        artist_id=artist_id,
        published=published,
        added_at=now(),
        duration_s=info.duration_s,
        width=info.width,
        height=info.height,
        proxy=proxy,
    )


def _part(progress: Progress | None, start: float, end: float) -> Progress | None:
    """Progress of one step that takes the share from `start` to `end` of the whole."""
    if progress is None:
        return None
    whole = progress
    return lambda fraction: whole(start + (end - start) * fraction)
