"""Sound alignment: where in the master each stretch of the probe's sound comes from, to a fraction of a
sample.

Method, two instruments:
1. **Bands** (coarse): log-mel bands, each freed of its slow mean (equaliser, level), correlated over the
   whole master by FFT for speeds 0.9-1.1, with the pitch kept or following the speed. Finds a stretch without
   any hint.
2. **Waves** (fine): generalised cross-correlation [1] of short windows around the prediction; windows whose
   peak is sharp vote for one line (delay over time). A line that several sharp windows agree on cannot be
   chance, and it tells the speed to about 1e-6. Sound whose tempo was changed with the pitch kept has no such
   line: then the bands decide.

A probe is walked in chunks of `CHUNK_S`; a chunk that continues the line of the one before needs no search,
so hours of sound cost linear time. Chunks on one line form a piece, and where two pieces meet the sounds
themselves decide. Limits: a stretch shorter than half a chunk between two others is not found as a piece of
its own (the residual reports it, `sound_source` finds where it comes from).
[1] Knapp, Carter. IEEE Trans. ASSP 24 (1976), partial whitening.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from haechi.check.compare.sound_bands import (
    CHUNK_S,
    HINT_LAG_S,
    SURE_BANDS,
    BandIndex,
    band_likeness,
    find_pitch,
    locate_near,
)
from haechi.check.compare.sound_features import HOP_S, SAMPLE_RATE, Samples, take
from haechi.check.compare.sound_lines import Line, Piece, wave_like
from haechi.check.compare.sound_source import divide, row_power
from haechi.check.compare.sound_waves import confirm, explained, polish, settle, wave_likeness
from haechi.core.records import Segment, Span

MIN_BANDS = 0.45
MAX_SEARCHES = 60
NEAR_END_S = 3.0
SHORTEST_REST_S = 0.5
STRANGE_WAVES, STRANGE_BANDS = 0.1, 0.35
NEAR_LAG_S = 0.3
# How far the pictures' speed can be off, and from which likeness of waves on it is not.
SPEED_ERRORS = (-0.006, -0.0045, -0.003, -0.0015, 0.0015, 0.003, 0.0045, 0.006)
CLEARLY_EXPLAINED, HARDLY_EXPLAINED = 0.6, 0.4
KEPT_SHARE, KEPT_S, PLAIN_SHARE = 0.15, 0.3, 0.6
LISTEN_S, LISTENS = 15.0, 4
# A line that the pictures did not tell counts where it holds for so much of the stretch.
WHOLE_SHARE = 0.9


def refine_segment(probe: Samples, master: Samples, segment: Segment) -> Piece | None:
    """Find the sound of a stretch whose pictures were aligned already: within +-1.2 s and a few 1e-3 of its
    speed.

    The line of the pictures comes first. Another is taken only when the sound on the pictures' line that no
    other line explains as well is less than KEPT_SHARE of what is heard: words pasted from another moment
    may be half of a clip and agree perfectly among themselves, and still they are what was put in.

    Returns:
        The piece, over the whole span of the segment, or None when its sound does not come from there.
    """
    span, speed = segment.span, segment.speed
    line = Line(segment.offset_s - speed * span.start_s, speed, speed)
    near = _near(probe, master, span, line)
    if near is None:
        return _beside(probe, master, span, line)
    kept = _shares(probe, master, [near], span)[0]
    if kept >= PLAIN_SHARE:
        return near
    far = _beside(probe, master, span, line)
    if far is not None and far.coherent and not _same_line(near, far):
        kept = _shares(probe, master, [near, far], span)[0]
    enough = kept >= max(KEPT_SHARE, KEPT_S / span.duration_s)
    return near if enough else far


def _near(probe: Samples, master: Samples, span: Span, line: Line) -> Piece | None:
    """The line of the pictures made exact; None when the sound on it does not agree with the master's.

    Pictures tell another speed to some 1e-3, which moves waves apart: neighbouring speeds are listened to as well.
    """
    near = polish(probe, master, Piece(span, line, False, 0.0), window_s=2.0, lag_s=NEAR_LAG_S)
    near = settle(probe, master, near) if near is not None else None
    if line.speed == 1.0 or (near is not None and explained(probe, master, near) > CLEARLY_EXPLAINED):
        return near
    middle = 0.5 * (span.start_s + span.end_s)
    speeds = [line.speed + error for error in SPEED_ERRORS]
    turned = [Line(line.at(middle) - speed * middle, speed, speed) for speed in speeds]
    pieces = [polish(probe, master, Piece(span, one, False, 0.0), window_s=1.0, lag_s=NEAR_LAG_S) for one in turned]
    best, most = None, HARDLY_EXPLAINED
    for piece in (settle(probe, master, one) for one in (*pieces, near) if one is not None):
        share = explained(probe, master, piece)
        if share > most:
            best, most = piece, share
    return best


def _within_hint(probe: Samples, master: Samples, span: Span, line: Line) -> Piece | None:
    piece = confirm(probe, master, Piece(span, line, False, 0.0), window_s=2.0, lag_s=HINT_LAG_S)
    if piece is None:
        around = locate_near(probe, master, span, line)
        if around is None:
            return None
        finer = confirm(probe, master, around, window_s=0.75, lag_s=0.12) if wave_like(around.line) else None
        piece = finer or around
        if not piece.coherent:
            # sentences of one rhythm are alike for some seconds
            needed = MIN_BANDS if span.duration_s >= CHUNK_S else SURE_BANDS
            return find_pitch(probe, master, piece) if piece.score >= needed else None
    return settle(probe, master, piece)


def _beside(probe: Samples, master: Samples, span: Span, line: Line) -> Piece | None:
    """Another line than the pictures', near it: by their hint, or where that finds no waves by the sound alone."""
    hinted = _within_hint(probe, master, span, line)
    return hinted if hinted is not None and hinted.coherent else _by_itself(probe, master, span, line) or hinted


def _by_itself(probe: Samples, master: Samples, span: Span, line: Line) -> Piece | None:
    """The one line that the waves of the whole stretch agree on, near the pictures': where these hardly move, they do
    not tell the speed, and sound does.
    """
    if span.duration_s > LISTEN_S * LISTENS:
        return None
    part = take(probe, int(span.start_s * SAMPLE_RATE), int(span.end_s * SAMPLE_RATE))
    found = find_pieces(part, master)
    if len(found) != 1 or not found[0].coherent or found[0].span.duration_s < WHOLE_SHARE * span.duration_s:
        return None
    piece = found[0].shifted(span.start_s)
    apart = max(abs(piece.line.at(t) - line.at(t)) for t in (span.start_s, span.end_s))
    return replace(piece, span=span) if apart <= HINT_LAG_S else None


def _shares(probe: Samples, master: Samples, pieces: Sequence[Piece], span: Span) -> list[float]:
    """Which share of what is heard follows each line, over the whole span or LISTENS places of it."""
    windows = [span]
    if span.duration_s > LISTEN_S * LISTENS:
        starts = np.linspace(span.start_s, span.end_s - LISTEN_S, LISTENS).tolist()
        windows = [Span(start, start + LISTEN_S) for start in starts]
    heard, on = 0.0, np.zeros(len(pieces))
    for window in windows:
        path = divide(probe, master, [piece.line for piece in pieces], window)
        power = row_power(probe, window, len(path))
        loud = power > 0.1 * power.mean()
        heard += float(loud.sum())
        on += [float((loud & (path == index)).sum()) for index in range(len(pieces))]
    return [float(share) for share in on / max(heard, 1.0)]


def find_pieces(probe: Samples, master: Samples) -> list[Piece]:
    """Align a sound without any hint.

    Returns:
        Pieces in probe order, not overlapping; empty when nothing of the probe comes from the master.
    """
    duration = len(probe) / SAMPLE_RATE
    if duration < 0.3 or len(master) < 0.3 * SAMPLE_RATE:
        return []
    index = BandIndex(master)
    found: list[Piece] = []
    failures, skip = 0, 0
    for chunk in _chunks(duration):
        if _is_silent(probe, chunk):
            continue
        piece = _continue(probe, master, chunk, found)
        if piece is None and skip > 0:
            skip -= 1
            continue
        if piece is None:
            piece = index.search(probe, chunk)
            failures = failures + 1 if piece is None else 0
            skip = failures // MAX_SEARCHES * 20
        if piece is not None:
            found.append(piece)
    if not found and CHUNK_S / 2 <= duration <= CHUNK_S * 1.25:
        # cut in the middle, each half has a line of its own
        halves = (Span(0.0, duration / 2), Span(duration / 2, duration))
        found = [piece for piece in (index.search(probe, half) for half in halves) if piece is not None]
    joined = _join(probe, master, found, duration)
    return _with_ends(probe, joined, index, duration)


def _with_ends(probe: Samples, pieces: list[Piece], index: BandIndex, duration: float) -> list[Piece]:
    """Where the master of the outer pieces ends before the probe does, the rest is searched by itself."""
    if not pieces:
        return pieces
    rests = (Span(0.0, pieces[0].span.start_s), Span(pieces[-1].span.end_s, duration))
    found = [
        index.search(probe, rest) if rest.duration_s >= SHORTEST_REST_S and not _is_silent(probe, rest) else None
        for rest in rests
    ]
    sure = [piece if piece is not None and piece.coherent else None for piece in found]
    return [piece for piece in (sure[0], *pieces, sure[1]) if piece is not None]


# --- chunks to pieces


def _chunks(duration: float) -> list[Span]:
    if duration <= CHUNK_S * 1.25:
        return [Span(0.0, duration)]
    starts = np.arange(0.0, duration - CHUNK_S, CHUNK_S / 2).tolist()
    return [Span(s, s + CHUNK_S) for s in [*starts, duration - CHUNK_S]]


def _is_silent(probe: Samples, span: Span) -> bool:
    values = take(probe, int(span.start_s * SAMPLE_RATE), int(span.end_s * SAMPLE_RATE))
    return float(np.abs(values).max(initial=0.0)) < 1e-3


def _continue(probe: Samples, master: Samples, chunk: Span, found: Sequence[Piece]) -> Piece | None:
    """The chunk on the line of the piece before it, when its waves or its bands agree."""
    if not found:
        return None
    last = found[-1]
    trial = replace(last, span=chunk)
    if last.coherent:
        return polish(probe, master, trial, window_s=0.75, lag_s=0.02)
    near = locate_near(probe, master, chunk, last.line, lag_s=0.15, steps=(0.0,))
    return near if near is not None and near.score >= MIN_BANDS else None


def _join(probe: Samples, master: Samples, found: Sequence[Piece], duration: float) -> list[Piece]:
    """Chunks on one line become one piece; neighbours meet where the sounds say; the ends reach as far as
    they match.
    """
    groups: list[list[Piece]] = []
    for piece in found:
        if groups and _same_line(groups[-1][-1], piece):
            groups[-1].append(piece)
        else:
            groups.append([piece])
    pieces = [_group_line(probe, master, group) for group in groups]
    pieces = _drop_spurious(pieces)
    merged: list[Piece] = []
    for piece in pieces:
        if merged and _same_line(merged[-1], piece):
            merged[-1] = replace(merged[-1], span=Span(merged[-1].span.start_s, piece.span.end_s))
        else:
            merged.append(piece)
    return _set_ends(probe, master, merged, duration)


def _same_line(before: Piece, after: Piece) -> bool:
    middle = 0.5 * (after.span.start_s + after.span.end_s)
    gap = abs(before.line.at(middle) - after.line.at(middle))
    reach = max(CHUNK_S, middle - before.span.end_s)
    tolerance = 0.02 + 2e-4 * reach if before.coherent and after.coherent else 0.12 + 2e-3 * reach
    return gap < tolerance and abs(before.line.speed - after.line.speed) < 0.012


def _group_line(probe: Samples, master: Samples, group: Sequence[Piece]) -> Piece:
    best = max(group, key=lambda piece: (piece.coherent, piece.score))
    whole = replace(best, span=Span(group[0].span.start_s, group[-1].span.end_s))
    return settle(probe, master, whole) if best.coherent else find_pitch(probe, master, whole)


def _drop_spurious(pieces: Sequence[Piece]) -> list[Piece]:
    """A weak lone chunk on another line than its neighbours, which agree with each other, is chance."""
    kept = []
    for index, piece in enumerate(pieces):
        inside = 0 < index < len(pieces) - 1
        if inside and not piece.coherent and _same_line(pieces[index - 1], pieces[index + 1]):
            continue
        kept.append(piece)
    return kept


def _set_ends(probe: Samples, master: Samples, pieces: Sequence[Piece], duration: float) -> list[Piece]:
    placed = list(pieces)
    for index in range(len(placed) - 1):
        left, right = placed[index], placed[index + 1]
        low = max(left.span.start_s, min(left.span.end_s, right.span.start_s) - CHUNK_S / 2)
        high = min(right.span.end_s, max(left.span.end_s, right.span.start_s) + CHUNK_S / 2)
        window = Span(low, high)
        first = _likeness(probe, master, left, window)
        second = _likeness(probe, master, right, window)
        stop, start = _best_switch(first, second)
        placed[index] = replace(left, span=Span(left.span.start_s, low + stop * HOP_S))
        placed[index + 1] = replace(right, span=Span(low + start * HOP_S, right.span.end_s))
    if placed:
        placed[0] = _reach(probe, master, placed[0], duration, backwards=True)
        placed[-1] = _reach(probe, master, placed[-1], duration, backwards=False)
    placed = [_inside(piece, len(master) / SAMPLE_RATE) for piece in placed]
    return [piece for piece in placed if piece.span.duration_s > 0.25]


def _inside(piece: Piece, master_s: float) -> Piece:
    """The piece as far as there is a master: what sounds before or after it is foreign."""
    start = max(piece.span.start_s, -piece.line.offset_s / piece.line.speed)
    end = min(piece.span.end_s, (master_s - piece.line.offset_s) / piece.line.speed)
    slack = 0.1
    start = piece.span.start_s if start - piece.span.start_s < slack else start
    end = piece.span.end_s if piece.span.end_s - end < slack else end
    return replace(piece, span=Span(start, max(start, end)))


def _best_switch(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[int, int]:
    """Rows where the first piece stops and the second starts: the split that keeps most likeness, with a
    gap if it pays.
    """
    before = np.concatenate([[0.0], np.cumsum(first)])
    after = np.concatenate([np.cumsum(second[::-1])[::-1], [0.0]])
    best_stop = np.maximum.accumulate(before)
    start = int(np.argmax(best_stop + after))
    stop = int(np.argmax(before[: start + 1]))
    return (start, start) if start - stop < 0.15 / HOP_S else (stop, start)


def _reach(probe: Samples, master: Samples, piece: Piece, duration: float, *, backwards: bool) -> Piece:
    """Move the outer end of a piece to where the likeness ends, or to the end of the file when it is near."""
    edge = piece.span.start_s if backwards else piece.span.end_s
    window = Span(max(0.0, edge - CHUNK_S), min(duration, edge + CHUNK_S))
    like = _likeness(probe, master, piece, window)
    if backwards:
        total = np.cumsum(like[::-1])[::-1]
        start = window.start_s + int(np.argmax(total)) * HOP_S
        start = 0.0 if start < NEAR_END_S and window.start_s == 0.0 else start
        return replace(piece, span=Span(min(start, piece.span.end_s), piece.span.end_s))
    end = window.start_s + (int(np.argmax(np.cumsum(like))) + 1) * HOP_S
    end = duration if duration - end < NEAR_END_S else end
    return replace(piece, span=Span(piece.span.start_s, max(end, piece.span.start_s)))


def _likeness(probe: Samples, master: Samples, piece: Piece, window: Span) -> NDArray[np.float64]:
    """How alike probe and line are, float64 (rows of HOP_S from window.start_s); above 0 speaks for the line."""
    if piece.coherent:
        return wave_likeness(probe, master, piece.line, window) - STRANGE_WAVES
    return band_likeness(probe, master, piece.line, window) - STRANGE_BANDS
