"""Comparison of a probe's sound with its master's: voice changes, and the benign edits that explain
everything else.

Steps:
1. Hold both sounds as 16 kHz mono on disk, so that hours of sound cost no memory; of the master only what
   lies around the pictures, when that is enough.
2. Align (`sound_align`): near the segments that the pictures gave, or from nothing; sound that is not found
   near its pictures is looked for in the whole master.
3. Judge (`sound_judge`): measure row by row of 10 ms whether the master's sound is still there and what is
   there besides (`sound_residual`), find the runs where the voice is gone or where something speaks in its
   pauses (`sound_changes`), and trace them to where they come from (`sound_trace`).
4. Tell foreign sound, and sound that was made anew, from changes.
5. Name the edits (`sound_edits`): volume, equaliser, music bed, noise, pitch, delay, re-encoding.

Nothing aligned: the probe carries foreign sound. That is named (`comparison.audio_replaced`), with a measure
of how speech-like it is, and is not a voice change by itself: songs under a fan's cut are foreign sound, too.
Limits: sound whose pitch or tempo was changed separately is compared by bands only (`coherent: false`), which
cannot see a re-synthesis with the same words and timing. A replaced stretch under 0.15 s is not claimed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from haechi.check.compare.sound_align import find_pieces, refine_segment
from haechi.check.compare.sound_changes import VoiceSpan
from haechi.check.compare.sound_edits import edits_of
from haechi.check.compare.sound_features import HOP_S, SAMPLE_RATE, Samples, take
from haechi.check.compare.sound_judge import Judged, Part, judge
from haechi.check.compare.sound_lines import Piece
from haechi.check.compare.sound_residual import Evidence
from haechi.check.compare.sound_speech import speech_score
from haechi.check.compare.sound_trace import merge_enclosed
from haechi.check.compare.sound_waves import explained
from haechi.core.media.audio import read_audio
from haechi.core.records import (
    Abstention,
    Change,
    Comparison,
    Curve,
    Edit,
    Finding,
    Region,
    Segment,
    Span,
)
from haechi.core.settings import Limits

VERSION = 1
SILENT = 2e-4
DELAY_S = 0.06
NEAR_S = 20.0
MOSTLY = 0.8
SAME_SPEED, SAME_SEMITONES, SAME_BANDS = 1.5e-3, 0.3, 0.9


def compare_sound(probe: Path, master: Path, segments: Sequence[Segment], limits: Limits) -> Comparison:
    """Compare the sound of two files.

    Args:
        probe: the file under check.
        master: the authentic file, or its working copy.
        segments: where the pictures of the probe lie in the master; empty for sound alone, then the alignment
        is found.
        limits: what decoding may cost.

    Returns:
        Changes of the voice, edits, findings, one curve of strength over time, and the aligned segments.

    Raises:
        UnreadableMediaError: a sound track is damaged or beyond the limits.
    """
    with tempfile.TemporaryFile() as first, tempfile.TemporaryFile() as second:
        ours = _hold(probe, limits, first)
        near = _near(segments, len(ours) / SAMPLE_RATE)
        if near is not None:
            theirs = _hold(master, limits, second, near)
            if not _is_silent(theirs):
                if _is_silent(ours):
                    return compare_tracks(ours, theirs)
                parts = _align(ours, theirs, segments)
                if parts and all(part.piece is not None for part in parts):
                    return _compare(ours, theirs, parts, pictures=True)
        return compare_tracks(ours, _hold(master, limits, second), segments)


def compare_tracks(probe: Samples, master: Samples, segments: Sequence[Segment] = ()) -> Comparison:
    """Compare two sounds, mono at SAMPLE_RATE, float32 in -1..1 or int16; see `compare_sound`."""
    missing = _missing(probe, master)
    if missing is not None:
        return missing
    return _compare(probe, master, _align(probe, master, segments), pictures=bool(segments))


def _compare(probe: Samples, master: Samples, parts: Sequence[Part], *, pictures: bool) -> Comparison:
    if all(part.piece is None for part in parts):
        return _foreign(probe, parts)
    judged = judge(probe, master, parts, pictures=pictures)
    pieces = [part.piece for part in judged.parts if part.piece is not None]
    if not pictures and _is_foreign(judged.voices, pieces):
        return _foreign(probe, parts)
    spoken = [_resynthesised(probe, master, piece) for piece in pieces]
    return _assemble(probe, judged, [finding for finding in spoken if finding is not None])


# 1. hold


def _near(segments: Sequence[Segment], probe_s: float) -> Span | None:
    """The stretch of a long master that is worth decoding first: around its pictures."""
    if not segments:
        return None
    room = NEAR_S + probe_s
    start = min(segment.offset_s for segment in segments) - room
    end = max(segment.offset_s + segment.speed * segment.span.duration_s for segment in segments) + room
    return Span(max(0.0, start), end)


def _hold(path: Path, limits: Limits, store: BinaryIO, only: Span | None = None) -> Samples:
    """The sound of a file as int16 samples on disk, silent outside `only`; an empty array when it has none."""
    first = 0 if only is None else round(only.start_s * SAMPLE_RATE)
    store.seek(2 * first)
    count = 0
    start_s, end_s = first / SAMPLE_RATE, None if only is None else only.end_s
    for block in read_audio(path, limits, sample_rate=SAMPLE_RATE, start_s=start_s, end_s=end_s):
        values = np.clip(np.rint(block.samples * 32767.0), -32768, 32767).astype("<i2")
        store.write(values.tobytes())
        count += len(values)
    if count == 0:
        return np.zeros(0, np.int16)
    store.flush()
    return np.memmap(store, dtype="<i2", mode="r", shape=(first + count,))


def _is_silent(samples: Samples, start_s: float = 0.0, end_s: float | None = None) -> bool:
    """No sample of a stretch is louder than the rounding noise of a codec."""
    stop = len(samples) if end_s is None else round(end_s * SAMPLE_RATE)
    step = 60 * SAMPLE_RATE
    for first in range(max(0, round(start_s * SAMPLE_RATE)), stop, step):
        if float(np.abs(take(samples, first, min(first + step, stop))).max(initial=0.0)) > SILENT:
            return False
    return True


def _missing(probe: Samples, master: Samples) -> Comparison | None:
    ours, theirs = _is_silent(probe), _is_silent(master)
    if ours and theirs:
        reason = "neither the file nor the master has any sound"
        return Comparison(abstentions=(Abstention("comparison", reason, "comparison.no_sound"),))
    if ours:
        reason = "the file has no sound to compare, the master has"
        gone = Edit("audio_removed", {"silent_track": len(probe) > 0})
        return Comparison(edits=(gone,), abstentions=(Abstention("comparison", reason, "comparison.audio_removed"),))
    if theirs:
        score = speech_score(probe, 0.0, len(probe) / SAMPLE_RATE)
        reason = "the file has sound, the master has none to compare it with"
        data = {"speech_like": round(score, 2)}
        absent = Abstention("comparison", reason, "comparison.master_has_no_audio", data)
        return Comparison(edits=(Edit("audio_added", data),), abstentions=(absent,))
    return None


# 2. align


def _align(probe: Samples, master: Samples, segments: Sequence[Segment]) -> list[Part]:
    if not segments:
        pieces = merge_enclosed(probe, master, find_pieces(probe, master))
        return [Part(piece.span, piece, None) for piece in pieces]
    parts: list[Part] = []
    duration = len(probe) / SAMPLE_RATE
    for segment in segments:
        span = Span(max(0.0, segment.span.start_s), min(duration, segment.span.end_s))
        if span.duration_s < 0.3:
            continue
        end = segment.offset_s + segment.speed * segment.span.duration_s
        if _is_silent(probe, span.start_s, span.end_s) and _is_silent(master, segment.offset_s, end):
            continue
        parts += _align_segment(probe, master, segment, span)
    return parts


def _align_segment(probe: Samples, master: Samples, segment: Segment, span: Span) -> list[Part]:
    offset = segment.offset_s + segment.speed * (span.start_s - segment.span.start_s)
    piece = refine_segment(probe, master, Segment(span, offset, segment.speed, segment.mirrored))
    if piece is not None:
        return [Part(span, piece, piece.line.at(span.start_s) - offset)]
    elsewhere = []
    first, last = round(span.start_s * SAMPLE_RATE), round(span.end_s * SAMPLE_RATE)
    for found in find_pieces(probe[first:last], master):
        moved = found.shifted(span.start_s)
        at = segment.offset_s + segment.speed * (moved.span.start_s - segment.span.start_s)
        elsewhere.append(Part(moved.span, moved, moved.line.at(moved.span.start_s) - at))
    return elsewhere or [Part(span, None, None)]


# 4. decide


def _is_foreign(voices: Sequence[VoiceSpan], pieces: Sequence[Piece]) -> bool:
    gone = sum(voice.span.duration_s for voice in voices if voice.kind == "replaced")
    return gone > MOSTLY * sum(piece.span.duration_s for piece in pieces)


def _resynthesised(probe: Samples, master: Samples, piece: Piece) -> Finding | None:
    """The same words at the same speed and pitch, but not one wave of the master.

    A vocoder or a conversion of the voice keeps bands and timing and loses the waves; codecs, rooms, filters, noise and
    music keep them (explained share 0.34 and more against 0.25 and less). A pitch shift under half a semitone loses
    them, too, and bands cannot tell it apart: so this is a finding to be looked at and no change.
    """
    line = piece.line
    same = abs(line.speed - 1.0) < SAME_SPEED and abs(12 * np.log2(line.pitch)) < SAME_SEMITONES
    if piece.coherent or not same or piece.score < SAME_BANDS or piece.span.duration_s < 1.0:
        return None
    share = round(explained(probe, master, piece), 3)
    text = "The words and their timing are the master's, but the sound itself was made anew."
    data = {"explained": share, "bands": round(piece.score, 3)}
    return Finding(
        "comparison", VERSION, 3, text, "comparison.voice_resynthesised", share, spans=(piece.span,), data=data
    )


def _foreign(probe: Samples, parts: Sequence[Part]) -> Comparison:
    span = Span(0.0, len(probe) / SAMPLE_RATE)
    spans = tuple(part.span for part in parts) or (span,)
    score = round(max(speech_score(probe, s.start_s, s.end_s) for s in spans), 2)
    data = {"speech_like": score}
    finding = Finding(
        "comparison",
        VERSION,
        3,
        "The sound does not come from this master: another sound track was put under it.",
        "comparison.audio_replaced",
        spans=spans,
        data=data,
    )
    return Comparison(edits=(Edit("audio_replaced", data, span),), findings=(finding,))


# 5. assemble


def _assemble(probe: Samples, judged: Judged, others: Sequence[Finding]) -> Comparison:
    evidence = judged.evidence
    changes = [_change(probe, voice, judged) for voice in judged.voices]
    changes.sort(key=lambda change: change.span.start_s)
    edits = edits_of(evidence)
    for part in judged.parts:
        if part.delay_s is not None and abs(part.delay_s) > DELAY_S and not part.moved:
            edits.append(Edit("audio_delay", {"delay_s": round(-part.delay_s, 3)}, part.span))
        if part.piece is None:
            data = {"speech_like": round(speech_score(probe, part.span.start_s, part.span.end_s), 2)}
            edits.append(Edit("audio_replaced", data, part.span))
    pieces = [part.piece for part in judged.parts if part.piece is not None]
    return Comparison(
        changes=tuple(changes),
        edits=tuple(edits),
        findings=(_summary(changes, evidence), *others),
        segments=tuple(piece.segment() for piece in pieces),
        curves=_merge_curves(judged.curves),
    )


def _change(probe: Samples, voice: VoiceSpan, judged: Judged) -> Change:
    """A change as reports carry it; `strength` is a z, and the null it stands on is told beside it."""
    span, null = voice.span, voice.null
    detail: dict[str, Any] = {
        "kind": voice.kind,
        "total": round(voice.total, 1),
        "coherent": all(block.coherent for _, block in judged.evidence),
        "speech_like": round(speech_score(probe, span.start_s, span.end_s), 2),
        "null_threshold": round(null.threshold, 2),
        "null": {"median": round(null.middle, 3), "spread": round(null.spread, 3), "rows": null.rows},
    }
    if voice.source is not None:
        start = voice.source.line.at(span.start_s)
        detail["source_start_s"] = round(start, 3)
        detail["shift_s"] = round(start - _expected(judged.parts, span, start), 3)
    return Change(Region.VOICE, span, None, round(voice.strength, 3), detail)


def _expected(parts: Sequence[Part], span: Span, start_s: float) -> float:
    """Master time that belongs to the start of a change: that of the pictures, or else of the sound around it."""
    for part in parts:
        if part.piece is not None and part.span.start_s <= span.start_s + HOP_S and span.end_s <= part.span.end_s + 0.1:
            missed = part.delay_s if part.moved and part.delay_s is not None else 0.0
            return part.piece.line.at(span.start_s) - missed
    return start_s


def _summary(changes: Sequence[Change], evidence: Sequence[tuple[Piece, Evidence]]) -> Finding:
    seconds = sum(len(block.score) for _, block in evidence) * HOP_S
    coherent = all(block.coherent for _, block in evidence)
    data = {"compared_s": round(seconds, 2), "coherent": coherent, "changes": len(changes)}
    spans = tuple(change.span for change in changes)
    strength = max((change.strength for change in changes), default=None)
    if changes:
        text = "The voice differs from the master's in the marked places."
        return Finding("comparison", VERSION, 3, text, "comparison.voice_changed", strength, spans=spans, data=data)
    text = "The sound is the master's throughout what was compared."
    return Finding("comparison", VERSION, 3, text, "comparison.voice_same", strength, data=data)


def _merge_curves(curves: Sequence[Curve]) -> tuple[Curve, ...]:
    """One curve over all blocks; each block's strength is scaled so that one threshold serves all."""
    if not curves:
        return ()
    threshold = curves[0].threshold
    times: list[float] = []
    strength: list[float] = []
    for curve in curves:
        times += curve.times_s
        strength += [round(value * threshold / curve.threshold, 3) for value in curve.strength]
    return (Curve(Region.VOICE, tuple(times), tuple(strength), round(threshold, 3)),)
