"""Send luma pictures through a lossy encoder and back, in memory: what a benign re-post would do to them.

Method: H.264 (x264) for moving pictures, JPEG for still ones. Only pictures of our own making pass here, never
untrusted bytes, so it runs in this process. The same pictures give the same result, every time and on every machine
(`repeatable`).
"""

from __future__ import annotations

from fractions import Fraction

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.core.media.repeatable import repeatable

Stack = NDArray[np.uint8]


def recompress_video(frames: Stack, frame_rate: float, crf: float, *, preset: str = "veryfast") -> Stack:
    """Encode and decode.

    Args:
        frames: luma uint8 (n, h, w).
        frame_rate: frames a second, which the encoder's rate control sees.
        crf: x264 constant rate factor, 0 (lossless) to 51.
        preset: x264 preset.

    Returns:
        uint8 (n, h, w), the same frames after loss.
    """
    n, height, width = frames.shape
    # x264 wants even sizes; the padding repeats the border and is cut off again.
    padded = np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    rate = Fraction(max(frame_rate, 1.0)).limit_denominator(1000)
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = padded.shape[2], padded.shape[1], "gray"
    encoder.framerate, encoder.time_base = rate, 1 / rate
    encoder.options = {"crf": f"{crf:.2f}", "preset": preset, "threads": "1", **repeatable()}
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    out = np.empty_like(frames)
    done = 0

    def take(pictures: list[av.VideoFrame]) -> int:
        count = done
        for picture in pictures:
            out[count] = _luma(picture)[:height, :width]
            count += 1
        return count

    for i, image in enumerate(padded):
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="gray")
        picture.pts = i
        for packet in encoder.encode(picture):
            done = take(decoder.decode(packet))
    for packet in encoder.encode(None):
        done = take(decoder.decode(packet))
    done = take(decoder.decode(None))
    if done != n:
        raise AssertionError(f"the encoder gave {done} of {n} frames")
    return out


def _luma(picture: av.VideoFrame) -> NDArray[np.uint8]:
    """The luma as coded: PyAV's conversion to gray would take it for limited range and stretch it."""
    plane = picture.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return np.asarray(rows[: picture.height, : picture.width])


def recompress_image(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """JPEG-encode and decode a luma picture, uint8 (h, w), at `quality` 1-100."""
    ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not ok:
        raise AssertionError("OpenCV cannot encode JPEG")
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
