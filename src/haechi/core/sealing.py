"""Encryption at rest, and seals that take two of three people.

    home/keys/vault/           0700
      identity.txt             the home's own key (age X25519)
      recipients.txt           optional: further public keys that everything ordinary is encrypted to, e.g. counsel's
      holders.json             public key of the seal and the names of its three holders; its secret is nowhere here

Method: age (X25519, ChaCha20-Poly1305) by pyrage. The secret of the seal is split in blocks of 16 bytes by Shamir's
scheme over GF(2^128) (pycryptodome), two of three, and leaves in three files; the whole is forgotten at once.
Sources: age-encryption.org/v1; A. Shamir, Commun. ACM 22 (1979).
Limits: who holds this home holds its own key, so ordinary parts are as safe as the home's disk and account; sealed ones
are not in its reach. A share carries no check of its own: wrong ones show when the key they make does not fit.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import pyrage

from haechi.core.durable import write_whole
from haechi.core.errors import InputError, IntegrityError, PolicyError
from haechi.core.store.failures import store_failures

HOLDERS: Final = 3
NEEDED: Final = 2
_FOLDER: Final = Path("keys") / "vault"
_BLOCK: Final = 16
_SHARE: Final = "haechi.share/1"


@dataclass(frozen=True, slots=True)
class Encrypted:
    """What went in: SHA-256 ("sha256:...") and size of the plain bytes, taken while they were encrypted."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Seal:
    """The public half of a seal."""

    recipient: str
    holders: tuple[str, ...]


class VaultKeys:
    """Keys of one home's vault.

    Args:
        home: folder of the store.
    """

    def __init__(self, home: Path) -> None:
        self._folder = home / _FOLDER
        self._home = home

    def seal(self) -> Seal | None:
        """The seal in use, or None when no holders were named yet.

        Raises:
            IntegrityError: its file is damaged.
        """
        try:
            fields = json.loads((self._folder / "holders.json").read_text("utf-8"))
            return Seal(fields["recipient"], tuple(fields["holders"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise IntegrityError(f"{self._folder / 'holders.json'} is damaged; restore it from a copy") from error

    def need_seal(self) -> Seal:
        """The seal in use.

        Raises:
            PolicyError: nobody holds keys yet.
        """
        seal = self.seal()
        if seal is None:
            raise PolicyError("nobody holds the keys of the seal yet; name three people: haechi vault holders A B C")
        return seal

    def make_seal(self, names: Sequence[str]) -> tuple[Seal, list[bytes]]:
        """A new seal, in use at once, and one share for each holder; see `new_seal` and `use_seal`.

        Raises:
            InputError: not three different names.
        """
        seal, shares = new_seal(names)
        self.use_seal(seal)
        return seal, shares

    def use_seal(self, seal: Seal) -> None:
        """Seal to these holders from now on; what was sealed before stays with the former ones.

        Its shares must be safe by then: what is sealed to a seal without shares is lost.
        """
        about = {"recipient": seal.recipient, "holders": list(seal.holders)}
        self._write("holders.json", json.dumps(about, ensure_ascii=False).encode())

    def encrypt(self, source: IO[bytes], target: Path, *, sealed: bool) -> Encrypted:
        """Encrypt what `source` gives into a new file.

        Raises:
            PolicyError: it is to be sealed and nobody holds keys yet.
        """
        names = [self.need_seal().recipient] if sealed else self._recipients()
        recipients = [pyrage.x25519.Recipient.from_str(name) for name in names]
        reader = _Hashing(source)
        with store_failures(self._home):
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                pyrage.encrypt_io(reader, file, recipients)
                file.flush()
                os.fsync(file.fileno())
        return Encrypted(f"sha256:{reader.sha256.hexdigest()}", reader.size)

    def decrypt(self, encrypted: Path, target: IO[bytes]) -> None:
        """Decrypt with the home's own key.

        Raises:
            IntegrityError: the file is damaged, or was encrypted to other keys.
        """
        _decrypt(encrypted, target, self._identity(), f"{encrypted.name}: cannot be opened with this home's key")

    def _recipients(self) -> list[str]:
        own = str(self._identity().to_public())
        try:
            lines = (self._folder / "recipients.txt").read_text("ascii").split("\n")
        except FileNotFoundError:
            lines = []
        return [own, *(line.strip() for line in lines if line.startswith("age1"))]

    def _identity(self) -> Any:
        path = self._folder / "identity.txt"
        try:
            if path.stat().st_mode & 0o077:
                raise IntegrityError(f"others may read the key {path}; run chmod 600 on it")
            return pyrage.x25519.Identity.from_str(path.read_text("ascii").strip())
        except FileNotFoundError:
            from haechi.core.provenance.keys import log_key

            made = pyrage.x25519.Identity.generate()
            log_key(self._home, "key.vault", "vault", None, recipient=str(made.to_public()))
            self._write("identity.txt", f"{made}\n".encode("ascii"), only_new=True)
            return self._identity()
        except (pyrage.IdentityError, ValueError) as error:
            raise IntegrityError(f"the key {path} is damaged; restore it from a copy") from error

    def _write(self, name: str, data: bytes, *, only_new: bool = False) -> None:
        """Write a file whole or not at all; with `only_new`, the first of two that do so at once stands."""
        with store_failures(self._home):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(self._folder / name, data, over=not only_new)


class OpenSeal:
    """A seal that two holders opened, in memory alone.

    Args:
        shares: files of two holders.

    Raises:
        InputError: these are not two shares of one seal.
    """

    def __init__(self, shares: Sequence[bytes]) -> None:
        read = [_read_share(data) for data in shares]
        if len({index for _, _, index, _ in read}) != NEEDED or len({recipient for recipient, *_ in read}) != 1:
            raise InputError(f"opening a seal takes the shares of {NEEDED} different holders of the same seal")
        self.holders = tuple(sorted(name for _, name, *_ in read))
        damaged = InputError("one of the shares is damaged: together they make no key of this seal")
        try:
            self._identity = pyrage.x25519.Identity.from_str(join([(at, share) for _, _, at, share in read]).decode())
        except (pyrage.IdentityError, ValueError) as error:
            raise damaged from error
        if str(self._identity.to_public()) != read[0][0]:
            raise damaged

    def decrypt(self, encrypted: Path, target: IO[bytes]) -> None:
        """Decrypt a sealed file.

        Raises:
            IntegrityError: the file is damaged, or was sealed with another seal.
        """
        _decrypt(encrypted, target, self._identity, f"{encrypted.name}: was sealed to other holders than these")


def new_seal(names: Sequence[str]) -> tuple[Seal, list[bytes]]:
    """A seal that nobody uses yet, and one share for each holder.

    Raises:
        InputError: not three different names.
    """
    if len(set(names)) != HOLDERS or not all(name.strip() for name in names):
        raise InputError(f"a seal has {HOLDERS} holders with different names")
    identity = pyrage.x25519.Identity.generate()
    seal = Seal(str(identity.to_public()), tuple(names))
    shares = split(str(identity).encode("ascii"))
    return seal, [_share_file(seal, name, index, share) for name, (index, share) in zip(names, shares, strict=True)]


def split(secret: bytes) -> list[tuple[int, bytes]]:
    """Split a secret into shares of which two suffice: index and bytes each."""
    from Crypto.Protocol.SecretSharing import Shamir

    padded = secret + b"\x00" * (-len(secret) % _BLOCK)
    blocks = [
        Shamir.split(NEEDED, HOLDERS, padded[at : at + _BLOCK], ssss=False) for at in range(0, len(padded), _BLOCK)
    ]
    return [(place + 1, b"".join(block[place][1] for block in blocks)) for place in range(HOLDERS)]


def join(shares: Sequence[tuple[int, bytes]]) -> bytes:
    """The secret of two shares."""
    from Crypto.Protocol.SecretSharing import Shamir

    size = min(len(share) for _, share in shares)
    blocks = [
        Shamir.combine([(index, share[at : at + _BLOCK]) for index, share in shares], ssss=False)
        for at in range(0, size - size % _BLOCK, _BLOCK)
    ]
    return b"".join(bytes(block) for block in blocks).rstrip(b"\x00")


class _Hashing:
    """A reader that hashes what it hands on."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.sha256 = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self.sha256.update(data)
        self.size += len(data)
        return data


def _decrypt(encrypted: Path, target: IO[bytes], identity: Any, message: str) -> None:
    try:
        with encrypted.open("rb") as source:
            pyrage.decrypt_io(source, target, [identity])
    except (pyrage.DecryptError, OSError) as error:
        raise IntegrityError(message) from error


def _share_file(seal: Seal, name: str, index: int, share: bytes) -> bytes:
    fields = {"schema": _SHARE, "recipient": seal.recipient, "holder": name, "index": index}
    return json.dumps({**fields, "share": base64.b64encode(share).decode()}, ensure_ascii=False, indent=1).encode()


def _read_share(data: bytes) -> tuple[str, str, int, bytes]:
    try:
        fields = json.loads(data)
        if fields["schema"] != _SHARE:
            raise ValueError("another schema")
        share = base64.b64decode(fields["share"], validate=True)
        return str(fields["recipient"]), str(fields["holder"]), int(fields["index"]), share
    except (ValueError, KeyError, TypeError) as error:
        raise InputError("this is not the share of a key holder; haechi vault holders writes them") from error
