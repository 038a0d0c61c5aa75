"""The shared test data, where it is; tests of it are skipped elsewhere."""

from __future__ import annotations

import csv
import os
from pathlib import Path

FOLDER = Path(os.environ.get("HAECHI_BENCH_DATA", Path(__file__).parents[2] / "shared" / "data"))


def rows(prefix: str) -> list[tuple[str, str]]:
    """Path and label of every file of the manifest below a folder; empty where there is no such data."""
    manifest = FOLDER / "MANIFEST.tsv"
    if not manifest.is_file():
        return []
    with manifest.open(encoding="utf-8", newline="") as file:
        found = csv.DictReader(file, delimiter="\t")
        return [(row["path"], row["label"] or row["category"]) for row in found if row["path"].startswith(prefix)]
