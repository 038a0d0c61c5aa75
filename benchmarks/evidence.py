"""Speed of the ledger and of bundles: `python -m benchmarks.evidence [--quick]`.

Measures: durable appends a second, by one thread and by 64 that share commits; building and verifying a long ledger;
a bundle of 50 exhibits and its verification. Every append that counts has been synchronised to the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from haechi.act.case import open_case
from haechi.core.people import alone
from haechi.core.settings import Limits, Settings
from haechi.core.store import open_store
from haechi.core.store.evidence import Evidence
from haechi.core.store.ledger import Change
from haechi.preserve.bundle.examine import examine_bundle
from haechi.preserve.bundle.write import write_bundle
from haechi.preserve.custody import Intent, add_file
from haechi.preserve.facts import Found

ENTRIES, QUICK_ENTRIES = 1_000_000, 50_000
AT_ONCE = 5_000
THREADS = 64
EXHIBITS, EXHIBIT_BYTES = 50, 2 << 20


def appends(folder: Path, threads: int, each: int) -> float:
    """Durable appends a second."""
    evidence = open_store(folder).evidence("bench")

    def work(number: int) -> None:
        for count in range(each):
            evidence.change(partial(_look, f"E-{number}-{count}"))

    return threads * each / seconds(lambda: _run(work, threads))


def long_ledger(evidence: Evidence, entries: int) -> None:
    """Fill a ledger in large transactions."""

    def work(change: Change) -> None:
        for number in range(AT_ONCE):
            change.log("exhibit.look", f"E-{number:010x}", "routine review", view="blurred", seconds=2.5)

    for _ in range(entries // AT_ONCE):
        evidence.change(work)


def bundle(folder: Path) -> dict[str, float]:
    """Seconds to take in 50 exhibits of 2 MiB, to bundle them, and to verify the bundle."""
    evidence, person = open_store(folder / "home").evidence(alone().name), alone()
    case = open_case(evidence, person, "Benchmark", "하늘")
    path = folder / "clip.mp4"
    path.write_bytes(os.urandom(EXHIBIT_BYTES))
    intent = Intent(Found("https://example.org/v/1"), "file", path.name)

    def take_in() -> None:
        for _ in range(EXHIBITS):
            add_file(evidence, person, case.id, path, intent, ["local:"], Limits())

    taken = seconds(take_in)
    output = folder / "case.zip"
    bundled = seconds(lambda: write_bundle(evidence, person, case.id, output, fonts=Settings().models))
    verified = seconds(lambda: _intact(output))
    return {"take_in_s": taken, "bundle_s": bundled, "verify_s": verified}


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock time of a piece of work."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _look(subject: str, change: Change) -> int:
    return change.log("exhibit.look", subject, view="blurred")


def _run(work: Callable[[int], None], threads: int) -> None:
    running = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def _intact(path: Path) -> None:
    faults = examine_bundle(path).faults
    assert not faults, faults


def main() -> None:
    """Measure and print one JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a shorter ledger")
    entries = QUICK_ENTRIES if parser.parse_args().quick else ENTRIES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        one, many = appends(folder / "one", 1, 300), appends(folder / "many", THREADS, 50)
        print(json.dumps({"appends_per_s": {"1_thread": round(one), f"{THREADS}_threads": round(many)}}), flush=True)
        print(json.dumps({"50_exhibits": {key: round(value, 2) for key, value in bundle(folder).items()}}), flush=True)
        evidence = open_store(folder / "long").evidence("bench")
        built = seconds(lambda: long_ledger(evidence, entries))
        start = time.perf_counter()
        found = evidence.audit()
        took = time.perf_counter() - start
        assert not found.faults, found.faults
        told = {"entries": found.size, "built_s": round(built, 1), "verified_s": round(took, 1)}
        print(json.dumps({"ledger": {**told, "checkpoints": found.checkpoints}}), flush=True)


if __name__ == "__main__":
    main()
