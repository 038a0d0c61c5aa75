"""The pieces of a signed film, hashed anew after the text of the specification and not by the library that signed.

From C2PA Technical Specification 2.2: an `mdat` box has one tree, and `localId` counts these boxes from 0 (A.5.4.2);
a leaf is the hash of `fixedBlockSize` bytes of the box's payload, the last of what is left (A.5.4.1.1 and Example 7);
no offset goes before them where the file also has a hash of its own (18.6.2); the manifest holds one row of the tree
(18.6.3). The payload is what follows the header: 8 bytes, or 16 when the size takes 64 bits (ISO/IEC 14496-12, 4.2).
A node without a neighbour moves up as it is: "null nodes" are in no row, and are not hashed. Only the stored hashes are
taken from the manifest as c2pa-python tells it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import c2pa


@dataclass(frozen=True, slots=True)
class Pieces:
    """One `mdat` box of a signed film.

    Attributes:
        header: bytes of its header, 8 or 16.
        count: of the leaves that the manifest names.
        as_stored: whether the leaves, hashed anew, lead to the row in the manifest.
    """

    header: int
    count: int
    as_stored: bool


def pieces_of(path: Path) -> tuple[Pieces, ...]:
    """Every tree of a signed film; none when it is hashed whole."""
    with c2pa.Reader(str(path)) as reader:
        told = json.loads(reader.detailed_json())
    assertions = told["manifests"][told["active_manifest"]]["assertion_store"]
    trees = assertions["c2pa.hash.bmff.v3"].get("merkle") or []
    boxes = list(_media_boxes(path))
    return tuple(_hashed_anew(path, tree, *boxes[tree["localId"]]) for tree in trees)


def _hashed_anew(path: Path, tree: dict[str, Any], start: int, end: int, header: int) -> Pieces:
    leaves, left = [], end - start
    with path.open("rb") as file:
        file.seek(start)
        while left > 0:
            leaves.append(hashlib.new(tree["alg"], file.read(min(tree["fixedBlockSize"], left))).digest())
            left -= tree["fixedBlockSize"]
    stored = [bytes(one) for one in tree["hashes"]]
    row = leaves
    while len(row) > len(stored):
        pairs = [row[at : at + 2] for at in range(0, len(row), 2)]
        row = [hashlib.new(tree["alg"], b"".join(pair)).digest() if len(pair) == 2 else pair[0] for pair in pairs]
    return Pieces(header, tree["count"], row == stored and len(leaves) == tree["count"])


def _media_boxes(path: Path) -> Iterator[tuple[int, int, int]]:
    """Where the payload of each `mdat` box begins and ends, and how long its header is, bytes."""
    place, whole = 0, path.stat().st_size
    with path.open("rb") as file:
        while place < whole:
            file.seek(place)
            head = file.read(16)
            size, header = int.from_bytes(head[:4], "big"), 8
            if size == 1:
                size, header = int.from_bytes(head[8:], "big"), 16
            if size < header:  # of a size of 0 the box goes on to the end of the file
                size = whole - place
            if head[4:8] == b"mdat":
                yield place + header, place + size, header
            place += size
