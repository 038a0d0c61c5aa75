"""Who signed a file: we, someone whom the user trusts, or a stranger.

`trusted` alone never means "ours": a public issuer certifies many. A reading is ours when it is intact, our issuer
stands behind it, and the certificate is one of ours by number.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from haechi.core.provenance.keys import Ours
from haechi.core.provenance.read import ManifestReading, read_manifest
from haechi.core.settings import Limits


@dataclass(frozen=True, slots=True)
class Origin:
    """A reading, and whether it is ours.

    Attributes:
        reading: its state is `trusted` only for us and for issuers whom the user trusts.
        by_us: intact, and signed with a certificate of ours; the history before may still have problems.
    """

    reading: ManifestReading
    by_us: bool


def read_origin(
    path: Path, limits: Limits, ours: Ours, *, trust_pem: str = "", sidecar: Path | None = None
) -> Origin | None:
    """Read the manifest of a file and say who signed it; None when it has none.

    Args:
        path: the file.
        limits: what reading may cost.
        ours: from `keys.ours`.
        trust_pem: certificates whose descendants the user trusts besides those that the home knows, PEM.
        sidecar: the manifest store beside the file, instead of what is in it.

    Raises:
        InputError: the file cannot be read.
    """
    reading = read_manifest(path, limits, trust_anchors_pem=ours.anchors_pem, sidecar=sidecar)
    if reading is None:
        return None
    if reading.state == "trusted" and reading.serial in ours.serials:
        return Origin(reading, by_us=True)
    if anchors := trust_pem + ours.trusted_pem:
        trusted = read_manifest(path, limits, trust_anchors_pem=anchors, sidecar=sidecar)
        if trusted is not None:
            return Origin(trusted, by_us=False)
    if reading.state == "trusted":
        reading = replace(reading, state="valid")
    return Origin(reading, by_us=False)
