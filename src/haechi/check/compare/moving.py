"""Moving pictures against their master: compares the windows of a probe and gathers what they say.

Every window is glanced at first; only what is not plainly the same is looked at closely.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from haechi.check.compare import windows
from haechi.check.compare.gather import Files, Gathered, conclude, gather, too_small
from haechi.check.compare.plain import gather_plain
from haechi.check.compare.regions import RegionPainter
from haechi.check.compare.skim import Skimmed, skim
from haechi.check.compare.window import compare_window
from haechi.core.media.probe import MediaInfo
from haechi.core.records import Comparison, Segment
from haechi.core.settings import Limits

# Share of the progress that the glance is told as.
GLANCE_SHARE = 0.2


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
    gathered = Gathered()
    cuts, total = windows.cut(files, hint), probe_info.duration_s or 1.0
    skimmed: dict[windows.Cut, Skimmed] = {}
    for cut, one in skim(files, cuts):
        if one is not None:
            skimmed[cut] = one
        progress(min(1.0, GLANCE_SHARE * cut[0].end_s / total))
    plain = {cut for cut, one in skimmed.items() if one.plain}
    doubtful = [cut for cut in cuts if cut not in plain]
    closely = windows.find(files, doubtful, {cut: skimmed[cut].known for cut in doubtful if cut in skimmed})
    painter = RegionPainter(models) if doubtful else None
    with closing(closely):
        for cut in cuts:
            if painter is None or cut in plain:
                gather_plain(gathered, skimmed[cut], files, with_pictures=pictures)
            elif (found := next(closely)[1]) is not None:
                _compare_one(found, files, painter, gathered, with_pictures=pictures)
            progress(min(1.0, GLANCE_SHARE + (1 - GLANCE_SHARE) * cut[0].end_s / total))
    return conclude(gathered, files)


def _compare_one(
    found: windows.Found, files: Files, painter: RegionPainter, gathered: Gathered, *, with_pictures: bool
) -> None:
    """Add what a window says; of all its pictures nothing stays in memory."""
    window = compare_window(found.probe, found.master, found.located, painter)
    if window is not None:
        window = replace(window, undecoded_s=found.undecoded_s)
        gather(gathered, window, found.placement, files, with_pictures=with_pictures)
