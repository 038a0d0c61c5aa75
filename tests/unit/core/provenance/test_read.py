"""Reading of C2PA manifests: every state, and files that try to break the reader."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509

from haechi.core.errors import InputError, UnreadableMediaError
from haechi.core.provenance import certificates, read
from haechi.core.provenance.keys import Identity, new_identity
from haechi.core.provenance.read import ManifestReading, read_manifest
from haechi.core.provenance.sign import Claim, sign_media
from haechi.core.settings import Limits
from unit.core.provenance.remote import naming

Sign = Callable[..., bytes]
CREATED = {
    "action": "c2pa.created",
    "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
}


def saved(folder: Path, data: bytes, name: str = "사진 1.jpg") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def found(path: Path, **options: Any) -> ManifestReading:
    reading = read_manifest(path, **options)
    assert reading is not None
    return reading


def test_a_file_without_credentials_has_none(tmp_path: Path, plain: bytes) -> None:
    assert read_manifest(saved(tmp_path, plain)) is None


def test_an_intact_file_of_an_unknown_issuer_is_valid(tmp_path: Path, plain: bytes, sign: Sign) -> None:
    reading = found(saved(tmp_path, sign(plain, actions=(CREATED,))))
    assert reading.state == "valid"
    assert reading.issuer == "Haechi Test Signer"
    assert reading.title == "teaser photo 1"
    assert reading.claim_generator == "haechi-test 1"
    assert reading.actions == ("c2pa.created",)
    assert reading.source_types == ("trainedAlgorithmicMedia",)
    assert reading.problems == ()
    assert reading.signed_at is None
    assert json.loads(json.dumps(reading.as_data()))["source_types"] == ["trainedAlgorithmicMedia"]


def test_an_issuer_below_a_trusted_root_is_trusted(tmp_path: Path, plain: bytes, sign: Sign, authority: Any) -> None:
    path = saved(tmp_path, sign(plain, actions=(CREATED,)))
    assert found(path, trust_anchors_pem=authority.root).state == "trusted"


def test_changed_pixels_are_invalid(tmp_path: Path, plain: bytes, sign: Sign) -> None:
    data = bytearray(sign(plain, actions=(CREATED,)))
    data[-20] ^= 0x55
    reading = found(saved(tmp_path, bytes(data)))
    assert reading.state == "invalid"
    assert "assertion.dataHash.mismatch" in [problem.code for problem in reading.problems]
    assert reading.issuer == "Haechi Test Signer"


def test_the_failure_of_an_ingredient_is_listed_although_the_state_is_valid(
    tmp_path: Path, plain: bytes, sign: Sign
) -> None:
    broken = bytearray(sign(plain, actions=(CREATED,)))
    broken[-20] ^= 0x55
    reading = found(saved(tmp_path, sign(plain, (("stolen.jpg", bytes(broken)),), (CREATED,))))
    assert reading.state == "valid"
    assert reading.ingredients == ("stolen.jpg",)
    assert ("assertion.dataHash.mismatch", "stolen.jpg") in [(p.code, p.ingredient) for p in reading.problems]


def test_a_mangled_manifest_is_damaged_or_invalid_never_absent(tmp_path: Path, plain: bytes, sign: Sign) -> None:
    data = sign(plain, actions=(CREATED,))
    start = data.index(b"jumb")
    for number in range(4):
        mangled = bytearray(data)
        for spot in random.Random(number).sample(range(start + 60, start + 600), 12):
            mangled[spot] ^= 0xFF
        assert found(saved(tmp_path, bytes(mangled))).state in {"damaged", "invalid"}


def test_a_type_that_cannot_hold_credentials_has_none(tmp_path: Path) -> None:
    assert read_manifest(saved(tmp_path, b"\x1a\x45\xdf\xa3" + b"\x00" * 200, "clip.mkv")) is None


@pytest.mark.parametrize("name", ["1", "1" * 3000])
def test_a_remote_manifest_is_named_in_full_and_not_fetched(tmp_path: Path, plain: bytes, name: str) -> None:
    url = f"https://credentials.invalid/manifests/{name}"
    reading = found(saved(tmp_path, naming(plain, url)))
    assert [problem.code for problem in reading.problems] == ["manifest.inaccessible"]
    assert reading.remote_url == url


def test_files_that_cannot_be_opened_are_our_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        read_manifest(tmp_path / "missing.jpg")
    with pytest.raises(InputError):
        read_manifest(tmp_path)
    with pytest.raises(UnreadableMediaError):
        read_manifest(saved(tmp_path, b""))


def test_a_reader_that_dies_means_damaged(tmp_path: Path, plain: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, plain)
    assert found(path, limits=Limits(max_memory_bytes=100_000)).problems[0].code == "reader_failed"

    def slow(*_: object, **options: Any) -> None:
        raise subprocess.TimeoutExpired("reader", options["timeout"])

    monkeypatch.setattr(read.subprocess, "run", slow)
    assert found(path).state == "damaged"


def test_nonsense_from_the_library_is_survived() -> None:
    stores: list[Any] = [
        None,
        [],
        {"active_manifest": 3, "manifests": "x"},
        {"active_manifest": "a", "manifests": {"a": {"ingredients": [None, {"title": 5}], "assertions": {"x": 1}}}},
        {"active_manifest": "a", "manifests": {"a": None}, "validation_results": {"ingredientDeltas": [1, {}]}},
    ]
    for store in stores:
        reading = read._reading({"state": "Odd", "store": store})
        assert reading.state == "damaged"


@pytest.fixture
def identity_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Identity]:
    """An identity whose certificate has one purpose alone."""

    def make(purpose: str) -> Identity:
        only = x509.ExtendedKeyUsage([x509.ObjectIdentifier(purpose)])
        with monkeypatch.context() as patch:
            # its own view of the module: the library remembers the classes of the real one
            patch.setattr(certificates, "x509", SimpleNamespace(**vars(x509) | {"ExtendedKeyUsage": lambda _: only}))
            return new_identity(tmp_path / "home", "예시")

    return make


CLAIM = Claim("t", "예시", None, "a.jpg", "2026-05-01T00:00:00+00:00")


def test_a_certificate_for_c2pa_alone_is_taken(
    tmp_path: Path, plain: bytes, identity_for: Callable[[str], Identity]
) -> None:
    """Certificates below C2PA's official trust list carry no other purpose."""
    identity = identity_for("1.3.6.1.4.1.62558.2.1")
    source, target = tmp_path / "a.jpg", tmp_path / "signed.jpg"
    source.write_bytes(plain)
    edit, again = tmp_path / "edit.jpg", tmp_path / "again.jpg"
    manifest = sign_media(source, target, tmp_path / "signed.c2pa", CLAIM, identity)
    sign_media(target, again, tmp_path / "again.c2pa", CLAIM, identity)
    sign_media(source, edit, tmp_path / "edit.c2pa", replace(CLAIM, parent=manifest), identity)
    for path in (target, again, edit):
        reading = read_manifest(path, trust_anchors_pem=identity.anchor_pem)
        assert reading is not None
        assert (reading.state, reading.problems) == ("trusted", ())


def test_a_certificate_for_servers_does_not_sign(
    tmp_path: Path, plain: bytes, identity_for: Callable[[str], Identity]
) -> None:
    source = tmp_path / "a.jpg"
    source.write_bytes(plain)
    with pytest.raises(InputError, match="certificate"):
        sign_media(source, tmp_path / "b.jpg", tmp_path / "b.c2pa", CLAIM, identity_for("1.3.6.1.5.5.7.3.1"))
