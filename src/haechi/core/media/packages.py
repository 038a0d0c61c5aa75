"""Fetch one pinned archive from a package index: PyPI (simple API) or npm, with the standard library only.

Method: ask the index for the archive's address, stream it to a file, compare its size and SHA-256 with the
pins.
Settings that are honoured, in this order: for PyPI `UV_DEFAULT_INDEX`, `UV_INDEX_URL`, `PIP_INDEX_URL`, then
the extra indexes `UV_INDEX`, `UV_EXTRA_INDEX_URL`, `PIP_EXTRA_INDEX_URL`; for npm `npm_config_registry`; for
both the proxy variables and `SSL_CERT_FILE`, `PIP_CERT`, `REQUESTS_CA_BUNDLE`, `NODE_EXTRA_CA_CERTS`. A user
and password in an address are sent as basic authentication.
Limits: configuration files of pip and npm are not read.
Invariant: nothing reaches the caller whose digest is not the pinned one; no archive is ever run or installed.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import IO
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

from haechi.core.errors import IntegrityError, RemoteError

PYPI = "https://pypi.org/simple"
NPM = "https://registry.npmjs.org"
_CHUNK = 1 << 20
_TIMEOUT_S = 60.0
_JSON_LIMIT = 64 << 20
_SIMPLE = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"

Opener = Callable[[str, Mapping[str, str]], IO[bytes]]


@dataclass(frozen=True, slots=True)
class Archive:
    """One file of one version of a package; `size` in bytes, `sha256` as 64 hex digits."""

    registry: str
    package: str
    version: str
    artefact: str
    size: int
    sha256: str


def open_url(url: str, headers: Mapping[str, str]) -> IO[bytes]:
    """Open an http(s) address for reading.

    Raises:
        RemoteError: if it is no http(s) address or the server does not deliver.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http"):
        raise RemoteError(f"the package index gave an address that is not http(s): {url}", permanent=True)
    sent = dict(headers)
    if parts.username is not None:
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        sent["Authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
        url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    request = urllib.request.Request(url, headers=sent)  # noqa: S310 - the scheme was checked above
    try:
        reply: IO[bytes] = urllib.request.urlopen(  # noqa: S310
            request, timeout=_TIMEOUT_S, context=_tls_context()
        )
    except urllib.error.HTTPError as error:
        message = f"{_shown(url)} answers {error.code}"
        raise RemoteError(message, permanent=error.code in (401, 403, 404, 410)) from error
    except (OSError, http.client.HTTPException) as error:
        raise RemoteError(f"{_shown(url)} cannot be reached ({error})", permanent=False) from error
    return reply


def fetch(
    archive: Archive,
    target: Path,
    environment: Mapping[str, str],
    progress: Callable[[int], None],
    opener: Opener = open_url,
) -> None:
    """Download an archive to `target` and verify it.

    Args:
        archive: what to fetch.
        target: file to write; the caller removes it when this raises.
        environment: the process's variables (index settings).
        progress: called with the number of bytes of each chunk.
        opener: how an address is opened; tests pass their own.

    Raises:
        RemoteError: if no configured index delivers the archive.
        IntegrityError: if what came is not what was pinned.
    """
    failures: list[str] = []
    permanent = True
    for url in _addresses(archive, environment, opener, failures):
        try:
            with opener(url, {}) as reply:
                _save(reply, target, archive, progress)
            return
        except RemoteError as error:
            failures.append(str(error))
            permanent = permanent and error.permanent
    reason = "; ".join(failures) or "no index is configured"
    raise RemoteError(
        f"cannot fetch {archive.artefact}: {reason}. Check the connection and the index settings, "
        "then run `haechi models pull` again",
        permanent=permanent and bool(failures),
    )


def _save(reply: IO[bytes], target: Path, archive: Archive, progress: Callable[[int], None]) -> None:
    digest, size = hashlib.sha256(), 0
    try:
        with target.open("wb") as out:
            while chunk := reply.read(_CHUNK):
                size += len(chunk)
                if size > archive.size:
                    break
                digest.update(chunk)
                out.write(chunk)
                progress(len(chunk))
    except (http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise RemoteError(f"the download of {archive.artefact} broke off ({error})", permanent=False) from error
    if size < archive.size:
        raise RemoteError(f"the download of {archive.artefact} ended early", permanent=False)
    if size > archive.size or digest.hexdigest() != archive.sha256:
        raise IntegrityError(
            f"{archive.artefact} from the index is not the file that Haechi was built with: do not use it, "
            "and check the index settings"
        )


def _addresses(archive: Archive, environment: Mapping[str, str], opener: Opener, failures: list[str]) -> Iterator[str]:
    lookup = _pypi_address if archive.registry == "pypi" else _npm_address
    for index in _indexes(archive.registry, environment):
        try:
            yield lookup(index, archive, opener)
        except RemoteError as error:
            failures.append(str(error))


def _indexes(registry: str, environment: Mapping[str, str]) -> list[str]:
    def first(*names: str) -> str:
        return next((environment[name] for name in names if environment.get(name)), "")

    if registry == "npm":
        return [first("npm_config_registry", "NPM_CONFIG_REGISTRY") or NPM]
    found = [first("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL") or PYPI]
    for name in ("UV_INDEX", "UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        found += environment.get(name, "").split()
    plain = [index.partition("=")[2] if "=" in index.partition("://")[0] else index for index in found]
    return [index for index in dict.fromkeys(plain) if urlsplit(index).scheme in ("https", "http")]


def _pypi_address(index: str, archive: Archive, opener: Opener) -> str:
    page = f"{index.rstrip('/')}/{archive.package}/"
    with opener(page, {"Accept": _SIMPLE}) as reply:
        body = reply.read(_JSON_LIMIT)
    links = _json_links(body) if body.lstrip()[:1] == b"{" else _html_links(body)
    for name, url in links:
        if name == archive.artefact:
            return _with_user(index, urljoin(page, url).partition("#")[0])
    raise RemoteError(f"{_shown(page)} does not list {archive.artefact}", permanent=True)


def _json_links(body: bytes) -> list[tuple[str, str]]:
    try:
        return [(entry["filename"], entry["url"]) for entry in json.loads(body)["files"]]
    except (ValueError, KeyError, TypeError) as error:
        raise RemoteError(f"the package index sent an unreadable answer ({error})", permanent=True) from error


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        url = dict(attrs).get("href") if tag == "a" else None
        if url:
            self.found.append((unquote(urlsplit(url).path.rpartition("/")[2]), url))


def _html_links(body: bytes) -> list[tuple[str, str]]:
    parser = _Links()
    parser.feed(body.decode("utf-8", "replace"))
    return parser.found


def _npm_address(index: str, archive: Archive, opener: Opener) -> str:
    page = f"{index.rstrip('/')}/{quote(archive.package, safe='@')}/{archive.version}"
    with opener(page, {"Accept": "application/json"}) as reply:
        body = reply.read(_JSON_LIMIT)
    try:
        return _with_user(index, str(json.loads(body)["dist"]["tarball"]))
    except (ValueError, KeyError, TypeError) as error:
        raise RemoteError(f"{_shown(page)} sent an unreadable answer ({error})", permanent=True) from error


def _with_user(index: str, url: str) -> str:
    """Repeat the index's user and password for a file on the same host, as pip does."""
    source, parts = urlsplit(index), urlsplit(url)
    if source.username is None or parts.username is not None or parts.hostname != source.hostname:
        return url
    user = source.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc}"))


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    for name in ("PIP_CERT", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
        bundle = os.environ.get(name, "")
        if bundle and Path(bundle).is_file():
            context.load_verify_locations(bundle)
    return context
