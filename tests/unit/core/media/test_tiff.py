"""TIFFs with other pixels: every tag, the depth, the packing and the byte order stay; what cannot stay is refused."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from haechi.core.media import tiff
from haechi.core.media.decode import read_image
from haechi.core.media.probe import probe_media
from haechi.core.media.rewrite import read_stored, rewrite
from haechi.core.settings import Limits
from unit.core.media.rewriting import PICTURE, stored

LOW = np.random.default_rng(9).integers(0, 256, PICTURE.shape, np.uint16)
DEEP = (PICTURE.astype(np.uint16) * 256 + LOW).astype(np.uint16)
TILE = 64
KINDS = {"B": 1, "s": 2, "H": 3, "I": 4}
Tag = tuple[str, Any]


def made(samples: np.ndarray, order: str, tags: dict[int, Tag] | None = None, *, tiled: bool = False) -> bytes:
    """A TIFF written by hand: Deflate, horizontal predictor, its directory first.

    Args:
        samples: (h, w, channels).
        order: of bytes, as `struct` says it.
        tags: letter of the type and values, added or instead.
        tiled: in tiles of 64 x 64, not strips of 50 rows.
    """
    height, width, channels = samples.shape
    if tiled:
        wide = np.pad(samples, ((0, -height % TILE), (0, -width % TILE), (0, 0)))
        rows = [wide[y : y + TILE] for y in range(0, height, TILE)]
        parts = [row[:, x : x + TILE] for row in rows for x in range(0, width, TILE)]
    else:
        parts = [samples[y : y + 50] for y in range(0, height, 50)]
    packed = [zlib.compress(differences(part).astype(samples.dtype.newbyteorder(order)).tobytes()) for part in parts]
    at, places = 4096, []
    for part in packed:
        places.append(at)
        at += len(part)
    sizes = [len(part) for part in packed]
    lie: dict[int, Tag] = {273: ("I", places), 278: ("H", [50]), 279: ("I", sizes)}
    if tiled:
        lie = {322: ("H", [TILE]), 323: ("H", [TILE]), 324: ("I", places), 325: ("I", sizes)}
    base: dict[int, Tag] = {
        **{256: ("I", [width]), 257: ("I", [height]), 258: ("H", [samples.itemsize * 8] * channels)},
        **{259: ("H", [8]), 262: ("H", [1 if channels <= 2 else 2]), 277: ("H", [channels]), 317: ("H", [2])},
        **({338: ("H", [2])} if channels in (2, 4) else {}),
    }
    head = directory(base | lie | (tags or {}), order)
    return (head.ljust(4096, b"\0") if len(head) <= 4096 else b"") + b"".join(packed)


def differences(part: np.ndarray) -> np.ndarray:
    result = part.copy()
    result[:, 1:] -= part[:, :-1]
    return result


def directory(tags: dict[int, Tag], order: str, following: int = 0) -> bytes:
    """Header and one directory; a dict of tags as value is a directory of its own."""
    start = b"II*\0" if order == "<" else b"MM\0*"
    return start + struct.pack(order + "I", 8) + body(tags, order, 8, following)


def body(tags: dict[int, Tag], order: str, at: int, following: int = 0) -> bytes:
    entries, behind = b"", b""
    for tag, (letter, values) in sorted(tags.items()):
        place = at + 6 + 12 * len(tags) + len(behind)
        if letter == "directory":
            entries += struct.pack(order + "HHII", tag, 4, 1, place)
            behind += body(values, order, place)
            continue
        raw = values if letter == "s" else struct.pack(f"{order}{len(values)}{letter}", *values)
        entries += struct.pack(order + "HHI", tag, KINDS[letter], len(values))
        entries += raw.ljust(4, b"\0") if len(raw) <= 4 else struct.pack(order + "I", place)
        behind += raw + bytes(len(raw) % 2) if len(raw) > 4 else b""
    return struct.pack(order + "H", len(tags)) + entries + struct.pack(order + "I", following) + behind


def brighter(path: Path, limits: Limits) -> tuple[bytes, np.ndarray]:
    """The file with all colours lighter by ten, and by how much each sample should be."""
    picture = stored(path, limits)
    shown = picture.shown()
    wanted = np.clip(shown.astype(int) + 10, 0, 255).astype(np.uint8)
    difference = picture.orientation.undo(wanted).astype(int) - picture.orientation.undo(shown)
    return rewrite(path, picture, wanted, picture.codings()[0]), difference[:, :, ::-1]


def decoded(data: bytes) -> np.ndarray:
    """(h, w, channels) as FFmpeg unpacks it, which has no part in writing it."""
    with av.open(io.BytesIO(data)) as container:
        frame = next(container.decode(video=0))
    deep = "16" in frame.format.name or "48" in frame.format.name or "64" in frame.format.name
    kind = np.dtype(("<u2" if frame.format.name.endswith("le") else ">u2") if deep else "u1")
    plane, channels = frame.planes[0], len(frame.format.components)
    rows = np.frombuffer(plane, kind).reshape(frame.height, -1)[:, : frame.width * channels]
    return rows.reshape(frame.height, frame.width, channels).astype(np.uint16 if deep else np.uint8)


def tags_of(data: bytes) -> dict[int, Any]:
    order = {"I": "<", "M": ">"}[chr(data[0])]
    return tiff._read(data, struct.unpack_from(order + "I", data, 4)[0], order, 0)[0]


LAYOUT = {273, 278, 279, 322, 323, 324, 325}
SAID: dict[int, Tag] = {
    270: ("s", "첫눈 teaser\0".encode()),
    282: ("I", [300]),
    700: ("B", list(b"<x:xmpmeta/>!")),
    33432: ("s", b"Example\0"),
    34675: ("B", list(b"a colour profile" * 40)),
    34665: (
        "directory",
        {
            37500: ("B", list(b"maker's own words")),
            36867: ("s", b"2026:01:01 00:00:00\0"),
            40965: ("directory", {1: ("s", b"R98\0")}),
        },
    ),
    34853: ("directory", {0: ("B", [2, 3, 0, 0])}),
    65000: ("H", [1, 2, 3]),
}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize("kind", ["grey", "rgb", "rgba", "deep grey", "deep rgb", "deep rgba"])
def test_a_tiff_keeps_its_tags_its_depth_its_order_and_its_alpha(
    tmp_path: Path, limits: Limits, kind: str, order: str, tiled: bool
) -> None:
    samples = DEEP if "deep" in kind else PICTURE
    samples = samples[:, :, :1] if "grey" in kind else samples
    if "rgba" in kind:
        alpha = np.tile(np.linspace(0, np.iinfo(samples.dtype).max, 180).astype(samples.dtype), (120, 1))
        samples = np.dstack([samples, alpha])
    path, target = tmp_path / "a.tif", tmp_path / "b.tif"
    path.write_bytes(made(samples, order, SAID, tiled=tiled))
    picture = stored(path, limits)
    assert np.array_equal(picture.pixels, samples)
    data, difference = brighter(path, limits)
    target.write_bytes(data)
    assert data[:4] == path.read_bytes()[:4]
    before, after = tags_of(path.read_bytes()), tags_of(data)
    assert {tag: after[tag] for tag in after if tag not in LAYOUT} == {
        tag: before[tag] for tag in before if tag not in LAYOUT
    }
    assert set(after) & LAYOUT == {273, 278, 279}
    colours = 1 if "grey" in kind else 3
    step = 257 if "deep" in kind else 1
    expected = samples[:, :, :colours] + step * difference[:, :, :colours]
    for seen in (stored(target, limits).pixels, *(() if tiled else (decoded(data),))):
        assert np.array_equal(seen[:, :, :colours], np.clip(expected, 0, np.iinfo(samples.dtype).max))
        assert np.array_equal(seen[:, :, colours:], samples[:, :, colours:])
    assert probe_media(target, limits) == probe_media(path, limits)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate"])
@pytest.mark.parametrize("predictor", [1, 2])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_a_tiff_of_libtiff_keeps_its_packing(
    tmp_path: Path, limits: Limits, compression: str, predictor: int, mode: str
) -> None:
    path, info = tmp_path / "a.tif", TiffImagePlugin.ImageFileDirectory_v2()
    if compression != "raw":
        info[317] = predictor
    Image.fromarray(PICTURE).convert(mode).save(path, compression=compression, tiffinfo=info, dpi=(300, 300))
    data, difference = brighter(path, limits)
    with Image.open(path) as one, Image.open(io.BytesIO(data)) as other:
        assert (other.mode, other.info["compression"], other.info["dpi"]) == (mode, compression, (300, 300))
        assert other.tag_v2.get(317) == one.tag_v2.get(317)  # type: ignore[attr-defined]
        now = np.asarray(other).astype(int) - np.asarray(one)
    colours = now if now.ndim == 2 else now[:, :, 0]
    assert np.array_equal(colours, difference[:, :, 0])
    assert colours.mean() > 9


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("deep", [False, True])
def test_a_tiff_shows_the_same_way_round(tmp_path: Path, limits: Limits, turn: int, deep: bool) -> None:
    path, target = tmp_path / "a.tif", tmp_path / "b.tif"
    path.write_bytes(made(DEEP if deep else PICTURE, "<", {274: ("H", [turn])}))
    assert np.array_equal(stored(path, limits).shown(), read_image(path, limits).image)
    data, _ = brighter(path, limits)
    target.write_bytes(data)
    before, after = (read_image(one, limits).image for one in (path, target))
    assert before.shape == after.shape
    assert (after.astype(int) - before).mean() > 9
    assert np.abs(after.astype(int) - before).max() <= 11
    assert tags_of(data)[274] == tags_of(path.read_bytes())[274]


def test_nothing_of_the_old_pixels_stays_in_the_file(tmp_path: Path, limits: Limits) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(PICTURE).save(path, compression="raw")
    row = PICTURE[60].tobytes()
    assert row in path.read_bytes()
    data, _ = brighter(path, limits)
    assert row not in data
    assert len(data) < len(path.read_bytes()) + 200


def test_what_would_lose_something_is_refused_with_a_word(tmp_path: Path, limits: Limits) -> None:
    image = Image.fromarray(PICTURE)
    plain = made(PICTURE, "<", SAID)
    assert tiff.describe(plain) == {"deep": False, "turn": 1}
    words: dict[str, bytes] = {}

    def saved(mode: str, **options: Any) -> bytes:
        target = io.BytesIO()
        image.convert(mode).save(target, format="TIFF", **options)
        return target.getvalue()

    words["pages more"] = saved("RGB", save_all=True, append_images=[image])
    words["pages layers"] = made(PICTURE, "<", {37724: ("B", [0] * 8)})
    words["pages inside"] = made(PICTURE, "<", {330: ("I", [8])})
    words["depth bits"] = saved("1")
    words["depth float"] = saved("F")
    words["depth 32"] = saved("I")
    words["colours ink"] = saved("CMYK")
    words["colours palette"] = saved("P")
    words["colours inverted"] = made(PICTURE[:, :, :1], "<", {262: ("H", [0])})
    words["colours premultiplied"] = made(np.dstack([PICTURE, PICTURE[:, :, :1]]), "<", {338: ("H", [1])})
    words["format jpeg"] = saved("RGB", compression="jpeg")
    words["format packbits"] = saved("RGB", compression="packbits")
    words["format thumbnail"] = made(PICTURE, "<", {254: ("I", [1])})
    words["format raw"] = made(PICTURE, "<", {50706: ("B", [1, 4, 0, 0])})
    for name, data in words.items():
        (tmp_path / f"{name}.tif").write_bytes(data)
    assert len(words) == 14
    said = {path.stem: read_stored(path, limits) for path in tmp_path.iterdir()}
    assert said == {name: name.split()[0] for name in words}


def test_a_directory_that_leads_out_of_the_file_is_refused() -> None:
    plain = made(PICTURE, "<", SAID)
    for at in range(8, 8 + 2 + 12 * 20):
        broken = plain[:at] + b"\xff" + plain[at + 1 :]
        answer = tiff.describe(broken)
        assert set(answer) in ({"refused"}, {"deep", "turn"})
    assert tiff.describe(plain[:300]) == {"refused": "format"}


def test_the_credentials_of_the_source_are_left_out(tmp_path: Path, limits: Limits) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(made(PICTURE, "<", {0xCD41: ("B", list(b"a manifest"))}))
    data, _ = brighter(path, limits)
    assert b"a manifest" not in data
    assert 0xCD41 not in tags_of(data)


def test_a_directory_without_a_picture_does_not_hide_the_first_page(tmp_path: Path, limits: Limits) -> None:
    """So are manifests kept in TIFFs of several pages."""
    path, image = tmp_path / "a.tif", Image.fromarray(PICTURE)
    image.save(path, save_all=True, append_images=[image.resize((90, 60))])
    data = bytearray(path.read_bytes())
    (first,) = struct.unpack_from("<I", data, 4)
    second_at = first + 2 + 12 * len(tags_of(bytes(data)))
    (second,) = struct.unpack_from("<I", data, second_at)
    (count,) = struct.unpack_from("<H", data, second)
    struct.pack_into("<I", data, second + 2 + 12 * count, len(data))
    path.write_bytes(bytes(data) + body({0xCD41: ("B", list(b"a manifest"))}, "<", len(data)))
    info = probe_media(path, limits)
    assert (info.width, info.height, info.notes) == (180, 120, ("only the first page was read",))
    assert np.array_equal(read_image(path, limits).image[:, :, ::-1], PICTURE)
    assert read_stored(path, limits) == "pages"
