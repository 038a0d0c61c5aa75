"""What a check notes on its way: findings and abstentions of the steps that name where a file comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from haechi.check.marks import Pointer
from haechi.check.match import Candidate
from haechi.check.remote import Credentials, follow_remote
from haechi.core.fetch import Client
from haechi.core.provenance.keys import ours
from haechi.core.provenance.origin import Origin, read_origin
from haechi.core.records import Abstention, BankItem, Finding, Kind, Release
from haechi.core.settings import Settings
from haechi.core.store import Store


@dataclass
class Notes:
    """Findings and abstentions, in the order of the steps."""

    findings: list[Finding] = field(default_factory=list)
    abstentions: list[Abstention] = field(default_factory=list)


def note_same_bytes(notes: Notes, same: Release | None, bank: BankItem | None) -> None:
    """Say that the bytes are known."""
    if bank is not None:
        text = f"The file has the same bytes as the confirmed fake {bank.id} ({bank.because})."
        data = {"id": bank.id, "because": bank.because}
        notes.findings.append(Finding("same_bytes", 1, 1, text, "same_bytes.bank", 1.0, data=data))
    if same is not None:
        text = f"The file has the same bytes as the release “{same.title}”."
        data = {"id": same.id, "title": same.title}
        notes.findings.append(Finding("same_bytes", 1, 1, text, "same_bytes.release", 1.0, data=data))


def note_manifest(notes: Notes, path: Path, settings: Settings, remote: Client | None) -> Origin | None:
    """Read the content credentials and say what they are; `remote` fetches those that lie on a server."""
    us = ours(settings.home)
    origin = read_origin(path, settings.limits, us)
    if origin is None:
        text = "The file carries no content credentials (C2PA)."
        notes.abstentions.append(Abstention("c2pa", text, "c2pa.absent"))
        return None
    held = follow_remote(path, origin, remote, settings.limits, us)
    notes.findings.append(_manifest_finding(held) if held.origin.reading.remote_url is None else _unread(held))
    if held.fetched_from is not None:
        text = f"The content credentials were fetched from {held.fetched_from}."
        data = {"fetched_from": held.fetched_from}
        notes.findings.append(Finding("c2pa", 1, 1, text, "c2pa.fetched", None, data=data))
    return held.origin


def _unread(held: Credentials) -> Finding:
    """Credentials on a server say nothing, neither for the file nor against it, until somebody has read them."""
    data, text = held.as_data(), f"Content credentials lie on a server, at {held.remote_url}; "
    if held.failure is None:
        return Finding("c2pa", 1, 1, f"{text}they were not fetched.", "c2pa.elsewhere", None, data=data)
    data["reason"] = held.failure.reason or None
    text += f"they could not be fetched ({held.failure.reason or held.failure.code})."
    return Finding("c2pa", 1, 1, text, "c2pa.unfetched", None, data=data)


def _manifest_finding(held: Credentials) -> Finding:
    origin, reading = held.origin, held.origin.reading
    code = "c2pa.damaged" if reading.state == "damaged" else "c2pa.present"
    who = reading.issuer or "an unknown issuer"
    text = {
        "trusted": f"Content credentials signed by {who}, "
        + ("with a certificate of ours; intact." if origin.by_us else "whom you trust; intact."),
        "valid": f"Content credentials signed by {who}; intact, but the signer is not known to us.",
        "expired": f"Content credentials signed by {who}, whose certificate has ended since; they prove nothing now.",
        "invalid": "Content credentials are present, but the file was changed after signing or they are not valid.",
        "damaged": "Content credentials are present but damaged.",
    }[reading.state]
    return Finding("c2pa", 1, 1, text, code, None, data=held.as_data())


def note_mark(notes: Notes, pointer: Pointer | None, *, searched: bool) -> None:
    """Say which release an invisible mark names, whether the file shows that release, and where the mark is gone."""
    if pointer is None:
        if searched:
            text = "No invisible mark of ours was read in the file."
            notes.abstentions.append(Abstention("watermark", text, "watermark.absent"))
        return
    release, mark = pointer.release, pointer.mark
    data: dict[str, Any] = pointer.as_data()
    if release is None or mark is None:
        code, text = "watermark.unknown", "It carries an invisible mark of ours whose number is not known here."
    else:
        data |= {"id": release.id, "title": release.title}
        code = {True: "watermark.found", False: "watermark.differs", None: "watermark.unconfirmed"}[pointer.agrees]
        copy = f", the copy for {mark.recipient}" if mark.recipient else ""
        text = f"It carries the invisible mark of the release “{release.title}”{copy}" + _MARKS[code]
        if code == "watermark.differs":
            data["state"] = mark.kind.value
            text += f"{_OTHER[mark.kind]}."
        elif mark.recipient and code == "watermark.found":
            data["state"] = "recipient"
    # A mark points like rank 1, but counts only as far as the comparison with the release bears it out: rank 3.
    notes.findings.append(Finding("watermark", 1, 3, text, code, pointer.reading.score, data=data))
    gone = pointer.agreement.gone if pointer.agreement is not None else ()
    if gone:
        boxes = [[one.box.x, one.box.y, one.box.w, one.box.h] for one in gone if one.box is not None]
        spans = tuple(one.span for one in gone if one.span is not None)
        text = f"The invisible mark is missing in {len(gone)} places: something was laid over them, or replaced them."
        data = {"count": len(gone), "boxes": boxes}
        notes.findings.append(Finding("watermark", 1, 3, text, "watermark.gone", spans=spans, data=data))


_MARKS: Mapping[str, str] = {
    "watermark.found": ", and shows it.",
    "watermark.differs": ", but holds something else: the mark was moved here from another ",
    "watermark.unconfirmed": "; there is too little in it to tell whether it shows it.",
}
_OTHER: Mapping[Kind, str] = {Kind.IMAGE: "picture", Kind.VIDEO: "film", Kind.AUDIO: "recording"}


def note_matches(notes: Notes, candidates: Sequence[Candidate], store: Store, *, searched: bool) -> None:
    """Say what the file was made from, or that nothing was found."""
    for candidate in candidates:
        spans = tuple(s.span for s in candidate.segments)
        if candidate.item == "bank":
            text = f"Matches the confirmed fake {candidate.item_id} by fingerprint ({candidate.method})."
            banked = store.bank_item(candidate.item_id)
            because = banked.because if banked else ""
            data: dict[str, Any] = {"id": candidate.item_id, "method": candidate.method, "because": because}
            code, rank = "bank_match.found", 2
        else:
            release = store.release(candidate.item_id)
            title = release.title if release else candidate.item_id
            text = f"Made from the release “{title}”, by fingerprint ({candidate.method})."
            data = {"id": candidate.item_id, "title": title, "method": candidate.method}
            code, rank = "release_match.found", 3
        name = code.split(".")[0]
        notes.findings.append(Finding(name, 1, rank, text, code, candidate.score, spans=spans, data=data))
    if searched and not any(c.item == "release" for c in candidates):
        count = len(store.releases())
        text = f"No registered release was found in the file; {count} were searched."
        data = {"searched": count}
        notes.findings.append(Finding("release_match", 1, 3, text, "release_match.none", None, data=data))
