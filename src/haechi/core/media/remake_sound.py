"""A sound once more, with other samples; everything else goes through untouched. See `remake` for the manner.

1. Refuse what cannot be written again as it is.
2. Read the sound once in mono at 16 kHz: the change makes its plan.
3. Read it again: decode, change at the sound's own rate in all its channels, encode with the source's codec, rate,
   layout and sample format (bit rate at least the source's and `LEAST_BIT_RATE` a channel); other streams (cover
   pictures), metadata and chapters are copied.
Time: the new first sample has the stamp of the old one. What coders add at the beginning (priming) is cut from the
source by its decoder, and written down by the container where it can (MP4, MP3, Opus). At the end some samples of
silence can be more (AAC: 8 of 30 s).
Limits: float samples beyond full scale are kept only where the codec is float; no encoder for Vorbis: refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from haechi.core.errors import UnreadableMediaError
from haechi.core.media import container as box
from haechi.core.media import samples as line
from haechi.core.media.clock import Beat
from haechi.core.media.images import sniff
from haechi.core.media.remake_output import (
    PIECE_BYTES,
    Message,
    Sink,
    copy_about,
    copy_streams,
    muxer_of,
    muxer_options,
)

MONO_RATE: Final = 16_000
AUDIO_CODECS: Final[Mapping[str, str]] = {
    "mp3": "libmp3lame",
    "mp3float": "libmp3lame",
    "aac": "aac",
    "opus": "libopus",
    "libopus": "libopus",
    "flac": "flac",
    "alac": "alac",
}
"""Encoder for each codec of the source; PCM of all kinds is written as it was."""
LEAST_BIT_RATE: Final = 96_000
_LOSSY: Final = frozenset({"libmp3lame", "aac", "libopus"})
_MOST_BIT_RATE: Final = {"libmp3lame": 320_000}
_PCM: Final = ("pcm_s", "pcm_f", "pcm_u8")

Floats = NDArray[np.float32]


class SoundChange(Protocol):
    """What is done to the samples."""

    def add(self, samples: Floats) -> Floats:
        """Take float32 (n, channels), give what is ready."""

    def finish(self) -> Floats:
        """Give the rest: in all as many samples as came in."""

    def facts(self) -> dict[str, Any]:
        """What is to be told at the end."""


@dataclass(frozen=True, slots=True)
class SoundFacts:
    """What a change must know of a sound."""

    rate: int
    channels: int


def run_audio(
    descriptor: int, name: str, params: dict[str, Any], change: Callable[[SoundFacts, Iterable[Floats]], SoundChange]
) -> Iterator[Message]:
    """The sound with its samples changed; see the module for the steps."""
    if sniff(descriptor) is not None:
        yield {"refused": "format"}, None
        return
    source = box.open_container(descriptor, name, int(params["max_pixels"]))
    stream, muxer = box.audio_stream(source), muxer_of(source.format.name, name)
    if stream is None or muxer is None or _encoder_of(stream.codec_context.name) is None:
        yield {"refused": "format"}, None
        return
    facts = SoundFacts(stream.codec_context.sample_rate, stream.codec_context.layout.nb_channels)
    source.close()
    yield {"slot_bytes": PIECE_BYTES}, None
    made: list[SoundChange] = []
    yield from _planned(descriptor, name, params, facts, change, made)
    yield from _Sound(descriptor, name, params, muxer, made[0]).run()


def _encoder_of(codec: str) -> str | None:
    return codec if codec.startswith(_PCM) else AUDIO_CODECS.get(codec)


def _planned(
    descriptor: int,
    name: str,
    params: dict[str, Any],
    facts: SoundFacts,
    change: Callable[[SoundFacts, Iterable[Floats]], SoundChange],
    made: list[SoundChange],
) -> Iterator[Message]:
    """Step 2: the change goes into `made`; empty messages show that there is progress."""
    mono: list[Floats] = []
    wanted = {**params, "sample_rate": MONO_RATE, "start_s": 0.0, "end_s": None, "short_filter": False}
    for _, values in line.run(descriptor, name, wanted):
        if values is not None:
            mono.append(np.asarray(values, np.float32))
        yield {}, None
    made.append(change(facts, mono))


class _Sound:
    """One sound on its way."""

    def __init__(self, descriptor: int, name: str, params: dict[str, Any], muxer: str, change: SoundChange) -> None:
        self._name, self._change = name, change
        options = muxer_options(muxer, descriptor)  # before the demuxer reads on
        self._source = box.open_container(descriptor, name, int(params["max_pixels"]))
        self._stream: Any = box.audio_stream(self._source)
        self._sink = Sink()
        self._target = av.open(self._sink, "w", format=muxer, options=options)
        self._encoder, self._copies, self._dropped = copy_streams(
            self._source, self._target, but=self._stream, anew=self._add_encoder
        )
        copy_about(self._source, self._target, self._stream, self._encoder)
        self._resampler = av.AudioResampler(self._encoder.format, self._encoder.layout, self._encoder.rate)
        self._written: int | None = None

    def run(self) -> Iterator[Message]:
        """Pieces of the new file."""
        if self._dropped:
            self._target.close()
            yield {"refused": "streams"}, None
            return
        beat, damage, count = Beat(), box.Damage(), 0
        wanted = [self._stream, *(self._source.streams[index] for index in self._copies)]
        for packet in self._source.demux(wanted):
            if packet.stream.index != self._stream.index:
                if packet.size and packet.dts is not None:
                    packet.stream = self._copies[packet.stream.index]
                    self._target.mux(packet)
                continue
            for frame in box.decode_packet(self._stream, packet if packet.size else None, damage):
                if frame is not None:
                    count += 1
                    self._start(frame)
                    self._write(self._change.add(planes_of(frame)))
            yield from self._sink.pieces()
            if beat.due():
                yield {}, None
        if damage.packets or not count:
            raise UnreadableMediaError(f"{self._name}: damaged; it cannot be marked whole; get it again")
        self._write(self._change.finish())
        self._flush()
        self._target.close()
        yield from self._sink.pieces(last=True)
        yield {"done": self._change.facts()}, None

    def _start(self, frame: Any) -> None:
        if self._written is None:
            stamp_s = 0.0 if frame.pts is None else float(frame.pts * self._stream.time_base)
            self._written = round(stamp_s * self._stream.codec_context.sample_rate)

    def _write(self, samples: Floats) -> None:
        if not len(samples):
            return
        known = self._stream.codec_context
        planes = np.ascontiguousarray(samples.T)
        if known.format.name[:3] not in ("flt", "dbl"):
            np.clip(planes, -1, 1, out=planes)
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=known.layout)
        frame.sample_rate = known.sample_rate
        frame.pts = self._written
        self._written = (self._written or 0) + len(samples)
        for piece in self._resampler.resample(frame):
            self._target.mux(self._encoder.encode(piece))

    def _flush(self) -> None:
        for piece in self._resampler.resample(None):
            self._target.mux(self._encoder.encode(piece))
        self._target.mux(self._encoder.encode(None))

    def _add_encoder(self) -> Any:
        known = self._stream.codec_context
        codec = _encoder_of(known.name) or known.name
        rate = 48_000 if codec == "libopus" else known.sample_rate
        made: Any = self._target.add_stream(codec, rate=rate, layout=known.layout)
        if codec in _LOSSY:
            least = LEAST_BIT_RATE * known.layout.nb_channels
            source_rate = self._stream.bit_rate if hasattr(self._stream, "bit_rate") else known.bit_rate
            made.bit_rate = min(max(least, source_rate or 0), _MOST_BIT_RATE.get(codec, 510_000))
        else:
            made.format = _sample_format(codec, known)
        return made


def _sample_format(codec: str, known: Any) -> str:
    """The encoder's sample format that holds the source's."""
    formats = [one.name for one in av.codec.Codec(codec, "w").audio_formats or []]
    if known.format.name in formats:
        return str(known.format.name)
    wide = known.format.bits > 16
    return next((one for one in formats if ("s32" in one) == wide), formats[0])


def planes_of(frame: Any) -> Floats:
    """Samples of a decoded block, float32 (n, channels)."""
    channels = frame.layout.nb_channels
    values = frame.to_ndarray()
    if values.shape[0] != channels:
        values = values.reshape(-1, channels).T
    return np.nan_to_num(line.to_float(values).T, nan=0.0, posinf=1.0, neginf=-1.0)
