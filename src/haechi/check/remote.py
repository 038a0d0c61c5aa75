"""Content credentials that lie on a server: fetched only when the user asks, and read as if they lay beside the file.

Method: the limited child that reads a file names the address (XMP `dcterms:provenance`); the guarded client fetches it
(public addresses alone, robots.txt respected, redirects counted). What comes stays in a temporary folder while it is
held against the file as a sidecar is, with the same validation.
Limits: at most `MANIFEST_LIMITS`. The server learns that somebody looks at the file: that is why nobody asks unbidden.
Invariant: the address comes from a stranger; whatever it leads to, it ends in an origin or in one failure.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from haechi.core.errors import InputError, PolicyError, RemoteError
from haechi.core.fetch import Client, Exchange, FetchLimits
from haechi.core.provenance.keys import Ours
from haechi.core.provenance.origin import Origin, read_origin
from haechi.core.settings import Limits

MANIFEST_LIMITS: Final = FetchLimits(max_bytes=32 << 20, max_seconds=60.0, max_redirects=5)
_FOUND: Final = 200


@dataclass(frozen=True, slots=True)
class Failure:
    """Why credentials on a server were not read.

    Attributes:
        code: "refused" (by our own rules), "no_answer", "status", "too_large", "too_slow" or "no_manifest".
        reason: one line for people; empty when the code says it all.
    """

    code: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came from a server.

    Attributes:
        origin: who signed the file, after the manifest that came.
        address: that gave it in the end, after redirects.
    """

    origin: Origin
    address: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the credentials of a file say, wherever they lay.

    Attributes:
        origin: after the manifest that was fetched, or else the one at hand; that only names an address if its reading
            has a `remote_url`.
        remote_url: where they lie, when that is on a server.
        fetched_from: address that gave them in the end, after redirects; None when nothing was fetched.
        failure: why nothing was read from the server, when somebody tried.
    """

    origin: Origin
    remote_url: str | None = None
    fetched_from: str | None = None
    failure: Failure | None = None

    def as_data(self) -> dict[str, Any]:
        """In JSON types."""
        failure = {"code": self.failure.code, "reason": self.failure.reason} if self.failure is not None else None
        read = self.origin.reading.as_data() | {"by_us": self.origin.by_us, "remote_url": self.remote_url}
        return read | {"fetched_from": self.fetched_from, "remote_failure": failure}


def follow_remote(
    path: Path, origin: Origin, client: Client | None, limits: Limits, ours: Ours, *, trust_pem: str = ""
) -> Credentials:
    """What the credentials of a file say; if they lie on a server, fetched from there.

    Args:
        path: the file.
        origin: as read from the file, or from beside it.
        client: that may fetch, as of `read_remote`; None: nothing is fetched.
        limits: what reading may cost.
        ours: what counts as signed by us.
        trust_pem: certificates whose descendants the user trusts, PEM.

    Raises:
        InputError: the file cannot be read.
    """
    url = origin.reading.remote_url
    if url is None or client is None:
        return Credentials(origin, url)
    found = read_remote(path, url, client, limits, ours, trust_pem=trust_pem)
    if isinstance(found, Failure):
        return Credentials(origin, url, failure=found)
    return Credentials(found.origin, url, fetched_from=found.address)


def read_remote(
    path: Path, url: str, client: Client, limits: Limits, ours: Ours, *, trust_pem: str = ""
) -> Fetched | Failure:
    """Fetch the manifest of a file and hold it against the file.

    Args:
        path: the file that names the address.
        url: the address.
        client: that may fetch it, within `MANIFEST_LIMITS`; it must take any kind of content.
        limits: what reading may cost.
        ours: what counts as signed by us.
        trust_pem: certificates whose descendants the user trusts, PEM.

    Raises:
        InputError: the file cannot be read.
    """
    with TemporaryDirectory(prefix="haechi-remote-") as name:
        try:
            last = client.fetch(url, Path(name))[-1]
        except (InputError, PolicyError) as error:
            return Failure("refused", str(error))
        except RemoteError as error:
            return Failure("no_answer", str(error))
        failure = _failure(last)
        if failure is not None:
            return failure
        origin = read_origin(path, limits, ours, trust_pem=trust_pem, sidecar=last.body)
    if origin is None:
        return Failure("no_manifest", "it holds no manifest")
    if origin.reading.state == "damaged":
        return Failure("no_manifest", next((one.explanation for one in origin.reading.problems), ""))
    return Fetched(origin, last.url)


def _failure(last: Exchange) -> Failure | None:
    """What is wrong with an answer before anyone looks into it."""
    if last.truncated:
        return Failure("too_large" if last.truncated == "length" else "too_slow")
    if last.status != _FOUND:
        return Failure("status", f"{last.status} {last.reason}".strip())
    return Failure("no_manifest", "it is empty") if last.size == 0 else None
