"""Moving pictures against their master: compares the windows of a probe and gathers what they say.

Every window is glanced at first; only what is not plainly the same is looked at closely.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from haechi.check.compare import windows
from haechi.check.compare.gather import Files, Gathered, conclude, gather, too_small
from haechi.check.compare.plain import gather_plain
from haechi.check.compare.regions import RegionPainter
from haechi.check.compare.skim import skim
from haechi.check.compare.window import compare_window
from haechi.core.media.probe import MediaInfo
from haechi.core.records import Comparison, Segment, Span
from haechi.core.settings import Limits

# So many windows are glanced at before those in doubt are looked at closely: what a glance leaves stays in memory
# meanwhile, and no longer.
AT_ONCE = 12


def compare_moving(
    probe: Path,
    probe_info: MediaInfo,
    master: Path,
    master_info: MediaInfo,
    *,
    models: Path,
    limits: Limits,
    hint: Sequence[Segment],
    working_copy: bool,
    pictures: bool,
    progress: Callable[[float], None],
) -> Comparison:
    """Compare two clips; see the package's docstring for the steps and `compare_files` for the arguments."""
    refused = too_small(probe_info)
    if refused is not None:
        return refused
    files = Files(probe, probe_info, master, master_info, limits, working_copy)
    gathered, total = Gathered(), probe_info.duration_s or 1.0
    painter = functools.cache(functools.partial(RegionPainter, models))  # loaded only for a window in doubt
    with closing(skim(files, windows.cut(files, hint))) as glances:
        while some := list(itertools.islice(glances, AT_ONCE)):
            doubtful = {cut: one for cut, one in some if one is None or not one.plain}
            known = {cut: one.known for cut, one in doubtful.items() if one is not None}
            with closing(windows.find(files, list(doubtful), known)) as closely:
                for cut, one in some:
                    if one is not None and one.plain:
                        gather_plain(gathered, one, files, with_pictures=pictures)
                    elif (found := next(closely)[1]) is not None:
                        _compare_one(found, files, painter(), gathered, cut[0], with_pictures=pictures)
                    progress(min(1.0, cut[0].end_s / total))
    return conclude(gathered, files)


def _compare_one(
    found: windows.Found,
    files: Files,
    painter: RegionPainter,
    gathered: Gathered,
    span: Span,
    *,
    with_pictures: bool,
) -> None:
    """Add what a window says; of all its pictures nothing stays in memory."""
    window = compare_window(found.probe, found.master, found.located, painter)
    if window is not None:
        window = replace(window, undecoded_s=found.undecoded_s)
        gather(gathered, window, found.placement, files, with_pictures=with_pictures, within=span)
