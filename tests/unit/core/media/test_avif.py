"""AVIFs with other pixels: all that they say of themselves stays; what cannot stay is refused."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from haechi.core.media.avif import write as write_avif
from haechi.core.media.decode import read_image
from haechi.core.media.heif_items import items_of
from haechi.core.media.orientation import Orientation
from haechi.core.media.probe import probe_media
from haechi.core.media.rewrite import read_stored
from haechi.core.settings import Limits
from unit.core.media.rewriting import ICC, PICTURE, brighter, stored


def avif(image: Image.Image, **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, format="AVIF", **{"quality": 85} | options)
    return target.getvalue()


def item_of(data: bytes, kind: bytes) -> bytes:
    """Content of the only item of this kind."""
    items = items_of(data)
    (found,) = (item for item, name in items.types.items() if name == kind)
    ((start, length),) = items.places[found][1]
    return data[start : start + length]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_avif_keeps_its_metadata_its_turn_and_its_curve(tmp_path: Path, limits: Limits, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x010F] = orientation, "photo", "maker"
    path = tmp_path / "a.avif"
    data = avif(Image.fromarray(PICTURE), exif=exif, icc_profile=ICC, xmp=b"<x/>", subsampling="4:2:2")
    path.write_bytes(data.replace(b"nclx\0\2\0\2", b"nclx\0\x0c\0\x0d"))  # Display P3
    target, wanted, seen = brighter(path, limits)
    assert seen.shape == wanted.shape == read_image(path, limits).image.shape
    assert np.abs(seen.astype(int) - wanted).mean() < 2
    old, new = path.read_bytes(), target.read_bytes()
    assert item_of(new, b"Exif") == item_of(old, b"Exif")
    assert item_of(new, b"mime") == b"<x/>"
    kept = (b"colr", b"irot", b"imir", b"ispe", b"pixi", b"av1C")
    before, after = ([one for one in items_of(data).of(1) if one[0] in kept] for data in (old, new))
    assert after == before
    with Image.open(path) as one, Image.open(target) as other:
        assert {name: other.info.get(name) for name in ("exif", "icc_profile", "xmp")} == {
            name: one.info.get(name) for name in ("exif", "icc_profile", "xmp")
        }


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "opaque"])
def test_an_avif_keeps_its_kind_and_its_alpha(tmp_path: Path, limits: Limits, mode: str) -> None:
    image = Image.fromarray(PICTURE).convert("RGBA" if mode == "opaque" else mode)
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.fromarray(np.tile(np.arange(180, dtype=np.uint8), (120, 1))))
    path = tmp_path / "a.avif"
    path.write_bytes(avif(image, subsampling="4:0:0" if mode in ("L", "LA") else "4:2:0"))
    if mode == "opaque":  # libavif would leave such alpha out
        pixels = np.dstack([PICTURE, np.full((120, 180), 255, np.uint8)])
        coding = {"quality": 85, "subsampling": "4:2:0"}
        path.write_bytes(write_avif(pixels, path, Orientation(), (1, 13), coding))
    target, wanted, seen = brighter(path, limits)
    with Image.open(path) as one, Image.open(target) as other:
        assert other.mode == one.mode
        assert (one.mode == "RGBA") == (mode not in ("L", "RGB"))
        if mode not in ("L", "RGB"):
            assert np.array_equal(np.asarray(other)[:, :, -1], np.asarray(one)[:, :, -1])
    assert probe_media(target, limits) == probe_media(path, limits)
    if mode in ("L", "RGB"):
        assert np.abs(seen.astype(int) - wanted).mean() < 2
    assert items_of(target.read_bytes()).property(1, b"av1C") == items_of(path.read_bytes()).property(1, b"av1C")


def test_an_avif_that_says_more_than_can_be_kept_is_refused(tmp_path: Path, limits: Limits) -> None:
    image = Image.fromarray(PICTURE)
    plain = avif(image)
    faint = image.copy()
    faint.putalpha(100)
    alpha = avif(faint)
    made = {
        "pq": plain.replace(b"nclx\0\1\0\x0d", b"nclx\0\x09\0\x10"),
        "hlg": plain.replace(b"nclx\0\1\0\x0d", b"nclx\0\x09\0\x12"),
        "light": plain.replace(b"pixi", b"clli"),
        "text": avif(image, xmp=b"<x/>").replace(b"application/rdf+xml", b"application/rdf+xxx"),
        "depth": alpha.replace(b"auxiliary:alpha", b"auxiliary:depth"),
        "gain": avif(image, xmp=b"<x/>").replace(b"mime", b"tmap"),
        "moving": avif(image, save_all=True, append_images=[image.rotate(180)]),
    }
    assert plain not in made.values()
    for name, data in made.items():
        (tmp_path / f"{name}.avif").write_bytes(data)
    with av.open(str(tmp_path / "deep.avif"), "w", format="avif") as container:
        stream = container.add_stream("libsvtav1", rate=25, width=180, height=120, pix_fmt="yuv420p10le")
        container.mux(stream.encode(av.VideoFrame.from_ndarray(PICTURE).reformat(format="yuv420p10le")))
        container.mux(stream.encode(None))
    words = {path.stem: read_stored(path, limits) for path in tmp_path.iterdir()}
    assert words == {
        "deep": "depth",
        "depth": "pages",
        "gain": "pages",
        "hlg": "hdr",
        "light": "format",
        "moving": "pages",
        "pq": "hdr",
        "text": "format",
    }


def test_an_avif_without_a_colour_box_takes_the_words_of_its_stream(tmp_path: Path, limits: Limits) -> None:
    path = tmp_path / "a.avif"
    path.write_bytes(avif(Image.fromarray(PICTURE)).replace(b"colrnclx", b"skipnclx"))
    assert read_stored(path, limits) == "format"  # a property that is not known
    path.write_bytes(without_colour(avif(Image.fromarray(PICTURE))))
    picture = stored(path, limits)
    assert picture.cicp == (1, 13)
    target, _, _ = brighter(path, limits)
    assert (items_of(target.read_bytes()).property(1, b"colr") or b"")[:8] == b"nclx\0\1\0\x0d"


def without_colour(data: bytes) -> bytes:
    """The picture no longer owns its fourth property, the colour box (index 0 is none)."""
    owned = b"\0\0\0\1\0\1\4\1\2\x83"
    assert data.count(owned + b"\4") == 1
    return data.replace(owned + b"\4", owned + b"\0")


def box(kind: bytes, body: bytes, *, full: bool = False, version: int = 0) -> bytes:
    body = bytes([version, 0, 0, 0]) + body if full else body
    return struct.pack(">I4s", len(body) + 8, kind) + body


def grid_of(left: bytes, right: bytes, size: tuple[int, int]) -> bytes:
    """A grid of two AVIFs of one size side by side, put together box by box."""
    tiles = [item_of(one, b"av01") for one in (left, right)]
    said = [items_of(left).property(1, kind) or b"" for kind in (b"av1C", b"ispe", b"pixi", b"colr")]
    whole = struct.pack(">4xII", *size)
    kinds = zip((b"av1C", b"ispe", b"pixi", b"colr", b"ispe"), (*said, whole), strict=True)
    properties = box(b"ipco", b"".join(box(kind, body) for kind, body in kinds))
    owned = b"\0\1\4\x81\2\3\4" + b"\0\2\4\x81\2\3\4" + b"\0\x09\3\5\3\4"
    grid = struct.pack(">BBBBHH", 0, 0, 0, 1, *size)
    types = ((1, b"av01"), (2, b"av01"), (9, b"grid"))
    names = b"".join(box(b"infe", struct.pack(">HH4sB", n, 0, kind, 0), full=True, version=2) for n, kind in types)

    def meta(at: int) -> bytes:
        places = ((1, 0, at, len(tiles[0])), (2, 0, at + len(tiles[0]), len(tiles[1])), (9, 1, 0, len(grid)))
        iloc = b"".join(struct.pack(">HHHHII", n, method, 0, 1, start, size) for n, method, start, size in places)
        parts = (
            box(b"hdlr", bytes(4) + b"pict" + bytes(13), full=True),
            box(b"pitm", b"\0\x09", full=True),
            box(b"iinf", struct.pack(">H", len(types)) + names, full=True),
            box(b"iref", box(b"dimg", struct.pack(">4H", 9, 2, 1, 2)), full=True),
            box(b"iprp", properties + box(b"ipma", struct.pack(">I", 3) + owned, full=True)),
            box(b"iloc", b"\x44\0" + struct.pack(">H", len(places)) + iloc, full=True, version=1),
            box(b"idat", grid),
        )
        return box(b"meta", b"".join(parts), full=True)

    start = box(b"ftyp", b"avif\0\0\0\0avifmif1miaf")
    return start + meta(len(start) + len(meta(0)) + 8) + box(b"mdat", b"".join(tiles))


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_grid_of_tiles_becomes_one_picture(tmp_path: Path, limits: Limits, mode: str) -> None:
    path = tmp_path / "a.avif"
    whole = Image.fromarray(PICTURE).resize((256, 128)).convert(mode)
    halves = [avif(whole.crop((x, 0, x + 128, 128))) for x in (0, 128)]
    path.write_bytes(grid_of(*halves, (250, 120)))
    target, wanted, seen = brighter(path, limits)
    assert seen.shape == (120, 250, 3)
    assert np.abs(seen.astype(int) - wanted).mean() < 2
    assert set(items_of(target.read_bytes()).types.values()) == {b"av01"}
    assert probe_media(target, limits) == probe_media(path, limits)
