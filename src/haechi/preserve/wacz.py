"""WACZ files, judged: does every listed file have its digest, and does the signature, where there is one, hold?

Steps:
1. `datapackage.json` lists resources, by SHA-256 or MD5 as versions 1.0 and 1.1 of the format write them; each is
   there, has that digest and that size; nothing lies in `archive/` that is not listed.
2. `datapackage-digest.json`, where there is one, has the digest of `datapackage.json`.
3. A signature in it (WACZ signing and verification 0.1.0): by the key of `domainCert`, or by an anonymous public key,
   over the digest; the certificate is one of the stated domain, held when it was signed, and each one of its chain
   was issued by the next.
Source: WACZ 1.1.1 and WACZ Signing and Verification 0.1.0 (specs.webrecorder.net).
Limits: which root deserves belief is the reader's question; staging certificates are named as a fault.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from haechi.core.errors import InputError
from haechi.core.ledger import Fault
from haechi.core.timestamp import load_certificates

MOST_BYTES: Final = 64 << 30
_PACKAGE: Final = "datapackage.json"
_DIGEST: Final = "datapackage-digest.json"
_HASHES: Final = ("sha256", "md5", "sha512", "sha384", "sha224", "sha1")
_CHUNK: Final = 1 << 20
_MOST_JSON: Final = 64 << 20
_STAGING: Final = "(STAGING)"


def judge_wacz(path: Path) -> tuple[list[Fault], dict[str, object], list[str]]:
    """What is wrong with a WACZ, how much is in it, and what it does not show."""
    faults: list[Fault] = []
    try:
        with zipfile.ZipFile(path) as archive:
            package = archive.open(_PACKAGE).read(_MOST_JSON)
            resources = json.loads(package).get("resources", [])
            for resource in resources:
                faults += _resource_faults(archive, resource)
            listed = {one.get("path") for one in resources}
            names = [name for name in archive.namelist() if name.startswith(("archive/", "data/archive/"))]
            faults += [Fault(name, "is not in the list") for name in names if name not in listed and name[-1] != "/"]
            remarks = _digest_faults(archive, package, faults)
    except (OSError, zipfile.BadZipFile, ValueError, KeyError, AttributeError, NotImplementedError) as error:
        return [Fault(path.name, f"cannot be read: {error}")], {}, []
    return faults, {"resources": len(resources)}, remarks


def _resource_faults(archive: zipfile.ZipFile, resource: dict[str, Any]) -> list[Fault]:
    name = str(resource.get("path"))
    stats = resource.get("stats", {})
    stated = str(resource.get("hash") or stats.get("hash") or "")
    algorithm, _, digest = stated.rpartition(":")
    algorithm = algorithm or str(resource.get("hashing", "sha256"))
    size = resource.get("bytes", stats.get("bytes"))
    if algorithm not in _HASHES or not digest:
        return [Fault(name, f"its digest {stated[:40]!r} is none that is known")]
    try:
        with archive.open(name) as file:
            found, count = hashlib.new(algorithm, usedforsecurity=False), 0
            while chunk := file.read(_CHUNK):
                found.update(chunk)
                count += len(chunk)
                if count > MOST_BYTES:
                    return [Fault(name, "is larger than any capture: it may be a bomb")]
    except KeyError:
        return [Fault(name, "is listed and missing")]
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        return [Fault(name, f"cannot be read: {error}")]
    faults = (
        [] if found.hexdigest() == digest else [Fault(name, f"was changed: it has another {algorithm} than listed")]
    )
    return faults if size in (None, count) else [*faults, Fault(name, f"has {count} bytes, {size} are stated")]


def _digest_faults(archive: zipfile.ZipFile, package: bytes, faults: list[Fault]) -> list[str]:
    """Steps 2 and 3; gives remarks."""
    if _DIGEST not in archive.namelist():
        return ["it is not signed"]
    fields = json.loads(archive.open(_DIGEST).read(_MOST_JSON))
    digest = f"sha256:{hashlib.sha256(package).hexdigest()}"
    if fields.get("hash") != digest:
        faults.append(Fault(_PACKAGE, "was changed: it has another SHA-256 than datapackage-digest.json"))
    signed = fields.get("signedData")
    if not isinstance(signed, dict):
        return ["it is not signed"]
    if signed.get("hash") != digest:
        faults.append(Fault(_DIGEST, "the signature is over another datapackage.json"))
    wrong = _signature_fault(signed)
    if wrong:
        faults.append(Fault(_DIGEST, wrong))
    return [f"signed by {signed.get('domain') or 'an anonymous key'} on {signed.get('created')}"]


def _signature_fault(signed: dict[str, Any]) -> str:
    try:
        signature = base64.b64decode(str(signed.get("signature", "")), validate=True)
        chain = load_certificates(signed["domainCert"].encode()) if "domainCert" in signed else []
        key: Any = chain[0].public_key() if chain else _public_key(str(signed.get("publicKey", "")))
        key.verify(signature, str(signed["hash"]).encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return "the signature does not hold"
    except (ValueError, KeyError, TypeError, AttributeError, InputError, UnsupportedAlgorithm) as error:
        return f"the signature cannot be read: {error}"
    return _chain_fault(chain, signed) if chain else ""


def _chain_fault(chain: list[x509.Certificate], signed: dict[str, Any]) -> str:
    try:
        names = chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        domains = names.get_values_for_type(x509.DNSName)
        created = datetime.fromisoformat(str(signed.get("created")).replace("Z", "+00:00"))
        if signed.get("domain") not in domains:
            return f"the certificate is not one of {signed.get('domain')}"
        if not chain[0].not_valid_before_utc <= created <= chain[0].not_valid_after_utc:
            return "the certificate did not hold when it was signed"
        for below, above in pairwise(chain):
            below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound) as error:
        return f"the chain of certificates does not hold: {error}"
    if any(_STAGING in one.issuer.rfc4514_string() for one in chain):
        return "the certificate is of a staging authority, which nobody believes"
    return ""


def _public_key(text: str) -> Any:
    return serialization.load_der_public_key(base64.b64decode(text, validate=True))
