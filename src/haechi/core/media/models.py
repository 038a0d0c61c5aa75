"""The weights (and the type of its pages) that Haechi uses: a pinned manifest, a verified pull, and a verified path.

`models.toml` names for each file the package archive it comes from (index, version, file, SHA-256), the
member inside, its SHA-256 and its licence. Nothing is ever downloaded except by `pull`, which the user
starts.

Steps of `pull`:
1. Keep what is already there and right.
2. Fetch each archive that is still needed, verified against its pin (packages.py).
3. Read only the named members, by exact name, never a path of the archive's choosing (no zip slip), verified.
4. Convert where the manifest says so; the result is pinned too.
5. Write to a temporary name, sync, rename: a killed pull leaves no half file, two pulls at once do not
disturb.

Invariant: `model_path` returns only files whose SHA-256 is the manifest's.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from haechi.core.errors import InputError, IntegrityError, StoreError
from haechi.core.media.convert import dlib_to_onnx, tfjs_to_onnx
from haechi.core.media.convert_packed import packed_tfjs_to_onnx
from haechi.core.media.packages import Archive, Opener, fetch, open_url

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of the models folder.

    Attributes:
        name: file name in the folder.
        archive: the package archive it comes from.
        members: (path inside the archive, SHA-256 as hex) of each part.
        convert: name of the conversion, or None when the member is kept as it is.
        convert_options: arguments of the conversion.
        sha256: of the file in the folder, 64 hex digits.
        licence: of the weights.
        purpose: what it is for, one phrase.
    """

    name: str
    archive: Archive
    members: tuple[tuple[str, str], ...]
    convert: str | None
    convert_options: Mapping[str, Any]
    sha256: str
    licence: str
    purpose: str

    @property
    def registry(self) -> str:
        """Which index: "pypi" or "npm"."""
        return self.archive.registry

    @property
    def package(self) -> str:
        """Package name in the index."""
        return self.archive.package

    @property
    def version(self) -> str:
        """Exact package version."""
        return self.archive.version


@lru_cache(maxsize=1)
def load_manifest() -> tuple[ModelFile, ...]:
    """Read the manifest that ships with the package."""
    data = tomllib.loads(files("haechi.core.media").joinpath("models.toml").read_text("utf-8"))
    archives = {
        entry["id"]: Archive(
            entry["registry"],
            entry["package"],
            entry["version"],
            entry["artefact"],
            entry["bytes"],
            entry["sha256"],
        )
        for entry in data["archive"]
    }
    return tuple(
        ModelFile(
            entry["name"],
            archives[entry["archive"]],
            tuple((member["path"], member["sha256"]) for member in entry["members"]),
            entry.get("convert"),
            entry.get("convert_options", {}),
            entry["sha256"],
            entry["licence"],
            entry["purpose"],
        )
        for entry in data["file"]
    )


def model_path(name: str, folder: Path) -> Path:
    """Return the path of a pulled file, verified once per process.

    Raises:
        InputError: if the file is not there; the message says how to get it.
        IntegrityError: if it is not the pinned file.
    """
    entry = _entry(name)
    path = folder / name
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(f"model {name} is missing in {folder}: run `haechi models pull`") from error
    if _digest(path, status.st_size, status.st_mtime_ns) != entry.sha256:
        raise IntegrityError(f"{path} is damaged: delete it and run `haechi models pull`")
    return path


def missing_models(folder: Path) -> list[ModelFile]:
    """List what `pull` would have to fetch: absent or damaged files."""
    return [entry for entry in load_manifest() if not _present(entry, folder)]


def model_digests(folder: Path) -> dict[str, str]:
    """Map the name of each verified file that a finding can rest on to its digest (`sha256:...`), for the report.

    Type and the sample picture are no such files.
    """
    weighed = (entry for entry in load_manifest() if not entry.name.endswith((".ttf", ".png")))
    return {entry.name: f"sha256:{entry.sha256}" for entry in weighed if _present(entry, folder)}


def pull(
    folder: Path,
    progress: Callable[[float], None] | None = None,
    *,
    names: Collection[str] | None = None,
    environment: Mapping[str, str] | None = None,
    opener: Opener = open_url,
) -> list[Path]:
    """Fetch every missing file of the manifest into the folder; see the module for the steps.

    Args:
        folder: the models folder, created when absent.
        progress: called with the fraction done, 0 to 1.
        names: only these files; all when None.
        environment: index settings; the process's own when None.
        opener: how an address is opened; tests pass their own.

    Returns:
        The paths of all (named) files, whether fetched now or earlier.

    Raises:
        RemoteError: if an index does not deliver.
        IntegrityError: if an archive, a member or a conversion is not what was pinned.
        StoreError: if the folder cannot be written.
    """
    wanted = [entry for entry in load_manifest() if names is None or entry.name in names]
    variables = os.environ if environment is None else environment
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # 1. keep what is right; 2. group the rest by archive
        needed: dict[Archive, list[ModelFile]] = {}
        for entry in wanted:
            if not _present(entry, folder):
                needed.setdefault(entry.archive, []).append(entry)
        advance = _progress(progress, sum(archive.size for archive in needed))
        for archive, entries in needed.items():
            with tempfile.TemporaryDirectory(prefix=".pull-", dir=folder) as scratch:
                fetched = Path(scratch) / "archive"
                fetch(archive, fetched, variables, advance, opener)
                for entry in entries:
                    _install(entry, fetched, folder, Path(scratch))
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(f"cannot write models to {folder} ({reason}): free space or choose another folder") from error
    if progress is not None:
        progress(1.0)
    return [folder / entry.name for entry in wanted]


def _progress(progress: Callable[[float], None] | None, total: int) -> Callable[[int], None]:
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(min(done / total, 1.0))

    return advance


def _install(entry: ModelFile, archive: Path, folder: Path, scratch: Path) -> None:
    # 3. read and verify the members
    parts = [_member(archive, entry, path, sha256) for path, sha256 in entry.members]
    # 4. convert
    data = parts[0] if entry.convert is None else _converted(entry, parts)
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        raise IntegrityError(f"{entry.name} did not come out as pinned: please report this with your platform")
    # 5. appear whole or not at all
    temporary = scratch / entry.name
    with temporary.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(folder / entry.name)


def _converted(entry: ModelFile, parts: list[bytes]) -> bytes:
    if entry.convert == "dlib_to_onnx":
        return dlib_to_onnx(parts[0])
    if entry.convert == "tfjs_to_onnx":
        options = entry.convert_options
        return tfjs_to_onnx(parts[0], parts[1], output=options["output"], size=options["size"])
    if entry.convert == "packed_tfjs_to_onnx":
        return packed_tfjs_to_onnx(parts[0], parts[1:], size=entry.convert_options["size"])
    raise IntegrityError(f"the manifest names an unknown conversion: {entry.convert}")


def _member(archive: Path, entry: ModelFile, path: str, sha256: str) -> bytes:
    try:
        with _opened(archive) as read:
            data = read(path)
    except (KeyError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise IntegrityError(f"{entry.archive.artefact} does not hold {path}") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise IntegrityError(f"{path} in {entry.archive.artefact} is not the pinned file")
    return data


@contextmanager
def _opened(archive: Path) -> Iterator[Callable[[str], bytes]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            yield opened.read
        return
    with tarfile.open(archive, "r:gz") as tar:

        def read(name: str) -> bytes:
            member = tar.extractfile(name)  # reads in memory: no path of the archive is ever written
            if member is None:
                raise KeyError(name)
            return member.read()

        yield read


def _entry(name: str) -> ModelFile:
    for entry in load_manifest():
        if entry.name == name:
            return entry
    raise InputError(f"no model named {name}: see `haechi models list`")


def _present(entry: ModelFile, folder: Path) -> bool:
    path = folder / entry.name
    try:
        status = path.stat()
        return _digest(path, status.st_size, status.st_mtime_ns) == entry.sha256
    except OSError:
        return False


@lru_cache(maxsize=256)
def _digest(path: Path, size: int, mtime_ns: int) -> str:
    """Hash a file; size and time of change are part of the key, so that a changed file is hashed anew."""
    digest = hashlib.sha256()
    with path.open("rb") as data:
        while chunk := data.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
