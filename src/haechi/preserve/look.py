"""Looks at exhibits: clear copies of ordinary media, blurred tiles of sexual media; every look is written down.

Invariants: a look is in the ledger before anything leaves the vault; nothing clear leaves a stricter lane.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from haechi.core.errors import InputError
from haechi.core.evidence import Holding, Lane
from haechi.core.lanes import lane_of, refuse_clear
from haechi.core.people import Person
from haechi.core.sealing import VaultKeys
from haechi.core.store.evidence import Evidence
from haechi.preserve.clear import clear_copy, need_new
from haechi.preserve.custody import TILE


def open_part(evidence: Evidence, person: Person, exhibit_id: str, name: str, target: Path, why: str) -> None:
    """Write a clear copy of a part of an ordinary exhibit into a new file; the look is logged before it happens.

    Raises:
        PolicyError: the role or the lane forbids it.
        InputError: no such exhibit or part, it was destroyed, or the file exists.
        IntegrityError: the part is missing or damaged.
    """
    person.need("exhibit.open")
    refuse_clear(lane_of(evidence, exhibit_id), "a clear copy")
    place = evidence.get(Holding, exhibit_id).places.get(name)
    if place is None or place.destroyed or place.sealed:
        raise InputError(f"{exhibit_id} holds no part {name} that can be opened; haechi exhibit show lists them")
    need_new(target)
    evidence.change(lambda change: change.log("exhibit.open", exhibit_id, why, part=name, view="clear"))
    with clear_copy(target) as file:
        VaultKeys(evidence.home).decrypt(evidence.vault.path(place.stored), file)


def log_look(evidence: Evidence, person: Person, exhibit_id: str, *, clear: bool, seconds: float) -> None:
    """Note who looked at an exhibit, blurred or clear, for how long."""
    person.need("exhibit.see")
    lane = lane_of(evidence, exhibit_id)
    if clear:
        person.need("exhibit.open")
        refuse_clear(lane, "a clear look")
    view = "clear" if clear else "blurred"
    evidence.change(lambda change: change.log("exhibit.look", exhibit_id, view=view, seconds=round(seconds, 1)))


@contextmanager
def look_at_tile(evidence: Evidence, person: Person, exhibit_id: str, target: Path) -> Iterator[None]:
    """The blurred tile of sexual media in a new file, while this holds; beginning and end are logged.

    Raises:
        PolicyError: the role forbids it.
        InputError: the exhibit has no tile, or the file exists.
        IntegrityError: the tile is missing or damaged.
    """
    person.need("exhibit.see")
    if (lane := lane_of(evidence, exhibit_id)) is Lane.MINOR:
        refuse_clear(lane, "a look")
    place = evidence.get(Holding, exhibit_id).places.get(TILE)
    if place is None or place.destroyed or place.sealed:
        raise InputError(f"{exhibit_id} has no blurred tile; haechi exhibit show lists its parts")
    need_new(target)
    evidence.change(lambda change: change.log("exhibit.look", exhibit_id, part=TILE, view="blurred"))
    with clear_copy(target) as file:
        VaultKeys(evidence.home).decrypt(evidence.vault.path(place.stored), file)
    started = time.monotonic()
    try:
        yield
    finally:
        target.unlink(missing_ok=True)
        log_look(evidence, person, exhibit_id, clear=False, seconds=time.monotonic() - started)
