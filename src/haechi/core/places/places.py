"""Second places, chosen by URI through one table.

- `file:PATH`: a file, or a folder (one that exists, or a name that ends with `/`): another disk, a share, a medium that
  is written once.
- `s3://BUCKET/PREFIX?endpoint=URL&region=NAME`: any store that speaks S3 (extra `haechi[s3]`), see `s3`.
- `mailto:ADDRESS`: e-mail, e.g. to counsel, see `mail`. What was mailed is read from a file.

Invariants: nothing that was published is written over; the same checkpoint may be published twice. Whatever does not
start with a known scheme is a path.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from haechi.core.durable import sync
from haechi.core.errors import InputError, IntegrityError
from haechi.core.ledger import Checkpoint, read_checkpoint
from haechi.core.places.terms import MOST_BYTES, MOST_FILES, MailServer


def publish(uri: str, checkpoint: bytes, mail: MailServer) -> str:
    """Bring a checkpoint to a second place; gives the address of what lies there now.

    Args:
        uri: where to; see the module.
        checkpoint: its file.
        mail: who takes our mail.

    Raises:
        InputError: no such kind of place, or it cannot be used as named.
        IntegrityError: another checkpoint stands there under this name.
        RemoteError: the place cannot be reached, or refuses.
    """
    scheme, rest = _split(uri)
    return PLACES[scheme](rest, checkpoint, read_checkpoint(checkpoint), mail)


def collect(uri: str) -> list[bytes]:
    """The checkpoints of a second place, by name: of one file, or all below a folder or prefix that ends with `/`.

    Raises:
        InputError: the place cannot be read, or nothing is there.
        RemoteError: it cannot be reached, or refuses.
    """
    scheme, rest = _split(uri)
    if scheme not in READABLE:
        raise InputError(f"{uri} cannot be read back; save the attachment and name its path")
    return READABLE[scheme](rest)


def file_name(checkpoint: Checkpoint) -> str:
    """Name of a checkpoint in a folder; sorts by size."""
    return f"checkpoint-{checkpoint.ledger}-{checkpoint.size:012d}.json"


def _split(uri: str) -> tuple[str, str]:
    scheme, colon, rest = uri.partition(":")
    if colon and scheme in PLACES:
        return scheme, rest
    if "://" in uri:
        raise InputError(f"no second place for {uri!r}; known are {', '.join(f'{name}:' for name in PLACES)}")
    return "file", uri


def _file(rest: str) -> Path:
    path = Path(rest.removeprefix("//") if rest.startswith("///") else rest).expanduser()
    if not rest:
        raise InputError("file: needs a path, e.g. file:/mnt/counsel/")
    return path


def _to_file(rest: str, data: bytes, checkpoint: Checkpoint, _mail: MailServer) -> str:
    path = _file(rest)
    try:
        if rest.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            path = path / file_name(checkpoint)
        with path.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        sync(path.parent)
    except FileExistsError:
        if _read(path) != data:
            raise IntegrityError(f"{path} holds something else; nothing was written over") from None
    except OSError as error:
        raise InputError(f"{path} cannot be written: {os.strerror(error.errno or 0)}") from error
    return f"file:{path}"


def _from_file(rest: str) -> list[bytes]:
    path = _file(rest)
    if not path.is_dir():
        return [_read(path)]
    found = sorted(path.glob("checkpoint-*.json"))
    if not found or len(found) > MOST_FILES:
        raise InputError(f"{path} holds {'no' if not found else 'too many'} checkpoints")
    return [_read(one) for one in found]


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {os.strerror(error.errno or 0)}") from error


def _to_s3(rest: str, data: bytes, checkpoint: Checkpoint, _mail: MailServer) -> str:
    from haechi.core.places import s3

    return s3.put(rest, file_name(checkpoint), data)


def _from_s3(rest: str) -> list[bytes]:
    from haechi.core.places import s3

    return s3.get(rest)


def _to_mail(rest: str, data: bytes, checkpoint: Checkpoint, mail: MailServer) -> str:
    from haechi.core.places.mail import send

    return send(rest, file_name(checkpoint), data, checkpoint, mail)


PLACES: Final[Mapping[str, Callable[[str, bytes, Checkpoint, MailServer], str]]] = {
    "file": _to_file,
    "s3": _to_s3,
    "mailto": _to_mail,
}
"""URI scheme -> how a checkpoint gets there."""
READABLE: Final[Mapping[str, Callable[[str], list[bytes]]]] = {"file": _from_file, "s3": _from_s3}
"""URI scheme -> how it is read back."""
