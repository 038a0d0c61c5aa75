"""Is everything here that a check needs? Looks, repairs nothing."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import haechi
from haechi.core.errors import HaechiError, StoreError
from haechi.core.media.models import load_manifest, missing_models
from haechi.core.media.sandbox import software_versions
from haechi.core.provenance.keys import WARN_DAYS, identities
from haechi.core.records import Kind
from haechi.core.settings import Settings
from haechi.core.store import open_store
from haechi.core.watermark.mark_key import mark_key
from haechi.workflows.software import package_versions

LEAST_FREE_BYTES = 1 << 30
"""A working copy of an hour of video takes about this much."""

_OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that was looked at; `detail` says what was found, and what to do when it is not `ok`."""

    name: str
    ok: bool
    detail: str


def examine(settings: Settings) -> Iterator[Part]:
    """Look at every part in turn; a part whose examination fails is reported as not ok."""
    parts: tuple[tuple[str, Callable[[Settings], tuple[bool, str]]], ...] = (
        ("haechi", _software),
        ("packages", _packages),
        ("decoders", _decoders),
        ("weights", _weights),
        ("home", _home),
        ("store", _store),
        ("keys", _keys),
        ("watermark", _watermark),
        ("disk", _disk),
    )
    for name, look in parts:
        try:
            ok, detail = look(settings)
        except (HaechiError, OSError) as error:
            ok, detail = False, str(error)
        yield Part(name, ok, detail)


def _software(_settings: Settings) -> tuple[bool, str]:
    python = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    return sys.version_info[:2] >= _OLDEST_PYTHON, f"{haechi.__version__}, {python}"


def _packages(_settings: Settings) -> tuple[bool, str]:
    versions = package_versions()
    return "missing" not in versions.values(), ", ".join(f"{name} {number}" for name, number in versions.items())


def _decoders(_settings: Settings) -> tuple[bool, str]:
    versions = software_versions()
    return True, ", ".join(f"{name} {number}" for name, number in versions.items())


def _weights(settings: Settings) -> tuple[bool, str]:
    missing = [model.name for model in missing_models(settings.models)]
    if missing:
        return False, f"missing or damaged in {settings.models}: {', '.join(missing)}; run haechi models pull"
    return True, f"{len(load_manifest())} files verified in {settings.models}"


def _home(settings: Settings) -> tuple[bool, str]:
    place = _nearest(settings.home)
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        return False, f"{settings.home} is not writable; choose another folder with --home"
    return True, str(settings.home)


def _store(settings: Settings) -> tuple[bool, str]:
    if not settings.home.exists():
        return True, "nothing is registered yet"
    try:
        store = open_store(settings.home, create=False)
    except StoreError as error:
        if not (settings.home / "haechi.db").exists():
            return True, "nothing is registered yet"
        return False, str(error)
    problems = store.problems()
    if problems:
        return False, "; ".join(problems)
    counts = f"{len(store.artists())} artists, {len(store.releases())} releases, {len(store.bank_items())} fakes"
    return True, f"{counts}, all intact"


def _keys(settings: Settings) -> tuple[bool, str]:
    """The newest certificate of each name; older ones have been replaced."""
    newest = {one.name: one for one in identities(settings.home)}
    if not newest:
        return True, "no key to sign with"
    ends = [f"{one.id} of {one.name} ends in {one.days_left} days" for one in newest.values()]
    late = any(one.days_left < WARN_DAYS for one in newest.values())
    return not late, "; ".join(ends) + ("; make the next one: haechi keys new" if late else "")


def _watermark(settings: Settings) -> tuple[bool, str]:
    """The key that marks are read with; lost with it is what every mark leads to."""
    key = mark_key(settings.home)
    if key is not None:
        return True, "the watermark key is here; keep a copy of it in a safe"
    try:
        store = open_store(settings.home, create=False)
    except StoreError:
        return True, "nothing was ever marked"
    lost = any(store.has_marks(kind) for kind in Kind)
    return not lost, "releases bear marks, but keys/watermark.key is gone; restore it" if lost else "nothing was marked"


def _disk(settings: Settings) -> tuple[bool, str]:
    free = shutil.disk_usage(_nearest(settings.home)).free
    detail = f"{free / (1 << 30):.1f} GiB free at {settings.home}"
    return free >= LEAST_FREE_BYTES, detail if free >= LEAST_FREE_BYTES else f"{detail}; free some space"


def _nearest(path: Path) -> Path:
    """The path itself, or the closest folder above it that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
