"""Invisible marks: a payload of 40 bits that survives what the internet does to a picture.

A mark is a pointer, never a proof: what it names must agree by fingerprint and comparison.
"""

from haechi.core.watermark.blind import read
from haechi.core.watermark.embed import RECIPIENT, embed
from haechi.core.watermark.informed import RELEASE, read_informed
from haechi.core.watermark.pattern import NAME
from haechi.core.watermark.records import Geometry, Marked, Reading
from haechi.core.watermark.strength import StrengthMap, strength_map

__all__ = [
    "NAME",
    "RECIPIENT",
    "RELEASE",
    "Geometry",
    "Marked",
    "Reading",
    "StrengthMap",
    "embed",
    "read",
    "read_informed",
    "strength_map",
]
