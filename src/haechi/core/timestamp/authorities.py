"""Time stamp authorities, chosen by URI.

- `local:`: one of this home, for trials and for machines without a network; its tokens are marked "not independent",
  because who holds the home could date them at will. Made by OpenSSL (`openssl ts -reply`).
- `https://...`, `http://...`: asked by POST (RFC 3161 section 3.4). Only the digest goes out.

Invariants: a token is taken only when it holds for the very bytes that were to be stamped and answers our own request.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from haechi.core.errors import InputError, IntegrityError, RemoteError
from haechi.core.provenance.keys import stamp_roots
from haechi.core.timestamp.judge import judge_token, load_certificates
from haechi.core.timestamp.local import local_root, local_token
from haechi.core.timestamp.tokens import query

WAIT_S: Final = 20.0
_MOST_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Stamped:
    """A time stamp as it was given.

    Attributes:
        tsa: URI that was asked.
        at: ISO 8601, UTC.
        token: the response.
        chain: certificates from the signer up, PEM.
        independent: False for an authority of our own.
        trusted: True when its chain ends at a root that the home believes.
    """

    tsa: str
    at: str
    token: bytes
    chain: str
    independent: bool
    trusted: bool


def ask(uri: str, content: bytes, home: Path) -> Stamped:
    """A time stamp over `content`.

    Args:
        uri: which authority; see the module.
        content: the bytes; only their digest leaves the machine.
        home: folder of the store, with the roots that are believed.

    Raises:
        InputError: no such kind of authority.
        RemoteError: it cannot be reached, or does not grant.
        IntegrityError: what it gave does not hold.
    """
    scheme = uri.partition(":")[0]
    if scheme not in AUTHORITIES:
        known = ", ".join(f"{name}:" for name in AUTHORITIES)
        raise InputError(f"no time stamp authority for {uri!r}; known are {known}")
    nonce = secrets.randbits(64)
    data = AUTHORITIES[scheme](uri, query(hashlib.sha256(content).digest(), nonce), home)
    judged = judge_token(data, content, believed(home))
    if judged.token.nonce != nonce:
        raise IntegrityError(f"{uri} answered another request than ours; ask again, or another authority")
    pem = "".join(one.public_bytes(Encoding.PEM).decode("ascii") for one in judged.chain)
    at = judged.token.at.isoformat(timespec="milliseconds")
    return Stamped(uri, at, data, pem, scheme != "local", judged.trusted)


def believed(home: Path) -> list[x509.Certificate]:
    """Roots of time stamps that this home believes: its own, and those of `haechi keys tsa`."""
    own = local_root(home)
    taken = [one for pem in stamp_roots(home) for one in load_certificates(pem.encode("ascii"))]
    return taken + ([own] if own is not None else [])


def _local(_uri: str, request: bytes, home: Path) -> bytes:
    return local_token(home, request)


def _over_http(uri: str, data: bytes, _home: Path) -> bytes:
    from urllib.error import URLError
    from urllib.request import Request, urlopen

    headers = {"Content-Type": "application/timestamp-query", "User-Agent": "haechi"}
    try:
        request = Request(uri, data=data, headers=headers)  # noqa: S310 - the scheme was looked up in the table
        with urlopen(request, timeout=WAIT_S) as response:  # noqa: S310
            return bytes(response.read(_MOST_BYTES))
    except (URLError, OSError, ValueError) as error:
        raise RemoteError(f"the time stamp authority {uri} cannot be reached: {error}", permanent=False) from error


AUTHORITIES: Final[Mapping[str, Callable[[str, bytes, Path], bytes]]] = {
    "local": _local,
    "https": _over_http,
    "http": _over_http,
}
"""URI scheme -> how it is asked."""
