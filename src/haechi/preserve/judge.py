"""Containers of evidence, our own and others', judged by what is in them alone.

What it takes: bundles of Haechi, WACZ, WARC and ARC (also compressed), time stamps (RFC 3161). The kind is found from
the content. `faults` say that something is wrong, and where; `remarks` what cannot be shown, though nothing is wrong.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from haechi.core.errors import HaechiError, InputError, UnreadableMediaError
from haechi.core.ledger import Fault
from haechi.core.timestamp import judge_token, load_certificates
from haechi.preserve.bundle.examine import examine_bundle, is_bundle


@dataclass(frozen=True, slots=True)
class Judged:
    """What a container is, and what is wrong with it: nothing, when `faults` is empty."""

    kind: str
    faults: Sequence[Fault]
    facts: Mapping[str, object] = field(default_factory=dict)
    remarks: Sequence[str] = ()


def judge(path: Path, chain: Path | None = None) -> Judged:
    """Judge a container.

    Args:
        path: the file; only read.
        chain: for a time stamp: certificates that are believed.

    Raises:
        InputError: it cannot be read, or is of no kind that is known.
    """
    head = _head(path)
    if head.startswith(b"PK") or path.suffix.lower() in (".zip", ".wacz") or zipfile.is_zipfile(path):
        if is_bundle(path):
            return _bundle(path)
        from haechi.preserve.wacz import judge_wacz

        return Judged("wacz", *judge_wacz(path)) if _is_wacz(path) else Judged("bundle", [_NO_LIST])
    if head.startswith(b"0"):
        return _stamp(path, chain)
    from haechi.preserve.warc import judge_warc, looks_like_archive

    if looks_like_archive(path):
        faults, facts = judge_warc(path)
        return Judged("warc", faults, facts)
    raise InputError(f"{path} is neither a bundle nor a web archive (WACZ, WARC) nor a time stamp")


_NO_LIST = Fault("sha256sums", "is missing: this is no evidence bundle, or not the whole of one")


def _head(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise UnreadableMediaError(f"{path}: is not a regular file")
        with path.open("rb") as file:
            return file.read(8)
    except (OSError, ValueError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "impossible name"
        raise UnreadableMediaError(f"{path}: cannot be read: {reason}") from error


def _is_wacz(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return "datapackage.json" in archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError):
        return False


def _bundle(path: Path) -> Judged:
    try:
        found = examine_bundle(path)
    except InputError as error:
        return Judged("bundle", [Fault(path.name, str(error))])
    facts = {name: getattr(found, name) for name in ("files", "entries", "exhibits", "parts", "stamps", "key")}
    remarks = []
    if found.not_independent:
        remarks.append(f"{found.not_independent} of {found.stamps} time stamps are not independent")
    return Judged("bundle", found.faults, facts, remarks)


def _stamp(path: Path, chain: Path | None) -> Judged:
    roots = load_certificates(_read(chain)) if chain is not None else []
    try:
        judged = judge_token(_read(path), None, roots)
    except HaechiError as error:
        return Judged("time stamp", [Fault(path.name, str(error))])
    facts = {"at": judged.token.at.isoformat(), "authority": judged.signer.subject.rfc4514_string()}
    return Judged("time stamp", [], facts, [judged.remark] if judged.remark else [])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
