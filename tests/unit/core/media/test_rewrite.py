"""The same file with other pixels: what is not pixels stays, what cannot stay is refused."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from haechi.core.errors import UnreadableMediaError
from haechi.core.media.decode import read_image
from haechi.core.media.rewrite import read_stored, rewrite
from haechi.core.settings import Limits
from unit.core.media.rewriting import ICC, PICTURE, brighter, stored


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_keeps_its_metadata_its_coding_and_its_turn(tmp_path: Path, limits: Limits, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = orientation, "사진"
    path = tmp_path / "a.jpg"
    Image.fromarray(PICTURE).save(
        path, quality=83, subsampling=2, progressive=True, exif=exif, icc_profile=ICC, dpi=(300, 300), comment=b"hi"
    )
    target, wanted, seen = brighter(path, limits)
    assert seen.shape == wanted.shape == read_image(path, limits).image.shape
    assert np.abs(seen.astype(int) - wanted).mean() < 3
    with Image.open(path) as old, Image.open(target) as new:
        for name in ("exif", "icc_profile", "dpi", "comment", "progressive"):
            assert new.info[name] == old.info[name]
        assert new.quantization == old.quantization  # type: ignore[attr-defined]
        assert new.layer == old.layer  # type: ignore[attr-defined]


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_a_png_keeps_its_chunks_and_its_alpha(tmp_path: Path, limits: Limits, mode: str) -> None:
    image = Image.fromarray(PICTURE).convert(mode)
    alpha = np.tile(np.arange(180, dtype=np.uint8), (120, 1))
    if mode.endswith("A"):
        image.putalpha(Image.fromarray(alpha))
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "첫눈")
    text.add(b"gAMA", struct.pack(">I", 45455))
    path = tmp_path / "a.png"
    image.save(path, pnginfo=text, icc_profile=ICC, dpi=(300, 300))
    target, wanted, seen = brighter(path, limits)
    with Image.open(path) as old, Image.open(target) as new:
        assert new.mode == mode
        assert {name: new.info[name] for name in ("Title", "gamma", "icc_profile", "dpi")} == {
            name: old.info[name] for name in ("Title", "gamma", "icc_profile", "dpi")
        }
        if mode.endswith("A"):
            assert np.array_equal(np.asarray(new)[:, :, -1], alpha)
    if not mode.endswith("A"):
        assert np.array_equal(seen, wanted)
    else:
        assert (seen.astype(int) - read_image(path, limits).image)[:, -20:].mean() > 5


@pytest.mark.parametrize(("lossless", "mode"), [(True, "RGBA"), (False, "RGB"), (False, "RGBA")])
def test_a_webp_keeps_its_metadata(tmp_path: Path, limits: Limits, lossless: bool, mode: str) -> None:
    path = tmp_path / "a.webp"
    exif = Image.Exif()
    exif[0x010E] = "hello"
    options: dict[str, Any] = {"icc_profile": ICC, "exif": exif, "xmp": b"<x/>", "lossless": lossless}
    Image.fromarray(PICTURE).convert(mode).save(path, quality=80, **options)
    target, wanted, seen = brighter(path, limits)
    assert np.abs(seen.astype(int) - wanted).mean() < (0.01 if lossless else 3)
    with Image.open(path) as old, Image.open(target) as new:
        assert new.mode == old.mode
        assert {name: new.info.get(name) for name in ("icc_profile", "exif", "xmp")} == {
            name: old.info.get(name) for name in ("icc_profile", "exif", "xmp")
        }
    assert (b"VP8L" in target.read_bytes()) is lossless


def deep(channels: int) -> np.ndarray:
    """uint16 (120, 180, channels): the picture with noise below its 8 bits, alpha rising to the right."""
    low = np.random.default_rng(9).integers(0, 256, (120, 180, 4), np.uint16)
    alpha = np.tile(np.linspace(0, 255, 180).astype(np.uint8), (120, 1))[:, :, None]
    planes = {1: PICTURE[:, :, :1], 2: [PICTURE[:, :, :1], alpha], 3: PICTURE, 4: [PICTURE, alpha]}[channels]
    upper = np.concatenate(planes, axis=2) if isinstance(planes, list) else planes
    return upper.astype(np.uint16) * 256 + low[:, :, :channels]


def png_of_16_bits(path: Path, samples: np.ndarray, *more: tuple[bytes, bytes]) -> None:
    """Written by hand: nothing installed writes all four kinds."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width, channels = samples.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0))
    about = b"".join(chunk(kind, body) for kind, body in more)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + about + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def samples_of(data: bytes) -> np.ndarray:
    """uint16 (h, w, channels) of a PNG, unpacked by FFmpeg, which has no part in writing it."""
    with av.open(io.BytesIO(data)) as container:
        frame = next(container.decode(video=0))
    assert frame.format.name in ("gray16be", "ya16be", "rgb48be", "rgba64be")
    plane = frame.planes[0]
    channels = len(frame.format.components)
    rows = np.frombuffer(plane, ">u2").reshape(frame.height, plane.line_size // 2)[:, : frame.width * channels]
    return rows.reshape(frame.height, frame.width, channels).astype(np.uint16)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_png_of_16_bits_keeps_its_depth_its_chunks_and_its_alpha(
    tmp_path: Path, limits: Limits, channels: int
) -> None:
    samples, path = deep(channels), tmp_path / "a.png"
    about = [(b"gAMA", struct.pack(">I", 45455)), (b"pHYs", struct.pack(">IIB", 5905, 5905, 1)), (b"prVt", b"anything")]
    png_of_16_bits(path, samples, *about)
    picture = stored(path, limits)
    assert np.array_equal(picture.pixels, samples)
    assert np.array_equal(picture.shown(), read_image(path, limits).image)
    target, wanted, seen = brighter(path, limits)
    data = target.read_bytes()
    written = samples_of(data)
    colours = channels - (channels in (2, 4))
    shown = picture.shown().astype(int)
    assert np.array_equal(written[:, :, colours:], samples[:, :, colours:])
    planes = (wanted - shown)[:, :, ::-1][:, :, :colours]
    expected = np.clip(samples[:, :, :colours] + 257 * planes, 0, 65535)
    assert np.array_equal(written[:, :, :colours], expected)
    if channels in (1, 3):
        assert np.abs(seen.astype(int) - wanted).max() <= 1
    for kind, body in about:
        assert kind + body in data
    assert stored(target, limits).pixels.dtype == np.uint16


def test_no_change_leaves_16_bits_exactly_as_they_were(tmp_path: Path, limits: Limits) -> None:
    path = tmp_path / "a.png"
    png_of_16_bits(path, deep(4))
    picture = stored(path, limits)
    assert np.array_equal(samples_of(rewrite(path, picture, picture.shown(), {})), deep(4))


def test_what_would_lose_something_is_refused_with_a_word(tmp_path: Path, limits: Limits) -> None:
    image = Image.fromarray(PICTURE)
    image.save(tmp_path / "a.gif")
    image.convert("P").save(tmp_path / "p.png")
    image.convert("CMYK").save(tmp_path / "c.jpg")
    image.save(tmp_path / "two.jpg", format="MPO", save_all=True, append_images=[image])
    image.save(tmp_path / "moving.png", save_all=True, append_images=[image.rotate(180)])
    png_of_16_bits(tmp_path / "key.png", deep(3), (b"tRNS", bytes(6)))
    png_of_16_bits(tmp_path / "grey key.png", deep(1), (b"tRNS", bytes(2)))
    image.convert("1").save(tmp_path / "bits.png")
    words = {path.name: read_stored(path, limits) for path in sorted(tmp_path.iterdir())}
    assert words == {
        "a.gif": "format",
        "c.jpg": "colours",
        "bits.png": "depth",
        "grey key.png": "colours",
        "key.png": "colours",
        "moving.png": "pages",
        "p.png": "colours",
        "two.jpg": "pages",
    }


def test_a_damaged_picture_is_said_to_be(tmp_path: Path, limits: Limits) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(PICTURE).save(path)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(UnreadableMediaError):
        read_stored(path, limits)


def test_credentials_of_the_source_are_left_out(tmp_path: Path, limits: Limits) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(PICTURE).save(path)
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xeb\x00\x08JP\x00\x01.." + data[2:])
    target, _, _ = brighter(path, limits)
    assert b"JP\x00\x01.." not in target.read_bytes()
