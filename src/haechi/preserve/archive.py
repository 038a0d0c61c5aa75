"""Web archives of our own: WARC 1.1 with SHA-256 digests, in a WACZ 1.1.1.

Bodies are as they came over the wire but for chunked transfer, which is undone: its header is kept under another name,
so that lengths and digests are those of what is there. Written without warcio, which knows SHA-1 alone, and read back
with it in the tests.
Sources: ISO 28500:2017; WACZ 1.1.1 (specs.webrecorder.net); CDXJ.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import uuid
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import urlsplit

from haechi.core.fetch import Exchange

_CHUNK: Final = 1 << 20
_WARC: Final = "archive/data.warc.gz"
_DATE: Final = (1980, 1, 1, 0, 0, 0)


def write_wacz(exchanges: Sequence[Exchange], title: str, folder: Path) -> Path:
    """Write the exchanges of one capture.

    Args:
        exchanges: in order; the first one is of the address that was asked for.
        title: of the page, or empty.
        folder: for the file and for what is in between.

    Returns:
        Path of the WACZ.
    """
    warc = folder / "data.warc.gz"
    index = _write_warc(exchanges, warc)
    page = {
        "id": "page-1",
        "url": exchanges[0].url,
        "title": title,
        "ts": exchanges[0].started_at.replace("+00:00", "Z"),
    }
    pages = (
        json.dumps({"format": "json-pages-1.0", "id": "pages", "title": "All Pages"}) + "\n" + json.dumps(page) + "\n"
    )
    files = {"pages/pages.jsonl": pages.encode(), "indexes/index.cdxj": index.encode()}
    resources = [_resource(_WARC, _sha256(warc), warc.stat().st_size)]
    resources += [_resource(name, hashlib.sha256(data).hexdigest(), len(data)) for name, data in files.items()]
    package = {
        "profile": "data-package",
        "wacz_version": "1.1.1",
        "software": f"haechi {version('haechi')}",
        "created": max(one.ended_at for one in exchanges).replace("+00:00", "Z"),
        "resources": resources,
    }
    data = json.dumps(package, indent=1).encode()
    digest = {"path": "datapackage.json", "hash": f"sha256:{hashlib.sha256(data).hexdigest()}"}
    place = folder / "capture.wacz"
    with zipfile.ZipFile(place, "x", zipfile.ZIP_STORED) as archive:
        with warc.open("rb") as source, archive.open(zipfile.ZipInfo(_WARC, _DATE), "w", force_zip64=True) as target:
            _copy(source, target)
        more = {"datapackage.json": data, "datapackage-digest.json": json.dumps(digest).encode()}
        for name, content in {**files, **more}.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), content)
    warc.unlink()
    return place


def _write_warc(exchanges: Sequence[Exchange], path: Path) -> str:
    """Write the records, each compressed for itself; gives the index."""
    lines = []
    with path.open("wb") as file:
        info = f"software: haechi {version('haechi')}\r\nformat: WARC File Format 1.1\r\n".encode()
        _record(file, _headers("warcinfo", exchanges[0].started_at, "application/warc-fields"), info, None)
        for one in exchanges:
            head = _http_head(one)
            identity = _identity()
            request = _headers("request", one.started_at, "application/http; msgtype=request", one.url)
            _record(file, {**request, "WARC-Concurrent-To": identity}, _request_head(one), None)
            offset = file.tell()
            payload = f"sha256:{base64.b32encode(bytes.fromhex(_sha256(one.body))).decode()}"
            response = _headers("response", one.started_at, "application/http; msgtype=response", one.url, identity)
            more = {"WARC-Payload-Digest": payload, "WARC-IP-Address": one.address}
            more |= {"WARC-Truncated": one.truncated} if one.truncated else {}
            _record(file, {**response, **more}, head, one.body)
            entry = {
                "url": one.url,
                "mime": one.header("content-type").split(";")[0].strip() or "unk",
                "status": str(one.status),
                "digest": payload,
                "length": str(file.tell() - offset),
                "offset": str(offset),
                "filename": "data.warc.gz",
            }
            lines.append(f"{_key(one.url)} {_digits(one.started_at)} {json.dumps(entry)}\n")
    return "".join(sorted(lines))


def _record(file: IO[bytes], headers: Mapping[str, str], head: bytes, body: Path | None) -> None:
    digest, size = hashlib.sha256(head), len(head)
    if body is not None:
        with body.open("rb") as source:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
    block = f"sha256:{base64.b32encode(digest.digest()).decode()}"
    lines = {**headers, "WARC-Block-Digest": block, "Content-Length": str(size)}
    text = "WARC/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
        packed.write(text.encode())
        packed.write(head)
        if body is not None:
            with body.open("rb") as source:
                _copy(source, packed)
        packed.write(b"\r\n\r\n")


def _headers(kind: str, at: str, content: str, url: str = "", identity: str = "") -> dict[str, str]:
    found = {"WARC-Type": kind, "WARC-Record-ID": identity or _identity(), "WARC-Date": at.replace("+00:00", "Z")}
    return found | ({"WARC-Target-URI": url} if url else {}) | {"Content-Type": content}


def _request_head(one: Exchange) -> bytes:
    parts = urlsplit(one.url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in one.request)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")


def _http_head(one: Exchange) -> bytes:
    lines = [f"HTTP/1.1 {one.status} {one.reason}".rstrip()]
    for name, value in one.headers:
        chunked = name.lower() == "transfer-encoding"
        lines.append(f"{'X-Archive-Orig-' if chunked else ''}{name}: {value}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


def _resource(name: str, digest: str, size: int) -> dict[str, Any]:
    return {"name": name.rsplit("/", 1)[-1], "path": name, "hash": f"sha256:{digest}", "bytes": size}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy(source: IO[bytes], target: Any) -> None:
    while chunk := source.read(_CHUNK):
        target.write(chunk)


def _identity() -> str:
    return f"<urn:uuid:{uuid.uuid4()}>"


def _digits(at: str) -> str:
    return datetime.fromisoformat(at).strftime("%Y%m%d%H%M%S")


def _key(url: str) -> str:
    """Sort-friendly form: the host's labels reversed, then the path."""
    parts = urlsplit(url)
    host = ",".join(reversed((parts.hostname or "").split(".")))
    port = f":{parts.port}" if parts.port else ""
    query = f"?{parts.query}" if parts.query else ""
    return f"{host}{port}){parts.path or '/'}{query}".lower()
