"""A case as a bundle.

Steps:
1. The lane and the roles decide; sexual cases take a second person, and all do once there are accounts.
2. The export itself becomes an entry of the ledger; then a checkpoint is signed: the bundle proves that far.
3. Records, entries with their proofs, stamps, notices, the case in CASE/UCO; of ordinary exhibits the parts, streamed
   from the vault.
4. The report; the list of all digests; its signature.
5. The ZIP is written beside its place, synchronised, and given its name last: a kill leaves no bundle at all.
Invariants: sexual media, its tile included, is never in a bundle, nor any account's password.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from haechi.core.approvals import Consent, need_second
from haechi.core.durable import sync
from haechi.core.errors import InputError
from haechi.core.evidence import (
    Approval,
    Case,
    Exhibit,
    Holding,
    Lane,
    Notice,
    Paper,
    Record,
    Schedule,
    Sighting,
    Stamp,
)
from haechi.core.lanes import SEXUAL_LAW, SEXUAL_RULE
from haechi.core.ledger import Checkpoint, Entry, read_checkpoint
from haechi.core.ledger.tree import Tree
from haechi.core.media.probe import hash_file
from haechi.core.people import Person
from haechi.core.recognition import Recognition
from haechi.core.sealing import VaultKeys
from haechi.core.store.evidence import Evidence
from haechi.core.store.ledger import Change
from haechi.core.typeset import NoFontError
from haechi.preserve.bundle.case_uco import NAME as CASE_UCO
from haechi.preserve.bundle.case_uco import case_uco
from haechi.preserve.bundle.layout import entry, is_streamed
from haechi.preserve.bundle.report import LANGUAGES, Told, pdf_report
from haechi.preserve.bundle.verdicts import verdicts_of
from haechi.preserve.bundle.verify import CHECKPOINT, ENTRIES, KEY, RECORDS, SIGNATURE, SUMS
from haechi.preserve.bundle.wording import README

_KINDS: Final[tuple[type[Record], ...]] = (
    Case,
    Exhibit,
    Holding,
    Stamp,
    Notice,
    Paper,
    Sighting,
    Schedule,
    Approval,
    Recognition,
)


@dataclass(frozen=True, slots=True)
class Bundled:
    """What was written."""

    path: Path
    sha256: str
    exhibits: int
    parts: int
    size: int
    notes: tuple[str, ...]


def write_bundle(
    evidence: Evidence, person: Person, case_id: str, output: Path, why: str = "", *, fonts: Path | None = None
) -> Bundled:
    """Write the bundle of a case into a new file.

    Args:
        evidence: where the case is.
        person: who exports it.
        case_id: which case.
        output: the new file.
        why: reason.
        fonts: the folder of pulled fonts for the reports, or None for this machine's own.

    Raises:
        InputError: no such case, or the file exists or cannot be written.
        PolicyError: the role or a second person forbids it.
        IntegrityError: a part is missing or damaged.
    """
    case, consent = _admit(evidence, person, case_id, output, why)

    def work(change: Change) -> None:
        if consent is not None:
            consent.use(change, why)
        change.log("case.export", case.id, why, file=output.name)

    evidence.change(work)
    signed = evidence.keep_checkpoint()
    told, subjects = _gather(evidence, case, read_checkpoint(signed, evidence.key.id))
    staged = output.with_name(f".{output.name}.unfinished")
    staged.unlink(missing_ok=True)
    try:
        with zipfile.ZipFile(staged, "x", zipfile.ZIP_STORED, allowZip64=True) as archive:
            writer = _Writer(archive)
            notes = _write(writer, evidence, told, subjects, signed, fonts)
        sync(staged)
        os.link(staged, output)
        sync(output.parent)
    except OSError as error:
        raise InputError(f"{output} cannot be written: {os.strerror(error.errno or 0)}") from error
    finally:
        staged.unlink(missing_ok=True)
    return Bundled(output, hash_file(output), len(told.exhibits), writer.parts, output.stat().st_size, tuple(notes))


def _admit(evidence: Evidence, person: Person, case_id: str, output: Path, why: str) -> tuple[Case, Consent | None]:
    person.need("case.export")
    case = evidence.get(Case, case_id)
    if output.exists() or not output.parent.is_dir():
        raise InputError(f"{output} exists already, or its folder does not")
    if case.lane is not Lane.ORDINARY or not person.alone:
        rule = "dual control" if case.lane is Lane.ORDINARY else f"{SEXUAL_RULE}; law: {SEXUAL_LAW}"
        return case, need_second(evidence, person, "case.export", case.id, why, rule, {})
    return case, None


def _gather(evidence: Evidence, case: Case, point: Checkpoint) -> tuple[Told, list[str]]:
    exhibits = evidence.all(Exhibit, case.id)
    stamps = {exhibit.id: evidence.all(Stamp, exhibit.id) for exhibit in exhibits}
    notices = evidence.all(Notice, case.id)
    sightings = evidence.all(Sighting, case.id)
    schedules = evidence.all(Schedule, case.id)
    subjects = [case.id, *(one.id for one in (*exhibits, *notices, *sightings, *schedules))]
    approvals = [one for one in evidence.all(Approval) if one.subject in subjects]
    subjects += [one.id for one in approvals]
    subjects += [stamp.id for given in stamps.values() for stamp in given]
    verdicts = verdicts_of(evidence, case, exhibits)
    holdings = {one.id: one for one in evidence.all(Holding, case.id)}
    custody = [Entry.from_fields(json.loads(data)) for seq, data in evidence.entries(*subjects) if seq < point.size]
    return Told(case, exhibits, holdings, stamps, notices, custody, point, verdicts), subjects


def _write(
    writer: _Writer, evidence: Evidence, told: Told, subjects: Sequence[str], signed: bytes, fonts: Path | None
) -> list[str]:
    entries = [(seq, data) for seq, data in evidence.entries(*subjects) if seq < told.checkpoint.size]
    writer.add("README.txt", README.format(case=told.case.id, at=told.checkpoint.at, key=told.checkpoint.key).encode())
    writer.add("verify.py", files("haechi.preserve.bundle").joinpath("verify.py").read_bytes())
    writer.add(KEY, evidence.key.public_pem)
    writer.add(CHECKPOINT, signed)
    writer.add(ENTRIES, _lines(_proved(entries, evidence.tree(told.checkpoint.size))))
    writer.add(RECORDS, _lines(_records(evidence, subjects, told.checkpoint.size)))
    for exhibit in told.exhibits:
        _write_exhibit(writer, evidence, told, exhibit)
    writer.add(CASE_UCO, case_uco(told))
    for notice in told.notices:
        writer.add(f"notices/{notice.id}.txt", notice.text.encode())
        paper = evidence.find(Paper, notice.id)
        if paper is not None:
            writer.add(f"notices/{notice.id}.pdf", base64.b64decode(paper.pdf))
    notes = []
    for language in LANGUAGES:
        try:
            writer.add(f"report.{language}.pdf", pdf_report(told, language, fonts))
        except NoFontError as error:
            notes.append(f"report.{language}.pdf is missing: {error}")
    sums = writer.sums()
    writer.add(SUMS, sums)
    writer.add(SIGNATURE, evidence.key.sign(sums))
    return notes


def _write_exhibit(writer: _Writer, evidence: Evidence, told: Told, exhibit: Exhibit) -> None:
    folder = f"exhibits/{exhibit.id}"
    writer.add(f"{folder}/exhibit.json", evidence.bodies(Exhibit, exhibit.id)[0][2])
    for stamp in told.stamps[exhibit.id]:
        writer.add(f"{folder}/stamps/{stamp.id}.tsr", base64.b64decode(stamp.token))
        writer.add(f"{folder}/stamps/{stamp.id}.pem", stamp.chain.encode("ascii"))
    if told.case.lane is not Lane.ORDINARY or exhibit.lane is not Lane.ORDINARY:
        return
    places = told.holdings[exhibit.id].places if exhibit.id in told.holdings else {}
    for part in exhibit.parts:
        place = places.get(part.name)
        if place is not None and not place.sealed and not place.destroyed:
            writer.add_encrypted(
                f"{folder}/parts/{part.name}", VaultKeys(evidence.home), evidence.vault.path(place.stored)
            )


def _proved(entries: Iterable[tuple[int, bytes]], tree: Tree) -> Iterable[dict[str, Any]]:
    for seq, data in entries:
        yield {"seq": seq, "entry": data.decode(), "proof": [step.hex() for step in tree.inclusion_proof(seq)]}


def _records(evidence: Evidence, subjects: Sequence[str], size: int) -> Iterable[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for subject in dict.fromkeys(subjects):
        for kind in _KINDS:
            for seq, parent, body in evidence.bodies(kind, subject):
                found.append({"seq": seq, "kind": kind.kind, "id": subject, "parent": parent, "body": body.decode()})
    return sorted((one for one in found if _seq(one) < size), key=_seq)


def _seq(record: dict[str, Any]) -> int:
    return int(record["seq"])


def _lines(values: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(value, ensure_ascii=False).encode() + b"\n" for value in values)


class _Writer:
    """Puts files into the archive and remembers their digests."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._sums: dict[str, str] = {}
        self.parts = 0

    def add(self, name: str, data: bytes) -> None:
        self._archive.writestr(entry(name), data)
        self._sums[name] = hashlib.sha256(data).hexdigest()

    def add_encrypted(self, name: str, keys: VaultKeys, path: Path) -> None:
        """Decrypt straight into the archive: no clear copy is written elsewhere."""
        with self._archive.open(entry(name), "w", force_zip64=is_streamed(name)) as file:
            sink = _Hashing(file)
            keys.decrypt(path, sink)  # type: ignore[arg-type]
        self._sums[name] = sink.sha256.hexdigest()
        self.parts += 1

    def sums(self) -> bytes:
        """The list as `sha256sum -c` reads it."""
        return "".join(f"{digest}  {name}\n" for name, digest in sorted(self._sums.items())).encode()


class _Hashing:
    """A writer that hashes what passes."""

    def __init__(self, target: Any) -> None:
        self._target = target
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        self._target.write(data)
        return len(data)

    def flush(self) -> None:
        """The archive is flushed when it is closed."""
