"""Moving pictures against their master: compares the windows of a probe and gathers what they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from haechi.check.compare import windows
from haechi.check.compare.gather import Files, Gathered, conclude, gather, too_small
from haechi.check.compare.regions import RegionPainter
from haechi.check.compare.window import compare_window
from haechi.core.media.probe import MediaInfo
from haechi.core.records import Comparison, Segment
from haechi.core.settings import Limits


def compare_moving(
    probe: Path,
    probe_info: MediaInfo,
    master: Path,
    master_info: MediaInfo,
    *,
    models: Path,
    limits: Limits,
    hint: Sequence[Segment],
    pictures: bool,
    progress: Callable[[float], None],
) -> Comparison:
    """Compare two clips; see the package's docstring for the steps and `compare_files` for the arguments."""
    refused = too_small(probe_info)
    if refused is not None:
        return refused
    files = Files(probe, probe_info, master, master_info, limits)
    painter = RegionPainter(models)
    gathered = Gathered()
    total = probe_info.duration_s or 1.0
    for span, found in windows.find(files, windows.cut(files, hint)):
        if found is not None:
            _compare_one(found, files, painter, gathered, with_pictures=pictures)
        progress(min(1.0, span.end_s / total))
    return conclude(gathered, files)


def _compare_one(
    found: windows.Found, files: Files, painter: RegionPainter, gathered: Gathered, *, with_pictures: bool
) -> None:
    """Add what a window says; of all its pictures nothing stays in memory."""
    window = compare_window(found.probe, found.master, found.located, painter)
    if window is not None:
        window = replace(window, undecoded_s=found.undecoded_s)
        gather(gathered, window, found.placement, files, with_pictures=with_pictures)
