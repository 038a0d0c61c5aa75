"""What marking and reading a file give, whatever its kind."""

from __future__ import annotations

from dataclasses import dataclass

from haechi.core.records import Box, Span


@dataclass(frozen=True, slots=True)
class Marking:
    """A file was marked.

    Attributes:
        method: name and version of the mark, e.g. "haechi-mark-image-v1".
        psnr_db: of what is displayed (or heard), against the source, the coding included; None where it says nothing.
        survives: the mark stood its own test of harmful treatment; if not, it is there and read, but from less.
    """

    method: str
    psnr_db: float | None
    survives: bool


@dataclass(frozen=True, slots=True)
class Unmarked:
    """A file was not marked, and why.

    Attributes:
        code: "kind", "format", "pages", "depth", "hdr", "colours", "small", "quality"; of films and sounds also
            "interlaced", "streams" (one that the container cannot take again), "times" (stamps or length would change)
            or "short".
    """

    code: str


@dataclass(frozen=True, slots=True)
class MarkReading:
    """A number that was read from a file: a pointer, never a proof.

    Attributes:
        payload: 40 bits.
        score: agreement with the number's codeword, 0-1, in the method's own measure.
        reader: "blind", or "informed" by the master.
        method: name and version of the mark.
        geometry: how the probe lies in the marked file, in the method's own terms.
    """

    payload: int
    score: float
    reader: str
    method: str
    geometry: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Gone:
    """A place of the probe where the mark should be and is not: covered or replaced.

    Attributes:
        box: pixels of the probe as displayed, or None for sound.
        span: seconds, or None for a still picture.
    """

    box: Box | None
    span: Span | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far a probe is, where its mark says so, what the master shows.

    Attributes:
        share: of the places that can be compared, those that agree, 0-1; None when too few can be.
        gone: where the mark is gone.
    """

    share: float | None
    gone: tuple[Gone, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether the probe shows what its mark points to, altered or not."""
        return self.share is not None and self.share >= LEAST_AGREEING


LEAST_AGREEING = 0.3
"""Share of agreeing places from which on a mark belongs to its content; see `agree`."""
