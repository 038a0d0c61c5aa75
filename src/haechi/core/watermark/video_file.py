"""The video mark on files: written into a film, read from one, held against the master.

`embed` sends the film through the limited child (`media.remake`): decode, mark the luma, encode; sound, subtitles, data
and chapters go through untouched. The copy must be read, and be as good as 40 dB, the coding included; else once more,
fainter and coded more faithfully. A film is read from up to 48 frames.
The recipient's payload lies in a second pattern, fainter; only the informed reader finds it.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path
from typing import Final

import numpy as np

from haechi.core.media.decode import Frame, FrameRequest, read_frames
from haechi.core.media.probe import probe_media, same_facts
from haechi.core.media.remade import remake_file
from haechi.core.records import Kind
from haechi.core.settings import Limits
from haechi.core.watermark.agree import agreeing_share
from haechi.core.watermark.canvas import MIN_SIDE_PX
from haechi.core.watermark.code import PAYLOAD_BITS
from haechi.core.watermark.informed import RELEASE
from haechi.core.watermark.marks import Agreement, Marking, MarkReading, Unmarked
from haechi.core.watermark.records import Reading
from haechi.core.watermark.video.blind import read_frames_mark
from haechi.core.watermark.video.informed import paired, read_informed_frames
from haechi.core.watermark.video.luma import NAME, PSNR_DB
from haechi.core.watermark.video.sample import sample_frames

LEAST_PSNR_DB: Final = 40.0
_WAYS: Final = ((PSNR_DB, None), (PSNR_DB + 1, 10))
"""PSNR of the mark alone, and the coder's constant rate factor where it is not the usual one."""
_LEAST_SIDE_PX: Final = 2 * MIN_SIDE_PX
_MASTER_SIDE_PX: Final = 640
_MASTER_FRAMES: Final = 3000
_HELD: Final = 6


class VideoMarker:
    """`haechi-mark-video-v1` on films."""

    name, version, payload_bits, kind = NAME, 1, PAYLOAD_BITS, Kind.VIDEO

    def embed(
        self, source: Path, target: Path, key: bytes, payload: int, limits: Limits, *, recipient: int | None = None
    ) -> Marking | Unmarked:
        """Write a marked copy; see the module and `Watermarker`."""
        info = probe_media(source, limits)
        if min(info.width or 0, info.height or 0) < _LEAST_SIDE_PX:
            return Unmarked("small")
        for psnr_db, crf in _WAYS:
            change = {"key": key.hex(), "payload": payload, "recipient": recipient, "psnr_db": psnr_db}
            made = remake_file("mark_video", source, target, limits, change, **({} if crf is None else {"crf": crf}))
            if made.refused is not None:
                target.unlink(missing_ok=True)
                return Unmarked(made.refused)
            if not same_facts(info, probe_media(target, limits)):
                target.unlink()
                return Unmarked("times")
            fidelity = self.fidelity(source, target, key, payload, limits)
            if fidelity is not None and fidelity >= LEAST_PSNR_DB:
                return Marking(NAME, fidelity, survives=True)
        target.unlink(missing_ok=True)
        return Unmarked("quality")

    def fidelity(self, source: Path, marked: Path, key: bytes, payload: int, limits: Limits) -> float | None:
        """PSNR of the luma as coded, frames spread over the film, the coding included; None without the mark."""
        coded = sample_frames(marked, limits, code_values=True)
        # Only HDR is shown otherwise than it is coded.
        shown = coded if probe_media(marked, limits).hdr is None else sample_frames(marked, limits)
        reading = read_frames_mark([frame.image for frame in shown], key, search=False)
        if reading is None or reading.payload != payload:
            return None
        after = {frame.time_s: frame.image for frame in coded}
        before = {frame.time_s: frame.image for frame in sample_frames(source, limits, code_values=True)}
        pairs = [(before[time], after[time]) for time in before if time in after]
        if not pairs or len(pairs) < 0.9 * len(before) or any(a.shape != b.shape for a, b in pairs):
            return None
        error = float(np.mean([np.mean((a.astype(np.float32) - b) ** 2) for a, b in pairs]))
        return 10 * math.log10(255.0**2 / max(error, 1e-9))

    def detect(self, path: Path, key: bytes, limits: Limits, *, search: bool = True) -> MarkReading | None:
        """Read without a master."""
        reading = _read(path, key, limits, search=search)
        return None if reading is None else _told(reading, "blind")

    def detect_informed(
        self, path: Path, master: Path, key: bytes, limits: Limits, *, among: Collection[int] = (), label: str = RELEASE
    ) -> MarkReading | None:
        """Read with the unmarked master or its working copy."""
        probe, known = sample_frames(path, limits), _master_frames(master, limits)
        times = [frame.time_s for frame in probe], [frame.time_s for frame in known]
        images = [frame.image for frame in probe], [frame.image for frame in known]
        reading = read_informed_frames(*images, key, label=label, times=times, among=among)
        return None if reading is None else _told(reading, "informed")

    def agreement(self, path: Path, master: Path, reading: MarkReading, key: bytes, limits: Limits) -> Agreement:
        """Hold frames of the probe against their partners in what the mark points to, where the mark says they lie."""
        matrix = np.vstack([np.array(reading.geometry, np.float64).reshape(2, 3), [0, 0, 1]])
        frames = [frame.image for frame in sample_frames(path, limits)]
        known = [frame.image for frame in _master_frames(master, limits)]
        if not frames or not known:
            return Agreement(None)
        pairs = paired(frames[:: max(1, len(frames) // _HELD)], known, matrix, least_alike=-1.0)
        shares = [agreeing_share(pair.probe, pair.master, matrix[:2]) for pair in pairs]
        told = [share for share in shares if share is not None]
        return Agreement(float(np.median(told)) if told else None)


def _read(path: Path, key: bytes, limits: Limits, *, search: bool) -> Reading | None:
    return read_frames_mark([frame.image for frame in sample_frames(path, limits)], key, search=search)


def _master_frames(master: Path, limits: Limits) -> list[Frame]:
    """Frames of the master, at most `_MASTER_FRAMES`, all of one size."""
    duration_s = probe_media(master, limits).duration_s or 0.0
    request = FrameRequest(max_side=_MASTER_SIDE_PX, gray=True, min_interval_s=duration_s / _MASTER_FRAMES)
    with read_frames(master, limits, request) as frames:
        found = list(frames)
    return [frame for frame in found if frame.image.shape == found[0].image.shape]


def _told(reading: Reading, reader: str) -> MarkReading:
    matrix = tuple(float(value) for value in reading.geometry.matrix.reshape(-1))
    return MarkReading(reading.payload, reading.score, reader, NAME, matrix)
