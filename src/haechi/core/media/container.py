"""Opening an untrusted container and decoding its packets; runs only inside the decoding child.

FFmpeg sees nothing but one open file descriptor: the `fd` protocol is the only one on the whitelist, so a
playlist, a concat script or an external reference reaches neither other files nor the network, and the
demuxers that exist for such scripts are not on the list of formats.

Damage: a packet that cannot be decoded, or a picture that the decoder marks as corrupt, is left out, and so
is every later picture up to the next key frame, because it was predicted from something that is not the
file's content. A concealed picture would look like an alteration.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import av
import av.error
from av.stream import Discard, Disposition

from haechi.core.errors import UnreadableMediaError, UnsupportedMediaError

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,m4v,h264,hevc,obu,ivf,flv,asf,mxf,dv,"
    "wav,w64,aiff,caf,mp3,aac,flac,ogg,ac3,eac3,amr,wv,ape,tta"
)
# The small luma pictures that a working copy carries beside its own.
SMALL_TITLE = "small luma"
_ALONE_PIXELS = 160_000  # up to so many, handing pictures to threads costs more than it saves
_SKIP_LARGE_THREADS = 16_000_000  # above this many pixels each decoding thread costs too much memory


@dataclass(slots=True)
class Damage:
    """What had to be left out while decoding."""

    packets: int = 0
    pictures: int = 0
    notes: list[str] = field(default_factory=list)

    def sentences(self) -> list[str]:
        """Plain English, empty when the file decoded cleanly."""
        sentences = list(dict.fromkeys(self.notes))
        if self.packets:
            sentences.append(f"{self.packets} damaged packets could not be decoded")
        if self.pictures:
            sentences.append(f"{self.pictures} damaged frames were left out")
        return sentences


def open_container(descriptor: int, name: str, max_pixels: int) -> Any:
    """Open the file behind `descriptor` for demuxing.

    Raises:
        UnreadableMediaError: not media, or damaged beyond reading.
        UnsupportedMediaError: a format outside `FORMATS`.
    """
    os.lseek(descriptor, 0, os.SEEK_SET)
    options = {"fd": str(descriptor), "protocol_whitelist": "fd", "format_whitelist": FORMATS}
    try:
        container = av.open("fd:", container_options=options, metadata_errors="replace")
    except av.error.ArgumentError as error:
        raise UnsupportedMediaError(
            f"{name}: not a picture, video or sound in a format that Haechi reads; convert it to MP4 or PNG"
        ) from error
    except (av.FFmpegError, UnicodeDecodeError, ValueError) as error:
        raise UnreadableMediaError(
            f"{name}: not a media file, or damaged at the start; get the file again from its source"
        ) from error
    for stream in container.streams:
        if stream.type == "video" and stream.codec_context is not None:
            stream.codec_context.options = {"max_pixels": str(max_pixels)}
    return container


def video_stream(container: Any, name: str) -> Any | None:
    """The main video stream; cover art and thumbnails do not count.

    Raises:
        UnsupportedMediaError: there is one, but no decoder for it.
    """
    art = Disposition.attached_pic | Disposition.timed_thumbnails
    streams = [s for s in container.streams.video if not s.disposition & art]
    known = [s for s in streams if s.codec_context is not None]
    if streams and not known:
        raise UnsupportedMediaError(f"{name}: no decoder for its video; convert it to H.264 MP4")
    best = container.streams.best("video")
    return next((s for s in known if best is not None and s.index == best.index), known[0] if known else None)


def small_stream(container: Any) -> Any | None:
    """The small luma of a working copy of ours; None in any other file. Never ask an untrusted file for it."""
    named = (s for s in container.streams.video if s.metadata.get("title") == SMALL_TITLE)
    return next((s for s in named if s.codec_context is not None), None)


def audio_stream(container: Any) -> Any | None:
    """The main audio stream that a decoder exists for."""
    known = [s for s in container.streams.audio if s.codec_context is not None]
    best = container.streams.best("audio")
    return next((s for s in known if best is not None and s.index == best.index), known[0] if known else None)


def first_stamp(container: Any, stream: Any) -> int | None:
    """Time stamp of the first frame that decodes, ticks of the stream; moves the reading position."""
    damage = Damage()
    for frame in decode_video(container, stream, damage):
        if frame is not None:
            return 0 if frame.pts is None else int(frame.pts)
    return None


def shows_before_first_key(container: Any, stream: Any) -> bool:
    """Whether an MP4 does not begin to show with its first key frame (cut, open GOP); reads from the start again."""
    if not _is_mp4(container) or stream.start_time is None:
        return False
    try:
        first = next((packet.pts for packet in container.demux(stream) if packet.pts is not None), None)
        container.seek(stream.start_time, stream=stream, backward=True)
    except (av.FFmpegError, IndexError):
        return False
    return first is not None and first != stream.start_time


def rate_of(stream: Any) -> float | None:
    """Nominal frames per second, None when the file does not say."""
    rate = stream.average_rate or stream.base_rate
    return float(rate) if rate else None


def use_threads(stream: Any, *, idle: int = 0) -> None:
    """Let the decoder use the cores of this machine, fewer for very large pictures and for those hardly worth it.

    Args:
        stream: what will be decoded.
        idle: so many threads for each one at work have nothing to do: pictures that are passed over take one, too.
    """
    pixels = stream.codec_context.width * stream.codec_context.height
    most = 1 if pixels <= _ALONE_PIXELS else 2 if pixels > _SKIP_LARGE_THREADS else 8
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = max(1, min(cores() * (1 + idle), most))


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def demux(container: Any, stream: Any, damage: Damage) -> Iterator[Any]:
    """Packets of one stream, the flush packet last; a file that breaks off ends with a note."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, IndexError):  # PyAV 18 trips at the end over streams that appeared on the way
            return
        except av.FFmpegError as error:
            _refuse_if_out_of_memory(error)
            damage.notes.append("the file breaks off or is damaged; only the part before that was read")
            return
        yield packet


def _as_far_behind(packets: Iterator[Any]) -> Iterator[Any]:
    """Key frames of MP4, each shown as long after it is decoded as the first one is.

    Where FFmpeg passes over the packets between, it forgets to pass over their offsets and takes those of other
    frames: stamps are wrong by as much as frames are reordered (libavformat 62, `mov_read_packet`).
    """
    behind: int | None = None
    for packet in packets:
        if packet.pts is not None and packet.dts is not None:
            behind = packet.pts - packet.dts if behind is None else behind
            packet.pts = packet.dts + behind
        yield packet


def _hurried(packets: Iterator[Any], codec: Any, over: tuple[float, float]) -> Iterator[Any]:
    """All packets; those of a stretch are for a decoder that passes over what no other picture is predicted from."""
    hurries = False
    for packet in packets:
        inside = packet.pts is not None and over[0] <= packet.pts < over[1]
        if inside != hurries:
            codec.skip_frame, hurries = "NONREF" if inside else "DEFAULT", inside
        yield packet


def decode(
    container: Any, stream: Any, damage: Damage, over: tuple[float, float] | None = None
) -> Iterator[Any | None]:
    """Frames in display order; None for each packet that gave no frame, so that callers can show progress.

    Args:
        container: the file.
        stream: one of its streams.
        damage: what is left out is counted here.
        over: time stamps, ticks, between which pictures that no other is predicted from may be missing.
    """
    flushed = False
    packets = demux(container, stream, damage)
    if stream.discard == Discard.nonkey and _is_mp4(container):
        packets = _as_far_behind(packets)
    if over is not None:
        packets = _hurried(packets, stream.codec_context, over)
    for packet in packets:
        flushed = packet.dts is None and packet.size == 0
        yield from decode_packet(stream, packet, damage)
    if not flushed:
        yield from decode_packet(stream, None, damage)


def decode_packet(stream: Any, packet: Any | None, damage: Damage) -> Iterator[Any | None]:
    """Frames of one packet, of the flush when it is None; None where it gave no frame."""
    try:
        frames = stream.codec_context.decode(packet)
    except av.error.EOFError:
        return
    except av.FFmpegError as error:
        _refuse_if_out_of_memory(error)
        damage.packets += 1
        yield None
        return
    if not frames:
        yield None
    yield from frames


def decode_video(
    container: Any, stream: Any, damage: Damage, over: tuple[float, float] | None = None
) -> Iterator[Any | None]:
    """Like `decode`, without pictures that are, or are predicted from, damaged ones; see the module."""
    broken_at = 0
    waiting = False
    for frame in decode(container, stream, damage, over):
        if damage.packets > broken_at:
            broken_at, waiting = damage.packets, True
        if frame is None:
            yield None
            continue
        if frame.is_corrupt:
            waiting = True
        elif frame.key_frame:
            waiting = False
        if waiting:
            damage.pictures += 1
            yield None
        else:
            yield frame


def _is_mp4(container: Any) -> bool:
    return bool(container.format.name.startswith("mov"))


def _refuse_if_out_of_memory(error: av.FFmpegError) -> None:
    if isinstance(error, MemoryError) or error.errno == 12:
        raise MemoryError from error
