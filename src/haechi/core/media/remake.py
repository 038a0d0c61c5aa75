"""A film or a sound once more, with other pictures or samples; everything else goes through untouched.

Runs only inside the decoding child: the whole chain - demuxing, decoding, change, encoding, muxing - is there, and what
comes out is the finished file in pieces ({"at": offset}, bytes), which the parent writes. So nothing of an untrusted
file is parsed outside the child, and memory does not grow with the length.

1. Refuse what cannot be written again as it is: the answer is {"refused": word}.
2. One stream is decoded and encoded again, by the same codec where FFmpeg has an encoder for it, in the same pixel or
   sample format, with the same time stamps, colour tags, pixel aspect and display matrix. Every other stream's packets
   are copied as they are: sound beside a film, subtitles, data, cover pictures. Metadata and chapters are copied.
   Decoding and changing run ahead of coding in a thread of their own, a few frames and at most `_AHEAD_BYTES`.
3. Frames of the source that `params["seen"]` asks for go out on the way, as {"t": seconds} and their luma.
4. At the end {"done": facts}.
Encoder settings: `VIDEO_CODECS` and `AUDIO_CODECS`.
Limits: an MP4's index comes last (no "fast start") unless it comes in fragments; interlaced film, alpha, RGB and
palettes are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Final, Protocol

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from haechi.core.errors import UnreadableMediaError
from haechi.core.media import container as box
from haechi.core.media.ahead import ahead
from haechi.core.media.clock import BEAT_S, Beat
from haechi.core.media.images import sniff
from haechi.core.media.orientation import Orientation
from haechi.core.media.pixels import is_luma_full_range, plan
from haechi.core.media.remake_output import (
    PIECE_BYTES,
    Message,
    Sink,
    copy_about,
    copy_streams,
    muxer_of,
    muxer_options,
)
from haechi.core.media.remake_seen import Seen

_QUIET = {"x265-params": "log-level=none"}
VIDEO_CODECS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "h264": ("libx264", {"crf": "16", "preset": "veryfast"}),
    "hevc": ("libx265", {"crf": "16", "preset": "veryfast", **_QUIET}),
    "vp9": ("libvpx-vp9", {"crf": "16", "b": "0", "deadline": "good", "cpu-used": "5", "row-mt": "1"}),
    "av1": ("libsvtav1", {"crf": "20", "preset": "9"}),
    "prores": ("prores_ks", {}),
    "ffv1": ("ffv1", {"level": "3"}),
    "mpeg4": ("mpeg4", {"flags": "+qscale", "global_quality": "236"}),
    "mjpeg": ("mjpeg", {"flags": "+qscale", "global_quality": "236"}),
}
"""Encoder and its settings for each codec of the source."""

_PIXELS: Final = frozenset(
    f"{family}{depth}"
    for family in ("yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p", "gray")
    for depth in ("", "10le", "12le", "16le")
)
_PRORES_PROFILES: Final = {"apco": "proxy", "apcs": "lt", "apcn": "standard", "apch": "hq", "ap4h": "4444"}
_AHEAD, _AHEAD_BYTES = 8, 3 << 23
_LARGE_PIXELS: Final = 4_000_000
_LARGE_THREADS: Final = {"libx265": 1}
"""Of an encoder that holds many pictures for each thread; x265's rows of blocks are still coded side by side."""
_LARGE_THREADS_ELSE: Final = 4


class PictureChange(Protocol):
    """What is done to the luma of every frame."""

    def mark(self, luma: NDArray[Any]) -> NDArray[Any]:
        """The new luma of the next frame, (h, w), uint8 or uint16."""

    def facts(self) -> dict[str, Any]:
        """What is to be told at the end."""


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What a change must know of a film.

    Attributes:
        shape: (h, w) as stored.
        displayed: (w, h) as displayed, turned, with square pixels.
        orientation: how a stored frame is turned for display.
        bits: of a code value.
        levels: code values of black and white.
    """

    shape: tuple[int, int]
    displayed: tuple[int, int]
    orientation: Orientation
    bits: int
    levels: tuple[int, int]


def run_video(
    descriptor: int, name: str, params: dict[str, Any], change: Callable[[PictureFacts], PictureChange]
) -> Iterator[Message]:
    """The film with every frame's luma changed; see the module for the steps."""
    if sniff(descriptor) is not None:
        yield {"refused": "format"}, None
        return
    source = box.open_container(descriptor, name, int(params["max_pixels"]))
    stream = box.video_stream(source, name)
    muxer = muxer_of(source.format.name, name)
    first = None if stream is None else _first(source, stream)
    word = "format" if stream is None or muxer is None else _refusal(first, stream)
    if word is not None or first is None or stream is None or muxer is None:
        yield {"refused": word or "format"}, None
        return
    geometry = plan(first, stream, None, int(params["max_pixels"]), name)
    bits = first.format.components[0].bits
    levels = (0, (1 << bits) - 1) if is_luma_full_range(first) else (16 << bits - 8, 235 << bits - 8)  # BT.709, BT.2100
    facts = PictureFacts((first.height, first.width), geometry.displayed, geometry.orientation, bits, levels)
    source.close()
    yield {"slot_bytes": PIECE_BYTES}, None
    film = _Film(descriptor, name, params, muxer, first, change(facts))
    yield from film.run()


def _first(container: Any, stream: Any) -> Any:
    return next((frame for frame in box.decode_video(container, stream, box.Damage()) if frame is not None), None)


def _refusal(frame: Any, stream: Any) -> str | None:
    """Why a film cannot be written again, or None."""
    if frame is None:
        return "format"
    if frame.interlaced_frame:
        return "interlaced"
    codec = VIDEO_CODECS.get(stream.codec_context.name)
    if codec is None:
        return "format"
    known = {one.name for one in av.codec.Codec(codec[0], "w").video_formats or ()}
    return None if frame.format.name in _PIXELS & known else "format"


class _Film:
    """One film on its way."""

    def __init__(
        self, descriptor: int, name: str, params: dict[str, Any], muxer: str, first: Any, change: PictureChange
    ) -> None:
        self._name, self._params, self._change = name, params, change
        options = muxer_options(muxer, descriptor)  # before the demuxer reads on
        self._source = box.open_container(descriptor, name, int(params["max_pixels"]))
        self._stream = box.video_stream(self._source, name)
        self._sink = Sink()
        self._target = av.open(self._sink, "w", format=muxer, options=options)
        self._format, self._shape = first.format.name, (first.height, first.width)
        self._encoder, self._copies, self.dropped = copy_streams(
            self._source, self._target, but=self._stream, anew=lambda: self._add_encoder(first)
        )
        copy_about(self._source, self._target, self._stream, self._encoder)
        self._beat, self._frames = Beat(), 0
        self._frame_bytes = sum(plane.buffer_size for plane in first.planes)
        self._durations: dict[int, int] = {}
        wanted, most = params.get("seen"), int(params["max_pixels"])
        self._seen = None if wanted is None else Seen(wanted, first, self._stream, most, name)

    def run(self) -> Iterator[Message]:
        """Pieces of the new file."""
        if self.dropped:
            self._target.close()
            yield {"refused": "streams"}, None
            return
        assert self._stream is not None  # noqa: S101  it was there when the file was examined
        box.use_threads(self._stream)
        damage = box.Damage()
        for seen, frame, packet in ahead(self._items(damage), _room(self._frame_bytes)):
            if seen is not None:
                yield {"t": seen[0]}, seen[1]
            if frame is not None:
                self._encode(frame)
            elif packet is not None:
                self._copy(packet)
            yield from self._sink.pieces()
            if self._beat.due():
                yield {}, None
        if damage.notes or not self._frames:
            raise UnreadableMediaError(f"{self._name}: damaged; it cannot be marked whole; get it again")
        yield from self._flush()
        self._target.close()
        yield from self._sink.pieces(last=True)
        yield {"done": {"frames": self._frames, **self._change.facts()}}, None

    def _flush(self) -> Iterator[Message]:
        """What the encoder still holds: seconds of work for large pictures, during which the parent hears of us."""
        with ThreadPoolExecutor(1) as beside:
            rest = beside.submit(self._encoder.encode, None)
            while wait([rest], timeout=BEAT_S).not_done:
                yield {}, None
            self._mux(rest.result())

    def _items(self, damage: box.Damage) -> Iterator[tuple[Any, Any, Any]]:
        """In the file's order: what is to be seen of a frame, the changed frame, a packet to copy; or None of each."""
        for packet in self._packets(damage):
            index = packet.stream.index  # an empty packet's own stream_index says nothing
            if index != self._stream.index:  # type: ignore[union-attr]
                yield None, None, packet
                continue
            yield None, None, None
            for frame in _decoded(self._stream, packet):
                seen = None if self._seen is None else self._seen.picture(frame)
                yield seen, self._changed(frame), None

    def _packets(self, damage: box.Damage) -> Iterator[Any]:
        wanted = [self._stream, *(self._source.streams[index] for index in self._copies)]
        packets = self._source.demux(wanted)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, IndexError):
                return
            except av.FFmpegError:
                damage.notes.append("broken off")
                return
            yield packet

    def _copy(self, packet: Any) -> None:
        if packet.size and packet.dts is not None:
            packet.stream = self._copies[packet.stream.index]
            self._target.mux(packet)

    def _changed(self, frame: Any) -> Any:
        if frame.is_corrupt or (frame.height, frame.width) != self._shape or frame.format.name != self._format:
            raise UnreadableMediaError(f"{self._name}: damaged, or of changing size; it cannot be marked whole")
        frame.make_writable()
        luma = _luma_of(frame)
        luma[:] = self._change.mark(luma)
        frame.pict_type = 0  # the source's frame types are none of the new encoder's business
        return frame

    def _encode(self, frame: Any) -> None:
        self._frames += 1
        if frame.pts is not None and frame.duration:
            self._durations[frame.pts] = frame.duration
        self._mux(self._encoder.encode(frame))

    def _mux(self, packets: Any) -> None:
        """Encoders forget how long frames last: the last one's length is the film's."""
        for packet in packets:
            packet.duration = self._durations.pop(packet.pts, packet.duration)
            self._target.mux(packet)

    def _add_encoder(self, first: Any) -> Any:
        known = self._stream.codec_context  # type: ignore[union-attr]
        codec, options = VIDEO_CODECS[known.name]
        options = {
            **options,
            **({"crf": str(self._params["crf"])} if "crf" in options and "crf" in self._params else {}),
        }
        if codec == "prores_ks":
            options["profile"] = _PRORES_PROFILES.get(str(known.codec_tag), "hq")
        rate = self._stream.average_rate or self._stream.base_rate or 25  # type: ignore[union-attr]
        made: Any = self._target.add_stream(codec, rate=rate, options=options)
        made.width, made.height, made.pix_fmt = first.width, first.height, first.format.name
        context = made.codec_context
        context.time_base = self._stream.time_base  # type: ignore[union-attr]
        context.framerate = rate
        if first.width * first.height > _LARGE_PIXELS:
            context.thread_count = min(box.cores(), _LARGE_THREADS.get(codec, _LARGE_THREADS_ELSE))
        context.sample_aspect_ratio = known.sample_aspect_ratio or 1
        for tag in ("color_range", "color_primaries", "color_trc", "colorspace"):
            setattr(context, tag, getattr(known, tag))
        return made


def _decoded(stream: Any, packet: Any) -> list[Any]:
    try:
        return list(stream.codec_context.decode(packet if packet.size else None))
    except av.error.EOFError:
        return []


def _room(frame_bytes: int) -> int:
    """How many frames of a size may wait."""
    return max(1, min(_AHEAD, _AHEAD_BYTES // frame_bytes))


def _luma_of(frame: Any) -> NDArray[Any]:
    """A writable view of the luma, (h, w), uint8 or uint16."""
    plane = frame.planes[0]
    kind = np.dtype(np.uint8) if frame.format.components[0].bits <= 8 else np.dtype("<u2")
    rows: NDArray[Any] = np.frombuffer(plane, kind).reshape(plane.height, plane.line_size // kind.itemsize)
    return rows[:, : plane.width]
