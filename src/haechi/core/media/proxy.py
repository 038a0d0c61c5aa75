"""The working copy of a master: small, complete in time, decodable anywhere; a check reads it instead of the master.

Video: H.264, crf 16, every frame with its own time stamp, long side at most 960, with mono 16 kHz FLAC sound, in
Matroska (stamps rounded to 1 ms); beside it the same in luma of at most 416 pixels (`container.SMALL_TITLE`), which
decodes many times as fast: enough for a glance. Image: JPEG quality 95 without chroma subsampling, long side at most
2048. Audio: mono 16 kHz FLAC. All are display orientation and SDR, as the decoder gives them.
Invariant: the file appears under its final name only when it is complete.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.errors import StoreError, UnreadableMediaError
from haechi.core.media import container as box
from haechi.core.media.audio import AudioBlock, read_audio
from haechi.core.media.decode import FrameRequest, read_frames, read_image
from haechi.core.media.encode import AudioCoding, MediaWriter, VideoCoding
from haechi.core.media.pixels import fit, shrink
from haechi.core.media.probe import MediaInfo
from haechi.core.media.repeatable import repeatable
from haechi.core.records import Kind
from haechi.core.settings import Limits

VIDEO_SIDE, SMALL_SIDE, IMAGE_SIDE, SAMPLE_RATE = 960, 416, 2048, 16_000
_CRF, _SMALL_CRF = 16, 12
# A fortieth larger, and decoded in two thirds of the time.
_LIGHT = {"tune": "fastdecode"}
_JPEG_QUALITY = 95
_FALLBACK_RATE = 30.0
_SOUND_AHEAD_S = 1.0

Progress = Callable[[float], None]


def make_proxy(path: Path, info: MediaInfo, folder: Path, limits: Limits, progress: Progress | None = None) -> Path:
    """Make the working copy of a master inside `folder`.

    Args:
        path: the master.
        info: from `probe_media`.
        folder: where the copy goes; it gets a new name there.
        limits: for decoding the master.
        progress: called with the share done, 0..1.

    Returns:
        Path of the copy, ending in .mkv, .jpg or .flac.

    Raises:
        UnreadableMediaError: the master does not decode.
        StoreError: the copy cannot be written, e.g. the disk is full; nothing is left behind.
    """
    suffix = {Kind.VIDEO: ".mkv", Kind.IMAGE: ".jpg", Kind.AUDIO: ".flac"}[info.kind]
    report = progress if progress is not None else _silent
    try:
        handle, unfinished_name = tempfile.mkstemp(suffix=suffix, prefix=".unfinished-", dir=folder)
        os.close(handle)
        unfinished = Path(unfinished_name)
        try:
            _WRITERS[info.kind](path, info, unfinished, limits, report)
            finished = unfinished.with_name(unfinished.name.replace(".unfinished-", "proxy-"))
            unfinished.replace(finished)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StoreError(f"the working copy of {path.name} cannot be written ({error}); free some space") from error
    report(1.0)
    return finished


def _write_video(path: Path, info: MediaInfo, target: Path, limits: Limits, report: Progress) -> None:
    rate = info.frame_rate or _FALLBACK_RATE
    coding = VideoCoding(rate, crf=_CRF, variable=True, options=repeatable())
    light = _LIGHT | repeatable()
    small_coding = VideoCoding(
        rate, crf=_SMALL_CRF, variable=True, options=light, pixel_format="gray", title=box.SMALL_TITLE
    )
    sound = _Sound(read_audio(path, limits, sample_rate=SAMPLE_RATE)) if info.has_audio else None
    audio_coding = AudioCoding(SAMPLE_RATE, 1, "flac") if sound is not None else None
    with (
        read_frames(path, limits, FrameRequest(max_side=VIDEO_SIDE)) as frames,
        MediaWriter(target, coding, audio_coding, small=small_coding) as writer,
    ):
        for frame in frames:
            writer.add_frame(frame.image, frame.time_s, _small(frame.image))
            if sound is not None:
                sound.write_until(writer, frame.time_s + _SOUND_AHEAD_S)
            if info.duration_s:
                report(min(0.99, frame.time_s / info.duration_s))
        if sound is not None:
            sound.write_until(writer, float("inf"))


def _small(image: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Luma of at most SMALL_SIDE, or None for a picture that is small already."""
    height, width = image.shape[:2]
    size = fit(width, height, SMALL_SIDE)
    if size == (width, height):
        return None
    return np.asarray(shrink(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), size), dtype=np.uint8)


def _write_audio(path: Path, info: MediaInfo, target: Path, limits: Limits, report: Progress) -> None:
    with MediaWriter(target, None, AudioCoding(SAMPLE_RATE, 1, "flac")) as writer:
        for block in read_audio(path, limits, sample_rate=SAMPLE_RATE):
            writer.add_audio(block.samples)
            if info.duration_s:
                report(min(0.99, block.time_s / info.duration_s))


def _write_image(path: Path, info: MediaInfo, target: Path, limits: Limits, report: Progress) -> None:
    image = read_image(path, limits, max_side=IMAGE_SIDE).image
    target.write_bytes(_jpeg(image, path.name))


def _jpeg(image: NDArray[np.uint8], name: str) -> bytes:
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        _JPEG_QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    done, encoded = cv2.imencode(".jpg", image, options)
    if not done:
        raise UnreadableMediaError(f"{name}: cannot be written as JPEG; scale it down")
    return encoded.tobytes()


class _Sound:
    """Blocks of sound that are written along with the pictures."""

    def __init__(self, blocks: Iterator[AudioBlock]) -> None:
        self._blocks = blocks

    def write_until(self, writer: MediaWriter, time_s: float) -> None:
        """Write blocks until the sound reaches `time_s` or ends."""
        while writer.audio_end_s < time_s:
            block = next(self._blocks, None)
            if block is None:
                return
            writer.add_audio(block.samples)


def _silent(share: float) -> None:
    """Nobody wants to know."""


_WRITERS = {Kind.VIDEO: _write_video, Kind.AUDIO: _write_audio, Kind.IMAGE: _write_image}
