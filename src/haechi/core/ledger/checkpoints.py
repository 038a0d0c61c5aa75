"""Signed checkpoints: the size and the root of the ledger at one moment, under a key of the home.

Method: ECDSA on P-256 with SHA-256 over the canonical JSON of the statement, so that `openssl dgst -verify` checks it
on any machine. The ledger carries the digest of its public key in its first entry.
Limits: whoever holds this home's key can write another history of it. A checkpoint that was given to a second place in
time (a file, counsel, a time stamp authority) shows that: `haechi ledger verify --against`.
Invariants: the private key is 0600 from the moment it exists and is never shown.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from haechi.core.durable import write_whole
from haechi.core.errors import InputError, IntegrityError
from haechi.core.ledger.entries import canonical, digest_of

SCHEMA: Final = "haechi.checkpoint/1"
_KEY: Final = Path("keys") / "ledger.pem"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is signed.

    Attributes:
        ledger: id of the ledger.
        size: number of entries.
        root: Merkle root over them, "sha256:...".
        at: ISO 8601, UTC.
        key: digest of the public key, "sha256:...".
    """

    ledger: str
    size: int
    root: str
    at: str
    key: str

    def statement(self) -> bytes:
        """The bytes that are signed."""
        values = {"ledger": self.ledger, "size": self.size, "root": self.root, "at": self.at, "key": self.key}
        return canonical({"schema": SCHEMA, **values})


class LedgerKey:
    """The key that signs checkpoints.

    Args:
        private: an ECDSA key on P-256.
    """

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self._private = private
        public = private.public_key()
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        self.public_pem = public.public_bytes(serialization.Encoding.PEM, form)
        self.id = digest_of(public.public_bytes(serialization.Encoding.DER, form))

    def sign(self, data: bytes) -> bytes:
        """ECDSA with SHA-256, DER."""
        return self._private.sign(data, ec.ECDSA(hashes.SHA256()))


def ledger_key(home: Path) -> LedgerKey:
    """The key of a home, made when there is none yet.

    Raises:
        IntegrityError: it is damaged, or others may read it.
    """
    path = home / _KEY
    try:
        if path.stat().st_mode & 0o077:
            raise IntegrityError(f"others may read the key {path}; run chmod 600 on it")
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except FileNotFoundError:
        _make(path)
        return ledger_key(home)
    except (ValueError, TypeError) as error:
        raise IntegrityError(f"the key {path} is damaged; restore it from a copy") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise IntegrityError(f"the key {path} is not the one of a ledger; restore it from a copy")
    return LedgerKey(key)


def _make(path: Path) -> None:
    """Write a new key; of several that do so at once, the first one's stands."""
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(path, pem)


def sign_checkpoint(key: LedgerKey, checkpoint: Checkpoint) -> bytes:
    """The file of a checkpoint: statement, signature and public key."""
    return _file(checkpoint, key.sign(checkpoint.statement()), key.public_pem.decode())


def read_checkpoint(data: bytes, key_id: str | None = None) -> Checkpoint:
    """The checkpoint of a file whose signature holds.

    Args:
        data: what `sign_checkpoint` gave.
        key_id: digest of the public key that must have signed it; None takes the one in the file.

    Raises:
        InputError: this is no checkpoint.
        IntegrityError: its signature does not hold, or it is by another key.
    """
    try:
        fields: dict[str, Any] = json.loads(data)
        signature = base64.b64decode(fields["signature"], validate=True)
        found = Checkpoint(fields["ledger"], fields["size"], fields["root"], fields["at"], fields["key"])
        public = serialization.load_pem_public_key(fields["public_key"].encode())
        statement = found.statement()
    except (ValueError, KeyError, TypeError, AttributeError, UnsupportedAlgorithm) as error:
        raise InputError("this is not a checkpoint of a ledger; haechi ledger checkpoint writes them") from error
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    if data != _file(found, signature, pem):
        raise IntegrityError("the checkpoint was changed: these are not the bytes that were written")
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if digest_of(der) != found.key or (key_id is not None and key_id != found.key):
        raise IntegrityError("the checkpoint was signed with another key than this ledger's")
    try:
        if not isinstance(public, ec.EllipticCurvePublicKey):
            raise InvalidSignature
        public.verify(signature, statement, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise IntegrityError("the signature of the checkpoint does not hold: it was changed") from error
    return found


def _file(checkpoint: Checkpoint, signature: bytes, public_pem: str) -> bytes:
    """The one way to write a checkpoint: base64 and PEM could be written in several."""
    more = {"signature": base64.b64encode(signature).decode(), "public_key": public_pem}
    return canonical({**json.loads(checkpoint.statement()), **more})
