"""What `read_manifest` says of public C2PA test files, beside what they are known to be.

Usage: python -m benchmarks.provenance
Data: the folder `c2pa` of `HAECHI_BENCH_DATA`, or of ../shared/data beside the repository; says so when absent.
Exit code 1 when a reading contradicts the note in MANIFEST.tsv.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from pathlib import Path

from haechi.core.provenance.read import ManifestReading, read_manifest


def expected(note: str) -> set[str]:
    """States that agree with the note "c2pa-python ... reads: <state or error> [...]" of the manifest."""
    said = note.split("reads:", 1)[-1].strip()
    if said.startswith(("Valid", "Invalid", "Trusted")):
        return {said.split()[0].lower()}
    if "ManifestNotFound" in said:
        return {"none"}
    return {"damaged"}


def main() -> int:
    """Print one line a file and the count of contradictions."""
    given = os.environ.get("HAECHI_BENCH_DATA")
    data = Path(given) if given else Path(__file__).resolve().parents[1].parent / "shared" / "data"
    if not (data / "c2pa").is_dir():
        print("provenance benchmark: no data; set HAECHI_BENCH_DATA to the folder that holds c2pa")
        return 0
    with (data / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        rows = [
            row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if row["category"] == "c2pa"
        ]
    print("| file | known as | state | issuer | problems | ms |\n|---|---|---|---|---|---|")
    wrong = 0
    for row in rows:
        start = time.perf_counter()
        reading: ManifestReading | None = read_manifest(data / row["path"])
        spent = 1000 * (time.perf_counter() - start)
        state = reading.state if reading else "none"
        agrees = state in expected(row["notes"])
        wrong += not agrees
        problems = ", ".join(
            f"{p.code} ({p.ingredient})" if p.ingredient else p.code for p in (reading.problems if reading else ())
        )
        mark = "" if agrees else " **contradicts: " + row["notes"] + "**"
        issuer = (reading.issuer if reading else None) or ""
        print(f"| {Path(row['path']).name} | {row['label']} | {state}{mark} | {issuer} | {problems} | {spent:.0f} |")
    print(f"\n{len(rows)} files, {wrong} contradict the note.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
