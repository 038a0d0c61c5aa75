"""Whoever holds a private key signs with it: chosen by URI, and every signature is checked before it is used.

- `file:/path/key.pem`: a private key in PEM, without a passphrase, readable by its owner alone;
- `pkcs11:token=...;object=...?module-path=...`: a key in a hardware module or smart card (see `hsm`);
- `exec:command arguments`: a program of the company's, for a key that never leaves its place (a hardware module, a
  cloud service). It gets the bytes to sign on standard input and writes the signature to standard output, either as
  the standards of COSE have it (ECDSA: r and s, joined) or, ECDSA, in DER as OpenSSL writes it. No shell is involved.

Invariants: no key is ever printed, logged or put in a message; a signature that the certificate does not verify
is an error, never used.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from haechi.core.errors import InputError, IntegrityError
from haechi.core.provenance.hsm import pkcs11_signer

Sign = Callable[[bytes], bytes]
EXEC_WAIT_S = 60.0
MAX_SIGNATURE_BYTES = 4096
_HASHES: Mapping[str, hashes.HashAlgorithm] = {
    "es256": hashes.SHA256(),
    "es384": hashes.SHA384(),
    "es512": hashes.SHA512(),
    "ps256": hashes.SHA256(),
}
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
_LEAST_RSA_BITS = 2048


def algorithm_of(certificate: x509.Certificate) -> str:
    """C2PA's name of the signature algorithm that fits a certificate: es256, es384, es512, ps256 or ed25519.

    Raises:
        InputError: C2PA has none for its kind of key.
    """
    key = certificate.public_key()
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _LEAST_RSA_BITS:
        return "ps256"
    raise InputError("this kind of key cannot sign for C2PA; use P-256, P-384, P-521, Ed25519 or RSA from 2048 bits on")


def open_signer(uri: str, certificate: x509.Certificate) -> Sign:
    """The function that signs with the key that `uri` names; its signatures verify with `certificate`.

    Raises:
        InputError: unknown kind of URI, no such key, or one that does not belong to the certificate.
        IntegrityError: while signing: the signature does not verify.
    """
    scheme, _, rest = uri.partition(":")
    if scheme not in SIGNERS:
        raise InputError(f"no signer for {scheme + ':'!r}; known are {', '.join(f'{name}:' for name in SIGNERS)}")
    algorithm = algorithm_of(certificate)
    raw = SIGNERS[scheme](rest, algorithm)

    def sign(data: bytes) -> bytes:
        return _checked(raw(data), data, certificate, algorithm)

    return sign


def _file_signer(rest: str, algorithm: str) -> Sign:
    path = Path(rest).expanduser()
    try:
        if path.stat().st_mode & 0o077:
            raise InputError(f"others may read the key {path}; run chmod 600 on it")
        key: Any = serialization.load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise InputError(f"the key {path} cannot be read: {os.strerror(error.errno or 0)}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(f"{path} is not a private key in PEM without a passphrase") from error

    def sign(data: bytes) -> bytes:
        try:
            if algorithm == "ed25519":
                return bytes(key.sign(data))
            if algorithm == "ps256":
                return bytes(key.sign(data, _pss(), _HASHES[algorithm]))
            return bytes(key.sign(data, ec.ECDSA(_HASHES[algorithm])))
        except (TypeError, AttributeError) as error:
            raise InputError(f"the key {path} does not belong to the certificate") from error

    return sign


def _exec_signer(rest: str, _algorithm: str) -> Sign:
    try:
        command = shlex.split(rest)
    except ValueError as error:
        raise InputError(f"the command of the signer cannot be read: {error}") from error
    if not command:
        raise InputError("exec: needs the command of the signer, e.g. exec:/opt/hsm/sign --slot 3")

    def sign(data: bytes) -> bytes:
        try:
            done = subprocess.run(  # noqa: S603  (the company's own signer; no shell, no word from a file under check)
                command, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=EXEC_WAIT_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise IntegrityError(f"the signer {command[0]} gave no signature within {EXEC_WAIT_S:.0f} s") from error
        except OSError as error:
            raise InputError(f"the signer {command[0]} cannot be run: {os.strerror(error.errno or 0)}") from error
        if done.returncode:
            raise IntegrityError(f"the signer {command[0]} failed (code {done.returncode}); run it by hand to see why")
        return done.stdout

    return sign


def _checked(signature: bytes, data: bytes, certificate: x509.Certificate, algorithm: str) -> bytes:
    """The signature in COSE's form.

    Raises:
        IntegrityError: the certificate does not verify it.
    """
    wrong = IntegrityError("the signature does not belong to the certificate; is it another key?")
    if not 0 < len(signature) <= MAX_SIGNATURE_BYTES:
        raise wrong
    key: Any = certificate.public_key()
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            size = (key.curve.key_size + 7) // 8
            r, s = _integers(signature, size)
            key.verify(encode_dss_signature(r, s), data, ec.ECDSA(_HASHES[algorithm]))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        if algorithm == "ed25519":
            key.verify(signature, data)
        else:
            key.verify(signature, data, _pss(), _HASHES[algorithm])
    except (InvalidSignature, ValueError, OverflowError) as error:
        raise wrong from error
    return signature


def _integers(signature: bytes, size: int) -> tuple[int, int]:
    """The numbers r and s of an ECDSA signature, joined or in DER."""
    try:
        return decode_dss_signature(signature)
    except ValueError:
        if len(signature) != 2 * size:
            raise
        return int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")


def _pss() -> padding.PSS:
    return padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)


SIGNERS: Mapping[str, Callable[[str, str], Sign]] = {
    "file": _file_signer,
    "exec": _exec_signer,
    "pkcs11": pkcs11_signer,
}
"""URI scheme -> opener."""
