"""Our signed files in other C2PA readers, which share no code with the one that signs.

Usage: npm install --prefix FOLDER @trustnxt/c2pa-ts; python -m benchmarks.second_reader FOLDER [--long] [--rust PYTHON]
Each file is signed, read by c2pa-ts 0.9 (TypeScript, Apache-2.0, JPEG, PNG, MP3, MP4 and kin), then read again with one
byte of its content changed: the first must be valid, the second not. `--rust` asks encypher-c2pa (Rust, Apache-2.0)
besides: PYTHON is an interpreter of an environment of its own that has it. Neither is asked about chains of trust;
"trusted" is what c2pa-python says. `--long` adds a film that is hashed in pieces, which c2pa-ts does not check by its
own word; they are hashed anew here after the specification (`merkle`). Exit code 1 when one of them disagrees.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.merkle import pieces_of
from benchmarks.signing import signed
from haechi.core.media.encode import write_audio, write_video
from haechi.core.provenance.keys import new_identity

_READER = """
import * as fs from 'node:fs/promises';
import { BMFF, JPEG, MP3, PNG } from '@trustnxt/c2pa-ts/asset';
import { SuperBox } from '@trustnxt/c2pa-ts/jumbf';
import { ManifestStore } from '@trustnxt/c2pa-ts/manifest';
// It knows the boxes of MP4 as those of HEIC, but asks for HEIC's brands only.
for (const brand of ['isom', 'mp41', 'mp42', 'qt  ']) BMFF.canReadBrands.add(brand);
const out = [];
for (const name of process.argv.slice(2)) {
  try {
    const data = await fs.readFile(name);
    const kind = [JPEG, PNG, MP3, BMFF].find((one) => one && one.canRead(data));
    const asset = new kind(data);
    const store = ManifestStore.read(SuperBox.fromBuffer(await asset.getManifestJUMBF()));
    const found = await store.validate(asset);
    out.push([found.isValid, found.statusEntries.filter((one) => !one.success).map((one) => one.code)]);
  } catch (error) {
    out.push([null, [String(error).slice(0, 120)]]);
  }
}
console.log(JSON.stringify(out));
"""

_RUST = """
import json, sys
import encypher_c2pa as reader
reader.set_telemetry_preference(False)
print(json.dumps([reader.verify(name)["integrity"] == "valid" for name in sys.argv[1:]]))
"""

_INTACT = {True: "valid", False: "not valid", None: "not asked"}


def media(folder: Path, *, long: bool) -> list[Path]:
    """One file of each kind that the second reader knows; `long` adds a film that is hashed in pieces."""
    noise = np.random.default_rng(2).integers(0, 255, (240, 320, 3), np.uint8)
    Image.fromarray(noise).save(folder / "photo.jpg")
    Image.fromarray(noise).save(folder / "photo.png")
    write_audio(
        folder / "sound.mp3",
        np.random.default_rng(2).normal(0, 0.1, 88_200).astype(np.float32),
        44_100,
        codec="libmp3lame",
    )
    write_video(folder / "film.mp4", [noise] * 12, 25.0)
    write_video(folder / "film.mov", [noise] * 12, 25.0)
    names = ["photo.jpg", "photo.png", "sound.mp3", "film.mp4", "film.mov"]
    if long:
        rng = np.random.default_rng(3)
        frames = (rng.integers(0, 255, (720, 1280, 3), np.uint8) for _ in range(60))
        write_video(folder / "long.mp4", frames, 25.0, crf=0)
        names.append("long.mp4")
    return [folder / name for name in names]


def spoilt(path: Path) -> Path:
    """A copy with one byte of its content changed."""
    data = bytearray(path.read_bytes())
    at = len(data) * 9 // 10 if path.suffix not in (".mp4", ".mov") else data.rindex(b"mdat") + 400
    data[at] ^= 0x55
    changed = path.with_name(f"changed-{path.name}")
    changed.write_bytes(data)
    return changed


def read(library: Path, paths: list[Path]) -> list[Any]:
    """What the second reader says: whether valid (null: it cannot read the file), and its failure codes."""
    script = library / "haechi-second-reader.mjs"
    script.write_text(_READER)
    command = ["node", str(script), *map(str, paths)]
    return list(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def read_by_rust(python: str, paths: list[Path], home: Path) -> list[bool]:
    """Whether encypher-c2pa calls each file intact; it notes in its `home` that it must not report anything."""
    command = [python, "-c", _RUST, *map(str, paths)]
    environment = {"HOME": str(home), "PATH": ""}
    return list(json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout))


def main() -> int:
    """Print one line for each file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("library", type=Path, help="folder where npm installed @trustnxt/c2pa-ts")
    parser.add_argument("--long", action="store_true", help="also a film of more than 64 MiB, hashed in pieces")
    parser.add_argument("--rust", help="interpreter of an environment that has encypher-c2pa")
    given = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="haechi-reader-") as name:
        folder = Path(name)
        identity = new_identity(folder / "home", "Example Entertainment")
        print("| file | c2pa-ts | one byte changed | encypher-c2pa | one byte changed | pieces |")
        print("|---|---|---|---|---|---|")
        for source in media(folder, long=given.long):
            target = signed(source, folder, identity)[0]
            both = [target, spoilt(target)]
            whole, changed = read(given.library.resolve(), both)
            rust = read_by_rust(given.rust, both, folder) if given.rust else []
            pieces = pieces_of(target) if source.suffix in (".mp4", ".mov") else ()
            wrong += (whole[0] is False and not pieces) or changed[0] is True
            wrong += rust not in ([], [True, False]) or not all(one.as_stored for one in pieces)
            told = [_told(whole), _told(changed), *(_INTACT[one] for one in rust or (None, None))]
            told.append(str(sum(one.count for one in pieces)))
            print(f"| {source.name}, {source.stat().st_size / 1e6:.1f} MB | {' | '.join(told)} |")
    return 1 if wrong else 0


def _told(found: Any) -> str:
    valid, codes = found
    word = {True: "valid", False: "not valid", None: "cannot be read"}[valid]
    return f"{word}: {', '.join(sorted(set(codes)))}" if codes else word


if __name__ == "__main__":
    sys.exit(main())
