"""What a source was made from: the earlier output that its own outputs name as their parent.

Of a source without credentials it is searched for once, when its first output is made: what was signed later came after
those bytes. From then on the manifests tell, which the store keeps.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from haechi.core.media.probe import MediaInfo
from haechi.core.provenance.parent import parent_label
from haechi.core.records import Protection, Release
from haechi.core.snapshot import Snapshot
from haechi.core.store import Store

Search = Callable[[Path, MediaInfo, str | None], Protection | None]
"""Finds the earlier output that a file was made from, given what the file is and the id of the release whose master it
is, or None."""


def parent_of_source(original: Snapshot, info: MediaInfo, store: Store, search: Search | None) -> Protection | None:
    """What earlier outputs of the same source name or, if there are none, what is found."""
    earlier = store.protections(source_sha256=original.sha256)
    for one in earlier:
        if (parent := _parent_output(one, store)) is not None:
            return parent
    if earlier or search is None:
        return None
    own = store.release_by_sha256(original.sha256)
    return search(original.path, info, own.id if own is not None else None)


def parent_release(protection: Protection, store: Store) -> Release | None:
    """The earlier release that an output was made from, after its manifest."""
    parent = _parent_output(protection, store)
    return store.release(parent.release_id) if parent is not None else None


def _parent_output(protection: Protection, store: Store) -> Protection | None:
    label = parent_label(store.blob_path(protection.manifest).read_bytes())
    return next(iter(store.protections(label=label)), None) if label is not None else None
