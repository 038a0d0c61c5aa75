"""HEIC pictures, put together box by box from HEVC tiles (checked once against libheif)."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from haechi.core.errors import HaechiError, UnreadableMediaError, UnsupportedMediaError
from haechi.core.media.decode import read_frames, read_image
from haechi.core.media.probe import probe_media
from haechi.core.records import Kind
from haechi.core.settings import Limits


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body


def full(kind: bytes, body: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags) + body)


def hevc(tile: np.ndarray, folder: Path) -> tuple[bytes, bytes]:
    """(hvcC box, coded picture) of one tile."""
    path = folder / "tile.mp4"
    with av.open(str(path), "w") as container:
        options = {"crf": "4", "x265-params": "log-level=none:keyint=1:range=full:colormatrix=bt709"}
        stream = container.add_stream("libx265", rate=1, options=options)
        stream.width, stream.height, stream.pix_fmt = tile.shape[1], tile.shape[0], "yuv444p"
        frame = av.VideoFrame.from_ndarray(tile, format="bgr24").reformat(
            format="yuv444p", dst_colorspace="ITU709", src_color_range="JPEG", dst_color_range="JPEG"
        )
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    data = path.read_bytes()
    at = data.index(b"hvcC") - 4
    config = data[at : at + struct.unpack_from(">I", data, at)[0]]
    with av.open(str(path)) as container:
        coded = next(bytes(p) for p in container.demux(video=0) if p.size)
    return config, coded


def heic(
    tiles: list[np.ndarray], columns: int, size: tuple[int, int], folder: Path, turn: bytes = b"", kind: bytes = b"grid"
) -> bytes:
    """A file whose primary item is a grid of the tiles, or the only tile itself."""
    coded = [hevc(tile, folder) for tile in tiles]
    tile_h, tile_w = tiles[0].shape[:2]
    grid = struct.pack(">BBBBHH", 0, 0, len(tiles) // columns - 1, columns - 1, *size)
    single = len(tiles) == 1
    primary = 1 if single else 100
    items = [(i + 1, b"hvc1") for i in range(len(tiles))] + ([] if single else [(100, kind)])
    infe = b"".join(full(b"infe", struct.pack(">HH4s", n, 0, t) + b"\0", version=2) for n, t in items)
    ispe = [full(b"ispe", struct.pack(">II", *wh)) for wh in ((tile_w, tile_h), size)]
    properties = box(b"ipco", coded[0][0] + ispe[0] + ispe[1] + turn)
    turns = bytes(range(4, 4 + turn.count(b"irot") + turn.count(b"imir")))
    owners = [(n, b"\x81\x02" + (turns if single else b"")) for n in range(1, len(tiles) + 1)]
    owners += [] if single else [(100, b"\x03" + turns)]
    ipma = full(
        b"ipma", struct.pack(">I", len(owners)) + b"".join(struct.pack(">HB", n, len(p)) + p for n, p in owners)
    )
    numbers = struct.pack(f">{len(tiles)}H", *range(1, len(tiles) + 1))
    parts = box(b"dimg", struct.pack(">HH", 100, len(tiles)) + numbers)
    iref = b"" if single else full(b"iref", parts)

    def meta(base: int) -> bytes:
        entries, position = b"", base
        for number, (_, data) in enumerate(coded, 1):
            entries += struct.pack(">HHHHII", number, 0, 0, 1, position, len(data))
            position += len(data)
        if not single:
            entries += struct.pack(">HHHHII", 100, 1, 0, 1, 0, len(grid))
        count = len(coded) + (0 if single else 1)
        iloc = full(b"iloc", bytes([0x44, 0x00]) + struct.pack(">H", count) + entries, version=1)
        handler = full(b"hdlr", b"\0\0\0\0pict" + b"\0" * 13)
        body = handler + full(b"pitm", struct.pack(">H", primary)) + full(b"iinf", struct.pack(">H", len(items)) + infe)
        return full(b"meta", body + iref + box(b"iprp", properties + ipma) + iloc + box(b"idat", grid))

    ftyp = box(b"ftyp", b"heic\0\0\0\0mif1heic")
    start = len(ftyp) + len(meta(0)) + 8
    return ftyp + meta(start) + box(b"mdat", b"".join(data for _, data in coded))


@pytest.fixture
def picture(scene: Callable[..., list[np.ndarray]]) -> np.ndarray:
    return scene(1, 250, 180)[0]


def tiled(picture: np.ndarray, side: int = 128) -> tuple[list[np.ndarray], int]:
    rows, columns = -(-picture.shape[0] // side), -(-picture.shape[1] // side)
    grown = np.pad(picture, ((0, rows * side - picture.shape[0]), (0, columns * side - picture.shape[1]), (0, 0)))
    return [grown[r * side :, c * side :][:side, :side] for r in range(rows) for c in range(columns)], columns


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    assert a.shape == b.shape
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


def test_single_picture(tmp_path: Path, limits: Limits, picture: np.ndarray) -> None:
    path = tmp_path / "a.heic"
    tile = np.ascontiguousarray(picture[:128, :128])
    path.write_bytes(heic([tile], 1, (128, 128), tmp_path))
    assert likeness(read_image(path, limits).image, tile) < 3
    info = probe_media(path, limits)
    assert (info.kind, info.container, info.width, info.height) == (Kind.IMAGE, "heic", 128, 128)
    assert len(list(read_frames(path, limits))) == 1


def test_grid_is_cut_to_its_size(tmp_path: Path, limits: Limits, picture: np.ndarray) -> None:
    path = tmp_path / "grid.heic"
    tiles, columns = tiled(picture)
    path.write_bytes(heic(tiles, columns, (250, 180), tmp_path))
    assert likeness(read_image(path, limits).image, picture) < 3
    assert read_image(path, limits, max_side=100, gray=True).image.shape == (72, 100)


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("mirror", [None, 0, 1])
def test_rotation_and_mirror(
    tmp_path: Path, limits: Limits, picture: np.ndarray, quarters: int, mirror: int | None
) -> None:
    turn = box(b"irot", bytes([quarters])) + (b"" if mirror is None else box(b"imir", bytes([mirror])))
    path = tmp_path / "turned.heic"
    tiles, columns = tiled(picture)
    path.write_bytes(heic(tiles, columns, (250, 180), tmp_path, turn))
    expected = np.rot90(picture, quarters)
    expected = expected if mirror is None else (expected[:, ::-1] if mirror else expected[::-1])
    assert likeness(read_image(path, limits).image, expected) < 3
    info = probe_media(path, limits)
    assert (info.height, info.width) == expected.shape[:2]


def test_limits_and_damage(tmp_path: Path, limits: Limits, picture: np.ndarray) -> None:
    path = tmp_path / "a.heic"
    tiles, columns = tiled(picture)
    data = heic(tiles, columns, (250, 180), tmp_path)
    path.write_bytes(data)
    with pytest.raises(UnreadableMediaError, match="HAECHI_LIMIT_MAX_PIXELS"):
        read_image(path, Limits(max_pixels=1000))
    path.write_bytes(heic(tiles, columns, (250, 180), tmp_path, kind=b"iovl"))
    with pytest.raises(UnsupportedMediaError, match="HEIF"):
        read_image(path, limits)
    rng = random.Random(4)
    for trial in range(25):
        mutated = bytearray(data if trial % 2 else data[: rng.randrange(30, len(data))])
        for _ in range(3):
            mutated[rng.randrange(8, min(600, len(mutated)))] ^= 1 << rng.randrange(8)
        path.write_bytes(mutated)
        try:
            read_image(path, limits)
        except HaechiError as error:
            assert "\n" not in str(error)
