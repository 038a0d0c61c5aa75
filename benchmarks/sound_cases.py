"""Cases of the sound benchmark: real speech, what a re-poster does to it, what a forger does to it.

Speech comes from the folder of `HAECHI_BENCH_DATA` (or ../shared/data); alterations use the same person's own
speech of another moment, or the synthetic twin of the same sentence that the data set carries. Music and
noise are made here.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

RATE = 16_000
Sound = NDArray[np.float32]
Process = Callable[[Sound, np.random.Generator], Sound]


@dataclass(frozen=True, slots=True)
class Master:
    """A sound whose truth is known; `twin` is a synthetic version of the same sentence by the same voice,
    or None; `other` is another recording.
    """

    name: str
    group: str
    sound: Sound
    twin: Sound | None = None
    other: Sound | None = None


@dataclass(frozen=True, slots=True)
class Forgery:
    """An altered sound and the stretch (s) that is not the master's."""

    sound: Sound
    start_s: float
    end_s: float


def load(source: Path | io.BytesIO) -> Sound:
    """A file's sound, mono float32 at RATE."""
    parts = []
    with av.open(source if isinstance(source, io.BytesIO) else str(source), "r") as container:
        resampler = av.AudioResampler("flt", "mono", RATE)
        for frame in container.decode(audio=0):
            parts += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
        parts += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
    return np.concatenate(parts).astype(np.float32) if parts else np.zeros(0, np.float32)


def masters(data: Path) -> list[Master]:
    """All usable speech of the folder: longer than 2.4 s and not silent."""
    found: list[Master] = []
    speech = data / "audio_real_fake"
    for speaker in sorted((speech / "librispeech_10spk").glob("*")):
        files = sorted(speaker.glob("*.flac"))
        found.append(Master(f"libri_{speaker.name}", "LibriSpeech", np.concatenate([load(f) for f in files])))
    for path in sorted((speech / "wavefake/LJSpeech").glob("*.wav")):
        twin = load(speech / "wavefake/generated" / f"{path.stem}_gen.wav")
        found.append(Master(path.stem, "vocoder twin", load(path), twin))
    for path in sorted((speech / "univnet/seen/ground_truth").glob("*.wav")):
        found.append(Master(path.stem, "vocoder twin", load(path), load(speech / "univnet/seen/c16" / path.name)))
    for path in sorted((speech / "fastspeech2_mandarin").glob("*ground-truth.wav")):
        twin = load(path.with_name(path.name.replace("ground-truth", "synthesized")))
        found.append(Master(path.stem[:12], "TTS twin", load(path), twin))
    for path in sorted((data / "video_real").glob("*/*.mp[4g]")):
        with av.open(str(path)) as container:
            if not container.streams.audio:
                continue
        found.append(Master(path.stem, "video", load(path)))
    usable = [m for m in found if len(m.sound) > 2.4 * RATE and float(np.std(m.sound)) > 1e-3]
    loud = [np.float32(min(1.0, 0.7 / float(np.abs(m.sound).max()))) for m in usable]
    others = [m.sound * g for m, g in zip(usable, loud, strict=True)]
    others = others[1:] + others[:1]
    return [
        Master(m.name, m.group, m.sound * g, m.twin, other) for m, g, other in zip(usable, loud, others, strict=True)
    ]


# --- what a re-poster does


def codec(name: str, bit_rate: int, rate: int = RATE) -> Process:
    """Encode and decode once."""
    suffix = {"aac": "mp4", "libmp3lame": "mp3", "libopus": "ogg", "mp2": "mp2"}[name]

    def process(sound: Sound, _: np.random.Generator) -> Sound:
        buffer = io.BytesIO()
        encoder_rate = 48_000 if name == "libopus" else rate
        with av.open(buffer, "w", format=suffix) as container:
            stream = container.add_stream(name, rate=encoder_rate, layout="mono", bit_rate=bit_rate)
            assert isinstance(stream, av.AudioStream)
            resampler = av.AudioResampler(stream.format.name, "mono", encoder_rate)
            for piece in [*resampler.resample(frame_of(sound, RATE)), *resampler.resample(None)]:
                container.mux(stream.encode(piece))
            container.mux(stream.encode(None))
        buffer.seek(0)
        return load(buffer)

    return process


def filtered(*chain: tuple[str, str]) -> Process:
    """Run filters of libavfilter."""
    return lambda sound, _: through_filters(sound, RATE, *chain)


def through_filters(sound: Sound, rate: int, *chain: tuple[str, str]) -> Sound:
    """What filters of libavfilter, by name and options, make of mono sound; at the rate that it came with."""
    graph = av.filter.Graph()
    nodes = [graph.add_abuffer(sample_rate=rate, format="flt", layout="mono", time_base=None)]
    nodes += [graph.add(name, options) for name, options in (*chain, ("aresample", str(rate)))]
    nodes += [graph.add("aformat", "sample_fmts=flt:channel_layouts=mono"), graph.add("abuffersink")]
    graph.link_nodes(*nodes).configure()
    graph.push(frame_of(sound, rate))
    graph.push(None)
    parts: list[Sound] = []
    while True:
        try:
            parts.append(graph.pull().to_ndarray()[0])
        except (av.error.EOFError, av.error.BlockingIOError):
            return np.concatenate(parts).astype(np.float32)


def frame_of(sound: Sound, rate: int) -> av.AudioFrame:
    """Mono sound as one frame that begins at 0."""
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound[None], np.float32), "flt", "mono")
    frame.sample_rate, frame.pts = rate, 0
    return frame


def music(count: int, rng: np.random.Generator) -> Sound:
    """Chords of harmonic tones with drum hits, unit r.m.s., float32 (count,)."""
    time = np.arange(count) / RATE
    result = np.zeros(count)
    beat = 60.0 / rng.uniform(80, 130)
    for start in np.arange(0, time[-1], 4 * beat) if count else []:
        root = 110 * 2 ** (rng.integers(0, 12) / 12)
        here = (time >= start) & (time < start + 4 * beat)
        for note in (1, 1.26, 1.5, 2.0, 2.52):
            for harmonic in range(1, 7):
                wave = np.sin(2 * np.pi * root * note * harmonic * time[here] + rng.uniform(0, 6.28))
                result[here] += wave / harmonic * np.exp(-0.6 * (time[here] - start))
    for start in np.arange(0, time[-1], beat / 2) if count else []:
        first = int(start * RATE)
        hit = rng.standard_normal(2400) * np.exp(-np.arange(2400) / rng.choice([200, 700])) * 4
        result[first : first + 2400] += hit[: max(0, count - first)]
    return np.asarray(result / (np.std(result) + 1e-9), np.float32)


def added(make: Callable[[int, np.random.Generator], Sound], level_db: float) -> Process:
    """Lay a sound over the speech, `level_db` above (positive) or below it."""

    def process(sound: Sound, rng: np.random.Generator) -> Sound:
        loud = np.float32(np.std(sound) * 10 ** (level_db / 20))
        return np.asarray(sound + loud * make(len(sound), rng), np.float32)

    return process


def noise(count: int, rng: np.random.Generator) -> Sound:
    """Pink-like noise, unit r.m.s."""
    shape = np.fft.rfft(rng.standard_normal(count)) / np.sqrt(np.arange(count // 2 + 1) + 20)
    wave = np.fft.irfft(shape, count)
    return np.asarray(wave / (np.std(wave) + 1e-9), np.float32)


def room(sound: Sound, rng: np.random.Generator) -> Sound:
    """Played in a room and recorded again: 0.4 s of reverberation, direct sound 3 dB above the rest."""
    tail = rng.standard_normal(int(0.4 * RATE)) * np.exp(-np.arange(int(0.4 * RATE)) / (0.06 * RATE))
    tail *= 0.7 / np.sqrt(np.sum(tail**2))
    tail[0] += 1.0
    size = 1 << int(np.ceil(np.log2(len(sound) + len(tail))))
    wet = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size), size)[: len(sound)]
    return np.asarray(wet, np.float32)


def clipped(sound: Sound, _: np.random.Generator) -> Sound:
    """12 dB too loud, cut at full scale."""
    return np.asarray(np.clip(sound * 4 * 0.7 / np.abs(sound).max(), -0.7, 0.7), np.float32)


def faded(sound: Sound, _: np.random.Generator) -> Sound:
    """A second of fade at both ends."""
    ramp = np.clip(np.minimum(np.arange(len(sound)), np.arange(len(sound))[::-1]) / RATE, 0, 1)
    return np.asarray(sound * ramp, np.float32)


def trimmed(sound: Sound, _: np.random.Generator) -> Sound:
    """The middle part."""
    return sound[int(0.13 * len(sound)) : int(0.9 * len(sound))]


def then(*steps: Process) -> Process:
    """One after the other."""

    def process(sound: Sound, rng: np.random.Generator) -> Sound:
        for step in steps:
            sound = step(sound, rng)
        return sound

    return process


AAC64 = codec("aac", 64_000)
CHAINS: dict[str, Process] = {
    "PCM": lambda sound, _: sound,
    "AAC 128k": codec("aac", 128_000),
    "AAC 64k": AAC64,
    "AAC 32k": codec("aac", 32_000),
    "MP3 64k": codec("libmp3lame", 64_000),
    "MP3 32k": codec("libmp3lame", 32_000),
    "Opus 64k": codec("libopus", 64_000),
    "Opus 24k": codec("libopus", 24_000),
    "Opus 16k": codec("libopus", 16_000),
    "8 kHz, MP3 24k": codec("libmp3lame", 24_000, 8_000),
    "AAC 96k, MP3 64k, AAC 64k": then(codec("aac", 96_000), codec("libmp3lame", 64_000), AAC64),
    "music -6 dB, AAC 64k": then(added(music, -6), AAC64),
    "music 0 dB, AAC 64k": then(added(music, 0), AAC64),
    "noise -12 dB, Opus 24k": then(added(noise, -12), codec("libopus", 24_000)),
    "compressor + EQ, AAC 64k": then(
        filtered(("acompressor", "threshold=0.05:ratio=6:attack=5:release=80:makeup=3")),
        filtered(("bass", "g=9"), ("treble", "g=-9")),
        AAC64,
    ),
}
BENIGN: dict[str, Process] = {
    **CHAINS,
    "music +6 dB, AAC 64k": then(added(music, 6), AAC64),
    "noise 0 dB, AAC 64k": then(added(noise, 0), AAC64),
    "EQ +-12 dB, AAC 64k": then(filtered(("bass", "g=12"), ("treble", "g=-12"), ("highpass", "f=200")), AAC64),
    "limiter +18 dB": then(filtered(("volume", "18dB"), ("alimiter", "limit=0.5:attack=2:release=30")), AAC64),
    "loudness -30 dB, AAC 64k": then(filtered(("volume", "-30dB")), AAC64),
    "telephone band": then(filtered(("highpass", "f=300"), ("lowpass", "f=3400")), AAC64),
    "echo": then(filtered(("aecho", "0.8:0.6:60|110:0.4|0.25")), AAC64),
    "room re-recording": then(room, added(noise, -25), AAC64),
    "clipping +12 dB": then(clipped, AAC64),
    "noise gate": then(filtered(("agate", "threshold=0.02:ratio=9")), AAC64),
    "noise reduction": then(added(noise, -20), filtered(("afftdn", "nr=20")), AAC64),
    "fades, trim": then(trimmed, faded, AAC64),
    "speed 1.05": then(filtered(("asetrate", str(int(RATE * 1.05)))), AAC64),
    "speed 0.92": then(filtered(("asetrate", str(int(RATE * 0.92)))), AAC64),
    "tempo 1.06, pitch kept": then(filtered(("atempo", "1.06")), AAC64),
    "tempo 0.94, pitch kept": then(filtered(("atempo", "0.94")), AAC64),
    "pitch +1 semitone": then(
        filtered(
            ("asetrate", str(round(RATE * 2 ** (1 / 12)))), ("aresample", str(RATE)), ("atempo", str(2 ** (-1 / 12)))
        ),
        AAC64,
    ),
    "chorus": then(filtered(("chorus", "0.7:0.9:55:0.4:0.25:2")), AAC64),
}


# --- what a forger does


def _speech_at(sound: Sound, length: int, rng: np.random.Generator, avoid: tuple[int, int] | None = None) -> int:
    """Start of a stretch that holds speech at both of its ends and does not touch `avoid`."""
    power = float(np.mean(sound**2))
    best, chosen = -1.0, 0
    for _ in range(60):
        start = int(rng.integers(RATE // 4, max(RATE // 4 + 1, len(sound) - length - RATE // 4)))
        if avoid is not None and start < avoid[1] and start + length > avoid[0]:
            continue
        thirds = [float(np.mean(sound[start + k * length // 3 : start + (k + 1) * length // 3] ** 2)) for k in range(3)]
        if min(thirds) > best:
            best, chosen = min(thirds), start
        if best > 0.25 * power:
            break
    return chosen


def _paste(sound: Sound, start: int, patch: Sound) -> Forgery:
    """Put a patch in place, levels matched, 5 ms of crossfade."""
    result = sound.copy()
    old = sound[start : start + len(patch)]
    level = np.float32(np.clip(np.std(old) / (np.std(patch) + 1e-9), 0.1, 8.0))
    fade = np.clip(np.minimum(np.arange(len(patch)), np.arange(len(patch))[::-1]) / 80, 0, 1).astype(np.float32)
    result[start : start + len(patch)] = fade * level * patch + (1 - fade) * old
    return Forgery(result, start / RATE, (start + len(patch)) / RATE)


def replaced(seconds: float) -> Callable[[Master, np.random.Generator], Forgery | None]:
    """Words of another moment of the same person."""

    def forge(master: Master, rng: np.random.Generator) -> Forgery | None:
        length = int(seconds * RATE)
        if len(master.sound) < 2.2 * length + RATE:
            return None
        start = _speech_at(master.sound, length, rng)
        source = _speech_at(master.sound, length, rng, (start, start + length))
        return _paste(master.sound, start, master.sound[source : source + length])

    return forge


def twin(seconds: float) -> Callable[[Master, np.random.Generator], Forgery | None]:
    """The same words from a synthesiser; vocoder twins even have the same timing and spectrum."""

    def forge(master: Master, rng: np.random.Generator) -> Forgery | None:
        if master.twin is None or len(master.twin) < seconds * RATE + RATE // 2:
            return None
        length = int(seconds * RATE)
        short = min(len(master.sound), len(master.twin))
        start = _speech_at(master.sound[:short], length, rng)
        return _paste(master.sound, start, master.twin[start : start + length])

    return forge


def muted(master: Master, rng: np.random.Generator) -> Forgery | None:
    """A word silenced."""
    length = int(0.5 * RATE)
    start = _speech_at(master.sound, length, rng)
    result = master.sound.copy()
    result[start : start + length] *= 0.003
    return Forgery(result, start / RATE, (start + length) / RATE)


def inserted(master: Master, rng: np.random.Generator, said: Sound | None = None) -> Forgery | None:
    """A word spoken into a pause, from another moment or from another recording."""
    length = int(0.5 * RATE)
    said = master.sound if said is None else said
    source = _speech_at(said, length, rng)
    power = np.convolve(master.sound**2, np.ones(length + RATE // 5) / (length + RATE // 5), "valid")
    start = int(np.argmin(power)) + RATE // 10
    if float(power.min()) > 3e-3 * float(np.mean(master.sound**2)) or len(master.sound) < 4 * RATE:
        return None
    patch = said[source : source + length]
    fade = np.clip(np.minimum(np.arange(length), np.arange(length)[::-1]) / 80, 0, 1).astype(np.float32)
    result = master.sound.copy()
    result[start : start + length] += patch * fade
    return Forgery(result, start / RATE, (start + length) / RATE)


def spliced(master: Master, rng: np.random.Generator, said: Sound | None = None) -> Forgery | None:
    """A word put between two moments; what follows plays later by its length."""
    length = int(0.5 * RATE)
    if len(master.sound) < 4 * RATE:
        return None
    start = int(rng.integers(len(master.sound) // 4, 3 * len(master.sound) // 4))
    source = _speech_at(master.sound if said is None else said, length, rng, (start, start + 1))
    patch = (master.sound if said is None else said)[source : source + length]
    fade = np.clip(np.minimum(np.arange(length), np.arange(length)[::-1]) / 80, 0, 1).astype(np.float32)
    return Forgery(
        np.concatenate([master.sound[:start], fade * patch, master.sound[start:]]),
        start / RATE,
        (start + length) / RATE,
    )


FORGERIES: dict[str, Callable[[Master, np.random.Generator], Forgery | None]] = {
    "replaced 0.3 s": replaced(0.3),
    "replaced 0.5 s": replaced(0.5),
    "replaced 1 s": replaced(1.0),
    "replaced 2 s": replaced(2.0),
    "synthetic twin 0.5 s": twin(0.5),
    "synthetic twin 1.2 s": twin(1.2),
    "muted 0.5 s": muted,
    "inserted 0.5 s": inserted,
    "spliced in 0.5 s": spliced,
    "inserted 0.5 s, other recording": lambda master, rng: inserted(master, rng, master.other),
    "spliced in 0.5 s, other recording": lambda master, rng: spliced(master, rng, master.other),
}
