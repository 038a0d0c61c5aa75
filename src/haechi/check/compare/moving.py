"""Moving pictures against their master: compares the windows of a probe and gathers what they say.

Every window is glanced at first; only what is not plainly the same is looked at closely.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from haechi.check.compare import windows
from haechi.check.compare.files import Files
from haechi.check.compare.gather import Gathered, conclude, gather
from haechi.check.compare.plain import gather_plain
from haechi.check.compare.reading import Reading
from haechi.check.compare.regions import RegionPainter
from haechi.check.compare.skim import skim
from haechi.check.compare.window import compare_window
from haechi.core.records import Comparison, Span

# So many windows are glanced at before those in doubt are looked at closely: what a glance leaves stays in memory
# meanwhile, and no longer.
AT_ONCE = 12


def compare_moving(reading: Reading, *, models: Path, pictures: bool, progress: Callable[[float], None]) -> Comparison:
    """Compare two clips; see the package's docstring for the steps and `compare_files` for the arguments."""
    files, gathered = reading.files, Gathered()
    total = files.probe_info.duration_s or 1.0
    painter = functools.cache(functools.partial(RegionPainter, models))  # loaded only for a window in doubt
    with closing(skim(reading)) as glances:
        while some := list(itertools.islice(glances, AT_ONCE)):
            doubtful = {cut: one for cut, one in some if one is None or not one.plain}
            known = {cut: one.known for cut, one in doubtful.items() if one is not None}
            with closing(windows.find(reading, list(doubtful), known)) as closely:
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
