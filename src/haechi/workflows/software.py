"""What decides a report besides the file and the registry: one digest that changes when the software does."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import haechi
from haechi.core.provenance.keys import ours
from haechi.core.settings import Settings
from haechi.core.watermark.mark_key import key_fingerprint, mark_key

_PACKAGES = (
    "av",
    "c2pa-python",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "scipy",
)
_CACHES = "__pycache__"


def software_id(settings: Settings, *, remote: bool = False) -> str:
    """Digest of the code, the packages it computes with, the model files, the limits and our certificates.

    Reports for which credentials were to be fetched from servers (`remote`) are of another kind.

    The files of the installed package are hashed, so that a change of code never meets a report of the code
    before.
    """
    digest = hashlib.sha256()
    for line in [*_lines(settings), *(["remote"] if remote else [])]:
        digest.update(line.encode() + b"\n")
    return f"sha256:{digest.hexdigest()}"


def package_versions() -> dict[str, str]:
    """Version of each package that decodes or computes; "missing" when it is not installed."""
    return {name: _version(name) for name in _PACKAGES}


def _lines(settings: Settings) -> list[str]:
    root = Path(haechi.__file__).parent
    code = [
        f"{path.relative_to(root)} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        for path in sorted(root.rglob("*"))
        if path.is_file() and _CACHES not in path.parts
    ]
    packages = [f"{name} {number}" for name, number in package_versions().items()]
    models = [
        f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}"
        for path in sorted(settings.models.glob("*"))
        if path.is_file()
    ]
    known = ours(settings.home)
    key = mark_key(settings.home)
    signers = [
        *sorted(known.serials),
        known.anchors_pem,
        known.trusted_pem,
        key_fingerprint(key) if key is not None else "no mark",
    ]
    return [*code, *packages, *models, *signers, platform.python_version(), settings.limits.model_dump_json()]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"
