"""Is an exhibit still what was taken in? Every part, every time stamp, and the record itself; what is wrong, and where.

Steps:
1. The record is the one that the ledger vouches for, and it was never written a second time.
2. Every part that is held lies in the vault with the digest of its encrypted form; what the home can open has the
   SHA-256 of the record. A sealed part is checked by its encrypted form, without unsealing.
3. Every time stamp holds over the record's bytes.
The examination itself is logged.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Final

from haechi.core.errors import HaechiError
from haechi.core.evidence import Exhibit, Holding, Part, Place, Stamp
from haechi.core.ledger import Fault, record_digest
from haechi.core.ledger.entries import digest_of
from haechi.core.people import Person
from haechi.core.sealing import VaultKeys
from haechi.core.store.evidence import Evidence
from haechi.core.timestamp import judge_token, load_certificates
from haechi.core.timestamp.authorities import believed
from haechi.preserve.custody import remove_superseded

NOT_INDEPENDENT: Final = "not independent"


@dataclass(frozen=True, slots=True)
class StampState:
    """A time stamp, judged: `independent` and `trusted` as in `Stamped`; `remark` says why it is not trusted."""

    id: str
    tsa: str
    at: str
    independent: bool
    trusted: bool
    remark: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What an examination found: `faults` is empty when all is intact."""

    exhibit: Exhibit
    parts_checked: int
    sealed: int
    destroyed: int
    stamps: tuple[StampState, ...]
    faults: tuple[Fault, ...]


def verify_exhibit(evidence: Evidence, person: Person, exhibit_id: str) -> Verification:
    """Examine an exhibit; see the module for the steps.

    Raises:
        InputError: there is no such exhibit.
        PolicyError: the person may not.
    """
    person.need("exhibit.see")
    exhibit = evidence.get(Exhibit, exhibit_id)
    holding = evidence.find(Holding, exhibit_id) or Holding(exhibit_id, exhibit.parent, {})
    remove_superseded(evidence, exhibit_id)
    faults = _record_faults(evidence, exhibit)
    for part in exhibit.parts:
        faults += _part_faults(evidence, exhibit_id, part, holding.places.get(part.name))
    stamps = [_judge(evidence, exhibit_id, stamp, faults) for stamp in evidence.all(Stamp, exhibit_id)]
    places = list(holding.places.values())
    found = Verification(
        exhibit=exhibit,
        parts_checked=len(exhibit.parts),
        sealed=sum(place.sealed and not place.destroyed for place in places),
        destroyed=sum(place.destroyed for place in places),
        stamps=tuple(stamps),
        faults=tuple(faults),
    )
    outcome = [f"{fault.where}: {fault.what}" for fault in faults][:20]
    evidence.change(lambda change: change.log("exhibit.verify", exhibit_id, intact=not faults, faults=outcome))
    return found


def _record_faults(evidence: Evidence, exhibit: Exhibit) -> list[Fault]:
    bodies = evidence.bodies(Exhibit, exhibit.id)
    where = f"record of {exhibit.id}"
    faults = [Fault(where, "was written a second time")] if len(bodies) > 1 else []
    entries = {entry.seq: entry for entry in evidence.history(exhibit.id)}
    for seq, parent, body in bodies:
        entry = entries.get(seq)
        if entry is None or entry.object != record_digest(Exhibit.kind, exhibit.id, parent, body):
            faults.append(Fault(where, f"was changed: it is not what entry {seq} of the ledger vouches for"))
    return faults


def _part_faults(evidence: Evidence, exhibit_id: str, part: Part, place: Place | None) -> list[Fault]:
    where = f"part {part.name} of {exhibit_id}"
    if place is None:
        return [Fault(where, "has no place in the vault")]
    if place.destroyed:
        return []
    if evidence.vault.damaged({place.stored}):
        return [Fault(where, f"its encrypted file {place.stored} is missing or was changed")]
    if place.sealed:
        return []
    sink = _Sink()
    try:
        VaultKeys(evidence.home).decrypt(evidence.vault.path(place.stored), sink)  # type: ignore[arg-type]
    except HaechiError as error:
        return [Fault(where, str(error))]
    if f"sha256:{sink.sha256.hexdigest()}" != part.sha256 or sink.size != part.size:
        return [Fault(where, "its content has not the SHA-256 of the record")]
    return []


def _judge(evidence: Evidence, exhibit_id: str, stamp: Stamp, faults: list[Fault]) -> StampState:
    body = evidence.bodies(Exhibit, exhibit_id)[0][2]
    trusted, remark, at = False, "", stamp.at
    try:
        chain = load_certificates(stamp.chain.encode("ascii")) if stamp.chain else []
        judged = judge_token(base64.b64decode(stamp.token, validate=True), body, believed(evidence.home), chain)
        trusted, remark, at = judged.trusted, judged.remark, judged.token.at.isoformat(timespec="milliseconds")
        if stamp.digest != digest_of(body) or at != stamp.at:
            faults.append(Fault(f"time stamp {stamp.id} of {exhibit_id}", "its record was changed"))
    except (HaechiError, ValueError) as error:
        faults.append(Fault(f"time stamp {stamp.id} of {exhibit_id}", str(error)))
    remark = remark if stamp.independent else NOT_INDEPENDENT
    return StampState(stamp.id, stamp.tsa, at, stamp.independent, trusted, remark)


class _Sink:
    """A writer that only hashes: nothing clear is written anywhere."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """There is nothing to flush."""
