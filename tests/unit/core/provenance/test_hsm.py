"""Keys in hardware modules: the URI, and a stand-in for the module, or SoftHSM where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pkcs11
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from haechi.core.errors import InputError
from haechi.core.provenance import hsm
from haechi.core.provenance.certificates import load_chain, make_root, make_signer
from haechi.core.provenance.hsm import place_of
from haechi.core.provenance.signers import open_signer

LIBRARIES = [Path(os.environ.get("SOFTHSM2_LIBRARY", "/usr/lib/softhsm/libsofthsm2.so"))]
LIBRARIES += [Path("/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"), Path("/usr/local/lib/softhsm/libsofthsm2.so")]
PIN = "1234"


@pytest.fixture
def pin_file(tmp_path: Path) -> Path:
    path = tmp_path / "pin"
    path.touch(0o600)
    path.write_text(PIN + "\n")
    return path


def test_a_uri_is_read_after_rfc_7512() -> None:
    place = place_of(
        "token=Release%20keys;id=%01%ff;object=signer;type=private?module-path=/lib/a.so&pin-source=file:/p"
    )
    assert place.token == {"token_label": "Release keys"}
    assert place.key == {"label": "signer", "id": b"\x01\xff"}
    assert (place.module, place.pin_file) == (Path("/lib/a.so"), Path("/p"))
    assert place_of("serial=12;object=s?module-path=/a&pin-source=file:///p").pin_file == Path("/p")
    assert place_of("serial=12;object=s?module-path=/a").token == {"token_serial": b"12"}


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("token=a;object=b", "looks like"),
        ("object=b?module-path=/a", "looks like"),
        ("token=a?module-path=/a", "looks like"),
        ("token=a;object=b;slot-id=1?module-path=/a", "slot-id"),
        ("token=a;object=b?module-path=/a&pin-value=1234", "does not belong"),
        ("token=a;object=b;type=cert?module-path=/a", "type is private"),
    ],
)
def test_a_uri_that_names_no_key_says_so(uri: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        place_of(uri)
    assert PIN not in str(caught.value)


class Module(ModuleType):
    """A stand-in for the package: one token with one key."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        super().__init__("pkcs11")
        self.ObjectClass = SimpleNamespace(PRIVATE_KEY="private")
        self.Mechanism = SimpleNamespace(ECDSA="ecdsa")
        self.exceptions = SimpleNamespace(PKCS11Error=KeyError)
        self.asked: list[Any] = []
        self._private = private

    def lib(self, path: str) -> Module:
        self.asked.append(path)
        return self

    def get_token(self, **which: str) -> Module:
        if which != {"token_label": "t"}:
            raise KeyError("no such token")
        return self

    def open(self, user_pin: str | None) -> Module:
        self.asked.append(user_pin)
        return self

    def __enter__(self) -> Module:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def get_key(self, **_: object) -> Module:
        return self

    def sign(self, digest: bytes, mechanism: str) -> bytes:
        assert mechanism == "ecdsa"
        r, s = utils.decode_dss_signature(self._private.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256()))))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def certificate() -> tuple[Any, ec.EllipticCurvePrivateKey]:
    pem, secret = make_signer("예시", make_root("예시"))
    key = serialization.load_pem_private_key(secret, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return load_chain(pem)[0], key


def test_it_signs_with_the_key_of_the_module(pin_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leaf, key = certificate()
    module = Module(key)
    monkeypatch.setattr(hsm, "_library", lambda: module)
    uri = f"pkcs11:token=t;object=k?module-path=/lib/x.so&pin-source=file:{pin_file}"
    assert len(open_signer(uri, leaf)(b"data")) == 64
    assert module.asked == ["/lib/x.so", PIN]
    with pytest.raises(InputError, match=r"x\.so cannot be used") as caught:
        open_signer(uri.replace("token=t", "token=u"), leaf)(b"data")
    assert PIN not in str(caught.value)
    pin_file.chmod(0o644)
    with pytest.raises(InputError, match="chmod 600"):
        open_signer(uri, leaf)(b"data")
    pin_file.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        open_signer(uri, leaf)(b"data")


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pkcs11", None)
    with pytest.raises(InputError, match="pip install"):
        open_signer("pkcs11:token=t;object=k?module-path=/x", certificate()[0])


@pytest.fixture
def soft_hsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[ec.EllipticCurvePrivateKey], Path]:
    """Put a key into a fresh token of SoftHSM; gives the library."""
    library = next((path for path in LIBRARIES if path.exists()), None)
    tool = shutil.which("softhsm2-util")
    if library is None or tool is None:
        pytest.skip("SoftHSM is not installed")
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path}/tokens\nobjectstore.backend = file\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    pkcs11.unload(str(library))  # another test of this process may have loaded it with tokens of its own

    def make(key: ec.EllipticCurvePrivateKey) -> Path:
        pem = tmp_path / "key.pem"
        pem.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        token = ["--token", "t", "--pin", PIN]
        made = [tool, "--module", str(library)]
        subprocess.run(
            [*made, "--init-token", "--free", "--label", "t", "--so-pin", "0000", "--pin", PIN], check=True, timeout=120
        )
        subprocess.run([*made, "--import", str(pem), *token, "--label", "k", "--id", "01"], check=True, timeout=120)
        return library

    return make


def test_soft_hsm_signs(soft_hsm: Callable[[ec.EllipticCurvePrivateKey], Path], pin_file: Path) -> None:
    leaf, key = certificate()
    library = soft_hsm(key)
    uri = f"pkcs11:token=t;object=k;id=%01?module-path={library}&pin-source=file:{pin_file}"
    assert len(open_signer(uri, leaf)(b"data")) == 64
    with pytest.raises(InputError, match="cannot be used"):
        open_signer(uri.replace("object=k", "object=other"), leaf)(b"data")
    pin_file.write_text("9999")
    with pytest.raises(InputError, match="cannot be used"):
        open_signer(uri, leaf)(b"data")
