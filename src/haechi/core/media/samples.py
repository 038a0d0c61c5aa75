"""The decoding job behind `audio.read_audio`; runs only inside the decoding child.

1. Time 0 is the first decodable video frame, or without video the first sample.  2. Each decoded block is
mixed to mono: front channels 1, centre sqrt 2, surround 1/sqrt 2, low frequency 0, divided by their sum.
3. Blocks are laid on one time line by their stamps: jitter up to 30 ms is ignored, a gap becomes zeros, an
overlap is cut.  4. Each unbroken stretch is resampled by libswresample: as it does by itself, or where that is asked
for with the short filter of fpcalc, which is what the words of Chromaprint are defined by.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from haechi.core.errors import UnreadableMediaError
from haechi.core.media import container as box
from haechi.core.media.clock import Beat
from haechi.core.media.images import sniff
from haechi.core.media.short_filter import ShortFilter

_JITTER_S = 0.03
_SEEK_FROM_S = 10.0
_PREROLL_S = 1.0
_SEEKABLE = ("mov", "matroska")
_WEIGHTS = {"FC": 2**0.5, "LFE": 0.0, "BL": 0.5**0.5, "BR": 0.5**0.5, "SL": 0.5**0.5, "SR": 0.5**0.5}

Message = tuple[dict[str, Any], NDArray[Any] | None]


def run(descriptor: int, name: str, params: dict[str, Any]) -> Iterator[Message]:
    """Blocks of about a second as ({"t": start in seconds}, float32 samples)."""
    rate, longest_s = int(params["sample_rate"]), float(params["max_duration_s"])
    start_s, end_s = float(params["start_s"]), params["end_s"]
    if sniff(descriptor) is not None:
        return
    origin_s = _video_origin_s(descriptor, name, int(params["max_pixels"]))
    container = box.open_container(descriptor, name, int(params["max_pixels"]))
    stream = box.audio_stream(container)
    if stream is None:
        return
    damage = box.Damage()
    _seek(container, stream, origin_s, start_s)
    start, end = round(start_s * rate), None if end_s is None else round(end_s * rate)
    line = _TimeLine(rate, start, end, longest_s, short_filter=bool(params["short_filter"]))
    yield {"slot_bytes": 4 * rate}, None
    beat = Beat()
    heard = False
    for frame in box.decode(container, stream, damage):
        if frame is not None:
            heard = True
            stamp_s = None if frame.pts is None else float(frame.pts * stream.time_base)
            if origin_s is None:
                origin_s = stamp_s or 0.0
            line.add(None if stamp_s is None else stamp_s - origin_s, mix(frame), frame.sample_rate)
            _refuse_too_long(line.end_s, longest_s, name)
            yield from line.blocks()
            if line.full:
                break
        if beat.due():
            yield {}, None
    if not heard:
        raise UnreadableMediaError(f"{name}: no sound could be decoded; get the file again from its source")
    line.finish()
    yield from line.blocks(last=True)
    yield {"notes": damage.sentences()}, None


def mix(frame: Any) -> NDArray[np.float32]:
    """Decoded block to mono float32 (n,), -1..1."""
    names = [channel.name for channel in frame.layout.channels]
    values = frame.to_ndarray()
    if values.shape[0] != len(names):
        values = values.reshape(-1, len(names)).T
    planes = to_float(values)
    weights = np.array([_WEIGHTS.get(name, 1.0) for name in names], np.float32)
    if not weights.sum():
        weights[:] = 1.0
    mono = (weights / weights.sum()) @ planes if len(names) > 1 else planes[0]
    clean = np.nan_to_num(mono, nan=0.0, posinf=1.0, neginf=-1.0)
    return np.asarray(np.clip(clean, -1.0, 1.0), dtype=np.float32)


def to_float(values: NDArray[Any]) -> NDArray[np.float32]:
    """Samples of any kind as float32, -1..1."""
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    if values.dtype == np.uint8:
        return (values.astype(np.float32) - 128.0) / 128.0
    return values.astype(np.float32) / float(2 ** (8 * values.dtype.itemsize - 1))


def _refuse_too_long(end_s: float, longest_s: float, name: str) -> None:
    if end_s > longest_s:
        raise UnreadableMediaError(
            f"{name}: longer than the limit of {longest_s:.0f} s; cut it or raise HAECHI_LIMIT_MAX_DURATION_S"
        )


def _video_origin_s(descriptor: int, name: str, max_pixels: int) -> float | None:
    """Stamp of the first video frame in seconds, None without decodable video."""
    container = box.open_container(descriptor, name, max_pixels)
    try:
        stream = box.video_stream(container, name)
        stamp = None if stream is None else box.first_stamp(container, stream)
        return None if stamp is None or stream is None else float(stamp * stream.time_base)
    finally:
        container.close()


def _seek(container: Any, stream: Any, origin_s: float | None, start_s: float) -> None:
    """Skip what lies well before the start, where the container has an index and time 0 is known."""
    if origin_s is None or start_s < _SEEK_FROM_S or not container.format.name.startswith(_SEEKABLE):
        return
    container.seek(round((origin_s + start_s - _PREROLL_S) / stream.time_base), stream=stream, backward=True)


class _TimeLine:
    """Mono samples at the wanted rate on one clock, cut to [start, end) samples."""

    def __init__(self, rate: int, start: int, end: int | None, longest_s: float, *, short_filter: bool) -> None:
        self._rate = rate
        self._sent = start  # index of the next sample that goes out
        self._end = end
        self._longest_s = longest_s
        self._short_filter = short_filter
        self._position: int | None = None  # index of the next sample that the resampler will give
        self._pieces: list[NDArray[np.float32]] = []
        self._held = 0
        self._source_rate = 0
        self._resampler: Any = None
        self.end_s = 0.0  # time up to which the source has been laid down

    @property
    def full(self) -> bool:
        """Whether everything that was asked for is there."""
        return self._end is not None and self._sent + self._held >= self._end

    def add(self, time_s: float | None, mono: NDArray[np.float32], source_rate: int) -> None:
        """Lay a block down at its time; None means right after the last one."""
        gap_s = 0.0 if time_s is None else time_s - self.end_s
        known = self._position is not None
        if known and abs(gap_s) > self._longest_s:
            gap_s = 0.0
        if known and gap_s < -_JITTER_S:
            mono = mono[min(len(mono), round(-gap_s * source_rate)) :]
        elif not known or gap_s > _JITTER_S or source_rate != self._source_rate:
            self.finish()
            if not known or gap_s > _JITTER_S:
                self.end_s += gap_s
            self._position = round(self.end_s * self._rate)
            self._source_rate = source_rate
            self._resampler = self._new_resampler(source_rate)
        self.end_s += len(mono) / source_rate
        if source_rate == self._rate:
            self._lay(mono)
        elif len(mono):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(mono[None, :]), format="flt", layout="mono")
            frame.sample_rate = source_rate
            self._resample(frame)

    def finish(self) -> None:
        """End the current stretch: what the resampler holds comes out."""
        if self._resampler is not None and self._source_rate != self._rate:
            self._resample(None)
        self._resampler = None

    def blocks(self, *, last: bool = False) -> Iterator[Message]:
        """What is ready, about a second each."""
        while self._held >= self._rate or (last and self._held):
            joined = np.concatenate(self._pieces)
            block, rest = joined[: self._rate], joined[self._rate :]
            self._pieces, self._held = ([rest] if len(rest) else []), len(rest)
            yield {"t": self._sent / self._rate}, block
            self._sent += len(block)

    def _new_resampler(self, source_rate: int) -> Any:
        if self._short_filter:
            return ShortFilter(source_rate, self._rate)
        return av.AudioResampler(format="flt", layout="mono", rate=self._rate)

    def _resample(self, frame: Any | None) -> None:
        for part in self._resampler.resample(frame):
            self._lay(part.to_ndarray()[0])

    def _lay(self, samples: NDArray[np.float32]) -> None:
        position = self._position or 0
        self._position = position + len(samples)
        tail = self._sent + self._held
        if position > tail:
            gap_end = position if self._end is None else min(position, self._end)
            self._hold(np.zeros(max(0, gap_end - tail), np.float32))
        tail = self._sent + self._held
        start = max(0, tail - position)
        stop = len(samples) if self._end is None else max(start, min(len(samples), self._end - position))
        self._hold(samples[start:stop])

    def _hold(self, samples: NDArray[np.float32]) -> None:
        if len(samples):
            self._pieces.append(np.asarray(samples, np.float32))
            self._held += len(samples)
