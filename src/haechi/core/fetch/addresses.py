"""Which machines may be spoken to: public ones alone (DESIGN.md rule 6).

Method: an address is split, its host resolved once, and every address that the name has must be public; the connection
then goes to the very address that was checked, so that a name that answers differently the second time (DNS rebinding)
gains nothing. IPv6 forms that carry an IPv4 address are judged by the one that they carry.
Sources: IANA special-purpose registries (by `ipaddress`); RFC 4291, 3056, 4380, 6052 for the carried ones.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

from haechi.core.errors import InputError, PolicyError, RemoteError

RULE: Final = "rule 6 (no private addresses, no bypass)"
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_PORTS: Final = {"http": 80, "https": 443}
_NAT64: Final = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_LOW_PORTS: Final = (80, 443)
_FIRST_FREE_PORT: Final = 1024
_LONGEST_URL: Final = 4096


@dataclass(frozen=True, slots=True)
class Target:
    """A web address, taken apart; `host` is ASCII and lower case."""

    url: str
    scheme: str
    host: str
    port: int
    path: str


@dataclass(frozen=True, slots=True)
class Guard:
    """Decides whom to speak to.

    Attributes:
        allowed: hosts and ports that may be private all the same; for tests on this machine.
        resolve: name and port -> addresses; the system's resolver by default.
    """

    allowed: frozenset[tuple[str, int]] = frozenset()
    resolve: Callable[[str, int], list[str]] | None = None

    def check(self, url: str) -> Target:
        """Take an address apart.

        Raises:
            InputError: it is none.
            PolicyError: another scheme, credentials in it, or a port for other services.
        """
        target = _split(url)
        if target.port not in _LOW_PORTS and target.port < _FIRST_FREE_PORT:
            raise PolicyError(f"{RULE}: port {target.port} is not one of the web")
        return target

    def address(self, host: str, port: int) -> str:
        """The address to connect to.

        Raises:
            PolicyError: one of the host's addresses is not public.
            RemoteError: the name has none.
        """
        try:
            found = (self.resolve or _system)(host, port)
        except OSError as error:
            raise RemoteError(f"{host} has no address now: {error}", permanent=False) from error
        if not found:
            raise RemoteError(f"{host} has no address now", permanent=False)
        if (host, port) not in self.allowed:
            for one in found:
                self.need_public(one)
        return found[0]

    def need_public(self, address: str) -> None:
        """See that an address is public.

        Raises:
            PolicyError: it is not.
        """
        if not is_public(address):
            raise PolicyError(f"{RULE}: {address} is not a public address")


def is_public(address: str) -> bool:
    """Whether an address is a public one, and so is every address that it carries."""
    try:
        parsed = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return False
    return all(one.is_global and not one.is_multicast and not one.is_reserved for one in (_carried(parsed) or [parsed]))


def _carried(address: Address) -> list[Address]:
    """IPv4 addresses within an IPv6 one."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found: list[Address] = []
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        found.append(address.sixtofour)
    if address.teredo is not None:
        found += list(address.teredo)
    if any(address in network for network in _NAT64) or int(address) >> 32 == 0:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return found


def absolute(url: str, link: str) -> str:
    """The address that a link leads to.

    Args:
        url: of the page or the answer in which it stands.
        link: as it stands there.

    Raises:
        InputError: it is no address.
    """
    try:
        return urljoin(url, link)
    except ValueError as error:
        raise InputError(f"{link!r} is no web address") from error


def _split(url: str) -> Target:
    if len(url) > _LONGEST_URL or any(ord(character) <= 32 or ord(character) == 127 for character in url):
        raise InputError("this is no web address: blanks or control characters in it, or far too long")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        if parts.scheme not in _PORTS:
            raise PolicyError(f"{RULE}: {parts.scheme + ':'!r} addresses are not followed, http: and https: alone")
        if parts.username is not None or parts.password is not None:
            raise PolicyError(f"{RULE}: no sign-in; the address has a name or password in it")
        ascii_host = host if ":" in host else host.encode("idna").decode("ascii").lower()
    except (ValueError, UnicodeError) as error:
        raise InputError(f"{url!r} is no web address") from error
    if not ascii_host:
        raise InputError(f"{url!r} is no web address: it names no host")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(url, parts.scheme, ascii_host.rstrip("."), port or _PORTS[parts.scheme], path)


def _system(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


PUBLIC: Final = Guard()
