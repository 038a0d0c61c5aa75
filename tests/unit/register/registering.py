"""Registers one master, with small stand-ins for the media work, and dies or runs out of disk where it is told to.

Usage: registering.py HOME MASTER [POINT [FILE_SIZE_LIMIT_BYTES]]
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from haechi.core.errors import HaechiError
from haechi.core.fingerprint import FingerprintSet
from haechi.core.media.probe import MediaInfo
from haechi.core.records import Kind
from haechi.core.settings import Limits
from haechi.core.store import Store, items, open_store, reports
from haechi.register import release

SETS = 5
PROXY = b"working copy " * 5000


def media_info(*_: object) -> MediaInfo:
    values: dict[str, Any] = dict.fromkeys(MediaInfo.__dataclass_fields__)
    return MediaInfo(**(values | {"kind": Kind.VIDEO, "duration_s": 3.0, "width": 64, "height": 48, "notes": ()}))


def fingerprint(path: Path, *_: object) -> tuple[FingerprintSet, ...]:
    numbers = np.random.default_rng(list(path.read_bytes()))
    return tuple(FingerprintSet(f"test_{i}", {"a": numbers.integers(0, 255, 20_000, np.uint8)}) for i in range(SETS))


def half_a_proxy(folder: Path) -> None:
    (folder / "copy.mkv").write_bytes(PROXY)


def proxy(path: Path, _info: MediaInfo, folder: Path, *_: object) -> Path:
    half_a_proxy(folder)
    copy = folder / "copy.mkv"
    copy.write_bytes(PROXY + path.read_bytes())
    return copy


def use_stand_ins() -> None:
    for name, function in (("fingerprint_media", fingerprint), ("make_proxy", proxy), ("probe_media", media_info)):
        setattr(release, name, function)


POINTS: dict[str, tuple[Any, str]] = {
    "fingerprints made": (release, "fingerprint_media"),
    "proxy half written": (sys.modules[__name__], "half_a_proxy"),
    "proxy written": (release, "make_proxy"),
    "blob put": (Store, "put_blob"),
    "rows inserted": (items, "_add_sets"),
    "about to commit": (reports, "next_generation"),
    "committed": (Store, "add_release"),
}


def die_after(owner: Any, name: str) -> None:
    """Let the process be killed, as by the system, when that function returns."""
    function: Callable[..., Any] = getattr(owner, name)

    def deadly(*args: Any, **keywords: Any) -> None:
        function(*args, **keywords)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, deadly)


def main(home: str, master: str, point: str = "", limit: str = "") -> None:
    use_stand_ins()
    store = open_store(Path(home))
    if point:
        die_after(*POINTS[point])
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    try:
        said = release.register_release(Path(master), store, Limits())[0].id
    except HaechiError as error:
        said = f"{type(error).__name__}: {error}"
    sys.stdout.write(said + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
