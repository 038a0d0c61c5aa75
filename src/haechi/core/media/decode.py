"""Pictures of a media file, one after the other, decoded in a limited child process (`sandbox`).

Frames come in display order and display orientation as 8-bit SDR, alpha over mid grey. Times are the file's
own stamps, from 0 at its first frame. Damaged frames, and those predicted from them, are left out, never
guessed; `FrameStream.notes` says so at the end. The child decodes ahead while the caller works on the last
frame.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from haechi.core.errors import InputError, UnreadableMediaError
from haechi.core.media import sandbox
from haechi.core.settings import Limits


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture.

    Attributes:
        time_s: seconds since the first frame of the file.
        image: uint8 (h, w, 3) BGR, or (h, w) luma when grey was asked for; the caller's own.
        key: a key frame, decodable without others.
    """

    time_s: float
    image: NDArray[np.uint8]
    key: bool


@dataclass(frozen=True, slots=True)
class FrameRequest:
    """Which frames, and how.

    Attributes:
        max_side: the long side is scaled down to it (never up) by area averaging.
        gray: luma only.
        key_only: only key frames; the others are not even decoded.
        start_s: first wanted time.
        end_s: end of the wanted stretch, exclusive.
        min_interval_s: frames closer than this to the last one given are dropped.
        code_values: HDR without its tone curve: the luma that is coded, stretched to 0-255 as any other.
        at_once: a start far inside is decoded from the key frame at or before it on. Cheap; but some files show broken
            pictures there, so that else decoding begins some seconds before.
        thin: pictures that no other is predicted from need not be decoded while the rest are at least 12 a second.
        small: the small luma that our own working copies carry (`proxy`), where the file has it; only for those.
    """

    max_side: int | None = None
    gray: bool = False
    key_only: bool = False
    start_s: float = 0.0
    end_s: float | None = None
    min_interval_s: float = 0.0
    code_values: bool = False
    at_once: bool = False
    thin: bool = False
    small: bool = False


class FrameStream(Iterator[Frame]):
    """Frames of one file; closing it, or dropping it, ends the decoding child.

    Attributes:
        notes: what was left out or repaired, plain English; complete after the last frame.
        left_out: how many damaged frames and packets are missing; complete after the last frame.
    """

    def __init__(self, path: Path, limits: Limits, request: FrameRequest, *, only_first: bool = False) -> None:
        params = _params(limits, request, only_first)
        self.notes: tuple[str, ...] = ()
        self.left_out = 0
        self._name = path.name
        self._results: Generator[sandbox.Result, None, None] = sandbox.run_job("frames", path, limits, params)
        self._last_s = -math.inf

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Frame:
        for header, image in self._results:
            if image is not None:
                return self._frame(header, image)
            if "notes" in header:
                self.notes = tuple(map(str, header["notes"]))
                self.left_out = max(0, int(header.get("left_out", 0)))
        raise StopIteration

    def close(self) -> None:
        """End the child now."""
        self._results.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _frame(self, header: dict[str, Any], image: NDArray[Any]) -> Frame:
        time_s = header.get("t")
        sane = isinstance(time_s, int | float) and math.isfinite(time_s) and time_s > self._last_s
        if not sane or image.dtype != np.uint8 or image.ndim not in (2, 3):
            self.close()
            raise UnreadableMediaError(f"{self._name}: the decoder gave an impossible answer; treat it as hostile")
        self._last_s = float(header["t"])
        return Frame(self._last_s, image, bool(header.get("k")))


def read_frames(path: Path, limits: Limits, request: FrameRequest = FrameRequest()) -> FrameStream:
    """Frames in display order, times ascending from 0 at the first frame of the file.

    Raises (while iterating):
        InputError: the file cannot be opened, or is not a regular file.
        UnreadableMediaError: nothing decodes, the decoder died or stalled, or a limit was reached.
        UnsupportedMediaError: not a format that Haechi reads, or sound only.
    """
    return FrameStream(path, limits, request)


def read_image(path: Path, limits: Limits, *, max_side: int | None = None, gray: bool = False) -> Frame:
    """The still image, or the first frame of anything else.

    Raises:
        As `read_frames`.
    """
    with FrameStream(path, limits, FrameRequest(max_side=max_side, gray=gray), only_first=True) as stream:
        for frame in stream:
            return frame
    raise UnreadableMediaError(f"{path.name}: no picture could be decoded; get the file again from its source")


def _params(limits: Limits, request: FrameRequest, only_first: bool) -> dict[str, Any]:
    if request.max_side is not None and request.max_side < 1:
        raise InputError("max_side must be at least 1 pixel")
    return {
        "max_side": request.max_side,
        "gray": request.gray,
        "key_only": request.key_only,
        "start_s": request.start_s,
        "end_s": request.end_s,
        "min_interval_s": request.min_interval_s,
        "code_values": request.code_values,
        "at_once": request.at_once,
        "thin": request.thin,
        "small": request.small,
        "only_first": only_first,
        "max_pixels": limits.max_pixels,
        "max_duration_s": limits.max_duration_s,
    }
