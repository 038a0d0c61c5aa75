"""The audio mark on files: written into a sound, read from one, held against the master.

`embed` sends the sound through the limited child (`media.remake_sound`): planned in mono at 16 kHz, laid over all
channels at the sound's own rate, coded as the source was; the copy must be read.
A sound is read in mono at 16 kHz, window by window, until something is found.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from haechi.core.media.audio import read_all_audio, read_audio
from haechi.core.media.probe import probe_media, same_facts
from haechi.core.media.remade import remake_file
from haechi.core.records import Kind
from haechi.core.settings import Limits
from haechi.core.watermark.audio.agree import agreeing_share
from haechi.core.watermark.audio.blind import AudioReader
from haechi.core.watermark.audio.cells import RATE
from haechi.core.watermark.audio.informed import read_informed
from haechi.core.watermark.audio.pattern import NAME
from haechi.core.watermark.audio.records import AudioReading
from haechi.core.watermark.code import PAYLOAD_BITS
from haechi.core.watermark.marks import Agreement, Marking, MarkReading, Unmarked

_STRENGTHS_DB: Final = (None, 2.1)
LONGEST_S: Final = 1200.0
"""How much of a probe or a master is looked at."""

Floats = NDArray[np.float32]


class AudioMarker:
    """`haechi-mark-audio-v1` on sound files."""

    name, version, payload_bits, kind = NAME, 1, PAYLOAD_BITS, Kind.AUDIO

    def embed(
        self, source: Path, target: Path, key: bytes, payload: int, limits: Limits, *, recipient: int | None = None
    ) -> Marking | Unmarked:
        """Write a marked copy; see the module and `Watermarker`."""
        for strength_db in _STRENGTHS_DB:
            change = {"key": key.hex(), "payload": payload, "recipient": recipient, "strength_db": strength_db}
            made = remake_file("mark_audio", source, target, limits, change)
            if made.refused is not None:
                target.unlink(missing_ok=True)
                return Unmarked(made.refused)
            if not same_facts(probe_media(source, limits), probe_media(target, limits)):
                target.unlink()
                return Unmarked("times")
            reading = _read(target, key, limits, search=False)
            if reading is not None and reading.payload == payload:
                return Marking(NAME, None, bool(made.facts["survives"]))
        target.unlink(missing_ok=True)
        return Unmarked("short")

    def fidelity(self, source: Path, marked: Path, key: bytes, payload: int, limits: Limits) -> float | None:
        """Infinity: a PSNR says nothing of what is heard, the gains are limited; None when the mark is not read."""
        reading = _read(marked, key, limits, search=False)
        return None if reading is None or reading.payload != payload else float("inf")

    def detect(self, path: Path, key: bytes, limits: Limits, *, search: bool = True) -> MarkReading | None:
        """Read without a master."""
        reading = _read(path, key, limits, search=search)
        return None if reading is None else _told(reading, "blind")

    def detect_informed(
        self,
        path: Path,
        master: Path,
        key: bytes,
        limits: Limits,
        *,
        among: Collection[int] = (),
        label: str = "release",
    ) -> MarkReading | None:
        """Read with the unmarked master or its working copy."""
        reading = read_informed(_sound(path, limits), _sound(master, limits), key, label=label, among=among)
        return None if reading is None else _told(reading, "informed")

    def agreement(self, path: Path, master: Path, reading: MarkReading, key: bytes, limits: Limits) -> Agreement:
        """Hold the probe's cells against the master's where the mark says that they lie."""
        start_s, tempo, pitch = reading.geometry
        return Agreement(agreeing_share(_sound(path, limits), _sound(master, limits), start_s, tempo, pitch))


def _sound(path: Path, limits: Limits) -> Floats:
    return read_all_audio(path, limits, sample_rate=RATE, end_s=LONGEST_S)


def _read(path: Path, key: bytes, limits: Limits, *, search: bool) -> AudioReading | None:
    reader = AudioReader(key, search=search)
    for block in read_audio(path, limits, sample_rate=RATE, end_s=LONGEST_S):
        if (reading := reader.add(block.samples)) is not None:
            return reading
    return reader.finish()


def _told(reading: AudioReading, reader: str) -> MarkReading:
    geometry = (reading.start_s, reading.tempo, reading.pitch)
    return MarkReading(reading.payload, reading.score, reader, NAME, geometry)
