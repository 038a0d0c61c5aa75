"""Compare two files: what differs between a probe and a master, without any registry."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from haechi.check.compare import compare_files
from haechi.check.outcome import report_of, unexplained_s, whole
from haechi.check.verdict import Evidence
from haechi.core.media.probe import probe_media
from haechi.core.media.sandbox import software_versions, warm_up
from haechi.core.records import ReleaseMatch, Report
from haechi.core.settings import Settings
from haechi.core.snapshot import take_snapshot


def compare_pair(
    probe: Path,
    master: Path,
    settings: Settings,
    *,
    pictures: bool = True,
    progress: Callable[[float], None] | None = None,
) -> Report:
    """Say what differs between two files.

    Args:
        probe: the suspicious file.
        master: the authentic one.
        settings: where the models are and what the files may cost.
        pictures: whether to make pictures for the report.
        progress: called with the share done, 0 to 1.

    Raises:
        InputError: one of them cannot be read, or changed meanwhile.
    """
    warm_up()
    snapshots = take_snapshot(probe), take_snapshot(master)
    with ThreadPoolExecutor(2) as other:
        master_later = other.submit(probe_media, master, settings.limits)
        other.submit(software_versions)  # for the report
        info, master_info = probe_media(probe, settings.limits), master_later.result()
    comparison = compare_files(
        probe,
        info,
        master,
        master_info,
        models=settings.models,
        limits=settings.limits,
        pictures=pictures,
        progress=progress,
    )
    for snapshot in snapshots:
        snapshot.confirm()
    release = ReleaseMatch(None, master.name, comparison.segments or (whole(info),), 1.0, "given")
    left_s = unexplained_s(info, [comparison])
    evidence = Evidence(kind=info.kind, release=release, comparison=comparison, unexplained_s=left_s)
    return report_of(snapshots[0], info, evidence, [release], settings)
