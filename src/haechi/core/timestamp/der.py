"""DER, as far as time stamp tokens need it: read with bounds checked, nothing built but what wraps a token.

Source: ITU-T X.690. Order within sets is not enforced: a public authority is known to send its certificates unsorted.
Limits: definite lengths and one-byte tags only, which all authorities use.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

SEQUENCE, SET, INTEGER, OCTETS, OID, BOOLEAN, TIME = 0x30, 0x31, 0x02, 0x04, 0x06, 0x01, 0x18


class DerError(ValueError):
    """These bytes are not what they should be."""


@dataclass(frozen=True, slots=True)
class Node:
    """One value: tag, content, and all its bytes with the header."""

    tag: int
    content: bytes
    raw: bytes

    def children(self) -> list[Node]:
        """What is in it."""
        return list(_nodes(self.content))

    def expect(self, tag: int) -> Node:
        """Itself, if it has that tag.

        Raises:
            DerError: it has another.
        """
        if self.tag != tag:
            raise DerError(f"tag {self.tag:#x} where {tag:#x} belongs")
        return self

    def integer(self) -> int:
        """Value of an INTEGER."""
        return int.from_bytes(self.expect(INTEGER).content, "big", signed=True)

    def oid(self) -> str:
        """Dotted value of an OBJECT IDENTIFIER."""
        data = self.expect(OID).content
        arcs, value = [], 0
        for byte in data:
            value = value << 7 | byte & 0x7F
            if not byte & 0x80:
                arcs.append(value)
                value = 0
        if not arcs:
            raise DerError("an empty object identifier")
        first = min(arcs[0] // 40, 2)
        return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))

    def time(self) -> datetime:
        """Value of a GeneralizedTime in UTC."""
        text = self.expect(TIME).content.decode("ascii", "replace")
        whole, _, fraction = text.removesuffix("Z").partition(".")
        if not text.endswith("Z") or not (fraction or "0").isdigit():
            raise DerError(f"the time {text!r} is not in UTC")
        moment = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        return moment.replace(microsecond=int((fraction + "000000")[:6]))


def parse(data: bytes) -> Node:
    """The one value that `data` is; bytes after it are an error.

    Raises:
        DerError: it is not one whole value.
    """
    nodes = list(_nodes(data))
    if len(nodes) != 1:
        raise DerError("not one value")
    return nodes[0]


def wrap(tag: int, content: bytes) -> bytes:
    """A value with that tag and content."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _nodes(data: bytes) -> Iterator[Node]:
    at = 0
    while at < len(data):
        start, tag = at, data[at]
        if tag & 0x1F == 0x1F or at + 1 >= len(data):
            raise DerError("a long tag, or the end")
        size, at = data[at + 1], at + 2
        if size & 0x80:
            count = size & 0x7F
            if not 0 < count <= 4 or at + count > len(data):
                raise DerError("a length without end")
            size, at = int.from_bytes(data[at : at + count], "big"), at + count
        if at + size > len(data):
            raise DerError("cut off")
        yield Node(tag, data[at : at + size], data[start : at + size])
        at += size
