"""Signing: how long it takes, how much memory it needs, and which single changed bytes of a signed JPEG are noticed.

Usage: python -m benchmarks.signing [--bytes 2000] [--seed 1] [--film FILE]
Every medium is made here (noise, so that sizes are known); `--film` signs a film of your own, e.g. of a gigabyte, and
tells the peak memory. Exit code 1 when a changed byte is neither detected nor without meaning: outside of the
manifest's own box, or changing what the manifest says.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import c2pa
import numpy as np
from PIL import Image

from haechi.core.durable import sync
from haechi.core.media.encode import write_audio
from haechi.core.provenance.keys import Identity, new_identity
from haechi.core.provenance.read import sidecar_of
from haechi.core.provenance.sign import Claim, sign_media

CLAIM = Claim("Benchmark", "Example Entertainment", None, "source", "2026-05-01T00:00:00+00:00")
TIMES = 7


def media(folder: Path) -> list[Path]:
    """A JPEG, a PNG and a WAV of about 10 MB each."""
    noise = np.random.default_rng(0).integers(0, 255, (2600, 3900, 3), np.uint8)
    Image.fromarray(noise).save(folder / "photo.jpg", quality=90)
    Image.fromarray(noise[:1300, :2600]).save(folder / "photo.png")
    write_audio(folder / "sound.wav", np.random.default_rng(0).normal(0, 0.1, 5_000_000).astype(np.float32), 44_100)
    return [folder / name for name in ("photo.jpg", "photo.png", "sound.wav")]


def signed(source: Path, folder: Path, identity: Identity) -> tuple[Path, float, float, float]:
    """The signed file; the wall and processor time that it took, and then the disk to have it, seconds."""
    target = folder / f"signed{source.suffix}"
    target.unlink(missing_ok=True)
    sidecar_of(target).unlink(missing_ok=True)
    wall, processor = time.perf_counter(), time.process_time()
    sign_media(source, target, sidecar_of(target), CLAIM, identity)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    start = time.perf_counter()
    sync(target)
    return target, wall, processor, time.perf_counter() - start


def time_signing(folder: Path, identity: Identity, films: list[Path]) -> None:
    """Print one line for each medium."""
    print("| for 10 MB, least, ms | MB | signing, wall | signing, processor | sync | peak memory of the process, MB |")
    print("|---|---|---|---|---|---|")
    for source in [*media(folder), *films]:
        share = 10e6 / source.stat().st_size
        runs = [signed(source, folder, identity)[1:] for _ in range(1 if source in films else TIMES)]
        wall, processor, disk = (1000 * share * min(times) for times in zip(*runs, strict=True))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        size = source.stat().st_size / 1e6
        print(f"| {source.name} | {size:.0f} | {wall:.0f} | {processor:.0f} | {disk:.0f} | {peak:.0f} |")


def trusted(data: bytes, context: c2pa.Context) -> object:
    """What the manifest says, or None when it does not hold."""
    try:
        with c2pa.Reader(io.BytesIO(data), context=context) as reader:
            return json.loads(reader.json()) if reader.get_validation_state() == "Trusted" else None
    except c2pa.C2paError:
        return None


def change_bytes(folder: Path, identity: Identity, count: int, seed: int) -> int:
    """Change one byte after the other; returns how many were neither detected nor without meaning."""
    noise = np.random.default_rng(1).integers(0, 255, (90, 120, 3), np.uint8)
    photo = folder / "small.jpg"
    Image.fromarray(noise).resize((480, 360)).save(photo, quality=90)
    data = signed(photo, folder, identity)[0].read_bytes()
    start = data.index(b"\xff\xeb")
    box = range(start, start + 2 + int.from_bytes(data[start + 2 : start + 4], "big"))
    settings = {
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": True},
        "trust": {"trust_anchors": identity.anchor_pem},
    }
    outcomes: Counter[str] = Counter()
    generator = random.Random(seed)
    with c2pa.Context(c2pa.Settings.from_dict(settings)) as context:
        known = trusted(data, context)
        for spot in generator.sample(range(len(data)), count):
            changed = bytearray(data)
            changed[spot] ^= generator.randrange(1, 256)
            said = trusted(bytes(changed), context)
            padding = data[spot - 8 : spot + 9] == bytes(17)
            where = "detected" if said is None else "unsigned padding of the manifest" if padding else "a box header"
            outcomes[where if said is None or (spot in box and said == known) else "NOT DETECTED"] += 1
    print(f"\n{count} bytes of a signed JPEG of {len(data)} bytes, one changed at a time (manifest: {len(box)} bytes):")
    for outcome, times in outcomes.most_common():
        print(f"* {outcome}: {times}")
    return outcomes["NOT DETECTED"]


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bytes", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--film", type=Path, action="append", default=[])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="haechi-signing-") as name:
        folder = Path(name)
        identity = new_identity(folder / "home", "Example Entertainment")
        time_signing(folder, identity, given.film)
        missed = change_bytes(folder, identity, given.bytes, given.seed)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
