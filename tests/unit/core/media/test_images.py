"""Still and animated images in every mode, turned as their EXIF asks."""

from __future__ import annotations

import io
import random
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from haechi.core.errors import HaechiError, UnreadableMediaError
from haechi.core.media.decode import FrameRequest, read_frames, read_image
from haechi.core.media.probe import probe_media
from haechi.core.records import Kind
from haechi.core.settings import Limits


def save(path: Path, bgr: np.ndarray, **options: object) -> Path:
    Image.fromarray(np.ascontiguousarray(bgr[..., ::-1])).save(path, **options)
    return path


def close(a: np.ndarray, b: np.ndarray, limit: float = 6.0) -> bool:
    return a.shape == b.shape and float(np.abs(a.astype(int) - b.astype(int)).mean()) < limit


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.avif", "a.tiff", "a.gif", "a.bmp"])
def test_formats(tmp_path: Path, limits: Limits, corners: np.ndarray, name: str) -> None:
    options: dict[str, object] = {"quality": 95} if name[2:] in {"jpg", "webp", "avif"} else {}
    path = save(tmp_path / name, corners, **options)
    frame = read_image(path, limits)
    assert close(frame.image, corners)
    assert (frame.time_s, frame.key) == (0.0, True)
    assert close(read_image(path, limits, gray=True).image, cv2.cvtColor(corners, cv2.COLOR_BGR2GRAY))
    info = probe_media(path, limits)
    assert (info.kind, info.duration_s, info.width, info.height) == (Kind.IMAGE, None, 64, 32)
    assert [f.time_s for f in read_frames(path, limits)] == [0.0]


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tiff", "a.avif"])
def test_exif_orientation(tmp_path: Path, limits: Limits, corners: np.ndarray, value: int, name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = value
    path = tmp_path / name
    picture = Image.fromarray(np.ascontiguousarray(corners[..., ::-1]))
    picture.save(path, exif=exif, **({"quality": 95} if name != "a.tiff" else {}))
    with Image.open(path) as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))[..., ::-1]
    assert close(read_image(path, limits).image, expected)
    assert close(read_image(path, limits, max_side=32).image, cv2.resize(expected, None, fx=0.5, fy=0.5), 12)
    info = probe_media(path, limits)
    assert (info.width, info.height) == (expected.shape[1], expected.shape[0])


@pytest.mark.parametrize(
    "block",
    [b"", b"MM", b"II*\x00\xff\xff\xff\xff", b"MM\x00*\x00\x00\x00\x08\xff\xff" + b"\xff" * 40, bytes(range(256))],
)
def test_corrupt_exif_counts_as_upright(tmp_path: Path, limits: Limits, corners: np.ndarray, block: bytes) -> None:
    for name in ("a.jpg", "a.png", "a.webp"):
        path = save(tmp_path / name, corners, exif=b"Exif\x00\x00" + block, quality=95)
        assert close(read_image(path, limits).image, corners)
        assert probe_media(path, limits).width == 64


def test_modes(tmp_path: Path, limits: Limits, corners: np.ndarray) -> None:
    rgb = Image.fromarray(np.ascontiguousarray(corners[..., ::-1]))
    grey = cv2.cvtColor(corners, cv2.COLOR_BGR2GRAY)
    rgb.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    rgb.convert("CMYK").save(tmp_path / "cmyk.tiff")
    rgb.convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "palette.png")
    for name in ("cmyk.jpg", "cmyk.tiff", "palette.png"):
        assert close(read_image(tmp_path / name, limits).image, corners, 10)
    assert any("CMYK" in note for note in probe_media(tmp_path / "cmyk.jpg", limits).notes)
    cv2.imwrite(str(tmp_path / "deep.png"), grey.astype(np.uint16) * 257)
    cv2.imwrite(str(tmp_path / "deep_colour.png"), corners.astype(np.uint16) * 257)
    cv2.imwrite(str(tmp_path / "deep.tiff"), grey.astype(np.uint16) * 257)
    assert close(read_image(tmp_path / "deep.png", limits, gray=True).image, grey, 1.5)
    assert close(read_image(tmp_path / "deep_colour.png", limits).image, corners, 1.5)
    assert close(read_image(tmp_path / "deep.tiff", limits, gray=True).image, grey, 1.5)
    Image.fromarray((grey / 255).astype(np.float32)).save(tmp_path / "float.tiff")
    assert close(read_image(tmp_path / "float.tiff", limits, gray=True).image, grey, 1.5)
    rgb.convert("1").save(tmp_path / "bits.png")
    assert read_image(tmp_path / "bits.png", limits).image.shape == (32, 64, 3)


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.avif", "a.tiff"])
def test_alpha_over_mid_grey(tmp_path: Path, limits: Limits, name: str) -> None:
    pixels = np.zeros((16, 32, 4), np.uint8)
    pixels[:, :16] = (255, 0, 0, 255)
    path = tmp_path / name
    Image.fromarray(pixels, "RGBA").save(path, **({"lossless": True} if name == "a.webp" else {}))
    image = read_image(path, limits).image.astype(int)
    assert np.abs(image[8, 3] - (0, 0, 255)).max() <= 4
    assert np.abs(image[8, 28] - 128).max() <= 4
    assert probe_media(path, limits).has_alpha


def test_transparent_palette(tmp_path: Path, limits: Limits) -> None:
    picture = Image.new("P", (8, 8), 0)
    picture.putpalette([255, 0, 0, 0, 255, 0])
    picture.save(tmp_path / "clear.gif", transparency=0)
    assert np.all(read_image(tmp_path / "clear.gif", limits).image == 128)


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.avif"])
def test_animations_are_video(tmp_path: Path, limits: Limits, name: str) -> None:
    frames = [Image.new("RGB", (40, 20), (40 * i, 10, 200 - 40 * i)) for i in range(5)]
    path = tmp_path / name
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=[100, 200, 300, 100, 100], loop=0)
    info = probe_media(path, limits)
    assert (info.kind, info.width, info.height) == (Kind.VIDEO, 40, 20)
    assert info.duration_s == pytest.approx(0.8, abs=0.02)
    assert info.variable_frame_rate
    read = list(read_frames(path, limits))
    assert [f.time_s for f in read] == pytest.approx([0.0, 0.1, 0.3, 0.6, 0.7], abs=0.02)
    for index, frame in enumerate(read):
        assert close(frame.image, np.full((20, 40, 3), (200 - 40 * index, 10, 40 * index)), 12)
    part = list(read_frames(path, limits, FrameRequest(start_s=0.25, end_s=0.65, max_side=10, gray=True)))
    assert [f.time_s for f in part] == pytest.approx([0.3, 0.6], abs=0.02)
    assert part[0].image.shape == (5, 10)
    assert read_image(path, limits).time_s == 0.0


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    data = b"IDAT" + zlib.compress(b"\0" * 1000)
    rest = struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    return b"\x89PNG\r\n\x1a\n" + chunk + rest


@pytest.mark.parametrize("size", [(16_384, 16_384), (65_000, 65_000), (2_000_000_000, 1), (0, 5)])
def test_bomb_like_dimensions(tmp_path: Path, limits: Limits, size: tuple[int, int]) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(*size))
    for read in (probe_media, read_image):
        with pytest.raises(UnreadableMediaError) as caught:
            read(path, limits)
        assert "\n" not in str(caught.value)
    if size[0] == size[1]:
        assert "HAECHI_LIMIT_MAX_PIXELS" in str(caught.value)


def test_16k_by_16k_is_read_when_allowed(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    Image.new("L", (16_000, 16_000), 77).save(path, quality=30)
    with pytest.raises(UnreadableMediaError, match="HAECHI_LIMIT_MAX_PIXELS"):
        read_image(path, Limits())
    allowed = Limits(max_pixels=300_000_000)
    assert read_image(path, allowed, max_side=500, gray=True).image.shape == (500, 500)


def test_one_pixel(tmp_path: Path, limits: Limits) -> None:
    for name in ("a.png", "a.jpg", "a.gif"):
        path = save(tmp_path / name, np.full((1, 1, 3), 100, np.uint8))
        assert read_image(path, limits, max_side=1).image.shape == (1, 1, 3)
    wide = save(tmp_path / "wide.png", np.full((1, 5000, 3), 100, np.uint8))
    assert read_image(wide, limits, max_side=50).image.shape == (1, 50, 3)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.gif", "a.tiff", "a.avif", "anim.gif"])
def test_truncated_and_mutated(tmp_path: Path, limits: Limits, name: str) -> None:
    noise = np.random.default_rng(3).integers(0, 255, (40, 40, 3)).astype(np.uint8)
    buffer = io.BytesIO()
    more = {"save_all": True, "append_images": [Image.fromarray(255 - noise)]} if name == "anim.gif" else {}
    Image.fromarray(noise).save(
        buffer, {"jpg": "JPEG", "tiff": "TIFF"}.get(name.split(".")[1], name.split(".")[1]), **more
    )
    data = buffer.getvalue()
    rng = random.Random(2)
    path = tmp_path / name
    for trial in range(14):
        if trial < 7:
            path.write_bytes(data[: max(1, len(data) * (trial + 1) // 8)])
        else:
            mutated = bytearray(data)
            for _ in range(20):
                mutated[rng.randrange(len(mutated))] ^= 1 << rng.randrange(8)
            path.write_bytes(mutated)
        for read in (probe_media, read_image):
            try:
                read(path, limits)
            except HaechiError as error:
                assert "\n" not in str(error)


def test_a_cut_off_jpeg_is_not_half_shown(tmp_path: Path, limits: Limits) -> None:
    noise = np.random.default_rng(3).integers(0, 255, (200, 200, 3)).astype(np.uint8)
    path = save(tmp_path / "a.jpg", noise)
    path.write_bytes(path.read_bytes()[:-8000])
    with pytest.raises(UnreadableMediaError, match="cut off"):
        read_image(path, limits)
    with pytest.raises(UnreadableMediaError, match="cut off"):
        probe_media(path, limits)


def test_a_png_with_a_wrong_checksum_is_damaged(tmp_path: Path, limits: Limits) -> None:
    noise = np.random.default_rng(3).integers(0, 255, (60, 60, 3)).astype(np.uint8)
    data = save(tmp_path / "whole.png", noise).read_bytes()
    assert read_image(tmp_path / "whole.png", limits).image.shape == (60, 60, 3)
    for at in (18, len(data) // 2, len(data) - 30):
        path = tmp_path / f"{at}.png"
        path.write_bytes(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :])
        for read in (probe_media, read_image):
            with pytest.raises(UnreadableMediaError, match="damaged"):
                read(path, limits)
