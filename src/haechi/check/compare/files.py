"""The two files of a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from haechi.core.media.probe import MediaInfo
from haechi.core.records import Abstention, Comparison
from haechi.core.settings import Limits

MIN_SIDE = 48


@dataclass(frozen=True, slots=True)
class Files:
    """The two files of a comparison.

    Attributes:
        working_copy: the master is one that this home has made (`core.media.proxy`).
    """

    probe: Path
    probe_info: MediaInfo
    master: Path
    master_info: MediaInfo
    limits: Limits
    working_copy: bool = False

    @property
    def probe_shape(self) -> tuple[int, int]:
        """Height and width of the probe as displayed."""
        return self.probe_info.height or 1, self.probe_info.width or 1

    @property
    def master_shape(self) -> tuple[int, int]:
        """Height and width of the master as displayed."""
        return self.master_info.height or 1, self.master_info.width or 1


def too_small(probe_info: MediaInfo) -> Comparison | None:
    """The abstention for a picture that is too small to compare, or None when it is large enough."""
    small = min(probe_info.width or 0, probe_info.height or 0)
    if small >= MIN_SIDE:
        return None
    reason = f"The picture is only {small} pixels high or wide; comparing needs {MIN_SIDE}."
    return Comparison(abstentions=(Abstention("comparison", reason, "comparison.too_small", {"pixels": small}),))
