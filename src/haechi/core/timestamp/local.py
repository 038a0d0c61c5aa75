"""The home's own time stamp authority, for trials and without a network: never independent.

    home/keys/stamps/          0700
      root.pem, unit.pem, unit.key, serial, tsa.cnf

Method: `openssl ts -reply`, with a certificate of our own below a root of our own; the root's key is thrown away once
the unit is signed. The clock is the machine's.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from haechi.core.durable import write_whole
from haechi.core.errors import InputError, IntegrityError
from haechi.core.store.failures import store_failures

DAYS: Final = 3650
WAIT_S: Final = 30.0
_FOLDER: Final = Path("keys") / "stamps"
_PEM: Final = serialization.Encoding.PEM
_CONFIGURATION: Final = """[tsa]
default_tsa = unit
[unit]
serial = serial
crypto_device = builtin
signer_cert = unit.pem
certs = root.pem
signer_key = unit.key
signer_digest = sha256
default_policy = 1.3.6.1.4.1.99999.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
"""


def local_root(home: Path) -> x509.Certificate | None:
    """Root of the home's own authority, or None when it was never used."""
    try:
        return x509.load_pem_x509_certificate((home / _FOLDER / "root.pem").read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise IntegrityError(f"{home / _FOLDER} is damaged; restore it from a copy") from error


def local_token(home: Path, request: bytes) -> bytes:
    """The response to a request.

    Raises:
        InputError: there is no openssl on this machine.
        IntegrityError: the authority's folder is damaged.
    """
    openssl = shutil.which("openssl")
    if openssl is None:
        raise InputError("the local time stamp authority needs openssl; install it, or name another authority: --tsa")
    folder = home / _FOLDER
    if not folder.is_dir():
        _make(folder, home)
    with tempfile.TemporaryDirectory() as place, store_failures(home):
        query, answer = Path(place) / "query", Path(place) / "answer"
        query.write_bytes(request)
        lock = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)  # OpenSSL counts its serial numbers in a file
            command = [openssl, "ts", "-reply", "-config", "tsa.cnf", "-queryfile", str(query), "-out", str(answer)]
            done = subprocess.run(command, cwd=folder, capture_output=True, timeout=WAIT_S, check=False)  # noqa: S603
        finally:
            os.close(lock)
        if done.returncode or not answer.is_file():
            raise IntegrityError(f"the local time stamp authority in {folder} does not work; move the folder away")
        return answer.read_bytes()


def _make(folder: Path, home: Path) -> None:
    """Write the folder beside its place, log it, then give it its name; of two at once the first stands."""
    from haechi.core.provenance.keys import log_key

    with store_failures(folder):
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        staged = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".stamps-"))
        root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root = _certificate("Haechi local time stamps (not independent)", root_key, None, root_key)
        unit = _certificate("Haechi local time stamp unit (not independent)", key, root, root_key)
        secret = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        files = {"root.pem": root.public_bytes(_PEM), "unit.pem": unit.public_bytes(_PEM), "unit.key": secret}
        for name, data in {**files, "serial": b"01\n", "tsa.cnf": _CONFIGURATION.encode()}.items():
            write_whole(staged / name, data)
        told = f"sha256:{root.fingerprint(hashes.SHA256()).hex()}"
        log_key(home, "key.stamps", "stamps", None, certificate=told)
        try:
            staged.rename(folder)
        except OSError:
            shutil.rmtree(staged, ignore_errors=True)
            if not folder.is_dir():
                raise


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: x509.Certificate | None, signing: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    """A root without `issuer`, else a unit that stamps time and does nothing else."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC).replace(microsecond=0)
    is_root = issuer is None
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=DAYS))
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=0 if is_root else None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
        .add_extension(_usage(is_root), critical=True)
    )
    if not is_root:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    return builder.sign(signing, hashes.SHA256())


def _usage(is_root: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_root,
        key_cert_sign=is_root,
        crl_sign=is_root,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
