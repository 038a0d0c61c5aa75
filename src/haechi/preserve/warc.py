"""Web archives of others, judged: WARC 1.0 and 1.1, ARC, plain or compressed record by record.

What is checked: every record reads to its end, with the length that it states; every block and payload digest that is
stated in SHA-1 or SHA-256 holds; a target address is an address; a compressed archive is compressed record by record;
the versions of ARC headers are those that exist.
Source: ISO 28500:2017 (WARC 1.1), Internet Archive ARC 1.0. Reader: warcio.
Limits: at most `MOST_BYTES` are decompressed, so that a bomb costs little.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any, Final

from haechi.core.ledger import Fault

MOST_BYTES: Final = 8 << 30
MOST_RECORDS: Final = 5_000_000
_CHUNK: Final = 1 << 16
_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^<>\r\n]*")
_TARGET: Final = re.compile(rb"^WARC-Target-URI:([^\r\n]*)", re.MULTILINE | re.IGNORECASE)
_HEADS: Final = (b"WARC/", b"filedesc:")


def looks_like_archive(path: Path) -> bool:
    """Whether a file begins as a WARC or ARC does, perhaps compressed, or bears such a name."""
    name = path.name.lower().removesuffix(".gz")
    if name.endswith((".warc", ".arc")):
        return True
    try:
        with path.open("rb") as file:
            head = file.read(16)
        if head.startswith(b"\x1f\x8b"):
            with gzip.open(path) as file:
                head = file.read(16)
    except (OSError, EOFError, zlib.error):
        return False
    return head.startswith(_HEADS)


def judge_warc(path: Path) -> tuple[list[Fault], dict[str, object]]:
    """What is wrong with an archive, and how much is in it."""
    faults: list[Fault] = []
    counts = {"records": 0, "digests": 0}
    try:
        for record, offset in _records(path):
            counts["records"] += 1
            where = f"record {counts['records']} at byte {offset}"
            faults += [Fault(where, what) for what in _record_faults(record, counts)]
            target = None if record.format == "arc" else _stated_target(path, offset)
            if target is not None and not _ADDRESS.fullmatch(target):
                faults.append(Fault(where, f"the address {target[:80]!r} is none"))
    except Exception as error:  # noqa: BLE001 - warcio raises whatever a broken archive leads it to
        faults.append(Fault(f"after record {counts['records']}", f"cannot be read on: {_line(error)}"))
    if not counts["records"] and not faults:
        faults.append(Fault(path.name, "holds no record"))
    return faults, dict(counts)


def _records(path: Path) -> Iterator[tuple[Any, int]]:
    from warcio.archiveiterator import ArchiveIterator

    with path.open("rb") as file, redirect_stderr(io.StringIO()):  # warcio warns there; we say it ourselves
        reader = ArchiveIterator(file, check_digests=True)
        for count, record in enumerate(reader):
            if count >= MOST_RECORDS:
                raise ValueError("more records than any capture has")
            yield record, reader.offset
        if reader.err_count:
            raise ValueError("records follow each other in a way that no writer makes")


def _stated_target(path: Path, offset: int) -> str | None:
    """The target address as it is written; warcio mends it silently."""
    with path.open("rb") as file:
        file.seek(offset)
        head = file.read(_CHUNK)
    if head.startswith(b"\x1f\x8b"):
        head = zlib.decompressobj(31).decompress(head, _CHUNK)
    found = _TARGET.search(head.split(b"\r\n\r\n", 1)[0])
    return found[1].decode("utf-8", "replace").strip() if found else None


def _record_faults(record: Any, counts: dict[str, int]) -> list[str]:
    faults: list[str] = []
    size = 0
    while chunk := record.raw_stream.read(_CHUNK):
        size += len(chunk)
        if size > MOST_BYTES:
            raise ValueError("a record is larger than any capture makes: it may be a bomb")
    if record.format == "arc":
        return faults + _arc_faults(record)
    headers = record.rec_headers
    stated = headers.get_header("Content-Length")
    header_size = len(record.http_headers.to_ascii_bytes()) if record.http_headers is not None else 0
    if stated is None or not stated.isdigit():
        faults.append("states no length")
    elif header_size == 0 and size != int(stated):
        faults.append(f"is cut off: {size} of {stated} bytes are here")
    checker = record.digest_checker
    counts["digests"] += sum(1 for name in ("WARC-Block-Digest", "WARC-Payload-Digest") if headers.get_header(name))
    if checker.passed is False:
        faults += [str(problem) for problem in checker.problems] or ["a digest does not hold"]
    return faults


def _arc_faults(record: Any) -> list[str]:
    headers = record.rec_headers
    faults = []
    for name in ("uri", "archive-date", "content-type", "length"):
        if headers.get_header(name) is None:
            faults.append(f"the header of the record lacks {name}")
    date = headers.get_header("archive-date") or ""
    if not re.fullmatch(r"\d{14}", date):
        faults.append(f"the date {date[:40]!r} of the record is none")
    length = headers.get_header("length") or ""
    if not length.isdigit():
        faults.append(f"the length {length[:40]!r} of the record is none")
    return faults


def _line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
