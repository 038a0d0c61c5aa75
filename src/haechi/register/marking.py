"""Mark a release before it is signed: every output gets numbers of its own, which the store leads back to it.

One number in many pictures could be averaged out of them and pasted elsewhere, so no two outputs share one. Numbers are
random: they tell nothing of how many releases there are, and two processes at work hardly ever choose the same one; if
they do, the store refuses the second.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from haechi.core.errors import IntegrityError
from haechi.core.fingerprint.iscc import ALGORITHM, content_code
from haechi.core.media.probe import MediaInfo
from haechi.core.records import Kind, Mark, SoftBinding
from haechi.core.settings import Limits
from haechi.core.store import Store
from haechi.core.watermark.mark_key import make_mark_key, mark_digest, mark_key
from haechi.core.watermark.markers import marker_for
from haechi.core.watermark.marks import Marking, Unmarked

LEAST_PSNR_DB: Final = 40.0
NOT_WANTED: Final = Unmarked("asked")
_FOLDER = "marked"


@dataclass(frozen=True, slots=True)
class Copy:
    """What is going to be signed.

    Attributes:
        path: the marked copy, or the source itself.
        marking: what was done, or why nothing.
        payload: its number; None when unmarked.
        recipient_payload: its second number; None without a recipient.
    """

    path: Path
    marking: Marking | Unmarked
    payload: int | None = None
    recipient_payload: int | None = None


def company_key(store: Store) -> bytes:
    """The watermark key of the store's home, made if nothing was ever marked with another one.

    Raises:
        IntegrityError: outputs bear marks, and the key that reads them is gone.
        InputError, StoreError: as `mark_key`.
    """
    if mark_key(store.home) is None and any(store.has_marks(kind) for kind in Kind):
        gone = f"{store.home}/keys/watermark.key is gone, and releases bear marks that only it reads"
        raise IntegrityError(f"{gone}; restore it from a copy")
    return make_mark_key(store.home, store.actor)


def mark_copy(
    source: Path, info: MediaInfo, folder: Path, store: Store, limits: Limits, key: bytes, recipient: str | None
) -> Copy:
    """Mark a source into `folder`; the source itself stands for it where that cannot be done.

    Args:
        source: is only read.
        info: of the source.
        folder: for the copy; it goes there under its own name.
        store: knows the numbers that are taken.
        limits: what reading the file may cost.
        key: the company's watermark key.
        recipient: whose copy it is, or None.
    """
    marker = marker_for(info.kind)
    if marker is None:
        return Copy(source, Unmarked("kind"))
    payload = _free_number(store, marker.payload_bits)
    second = _free_number(store, marker.payload_bits) if recipient is not None else None
    place = folder / _FOLDER / source.name
    place.parent.mkdir(parents=True, exist_ok=True)
    marking = marker.embed(source, place, key, payload, limits, recipient=second)
    if isinstance(marking, Unmarked):
        return Copy(source, marking)
    return Copy(place, marking, payload, second)


def require_mark(source: Path, output: Path, info: MediaInfo, copy: Copy, key: bytes, limits: Limits) -> float | None:
    """PSNR of a finished output against its source, None for sound, when the mark is read back from it.

    Raises:
        IntegrityError: the mark is not there, or the output is too far from its source.
    """
    marker = marker_for(info.kind)
    fidelity = None
    if marker is not None and copy.payload is not None:
        fidelity = marker.fidelity(source, output, key, copy.payload, limits)
    if fidelity is None:
        raise IntegrityError(f"{source}: the mark is not read from the finished copy; nothing was published")
    if fidelity < LEAST_PSNR_DB:
        raise IntegrityError(
            f"{source}: marking changed it too much ({fidelity:.1f} dB); nothing was published; try --no-watermark"
        )
    return fidelity if math.isfinite(fidelity) else None


def mark_of(copy: Copy, info: MediaInfo, label: str, recipient: str | None, psnr_db: float | None) -> Mark | None:
    """The record of a copy's mark; None when it bears none."""
    if isinstance(copy.marking, Unmarked) or copy.payload is None:
        return None
    return Mark(
        label=label,
        kind=info.kind,
        method=copy.marking.method,
        payload=copy.payload,
        recipient_payload=copy.recipient_payload,
        recipient=recipient,
        psnr_db=psnr_db,
        survives=copy.marking.survives,
    )


def bindings_of(copy: Copy, info: MediaInfo, key: bytes | None, limits: Limits) -> tuple[SoftBinding, ...]:
    """What the manifest of a copy is found again by: the ISCC of a picture or of sound, and the mark."""
    code = content_code(copy.path, info.kind, limits)
    found = [SoftBinding(ALGORITHM, code)] if code is not None else []
    if key is not None and copy.payload is not None and not isinstance(copy.marking, Unmarked):
        method = copy.marking.method
        found.append(SoftBinding(method, mark_digest(key, method, copy.payload)))
    return tuple(found)


def _free_number(store: Store, bits: int) -> int:
    while True:
        number = secrets.randbits(bits)
        if not store.marks(payload=number) and not store.marks(recipient_payload=number):
            return number
