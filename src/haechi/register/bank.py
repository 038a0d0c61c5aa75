"""The bank of confirmed fakes: what a reviewer has confirmed once is recognised without another look.

Only a person confirms: an entry names who did and on what ground, and is refused without it. No picture of
the fake is kept, only fingerprints, so nobody has to see it again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from haechi.core.errors import InputError, PolicyError
from haechi.core.fingerprint import fingerprint_media
from haechi.core.media.probe import probe_media
from haechi.core.records import BankItem
from haechi.core.settings import Limits
from haechi.core.snapshot import take_snapshot
from haechi.core.store import Store, new_id, now


def add_to_bank(
    path: Path,
    store: Store,
    limits: Limits,
    *,
    because: str,
    progress: Callable[[float], None] | None = None,
) -> tuple[BankItem, bool]:
    """Add one confirmed fake; the same bytes are added once.

    Args:
        path: image, video or sound file.
        store: where to.
        limits: what reading the file may cost.
        because: who confirmed it and on what ground.
        progress: told the fraction that is done.

    Returns:
        The entry that stands, and whether it was added now.

    Raises:
        PolicyError: nobody is named who confirmed it.
        InputError: unreadable file, one of our own masters, or a file that changes meanwhile.
        StoreError: the store cannot take it; nothing was added.
    """
    if not because.strip():
        raise PolicyError("only a person confirms a fake: say with --because who did and on what ground")
    fake = take_snapshot(path)
    known = store.bank_by_sha256(fake.sha256)
    if known is not None:
        return known, False
    release = store.release_by_sha256(fake.sha256)
    if release is not None:
        raise InputError(f"{path} is the master of release {release.id}; a master cannot be a confirmed fake")
    info = probe_media(path, limits)
    sets = fingerprint_media(path, info, limits, progress)
    fake.confirm()
    item = BankItem(new_id("B"), info.kind, fake.sha256, path.name, because.strip(), now(), info.duration_s)
    return store.add_bank_item(item, sets)
