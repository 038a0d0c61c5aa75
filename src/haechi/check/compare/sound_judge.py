"""Aligned pieces of sound to voice changes, each with a z and the null it stands on.

Steps for each piece:
1. Measure (`sound_residual`) and find changes (`sound_changes`).
2. Trace them (`sound_trace`): a line that turns out not to be the host, or to go on later after words were
   put in, is measured again as it should be.
3. Sound that is the master's, but not that of the pictures above it, is `moved`: its z is that of the sound
   against the master's moment which the pictures show, with the null of the moment where it truly comes from.
Every z has the null of the same probe: the windowed score of its rows where the master is present, so that
codecs, rooms and music beds are in the null. Limit: a null from fewer rows than `sound_changes.NULL_ROWS` is
assumed, and `rows` is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from haechi.check.compare.sound_changes import Null, Strength, VoiceSpan, find_changes, strength_if_heard
from haechi.check.compare.sound_features import HOP_S, Samples
from haechi.check.compare.sound_lines import Line, Piece
from haechi.check.compare.sound_residual import Evidence, measure
from haechi.check.compare.sound_source import find_source
from haechi.check.compare.sound_trace import JUMP_FITS_S, JUMP_S, SHORTEST_S, trace
from haechi.core.records import Curve, Region, Span

MOVED_S = 0.3
CURVE_ROWS = 10
CONTEXT_S = 12.0


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the probe: the piece it plays, and by how much that misses the pictures' line (s), if
    there are any; `follows` when it is late only because words were put in before it.
    """

    span: Span
    piece: Piece | None
    delay_s: float | None
    follows: bool = False

    @property
    def moved(self) -> bool:
        """Sound of this master, but not the sound of these pictures."""
        return self.delay_s is not None and abs(self.delay_s) >= MOVED_S and not self.follows


@dataclass(slots=True)
class Judged:
    """What was found over all parts, in probe time; `evidence` and `curves` block by block."""

    parts: list[Part] = field(default_factory=list)
    voices: list[VoiceSpan] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    evidence: list[tuple[Piece, Evidence]] = field(default_factory=list)


def judge(probe: Samples, master: Samples, parts: Sequence[Part], *, pictures: bool) -> Judged:
    """Judge all parts; `pictures` says that their lines came from the pictures."""
    judged = Judged()
    for index, part in enumerate(parts):
        following = parts[index + 1] if index + 1 < len(parts) else None
        inserted = None if pictures or following is None else _between(part, following)
        if inserted is not None and part.piece is not None:
            _judge_inserted(probe, master, part, part.piece, inserted, judged)
        else:
            _judge_part(probe, master, part, judged, pictures=pictures)
    judged.voices = _joined(judged.voices)
    return judged


def _between(part: Part, following: Part) -> Span | None:
    """The stretch between two pieces where words were put in: afterwards the master goes on where it was left."""
    if part.piece is None or following.piece is None or not part.piece.coherent or not following.piece.coherent:
        return None
    gap = Span(part.span.end_s, following.span.start_s)
    late = part.piece.line.at(gap.end_s) - following.piece.line.at(gap.end_s)
    long_enough = SHORTEST_S <= gap.duration_s <= JUMP_S
    return gap if long_enough and abs(late - gap.duration_s) < JUMP_FITS_S else None


def _judge_part(probe: Samples, master: Samples, part: Part, judged: Judged, *, pictures: bool) -> None:
    piece = part.piece
    if piece is None:
        judged.parts.append(part)
        return
    blocks = measure(probe, master, piece)
    found = [find_changes(block) for block in blocks]
    voices = _joined([voice for some, _ in found for voice in some])
    if piece.coherent and voices:
        traced = trace(probe, master, piece, voices, pictures=pictures)
        if traced.host is not None:
            _judge_part(probe, master, replace(part, piece=traced.host), judged, pictures=True)
            return
        if traced.inserted is not None and traced.tail is not None:
            _judge_inserted(probe, master, part, piece, traced.inserted, judged)
            late = piece.line.at(traced.tail.span.start_s) - traced.tail.line.at(traced.tail.span.start_s)
            delay = None if part.delay_s is None else part.delay_s - late
            tail = Part(traced.tail.span, traced.tail, delay, follows=True)
            _judge_part(probe, master, tail, judged, pictures=True)
            return
        voices = traced.voices
    strengths = [strength for _, strength in found]
    if part.moved:
        above, strengths = _against_pictures(probe, master, piece, part.delay_s or 0.0, blocks, strengths)
        voices = [_moved(piece, above, strengths), *voices]
    _keep(judged, part, piece, blocks, voices, strengths)


def _judge_inserted(probe: Samples, master: Samples, part: Part, piece: Piece, inserted: Span, judged: Judged) -> None:
    """A part that ends with words put in: they are measured against the line that they interrupt."""
    piece = replace(piece, span=Span(piece.span.start_s, inserted.end_s))
    blocks = measure(probe, master, piece)
    found = [find_changes(block) for block in blocks]
    own = [voice for some, _ in found for voice in some if voice.span.start_s < inserted.start_s - 0.1]
    own = [replace(v, span=Span(v.span.start_s, min(v.span.end_s, inserted.start_s))) for v in own]
    voices = trace(probe, master, piece, own, pictures=True).voices if own else []
    strengths = [strength for _, strength in found]
    last = strength_if_heard(blocks[-1], strengths[-1].null)
    first = max(0, round((inserted.start_s - blocks[-1].start_s) / HOP_S))
    strengths[-1] = Strength(np.concatenate([strengths[-1].z[:first], last.z[first:]]), last.null)
    score = np.maximum(blocks[-1].score[first:], 0.0)
    source = find_source(probe, master, piece, inserted) if inserted.duration_s >= SHORTEST_S else None
    z = float(last.z[first:].max(initial=0.0))
    put_in = VoiceSpan(inserted, "inserted", z, float(score.sum()), last.null, source)
    _keep(judged, replace(part, span=piece.span, piece=piece), piece, blocks, [*voices, put_in], strengths)


def _against_pictures(
    probe: Samples,
    master: Samples,
    piece: Piece,
    delay_s: float,
    blocks: Sequence[Evidence],
    strengths: Sequence[Strength],
) -> tuple[list[Evidence], list[Strength]]:
    """Evidence and strength of a part on the line of its pictures, against the null of the line it is on."""
    line = piece.line
    shown = replace(piece, line=Line(line.offset_s - delay_s, line.speed, line.pitch))
    above = measure(probe, master, shown, blocks[0].channel)
    nulls = [strength.null for strength in strengths]
    return above, [strength_if_heard(block, null) for block, null in zip(above, nulls, strict=True)]


def _moved(piece: Piece, blocks: Sequence[Evidence], strengths: Sequence[Strength]) -> VoiceSpan:
    best = max(strengths, key=lambda strength: float(strength.z.max()))
    total = sum(float(np.maximum(block.score, 0.0).sum()) for block in blocks)
    return VoiceSpan(piece.span, "moved", float(best.z.max()), total, best.null, piece)


def _keep(
    judged: Judged,
    part: Part,
    piece: Piece,
    blocks: Sequence[Evidence],
    voices: Sequence[VoiceSpan],
    strengths: Sequence[Strength],
) -> None:
    judged.parts.append(part)
    judged.voices += voices
    judged.curves += [_curve(block, strength) for block, strength in zip(blocks, strengths, strict=True)]
    judged.evidence += [(piece, block) for block in blocks]


def _curve(block: Evidence, strength: Strength) -> Curve:
    """Ten values a second, each the greatest of its rows."""
    starts = range(0, len(strength.z), CURVE_ROWS)
    times = tuple(round(block.start_s + (s + CURVE_ROWS / 2) * HOP_S, 3) for s in starts)
    values = tuple(round(float(strength.z[s : s + CURVE_ROWS].max()), 3) for s in starts)
    return Curve(Region.VOICE, times, values, strength.null.threshold)


def _joined(voices: Sequence[VoiceSpan]) -> list[VoiceSpan]:
    """Runs of one kind that a block border or a breath divides become one."""
    joined: list[VoiceSpan] = []
    for voice in sorted(voices, key=lambda v: v.span.start_s):
        last = joined[-1] if joined else None
        near = last is not None and voice.span.start_s - last.span.end_s < 0.08
        if last is not None and near and last.kind == voice.kind and last.source is None and voice.source is None:
            stronger: Null = max(last, voice, key=lambda v: v.strength).null
            joined[-1] = VoiceSpan(
                Span(last.span.start_s, voice.span.end_s),
                voice.kind,
                max(last.strength, voice.strength),
                last.total + voice.total,
                stronger,
            )
        else:
            joined.append(voice)
    return joined
