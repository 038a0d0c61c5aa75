"""What reading an audio mark gives back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AudioReading:
    """A payload that was read in a sound.

    Attributes:
        payload: 40 bits. A pointer, never a proof: a mark can be copied from one sound to another.
        score: cosine between the soft bits and the payload's codeword, 0-1; `MIN_SCORE` or more.
        start_s: where in the marked sound the probe begins, seconds; known up to multiples of 96 s.
        tempo: factor by which the probe runs faster than the marked sound.
        pitch: factor by which its frequencies are higher.
    """

    payload: int
    score: float
    start_s: float
    tempo: float
    pitch: float
