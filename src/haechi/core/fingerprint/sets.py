"""One fingerprint set: named arrays under the name of the algorithm that made them, and their bytes.

Format: a NumPy .npz archive (zip, no pickle) with one extra member, `algorithm`, UTF-8 as uint8.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from haechi.core.errors import IntegrityError

_NAME = "algorithm"


@dataclass(frozen=True, slots=True)
class FingerprintSet:
    """The arrays that one algorithm kept of one file.

    Attributes:
        algorithm: name and version, e.g. "video_fingerprint_v1".
        arrays: name -> array; which ones there are is told where the algorithm stands.
    """

    algorithm: str
    arrays: Mapping[str, NDArray[Any]]

    def to_bytes(self) -> bytes:
        """Self-describing bytes, without pickle."""
        name = np.frombuffer(self.algorithm.encode(), np.uint8)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **{_NAME: name}, **dict(self.arrays))
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The set that `to_bytes` wrote.

        Raises:
            IntegrityError: the bytes are damaged.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            return cls(arrays.pop(_NAME).tobytes().decode(), arrays)
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise IntegrityError("a stored fingerprint is damaged; register the file again") from error
