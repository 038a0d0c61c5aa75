"""The video mark on files: written into a film, read from one, held against the master.

`embed` sends the film through the limited child (`media.remake`): decode, mark the luma, encode; sound, subtitles, data
and chapters go through untouched. The copy must be read, and be as good as 40 dB, the coding included; else once more,
fainter and coded more faithfully. A film is read from up to 48 frames.
The recipient's payload lies in a second pattern, fainter; only the informed reader finds it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.media.decode import Frame, FrameRequest, read_frames
from haechi.core.media.probe import MediaInfo, probe_media, same_facts
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
from haechi.core.watermark.video.sample import Sample, sample_frames, sample_of

LEAST_PSNR_DB: Final = 40.0
_WAYS: Final = ((PSNR_DB, None), (PSNR_DB + 1, 10))
"""PSNR of the mark alone, and the coder's constant rate factor where it is not the usual one."""
_LEAST_SIDE_PX: Final = 2 * MIN_SIDE_PX
_MASTER_SIDE_PX: Final = 640
_MASTER_FRAMES: Final = 3000
_HELD: Final = 6
_CODING_BYTES: Final = 300
"""For each pixel of a picture: an encoder holds dozens of pictures (measured: HEVC of 10 bits, 4K: 2.8 GB)."""
_READ_BACK: Final = 12
"""Frames that a new copy must be read from: fewer than a reader has, so that it stands the test the more surely."""
_LEAST_PAIRED: Final = 0.9

Bytes = NDArray[np.uint8]


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
        sample = sample_of(info.duration_s or 0.0)
        roomy = _with_room_for_coding(limits, info)
        for psnr_db, crf in _WAYS:
            change = {"key": key.hex(), "payload": payload, "recipient": recipient, "psnr_db": psnr_db}
            coding: dict[str, Any] = {"seen": sample.asked(), **({} if crf is None else {"crf": crf})}
            made = remake_file("mark_video", source, target, roomy, change, **coding)
            if made.refused is not None:
                target.unlink(missing_ok=True)
                return Unmarked(made.refused)
            written = probe_media(target, limits)
            if not same_facts(info, written):
                target.unlink()
                return Unmarked("times")
            after = _coded_with_mark(target, written, sample, key, payload, limits)
            fidelity = None if after is None else _psnr_db(dict(made.seen), after)
            if not float(made.facts.get("least_psnr_db", 0)) >= LEAST_PSNR_DB:  # of every frame, not only the looked at
                fidelity = None
            if fidelity is not None and fidelity >= LEAST_PSNR_DB:
                return Marking(NAME, fidelity, survives=True)
        target.unlink(missing_ok=True)
        return Unmarked("quality")

    def fidelity(self, source: Path, marked: Path, key: bytes, payload: int, limits: Limits) -> float | None:
        """PSNR of the luma as coded, frames spread over the film, the coding included; None without the mark."""
        info = probe_media(marked, limits)
        sample = sample_of(info.duration_s or 0.0)
        with ThreadPoolExecutor(1) as beside:
            asked = beside.submit(sample_frames, source, limits, sample=sample, code_values=True)
            after = _coded_with_mark(marked, info, sample, key, payload, limits)
            before = {frame.time_s: frame.image for frame in asked.result()}
        return None if after is None else _psnr_db(before, after)

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


def _with_room_for_coding(limits: Limits, info: MediaInfo) -> Limits:
    """The child decodes and encodes: what encoding takes comes on top."""
    room = _CODING_BYTES * (info.width or 0) * (info.height or 0)
    return limits.model_copy(update={"max_memory_bytes": limits.max_memory_bytes + room})


def _coded_with_mark(
    marked: Path, info: MediaInfo, sample: Sample, key: bytes, payload: int, limits: Limits
) -> dict[float, Bytes] | None:
    """Luma as coded of a copy's frames by their times; None where they do not read as they lie, some of them alone."""
    coded = sample_frames(marked, limits, sample=sample, code_values=True)
    # Only HDR is shown otherwise than it is coded.
    shown = coded if info.hdr is None else sample_frames(marked, limits, sample=sample)
    some = shown[:: max(1, len(shown) // _READ_BACK)]
    reading = read_frames_mark([frame.image for frame in some], key, search=False)
    if reading is None or reading.payload != payload:
        return None
    return {frame.time_s: frame.image for frame in coded}


def _psnr_db(before: Mapping[float, Bytes], after: Mapping[float, Bytes]) -> float | None:
    """Of luma of one time each; None where too many lack a partner."""
    times = [time for time in before if time in after and before[time].shape == after[time].shape]
    if not times or len(times) < _LEAST_PAIRED * len(before):
        return None
    error = sum(float(cv2.norm(before[time], after[time], cv2.NORM_L2SQR)) for time in times)
    return 10 * math.log10(255.0**2 / max(error / sum(before[time].size for time in times), 1e-9))


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
