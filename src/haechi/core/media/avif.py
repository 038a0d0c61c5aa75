"""AVIF stills written again: what one must be like for that, and the writing.

Source: AV1 Image File Format 1.1 (av1C, auxC), ISO/IEC 23008-12 (Exif, mime, auxl, irot, imir), ITU-T H.273 (nclx).
`describe` runs in the decoding child. `write` lets Pillow (libavif) code the picture with its turn, its colour profile
and its XMP, and then does by hand what Pillow cannot: EXIF byte for byte, alpha without loss, and the source's words
for its primaries and curve. Both payloads lie in an `mdat` of their own at the end, where `iloc` then points.
Limits: what the file says beyond that (HDR, gain maps, depth, layers, thumbnails, premultiplied alpha, a crop) is
refused, not dropped. A grid of tiles becomes one picture.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from haechi.core.media.heif_items import ItemTable, item_bytes, items_of, read_items
from haechi.core.media.orientation import Orientation, to_exif
from haechi.core.media.pixels import hdr_kind

QUALITY, FAITHFUL_QUALITY = 90, 98
GREY: Final = "4:0:0"
_SAMPLINGS: Final = {0: "4:4:4", 2: "4:2:2", 3: "4:2:0"}  # chroma_subsampling_x, _y
_LOSSLESS: Final = 100
_UNSPECIFIED: Final = 2  # ITU-T H.273
_HIGH_BITS, _GREY_BIT = 0x40, 0x10  # av1C, third byte
_ALPHA: Final = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
_PICTURES, _ABOUT = frozenset({b"av01", b"grid"}), frozenset({b"Exif", b"mime"})
_KEPT: Final = frozenset({b"ispe", b"pixi", b"av1C", b"colr", b"irot", b"imir", b"auxC", b"a1op", b"a1lx", b"lsel"})
_SQUARE: Final = (b"pasp", struct.pack(">II", 1, 1))
_PLACEHOLDER: Final = "x"
_SOME_ALPHA: Final = 128  # libavif leaves out alpha that is opaque everywhere

Bytes = NDArray[np.uint8]


def describe(descriptor: int, xmp: object) -> dict[str, Any]:
    """What writing it again takes - "subsampling", "cicp" (primaries and curve, H.273) - or the word that "refused" it.

    Args:
        descriptor: the file.
        xmp: what Pillow found of it: no other text can be kept.
    """
    try:
        items = read_items(descriptor)
        coded = next(iter(items.referred(b"dimg", items.primary)), items.primary)
        configuration = items.property(coded, b"av1C") or b""
        cicp = _cicp(descriptor, items, coded)
        refused = _refusal(items, configuration[2], cicp)
        sampling = GREY if configuration[2] & _GREY_BIT else _SAMPLINGS.get(configuration[2] >> 2 & 3)
        if refused or sampling is None or _about(descriptor).get("xmp") != xmp:
            return {"refused": refused or "format"}
    except (struct.error, IndexError, ValueError, av.FFmpegError, StopIteration):
        return {"refused": "format"}
    return {"subsampling": sampling, "cicp": cicp}


def write(pixels: Bytes, source: Path, turn: Orientation, cicp: tuple[int, int], coding: Mapping[str, Any]) -> bytes:
    """An AVIF of these pixels, with all that the source says of its own.

    Args:
        pixels: uint8 (h, w, 1-4), as stored.
        source: the file whose metadata go around them.
        turn: from stored to displayed.
        cicp: primaries and curve, as `describe` gave them.
        coding: "quality" and "subsampling".

    Raises:
        ValueError: libavif laid its file out in a way that is not known here.
    """
    with source.open("rb") as handle:
        about = _about(handle.fileno())
    exif = about.pop("exif", b"")
    alpha = pixels[:, :, -1] if pixels.shape[2] in (2, 4) else None
    colour = pixels[:, :, : pixels.shape[2] - (alpha is not None)]
    image = Image.fromarray(colour if colour.shape[2] == 3 else colour[:, :, 0])
    if alpha is not None:
        image.putalpha(_SOME_ALPHA)
    coded = _coded(image, exif=_stand_in(turn, exif), **about, **coding)
    items = items_of(coded)
    payloads: dict[int, bytes] = {}
    if exif:
        payloads[next(item for item, kind in items.types.items() if kind == b"Exif")] = exif
    if alpha is not None:
        payloads[next(owner for kind, owner, _ in items.references if kind == b"auxl")] = _alpha(alpha)
    return _extended(_restated(coded, items, cicp), items, payloads)


def _cicp(descriptor: int, items: ItemTable, coded: int) -> tuple[int, int]:
    """Primaries and curve: of the nclx box, else of the AV1 stream; a colour profile alone leaves them open."""
    colours = [body for kind, body in items.of(items.primary) if kind == b"colr"]
    for body in colours:
        if body[:4] == b"nclx":
            primaries, transfer = struct.unpack_from(">HH", body, 4)
            return int(primaries), int(transfer)
    if colours:
        return _UNSPECIFIED, _UNSPECIFIED
    context: Any = av.CodecContext.create("libdav1d", "r")
    next(iter([*context.decode(av.Packet(item_bytes(descriptor, items, coded))), *context.decode(None)]))
    return int(context.color_primaries), int(context.color_trc)


def _refusal(items: ItemTable, bits: int, cicp: tuple[int, int]) -> str | None:
    if hdr_kind(cicp[1]):
        return "hdr"
    if bits & _HIGH_BITS:
        return "depth"
    alphas = [item for item in _auxiliaries(items) if _role(items, item) in _ALPHA]
    shown = {items.primary, *alphas}
    shown |= {part for item in shown for part in items.referred(b"dimg", item)}
    others = {kind for item, kind in items.types.items() if item not in shown}
    if others - _ABOUT or {items.types.get(item) for item in shown} - _PICTURES:
        return "pages"
    said = {name for item in shown for name, body in items.of(item) if (name, body) != _SQUARE}
    premultiplied = any(kind == b"prem" for kind, _, _ in items.references)
    kinds = list(items.types.values())
    twice = len(alphas) > 1 or any(kinds.count(kind) > 1 for kind in _ABOUT)
    elsewhere = any(method > 1 for method, _ in items.places.values())
    return "format" if said - _KEPT or premultiplied or twice or elsewhere else None


def _auxiliaries(items: ItemTable) -> Iterable[int]:
    return (owner for kind, owner, to in items.references if kind == b"auxl" and items.primary in to)


def _role(items: ItemTable, item: int) -> bytes:
    return (items.property(item, b"auxC") or b"")[4:].partition(b"\0")[0]


def _about(descriptor: int) -> dict[str, bytes]:
    """EXIF (the item's content), XMP and ICC profile of a file; what is not there has no entry."""
    items = read_items(descriptor)
    names = {b"Exif": "exif", b"mime": "xmp"}
    found = {names[kind]: item_bytes(descriptor, items, item) for item, kind in items.types.items() if kind in names}
    for kind, body in items.of(items.primary):
        if kind == b"colr" and body[:4] in (b"prof", b"rICC"):
            found["icc_profile"] = body[4:]
    return {name: content for name, content in found.items() if content}


def _stand_in(turn: Orientation, exif: bytes) -> Image.Exif:
    """Tells Pillow the turn, which it writes as `irot` and `imir`, and makes it give EXIF an item."""
    made = Image.Exif()
    if turn != Orientation():
        made[ExifTags.Base.Orientation] = to_exif(turn)
    if exif:
        made[ExifTags.Base.ImageDescription] = _PLACEHOLDER
    return made


def _coded(image: Image.Image, **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, format="AVIF", **options)
    return target.getvalue()


def _alpha(alpha: Bytes) -> bytes:
    """The AV1 stream of an alpha plane, without loss: that of a grey picture of full range."""
    coded = _coded(Image.fromarray(alpha), quality=_LOSSLESS, subsampling=GREY)
    items = items_of(coded)
    (start, length), *_ = items.places[items.primary][1]
    return coded[start : start + length]


def _restated(coded: bytes, items: ItemTable, cicp: tuple[int, int]) -> bytes:
    """With other primaries and another curve; the matrix and range stay those that it was coded with."""
    body = next(body for kind, body in items.of(items.primary) if kind == b"colr" and body[:4] == b"nclx")
    return _replaced(coded, b"colr" + body, b"colrnclx" + struct.pack(">HH", *cicp) + body[8:])


def _extended(coded: bytes, items: ItemTable, payloads: Mapping[int, bytes]) -> bytes:
    """With these items' content at the end of the file (iloc of version 0: ISO/IEC 14496-12, 8.11.3)."""
    if not payloads:
        return coded
    at = len(coded) + 8
    for item, payload in payloads.items():
        (start, length), *_ = items.places[item][1]
        old, new = (struct.pack(">HHHII", item, 0, 1, *place) for place in ((start, length), (at, len(payload))))
        coded = _replaced(coded, old, new)
        at += len(payload)
    content = b"".join(payloads.values())
    return coded + struct.pack(">I4s", 8 + len(content), b"mdat") + content


def _replaced(coded: bytes, old: bytes, new: bytes) -> bytes:
    if coded.count(old) != 1:
        raise ValueError("libavif laid this file out in an unknown way")
    return coded.replace(old, new)
