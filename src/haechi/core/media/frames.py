"""The decoding job behind `decode.read_frames` and `decode.read_image`; runs only inside the decoding child.

1. Find out whether the file is an image or a container.  2. Decode the first frame: its stamp is time 0 and
its geometry holds for all.  3. For a start far inside MP4 or Matroska, seek well before it; everything else
is decoded in order, because seeking shows broken frames in some files.  4. Decode, drop what was not asked
for, deinterlace where a frame says so, convert, hand over.

Long before a start, pictures that no other is predicted from are passed over: in most files every other one, and half
of the work. A thin reading begins without them; where that leaves a gap, all are decoded from there on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import av.filter
import numpy as np
from av.stream import Discard
from numpy.typing import NDArray

from haechi.core.errors import UnreadableMediaError, UnsupportedMediaError
from haechi.core.media import container as box
from haechi.core.media import heic
from haechi.core.media.clock import Beat, Clock, is_due
from haechi.core.media.images import ImageReader, sniff
from haechi.core.media.pixels import Geometry, PictureMaker, plan

_SEEK_MARGIN_S = 5.0
_SEEKABLE = ("mov", "matroska")
# Pictures that no other is predicted from are passed over but for so long before the start, and after time 0.
_ALL_AROUND_S = 2.0
# A thin reading's pictures are no further apart, but for once.
_THIN_GAP_S = 0.085

Message = tuple[dict[str, Any], NDArray[Any] | None]


@dataclass(frozen=True, slots=True)
class FrameJob:
    """What `decode.FrameRequest` asks for, as it reaches the child."""

    max_side: int | None
    gray: bool
    key_only: bool
    start_s: float
    end_s: float | None
    min_interval_s: float
    code_values: bool
    at_once: bool
    thin: bool
    small: bool
    only_first: bool
    max_pixels: int
    max_duration_s: float

    def wants(self, time_s: float, last_s: float | None) -> bool:
        """Whether a frame at this time goes out, given the time of the last one that did."""
        return is_due(time_s, last_s, start_s=self.start_s, interval_s=self.min_interval_s)

    def ended(self, time_s: float) -> bool:
        """Whether this time lies behind the wanted stretch."""
        return self.end_s is not None and time_s >= self.end_s


def run(descriptor: int, name: str, params: dict[str, Any]) -> Iterator[Message]:
    """Frames as (header, picture); headers without a picture are beats, sizes or notes."""
    job = FrameJob(**params)
    image_format = sniff(descriptor)
    if image_format == "HEIC":
        picture = heic.read(descriptor, name, job.max_side, gray=job.gray, max_pixels=job.max_pixels)
        yield from _single(picture)
    elif image_format is not None:
        yield from _image_frames(ImageReader(descriptor, name, job.max_pixels), job)
    else:
        yield from _video_frames(descriptor, name, job)


def _single(picture: NDArray[np.uint8]) -> Iterator[Message]:
    yield {"slot_bytes": picture.nbytes}, None
    yield {"t": 0.0, "k": True}, picture


def _image_frames(reader: ImageReader, job: FrameJob) -> Iterator[Message]:
    if job.only_first or not reader.info().animated:
        yield from _single(reader.still(job.max_side, gray=job.gray))
        return
    beat = Beat()
    last_s: float | None = None
    sized = False
    for time_s, picture in reader.frames(job.max_side, gray=job.gray):
        if job.ended(time_s) or time_s > job.max_duration_s:
            return
        if not sized:
            sized = True
            yield {"slot_bytes": picture.nbytes}, None
        if job.wants(time_s, last_s):
            last_s = time_s
            yield {"t": time_s, "k": True}, picture
        elif beat.due():
            yield {}, None


def _video_frames(descriptor: int, name: str, job: FrameJob) -> Iterator[Message]:
    container = box.open_container(descriptor, name, job.max_pixels)
    stream = _stream_of(container, job, name)
    if stream is None:
        raise UnsupportedMediaError(f"{name}: holds no pictures; use it as sound")
    damage = box.Damage()
    clock = Clock(stream.time_base, box.rate_of(stream), longest_s=job.max_duration_s)
    seek = job.start_s > 2 * _SEEK_MARGIN_S and container.format.name.startswith(_SEEKABLE)
    if job.key_only and not seek and box.shows_before_first_key(container, stream):
        first = box.first_stamp(container, stream)
        clock = Clock(stream.time_base, box.rate_of(stream), first, longest_s=job.max_duration_s)
        container, stream = _reopened(descriptor, name, job, container)
    _prepare(stream, job)
    if seek:
        container, stream, clock = _seek(descriptor, name, job, container, stream, clock)
    source = _displayed(container, stream, damage, job, _passed_over(container, stream, clock, job))
    yield from _convert(source, stream, clock, job, name)
    if clock.repaired:
        damage.notes.append(f"{clock.repaired} time stamps were missing or went back and were replaced")
    yield {"notes": damage.sentences(), "left_out": damage.packets + damage.pictures}, None


def _convert(source: Iterator[Any | None], stream: Any, clock: Clock, job: FrameJob, name: str) -> Iterator[Message]:
    maker: PictureMaker | None = None
    beat = Beat()
    last_s: float | None = None
    seen_s: float | None = None
    for frame in source:
        if frame is not None:
            time_s = clock.seconds(frame.pts)
            _refuse_too_long(time_s, job, name)
            gap_s = 0.0 if seen_s is None else time_s - seen_s
            if job.thin and (frame.interlaced_frame or gap_s > _THIN_GAP_S):
                stream.codec_context.skip_frame = "DEFAULT"
            seen_s = time_s
            if job.ended(time_s):
                return
            if job.wants(time_s, last_s):
                if maker is None:
                    maker = PictureMaker(
                        _plan(frame, stream, job, name), gray=job.gray, tone_mapped=not job.code_values
                    )
                    yield {"slot_bytes": maker.nbytes}, None
                last_s = time_s
                yield {"t": time_s, "k": bool(frame.key_frame)}, maker(frame)
                if job.only_first:
                    return
                continue
        if beat.due():
            yield {}, None
    if seen_s is None:
        raise UnreadableMediaError(f"{name}: no picture could be decoded; get the file again from its source")


def _plan(frame: Any, stream: Any, job: FrameJob, name: str) -> Geometry:
    return plan(frame, stream, job.max_side, job.max_pixels, name)


def _refuse_too_long(time_s: float, job: FrameJob, name: str) -> None:
    if time_s > job.max_duration_s:
        raise UnreadableMediaError(
            f"{name}: longer than the limit of {job.max_duration_s:.0f} s; cut it or raise HAECHI_LIMIT_MAX_DURATION_S"
        )


def _seek(
    descriptor: int, name: str, job: FrameJob, container: Any, stream: Any, clock: Clock
) -> tuple[Any, Any, Clock]:
    """Go to a key frame some seconds before the start, or just before it; on any doubt begin from the beginning."""
    first = box.first_stamp(container, stream)
    if first is not None:
        origin = first
        target = origin + round((job.start_s - (0.0 if job.at_once else _SEEK_MARGIN_S)) / stream.time_base)
        try:
            container.seek(target, stream=stream, backward=True)
            landed = next((p.pts for p in container.demux(stream) if p.pts is not None), None)
            if landed is not None and landed <= target:
                container.seek(target, stream=stream, backward=True)
                later = Clock(stream.time_base, box.rate_of(stream), origin, longest_s=job.max_duration_s)
                return container, stream, later
        except av.FFmpegError:
            pass
    container, stream = _reopened(descriptor, name, job, container)
    _prepare(stream, job)
    return container, stream, clock


def _reopened(descriptor: int, name: str, job: FrameJob, container: Any) -> tuple[Any, Any]:
    container.close()
    container = box.open_container(descriptor, name, job.max_pixels)
    return container, _stream_of(container, job, name)


def _stream_of(container: Any, job: FrameJob, name: str) -> Any | None:
    small = box.small_stream(container) if job.small else None
    return box.video_stream(container, name) if small is None else small


def _prepare(stream: Any, job: FrameJob) -> None:
    box.use_threads(stream, idle=1 if job.thin else 0)
    if job.key_only:
        stream.codec_context.skip_frame = "NONKEY"
        stream.discard = Discard.nonkey
    elif job.thin:
        stream.codec_context.skip_frame = "NONREF"


def _passed_over(container: Any, stream: Any, clock: Clock, job: FrameJob) -> tuple[float, float] | None:
    """Stamps between which not every frame is needed; None where all are, or where stamps may be missing."""
    origin = stream.start_time if clock.origin is None else clock.origin
    if origin is None or job.thin or job.key_only or not container.format.name.startswith(_SEEKABLE):
        return None
    margin, start = _ALL_AROUND_S / stream.time_base, job.start_s / stream.time_base
    # The first frame tells what time 0 is, unless that is known.
    return float(origin + margin) if clock.origin is None else -math.inf, float(origin + start - margin)


def _displayed(
    container: Any, stream: Any, damage: box.Damage, job: FrameJob, over: tuple[float, float] | None
) -> Iterator[Any | None]:
    """Decoded frames; from the first interlaced one on through a deinterlacer."""
    graph: Any = None
    for frame in box.decode_video(container, stream, damage, over):
        if graph is None and frame is not None and frame.interlaced_frame and not job.key_only:
            graph = _deinterlacer(frame, stream)
            damage.notes.append("interlaced frames were deinterlaced")
        if graph is None or frame is None:
            yield frame
            continue
        graph.push(frame)
        yield from _pull(graph, stream.time_base)
    if graph is not None:
        graph.push(None)
        yield from _pull(graph, stream.time_base)


def _deinterlacer(frame: Any, stream: Any) -> Any:
    graph = av.filter.Graph()
    source = graph.add_buffer(template=stream, width=frame.width, height=frame.height, format=frame.format)
    bwdif = graph.add("bwdif", "mode=send_frame:deint=interlaced")
    sink = graph.add("buffersink")
    source.link_to(bwdif)
    bwdif.link_to(sink)
    graph.configure()
    return graph


def _pull(graph: Any, time_base: Fraction) -> Iterator[Any]:
    """Frames with the stream's stamps: the deinterlacer, made to give out fields, counts in half its ticks."""
    while True:
        try:
            frame = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        if frame.pts is not None:
            frame.pts = round(frame.pts * frame.time_base / time_base)
        yield frame
