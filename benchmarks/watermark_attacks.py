"""What the attacks on the three marks share: keys, tables, whom averaged copies name, and how results are shown."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol, TypeVar

from haechi.core.watermark.embed import RECIPIENT

Hits = list[tuple[bool, bool]]
"""Of each try: whether it was read, and whether it was accepted; or whether it is still read blind, and informed."""
Numbers = tuple[int, int]
"""Of one copy: its own number, and its recipient's."""
Work = TypeVar("Work")

KEY, STRANGER = b"benchmark key 1!", b"benchmark key 2!"
AGAIN: Final = (("a stranger's key", STRANGER), ("our key, another number", KEY))


class Read(Protocol):
    """A number that was read."""

    @property
    def payload(self) -> int: ...


def table(head: str, hits: Mapping[str, Hits]) -> list[str]:
    """A row for each attack, with how often the first and the second was so."""
    rows = (f"| {name} | {total(some, 0)} | {total(some, 1)} |" for name, some in hits.items())
    return [head, "|---|---|---|", *rows]


def total(hits: Hits, column: int) -> str:
    return f"{sum(hit[column] for hit in hits)} of {len(hits)}"


def removed(hits: Mapping[str, Hits]) -> list[str]:
    """The table of what was subtracted from a mark, or marked over it."""
    return table("| subtracted, or marked again | still read blind | still read informed |", hits)


def averaged(works: Sequence[Work], coding: str, name: Callable[[Work, int], str]) -> list[str]:
    """The table of whom averaged copies name; `name` averages so many copies of a work and says who that is."""
    lines = [f"| copies averaged, {coding} | a guilty one named | nobody | numbers disagree | an innocent named |"]
    lines.append("|---|---|---|---|---|")
    for copies in (2, 3, 5):
        told = {"guilty": 0, "nobody": 0, "disagree": 0, "innocent": 0}
        for work in works:
            told[name(work, copies)] += 1
        lines.append(f"| {copies} | " + " | ".join(f"{n} of {len(works)}" for n in told.values()) + " |")
    return lines


def numbers(copies: int) -> list[Numbers]:
    return [(secrets.randbits(40), secrets.randbits(40)) for _ in range(copies)]


def leak(
    blind: Read | None, informed: Callable[[str, list[int]], Read | None], pairs: Sequence[Numbers], guilty: int
) -> str:
    """What `release leak` says: all numbers that are read must name one copy.

    Args:
        blind: what is read without the master.
        informed: reads with the master, for a label, asking for the numbers of all copies.
        pairs: numbers of all copies, those of the guilty first.
        guilty: so many.
    """
    who = set()
    if blind is not None:
        who.add(next((n for n, pair in enumerate(pairs) if pair[0] == blind.payload), -1))
    for column, label in enumerate(("release", RECIPIENT)):
        among = [pair[column] for pair in pairs]
        reading = informed(label, among)
        if reading is not None:
            who.add(among.index(reading.payload) if reading.payload in among else -1)
    return named(who, guilty)


def named(who: set[int], guilty: int) -> str:
    """Which column of `averaged` it is, of the copies that the numbers name; -1 is one that nobody got."""
    if not who:
        return "nobody"
    if len(who) > 1:
        return "disagree"
    return "guilty" if who.pop() in range(guilty) else "innocent"


def show(parts: Sequence[Callable[[], list[str]]], last: int, out: Path | None) -> None:
    """Run each part, print the last lines after each, and keep all of them in a file, if one is named."""
    text: list[str] = []
    for part in parts:
        text += [*part(), ""]
        print("\n".join(text[-last:]), flush=True)
        if out:
            out.write_text("\n".join(text))
