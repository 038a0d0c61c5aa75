"""The process that reads the C2PA manifest of one untrusted file, so that no file can take the check down with it.

It gets the opened file on a descriptor, limits its own memory, CPU time and writing, reads with remote fetching
off, and prints one JSON object: `{"state": ..., "store": {...}}` or `{"error": <type>, "message": ...}`. See `read`.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Mapping
from typing import Any, Final

import c2pa

CPU_S = 300
MAX_SIDECAR_BYTES = 64 << 20
# Any type will do for a file beside which the manifests lie: all of its bytes are hashed.
_ANY_TYPE = "application/octet-stream"
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
# What a certificate may be for (extended key usage) to count as a signer's: those that the library takes by itself and
# C2PA's own, the only one in certificates below C2PA's official trust list: without it those would read "invalid".
PURPOSES: Final = "\n".join(
    (
        "1.3.6.1.5.5.7.3.4",  # e-mail protection
        "1.3.6.1.5.5.7.3.8",  # time stamping
        "1.3.6.1.5.5.7.3.9",  # OCSP signing
        "1.3.6.1.5.5.7.3.36",  # document signing
        "1.3.6.1.4.1.62558.2.1",  # C2PA claim signing
    )
)
# Remote manifests and revocation lists would let a file under check choose an address to call.
OFFLINE: Final[Mapping[str, Any]] = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}


def main(descriptor: int, sidecar: int, memory_bytes: int, anchors_pem: str) -> None:
    """Read the manifest of the file on `descriptor` and print what was found.

    Args:
        descriptor: the opened file.
        sidecar: the opened manifest store that lies beside it, or -1.
        memory_bytes: most memory this process may take.
        anchors_pem: certificates of issuers to trust, PEM; empty for none.
    """
    _limit(memory_bytes)
    manifests = None
    if sidecar >= 0:
        with os.fdopen(sidecar, "rb") as file:
            manifests = file.read(MAX_SIDECAR_BYTES)
    with os.fdopen(descriptor, "rb") as file:
        answer = _read(file, manifests, anchors_pem)
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    os._exit(0)


def _limit(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # a pipe is not a file: the answer still gets out
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _read(file: Any, manifests: bytes | None, anchors_pem: str) -> dict[str, Any]:
    settings = dict(OFFLINE) | {"trust": {"trust_config": PURPOSES}}
    if anchors_pem:
        settings["trust"] = {"trust_anchors": anchors_pem, "trust_config": PURPOSES}
        settings["verify"] = {**OFFLINE["verify"], "verify_trust": True}
    try:
        context = c2pa.Context(c2pa.Settings.from_dict(settings))
        if manifests is None:
            reader = c2pa.Reader(file, context=context)
        else:
            reader = c2pa.Reader(_ANY_TYPE, file, manifest_data=manifests, context=context)
        return {"state": reader.get_validation_state(), "store": json.loads(reader.json())}
    except c2pa.C2paError as error:
        return {"error": type(error).__name__.removeprefix("_C2pa"), "message": str(error)}
