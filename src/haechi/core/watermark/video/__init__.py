"""The video mark: the image mark's pattern, still over a film, read from many frames at once; see `docs/watermark.md`.

A mark is a pointer, never a proof: what it names must agree by fingerprint and comparison.
"""

from haechi.core.watermark.video.blind import read_frames_mark
from haechi.core.watermark.video.informed import read_informed_frames
from haechi.core.watermark.video.luma import NAME, PSNR_DB, LumaMarker

__all__ = ["NAME", "PSNR_DB", "LumaMarker", "read_frames_mark", "read_informed_frames"]
