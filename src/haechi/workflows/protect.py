"""Protect files and whole folders: names and folder tree are kept, and a run that was stopped goes on where it stopped.

Every source has its place below the output folder: a named file under its name, a file of a named folder under its path
in that folder. One run at a time writes to an output folder. No file's failure stops the others.
An edit of an earlier release that lost its credentials is led back to it (`made_from`).
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from haechi.check.marks import held_against_release, key_for, marks_of, read_mark
from haechi.check.match import match
from haechi.core.errors import InputError
from haechi.core.media.probe import MediaInfo
from haechi.core.records import Kind, Protection
from haechi.core.settings import Limits
from haechi.core.store import Store
from haechi.register.protect import STAGING
from haechi.workflows.files import Failed, list_files

_LOCK = "lock"


@dataclass(frozen=True, slots=True)
class Task:
    """One file to protect and where the result goes."""

    source: Path
    output: Path


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is going to do.

    Attributes:
        tasks: in their order, and what stands in the way of others.
        passed_over: number of files in folders that are hidden or not media.
    """

    tasks: tuple[Task | Failed, ...]
    passed_over: int


def plan(paths: Iterable[Path], folder: Path) -> Plan:
    """Find the place of each file that is meant.

    Raises:
        InputError: the output folder is among the sources: an output would be taken for a source.
    """
    tasks: list[Task | Failed] = []
    passed_over = 0
    taken: dict[Path, Path] = {}
    out = folder.resolve()
    for path in paths:
        root = path if path.is_dir() else path.parent
        inside = out == root.resolve() or (path.is_dir() and out.is_relative_to(root.resolve()))
        if inside:
            raise InputError(f"{folder} holds the files to protect; choose a folder of its own with -o")
        listing = list_files([path])
        passed_over += listing.passed_over
        tasks += (_task(entry, root, folder, taken) for entry in listing.entries)
    return Plan(tuple(dict.fromkeys(tasks)), passed_over)  # a file that is named twice is done once


def _task(entry: Path | Failed, root: Path, folder: Path, taken: dict[Path, Path]) -> Task | Failed:
    if isinstance(entry, Failed):
        return entry
    output = folder / entry.relative_to(root)
    other = taken.setdefault(output, entry)
    if other != entry:
        return Failed(entry, f"{other} has the same name and goes to {output}; protect one of them into another folder")
    return Task(entry, output)


@contextmanager
def staging(folder: Path, tasks: Sequence[Task | Failed]) -> Iterator[Path]:
    """The folder in which outputs are made, below the output folder; it is gone at the end if nothing is left in it.

    Raises:
        InputError: another run is writing to the output folder.
    """
    place = folder / STAGING
    if not any(isinstance(task, Task) for task in tasks):
        yield place
        return
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(place / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise InputError(f"another run is writing to {folder}; wait for its end or choose another folder") from error
    try:
        yield place
    finally:
        with suppress(OSError):  # must not hide what ended the run
            if {path.name for path in place.iterdir()} <= {_LOCK}:
                shutil.rmtree(place)
        os.close(descriptor)


def made_from(path: Path, info: MediaInfo, own: str | None, store: Store, limits: Limits) -> Protection | None:
    """The earlier output whose mark a file bears, or None.

    A mark is a pointer, never a proof: a fingerprint must lead to the same release, and where the mark says that the
    release lies, the file must show it. All three must hold, so what costs least when there is nothing to find comes
    first: a picture's mark takes .15 s, its fingerprints .3 s and, where they find nothing and SIFT is asked, .8 s; a
    film's mark takes many times as long as its fingerprints.

    Args:
        path: the file, which has no credentials.
        info: what `probe_media` said of it.
        own: id of the release whose master the file is, which it cannot be made from; None where it is none.
        store: the registry.
        limits: what reading may cost.

    Raises:
        InputError: the file cannot be read.
    """
    if key_for(store, info.kind) is None:
        return None
    matched = cache(lambda: _marked_releases(path, info, store, limits) - {own})
    if info.kind is not Kind.IMAGE and not matched():
        return None
    pointer = read_mark(path, info, store, limits)
    if pointer is None or pointer.mark is None or pointer.release is None or pointer.release.id == own:
        return None
    if not held_against_release(pointer, path, info, store, limits).agrees:
        return None
    if pointer.release.id not in matched():
        return None
    return next(iter(store.protections(label=pointer.mark.label)), None)


def _marked_releases(path: Path, info: MediaInfo, store: Store, limits: Limits) -> set[str]:
    """Ids of the releases of which the file holds something and of which outputs bear a mark."""
    found = {one.item_id for one in match(path, info, store, limits) if one.item == "release"}
    return {one for one in found if marks_of(one, store)}
