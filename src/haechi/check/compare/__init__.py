"""Compare a probe with its master: what was changed, where and when, and which edits were harmless.

Steps for moving pictures (`moving`), each in the module of its name:
 1. locate    some seconds at a time (windows): when and where the master lies in the probe (coarse, timing, geometry)
 2. window    tone, a harmless re-post as null, scores per cell, differences (colour, residual, regions, changes)
 3. explain   differences that are harmless additions become edits
 4. edits     what placement, tone and time say
 5. sound     the same for the audio tracks
 6. pictures  for the report
Still pictures (`still`) go through the same without time. docs/comparison.md tells the method with its limits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from threadpoolctl import threadpool_limits

from haechi.check.compare.files import Files, too_small
from haechi.check.compare.reading import Reading
from haechi.core.media.probe import MediaInfo
from haechi.core.records import Abstention, Comparison, Edit, Finding, Kind, Segment
from haechi.core.settings import Limits

__all__ = ["compare_files"]

VERSION = 1


def compare_files(
    probe: Path,
    probe_info: MediaInfo,
    master: Path,
    master_info: MediaInfo,
    *,
    models: Path,
    limits: Limits,
    hint: Sequence[Segment] = (),
    working_copy: bool = False,
    pictures: bool = True,
    progress: Callable[[float], None] | None = None,
) -> Comparison:
    """Compare two files of any kind.

    Args:
        probe: the suspicious file.
        probe_info: what `probe_media` said of it.
        master: the authentic file, or its working copy.
        master_info: what `probe_media` said of it.
        models: folder of model weights.
        limits: decoding limits.
        hint: pieces of the probe that a match assigned to this master; empty when unknown.
        working_copy: `master` is one that this home has made.
        pictures: whether to make pictures for the report.
        progress: called with the share done, 0 to 1.
    """
    say = progress or _silent
    kinds = (probe_info.kind, master_info.kind)
    if Kind.AUDIO in kinds:
        return _sound_only(probe, probe_info, master, master_info, hint, limits)
    files = Files(probe, probe_info, master, master_info, limits, working_copy)
    if probe_info.kind is Kind.IMAGE:
        # Only stills need scipy's trees, which take a while to load.
        from haechi.check.compare import still

        return too_small(probe_info) or still.compare_still(files, hint, models=models, pictures=pictures)
    if master_info.kind is Kind.IMAGE:
        reason = "A still master cannot be compared with moving pictures; register the clip that shows it."
        return Comparison(abstentions=(Abstention("comparison", reason, "comparison.still_master"),))
    # The matrix products are small: on a busy machine threads only wait for each other, many times as long.
    with threadpool_limits(1, user_api="blas"):
        seen = too_small(probe_info) or _moving(files, hint, models=models, pictures=pictures, progress=say)
        heard = _sound(probe, master, seen.segments, limits)
    return _joined(seen, heard)


def _moving(
    files: Files, hint: Sequence[Segment], *, models: Path, pictures: bool, progress: Callable[[float], None]
) -> Comparison:
    with Reading(files, hint) as reading:
        # The rest is loaded while the first frames are read.
        from haechi.check.compare.moving import compare_moving

        return compare_moving(reading, models=models, pictures=pictures, progress=progress)


def _sound(probe: Path, master: Path, segments: Sequence[Segment], limits: Limits) -> Comparison:
    from haechi.check.compare.sound import compare_sound  # pictures need nothing of it

    return compare_sound(probe, master, segments, limits)


def _sound_only(
    probe: Path,
    probe_info: MediaInfo,
    master: Path,
    master_info: MediaInfo,
    hint: Sequence[Segment],
    limits: Limits,
) -> Comparison:
    if not probe_info.has_audio or not master_info.has_audio:
        reason = "One of the two has sound only and the other has none: nothing can be compared."
        return Comparison(abstentions=(Abstention("comparison", reason, "comparison.nothing_common"),))
    heard = _sound(probe, master, hint, limits)
    return _joined(Comparison(), heard) if probe_info.kind is Kind.VIDEO else heard


def _joined(seen: Comparison, heard: Comparison) -> Comparison:
    """A film's pictures and sound together; where the sound alone is the master's, that is named."""
    edits, findings = seen.edits + heard.edits, seen.findings + heard.findings
    if heard.segments and not seen.segments:
        spans = tuple(segment.span for segment in heard.segments)
        edits += tuple(Edit("pictures_replaced", span=span) for span in spans)
        statement = "Only the sound is the original's: none of its pictures were found."
        findings += (Finding("comparison", VERSION, 3, statement, "comparison.sound_alone", spans=spans),)
    return Comparison(
        changes=seen.changes + heard.changes,
        edits=edits,
        findings=findings,
        abstentions=seen.abstentions + heard.abstentions,
        segments=seen.segments or heard.segments,
        pictures=seen.pictures + heard.pictures,
        curves=seen.curves + heard.curves,
        undecoded_s=seen.undecoded_s,
    )


def _silent(share: float) -> None:
    del share
