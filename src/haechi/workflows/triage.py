"""Check many files in a row: resumable, and no file's failure stops the others.

A finished report is saved in the store under the digest of the file and of the software; when the same job
runs again, after a crash or with more files, what is saved is used again as long as artists, releases and
bank are still the same.

Steps for each file:
1. Take its digest; a saved report of these bytes is the answer.
2. Check it.
3. See that it is still the same file: else the report is void.
4. Write the page, if one is wanted, then save.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from haechi.check.report import report_json, write_report
from haechi.core.errors import HaechiError, StoreError
from haechi.core.records import Report
from haechi.core.snapshot import take_snapshot
from haechi.core.store import Store
from haechi.workflows.files import Failed

Check = Callable[[Path], Report]


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that was checked.

    Attributes:
        path: as the user named it.
        report: the JSON contract `haechi.report/1`.
        page: the HTML report, if one was wanted.
        reused: the report was saved by an earlier run.
        unsaved: why the report could not be saved for the next run, or None.
    """

    path: Path
    report: Mapping[str, Any]
    page: Path | None
    reused: bool
    unsaved: str | None = None


@dataclass(frozen=True, slots=True)
class Pages:
    """Where HTML reports go, and in which language they open."""

    folder: Path
    language: str


def triage(
    entries: Iterable[Path | Failed],
    store: Store,
    check: Check,
    *,
    software_id: str,
    pages: Pages | None = None,
    again: bool = False,
) -> Iterator[Checked | Failed]:
    """Check each entry and yield its outcome at once; see the module for the steps.

    Args:
        entries: from `list_files`; what failed there is passed on.
        store: keeps the saved reports.
        check: makes the report of one file; any `HaechiError` it raises is that file's failure.
        software_id: from `software_id`; reports of another software are not used again.
        pages: write an HTML report of each file.
        again: do not use saved reports.
    """
    for entry in entries:
        if isinstance(entry, Failed):
            yield entry
            continue
        try:
            yield _one(entry, store, check, software_id, pages, again)
        except HaechiError as error:
            yield Failed(entry, str(error))


def _one(path: Path, store: Store, check: Check, software_id: str, pages: Pages | None, again: bool) -> Checked:
    # 1. Saved already?
    probe = take_snapshot(path)
    saved = None if again else _saved(store, probe.sha256, software_id, path, pages)
    if saved is not None:
        return saved
    # 2. Check.
    generation = store.generation()
    try:
        report = check(path)
    except HaechiError:
        probe.confirm()  # a file that grows while it is copied fails in odd ways: name the cause
        raise
    # 3. Still the same file?
    probe.confirm()
    # 4. Page, then save.
    page = write_report(report, pages.folder, pages.language) if pages else None
    contract = report_json(report)
    unsaved = _save(store, probe.sha256, software_id, generation, contract, page)
    return Checked(path, contract, page, reused=False, unsaved=unsaved)


def _saved(store: Store, sha256: str, software_id: str, path: Path, pages: Pages | None) -> Checked | None:
    """The saved outcome, renamed to `path`; None when there is none, or its page is wanted and not there."""
    text = store.saved_report(sha256, software_id)
    if text is None:
        return None
    saved = json.loads(text)
    report = saved["report"]
    page = None
    if pages is not None:
        if saved["page"] is None or report["probe"]["path"] != str(path):
            return None
        page = pages.folder / saved["page"]["name"]
        if _digest(page) != saved["page"]["sha256"]:
            return None
    report["probe"]["path"] = str(path)
    return Checked(path, report, page, reused=True)


def _save(
    store: Store,
    sha256: str,
    software_id: str,
    generation: int,
    report: Mapping[str, Any],
    page: Path | None,
) -> str | None:
    """Save for the next run.

    A store that cannot be written costs the next run time, not this one its answer.
    """
    described = None if page is None else {"name": page.name, "sha256": _digest(page)}
    text = json.dumps({"report": report, "page": described}, ensure_ascii=False)
    try:
        store.save_report(sha256, software_id, text, generation)
    except StoreError as error:
        return str(error)
    return None


def _digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
