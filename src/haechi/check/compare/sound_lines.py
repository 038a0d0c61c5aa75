"""Where a stretch of sound lies in its master: a line in time and the piece of the probe that follows it."""

from __future__ import annotations

from dataclasses import dataclass

from haechi.core.records import Segment, Span


@dataclass(frozen=True, slots=True)
class Line:
    """Probe time t plays master time `offset_s + speed * t`; a master frequency f sounds at `pitch * f`."""

    offset_s: float
    speed: float
    pitch: float

    def at(self, time_s: float) -> float:
        """Master time of a probe time, seconds."""
        return self.offset_s + self.speed * time_s


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the probe on one line.

    Attributes:
        span: probe time.
        line: its place in the master.
        coherent: the waves agree with the master's, so waves may be compared; otherwise only bands may.
        score: mean sharpness of the agreeing windows (coherent), or the band correlation 0..1.
    """

    span: Span
    line: Line
    coherent: bool
    score: float

    def segment(self) -> Segment:
        """The piece as the record that reports carry."""
        return Segment(self.span, self.line.at(self.span.start_s), self.line.speed, mirrored=False)

    def shifted(self, by_s: float) -> Piece:
        """The same piece of a probe that starts `by_s` earlier."""
        line = Line(self.line.offset_s - self.line.speed * by_s, self.line.speed, self.line.pitch)
        return Piece(Span(self.span.start_s + by_s, self.span.end_s + by_s), line, self.coherent, self.score)


def wave_like(line: Line) -> bool:
    """Pitch follows speed, so the waves themselves can agree."""
    return abs(line.pitch - line.speed) < 2e-3
