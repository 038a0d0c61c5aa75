"""Seals and the end of exhibits: sealed to three holders, opened by two of them, destroyed by two people.

Invariants: a part is sealed again before its former file is removed, and the record says which file holds it; a kill
between the two leaves both, never none. Whatever is destroyed keeps its record, its hashes and its custody events.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from haechi.core.approvals import need_second
from haechi.core.durable import write_whole
from haechi.core.errors import HaechiError, InputError, IntegrityError
from haechi.core.evidence import EVIDENTIARY, Case, Exhibit, Holding, Lane, Place, User
from haechi.core.lanes import SEXUAL_LAW, SEXUAL_RULE, refuse_media
from haechi.core.people import Person
from haechi.core.sealing import OpenSeal, Seal, VaultKeys, new_seal
from haechi.core.store import new_id
from haechi.core.store.evidence import Evidence
from haechi.core.store.ledger import Change
from haechi.preserve.clear import clear_copy, need_new
from haechi.preserve.custody import remove_superseded
from haechi.preserve.items import forget, forget_minors
from haechi.preserve.private import MEMORY


def name_holders(evidence: Evidence, person: Person, names: Sequence[str], folder: Path) -> tuple[Seal, list[Path]]:
    """Make a seal, and write each holder's share into a file that must leave this machine.

    Raises:
        InputError: not three different names, or the folder cannot be written.
        PolicyError: this takes an administrator, and a second person once there are accounts or a seal.
    """
    person.need("vault.holders")
    keys = VaultKeys(evidence.home)
    consent, told = None, {"names": list(names)}
    if keys.seal() is not None or evidence.all(User):
        consent = need_second(evidence, person, "vault.holders", "vault", "new holders", "dual control", told)
    seal, shares = new_seal(names)
    paths = _write_shares(folder, shares)

    def work(change: Change) -> None:
        if consent is not None:
            consent.use(change, "new holders")
        change.log("vault.holders", "vault", recipient=seal.recipient, holders=list(seal.holders))

    try:
        evidence.change(work)
    except HaechiError:
        for path in paths:
            path.unlink(missing_ok=True)
        raise
    keys.use_seal(seal)  # the very last: a seal in use has its shares on the disk and its entry in the ledger
    return seal, paths


def _write_shares(folder: Path, shares: Sequence[bytes]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    paths = [folder / f"share-{number}.json" for number in range(1, len(shares) + 1)]
    for path in paths:
        need_new(path)
    for path, share in zip(paths, shares, strict=True):
        if not write_whole(path, share):
            need_new(path)
    return paths


def seal_what_must_be(evidence: Evidence, person: Person) -> list[str]:
    """Seal every part of a stricter lane that is not sealed yet; gives the exhibits that were.

    Raises:
        PolicyError: nobody holds keys yet.
    """
    sealed = []
    for case in evidence.all(Case):
        forget_minors(evidence, case)
        if case.lane is not Lane.ORDINARY:
            sealed += seal_case(evidence, person, case, f"the case is in the lane {case.lane}")
    return sealed


def seal_case(evidence: Evidence, person: Person, case: Case, why: str) -> list[str]:
    """Seal every part of a case that is not sealed yet; gives the exhibits that were.

    Raises:
        PolicyError: nobody holds keys yet, and there is something to seal.
    """
    sealed = []
    for exhibit in evidence.all(Exhibit, case.id):
        holding = evidence.find(Holding, exhibit.id)
        remove_superseded(evidence, exhibit.id)
        open_parts = {
            part.name: holding.places[part.name]
            for part in exhibit.parts
            if holding is not None and part.role == EVIDENTIARY and _is_open(holding.places.get(part.name))
        }
        if open_parts:
            _seal(evidence, exhibit.id, open_parts, why)
            sealed.append(exhibit.id)
    return sealed


def open_seal(
    evidence: Evidence, person: Person, exhibit_id: str, shares: Sequence[bytes], folder: Path, why: str
) -> list[Path]:
    """Write the sealed parts of an exhibit, clear, into a new folder: two holders, the legal role and a second person.

    Raises:
        PolicyError: the lane, the role, or a second person forbids it.
        InputError: no such exhibit, nothing sealed, or the shares do not fit.
        IntegrityError: a part is missing or damaged.
    """
    exhibit = evidence.get(Exhibit, exhibit_id)
    case = evidence.get(Case, exhibit.parent)
    refuse_media(case, "unsealing")
    person.need("exhibit.unseal")
    places = {name: place for name, place in evidence.get(Holding, exhibit_id).places.items() if place.sealed}
    if not places or all(place.destroyed for place in places.values()):
        raise InputError(f"{exhibit_id} holds nothing that is sealed")
    seal = OpenSeal(shares)
    rule = f"{SEXUAL_RULE}; law: {SEXUAL_LAW}"
    consent = need_second(evidence, person, "exhibit.unseal", exhibit_id, why, rule, {"holders": list(seal.holders)})
    told = {"holders": list(seal.holders), "second": consent.second, "parts": sorted(places)}
    for name in places:
        need_new(folder / name)

    def work(change: Change) -> None:
        consent.use(change, why)
        change.log("exhibit.unseal", exhibit_id, why, **told)

    evidence.change(work)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    written = []
    for name, place in places.items():
        with clear_copy(folder / name) as file:
            seal.decrypt(evidence.vault.path(place.stored), file)
        written.append(folder / name)
    return written


def destroy(evidence: Evidence, person: Person, exhibit_id: str, why: str) -> Holding:
    """Destroy every part of an exhibit: at the subject's request, by law, or when its retention ends.

    Raises:
        InputError: no such exhibit, no reason, or nothing is left.
        PolicyError: the role or a second person forbids it.
    """
    person.need("exhibit.destroy")
    exhibit = evidence.get(Exhibit, exhibit_id)
    held = evidence.get(Holding, exhibit_id)
    if all(place.destroyed for place in held.places.values()):
        raise InputError(f"{exhibit_id} holds nothing any more")
    consent = need_second(evidence, person, "exhibit.destroy", exhibit_id, why, "dual control", {})

    def work(change: Change) -> Holding:
        consent.use(change, why)
        now = change.get(Holding, exhibit_id)
        places = {name: replace(place, destroyed=True) for name, place in now.places.items()}
        digests = {part.name: part.sha256 for part in exhibit.parts}
        forget(change, exhibit_id, why)
        return change.put(
            replace(now, places=places, because=why), "exhibit.destroy", why, second=consent.second, parts=digests
        )

    gone = evidence.change(work)
    remove_superseded(evidence, exhibit_id)
    evidence.forget_removed()
    return gone


def _is_open(place: Place | None) -> bool:
    return place is not None and not place.sealed and not place.destroyed


def _seal(evidence: Evidence, exhibit_id: str, parts: Mapping[str, Place], why: str) -> None:
    keys = VaultKeys(evidence.home)
    keys.need_seal()
    with evidence.vault.writing() as intake:
        places = {}
        for name, place in parts.items():
            staged = intake.folder / new_id("part")
            with tempfile.TemporaryFile(dir=_memory()) as clear:
                keys.decrypt(evidence.vault.path(place.stored), clear)
                clear.seek(0)
                keys.encrypt(clear, staged, sealed=True)
            places[name] = Place(intake.put(staged), sealed=True)

        def work(change: Change) -> None:
            now = change.get(Holding, exhibit_id)
            if any(now.places[name] != place for name, place in parts.items()):
                raise IntegrityError(f"{exhibit_id} changed while it was being sealed; run haechi vault seal")
            change.put(replace(now, places={**now.places, **places}, because=why), "exhibit.seal", why)

        evidence.change(work)
    remove_superseded(evidence, exhibit_id)


def _memory() -> str | None:
    """A folder that lives in memory, so that nothing clear reaches a disk; None where there is none."""
    return str(MEMORY) if MEMORY.is_dir() else None  # an unnamed file, gone when it is closed
