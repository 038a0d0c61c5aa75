"""Verify an evidence bundle: needs Python 3.9 or later and openssl, nothing else; no network, no installation.

    python3 -I verify.py            in the unpacked bundle; exit code 0: intact, 1: not, and where

What is checked:
1. Every file is listed in `sha256sums` and has that SHA-256; nothing is missing, nothing was added.
2. The list, and the checkpoint of the ledger, are signed with the key `ledger/key.pem`. Compare the key's fingerprint,
   which is printed at the end, with one that reached you on another way.
3. Every entry of the ledger is in the Merkle tree (RFC 6962) whose root was signed; every record is what its entry
   says.
4. Every part of an exhibit has the SHA-256 and the size of the exhibit's record; parts that are not here are accounted
   for by their lane: sealed, or destroyed.
5. Every time stamp (RFC 3161) holds over the exhibit's record (`openssl ts -verify`).
6. Every notice that was signed as PDF is the file that the ledger names (its own signatures: `pdfsig`).
What is not: that the authorities which stamped deserve belief (their certificates lie beside each stamp), and what the
exhibits mean.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Fault = tuple[str, str]
    CheckSignature = Callable[[bytes, bytes, bytes], bool]
    CheckStamp = Callable[[bytes, bytes, bytes, str], "str | None"]

SUMS, SIGNATURE, KEY = "sha256sums", "sha256sums.sig", "ledger/key.pem"
CHECKPOINT, ENTRIES, RECORDS = "ledger/checkpoint.json", "ledger/entries.jsonl", "ledger/records.jsonl"
_MOST_TEXT_BYTES = 256 << 20
_CHUNK_BYTES = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


class Folder:
    """An unpacked bundle."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> list[str]:
        """Every file below the folder, as the list has it."""
        found = (path for path in self._root.rglob("*") if path.is_symlink() or not path.is_dir())
        return [path.relative_to(self._root).as_posix() for path in found]

    def open(self, name: str) -> IO[bytes]:
        """A file for reading."""
        path = self._root / name
        if path.is_symlink() or not path.is_file():
            raise OSError("not a regular file")
        return path.open("rb")


class Verification:
    """One look at one bundle; `faults` says what is wrong, and where.

    Args:
        files: has `names()` and `open(name)`.
        check_signature: data, DER signature and PEM key -> whether it holds.
        check_stamp: token, data, PEM chain and stated time -> None, or what is wrong.
    """

    def __init__(self, files: Any, check_signature: CheckSignature, check_stamp: CheckStamp) -> None:
        self._files = files
        self._check_signature = check_signature
        self._check_stamp = check_stamp
        self.faults: list[Fault] = []
        self.counts = {"files": 0, "entries": 0, "records": 0, "exhibits": 0, "parts": 0, "stamps": 0}
        self.not_independent = 0
        self.key = ""

    def run(self) -> list[Fault]:
        """Do all checks; gives the faults."""
        sums = self._sums()
        if sums is None:
            return self.faults
        self._check_files(sums)
        key = self._read(KEY)
        self.key = _fingerprint(key)
        self._signed(SUMS, self._read(SUMS), self._read(SIGNATURE), key)
        entries = self._entries(key)
        records = self._records(entries)
        for record in records:
            if record["kind"] == "exhibit":
                self._exhibit(record, records, sums)
        for record in records:
            if record["kind"] == "stamp":
                self._stamp(record, records)
        self._papers(records)
        return self.faults

    def fault(self, where: str, what: str) -> None:
        """Note something that is wrong."""
        if len(self.faults) < 1000:
            self.faults.append((where, what))

    def _sums(self) -> dict[str, str] | None:
        sums: dict[str, str] = {}
        text = self._read(SUMS).decode("utf-8", "replace")
        for number, line in enumerate(text.splitlines(), 1):
            digest, _, name = line.partition("  ")
            if not re.fullmatch("[0-9a-f]{64}", digest) or not _NAME.fullmatch(name) or name in sums:
                self.fault(SUMS, f"line {number} was changed")
                continue
            sums[name] = digest
        if not sums:
            self.fault(SUMS, "is missing, or empty: this is no evidence bundle")
            return None
        return sums

    def _check_files(self, sums: dict[str, str]) -> None:
        present = self._files.names()
        for name in sorted(set(present) - set(sums) - {SUMS, SIGNATURE}):
            self.fault(name, "was added: the list does not have it")
        for name in sorted({name for name in present if present.count(name) > 1} if len(present) < 5000 else ()):
            self.fault(name, "is there twice")
        for name, digest in sums.items():
            self.counts["files"] += 1
            try:
                if self._hash(name)[0] != digest:
                    self.fault(name, "was changed: it has another SHA-256 than the list")
            except (OSError, KeyError, ValueError) as error:
                self.fault(name, f"is missing or cannot be read: {error}")

    def _signed(self, where: str, data: bytes, signature: bytes, key: bytes) -> None:
        if not self._check_signature(data, signature, key):
            self.fault(where, "the signature does not hold: it was changed, or signed with another key")

    def _entries(self, key: bytes) -> dict[int, dict[str, Any]]:
        """Entries by number, each shown to be in the signed tree."""
        checkpoint = self._json(CHECKPOINT)
        root, size = str(checkpoint.get("root", "")), checkpoint.get("size")
        statement = {name: value for name, value in checkpoint.items() if name not in ("signature", "public_key")}
        try:
            signature = base64.b64decode(str(checkpoint.get("signature", "")), validate=True)
        except ValueError:
            signature = b""
        self._signed(CHECKPOINT, _canonical(statement), signature, key)
        if checkpoint.get("key") != self.key:
            self.fault(CHECKPOINT, "names another key than ledger/key.pem")
        entries: dict[int, dict[str, Any]] = {}
        for line in self._lines(ENTRIES):
            self.counts["entries"] += 1
            try:
                data = line["entry"].encode("utf-8")
                fields = json.loads(data)
                proof = [bytes.fromhex(step) for step in line["proof"]]
                leaf = hashlib.sha256(b"\x00" + data).digest()
                held = f"sha256:{_climb(leaf, fields['seq'], size, proof).hex()}" == root
                entries[fields["seq"]] = fields
            except (KeyError, TypeError, ValueError, AttributeError):
                self.fault(f"{ENTRIES}, line {self.counts['entries']}", "cannot be read")
                continue
            if not held:
                self.fault(f"{ENTRIES}, entry {fields['seq']}", "is not in the tree that was signed: it was changed")
        return entries

    def _records(self, entries: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
        """Records whose digest their entry names, with their parsed body."""
        found: list[dict[str, Any]] = []
        vouched = {seq for seq, entry in entries.items() if entry.get("object")}
        for line in self._lines(RECORDS):
            self.counts["records"] += 1
            where = f"{RECORDS}, line {self.counts['records']}"
            try:
                body = line["body"].encode("utf-8")
                head = "\x00".join((line["kind"], line["id"], line["parent"])).encode("utf-8")
                digest = f"sha256:{hashlib.sha256(head + bytes(1) + body).hexdigest()}"
                record = {**line, "fields": json.loads(body), "data": body}
                named = entries.get(line["seq"], {}).get("object")
            except (KeyError, TypeError, ValueError, AttributeError):
                self.fault(where, "cannot be read")
                continue
            if digest != named:
                self.fault(where, f"record {line['kind']} {line['id']} is not what entry {line['seq']} vouches for")
            vouched.discard(line["seq"])
            found.append(record)
        for seq in sorted(vouched):
            self.fault(RECORDS, f"the record that entry {seq} wrote is missing")
        return found

    def _exhibit(self, record: dict[str, Any], records: list[dict[str, Any]], sums: dict[str, str]) -> None:
        self.counts["exhibits"] += 1
        folder = f"exhibits/{record['id']}"
        if self._read(f"{folder}/exhibit.json") != record["data"]:
            self.fault(f"{folder}/exhibit.json", "is not the record that the ledger vouches for")
        holdings = [one["fields"] for one in records if one["kind"] == "holding" and one["id"] == record["id"]]
        places = holdings[-1]["places"] if holdings else {}
        ordinary = all(one["fields"]["lane"] == "ordinary" for one in records if one["kind"] == "case")
        ordinary = ordinary and record["fields"]["lane"] == "ordinary"
        for part in record["fields"]["parts"]:
            name, place = f"{folder}/parts/{part['name']}", places.get(part["name"], {})
            withheld = not ordinary or place.get("sealed") or place.get("destroyed")
            if name not in sums:
                if not withheld:
                    self.fault(name, "is missing: the record has it, and nothing says that it was sealed or destroyed")
                continue
            self.counts["parts"] += 1
            try:
                digest, size = self._hash(name)
            except (OSError, KeyError, ValueError):
                continue  # said before
            if (f"sha256:{digest}", size) != (part["sha256"], part["size"]):
                self.fault(name, "has not the SHA-256 and the size that the exhibit's record states")

    def _stamp(self, record: dict[str, Any], records: list[dict[str, Any]]) -> None:
        self.counts["stamps"] += 1
        stamp = record["fields"]
        where = f"exhibits/{record['parent']}/stamps/{record['id']}.tsr"
        bodies = [one["data"] for one in records if one["kind"] == "exhibit" and one["id"] == record["parent"]]
        token = self._read(where)
        chain = self._read(where[:-4] + ".pem")
        if (
            base64.b64encode(token).decode("ascii") != stamp["token"]
            or chain.decode("ascii", "replace") != stamp["chain"]
        ):
            self.fault(where, "is not the time stamp of the record")
        wrong = self._check_stamp(token, bodies[0] if bodies else b"", chain, stamp["at"])
        if wrong is not None:
            self.fault(where, f"the time stamp does not hold: {wrong}")
        self.not_independent += not stamp["independent"]

    def _papers(self, records: list[dict[str, Any]]) -> None:
        """Signed notices are the newest that the ledger vouches for."""
        newest = {one["id"]: one["fields"] for one in records if one["kind"] == "paper"}
        for identity, paper in newest.items():
            name = f"notices/{identity}.pdf"
            if f"sha256:{hashlib.sha256(self._read(name)).hexdigest()}" != paper["sha256"]:
                self.fault(name, "is not the signed notice that the ledger vouches for")

    def _hash(self, name: str) -> tuple[str, int]:
        sha256, size = hashlib.sha256(), 0
        with self._files.open(name) as file:
            while True:
                chunk = file.read(_CHUNK_BYTES)
                if not chunk:
                    return sha256.hexdigest(), size
                sha256.update(chunk)
                size += len(chunk)

    def _read(self, name: str) -> bytes:
        """A file in memory; an absent one is empty, and said to be missing elsewhere."""
        try:
            with self._files.open(name) as file:
                data: bytes = file.read(_MOST_TEXT_BYTES + 1)
        except (OSError, KeyError, ValueError):
            return b""
        return data if len(data) <= _MOST_TEXT_BYTES else b""

    def _json(self, name: str) -> dict[str, Any]:
        try:
            found = json.loads(self._read(name))
        except ValueError:
            found = None
        if not isinstance(found, dict):
            self.fault(name, "cannot be read")
            return {}
        return found

    def _lines(self, name: str) -> list[Any]:
        found = []
        for line in self._read(name).splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                found.append(None)
        return found


def _canonical(value: dict[str, Any]) -> bytes:
    """RFC 8785, for the flat ASCII object that a checkpoint is."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def _climb(leaf: bytes, index: int, size: Any, proof: list[bytes]) -> bytes:
    """The root that an inclusion proof leads to (RFC 9162, 2.1.3.2); empty when it cannot be one."""
    if not isinstance(size, int) or not 0 <= index < size:
        return b""
    last, found = size - 1, leaf
    for step in proof:
        if last == 0:
            return b""
        if index & 1 or index == last:
            found = hashlib.sha256(b"\x01" + step + found).digest()
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\x01" + found + step).digest()
        index, last = index >> 1, last >> 1
    return found if last == 0 else b""


def _fingerprint(pem: bytes) -> str:
    """SHA-256 of a public key in PEM, over its DER form."""
    body = b"".join(line for line in pem.splitlines() if not line.startswith(b"-----"))
    try:
        return f"sha256:{hashlib.sha256(base64.b64decode(body, validate=True)).hexdigest()}"
    except ValueError:
        return ""


def openssl_signature(data: bytes, signature: bytes, key: bytes) -> bool:
    """`openssl dgst -sha256 -verify`."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for file, content in (("data", data), ("signature", signature), ("key", key)):
            (place / file).write_bytes(content)
        return _openssl(place, "dgst", "-sha256", "-verify", "key", "-signature", "signature", "data") is None


def openssl_stamp(token: bytes, data: bytes, chain: bytes, at: str) -> str | None:
    """`openssl ts -verify`, as of the time that the stamp states: certificates end, what they signed stays."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for file, content in (("token", token), ("data", data), ("chain", chain)):
            (place / file).write_bytes(content)
        seconds = str(int(datetime.fromisoformat(at).timestamp()))
        command = ("ts", "-verify", "-data", "data", "-in", "token", "-CAfile", "chain")
        return _openssl(place, *command, "-partial_chain", "-attime", seconds)


def _openssl(place: Path, *arguments: str) -> str | None:
    openssl = shutil.which("openssl")
    if openssl is None:
        return "openssl is not installed on this machine"
    done = subprocess.run([openssl, *arguments], cwd=str(place), capture_output=True, timeout=60, check=False)  # noqa: S603
    if done.returncode == 0:
        return None
    lines = (done.stderr + done.stdout).decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "openssl says no"


def main() -> int:
    """Verify the bundle in which this file lies."""
    if shutil.which("openssl") is None:
        sys.stdout.write("openssl is not installed on this machine: nothing was verified\n")
        return 2
    found = Verification(Folder(Path(__file__).resolve().parent), openssl_signature, openssl_stamp)
    for where, what in found.run():
        sys.stdout.write(f"{where}: {what}\n")
    counts = ", ".join(f"{name} {count}" for name, count in found.counts.items())
    sys.stdout.write(f"{'NOT INTACT' if found.faults else 'INTACT'}: {counts}\n")
    sys.stdout.write(f"time stamps of an authority that is not independent: {found.not_independent}\n")
    sys.stdout.write(f"signed with the key {found.key}\n")
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
