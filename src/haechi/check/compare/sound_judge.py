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
from haechi.check.compare.sound_pauses import hidden_words
from haechi.check.compare.sound_residual import Evidence, measure
from haechi.check.compare.sound_source import find_source
from haechi.check.compare.sound_trace import SHORTEST_S, Jump, find_jump, trace
from haechi.core.records import Curve, Region, Span

MOVED_S = 0.3
CURVE_ROWS = 10
AROUND_S = 12.0
BORDER_S = 0.1
AUDIBLE_SHARE, SPOKEN_S = 0.05, 0.1


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
    waiting = list(parts)
    while waiting:
        part = waiting.pop(0)
        jump = None if pictures or not waiting else _jump_between(probe, master, part, waiting[0])
        if jump is None:
            _judge_part(probe, master, part, judged, pictures=pictures)
        else:
            _judge_inserted(probe, master, part, jump, judged)
            waiting[0] = Part(jump.tail.span, jump.tail, None)
    judged.voices = _joined(judged.voices)
    return judged


def _jump_between(probe: Samples, master: Samples, part: Part, following: Part) -> Jump | None:
    """The stretch between two pieces where words were put in: afterwards the master goes on where it was left."""
    if part.piece is None or following.piece is None:
        return None
    border = 0.5 * (part.span.end_s + following.span.start_s)
    one = replace(part.piece, span=Span(max(part.span.start_s, border - AROUND_S), part.span.end_s))
    two = replace(following.piece, span=Span(following.span.start_s, min(following.span.end_s, border + AROUND_S)))
    jump = find_jump(probe, master, one, two)
    if jump is None or jump.head.line != part.piece.line:
        return None
    head = replace(jump.head, span=Span(part.span.start_s, jump.head.span.end_s))
    return Jump(head, jump.inserted, replace(jump.tail, span=Span(jump.inserted.end_s, following.span.end_s)))


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
        if traced.jump is not None:
            _judge_jump(probe, master, part, piece, traced.jump, judged)
            return
        voices = traced.voices
    for block in blocks:
        voices += [word for word in hidden_words(probe, master, piece, block) if not _overlaps(word, voices)]
    strengths = [strength for _, strength in found]
    if part.moved:
        above, strengths = _against_pictures(probe, master, piece, part.delay_s or 0.0, blocks, strengths)
        voices = [_moved(piece, above, strengths), *voices]
    _keep(judged, part, piece, blocks, voices, strengths)


def _judge_jump(probe: Samples, master: Samples, part: Part, piece: Piece, jump: Jump, judged: Judged) -> None:
    """Both sides of words that were put in; the side that misses the pictures more only `follows` from them."""
    delays = [_delay(part, piece, side) for side in (jump.head, jump.tail)]
    missed = [abs(delay or 0.0) for delay in delays]
    head = Part(jump.head.span, jump.head, delays[0], follows=missed[0] > missed[1])
    _judge_inserted(probe, master, head, jump, judged)
    tail = Part(jump.tail.span, jump.tail, delays[1], follows=missed[1] >= missed[0])
    _judge_part(probe, master, tail, judged, pictures=True)


def _delay(part: Part, piece: Piece, side: Piece) -> float | None:
    if part.delay_s is None:
        return None
    return part.delay_s + side.line.at(side.span.start_s) - piece.line.at(side.span.start_s)


def _judge_inserted(probe: Samples, master: Samples, part: Part, jump: Jump, judged: Judged) -> None:
    """A part that ends with words put in: they are measured against the line that they interrupt."""
    inserted = jump.inserted
    piece = replace(jump.head, span=Span(jump.head.span.start_s, inserted.end_s))
    blocks = measure(probe, master, piece)
    found = [find_changes(block) for block in blocks]
    own = [voice for some, _ in found for voice in some if voice.span.start_s < inserted.start_s - BORDER_S]
    own = [replace(v, span=Span(v.span.start_s, min(v.span.end_s, inserted.start_s))) for v in own]
    voices = trace(probe, master, piece, own, pictures=True).voices if own else []
    strengths = [strength for _, strength in found]
    last = strength_if_heard(blocks[-1], strengths[-1].null)
    first = max(0, round((inserted.start_s - blocks[-1].start_s) / HOP_S))
    strengths[-1] = Strength(np.concatenate([strengths[-1].z[:first], last.z[first:]]), last.null)
    score = np.maximum(blocks[-1].score[first:], 0.0)
    spoken = float((blocks[-1].probe[first:] > AUDIBLE_SHARE).sum()) * HOP_S
    source = find_source(probe, master, piece, inserted) if inserted.duration_s >= SHORTEST_S else None
    z = float(last.z[first:].max(initial=0.0))
    put_in = VoiceSpan(inserted, "inserted", z, float(score.sum()), last.null, source)
    # a longer pause is no word
    voices = [*voices, put_in] if spoken >= SPOKEN_S else voices
    _keep(judged, replace(part, span=piece.span, piece=piece), piece, blocks, voices, strengths)


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
    judged.curves += [_curve(block, strength, voices) for block, strength in zip(blocks, strengths, strict=True)]
    judged.evidence += [(piece, block) for block in blocks]


def _overlaps(word: VoiceSpan, voices: Sequence[VoiceSpan]) -> bool:
    return any(v.span.start_s < word.span.end_s and word.span.start_s < v.span.end_s for v in voices)


def _curve(block: Evidence, strength: Strength, voices: Sequence[VoiceSpan]) -> Curve:
    """Ten values a second, each the greatest of its rows; a change with a null of its own stands at its own
    multiple of its own threshold.
    """
    z = strength.z.copy()
    for voice in voices:
        if voice.null is not strength.null:
            first = max(0, round((voice.span.start_s - block.start_s) / HOP_S))
            last = max(0, round((voice.span.end_s - block.start_s) / HOP_S))
            z[first:last] = np.maximum(z[first:last], voice.strength / voice.null.threshold * strength.null.threshold)
    starts = range(0, len(z), CURVE_ROWS)
    times = tuple(round(block.start_s + (s + CURVE_ROWS / 2) * HOP_S, 3) for s in starts)
    values = tuple(round(float(z[s : s + CURVE_ROWS].max()), 3) for s in starts)
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
