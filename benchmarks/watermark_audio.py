"""The audio mark against what the internet does to sound.

    python -m benchmarks.watermark_audio [--quick] [--music FOLDER] [--null KEYS] [--out FILE.md]

Sounds: 14 s of each speaker of the benchmark media, of films with sound, of two synthetic pieces of music, and with
`--music` of the MP3 and FLAC files of a folder, an excerpt every 30 s. Each is marked with its own payload at the
strength that its plan chooses, goes through every attack, is cut at random to 10 s and to 6 s, and read blind; 10 s
also with the master at hand. A cell is the share of exact payloads with its 95 % interval.
Unmarked readings: every sound, unmarked, read as it lies with many keys, and by search with one.
PESQ (wideband, ITU-T P.862.2) is stated when the package `pesq` is installed (`uv run --with pesq`).
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.intervals import wilson
from benchmarks.sound_cases import RATE, Process, Sound, added, codec, filtered, load, masters, music, then
from benchmarks.sources import data_folder
from haechi.core.watermark.audio import embed_sound, read, read_informed

KEY: Final = b"benchmark key 1!"
LENGTH_S, CUTS_S = 14, (10, 6)
_EVERY_S = 30
_SPEECH = ("libri", "LJ001-0001", "337_", "shinzo", "WDA", "SSB07940279", "sample_video", "driving")


def white(db: float) -> Process:
    def process(sound: Sound, rng: np.random.Generator) -> Sound:
        return np.asarray(sound + rng.standard_normal(len(sound)) * sound.std() * 10 ** (-db / 20), np.float32)

    return process


def band(rate: int) -> Process:
    return filtered(("aresample", str(rate)))


def speed(factor: float) -> Process:
    return filtered(("asetrate", str(round(RATE * factor))), ("aresample", str(RATE)))


def tempo(factor: float) -> Process:
    return filtered(("atempo", str(factor)))


ATTACKS: Final[dict[str, Process]] = {
    "none": lambda sound, rng: sound,
    "MP3 128k": codec("libmp3lame", 128_000),
    "MP3 64k": codec("libmp3lame", 64_000),
    "MP3 32k": codec("libmp3lame", 32_000),
    "AAC 64k": codec("aac", 64_000),
    "AAC 32k": codec("aac", 32_000),
    "Opus 64k": codec("libopus", 64_000),
    "Opus 24k": codec("libopus", 24_000),
    "8 kHz": band(8000),
    "EQ +-8 dB": filtered(("equalizer", "f=1000:t=q:w=1:g=8"), ("equalizer", "f=4000:t=q:w=1:g=-8")),
    "compressor 6:1": filtered(("acompressor", "threshold=0.05:ratio=6:attack=5:release=60:makeup=2")),
    "echo 60 ms": filtered(("aecho", "0.8:0.7:60:0.4")),
    "speed 0.95": speed(0.95),
    "speed 1.05": speed(1.05),
    "tempo 0.95": tempo(0.95),
    "tempo 1.05": tempo(1.05),
    "pitch +1 semitone": then(speed(2 ** (1 / 12)), tempo(2 ** (-1 / 12))),
    "pitch -1 semitone": then(speed(2 ** (-1 / 12)), tempo(2 ** (1 / 12))),
    "noise 30 dB": white(30),
    "noise 20 dB": white(20),
    "noise 10 dB": white(10),
    "music bed -10 dB": added(music, -10),
    "speed 1.05 + AAC 32k": then(speed(1.05), codec("aac", 32_000)),
}


def sounds(data: Path, folder: Path | None, every: int) -> Iterator[tuple[str, Sound]]:
    """Speech, then music."""
    found = [(one.name, one.sound) for one in masters(data) if one.name.startswith(_SPEECH)]
    rng = np.random.default_rng(0)
    found += [(f"synthetic music {number}", 0.2 * music(LENGTH_S * RATE, rng)) for number in range(2)]
    for path in sorted(folder.rglob("*")) if folder is not None else []:
        if path.suffix.lower() in {".mp3", ".flac", ".ogg"} and path.stat().st_size > 1 << 20:
            whole = load(path)
            starts = range(10 * RATE, len(whole) - LENGTH_S * RATE, _EVERY_S * RATE)
            found += [
                (f"{path.stem[:12]} {start // RATE} s", whole[start : start + LENGTH_S * RATE]) for start in starts
            ]
    yield from ((name, np.asarray(one[: LENGTH_S * RATE], np.float32)) for name, one in found[::every])


class Tally:
    """Counts of one run."""

    def __init__(self) -> None:
        self.hits: dict[str, dict[str, list[bool]]] = {}
        self.quality: list[tuple[float, float, float]] = []
        self.seconds: dict[str, list[float]] = {}
        self.wrong = self.null = self.null_reads = 0

    def add(self, reader: str, attack: str, hit: bool) -> None:
        self.hits.setdefault(attack, {}).setdefault(reader, []).append(hit)

    def timed(self, name: str, start: float) -> None:
        self.seconds.setdefault(name, []).append(time.process_time() - start)


def quality(before: Sound, after: Sound) -> float:
    """PESQ-wb, NaN without the package."""
    if importlib.util.find_spec("pesq") is None:
        return float("nan")
    from pesq import pesq  # type: ignore[import-not-found]

    return float(pesq(RATE, before, after, "wb"))


def measure(sound: Sound, number: int, tally: Tally) -> list[str]:
    """All attacks on one sound; what failed."""
    rng = np.random.default_rng(number)
    payload = int(rng.integers(0, 1 << 40))
    start = time.process_time()
    marked = embed_sound(sound, RATE, payload, KEY, mono_16k=sound)
    tally.timed("embed, 14 s", start)
    tally.quality.append((marked.strength_db, marked.snr_db, quality(sound, marked.samples)))
    failed = []
    for name, attack in ATTACKS.items():
        whole = attack(marked.samples, rng)
        for cut_s in CUTS_S:
            begin = int(rng.integers(0, max(1, len(whole) - cut_s * RATE)))
            probe = whole[begin : begin + cut_s * RATE]
            start = time.process_time()
            reading = read(probe, KEY)
            tally.timed("read blind" if reading is None or reading.tempo == reading.pitch == 1 else "search", start)
            tally.wrong += reading is not None and reading.payload != payload
            hit = reading is not None and reading.payload == payload
            tally.add(f"blind {cut_s} s", name, hit)
            failed += [] if hit else [f"{name}/{cut_s}"]
            if cut_s == CUTS_S[0]:
                start = time.process_time()
                informed = read_informed(probe, sound, KEY)
                tally.timed("read informed", start)
                tally.add(f"informed {cut_s} s", name, informed is not None and informed.payload == payload)
    return failed


def measure_null(sound: Sound, keys: int, tally: Tally) -> None:
    """Unmarked sound read with many keys."""
    for number in range(keys):
        tally.null += 1
        tally.null_reads += read(sound, b"null key %12d" % number, search=number == 0) is not None


def render(tally: Tally) -> str:
    strength, snr, pesq = (np.array(column) for column in zip(*tally.quality, strict=True))
    lines = [
        f"{len(snr)} sounds. Gains {strength.mean():.2f} dB r.m.s. (mean); SNR mean {snr.mean():.1f} dB, least "
        f"{snr.min():.1f}; PESQ-wb mean {pesq.mean():.3f}, least {pesq.min():.3f}.",
        "",
    ]
    readers = list(next(iter(tally.hits.values())))
    lines += ["| attack | " + " | ".join(readers) + " | 95 % of the first |", "|---" * (len(readers) + 2) + "|"]
    for name, by_reader in tally.hits.items():
        cells = [f"{sum(hits)}/{len(hits)}" for hits in by_reader.values()]
        low, high = wilson(sum(by_reader[readers[0]]), len(by_reader[readers[0]]))
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {low:.1%} - {high:.1%} |")
    lines += ["", "| processor time, ms, one core | median | 95th percentile |", "|---|---|---|"]
    for name, values in tally.seconds.items():
        middle, slow = np.quantile(np.array(values) * 1e3, [0.5, 0.95])
        lines.append(f"| {name} | {middle:.1f} | {slow:.1f} |")
    lines += [
        "",
        f"Wrong payloads: {tally.wrong}. Of {tally.null} unmarked readings, {tally.null_reads} gave a payload.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="each fifth sound")
    parser.add_argument("--music", type=Path, help="folder of music to excerpt")
    parser.add_argument("--null", type=int, default=20, help="keys for unmarked readings of each sound")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    data = data_folder()
    assert data is not None, "benchmark media not found: set HAECHI_BENCH_DATA"
    tally = Tally()
    for number, (name, sound) in enumerate(sounds(data, options.music, 5 if options.quick else 1)):
        failed = measure(sound, number, tally)
        measure_null(sound, options.null, tally)
        print(
            f"{name:32s} {tally.quality[-1][0]:.1f} dB, PESQ {tally.quality[-1][2]:.2f} {' '.join(failed)}", flush=True
        )
        if options.out:
            options.out.write_text(render(tally))
    print(render(tally))


if __name__ == "__main__":
    main()
