"""Writing media that Haechi itself makes: working copies, demo and test clips.

Frames and samples come from our own arrays, so encoding runs in this process (decoding never does, see `sandbox`).
Colour: BGR is taken as BT.709 gamma and written as BT.709 limited range with the tags set (BT.601 where a codec has
no tags), so that a decoder that honours tags gives the same colours back. Luma (h, w) frames are written as grey. Odd
sizes grow by one repeated column or row where the pixel format needs even ones.
Limits: the suffix chooses the container; AVI, MPEG and raw formats keep no variable frame rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from haechi.core.errors import InputError

_TICKS_PER_S = 60_000  # MPEG-4 Part 2 allows at most 65,535
_CRF_CODECS = frozenset({"libx264", "libx265", "libvpx-vp9", "libsvtav1", "libaom-av1"})
_PRESET_CODECS = frozenset({"libx264", "libx265"})
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
_BT709 = 1  # ITU-T H.273: the code point of BT.709 for primaries, transfer and matrix
_BT601 = 6
_SWS_MATRIX = {_BT709: Colorspace.ITU709, _BT601: Colorspace.ITU601}
_UNTAGGED_CODECS = frozenset({"mpeg4", "mpeg1video", "mpeg2video", "msmpeg4", "flv", "h263"})
_LIMITED, _FULL = 1, 2  # AVCOL_RANGE_MPEG, _JPEG


@dataclass(frozen=True, slots=True)
class VideoCoding:
    """How pictures are written.

    Attributes:
        variable: each frame comes with its own time stamp; else frames follow each other at `frame_rate`.
        options: go to the encoder as they are and win over the other fields.
        title: the stream's name in the file.
    """

    frame_rate: float
    codec: str = "libx264"
    crf: int = 18
    preset: str = "veryfast"
    pixel_format: str = "yuv420p"
    variable: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    title: str = ""

    @property
    def time_base(self) -> Fraction:
        """Unit of the time stamps, seconds."""
        return Fraction(1, _TICKS_PER_S) if self.variable else 1 / self.rate

    @property
    def rate(self) -> Fraction:
        """Frames per second as a fraction; the NTSC rates are exact."""
        ntsc = Fraction(round(self.frame_rate * 1.001), 1) / Fraction(1001, 1000)
        near = Fraction(self.frame_rate).limit_denominator(1000)
        return ntsc if near.denominator != 1 and abs(float(ntsc) - self.frame_rate) < 5e-3 else near

    def matrix(self, width: int, height: int) -> int:
        """H.273 code of the YUV matrix: BT.709, or what decoders assume where the codec carries no tag."""
        if self.codec == "mjpeg":
            return _BT601
        small = height < 720 and width < 1280
        return _BT601 if self.codec in _UNTAGGED_CODECS and small else _BT709

    def encoder_options(self) -> dict[str, str]:
        """Everything that the encoder is told."""
        options: dict[str, str] = {}
        if self.codec in _CRF_CODECS:
            options["crf"] = str(self.crf)
        if self.codec in _PRESET_CODECS:
            options["preset"] = self.preset
        if self.codec == "libsvtav1":
            options["preset"] = "10"
        if self.codec in _UNTAGGED_CODECS or self.codec == "mjpeg":
            options["b"] = "8M"  # FFmpeg's own 200 kbit/s is unusable
        if self.codec == "libvpx-vp9":
            options |= {"b": "0", "deadline": "realtime", "cpu-used": "8"}
        if self.codec == "libx265":
            options["x265-params"] = "log-level=none"
        return options | dict(self.options)


@dataclass(frozen=True, slots=True)
class AudioCoding:
    """How sound is written."""

    sample_rate: int = 16_000
    channels: int = 1
    codec: str = "aac"
    bit_rate: int = 96_000


class MediaWriter:
    """One file in the making: add frames and samples in order of time, then leave the `with` block.

    Raises:
        InputError: the pictures or samples do not fit the chosen codec or container.
        OSError: the file cannot be written, e.g. the disk is full.
    """

    def __init__(
        self, path: Path, video: VideoCoding | None, audio: AudioCoding | None, *, small: VideoCoding | None = None
    ) -> None:
        self._path = path
        self._audio_coding = audio
        self._container = _open_output(path)
        self._video = None if video is None else _Pictures(self._container, path, video)
        self._small = None if small is None else _Pictures(self._container, path, small)
        self._audio = self._add_audio_stream(audio) if audio is not None else None
        self._samples_written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._finish()
        self._container.close()

    @property
    def audio_end_s(self) -> float:
        """How far the sound reaches, seconds."""
        return self._samples_written / self._audio_coding.sample_rate if self._audio_coding else 0.0

    def add_frame(
        self, image: NDArray[np.uint8], time_s: float | None = None, small: NDArray[np.uint8] | None = None
    ) -> None:
        """Append a picture: uint8 (h, w, 3) BGR or (h, w) luma; `time_s` counts when it is variable.

        A writer opened with a coding for `small` keeps a second, smaller picture beside every one.
        """
        if self._video is None:
            raise InputError(f"{self._path.name} was opened for sound only; open it with a VideoCoding")
        pictures = [(self._video, image)]
        if self._small is not None and small is not None:
            pictures.append((self._small, small))
        frames = [(kept, kept.frame(one, time_s)) for kept, one in pictures]
        for kept, frame in frames:  # both streams are there before the first packet is written
            self._mux(kept.stream, frame)

    def add_audio(self, samples: NDArray[np.float32]) -> None:
        """Append sound: float32 (n,) or (n, channels), -1..1."""
        if self._audio is None or self._audio_coding is None:
            raise InputError(f"{self._path.name} was opened without sound; open it with an AudioCoding")
        planes = np.atleast_2d(np.asarray(samples, dtype=np.float32).T)
        if planes.shape[1] == 0:
            return
        if self._video is not None and self._video.stream is None:
            raise InputError(f"{self._path.name} needs its first picture before sound; add a frame first")
        layout = _LAYOUTS[self._audio_coding.channels]
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(planes), format="fltp", layout=layout)
        frame.sample_rate = self._audio_coding.sample_rate
        frame.time_base = Fraction(1, self._audio_coding.sample_rate)
        frame.pts = self._samples_written
        self._samples_written += planes.shape[1]
        self._mux(self._audio, frame)

    def _add_audio_stream(self, coding: AudioCoding) -> Any:
        if coding.channels not in _LAYOUTS:
            raise InputError(f"{coding.channels} channels cannot be written; use 1, 2 or 6")
        try:
            stream: Any = self._container.add_stream(
                coding.codec, rate=coding.sample_rate, layout=_LAYOUTS[coding.channels]
            )
        except (ValueError, av.FFmpegError) as error:
            raise InputError(f"cannot write {coding.codec} into {self._path.name}: {error}") from error
        if not coding.codec.startswith(("pcm", "flac")):
            stream.bit_rate = coding.bit_rate
        return stream

    def _mux(self, stream: Any, frame: Any) -> None:
        try:
            for packet in stream.encode(frame):
                self._container.mux(packet)
        except (av.error.ArgumentError, av.error.EncoderNotFoundError) as error:
            raise InputError(f"cannot write {stream.name} into {self._path.name}: {error}") from error

    def _finish(self) -> None:
        pictures = (kept.stream for kept in (self._video, self._small) if kept is not None)
        for stream in (*pictures, self._audio):
            if stream is not None:
                self._mux(stream, None)


class _Pictures:
    """One stream of pictures of one size, added to its container with the first of them."""

    def __init__(self, container: Any, path: Path, coding: VideoCoding) -> None:
        self._container, self._path, self._coding = container, path, coding
        self.stream: Any = None
        self._shape: tuple[int, ...] = ()
        self._tick = -1

    def frame(self, image: NDArray[np.uint8], time_s: float | None) -> Any:
        """The picture as the encoder takes it."""
        coding = self._coding
        if self.stream is None:
            self._shape = image.shape
            self.stream = self._add(image)
        if image.shape != self._shape:
            raise InputError(f"frame is {image.shape}, the first was {self._shape}; resize all frames alike")
        if coding.variable and time_s is None:
            raise InputError(f"{self._path.name} has a variable frame rate; give each frame its time")
        self._tick = max(self._tick + 1, round(time_s * _TICKS_PER_S) if coding.variable and time_s else 0)
        frame = _to_video_frame(image, coding)
        frame.time_base = coding.time_base
        frame.pts = self._tick
        return frame

    def _add(self, image: NDArray[np.uint8]) -> Any:
        coding = self._coding
        try:
            stream: Any = self._container.add_stream(coding.codec, rate=coding.rate, options=coding.encoder_options())
        except (ValueError, av.FFmpegError) as error:
            raise InputError(f"cannot write {coding.codec} into {self._path.name}: {error}") from error
        height, width = image.shape[:2]
        step_x, step_y = _chroma_steps(coding.pixel_format)
        stream.width, stream.height = width + width % step_x, height + height % step_y
        stream.pix_fmt = coding.pixel_format
        if coding.title:
            stream.metadata["title"] = coding.title
        context = stream.codec_context
        context.time_base = coding.time_base
        if coding.pixel_format.startswith("yuv"):
            context.colorspace = coding.matrix(width, height)
            context.color_primaries = context.color_trc = _BT709
            context.color_range = _LIMITED
        elif coding.pixel_format == "gray":
            context.color_range = _FULL
        return stream


def write_video(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    frame_rate: float,
    *,
    times_s: Sequence[float] | None = None,
    audio: NDArray[np.float32] | None = None,
    sample_rate: int = 16_000,
    codec: str = "libx264",
    crf: int = 18,
    preset: str = "veryfast",
    pixel_format: str = "yuv420p",
    audio_codec: str = "aac",
    audio_bit_rate: int = 96_000,
    options: Mapping[str, str] | None = None,
) -> None:
    """Write pictures, and sound when given, as one video file.

    Args:
        path: where; the suffix chooses the container.
        frames: uint8 (h, w, 3) BGR or (h, w) luma, all of one size; consumed lazily.
        frame_rate: frames per second; only nominal when `times_s` is given.
        times_s: one ascending time stamp per frame, seconds, for a variable frame rate.
        audio: float32 (n,) or (n, channels), -1..1; starts at time 0.
        sample_rate: of `audio`, Hz.
        codec: FFmpeg's name of the video encoder.
        crf: constant quality, for encoders that have it.
        preset: x264's and x265's speed.
        pixel_format: FFmpeg's name, e.g. "yuv420p10le".
        audio_codec: FFmpeg's name of the audio encoder.
        audio_bit_rate: bits per second, for lossy encoders.
        options: further options of the video encoder.

    Raises:
        InputError: no frame at all, frames of different sizes, or a codec that the container cannot hold.
    """
    coding = VideoCoding(frame_rate, codec, crf, preset, pixel_format, times_s is not None, options or {})
    sound = None if audio is None else AudioCoding(sample_rate, _channels(audio), audio_codec, audio_bit_rate)
    with MediaWriter(path, coding, sound) as writer:
        _write_frames(writer, frames, frame_rate, times_s, audio, sample_rate)


def _write_frames(
    writer: MediaWriter,
    frames: Iterable[NDArray[np.uint8]],
    frame_rate: float,
    times_s: Sequence[float] | None,
    audio: NDArray[np.float32] | None,
    sample_rate: int,
) -> None:
    index = -1
    for index, image in enumerate(frames):
        time_s = index / frame_rate if times_s is None else float(times_s[index])
        writer.add_frame(image, time_s)
        if audio is not None:
            _write_sound_until(writer, audio, sample_rate, time_s + 1.0)
    if index < 0:
        raise InputError("no frame was given for the video; give at least one")
    if audio is not None:
        _write_sound_until(writer, audio, sample_rate, float("inf"))


def write_audio(
    path: Path,
    samples: NDArray[np.float32],
    sample_rate: int,
    *,
    codec: str = "pcm_s16le",
    bit_rate: int = 96_000,
) -> None:
    """Write sound alone: float32 (n,) or (n, channels), -1..1; the suffix chooses the container."""
    with MediaWriter(path, None, AudioCoding(sample_rate, _channels(samples), codec, bit_rate)) as writer:
        _write_sound_until(writer, samples, sample_rate, float("inf"))


def _write_sound_until(writer: MediaWriter, samples: NDArray[np.float32], rate: int, end_s: float) -> None:
    start = round(writer.audio_end_s * rate)
    end = len(samples) if end_s == float("inf") else min(len(samples), round(end_s * rate))
    for block_start in range(start, end, rate):
        writer.add_audio(samples[block_start : min(end, block_start + rate)])


def _channels(samples: NDArray[np.float32]) -> int:
    return 1 if samples.ndim == 1 else samples.shape[1]


def _open_output(path: Path) -> Any:
    try:
        return av.open(str(path), "w")
    except ValueError as error:
        raise InputError(f"{path.name} names no container; end it in .mp4, .mkv, .wav, ...") from error


def _chroma_steps(pixel_format: str) -> tuple[int, int]:
    if "420" in pixel_format or pixel_format in {"nv12", "yuvj420p"}:
        return 2, 2
    return (2, 1) if "422" in pixel_format else (1, 1)


def _to_video_frame(image: NDArray[np.uint8], coding: VideoCoding) -> Any:
    pixel_format = coding.pixel_format
    step_x, step_y = _chroma_steps(pixel_format)
    height, width = image.shape[:2]
    if width % step_x or height % step_y:
        grow = ((0, height % step_y), (0, width % step_x), (0, 0))
        image = np.pad(image, grow[: image.ndim], mode="edge")
    if image.ndim == 2 and pixel_format.startswith("yuv"):
        image = np.repeat(image[:, :, None], 3, axis=2)
    name = "gray" if image.ndim == 2 else "bgr24"
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format=name)
    if not pixel_format.startswith("yuv"):
        return frame if pixel_format == name else frame.reformat(format=pixel_format)
    full_range = pixel_format.startswith("yuvj")
    return frame.reformat(
        format=pixel_format,
        dst_colorspace=_SWS_MATRIX[coding.matrix(width, height)],
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.JPEG if full_range else ColorRange.MPEG,
    )
