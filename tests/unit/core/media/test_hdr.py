"""HDR curves against published points, and HDR clips end to end."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from haechi.core.media.decode import read_image
from haechi.core.media.hdr import ToneMap, hlg_to_nits, pq_to_nits
from haechi.core.media.probe import probe_media
from haechi.core.settings import Limits


@pytest.mark.parametrize(
    ("signal", "nits"), [(0.0, 0.0), (0.508, 100.0), (0.581, 203.0), (0.7518, 1000.0), (1.0, 10_000.0)]
)
def test_pq_points_of_bt2408(signal: float, nits: float) -> None:
    assert pq_to_nits(np.array([signal]))[0] == pytest.approx(nits, rel=0.01, abs=1e-6)


@pytest.mark.parametrize(("signal", "nits"), [(0.0, 0.0), (0.5, 50.7), (0.75, 203.0), (1.0, 1000.0)])
def test_hlg_points_of_bt2408(signal: float, nits: float) -> None:
    assert hlg_to_nits(np.array([signal]))[0] == pytest.approx(nits, rel=0.02, abs=1e-6)


@pytest.mark.parametrize("kind", ["pq", "hlg"])
def test_the_curve_ascends_and_keeps_grey_grey(kind: str) -> None:
    ramp = np.linspace(0, 65_535, 512).astype(np.uint16)
    image = ToneMap(kind).colour(np.repeat(ramp[None, :, None], 3, axis=2))
    assert np.all(np.diff(image[0, :, 0].astype(int)) >= 0)
    assert image[0, 0, 0] == 0
    assert image[0, -1, 0] == 255
    assert np.abs(image.max(axis=2).astype(int) - image.min(axis=2)).max() <= 2
    codes = np.arange(64, 941, dtype=np.uint16)[None]
    luma = ToneMap(kind).luma(codes, 10, full=False)
    assert np.all(np.diff(luma[0].astype(int)) >= 0)
    assert (luma[0, 0], luma[0, -1]) == (0, 255)


@pytest.mark.parametrize(("kind", "transfer", "white"), [("pq", 16, 0.581), ("hlg", 18, 0.75)])
def test_an_hdr_clip_comes_out_as_sdr_and_says_so(
    tmp_path: Path, limits: Limits, kind: str, transfer: int, white: float
) -> None:
    path = tmp_path / "hdr.mkv"
    luma = np.full((48, 64), round(64 + 876 * white), np.uint16)
    planes = np.concatenate([luma.ravel(), np.full(2 * 24 * 32, 512, np.uint16)]).reshape(72, 64)
    with av.open(str(path), "w") as container:
        name = {16: "smpte2084", 18: "arib-std-b67"}[transfer]
        params = f"log-level=none:colorprim=bt2020:colormatrix=bt2020nc:transfer={name}"
        stream = container.add_stream("libx265", rate=25, options={"crf": "4", "x265-params": params})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p10le")
        frame.colorspace, frame.color_trc, frame.color_primaries = 9, transfer, 9
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    info = probe_media(path, limits)
    assert (info.hdr, info.bit_depth) == (kind, 10)
    assert any("SDR" in note for note in info.notes)
    colour, grey = read_image(path, limits).image, read_image(path, limits, gray=True).image
    assert colour.shape == (48, 64, 3)
    assert np.ptp(colour[24, 32].astype(int)) <= 2
    assert 190 <= int(colour[24, 32, 0]) <= 245  # reference white is bright, with room above
    assert abs(int(grey[24, 32]) - int(colour[24, 32, 0])) <= 2
