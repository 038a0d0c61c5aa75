"""What a classifier says of a file: how much speaks for sexual content, or that it abstains.

Invariant: a flag only ever tightens a lane; a low score, and an abstention, change nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

THRESHOLD: Final = 0.6
METHOD: Final = "nsfwjs-4.4.0-mobilenet_v2_mid/1"


@dataclass(frozen=True, slots=True)
class Flag:
    """What the flag says of one file.

    Attributes:
        score: 0 to 1, or None when it abstained.
        frames: pictures that were looked at.
        model: name and version of the method.
        sha256: of the weights, "sha256:...", or empty when it abstained.
        abstained: why it says nothing, or empty.
        because: what else than a classifier raised it, or empty.
    """

    score: float | None
    frames: int = 0
    model: str = METHOD
    sha256: str = ""
    abstained: str = ""
    because: str = ""

    @property
    def raised(self) -> bool:
        """Whether the file is to be sealed."""
        return self.score is not None and self.score >= THRESHOLD

    def to_fields(self) -> dict[str, Any]:
        """JSON form, for the record and the ledger."""
        return {name: value for name, value in asdict(self).items() if value not in (None, "")} | {
            "threshold": THRESHOLD
        }


Classify = Callable[[Path], Flag]
"""Looks at one file; never raises."""
