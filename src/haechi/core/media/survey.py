"""The decoding job behind `probe.probe_media`; runs only inside the decoding child.

1. Images: the header, and for animations the time of every frame.  2. Containers: the first picture and the
first block of sound are decoded; a stream that gives none is not there.  3. The length is measured from
packets, never believed: small files are read to the end, of large ones the beginning and the end.
Limits: of large files damage in the middle is not seen here; `decode` leaves it out and says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from haechi.core.errors import UnreadableMediaError
from haechi.core.media import container as box
from haechi.core.media import heic
from haechi.core.media.clock import Beat
from haechi.core.media.images import ImageReader, sniff
from haechi.core.media.pixels import Geometry, hdr_kind, pixel_aspect, plan

_WHOLE_FILE_BYTES = 64 << 20
_HEAD_PACKETS = 300
_REORDERED = 17  # packets come in decoding order: the last stamps of a part of the file have holes
_PICTURES_LOOKED_AT = 3
_CLAIM_SLACK = 1.02
_NTH_JITTER = 0.05

Message = tuple[dict[str, Any], NDArray[Any] | None]


def run(descriptor: int, name: str, params: dict[str, Any]) -> Iterator[Message]:
    """One header {"info": fields of MediaInfo}, beats before it."""
    max_pixels, longest_s = int(params["max_pixels"]), float(params["max_duration_s"])
    image_format = sniff(descriptor)
    if image_format == "HEIC":
        yield {"info": _heic(descriptor, name, max_pixels)}, None
    elif image_format is not None:
        yield from _image(ImageReader(descriptor, name, max_pixels), name, longest_s)
    else:
        yield from _container(descriptor, name, max_pixels, longest_s)


def _empty() -> dict[str, Any]:
    return {
        "kind": "image",
        "container": "",
        "duration_s": None,
        "width": None,
        "height": None,
        "rotation_deg": 0,
        "frame_rate": None,
        "variable_frame_rate": False,
        "video_codec": None,
        "pixel_format": None,
        "bit_depth": None,
        "hdr": None,
        "interlaced": False,
        "has_alpha": False,
        "has_audio": False,
        "audio_codec": None,
        "sample_rate": None,
        "channels": None,
        "notes": [],
    }


def _heic(descriptor: int, name: str, max_pixels: int) -> dict[str, Any]:
    facts = heic.info(descriptor, name, max_pixels)
    return _empty() | {
        "container": "heic",
        "width": facts.width,
        "height": facts.height,
        "rotation_deg": facts.rotation_deg,
        "video_codec": "hevc",
        "pixel_format": facts.pixel_format,
        "bit_depth": facts.bit_depth,
    }


def _image(reader: ImageReader, name: str, longest_s: float) -> Iterator[Message]:
    facts = reader.info()
    info = _empty() | {
        "container": facts.container.lower(),
        "width": facts.width,
        "height": facts.height,
        "rotation_deg": facts.orientation.rotation_deg,
        "video_codec": facts.container.lower(),
        "pixel_format": facts.mode.lower(),
        "bit_depth": facts.bit_depth,
        "has_alpha": facts.has_alpha,
        "notes": list(facts.notes),
    }
    if facts.animated:
        beat = Beat()
        delays: list[float] = []
        total_s = 0.0
        for delay_s in reader.durations():
            delays.append(delay_s)
            total_s += delay_s
            _refuse_too_long(total_s, longest_s, name)
            if beat.due():
                yield {}, None
        if not delays:
            raise UnreadableMediaError(f"{name}: no picture could be decoded; get the file again from its source")
        info |= {
            "kind": "video",
            "duration_s": total_s,
            "frame_rate": len(delays) / total_s,
            "variable_frame_rate": max(delays) - min(delays) > _NTH_JITTER * min(delays),
        }
    else:
        reader.still(64, gray=True)
    yield {"info": info}, None


@dataclass(slots=True)
class _Timing:
    """What the packets say, seconds of the container's clock."""

    ends_s: dict[int, float] = field(default_factory=dict)
    video_stamps: list[int] = field(default_factory=list)
    head: bool = True
    beat: Beat = field(default_factory=Beat)

    def see(self, packet: Any, video: Any | None) -> None:
        """Note one packet."""
        if packet.pts is None or packet.size == 0:
            return
        end_s = float((packet.pts + (packet.duration or 0)) * packet.time_base)
        index = packet.stream.index
        self.ends_s[index] = max(end_s, self.ends_s.get(index, end_s))
        wanted = self.head and len(self.video_stamps) < _HEAD_PACKETS
        if video is not None and index == video.index and wanted:
            self.video_stamps.append(int(packet.pts))


def _container(descriptor: int, name: str, max_pixels: int, longest_s: float) -> Iterator[Message]:
    info = _empty()
    container = box.open_container(descriptor, name, max_pixels)
    video, audio = box.video_stream(container, name), box.audio_stream(container)
    info["container"] = container.format.name.split(",")[0]
    damage = box.Damage()
    origin_s: float | None = None
    if video is not None:
        frames = _first_pictures(container, video, damage, name)
        origin_s = float((frames[0].pts or 0) * video.time_base)
        _describe_video(info, video, frames, plan(frames[0], video, None, max_pixels, name))
    if audio is not None:
        sound = _first_sound(descriptor, name, max_pixels)
        if sound is not None:
            origin_s = sound[0] if origin_s is None else origin_s
            info |= sound[1]
        else:
            info["notes"].append("a sound track is named but nothing in it could be decoded")
    if origin_s is None:
        raise UnreadableMediaError(
            f"{name}: neither a picture nor sound could be decoded; get the file again from its source"
        )
    info["kind"] = "audio" if video is None else "video"
    container.close()
    container = box.open_container(descriptor, name, max_pixels)
    video, audio = box.video_stream(container, name), box.audio_stream(container)
    timing = _Timing()
    yield from _measure(container, video, audio, timing, damage)
    _describe_timing(info, container, video or audio, timing, origin_s)
    _refuse_too_long(info["duration_s"] or 0.0, longest_s, name)
    info["notes"] += damage.sentences()
    yield {"info": info}, None


def _first_pictures(container: Any, stream: Any, damage: box.Damage, name: str) -> list[Any]:
    frames: list[Any] = []
    stream.thread_type = "NONE"
    for frame in box.decode_video(container, stream, damage):
        if frame is not None:
            frames.append(frame)
        if len(frames) == _PICTURES_LOOKED_AT:
            break
    if not frames:
        raise UnreadableMediaError(f"{name}: no picture could be decoded; get the file again from its source")
    return frames


def _first_sound(descriptor: int, name: str, max_pixels: int) -> tuple[float, dict[str, Any]] | None:
    """Stamp in seconds and description of the first block of sound."""
    container = box.open_container(descriptor, name, max_pixels)
    try:
        stream: Any = box.audio_stream(container)
        for frame in box.decode(container, stream, box.Damage()):
            if frame is not None:
                facts = {
                    "has_audio": True,
                    "audio_codec": stream.codec_context.name,
                    "sample_rate": frame.sample_rate,
                    "channels": len(frame.layout.channels),
                }
                return float((frame.pts or 0) * stream.time_base), facts
        return None
    finally:
        container.close()


def _describe_video(info: dict[str, Any], stream: Any, frames: list[Any], geometry: Geometry) -> None:
    frame = frames[0]
    components = frame.format.components
    notes = info["notes"]
    hdr = hdr_kind(frame.color_trc)
    interlaced = any(f.interlaced_frame for f in frames)
    if geometry.orientation.mirrored:
        notes.append("stored mirrored; shown as its display matrix asks")
    if hdr is not None:
        notes.append(f"HDR ({hdr.upper()}) was converted to SDR by a fixed tone curve")
    if interlaced:
        notes.append("interlaced; it is deinterlaced before it is compared")
    if abs(pixel_aspect(stream) - 1) > 1e-3:
        notes.append(f"pixels are not square; shown at {geometry.displayed[0]} x {geometry.displayed[1]}")
    if stream.metadata.get("alpha_mode") == "1":
        notes.append("a transparency layer is ignored")
    info |= {
        "width": geometry.displayed[0],
        "height": geometry.displayed[1],
        "rotation_deg": geometry.orientation.rotation_deg,
        "frame_rate": box.rate_of(stream),
        "video_codec": stream.codec_context.name,
        "pixel_format": frame.format.name,
        "bit_depth": components[0].bits if components else None,
        "hdr": hdr,
        "interlaced": interlaced,
        "has_alpha": any(component.is_alpha for component in components),
    }


def _measure(
    container: Any, video: Any | None, audio: Any | None, timing: _Timing, damage: box.Damage
) -> Iterator[Message]:
    """Read packets: all of a small file; of a large one the beginning, then the end."""
    streams = [stream for stream in (video, audio) if stream is not None]
    whole = container.size <= _WHOLE_FILE_BYTES or not container.duration
    yield from _see_packets(container, streams, video, timing, damage, None if whole else _HEAD_PACKETS)
    if whole:
        return
    head, timing.head = dict(timing.ends_s), False
    try:
        container.seek(max(0, int(container.duration) - 5 * av.time_base))
        yield from _see_packets(container, streams, video, timing, damage, None)
    except av.FFmpegError:
        pass
    if timing.ends_s == head:
        container.seek(0)
        yield from _see_packets(container, streams, video, timing, damage, None)


def _see_packets(
    container: Any,
    streams: list[Any],
    video: Any | None,
    timing: _Timing,
    damage: box.Damage,
    count: int | None,
) -> Iterator[Message]:
    for seen, packet in enumerate(box.demux(container, streams, damage)):
        timing.see(packet, video)
        if count is not None and seen >= count:
            return
        if timing.beat.due():
            yield {}, None


def _describe_timing(info: dict[str, Any], container: Any, stream: Any, timing: _Timing, origin_s: float) -> None:
    end_s = max(timing.ends_s.values(), default=origin_s)
    measured_s = max(0.0, end_s - origin_s)
    claimed_s = container.duration / av.time_base if container.duration else 0.0
    if claimed_s > measured_s * _CLAIM_SLACK + 1.0:
        info["notes"].append(f"the header claims {claimed_s:.1f} s, but only {measured_s:.1f} s are there")
    info["duration_s"] = measured_s
    if not timing.head or len(timing.video_stamps) == _HEAD_PACKETS:
        timing.video_stamps = sorted(timing.video_stamps)[:-_REORDERED]
    if len(timing.video_stamps) < 3:
        return
    ticks = np.sort(np.array(timing.video_stamps, dtype=np.float64))
    deltas = np.diff(ticks) * float(stream.time_base)
    usual_s = float(np.median(deltas))
    slack_s = max(0.002, 2 * float(stream.time_base), _NTH_JITTER * usual_s)
    info["variable_frame_rate"] = bool(np.max(np.abs(deltas - usual_s)) > slack_s)


def _refuse_too_long(duration_s: float, longest_s: float, name: str) -> None:
    if duration_s > longest_s:
        raise UnreadableMediaError(
            f"{name}: longer than the limit of {longest_s:.0f} s; cut it or raise HAECHI_LIMIT_MAX_DURATION_S"
        )
