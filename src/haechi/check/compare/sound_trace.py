"""Voice changes traced to their source: which words of the master were put there, and does the sound go on later?

Steps for one coherent piece:
1. Ask of each change where in the master it comes from (`sound_source`); a source makes it `moved`, and its
   ends become exact, because there the likeness changes from one line to the other.
2. Without pictures to say which of two lines is the host: the line that sounds before and after the other one
   is, because who replaces words returns to where the original goes on.
3. When the sound after a change is the master's again, but later by as much as was put in, words were
   **inserted** and the rest of the piece follows the later line.
Limits: words put in at the very end cannot be told from words replaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from haechi.check.compare.sound_changes import VoiceSpan
from haechi.check.compare.sound_features import HOP_S, Samples
from haechi.check.compare.sound_lines import Piece
from haechi.check.compare.sound_source import divide, find_source, gains_of, row_power, stretch_on
from haechi.core.records import Span

MOST_TRACED = 12
SHORTEST_S = 0.25
BESIDE_S = 0.6
SHORTEST_JUMP_S, JUMP_S, AROUND_S = 0.15, 5.0, 60.0
SIDE_ROWS, END_ROWS, END_S = 30, 100, 10.0
SILENT_POWER = 1e-7
HELD = 0.15
SAME_SPEED = 1e-3
SWAP_S = 30.0
LEFTOVER_S = 0.3


@dataclass(frozen=True, slots=True)
class Jump:
    """Words were put in: `head` plays up to `inserted`, `tail` goes on after it where the head stopped."""

    head: Piece
    inserted: Span
    tail: Piece


@dataclass(frozen=True, slots=True)
class Traced:
    """What became of a piece's changes.

    Attributes:
        voices: the changes, with sources and exact ends where a source was found.
        host: another line to judge the piece by, or None.
        jump: where words were put in so that the rest plays later, or None.
    """

    voices: list[VoiceSpan]
    host: Piece | None = None
    jump: Jump | None = None


def trace(probe: Samples, master: Samples, piece: Piece, voices: Sequence[VoiceSpan], *, pictures: bool) -> Traced:
    """Trace the changes of a coherent piece; `pictures` says that its line is known to be the host."""
    result: list[VoiceSpan] = []
    strongest = sorted(voices, key=lambda voice: -voice.span.duration_s)[:MOST_TRACED]
    for voice in sorted(voices, key=lambda voice: -voice.span.start_s):
        wanted = voice in strongest and voice.kind != "removed" and voice.span.duration_s >= SHORTEST_S
        source = find_source(probe, master, piece, voice.span) if wanted else None
        if source is None:
            result.append(voice)
            continue
        if not pictures and _encloses(probe, master, source, piece):
            return Traced(list(voices), host=replace(source, span=piece.span))
        jump = _jump_in(probe, master, piece, source)
        if jump is not None:
            return Traced(list(voices), jump=jump)
        result += _moved(probe, master, piece, source, voice)
    return Traced(sorted(_disjoint(result), key=lambda voice: voice.span.start_s))


def _encloses(probe: Samples, master: Samples, source: Piece, piece: Piece) -> bool:
    """The source's line is heard before and after the piece's own."""
    if piece.span.duration_s > SWAP_S:
        return False
    path = divide(probe, master, [piece.line, source.line], piece.span)
    power = row_power(probe, piece.span, len(path))
    heard = path[(power > 0.1 * power.mean()) & (path >= 0)]
    return len(heard) > 0 and heard[0] == 1 and heard[-1] == 1 and bool((heard == 0).any())


def merge_enclosed(probe: Samples, master: Samples, pieces: Sequence[Piece]) -> list[Piece]:
    """Pieces that were found without pictures; where one line is heard before and after its neighbour's, both
    become one piece on that line.
    """
    merged: list[Piece] = []
    for piece in pieces:
        last = merged[-1] if merged else None
        if last is None or not _alike(last, piece):
            merged.append(piece)
            continue
        both = Span(last.span.start_s, piece.span.end_s)
        if _encloses(probe, master, last, replace(piece, span=both)):
            merged[-1] = replace(last, span=both)
        elif _encloses(probe, master, piece, replace(last, span=both)):
            merged[-1] = replace(piece, span=both)
        else:
            merged.append(piece)
    return merged


def _alike(one: Piece, other: Piece) -> bool:
    return one.coherent and other.coherent and abs(one.line.speed - other.line.speed) < SAME_SPEED


def _jump_in(probe: Samples, master: Samples, piece: Piece, source: Piece) -> Jump | None:
    """Words put in near the start of a change whose source is known; the later line must hold to the piece's end."""
    start = max(piece.span.start_s, source.span.start_s - AROUND_S)
    end = min(piece.span.end_s, source.span.start_s + AROUND_S)
    one, other = (replace(each, span=Span(start, end)) for each in (piece, source))
    jump = find_jump(probe, master, one, other)
    if jump is None:
        return None
    last = Span(max(jump.tail.span.start_s, piece.span.end_s - END_S), piece.span.end_s)
    first = Span(piece.span.start_s, min(jump.head.span.end_s, piece.span.start_s + END_S))
    for side, span in ((jump.head, first), (jump.tail, last)):
        gains = gains_of(probe, master, [side.line], span)[0]
        heard = _heard(probe, span, len(gains))
        if len(heard) >= SIDE_ROWS and float(gains[heard].mean()) < HELD:
            return None
    head = replace(jump.head, span=Span(piece.span.start_s, jump.head.span.end_s))
    return Jump(head, jump.inserted, replace(jump.tail, span=Span(jump.tail.span.start_s, piece.span.end_s)))


def find_jump(probe: Samples, master: Samples, one: Piece, other: Piece) -> Jump | None:
    """Words put in where one line gives way to another that plays the master later by their length.

    The length is known, so only the place is asked for: the one that leaves most likeness on both sides. What lies
    between must follow neither line: a stretch that plays the later line throughout is not put in, it is `moved`.
    """
    both = Span(min(one.span.start_s, other.span.start_s), max(one.span.end_s, other.span.end_s))
    middle = 0.5 * (both.start_s + both.end_s)
    if not _alike(one, other):
        return None
    head, tail = (one, other) if one.line.at(middle) > other.line.at(middle) else (other, one)
    late = (head.line.at(middle) - tail.line.at(middle)) / head.line.speed
    gap = round(late / HOP_S)
    gains = gains_of(probe, master, [head.line, tail.line], both)
    rows = gains.shape[1]
    if not SHORTEST_JUMP_S <= late <= JUMP_S or rows <= gap + 2 * SIDE_ROWS:
        return None
    before = np.concatenate([[0.0], np.cumsum(gains[0])])
    after = np.concatenate([np.cumsum(gains[1][::-1])[::-1], [0.0]])
    start = SIDE_ROWS + int(np.argmax((before[: rows - gap + 1] + after[gap:])[SIDE_ROWS : rows - gap - SIDE_ROWS]))
    heard = _heard(probe, both, rows)
    first, put_in, last = np.split(heard, np.searchsorted(heard, [start, start + gap]))
    if min(len(first), len(last)) < SIDE_ROWS // 2:
        return None
    held = min(float(gains[0][first].mean()), float(gains[1][last].mean()))
    outer = min(float(gains[0][first[:END_ROWS]].mean()), float(gains[1][last[-END_ROWS:]].mean()))
    strange = float(gains[:2, put_in].mean(axis=1).max()) if len(put_in) else 0.0
    if min(held, outer) < HELD or strange > 0.5 * held:
        return None
    span = Span(both.start_s + start * HOP_S, both.start_s + (start + gap) * HOP_S)
    return Jump(
        replace(head, span=Span(both.start_s, span.start_s)), span, replace(tail, span=Span(span.end_s, both.end_s))
    )


def _heard(probe: Samples, span: Span, rows: int) -> NDArray[np.int64]:
    """Rows in which something sounds."""
    power = row_power(probe, span, rows)
    return np.flatnonzero(power > max(0.1 * float(power.mean()), SILENT_POWER))


def _moved(probe: Samples, master: Samples, piece: Piece, source: Piece, voice: VoiceSpan) -> list[VoiceSpan]:
    """A change as the stretch on its source's line, and what is left of it on no line at all."""
    low = max(piece.span.start_s, voice.span.start_s - BESIDE_S)
    high = min(piece.span.end_s, voice.span.end_s + BESIDE_S)
    longest, sure = stretch_on(probe, master, piece.line, source.line, Span(low, high)) or (voice.span, Span(0.0, 0.0))
    if sure.duration_s < 0.5 * SHORTEST_S:
        return [voice]
    # the ends are where the lines change; silence there belongs to no line, and what was found before decides
    start = min(sure.start_s, max(longest.start_s, voice.span.start_s))
    span = Span(start, max(sure.end_s, min(longest.end_s, voice.span.end_s)))
    kind = "inserted" if voice.kind == "inserted" else "moved"
    found = [replace(voice, span=span, kind=kind, source=replace(source, span=span))]
    for left, right in ((voice.span.start_s, span.start_s), (span.end_s, voice.span.end_s)):
        if right - left < LEFTOVER_S:
            continue
        rest = Span(left, right)
        path = divide(probe, master, [piece.line, source.line], rest)
        power = row_power(probe, rest, len(path))
        if float((path[power > 0.1 * power.mean()] == -1).mean()) > 0.5:
            found.append(replace(voice, span=rest))
    return found


def _disjoint(voices: Sequence[VoiceSpan]) -> list[VoiceSpan]:
    """Sharpened ends may run into a neighbour: the stronger stretch keeps what both claim."""
    kept: list[VoiceSpan] = []
    for voice in sorted(voices, key=lambda v: (v.source is None, -v.span.duration_s)):
        start, end = voice.span.start_s, voice.span.end_s
        for other in kept:
            if other.span.start_s <= start < other.span.end_s:
                start = other.span.end_s
            if other.span.start_s < end <= other.span.end_s:
                end = other.span.start_s
        if end - start > 0.05:
            kept.append(replace(voice, span=Span(start, end)))
    return kept
