"""The audio mark: a keyed gain pattern on the bands of a sound; see `docs/watermark.md`.

A mark is a pointer, never a proof: what it names must agree by fingerprint and comparison.
"""

from haechi.core.watermark.audio.blind import AudioReader, read
from haechi.core.watermark.audio.cells import RATE
from haechi.core.watermark.audio.embed import RECIPIENT, MarkedSound, embed_sound, plan_mark
from haechi.core.watermark.audio.informed import read_informed
from haechi.core.watermark.audio.pattern import NAME
from haechi.core.watermark.audio.records import AudioReading
from haechi.core.watermark.audio.shape import Shaper

__all__ = [
    "NAME",
    "RATE",
    "RECIPIENT",
    "AudioReader",
    "AudioReading",
    "MarkedSound",
    "Shaper",
    "embed_sound",
    "plan_mark",
    "read",
    "read_informed",
]
