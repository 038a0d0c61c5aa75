"""The ISCC of sound: how far copies lie from it, how far other recordings, and whether it is that of fpcalc.

    python -m benchmarks.iscc_sound [--music FOLDER] [--fpcalc PROGRAM] [--resolve-every N] [--out FILE.md]

Recordings: the sentences of each LibriSpeech speaker one after the other; single clips of real speech of 3.5 s and
more; with `--music` each piece of a folder whole, and every 30 s of it. All are brought to 44.1 kHz mono, as WAV; each
copy is a file, too, and its code is taken from the file as `protect` does. Bits of 64 (the code's first quarter, which
short ISCCs show) and of 256. Two excerpts of one piece are no other recordings. "Long talk": words of several speakers,
joined at random, against those of as many others. "Found": within the bits up to which the same work is assumed.
With `--fpcalc` the words and codes of all sound and film of the folder, and of the copies of every fifth recording, are
held against those of that program (Chromaprint's own), e.g. Debian's libchromaprint-tools 1.5.1.
With `--resolve-every` each n-th recording is protected, unmarked, in one registry, and each copy of it looked up there:
by its code alone, and by content, where our landmarks must agree.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import av
import iscc_lib
import numpy as np
from numpy.typing import NDArray

from benchmarks.sound_cases import Sound, frame_of, through_filters
from benchmarks.sources import data_folder
from haechi.check.resolve import by_binding, by_content
from haechi.core.errors import InputError
from haechi.core.fingerprint.chromaprint import read_chromaprint
from haechi.core.fingerprint.iscc import ALGORITHM, SAME_BITS, sound_code
from haechi.core.media.audio import read_all_audio
from haechi.core.media.encode import write_audio
from haechi.core.provenance.keys import new_identity
from haechi.core.records import Kind
from haechi.core.settings import Limits
from haechi.core.store import open_store
from haechi.core.watermark.audio import embed_sound
from haechi.register.protect import STAGING, Wish, protect

RATE: Final = 44_100
LEAST_S, EXCERPT_S = 3.5, 30
_OPUS_RATE: Final = 48_000
_SUFFIXES: Final = {".wav", ".flac", ".mp3", ".ogg", ".m4a", ".opus", ".mp4", ".mov", ".webm", ".avi"}
_SPLITS: Final = 400
Words = NDArray[np.uint32]


def filtered(*chain: tuple[str, str]) -> Callable[[Sound], Sound]:
    """Run filters of libavfilter."""
    return lambda sound: through_filters(sound, RATE, *chain)


def at_rate(sound: Sound, rate: int) -> Sound:
    resampler = av.AudioResampler("flt", "mono", rate)
    pieces = [*resampler.resample(frame_of(sound, RATE)), *resampler.resample(None)]
    return np.concatenate([np.asarray(piece.to_ndarray()[0], np.float32) for piece in pieces])


def marked(sound: Sound) -> Sound:
    """With our mark in it."""
    made = embed_sound(sound, RATE, 12345, b"benchmark key 1!", mono_16k=at_rate(sound, 16_000))
    return np.asarray(made.samples, np.float32).reshape(-1)


def noisy(level_db: float) -> Callable[[Sound], Sound]:
    def process(sound: Sound) -> Sound:
        noise = np.random.default_rng(0).standard_normal(len(sound)) * sound.std() * 10 ** (-level_db / 20)
        return np.asarray(sound + noise, np.float32)

    return process


@dataclass(frozen=True, slots=True)
class Copy:
    """One way to copy a recording: what is done to its samples, then how the file is coded."""

    process: Callable[[Sound], Sound] = lambda sound: sound
    suffix: str = ".wav"
    codec: str = "pcm_s16le"
    bit_rate: int = 0


COPIES: Final[dict[str, Copy]] = {
    "FLAC": Copy(suffix=".flac", codec="flac"),
    "MP3 128k": Copy(suffix=".mp3", codec="libmp3lame", bit_rate=128_000),
    "MP3 64k": Copy(suffix=".mp3", codec="libmp3lame", bit_rate=64_000),
    "MP3 32k": Copy(suffix=".mp3", codec="libmp3lame", bit_rate=32_000),
    "AAC 128k": Copy(suffix=".m4a", codec="aac", bit_rate=128_000),
    "AAC 64k": Copy(suffix=".m4a", codec="aac", bit_rate=64_000),
    "Opus 64k": Copy(suffix=".opus", codec="libopus", bit_rate=64_000),
    "Opus 24k": Copy(suffix=".opus", codec="libopus", bit_rate=24_000),
    "16 kHz": Copy(filtered(("aresample", "16000"))),
    "8 kHz": Copy(filtered(("aresample", "8000"))),
    "12 dB fainter": Copy(lambda sound: np.asarray(sound / 4, np.float32)),
    "noise 20 dB": Copy(noisy(20)),
    "our mark": Copy(marked),
    "EQ +-8 dB": Copy(filtered(("equalizer", "f=1000:t=q:w=1:g=8"), ("equalizer", "f=4000:t=q:w=1:g=-8"))),
    "compressor 6:1": Copy(filtered(("acompressor", "threshold=0.05:ratio=6:attack=5:release=60:makeup=2"))),
    "0.5 s cut off the start": Copy(lambda sound: sound[RATE // 2 :]),
    "1 s of silence before": Copy(lambda sound: np.concatenate([np.zeros(RATE, np.float32), sound])),
    "last tenth cut off": Copy(lambda sound: sound[: int(0.9 * len(sound))]),
    "first half": Copy(lambda sound: sound[: len(sound) // 2]),
    "speed 1.02": Copy(filtered(("asetrate", str(round(1.02 * RATE))))),
    "speed 1.05": Copy(filtered(("asetrate", str(round(1.05 * RATE))))),
}


@dataclass(slots=True)
class Tally:
    """Words held against those of fpcalc."""

    files: int = 0
    same_codes: int = 0
    bits: int = 0
    differing: int = 0
    lengths: list[str] = field(default_factory=list)

    def add(self, path: Path, known: Words, found: Words) -> None:
        count = min(len(known), len(found))
        self.files += 1
        self.bits += 32 * count
        self.differing += int(np.bitwise_count(known[:count] ^ found[:count]).sum())
        self.same_codes += code(known) == code(found)
        if len(known) != len(found):
            self.lengths.append(path.name)

    def __str__(self) -> str:
        share = self.differing / max(1, self.bits)
        told = f"{self.files} files, {self.differing} of {self.bits} bits differ ({share:.4%})"
        return f"{told}, {self.same_codes} codes the same, {len(self.lengths)} of another length"


def code(words: Words) -> bytes:
    """The 256 bits."""
    return bytes(iscc_lib.iscc_decode(iscc_lib.gen_audio_code_v0(words.view(np.int32).tolist(), 256)["iscc"])[4])


def bits(one: bytes, other: bytes) -> tuple[int, int]:
    """Bits that differ, of the first 64 and of all."""
    differing = np.unpackbits(np.frombuffer(one, np.uint8) ^ np.frombuffer(other, np.uint8))
    return int(differing[:64].sum()), int(differing.sum())


def write_copy(sound: Sound, copy: Copy, folder: Path) -> Path:
    path = folder / f"copy{copy.suffix}"
    changed = np.clip(copy.process(sound), -1, 1).astype(np.float32)
    rate = _OPUS_RATE if copy.codec == "libopus" else RATE
    changed = at_rate(changed, rate) if rate != RATE else changed
    write_audio(path, changed, rate, codec=copy.codec, bit_rate=copy.bit_rate or 96_000)
    return path


def recordings(data: Path, music: Path | None) -> Iterator[tuple[str, str, Sound]]:
    """Group, name and sound; names of one piece's excerpts begin alike."""
    speech = data / "audio_real_fake"
    for speaker in sorted((speech / "librispeech_10spk").iterdir()):
        yield "speaker", speaker.name, np.concatenate([_load(path) for path in sorted(speaker.glob("*.flac"))])
    for place in ("wavefake/LJSpeech", "stylespeech/references", "univnet/seen/ground_truth"):
        for path in sorted((speech / place).glob("*.wav")):
            sound = _load(path)
            if len(sound) >= LEAST_S * RATE:
                yield "clip", path.stem, sound
    for path in sorted(music.iterdir()) if music is not None else []:
        sound = _load(path)
        yield "piece", path.stem, sound
        for start in range(0, len(sound) - EXCERPT_S * RATE, EXCERPT_S * RATE):
            yield "excerpt", f"{path.stem}/{start // RATE}", sound[start : start + EXCERPT_S * RATE]


def of_fpcalc(program: Path, path: Path) -> Words | None:
    """The words of a file; None where the program has none. 1.5.1 complains about the end of many files, whose words
    are whole.
    """
    arguments = [str(program), "-raw", "-json", "-signed", "-length", "0", str(path)]
    answer = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if not answer.stdout.startswith("{"):
        return None
    return np.array(json.loads(answer.stdout)["fingerprint"], np.int64).astype(np.int32).view(np.uint32)


def against_fpcalc(program: Path, data: Path) -> tuple[Tally, Tally]:
    """Sound files and films of the folder."""
    sounds, films = Tally(), Tally()
    for path in sorted(path for path in data.rglob("*") if path.suffix in _SUFFIXES):
        known = of_fpcalc(program, path)
        try:
            found = read_chromaprint(path, Limits())
        except InputError:
            continue
        if known is not None:
            (sounds if path.suffix in {".wav", ".flac", ".mp3", ".ogg", ".m4a", ".opus"} else films).add(
                path, known, found
            )
    return sounds, films


class Registry:
    """Recordings that were protected, and what copies of them lead to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._store = open_store(folder / "home")
        self._wish = Wish(new_identity(self._store.home, "benchmark"))
        self._labels: dict[str, str] = {}
        self._hits: dict[str, list[tuple[bool, bool, int]]] = {way: [] for way in COPIES}

    def add(self, name: str, sound: Sound) -> None:
        """Protect a recording."""
        place = self._folder / f"{len(self._labels)}"
        place.mkdir()
        source = place / "sound.wav"
        write_audio(source, sound, RATE)
        done = protect(source, place / "out" / "sound.wav", place / "out" / STAGING, self._store, Limits(), self._wish)
        self._labels[name] = done.protection.label

    def look_up(self, name: str, way: str, path: Path) -> None:
        """Look a copy up: whether its code leads to the recording, whether its content does, and to how many others."""
        value = sound_code(path, Limits())
        near = by_binding(self._store, ALGORITHM, value) if value is not None else []
        found = {one.manifest_id for one in by_content(path, self._store, Limits())}
        own = self._labels[name]
        self._hits[way].append((own in {one.manifest_id for one in near}, own in found, len(found - {own})))

    def lines(self) -> list[str]:
        """A table."""
        lines = ["", f"| copies of {len(self._labels)}, looked up | by code | by content | others by content |"]
        lines.append("|---|---|---|---|")
        for way, hits in self._hits.items():
            code_alone, content, others = (sum(column) for column in zip(*hits, strict=True))
            lines.append(f"| {way} | {code_alone} | {content} | {others} |")
        return lines


def long_talk(data: Path) -> list[str]:
    """Least and median distance of joined speakers from others."""
    speakers = sorted((data / "audio_real_fake/librispeech_10spk").iterdir())
    words = [np.concatenate([read_chromaprint(path, Limits()) for path in sorted(s.glob("*.flac"))]) for s in speakers]
    rng, lines = np.random.default_rng(0), []
    for count in (1, 2, 3, 5):
        found = []
        for _ in range(_SPLITS):
            order = rng.permutation(len(words))
            one, other = (
                np.concatenate([words[i] for i in half]) for half in (order[:count], order[count : 2 * count])
            )
            found.append(bits(code(one), code(other))[1])
        lines.append(f"| {count} readers against {count} others | {min(found)} | {np.median(found):.0f} |")
    return lines


def render(codes: dict[tuple[str, str], bytes], copies: dict[str, dict[tuple[str, str], bytes]]) -> list[str]:
    lines = [
        f"{len(codes)} recordings.",
        "",
        "| copy | of 64: median | most | of 256: median | 95 % within | most | found |",
    ]
    lines.append("|---|---|---|---|---|---|---|")
    for name, by_recording in copies.items():
        found = np.array([bits(codes[key], value) for key, value in by_recording.items()])
        short, whole = found[:, 0], found[:, 1]
        cells = (np.median(short), short.max(), np.median(whole), np.quantile(whole, 0.95), whole.max())
        near = int(np.count_nonzero(whole <= SAME_BITS[Kind.AUDIO]))
        lines.append(f"| {name} | " + " | ".join(f"{cell:.0f}" for cell in cells) + f" | {near} of {len(whole)} |")
    lines += ["", "| other recordings | pairs | of 64: least | median | of 256: least | 1 % within | median |"]
    lines.append("|---|---|---|---|---|---|---|")
    groups = sorted({group for group, _ in codes})
    for one, other in itertools.combinations_with_replacement(groups, 2):
        pairs = [(a, b) for a, b in itertools.combinations(codes, 2) if sorted((a[0], b[0])) == [one, other]]
        pairs = [(a, b) for a, b in pairs if a[1].split("/")[0] != b[1].split("/")[0]]
        if not pairs:
            continue
        found = np.array([bits(codes[a], codes[b]) for a, b in pairs])
        short, whole = found[:, 0], found[:, 1]
        cells = (short.min(), np.median(short), whole.min(), np.quantile(whole, 0.01), np.median(whole))
        lines.append(f"| {one}, {other} | {len(pairs)} | " + " | ".join(f"{cell:.0f}" for cell in cells) + " |")
    return lines


def _load(path: Path) -> Sound:
    return read_all_audio(path, Limits(), sample_rate=RATE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--music", type=Path, help="folder of music")
    parser.add_argument("--fpcalc", type=Path, help="the program to hold words against")
    parser.add_argument("--resolve-every", type=int, default=0, help="look copies of each n-th recording up")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    data = data_folder()
    assert data is not None, "benchmark media not found: set HAECHI_BENCH_DATA"
    codes: dict[tuple[str, str], bytes] = {}
    copies: dict[str, dict[tuple[str, str], bytes]] = {name: {} for name in COPIES}
    coded = Tally()
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(Path(folder))
        known_ones = list(recordings(data, options.music))
        asked = known_ones[:: options.resolve_every] if options.resolve_every else []
        for _, name, sound in asked:
            registry.add(name, sound)
        looked_up = {name for _, name, _ in asked}
        for number, (group, name, sound) in enumerate(known_ones):
            codes[group, name] = code(read_chromaprint(write_copy(sound, Copy(), Path(folder)), Limits()))
            for way, copy in COPIES.items():
                path = write_copy(sound, copy, Path(folder))
                words = read_chromaprint(path, Limits())
                copies[way][group, name] = code(words)
                if name in looked_up:
                    registry.look_up(name, way, path)
                known = of_fpcalc(options.fpcalc, path) if options.fpcalc is not None and number % 5 == 0 else None
                if known is not None:
                    coded.add(path, known, words)
            print(f"{group:8s} {name[:40]}", flush=True)
    lines = [*render(codes, copies), "", "| long talk | least | median |", "|---|---|---|", *long_talk(data)]
    lines += registry.lines() if asked else []
    if options.fpcalc is not None:
        sounds, films = against_fpcalc(options.fpcalc, data)
        lines += ["", f"fpcalc, sound of the folder: {sounds}.", f"fpcalc, films of the folder: {films}."]
        lines += [f"fpcalc, copies of every fifth recording: {coded}."]
    text = "\n".join(lines)
    print(text)
    if options.out:
        options.out.write_text(f"{text}\n")


if __name__ == "__main__":
    main()
