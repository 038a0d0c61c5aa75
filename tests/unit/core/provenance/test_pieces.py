"""Films hashed in pieces, recomputed after the text of the specification, without the library that signs."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
from benchmarks.merkle import Pieces, pieces_of

from haechi.core.media.encode import write_video
from haechi.core.provenance import sign
from haechi.core.provenance.keys import Identity, new_identity
from haechi.core.provenance.pieces import WithHeads, heads_for_pieces
from haechi.core.provenance.read import read_manifest, sidecar_of
from haechi.core.provenance.sign import Claim, sign_media

CLAIM = Claim("t", "Example", None, "film.mp4", "2026-05-01T00:00:00+00:00")
FTYP, MOOV = b"\0\0\0\x0cftypisom", b"\0\0\0\x08moov"
ROOM, WIDE = b"\0\0\0\x08free", b"\0\0\0\x08wide"
SHORT, LONG = b"\0\0\0\x0cmdat1234", b"\0\0\0\x01mdat" + (20).to_bytes(8, "big") + b"1234"


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return new_identity(tmp_path_factory.mktemp("pieces") / "home", "Example")


@pytest.fixture
def in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short films, too, are hashed in pieces, of 1 KiB."""
    monkeypatch.setattr(sign, "_WHOLE_BYTES", 0)
    monkeypatch.setattr(sign, "_PIECE_KIB", 1)


def film(path: Path) -> Path:
    rng = np.random.default_rng(1)
    write_video(path, [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(9)], 10.0)
    return path


def roomless(path: Path) -> Path:
    """The film without the empty box in front of its pictures: what the index says moves up by as much."""
    data = film(path).read_bytes()
    at = data.index(ROOM)
    before, after = data[:at], data[at + len(ROOM) :]
    table = after.index(b"stco") + 8
    count = int.from_bytes(after[table : table + 4], "big")
    places = [int.from_bytes(after[table + 4 * n : table + 4 * n + 4], "big") - 8 for n in range(1, count + 1)]
    moved = b"".join(place.to_bytes(4, "big") for place in places)
    path.write_bytes(before + after[: table + 4] + moved + after[table + 4 + len(moved) :])
    return path


def signed(source: Path, folder: Path, identity: Identity) -> Path:
    target = folder / f"signed-{source.name}"
    sign_media(source, target, sidecar_of(target), CLAIM, identity)
    return target


def payload(path: Path) -> bytes:
    """What the decoder gets."""
    with av.open(str(path)) as container:
        return b"".join(bytes(packet) for packet in container.demux(video=0))


@pytest.mark.usefixtures("in_pieces")
@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_pieces_cover_the_payload_as_the_specification_has_it(name: str, tmp_path: Path, identity: Identity) -> None:
    source = film(tmp_path / name)
    target = signed(source, tmp_path, identity)
    (pieces,) = pieces_of(target)
    assert pieces.header == 16
    assert pieces.count > 8
    assert pieces.as_stored
    assert payload(target) == payload(source)
    reading = read_manifest(target, trust_anchors_pem=identity.anchor_pem)
    assert reading is not None
    assert (reading.state, reading.problems) == ("trusted", ())


@pytest.mark.usefixtures("in_pieces")
def test_without_room_for_a_long_header_the_film_is_hashed_whole(
    tmp_path: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = roomless(tmp_path / "a.mp4")
    target = signed(source, tmp_path, identity)
    assert pieces_of(target) == ()
    assert payload(target) == payload(source)
    # What the library makes of it by itself leaves the payload's first eight bytes out of the pieces.
    monkeypatch.setattr(sign, "heads_for_pieces", lambda _: {})
    target.unlink()
    (pieces,) = pieces_of(signed(source, tmp_path, identity))
    assert (pieces.header, pieces.as_stored) == (8, False)


@pytest.mark.usefixtures("in_pieces")
def test_a_changed_byte_changes_its_piece(tmp_path: Path, identity: Identity) -> None:
    target = signed(film(tmp_path / "a.mp4"), tmp_path, identity)
    data = bytearray(target.read_bytes())
    data[data.rindex(b"mdat") + 3000] ^= 1  # the manifest names the box, too
    target.write_bytes(data)
    (pieces,) = pieces_of(target)
    assert not pieces.as_stored


def test_a_film_that_was_signed_in_pieces_is_signed_in_pieces_again(
    tmp_path: Path, identity: Identity, in_pieces: None
) -> None:
    first = signed(film(tmp_path / "a.mp4"), tmp_path, identity)
    pieces: tuple[Pieces, ...] = pieces_of(signed(first, tmp_path, identity))
    assert [one.as_stored for one in pieces] == [True]


@pytest.mark.parametrize(
    ("boxes", "places"),
    [
        (FTYP + ROOM + SHORT + MOOV, {12: LONG[:16]}),
        (FTYP + MOOV + WIDE + SHORT, {20: LONG[:16]}),
        (FTYP + LONG + MOOV, {}),
        (FTYP + LONG + ROOM + SHORT + MOOV, {32: LONG[:16]}),
        (FTYP + SHORT + MOOV, None),
        (FTYP + ROOM + SHORT + SHORT + MOOV, None),
        (FTYP + b"\0\0\0\x09free!" + SHORT + MOOV, None),
        (FTYP + MOOV + ROOM + SHORT + b"\0\0\0\x08moof", None),
        (FTYP + ROOM + b"\0\0\0\0mdat1234", None),
        (FTYP + MOOV, None),
        (FTYP + ROOM + SHORT + b"\0\0\0\x99moov", None),
        (FTYP + ROOM + SHORT + b"\0\0\0\x01free" + b"\xff" * 8, None),
        (b"", None),
    ],
)
def test_short_headers_are_made_long_where_there_is_room(boxes: bytes, places: dict[int, bytes] | None) -> None:
    assert heads_for_pieces(io.BytesIO(boxes)) == places


def test_other_bytes_stand_at_some_places_however_they_are_read() -> None:
    data = bytes(range(64))
    view = WithHeads(io.BytesIO(data), {10: b"abcdef", 40: b"xyz"})
    wanted = data[:10] + b"abcdef" + data[16:40] + b"xyz" + data[43:]
    assert view.read() == wanted
    for step in (1, 3, 7, 64):
        view.seek(0)
        assert b"".join(iter(lambda step=step: view.read(step), b"")) == wanted  # type: ignore[misc]
    assert (view.seek(12), view.read(2), view.tell()) == (12, b"cd", 14)
    assert (view.seek(-1, io.SEEK_END), view.read(None)) == (63, data[-1:])
