"""The report of a check as JSON (contract `haechi.report/1`, schema in `report.schema.json`) and as one
HTML page.

Invariants: the JSON has a fixed order of keys, and sorted keys where a step chose them; every number is
finite (a value that could not be measured is null); text is valid Unicode whatever the file is called. The
page is described in `haechi.check.report_page`. Both are pure functions of the report.
"""

from __future__ import annotations

import json
import math
import re
import secrets
from collections.abc import Mapping
from importlib.resources import files
from numbers import Integral, Real
from pathlib import Path, PurePath
from typing import Any

from haechi.core.errors import StoreError
from haechi.core.records import Box, Change, Edit, Finding, ReleaseMatch, Report, Segment, Span

SCHEMA = "haechi.report/1"
_SIGNIFICANT_DIGITS = 9
_LONGEST_STEM_BYTES = 120


def report_json(report: Report) -> dict[str, Any]:
    """Give the report as JSON types, in the order of the contract.

    Returns:
        A dict that `json.dumps(..., allow_nan=False)` accepts and `report.schema.json` describes.
    """
    probe = report.probe
    return {
        "schema": SCHEMA,
        "probe": {
            "path": _text(probe.path),
            "sha256": probe.sha256,
            "kind": probe.kind.value,
            "duration_s": _number(probe.duration_s),
            "width": probe.width,
            "height": probe.height,
        },
        "verdict": report.verdict.value,
        "decided_by": _text(report.decided_by),
        "llr_log10": _number(report.llr_log10),
        "artists": [
            {"name": _text(artist.name), "score": _number(artist.score), **_span(artist.span)}
            for artist in report.artists
        ],
        "release": _release(report.release) if report.release else None,
        "other_releases": [_release(release) for release in report.other_releases],
        "changes": [_change(change) for change in report.changes],
        "edits": [_edit(edit) for edit in report.edits],
        "findings": [_finding(finding) for finding in report.findings],
        "abstentions": [
            {"name": _text(a.name), "reason": _text(a.reason), "code": a.code, "data": _plain(a.data)}
            for a in report.abstentions
        ],
        "would_change": [_text(way) for way in report.would_change],
        "software": _plain(report.software),
    }


def report_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of `haechi.report/1`."""
    text = files("haechi.check").joinpath("report.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def write_report(report: Report, folder: Path, language: str) -> Path:
    """Write the report as one HTML file that needs nothing else.

    Args:
        report: what the check found; only its own pictures are embedded.
        folder: created when missing.
        language: "ko" or "en": which is shown first; the page holds both.

    Returns:
        The file, named after the probe and its digest; an older report of the same bytes is replaced at
        once or not at all.

    Raises:
        StoreError: the folder cannot be written.
    """
    # Its templates take a while to load, and most runs want no page.
    from haechi.check.report_page.page import render_page

    page = render_page(report, language).encode("utf-8")
    target = folder / report_file_name(report)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(target, page)
    except OSError as error:
        reason = error.strerror or "cannot be written"
        raise StoreError(f"The report cannot be written to {folder}: {reason}. Choose another folder.") from error
    return target


def report_file_name(report: Report) -> str:
    """A file name that every system accepts: letters, digits and dashes of the probe's name, then 12 digits
    of its hash.
    """
    stem = re.sub(r"[^\w-]+", "-", _text(PurePath(report.probe.path).stem)).strip("-_")
    stem = stem.encode("utf-8")[:_LONGEST_STEM_BYTES].decode("utf-8", "ignore")
    return f"{stem or 'report'}-{report.probe.sha256.removeprefix('sha256:')[:12]}.html"


def _replace(target: Path, data: bytes) -> None:
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _release(release: ReleaseMatch) -> dict[str, Any]:
    first = release.segments[0] if release.segments else None
    return {
        "id": release.release_id,
        "title": _text(release.title),
        "offset_s": _number(first.offset_s) if first else 0.0,
        "speed": _number(first.speed) if first else 1.0,
        "mirrored": first.mirrored if first else False,
        "score": _number(release.score),
        "method": release.method,
        "segments": [_segment(segment) for segment in release.segments],
    }


def _segment(segment: Segment) -> dict[str, Any]:
    return {
        **_span(segment.span),
        "offset_s": _number(segment.offset_s),
        "speed": _number(segment.speed),
        "mirrored": segment.mirrored,
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "kind": change.region.value,
        **_span(change.span),
        "box": _box(change.box),
        "strength": _number(change.strength),
        "detail": _plain(change.detail),
    }


def _edit(edit: Edit) -> dict[str, Any]:
    return {
        "kind": edit.kind,
        **(_span(edit.span) if edit.span else {"start_s": None, "end_s": None}),
        "box": _box(edit.box),
        "detail": _plain(edit.detail),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.name,
        "version": finding.version,
        "rank": finding.rank,
        "code": finding.code,
        "statement": _text(finding.statement),
        "score": _number(finding.score),
        "llr_log10": _number(finding.llr_log10),
        "spans": [_span(span) for span in finding.spans],
        "data": _plain(finding.data),
    }


def _span(span: Span) -> dict[str, Any]:
    return {"start_s": _number(span.start_s), "end_s": _number(span.end_s)}


def _box(box: Box | None) -> list[int] | None:
    return None if box is None else [int(box.x), int(box.y), int(box.w), int(box.h)]


def _number(value: float | None) -> float | None:
    """A finite number of nine significant digits, or None."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{float(value):.{_SIGNIFICANT_DIGITS}g}")


def _plain(value: Any) -> Any:
    """JSON types with sorted keys, whatever a step put in; what JSON does not know becomes text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return _number(float(value))
    if isinstance(value, Mapping):
        return {_text(str(key)): _plain(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return _text(str(value))


def _text(text: str) -> str:
    r"""Valid Unicode: the bytes of an undecodable file name show as `\udc80`."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
