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
from haechi.check.compare.sound_source import divide, find_source, row_power
from haechi.core.records import Span

MOST_TRACED = 12
SHORTEST_S = 0.25
BESIDE_S = 0.6
BEFORE_JUMP_S = 6.0
JUMP_S = 5.0
JUMP_FITS_S = 0.12
SHORTEST_TAIL_S = 0.8
SWAP_S = 30.0
LEFTOVER_S = 0.3
QUIET_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class Traced:
    """What became of a piece's changes.

    Attributes:
        voices: the changes, with sources and exact ends where a source was found.
        host: another line to judge the piece by, or None.
        inserted: where words were put in, so that `tail` plays later; both None when nothing jumped.
        tail: the piece that follows.
    """

    voices: list[VoiceSpan]
    host: Piece | None = None
    inserted: Span | None = None
    tail: Piece | None = None


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
        if not result:
            jump = _jump(probe, master, piece, source)
            if jump is not None:
                return Traced(
                    list(voices), inserted=jump, tail=replace(source, span=Span(jump.end_s, piece.span.end_s))
                )
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
        if last is None or not (last.coherent and piece.coherent) or abs(last.line.speed - piece.line.speed) > 1e-3:
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


def _jump(probe: Samples, master: Samples, piece: Piece, source: Piece) -> Span | None:
    """Where words were put in, when the piece goes on to its end on the source's line, later by their length."""
    middle = 0.5 * (source.span.start_s + source.span.end_s)
    late = (piece.line.at(middle) - source.line.at(middle)) / piece.line.speed
    if not SHORTEST_S - JUMP_FITS_S <= late <= JUMP_S:
        return None
    start = max(piece.span.start_s, source.span.start_s - BEFORE_JUMP_S)
    window = Span(start, piece.span.end_s)
    path = divide(probe, master, [piece.line, source.line], window)
    power = row_power(probe, window, len(path))
    heard = np.flatnonzero((power > 0.1 * power.mean()) & (path >= 0))
    if len(heard) == 0 or path[heard[-1]] != 1 or not (path[heard] == 0).any():
        return None
    host = heard[path[heard] == 0]
    tail = heard[heard > host[-1]]
    left = start + (int(host[-1]) + 1) * HOP_S
    right = start + int(tail[0]) * HOP_S
    fits = abs(right - left - late) < JUMP_FITS_S + 0.5 * _pause(power, int(host[-1]), int(tail[0]))
    if not fits or piece.span.end_s - right < SHORTEST_TAIL_S:
        return None
    return Span(max(left, right - late), right)


def _pause(power: NDArray[np.float64], stop: int, start: int) -> float:
    """How much of the stretch between two lines is silence, seconds: there the border is not heard."""
    return float((power[stop:start] <= 0.05 * power.mean()).sum()) * HOP_S


def _moved(probe: Samples, master: Samples, piece: Piece, source: Piece, voice: VoiceSpan) -> list[VoiceSpan]:
    """A change as the stretch on its source's line, and what is left of it on no line at all."""
    low = max(piece.span.start_s, voice.span.start_s - BESIDE_S)
    high = min(piece.span.end_s, voice.span.end_s + BESIDE_S)
    path = divide(probe, master, [piece.line, source.line], Span(low, high))
    start, stop = _longest(path == 1)
    if (stop - start) * HOP_S < 0.5 * SHORTEST_S:
        return [voice]
    power = row_power(probe, Span(low, high), len(path))
    heard = low + HOP_S * np.flatnonzero((power > QUIET_SHARE * power.mean())[start:stop]) + start * HOP_S
    # silence at the ends belongs to no line
    begin = min(float(heard[0]), voice.span.start_s) if len(heard) else 0.0
    end = max(float(heard[-1]) + HOP_S, voice.span.end_s) if len(heard) else high
    span = Span(max(low + start * HOP_S, begin), min(low + stop * HOP_S, end))
    kind = "inserted" if voice.kind == "inserted" else "moved"
    found = [replace(voice, span=span, kind=kind, source=replace(source, span=span))]
    for left, right in ((voice.span.start_s, span.start_s), (span.end_s, voice.span.end_s)):
        rows = path[round(max(0.0, left - low) / HOP_S) : round(max(0.0, right - low) / HOP_S)]
        if right - left >= LEFTOVER_S and float((rows == -1).mean()) > 0.5:
            found.append(replace(voice, span=Span(left, right)))
    return found


def _longest(rows: NDArray[np.bool_]) -> tuple[int, int]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], rows.astype(np.int8), [0]])))
    runs = list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
    return max(runs, key=lambda run: run[1] - run[0]) if runs else (0, 0)


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
