"""Invisible marks: a payload of 40 bits that survives what the internet does to a picture.

A mark is a pointer, never a proof: what it names must agree by fingerprint and comparison.
"""

from haechi.core.watermark.blind import read
from haechi.core.watermark.embed import embed
from haechi.core.watermark.records import Geometry, Marked, Reading

__all__ = ["Geometry", "Marked", "Reading", "embed", "read"]
