"""Signing: what the library really writes, what a stranger can and cannot do, every changed byte."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import sleep

import av
import c2pa
import numpy as np
import pytest
from PIL import Image

from haechi.core.errors import IntegrityError, UnsupportedMediaError
from haechi.core.media.encode import write_audio, write_video
from haechi.core.provenance import certificates, sign
from haechi.core.provenance.certificates import make_root, make_signer
from haechi.core.provenance.formats import is_of_type, misnamed, place_of_manifest
from haechi.core.provenance.keys import Identity, add_identity, new_identity, ours
from haechi.core.provenance.origin import read_origin
from haechi.core.provenance.read import read_manifest, sidecar_beside, sidecar_of
from haechi.core.provenance.sign import Claim, needs_sidecar, sign_media
from haechi.core.settings import Limits

CLAIM = Claim("첫눈", "예시 Entertainment", "하늘", "source.bin", "2026-05-01T00:00:00+00:00")
LIMITS = Limits()
SAMPLED_BYTES = 300
ENDS_S = 3
Sign = Callable[[Path], Path]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("signing") / "home"


@pytest.fixture(scope="module")
def identity(home: Path) -> Identity:
    return new_identity(home, "예시 Entertainment")


@pytest.fixture
def signed(tmp_path: Path, identity: Identity) -> Sign:
    """Signs a file into a folder of its own, with the sidecar it may need."""

    def _signed(source: Path) -> Path:
        folder = tmp_path / "signed"
        folder.mkdir(exist_ok=True)
        target = folder / source.name
        sign_media(source, target, sidecar_of(target), CLAIM, identity)
        return target

    return _signed


def picture(path: Path) -> Path:
    noise = np.random.default_rng(1).integers(0, 255, (48, 64, 3), np.uint8)
    Image.fromarray(noise).save(path)
    return path


def film(path: Path) -> Path:
    write_video(path, [np.full((48, 64, 3), 20 * i, np.uint8) for i in range(10)], 10.0)
    return path


def sound(path: Path, codec: str, rate: int = 48_000) -> Path:
    """Half a second of a tone in any codec that FFmpeg has."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.layout = "mono"
        tone = (0.3 * np.sin(np.arange(rate // 2) * 0.05)).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(stream.format, "mono", rate, frame_size=stream.frame_size or None)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


def tone(path: Path) -> Path:
    write_audio(path, (0.3 * np.sin(np.arange(8000) * 0.05)).astype(np.float32), 16_000)
    return path


def fragments(path: Path) -> Path:
    """The film in fragments, as streams are made of."""
    plain = film(path.with_name("plain.mp4"))
    with (
        av.open(str(plain)) as source,
        av.open(str(path), "w", options={"movflags": "frag_keyframe+empty_moov+default_base_moof"}) as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    return path


def ending_identity(home: Path, monkeypatch: pytest.MonkeyPatch) -> Identity:
    """One whose certificate ends in `ENDS_S` at the latest."""
    monkeypatch.setattr(certificates, "_EARLIER", timedelta(days=certificates.SIGNER_DAYS) - timedelta(seconds=ENDS_S))
    return new_identity(home, "Short")


MAKERS: dict[str, Callable[[Path], Path]] = {
    "a.jpg": picture,
    "a.png": picture,
    "a.webp": picture,
    "a.gif": picture,
    "a.tiff": picture,
    "a.avif": picture,
    "a.mp4": film,
    "a.mov": film,
    "fragments.mp4": fragments,
    "a.wav": tone,
    "a.mp3": lambda path: sound(path, "libmp3lame"),
    "a.flac": lambda path: sound(path, "flac"),
    "a.m4a": lambda path: sound(path, "aac"),
}
BESIDE: dict[str, Callable[[Path], Path]] = {
    "a.mkv": film,
    "a.webm": lambda path: film(path.with_suffix(".mkv")).rename(path),
    "a.opus": lambda path: sound(path, "libopus"),
    "a.ogg": lambda path: sound(path, "libopus"),
    "a.aac": lambda path: sound(path, "aac"),
}


@pytest.mark.parametrize("name", MAKERS)
def test_these_take_the_manifest_inside(name: str, tmp_path: Path, signed: Sign, identity: Identity) -> None:
    source = MAKERS[name](tmp_path / name)
    before = source.read_bytes()
    target = signed(source)
    assert source.read_bytes() == before
    assert not needs_sidecar(source)
    assert not sidecar_of(target).exists()
    reading = read_manifest(target, trust_anchors_pem=identity.anchor_pem)
    assert reading is not None
    assert (reading.state, reading.problems, reading.serial) == ("trusted", (), identity.serial)
    assert (reading.title, reading.issuer, reading.ingredients) == ("첫눈", "예시 Entertainment", ("source.bin",))
    assert reading.actions == ("c2pa.opened", "c2pa.published")
    assert target.stat().st_size - len(before) < 32_000


@pytest.mark.parametrize("name", BESIDE)
def test_these_need_it_beside(name: str, tmp_path: Path, signed: Sign, identity: Identity) -> None:
    source = BESIDE[name](tmp_path / name)
    target = signed(source)
    assert needs_sidecar(source)
    assert target.read_bytes() == source.read_bytes()
    beside = sidecar_of(target)
    reading = read_manifest(target, trust_anchors_pem=identity.anchor_pem, sidecar=beside)
    assert reading is not None
    assert (reading.state, reading.problems) == ("trusted", ())
    target.write_bytes(target.read_bytes()[:-1] + b"!")
    changed = read_manifest(target, trust_anchors_pem=identity.anchor_pem, sidecar=beside)
    assert changed is not None
    assert changed.state == "invalid"
    beside.write_bytes(beside.read_bytes()[:200])
    broken = read_manifest(target, sidecar=beside)
    assert broken is not None
    assert broken.state == "damaged"


def test_claims_forbid_training_and_name_the_rights(tmp_path: Path, signed: Sign) -> None:
    target = signed(picture(tmp_path / "a.jpg"))
    with c2pa.Reader(io.BytesIO(target.read_bytes())) as reader:
        store = json.loads(reader.json())
    manifest = store["manifests"][store["active_manifest"]]
    data = {one["label"]: one["data"] for one in manifest["assertions"]}
    entries = data["cawg.training-mining"]["entries"]
    assert len(entries) == 4
    assert all(one == {"use": "notAllowed"} for one in entries.values())
    assert data["cawg.metadata"]["dc:creator"] == ["하늘", "예시 Entertainment"]
    assert data["cawg.metadata"]["dc:rights"] == "© 2026 예시 Entertainment"
    assert "thumbnail" not in manifest
    assert [one["relationship"] for one in manifest["ingredients"]] == ["parentOf"]


def test_long_films_are_hashed_in_pieces(
    tmp_path: Path, signed: Sign, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert b"merkle" not in signed(film(tmp_path / "a.mp4")).read_bytes()
    monkeypatch.setattr(sign, "_WHOLE_BYTES", 0)
    target = signed(film(tmp_path / "b.mp4"))
    assert b"merkle" in target.read_bytes()
    reading = read_manifest(target, trust_anchors_pem=identity.anchor_pem)
    assert reading is not None
    assert (reading.state, reading.problems) == ("trusted", ())
    assert b"merkle" not in signed(fragments(tmp_path / "c.mp4")).read_bytes()


def test_an_earlier_manifest_is_kept_inside(tmp_path: Path, signed: Sign, identity: Identity) -> None:
    first = signed(picture(tmp_path / "a.jpg"))
    second = signed(first.rename(tmp_path / "b.jpg"))
    reading = read_manifest(second, trust_anchors_pem=identity.anchor_pem)
    assert reading is not None
    assert (reading.state, reading.problems, reading.ingredients) == ("trusted", (), ("source.bin",))
    with c2pa.Reader(io.BytesIO(second.read_bytes())) as reader:
        assert len(json.loads(reader.json())["manifests"]) == 2


@pytest.mark.parametrize("name", ["a.png", "a.mp4", "a.wav", "a.mkv"])
def test_the_parent_of_a_file_without_credentials_goes_along_whole(
    name: str, tmp_path: Path, identity: Identity
) -> None:
    earlier = (MAKERS | BESIDE)[name](tmp_path / name)
    target = tmp_path / f"signed {name}"
    other = new_identity(tmp_path / "earlier key", "Under another root")
    manifest = sign_media(earlier, target, sidecar_of(target), CLAIM, other)
    known = read_manifest(target, sidecar=sidecar_beside(target))
    assert known is not None
    edit, second = picture(tmp_path / "edit.jpg"), tmp_path / "second.jpg"
    sign_media(edit, second, sidecar_of(second), replace(CLAIM, parent=manifest), identity)
    reading = read_manifest(second, trust_anchors_pem=identity.anchor_pem)
    assert reading is not None
    assert (reading.state, reading.problems, reading.ingredients) == ("trusted", (), ("첫눈",))
    assert (reading.parent, reading.actions) == (known.manifest, ("c2pa.opened", "c2pa.published"))
    with c2pa.Reader(io.BytesIO(second.read_bytes())) as reader:
        assert known.manifest in json.loads(reader.json())["manifests"]


def test_a_parent_that_does_not_hold_any_more_is_only_named(
    tmp_path: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = ending_identity(tmp_path / "short", monkeypatch)
    first, second = tmp_path / "first.jpg", tmp_path / "second.jpg"
    manifest = sign_media(picture(tmp_path / "a.jpg"), first, sidecar_of(first), CLAIM, short)
    sleep(ENDS_S + 1.5)
    claim = replace(CLAIM, source_name="edit.jpg", parent=manifest)
    sign_media(picture(tmp_path / "edit.jpg"), second, sidecar_of(second), claim, identity)
    reading = read_manifest(second, trust_anchors_pem=identity.anchor_pem)
    assert reading is not None
    assert (reading.state, reading.problems, reading.ingredients) == ("trusted", (), ("첫눈",))
    assert reading.parent is None
    with c2pa.Reader(io.BytesIO(second.read_bytes())) as reader:
        (ingredient,) = json.loads(reader.json())["manifests"][reading.manifest]["ingredients"]
    assert ingredient["description"].startswith("edit.jpg had no content credentials")


def test_metadata_are_kept(tmp_path: Path, signed: Sign) -> None:
    source = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x8298] = "rights"
    Image.new("RGB", (64, 48), (9, 90, 200)).save(source, exif=exif, icc_profile=b"profile" * 20)
    with Image.open(source) as before, Image.open(signed(source)) as after:
        assert dict(before.getexif()) == dict(after.getexif())
        assert before.info["icc_profile"] == after.info["icc_profile"]
        assert before.tobytes() == after.tobytes()


def test_a_file_that_cannot_be_signed_is_said(tmp_path: Path, signed: Sign) -> None:
    for name, data in {"a.png": b"\x89PNG\r\n\x1a\n broken", "a.mp4": b"\0\0\0\x18ftypisom broken"}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UnsupportedMediaError, match="cannot be signed"):
            signed(tmp_path / name)


def test_why_a_signer_failed_is_said(tmp_path: Path, signed: Sign, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_data: bytes) -> bytes:
        raise IntegrityError("the token is locked")

    monkeypatch.setattr(Identity, "signer", lambda _self: fail)
    with pytest.raises(IntegrityError, match="the token is locked"):
        signed(picture(tmp_path / "a.jpg"))


def test_only_our_certificate_is_ours(tmp_path: Path, home: Path, signed: Sign, identity: Identity) -> None:
    mine = signed(picture(tmp_path / "a.jpg"))
    origin = read_origin(mine, LIMITS, ours(home))
    assert origin is not None
    assert origin.by_us
    stranger = new_identity(tmp_path / "stranger", "예시 Entertainment")  # the same name deceives nobody
    theirs = tmp_path / "theirs.jpg"
    sign_media(picture(tmp_path / "b.jpg"), theirs, sidecar_of(theirs), CLAIM, stranger)
    origin = read_origin(theirs, LIMITS, ours(home))
    assert origin is not None
    assert (origin.by_us, origin.reading.state) == (False, "valid")
    origin = read_origin(theirs, LIMITS, ours(home), trust_pem=stranger.anchor_pem)
    assert origin is not None
    assert (origin.by_us, origin.reading.state) == (False, "trusted")
    assert identity.serial not in ours(tmp_path / "stranger").serials


def test_another_customer_of_our_issuer_is_a_stranger(tmp_path: Path) -> None:
    issuer = make_root("Public Issuer")
    chains = []
    for number in range(2):
        certificate, key = make_signer("Customer", issuer)
        chain, secret = tmp_path / f"{number}.pem", tmp_path / f"{number}.key"
        chain.write_bytes(certificate + issuer.certificate)
        secret.touch(0o600)
        secret.write_bytes(key)
        chains.append((chain, f"file:{secret}"))
    we = add_identity(tmp_path / "we", "We", *chains[0])
    they = add_identity(tmp_path / "they", "They", *chains[1])
    found = []
    for number, one in enumerate((we, they)):
        target = tmp_path / f"out{number}.jpg"
        sign_media(picture(tmp_path / f"in{number}.jpg"), target, sidecar_of(target), CLAIM, one)
        found.append(read_origin(target, LIMITS, ours(tmp_path / "we")))
    assert [(one.by_us, one.reading.state) for one in found if one] == [(True, "trusted"), (False, "valid")]


def test_an_ended_certificate_is_told_from_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = ending_identity(tmp_path / "short", monkeypatch)
    target = tmp_path / "out.jpg"
    sign_media(picture(tmp_path / "a.jpg"), target, sidecar_of(target), CLAIM, short)
    sleep(ENDS_S + 1.5)
    reading = read_manifest(target, trust_anchors_pem=short.anchor_pem)
    assert reading is not None
    assert reading.state == "expired"
    data = bytearray(target.read_bytes())
    data[-20] ^= 1
    target.write_bytes(data)
    reading = read_manifest(target, trust_anchors_pem=short.anchor_pem)
    assert reading is not None
    assert reading.state == "invalid"


def test_every_sampled_byte_of_a_signed_picture_is_guarded(tmp_path: Path, signed: Sign, identity: Identity) -> None:
    """Detected, or without any meaning: in the manifest's own box, where it changes nothing that the manifest says.

    Those are the type numbers of boxes, and unsigned zeros that keep room for a time stamp; see docs/protecting.md.
    In this process, because 300 child processes would take a minute; the child reads in the same way.
    """
    data = signed(picture(tmp_path / "a.jpg")).read_bytes()
    settings = {
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": True},
        "trust": {"trust_anchors": identity.anchor_pem},
    }
    start = data.index(b"\xff\xeb")
    manifest = range(start, start + 2 + int.from_bytes(data[start + 2 : start + 4], "big"))
    generator = random.Random(3)
    with c2pa.Context(c2pa.Settings.from_dict(settings)) as context:
        known = trusted_store(data, context)
        assert known is not None
        for spot in generator.sample(range(len(data)), SAMPLED_BYTES):
            changed = bytearray(data)
            changed[spot] ^= generator.randrange(1, 256)
            said = trusted_store(bytes(changed), context)
            assert said is None or (spot in manifest and said == known), f"byte {spot} of {len(data)}"


def trusted_store(data: bytes, context: c2pa.Context) -> object:
    """All that the manifest says, or None when it does not hold."""
    try:
        with c2pa.Reader(io.BytesIO(data), context=context) as reader:
            return json.loads(reader.json()) if reader.get_validation_state() == "Trusted" else None
    except c2pa.C2paError:
        return None


def test_the_place_is_told_from_the_bytes_not_the_name() -> None:
    assert place_of_manifest(b"\xff\xd8\xff\xe0").mime == "image/jpeg"
    assert place_of_manifest(b"\0\0\0\x18ftypavif").mime == "image/avif"
    assert place_of_manifest(b"\0\0\0\x14ftypqt  ").is_film
    assert not place_of_manifest(b"\xff\xf1\x50\x80").embedded  # ADTS: raw AAC
    assert place_of_manifest(b"\xff\xfb\x90\x00").mime == "audio/mpeg"
    assert not place_of_manifest(b"").embedded


def test_a_type_goes_by_several_names(tmp_path: Path) -> None:
    film, sound = tmp_path / "clip.webm", tmp_path / "clip.opus"
    film.write_bytes(b"\x1aE\xdf\xa3")
    sound.write_bytes(b"OggS")
    types = ("video/x-matroska", "video/webm", "application/ogg", "audio/opus", "image/jpeg")
    assert [is_of_type(film, one) for one in types] == [True, True, False, False, False]
    assert [is_of_type(sound, one) for one in types] == [False, False, True, True, False]


@pytest.mark.parametrize("name", MAKERS | BESIDE)
def test_a_name_that_claims_something_else_is_told(name: str, tmp_path: Path, signed: Sign) -> None:
    path = (MAKERS | BESIDE)[name](tmp_path / name)
    assert misnamed(path) is None
    assert misnamed(signed(path)) is None
    for other in (".bin", "", ".DNG"):
        assert misnamed(path.rename(path.with_suffix(other))) is None
        path = path.with_suffix(other)
    if name != "a.aac":  # whose first bytes nobody knows
        assert misnamed(path.rename(path.with_suffix(".GIF" if name != "a.gif" else ".jpg"))) is not None
