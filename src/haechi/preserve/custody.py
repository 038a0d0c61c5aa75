"""Custody: files become exhibits. Who looks at one: see `look`.

Steps of `add_file`, in this order:
1. The lane decides before the file is touched: nothing of a minor is even opened; sexual media of an adult takes the
   legal role, a second person, a reason and three key holders. In the ordinary lane a classifier may look: if it
   raises its flag, the case becomes a sexual one with this very exhibit. It never loosens, and never keeps one out.
   Bytes that are known from a minor's case are refused. A recogniser sees which exhibits show the same (`items`).
2. The file is read once: what is hashed is what is encrypted. No plain copy is written anywhere.
3. Time stamps over the exhibit's record, which names every part by its SHA-256.
4. Record, holding and stamps appear in one transaction with the ledger's entries.
A kill before step 4 leaves nothing that anyone can see; the vault's next start takes the encrypted rest away.
"""

from __future__ import annotations

import base64
import io
import json
import mimetypes
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from haechi.core.approvals import Consent, need_second
from haechi.core.errors import HaechiError, InputError, UnreadableMediaError
from haechi.core.evidence import EVIDENTIARY, WORKING, Case, Exhibit, Holding, Lane, Part, Place, Stamp
from haechi.core.flag import Classify, Flag
from haechi.core.lanes import SEXUAL_LAW, SEXUAL_RULE, need_open, refuse_media
from haechi.core.ledger import canonical
from haechi.core.ledger.entries import digest_of, moment
from haechi.core.media.probe import hash_stream
from haechi.core.people import Person
from haechi.core.recognition import Recognise, Seen
from haechi.core.sealing import VaultKeys
from haechi.core.settings import Limits
from haechi.core.store import new_id
from haechi.core.store.evidence import Evidence
from haechi.core.store.ledger import Change
from haechi.core.store.rows import storable_text
from haechi.core.store.vault import Intake
from haechi.core.timestamp import Stamped, ask
from haechi.preserve.facts import Found, tool_facts
from haechi.preserve.items import note_item, refuse_minor
from haechi.preserve.tile import blurred_tile

TILE: Final = "tile.jpg"
FLAGGED: Final = "the classifier for sexual content raised its flag"


@dataclass(frozen=True, slots=True)
class Source:
    """One part to be taken in.

    Attributes:
        name: within the exhibit.
        role: `EVIDENTIARY` or `WORKING`.
        media_type: as far as it is known.
        stream: its bytes.
    """

    name: str
    role: str
    media_type: str
    stream: BinaryIO


@dataclass(frozen=True, slots=True)
class Intent:
    """What is to become an exhibit.

    Attributes:
        found: where it was found.
        method: "file", "http", "browser" or "report".
        source_name: file name that the user gave.
        authority: by what right it is taken.
        why: the reason; the sexual lane asks for one.
        facts: facts of the page or the file.
        settings: what the tool was told.
    """

    found: Found
    method: str
    source_name: str = ""
    authority: str = ""
    why: str = ""
    facts: Mapping[str, Any] | None = None
    settings: Mapping[str, Any] | None = None


def add_file(
    evidence: Evidence,
    person: Person,
    case_id: str,
    path: Path,
    intent: Intent,
    tsas: Sequence[str],
    limits: Limits,
    classify: Classify | None = None,
    recognise: Recognise | None = None,
) -> Exhibit:
    """Make an exhibit of a file.

    What lies in a case that the flag moved must be sealed by whoever calls this: see `haechi.workflows.intake`.

    Args:
        evidence: where it goes.
        person: who does it.
        case_id: the case.
        path: the file; only read.
        intent: what it is.
        tsas: URIs of time stamp authorities.
        limits: what decoding for the blurred tile may cost.
        classify: flags sexual content, in the ordinary lane; None for nobody.
        recognise: sees which exhibits show the same, in the ordinary lane; None for bytes alone.

    Raises:
        PolicyError: the lane, the role, or a second person forbids it; the file was not touched. Or its bytes are known
            from a minor's case; nothing was kept.
        InputError: no such case, the case is closed, or the file cannot be read.
    """
    case, consent = admit(evidence, person, case_id, intent, "storing a file")
    with _open(path) as stream:
        modified = datetime.fromtimestamp(os.fstat(stream.fileno()).st_mtime, UTC).isoformat(timespec="seconds")
        media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        part = Source(f"original{_suffix(path)}", EVIDENTIARY, media_type, stream)
        refuse_minor(evidence, {path.name: hash_stream(stream)})
        stream.seek(0)
        seen = recognise(path) if recognise is not None and case.lane is Lane.ORDINARY else None
        flags = {part.name: classify(path)} if classify is not None and case.lane is Lane.ORDINARY else {}
        facts = {"file_modified_at": modified, **(intent.facts or {})}
        parts = [part, *_tiles(lane_with(case, flags), path, limits)]
        return keep(evidence, person, case, intent, parts, facts, tsas, consent, flags, seen)


def add_address(evidence: Evidence, person: Person, case_id: str, intent: Intent, tsas: Sequence[str]) -> Exhibit:
    """Make an exhibit of an address and the account alone: all that is ever kept of a minor.

    Raises:
        InputError: no such case, or no address.
        PolicyError: the person may not.
    """
    person.need("exhibit.add")
    case = evidence.get(Case, case_id)
    if case.lane is not Lane.MINOR:
        need_open(case)
    if not intent.found.url:
        raise InputError("the address is missing: --url URL")
    return keep(evidence, person, case, intent, [], {}, tsas)


def admit(evidence: Evidence, person: Person, case_id: str, intent: Intent, doing: str) -> tuple[Case, Consent | None]:
    """Step 1: see that media may be added to a case; gives it, and the second person's consent where it takes one.

    Raises:
        PolicyError: the lane, the role, or a second person forbids it.
        InputError: no such case, or it is closed.
    """
    case = evidence.get(Case, case_id)
    refuse_media(case, doing)
    need_open(case)
    person.need("exhibit.add")
    if case.lane is Lane.SEXUAL:
        person.need("exhibit.add_sexual")
        VaultKeys(evidence.home).need_seal()
        rule = f"{SEXUAL_RULE}; law: {SEXUAL_LAW}"
        about = {"url": intent.found.url, "source_name": intent.source_name, "method": intent.method}
        return case, need_second(evidence, person, "exhibit.add", case.id, intent.why, rule, about)
    return case, None


def keep(
    evidence: Evidence,
    person: Person,
    case: Case,
    intent: Intent,
    sources: Sequence[Source],
    facts: Mapping[str, Any],
    tsas: Sequence[str],
    consent: Consent | None = None,
    flags: Mapping[str, Flag] | None = None,
    seen: Seen | None = None,
) -> Exhibit:
    """Steps 2 to 4: encrypt and hash the parts, stamp the record, and let all of it appear at once.

    `flags` are what a classifier says of the parts, or of what lies in them, by name; `seen` what a recogniser says.
    """
    intent = replace(intent, found=intent.found.checked())
    keys, lane = VaultKeys(evidence.home), lane_with(case, flags or {})
    if flags:
        facts = {**facts, "sexual_content": {name: flag.to_fields() for name, flag in flags.items()}}
    seals = lane is Lane.SEXUAL and (case.lane is lane or keys.seal() is not None)
    with evidence.vault.writing() as intake:
        taken = [_take(keys, intake, source, sealed=seals and source.role == EVIDENTIARY) for source in sources]
        exhibit = _record(person, case, intent, tuple(part for part, _ in taken), facts)
        body = canonical(exhibit.to_fields())
        stamps, failures = _stamps(evidence, body, tsas)
        holding = Holding(exhibit.id, case.id, {part.name: place for part, place in taken})

        def work(change: Change) -> None:
            now = change.get(Case, case.id)
            if now.lane.strictness > case.lane.strictness:
                raise InputError(f"{case.id} was moved to the lane {now.lane} meanwhile; nothing was kept: start again")
            if consent is not None:
                consent.use(change, intent.why)
            if now.lane.strictness < lane.strictness:
                _tighten(change, now, lane, exhibit, flags or {})
            _put(change, exhibit, holding, intent.why, sealed=seals)
            note_item(change, exhibit, seen)
            for stamp in stamps:
                change.put(_stamp(exhibit.id, body, stamp), "exhibit.stamp", tsa=stamp.tsa, exhibit=exhibit.id)
            for uri, reason in failures:
                change.log("exhibit.stamp_failed", exhibit.id, reason, tsa=uri)

        evidence.change(work)
    return exhibit


def add_stamp(evidence: Evidence, person: Person, exhibit_id: str, tsa: str) -> Stamp:
    """Stamp an exhibit again, by another authority or anew before a certificate ends.

    Raises:
        InputError: no such exhibit or authority.
        RemoteError: the authority cannot be reached.
    """
    person.need("exhibit.add")
    exhibit = evidence.get(Exhibit, exhibit_id)
    body = evidence.bodies(Exhibit, exhibit.id)[-1][2]
    stamp = _stamp(exhibit.id, body, ask(tsa, body, evidence.home))
    return evidence.change(lambda change: change.put(stamp, "exhibit.stamp", tsa=tsa, exhibit=exhibit.id))


def remove_superseded(evidence: Evidence, exhibit_id: str) -> None:
    """Remove files that a holding once had and has no more: a kill may have come between the record and the removal."""
    places = [
        {place["stored"]: place.get("destroyed", False) for place in json.loads(body)["places"].values()}
        for _, _, body in evidence.bodies(Holding, exhibit_id)
    ]
    kept = {stored for stored, destroyed in places[-1].items() if not destroyed} if places else set()
    for stored in {stored for one in places for stored in one} - kept:
        evidence.vault.destroy(stored)


def _record(person: Person, case: Case, intent: Intent, parts: tuple[Part, ...], facts: Mapping[str, Any]) -> Exhibit:
    found = intent.found
    told = tool_facts(person.name, intent.authority, intent.method, intent.settings or {})
    return Exhibit(
        id=new_id("E"),
        parent=case.id,
        lane=case.lane,
        url=storable_text(found.url),
        posted=storable_text(found.posted),
        account=storable_text(found.account),
        platform=storable_text(found.platform),
        method=intent.method,
        source_name=storable_text(intent.source_name),
        added_at=moment(),
        added_by=person.name,
        parts=parts,
        facts={**told, **facts},
    )


def _put(change: Change, exhibit: Exhibit, holding: Holding, why: str, *, sealed: bool) -> None:
    digests = {part.name: part.sha256 for part in exhibit.parts}
    change.put(exhibit, "exhibit.add", why, case=exhibit.parent, parts=digests)
    change.put(holding, "exhibit.hold", sealed=sealed)


def lane_with(case: Case, flags: Mapping[str, Flag]) -> Lane:
    """The lane of a case once a classifier has looked: never a looser one."""
    raised = case.lane is Lane.ORDINARY and any(flag.raised for flag in flags.values())
    return Lane.SEXUAL if raised else case.lane


def _tighten(change: Change, case: Case, lane: Lane, exhibit: Exhibit, flags: Mapping[str, Flag]) -> None:
    """Move the case in the transaction that lets the exhibit appear; the scores stand beside it."""
    why = next((flag.because for flag in flags.values() if flag.raised and flag.because), FLAGGED)
    told = {"from": case.lane.value, "to": lane.value, "exhibit": exhibit.id}
    change.put(replace(case, lane=lane), "case.tighten", why, **told, flags=exhibit.facts["sexual_content"])


def _take(keys: VaultKeys, intake: Intake, source: Source, *, sealed: bool) -> tuple[Part, Place]:
    staged = intake.folder / new_id("part")
    found = keys.encrypt(source.stream, staged, sealed=sealed)
    part = Part(source.name, source.role, source.media_type, found.size, found.sha256)
    return part, Place(intake.put(staged), sealed)


def _stamps(evidence: Evidence, body: bytes, tsas: Sequence[str]) -> tuple[list[Stamped], list[tuple[str, str]]]:
    """What the authorities gave; one that fails is noted, and the exhibit stands without it."""
    stamps, failures = [], []
    for uri in tsas:
        try:
            stamps.append(ask(uri, body, evidence.home))
        except HaechiError as error:
            failures.append((uri, str(error)))
    return stamps, failures


def _stamp(exhibit_id: str, body: bytes, given: Stamped) -> Stamp:
    token = base64.b64encode(given.token).decode("ascii")
    return Stamp(new_id("T"), exhibit_id, digest_of(body), given.tsa, given.at, given.independent, token, given.chain)


def _tiles(lane: Lane, path: Path, limits: Limits) -> list[Source]:
    """The working view of sexual media; in the ordinary lane there is none."""
    tile = blurred_tile(path, limits) if lane is Lane.SEXUAL else None
    return [] if tile is None else [Source(TILE, WORKING, "image/jpeg", io.BytesIO(tile))]


def _open(path: Path) -> io.BufferedReader:
    try:
        if path.exists() and not path.is_file():
            raise UnreadableMediaError(f"{path}: is not a regular file")
        return path.open("rb")
    except (OSError, ValueError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "impossible name"
        raise UnreadableMediaError(f"{path}: cannot be read: {reason}; check the path and its permissions") from error


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    return suffix if suffix.isascii() and suffix[1:].isalnum() and len(suffix) <= 8 else ""
