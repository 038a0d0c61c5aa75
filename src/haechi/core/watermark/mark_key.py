"""The company's watermark key: 32 random bytes in `HOME/keys/watermark.key`, made once and never changed.

Whoever has it can read, forge and remove every mark of the company; whoever loses it can read none of them any more. It
is never printed, logged or put in a message. Mode 0600.
Invariant: the file appears whole or not at all, and is never overwritten, not even by two processes at once.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path
from typing import Final

from haechi.core.durable import write_whole
from haechi.core.errors import InputError, IntegrityError
from haechi.core.store.failures import store_failures

KEY_BYTES: Final = 32
_FOLDER, _FILE = "keys", "watermark.key"


def mark_key(home: Path) -> bytes | None:
    """The key of a home, or None when it never marked anything.

    Raises:
        InputError: others may read it.
        IntegrityError: it is damaged.
        StoreError: it cannot be read.
    """
    path = home.expanduser() / _FOLDER / _FILE
    with store_failures(home):
        try:
            mode = path.stat().st_mode
            key = path.read_bytes()
        except FileNotFoundError:
            return None
    if mode & 0o077:
        raise InputError(f"others may read the watermark key {path}; run chmod 600 on it")
    if len(key) != KEY_BYTES:
        raise IntegrityError(f"the watermark key {path} is damaged; restore it from a copy")
    return key


def make_mark_key(home: Path, actor: str | None = None) -> bytes:
    """The key of a home, made if there is none; the ledger has its fingerprint before it stands.

    Args:
        home: folder of the store.
        actor: who acts, for the ledger; by default the account of the operating system.

    Raises:
        As `mark_key`.
    """
    if (known := mark_key(home)) is not None:
        return known
    from haechi.core.provenance.keys import log_key

    folder, key = home.expanduser() / _FOLDER, secrets.token_bytes(KEY_BYTES)
    with store_failures(home):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # the ledger first; where another process is first with the file, its key is the key
        log_key(home, "key.watermark", _FILE, actor, fingerprint=key_fingerprint(key))
        write_whole(folder / _FILE, key)
    made = mark_key(home)
    if made is None:
        raise IntegrityError(f"the watermark key in {folder} vanished while it was made; run the command again")
    return made


def key_fingerprint(key: bytes) -> str:
    """Names a key without telling it: "sha256:...", of a digest that is used for nothing else."""
    return f"sha256:{hashlib.sha256(b'haechi watermark key' + key).hexdigest()}"


def mark_digest(key: bytes, method: str, payload: int) -> bytes:
    """What may be published of a mark's number: 16 bytes from which nobody without the key gets the number."""
    message = b"\0".join((b"haechi mark in a manifest", method.encode(), payload.to_bytes(5, "big")))
    return hmac.digest(key, message, "sha256")[:16]
