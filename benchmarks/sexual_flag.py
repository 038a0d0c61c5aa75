"""False alarms of the flag for sexual content: `python -m benchmarks.sexual_flag [--quick]`.

Measures: how many ordinary photographs and films of `HAECHI_BENCH_DATA` (else ../shared/data) raise the flag, and how
long a look takes. There is no sexual media here and none is looked for: what the flag misses is not measured.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import Counter
from pathlib import Path

from haechi.core.flag import THRESHOLD
from haechi.core.media.sexual import SexualContent
from haechi.core.settings import Limits, Settings

SUFFIXES = {
    "photographs": (".jpg", ".jpeg", ".png", ".webp"),
    "films": (".mp4", ".avi", ".mov", ".mpg", ".webm", ".mkv"),
}
QUICK = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    most = QUICK if parser.parse_args().quick else None
    data = Path(os.environ.get("HAECHI_BENCH_DATA") or Path(__file__).parents[2] / "shared" / "data")
    look = SexualContent(Settings().models, Limits())
    for kind, suffixes in SUFFIXES.items():
        paths = sorted(path for path in data.rglob("*") if path.suffix.lower() in suffixes)[:most]
        counts: Counter[str] = Counter()
        started = time.perf_counter()
        for path in paths:
            flag = look(path)
            counts["raised" if flag.raised else "abstained" if flag.score is None else "quiet"] += 1
        each_ms = round((time.perf_counter() - started) * 1000 / max(len(paths), 1))
        print(json.dumps({"kind": kind, "files": len(paths), "threshold": THRESHOLD, **counts, "ms_each": each_ms}))


if __name__ == "__main__":
    main()
