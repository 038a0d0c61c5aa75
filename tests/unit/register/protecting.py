"""Protects one file, with small stand-ins for the media work, and dies where it is told to.

Usage: protecting.py HOME SOURCE OUTPUT [POINT]
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from haechi.core.fingerprint import FingerprintSet
from haechi.core.media.probe import MediaInfo
from haechi.core.provenance.keys import identity
from haechi.core.records import Kind
from haechi.core.settings import Limits
from haechi.core.store import Store, open_store
from haechi.register import protect, release


def media_info(*_: object) -> MediaInfo:
    values: dict[str, Any] = dict.fromkeys(MediaInfo.__dataclass_fields__)
    return MediaInfo(**(values | {"kind": Kind.VIDEO, "duration_s": 3.0, "width": 64, "height": 48, "notes": ()}))


def fingerprint(*_: object) -> tuple[FingerprintSet, ...]:
    return (FingerprintSet("test", {"a": np.zeros(9, np.uint8)}),)


def proxy(path: Path, _info: MediaInfo, folder: Path, *_: object) -> Path:
    copy = folder / "copy.mkv"
    copy.write_bytes(b"working copy of " + path.read_bytes())
    return copy


def use_stand_ins(put: Callable[[Any, str, Any], None] = setattr) -> None:
    for module, name, function in (
        (release, "fingerprint_media", fingerprint),
        (release, "make_proxy", proxy),
        (release, "probe_media", media_info),
        (protect, "probe_media", media_info),
    ):
        put(module, name, function)


POINTS: dict[str, tuple[Any, str]] = {
    "signed": (protect, "sign_media"),
    "verified": (protect, "_verified"),
    "manifest kept": (Store, "put_blob"),
    "registered": (protect, "register_release"),
    "noted": (Store, "add_protection"),
    "manifest published": (Path, "replace"),
    "published": (protect, "_publish"),
}


def die_after(owner: Any, name: str) -> None:
    """Let the process be killed, as by the system, when that function returns."""
    function: Callable[..., Any] = getattr(owner, name)

    def deadly(*args: Any, **keywords: Any) -> Any:
        given = function(*args, **keywords)
        if name != "replace" or str(args[0]).endswith(".c2pa"):
            os.kill(os.getpid(), signal.SIGKILL)
        return given

    setattr(owner, name, deadly)


def main(home: str, source: str, output: str, point: str = "") -> None:
    use_stand_ins()
    store, wish = open_store(Path(home)), protect.Wish(identity(Path(home)))
    if point:
        die_after(*POINTS[point])
    target = Path(output)
    done = protect.protect(Path(source), target, target.parent / protect.STAGING, store, Limits(), wish)
    sys.stdout.write(done.release.id + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
