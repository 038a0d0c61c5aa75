"""Keys in a hardware module or a smart card (PKCS#11), named by a URI after RFC 7512.

    pkcs11:token=Release%20keys;object=signer?module-path=/usr/lib/libvendor.so&pin-source=file:/secure/pin

`token` or `serial`, and `object` or `id`, say which key; `module-path` is the vendor's library; the PIN is in the file
that `pin-source` names, mode 0600. A PIN in the URI itself (`pin-value`) is refused: the URI is kept and shown.
Method: the digest is made here and signed there (ECDSA, RSA-PSS), or the whole message is (Ed25519). Every signature is
checked against the certificate by the caller (`signers`).
Needs the package python-pkcs11: pip install 'haechi[hsm]'.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from haechi.core.errors import InputError

_EXAMPLE: Final = "pkcs11:token=NAME;object=KEY?module-path=/usr/lib/libvendor.so&pin-source=file:/secure/pin"
_DIGESTS: Final[Mapping[str, str]] = {"es256": "sha256", "es384": "sha384", "es512": "sha512", "ps256": "sha256"}
_PATH: Final = frozenset({"token", "serial", "object", "id", "type"})
_QUERY: Final = frozenset({"module-path", "pin-source"})
_SALT_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Where a key is; no PIN is in it.

    Attributes:
        module: path of the vendor's library.
        token: what `get_token` takes.
        key: what `get_key` takes.
        pin_file: holds the PIN, or None for a token that asks for none.
    """

    module: Path
    token: Mapping[str, Any]
    key: Mapping[str, Any]
    pin_file: Path | None


def pkcs11_signer(rest: str, algorithm: str) -> Callable[[bytes], bytes]:
    """The function that signs with the key that the URI (without its scheme) names.

    Raises:
        InputError: wrong URI, package missing; while signing: no such token or key, wrong PIN.
    """
    place = place_of(rest)
    library = _library()

    def sign(data: bytes) -> bytes:
        try:
            token = library.lib(str(place.module)).get_token(**place.token)
            with token.open(user_pin=_pin(place.pin_file)) as session:
                key = session.get_key(object_class=library.ObjectClass.PRIVATE_KEY, **place.key)
                return _signed(library, key, data, algorithm)
        except (library.exceptions.PKCS11Error, RuntimeError, OSError) as error:
            reason = type(error).__name__ if not str(error) else f"{type(error).__name__}: {error}"
            raise InputError(
                f"the key in {place.module.name} cannot be used ({reason}); see its URI and PIN"
            ) from error

    return sign


def place_of(rest: str) -> KeyPlace:
    """Read a URI (without its scheme).

    Raises:
        InputError: it names no key, no library, or something that is not taken.
    """
    path, _, query = rest.partition("?")
    found = _attributes(path, ";", _PATH) | _attributes(query, "&", _QUERY)
    if "module-path" not in found or not {"token", "serial"} & found.keys() or not {"object", "id"} & found.keys():
        raise InputError(f"the URI of the key names no library, token or key; it looks like {_EXAMPLE}")
    if found.get("type", b"private") != b"private":
        raise InputError("the URI of the key names another kind of object; type is private, or left out")
    token = {"token_label": found["token"].decode("utf-8", "replace")} if "token" in found else {}
    if "serial" in found:
        token["token_serial"] = found["serial"]  # type: ignore[assignment]
    key: dict[str, Any] = {"label": found["object"].decode("utf-8", "replace")} if "object" in found else {}
    if "id" in found:
        key["id"] = found["id"]
    return KeyPlace(Path(os.fsdecode(found["module-path"])), token, key, _pin_file(found.get("pin-source")))


def _attributes(text: str, separator: str, known: frozenset[str]) -> dict[str, bytes]:
    found = {}
    for part in filter(None, text.split(separator)):
        name, _, value = part.partition("=")
        if name == "pin-value":
            raise InputError("a PIN does not belong into the URI of a key; put it into a file and name it: pin-source")
        if name not in known:
            raise InputError(f"the URI of the key has {name!r}, which is not taken; it looks like {_EXAMPLE}")
        found[name] = unquote_to_bytes(value)
    return found


def _pin_file(source: bytes | None) -> Path | None:
    if source is None:
        return None
    path = os.fsdecode(source).removeprefix("file:")
    return Path("/" + path.lstrip("/")) if path.startswith("//") else Path(path)


def _pin(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        if path.stat().st_mode & 0o077:
            raise InputError(f"others may read the PIN in {path}; run chmod 600 on it")
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InputError(f"the PIN in {path} cannot be read: {os.strerror(error.errno or 0)}") from error


def _signed(library: ModuleType, key: Any, data: bytes, algorithm: str) -> bytes:
    if algorithm == "ed25519":
        return bytes(key.sign(data, mechanism=library.Mechanism.EDDSA))
    digest = hashlib.new(_DIGESTS[algorithm], data).digest()
    if algorithm == "ps256":
        scheme = (library.Mechanism.SHA256, library.MGF.SHA256, _SALT_BYTES)
        return bytes(key.sign(digest, mechanism=library.Mechanism.RSA_PKCS_PSS, mechanism_param=scheme))
    return bytes(key.sign(digest, mechanism=library.Mechanism.ECDSA))


def _library() -> ModuleType:
    try:
        import pkcs11
    except ImportError as error:
        raise InputError("keys in hardware modules need a package: pip install 'haechi[hsm]'") from error
    import pkcs11.exceptions

    return pkcs11
