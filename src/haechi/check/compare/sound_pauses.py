"""Words put into a pause of the master, under music or noise that is louder than they are.

By level such words cannot be told from the bed's own beats. But words of the same recording can be looked for:
the loudest pauses are searched in the whole master (`sound_source`). Then `strength` is the height of the
match over the r.m.s. of all other places of the master, which is a z with those places as its null.
Limits: words of another recording under a restless bed stay unheard; nearer than ECHO_S nothing is claimed,
an echo also repeats the master in its pauses; a bed that is itself cut from the master would be claimed.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from haechi.check.compare.sound_changes import Null, VoiceSpan
from haechi.check.compare.sound_features import HOP, HOP_S, Samples
from haechi.check.compare.sound_lines import Piece
from haechi.check.compare.sound_residual import QUIET, Evidence
from haechi.check.compare.sound_source import SURE, find_source, stretch_on
from haechi.core.records import Span

BED_LEVEL = 0.004
ECHO_S = 1.0
SHORTEST_ROWS, LONGEST_ROWS = 25, 120
MOST_PAUSES = 6
SHORTEST_WORD_S = 0.18


def hidden_words(probe: Samples, master: Samples, piece: Piece, evidence: Evidence) -> list[VoiceSpan]:
    """Insertions under a bed, each with its source; empty when there is no bed or the sound is not coherent."""
    silent = evidence.gain**2 * evidence.master < QUIET
    if not evidence.coherent or silent.sum() < SHORTEST_ROWS:
        return []
    if float(np.median(evidence.extra[silent])) < BED_LEVEL:
        return []
    words = []
    for start, stop in _loudest(ndimage.binary_closing(silent, np.ones(5)), evidence.extra):
        span = Span(evidence.start_s + start * HOP_S, evidence.start_s + stop * HOP_S)
        source = find_source(probe, master, piece, span, own_s=ECHO_S)
        if source is None or source.score < SURE:
            continue
        _, word = stretch_on(probe, master, piece.line, source.line, span) or (span, Span(0.0, 0.0))
        if word.duration_s < SHORTEST_WORD_S:
            continue
        rows = word.duration_s / HOP_S
        null = Null(0.0, 1.0, len(master) // HOP, SURE)
        words.append(VoiceSpan(word, "inserted", source.score, rows, null, replace(source, span=word)))
    return words


def _loudest(silent: NDArray[np.bool_], extra: NDArray[np.float64]) -> list[tuple[int, int]]:
    """The pauses with the loudest stretch of SHORTEST_ROWS, MOST_PAUSES of them; long ones around that stretch."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], silent.astype(np.int8), [0]])))
    level = ndimage.uniform_filter1d(extra, SHORTEST_ROWS)
    found: list[tuple[float, int, int]] = []
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if stop - start < SHORTEST_ROWS:
            continue
        best = start + int(np.argmax(level[start:stop]))
        first, last = max(start, best - LONGEST_ROWS // 2), min(stop, best + LONGEST_ROWS // 2)
        found.append((float(level[best]), first, last))
    return [(first, last) for _, first, last in sorted(found, reverse=True)[:MOST_PAUSES]]
