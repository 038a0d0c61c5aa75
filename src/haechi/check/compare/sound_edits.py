"""Benign edits of sound, told from the channel and from what the master does not explain.

Every edit is a plain description of the evidence of `sound_residual` and moves no verdict: speed and pitch
from the line, volume and equaliser from the channel, a bed of music or noise from the energy in the master's
pauses, re-encoding from what the codec left unexplained.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from haechi.check.compare.sound_features import BIN_HZ
from haechi.check.compare.sound_lines import Piece
from haechi.check.compare.sound_residual import PRESENT, QUIET, Channel, Evidence
from haechi.core.records import Edit

VOLUME_DB = 1.0
FILTER_DB = 3.0
BED_DB = -32.0
SPEED = 5e-4
PITCH = 4e-3


def edits_of(evidence: Sequence[tuple[Piece, Evidence]]) -> list[Edit]:
    """The edits of a probe's sound, each kind once for a stretch of the same line."""
    edits: list[Edit] = []
    seen: set[tuple[str, int]] = set()
    for piece, block in evidence:
        for edit in _edits_of_block(piece, block):
            key = (edit.kind, id(piece))
            if key not in seen:
                seen.add(key)
                edits.append(edit)
    return edits


def _edits_of_block(piece: Piece, block: Evidence) -> list[Edit]:
    edits: list[Edit] = []
    line = piece.line
    if abs(line.speed - 1.0) > SPEED:
        kept = abs(line.pitch - line.speed) > PITCH
        edits.append(Edit("audio_speed", {"speed": round(line.speed, 5), "pitch_kept": kept}, piece.span))
    if abs(line.pitch - 1.0) > PITCH:
        edits.append(Edit("pitch", {"semitones": round(float(12 * np.log2(line.pitch)), 2)}, piece.span))
    if block.channel is None:
        return edits
    edits += _channel_edits(piece, block, block.channel)
    edits += _bed(piece, block)
    present = (block.agreement > PRESENT) & (block.master > 0.1)
    if present.any():
        left = float(np.median(10 * np.log10(block.extra[present] / (block.master[present] + 1e-9) + 1e-9)))
        if left > -60.0:
            edits.append(Edit("reencode", {"unexplained_db": round(left, 1)}, piece.span))
    return edits


def _channel_edits(piece: Piece, block: Evidence, channel: Channel) -> list[Edit]:
    edits: list[Edit] = []
    usable = channel.trust > 0.3
    if usable.sum() < 8:
        return edits
    level = 20 * np.log10(np.abs(channel.response) + 1e-9)
    middle = float(np.median(level[usable & (BIN_HZ < 4000)])) if (usable & (BIN_HZ < 4000)).any() else 0.0
    present = (block.agreement > PRESENT) & (block.master > QUIET)
    gain = 20 * np.log10(block.gain[present]) if present.any() else np.zeros(1)
    volume = middle + float(np.median(gain))
    if abs(volume) > VOLUME_DB:
        edits.append(Edit("volume", {"gain_db": round(volume, 1)}, piece.span))
    shape = float(np.percentile(np.abs(level[usable] - middle), 80))
    cut = _cut_hz(channel.trust)
    if shape > FILTER_DB or cut is not None:
        detail: dict[str, float] = {"equaliser_db": round(shape, 1)}
        if cut is not None:
            detail["low_pass_hz"] = cut
        edits.append(Edit("audio_filter", detail, piece.span))
    swing = float(np.percentile(gain, 90) - np.percentile(gain, 10))
    if swing > FILTER_DB:
        edits.append(Edit("audio_dynamics", {"swing_db": round(swing, 1)}, piece.span))
    return edits


def _cut_hz(trust: NDArray[np.float64]) -> float | None:
    """Frequency above which nothing of the master is left, or None."""
    kept = np.flatnonzero(trust > 0.1)
    if len(kept) == 0 or BIN_HZ[kept[-1]] > 6_000:
        return None
    return float(round(BIN_HZ[kept[-1]], -2))


def _bed(piece: Piece, block: Evidence) -> list[Edit]:
    """Music or noise under or over the master: energy in the master's pauses that is not the master's."""
    quiet = block.master < QUIET
    if quiet.sum() < 20:
        quiet = block.master <= np.percentile(block.master, 10)
    level = float(np.median(block.extra[quiet]))
    loud = 10 * np.log10(level + 1e-9)
    if loud < BED_DB:
        return []
    swing = float(np.percentile(block.extra[quiet], 90) / (np.percentile(block.extra[quiet], 10) + 1e-9))
    kind = "noise" if swing < 12.0 else "music_bed"
    return [Edit(kind, {"level_db": round(float(loud), 1)}, piece.span)]
