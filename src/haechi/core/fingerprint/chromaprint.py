"""Chromaprint: 32 bits for every eighth of a second of sound, of which ISO 24138 makes the code of sound.

Method: algorithm TEST2, the default of fpcalc, after Lalinsky's description [1] with its published constants; the idea
is that of Ke, Hoiem and Sukthankar [2].
1. Mono sound at 11,025 Hz, 16 bits, by fpcalc's resampler (`media.short_filter`); frames of 4,096 samples, one every
   1,365, under a Hamming window; their power.
2. Chroma: the power from 28 to 3,520 Hz, summed by semitone, octaves together.
3. Each chroma with its two neighbours on either side, weighted; then scaled to length 1, or to nothing where it is
   silent.
4. A window of 16 such rows moves on by one row at a time. Sixteen filters hold the sums of two areas of it against each
   other, log((1 + one) / (1 + other)); three thresholds make 0 to 3 of that.
5. Two bits a filter, in Gray code, the first filter highest: one word.
fpcalc cuts sound after 120 s; ISO 24138 takes all of it (`-length 0`), and so does this. Agreement with fpcalc 1.5.1:
docs/soft-binding.md; vectors that it made are part of `haechi selftest`.
Limits: a word takes 2.8 s of sound. Changed speed or pitch changes the words.
Memory: sound is read in blocks; its chroma takes 2.7 MB an hour.
The numbers decide the outcome: none may change.
[1] Lalinsky. How does Chromaprint work? 2011.
[2] Ke, Hoiem, Sukthankar. Computer vision for music identification. CVPR 2005.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from haechi.core.media.audio import read_audio
from haechi.core.settings import Limits

RATE: Final = 11_025
SILENCE: Final = 0x256DF977
"""The word of a window in which nothing is heard."""
_FRAME, _STEP = 4096, 1365
_LOW_HZ, _HIGH_HZ, _A_HZ = 28, 3520, 27.5
_BANDS: Final = 12
_SMOOTHING: Final = (0.25, 0.75, 1.0, 0.75, 0.25)
_SILENT: Final = 0.01
_ROWS: Final = 16
_GRAY: Final = np.array([0, 1, 3, 2], np.uint32)
_FULL_SCALE: Final = 32_767

Floats = NDArray[np.float64]


class _Filter(NamedTuple):
    """Compares two areas of a window: `shape` says which, from `band` on, `bands` high, `rows` wide."""

    shape: int
    band: int
    bands: int
    rows: int
    thresholds: tuple[float, float, float]


_FILTERS: Final = (
    _Filter(0, 4, 3, 15, (1.98215, 2.35817, 2.63523)),
    _Filter(4, 4, 6, 15, (-1.03809, -0.651211, -0.282167)),
    _Filter(1, 0, 4, 16, (-0.298702, 0.119262, 0.558497)),
    _Filter(3, 8, 2, 12, (-0.105439, 0.0153946, 0.135898)),
    _Filter(3, 4, 4, 8, (-0.142891, 0.0258736, 0.200632)),
    _Filter(4, 0, 3, 5, (-0.826319, -0.590612, -0.368214)),
    _Filter(1, 2, 2, 9, (-0.557409, -0.233035, 0.0534525)),
    _Filter(2, 7, 3, 4, (-0.0646826, 0.00620476, 0.0784847)),
    _Filter(2, 6, 2, 16, (-0.192387, -0.029699, 0.215855)),
    _Filter(2, 1, 3, 2, (-0.0397818, -0.00568076, 0.0292026)),
    _Filter(5, 10, 1, 15, (-0.53823, -0.369934, -0.190235)),
    _Filter(3, 6, 2, 10, (-0.124877, 0.0296483, 0.139239)),
    _Filter(2, 1, 1, 14, (-0.101475, 0.0225617, 0.231971)),
    _Filter(3, 5, 6, 4, (-0.0799915, -0.00729616, 0.063262)),
    _Filter(1, 9, 2, 12, (-0.272556, 0.019424, 0.302559)),
    _Filter(3, 4, 2, 14, (-0.164292, -0.0321188, 0.0846339)),
)


def read_chromaprint(path: Path, limits: Limits) -> NDArray[np.uint32]:
    """The words of a file's sound, uint32 (n,); empty without sound and under 2.8 s of it.

    Raises:
        InputError: the file cannot be read.
    """
    return chromaprint(block.samples for block in read_audio(path, limits, sample_rate=RATE, short_filter=True))


def chromaprint(blocks: Iterable[NDArray[np.float32]]) -> NDArray[np.uint32]:
    """The words of sound, uint32 (n,), one every 0.124 s; empty under 2.8 s.

    Args:
        blocks: float32 (k,) each, mono at `RATE`, -1..1, one after the other.
    """
    # 1. and 2.
    parts = [_chroma(frames) for frames in _frames(blocks)]
    # 3.
    rows = _unit(_smooth(np.concatenate(parts) if parts else np.zeros((0, _BANDS))))
    count = len(rows) - _ROWS + 1
    words = np.zeros(max(0, count), np.uint32)
    if count < 1:
        return words
    # 4. and 5.
    sums = np.zeros((len(rows) + 1, _BANDS + 1))
    sums[1:, 1:] = rows.cumsum(0).cumsum(1)
    for one in _FILTERS:
        levels = np.searchsorted(one.thresholds, _response(sums, count, one), side="right")
        words = (words << np.uint32(2)) | _GRAY[levels]
    return words


def _frames(blocks: Iterable[NDArray[np.float32]]) -> Iterator[Floats]:
    """Frames (n, 4096) of 16-bit samples, as many as each block completes."""
    held = np.zeros(0)
    for block in blocks:
        whole = np.clip(np.rint(block.astype(np.float64) * (_FULL_SCALE + 1)), -_FULL_SCALE - 1, _FULL_SCALE)
        held = np.concatenate([held, whole])
        if len(held) >= _FRAME:
            frames = np.lib.stride_tricks.sliding_window_view(held, _FRAME)[::_STEP]
            yield frames
            held = held[len(frames) * _STEP :]


def _chroma(frames: Floats) -> Floats:
    """Power in each semitone, (n, 12), of frames (n, 4096)."""
    low, high = (round(_FRAME * hertz / RATE) for hertz in (_LOW_HZ, _HIGH_HZ))
    octaves = np.log2(np.arange(low, high) * RATE / _FRAME / _A_HZ)
    notes = (_BANDS * (octaves - np.floor(octaves))).astype(np.int64)
    spectrum = np.fft.rfft(frames * (np.hamming(_FRAME) / _FULL_SCALE), axis=1)[:, low:high]
    power = spectrum.real**2 + spectrum.imag**2
    return np.asarray(power @ np.eye(_BANDS)[notes])


def _smooth(chroma: Floats) -> Floats:
    count = max(0, len(chroma) - len(_SMOOTHING) + 1)
    smooth = np.zeros((count, _BANDS))
    for start, weight in enumerate(_SMOOTHING):
        smooth += weight * chroma[start : start + count]
    return smooth


def _unit(rows: Floats) -> Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.where(lengths < _SILENT, 0.0, rows / np.maximum(lengths, _SILENT))


def _response(sums: Floats, count: int, one: _Filter) -> Floats:
    """What a filter makes of every window, (count,)."""

    def area(row: int, band: int, rows: int, bands: int) -> Floats:
        first, last = one.band + band, one.band + band + bands
        after, before = sums[row + rows : row + rows + count], sums[row : row + count]
        return after[:, last] - after[:, first] - before[:, last] + before[:, first]

    rows, bands = one.rows, one.bands
    whole = area(0, 0, rows, bands)
    if one.shape == 0:
        return np.log1p(whole)
    if one.shape == 1:  # upper against lower bands
        marked = area(0, bands // 2, rows, bands - bands // 2)
    elif one.shape == 2:  # later against earlier rows
        marked = area(rows // 2, 0, rows - rows // 2, bands)
    elif one.shape == 3:  # a chequerboard of four
        early, low = rows // 2, bands // 2
        marked = area(0, low, early, bands - low) + area(early, 0, rows - early, low)
    elif one.shape == 4:  # the middle against both outer thirds of the bands
        marked = area(0, bands // 3, rows, bands // 3)
    else:  # the middle against both outer thirds of the rows
        marked = area(rows // 3, 0, rows // 3, bands)
    return np.asarray(np.log((1 + marked) / (1 + whole - marked)))
