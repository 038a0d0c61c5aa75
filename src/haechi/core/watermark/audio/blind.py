"""Blind reading: the payload of a sound of unknown beginning, speed, tempo and pitch.

Steps:
1. Sound is taken in windows of `WINDOW_S`. As it lies: the pilot's best places in each window are decoded; so are the
   summed soft bits of windows that lie on one line of time.
2. Where nothing was found at the end: changed speed, tempo or pitch, in the loudest windows; the best hypotheses are
   refined and decoded.
False positives: as `decide` says, at most 7e-12 per decoding; `MOST_DECODINGS` a reading: below 9e-10.
Limits: tempo and speed to 6.3 %, pitch to two semitones; not both at once unless as a change of speed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from haechi.core.watermark.audio.cells import RATE
from haechi.core.watermark.audio.pattern import CELL_S, LOOP, pattern_of
from haechi.core.watermark.audio.place import Place, Stretch, transformed_pilot
from haechi.core.watermark.audio.records import AudioReading
from haechi.core.watermark.code import decode
from haechi.core.watermark.decide import MIN_SCORE, score_of

WINDOW_S: Final = 12.0
LEAST_S: Final = 3.0
MOST_DECODINGS: Final = 128
_LOOP_S: Final = LOOP * CELL_S
_PLACES, _LINES = 4, 2
_SAME_LINE_S = 0.04
_RANGE, _STEP = 0.063, 0.003
_PITCH_RANGE, _PITCH_STEP = 0.124, 0.008
_REFINED, _SEARCHED = 6, 2
_AFTER_SEARCH = _SEARCHED * (_REFINED + 1)

Floats = NDArray[np.float32]


@dataclass(slots=True)
class _Line:
    """Windows that lie on one line of time: soft bits summed."""

    start_s: float
    soft: Floats


class AudioReader:
    """Reads a sound that comes in blocks, in bounded memory.

    Args:
        key: the company's watermark key.
        search: False reads only unchanged speed, tempo and pitch.
        label: which of the marks.
    """

    def __init__(self, key: bytes, *, search: bool = True, label: str = "release") -> None:
        self._pattern = pattern_of(key, label)
        self._pilot = transformed_pilot(self._pattern)
        self._search = search
        self._held: list[Floats] = []
        self._held_samples = 0
        self._taken_s = 0.0
        self._lines: list[_Line] = []
        self._loudest: list[tuple[float, float, Floats]] = []
        self._decodings = 0
        self.reading: AudioReading | None = None

    def add(self, samples: Floats) -> AudioReading | None:
        """Take mono sound at 16 kHz, float32 (n,); the reading as soon as there is one."""
        self._held.append(np.asarray(samples, np.float32))
        self._held_samples += len(samples)
        size = round(WINDOW_S * RATE)
        # the last window may be up to twice as long, so that none is too short
        while self.reading is None and self._held_samples >= 2 * size:
            joined = np.concatenate(self._held)
            self._held, self._held_samples = [joined[size:]], len(joined) - size
            self._look(joined[:size])
        return self.reading

    def finish(self) -> AudioReading | None:
        """The reading, when all sound was given."""
        joined = np.concatenate(self._held) if self._held else np.zeros(0, np.float32)
        halves = 2 if len(joined) > 1.5 * WINDOW_S * RATE else 1
        self._held, self._held_samples = [], 0
        for part in np.array_split(joined, halves):
            if self.reading is None:
                self._look(part)
        if self.reading is None and self._search:
            self._look_for_changes()
        return self.reading

    def _look(self, samples: Floats) -> None:
        """Step 1."""
        start_s, self._taken_s = self._taken_s, self._taken_s + len(samples) / RATE
        if len(samples) < LEAST_S * RATE or not samples.any():
            return
        self._keep_loudest(start_s, samples)
        stretch = Stretch(samples, self._pattern, self._pilot)
        places = stretch.places(1.0, 1.0, _PLACES)
        softs = [stretch.soft(place) for place in places]
        for number, (place, soft) in enumerate(zip(places, softs, strict=True)):
            origin_s = self._origin_s(place, start_s)
            self._try(place, origin_s, soft)
            if number < _LINES:
                self._lengthen(place, origin_s, soft)

    def _lengthen(self, place: Place, origin_s: float, soft: Floats) -> None:
        """Add a window's soft bits to the line of time that it lies on."""
        unit = np.float32(place.score / max(float(np.linalg.norm(soft)), 1e-9))
        for line in self._lines:
            apart = abs((origin_s - line.start_s + _LOOP_S / 2) % _LOOP_S - _LOOP_S / 2)
            if apart <= _SAME_LINE_S:
                line.soft = line.soft + unit * soft
                self._try(place, line.start_s, line.soft)
                return
        self._lines = [*self._lines[-40:], _Line(origin_s, unit * soft)]

    def _origin_s(self, place: Place, start_s: float) -> float:
        """Where the sound begins on the marked sound's line of time, modulo the loop."""
        return (place.cell * CELL_S - place.offset_s * place.tempo - start_s * place.tempo) % _LOOP_S

    def _try(self, place: Place, origin_s: float, soft: Floats) -> None:
        reserve = _AFTER_SEARCH if self._search and place.tempo == place.pitch == 1 else 0
        if self.reading is not None or self._decodings + reserve >= MOST_DECODINGS:
            return
        self._decodings += 1
        payload = decode(soft[None])[0]
        if payload is not None and (score := score_of(soft, payload)) >= MIN_SCORE:
            self.reading = AudioReading(payload, score, origin_s, place.tempo, place.pitch)

    def _keep_loudest(self, start_s: float, samples: Floats) -> None:
        kept = [*self._loudest, (float(np.mean(samples * samples)), start_s, samples)]
        self._loudest = sorted(kept, key=lambda one: -one[0])[:_SEARCHED]

    def _look_for_changes(self) -> None:
        """Step 2."""
        for _, start_s, samples in self._loudest:
            stretch = Stretch(samples[: round(WINDOW_S * RATE)], self._pattern, self._pilot)
            found = [stretch.places(tempo, pitch, 1)[0] for tempo, pitch in hypotheses()]
            found.sort(key=lambda place: -place.score)
            for place in found[:_REFINED]:
                best = refined(stretch, place)
                self._try(best, self._origin_s(best, start_s), stretch.soft(best))


def read(samples: Floats, key: bytes, *, search: bool = True, label: str = "release") -> AudioReading | None:
    """The payload of a sound, or None.

    Args:
        samples: float32 (n,), mono, at 16 kHz; 3 s or more.
        key: the company's watermark key.
        search: False reads only unchanged speed, tempo and pitch.
        label: which of the marks.
    """
    reader = AudioReader(key, search=search, label=label)
    return reader.add(samples) or reader.finish()


def refined(stretch: Stretch, place: Place) -> Place:
    """The best of the neighbouring tempos and pitches."""
    best, tempo_step, pitch_step = place, _STEP / 2, _PITCH_STEP / 2
    for _ in range(2):
        near = [
            stretch.places(best.tempo + dt * tempo_step, best.pitch + dp * pitch_step, 1)[0]
            for dp in (-1, 0, 1)
            for dt in (-1, 0, 1)
        ]
        best = max([best, *near], key=lambda one: one.score)
        tempo_step, pitch_step = tempo_step / 2, pitch_step / 2
    return replace(best)


def hypotheses() -> list[tuple[float, float]]:
    """(tempo, pitch): pitch alone, then tempo alone, then both as a change of speed does."""
    pitches = np.arange(-_PITCH_RANGE, _PITCH_RANGE + 1e-9, _PITCH_STEP) + 1
    tempos = np.arange(-_RANGE, _RANGE + 1e-9, _STEP) + 1
    alone = [(1.0, float(pitch)) for pitch in pitches] + [(float(tempo), 1.0) for tempo in tempos]
    return alone + [(float(speed), float(speed)) for speed in tempos]
