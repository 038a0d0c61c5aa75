"""Chromaprint: words against those of fpcalc (vectors), however the sound is cut into blocks, coded and sampled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from haechi.core.errors import InputError
from haechi.core.fingerprint.chromaprint import RATE, SILENCE, chromaprint, read_chromaprint
from haechi.core.media.encode import write_audio
from haechi.core.settings import Limits
from haechi.workflows.selftest import melody, vectors

Words = NDArray[np.uint32]
CASES = vectors("chromaprint")


def words_of(case: dict[str, str]) -> Words:
    return np.array([int(word, 16) for word in case["output"].split()], np.uint32)


def differing(one: Words, other: Words) -> int:
    return int(np.bitwise_count(one ^ other).sum())


@pytest.fixture(scope="module")
def plain() -> NDArray[np.float32]:
    """The vector that needs no resampling, float32 (n,)."""
    case = next(case for case in CASES if case["rate"] == RATE)
    return melody(RATE, case["seconds"], case["first"], case["gains"])[:, 0]


def test_words_are_those_of_fpcalc(plain: NDArray[np.float32]) -> None:
    known = words_of(next(case for case in CASES if case["rate"] == RATE))
    found = chromaprint([plain])
    assert found.dtype == np.uint32
    assert len(found) == len(known) > 100
    assert differing(found, known) <= 2


@pytest.mark.parametrize("case", [case for case in CASES if case["rate"] != RATE], ids=lambda case: str(case["rate"]))
def test_words_of_files_are_those_of_fpcalc(case: dict[str, str], tmp_path: Path) -> None:
    sound = melody(int(case["rate"]), int(case["seconds"]), int(case["first"]), case["gains"])  # type: ignore[arg-type]
    for name, codec, most in (("a.wav", "pcm_s16le", 2), ("a.flac", "flac", 2), ("a.mp3", "libmp3lame", 40)):
        write_audio(tmp_path / name, sound, int(case["rate"]), codec=codec, bit_rate=192_000)
        found, known = read_chromaprint(tmp_path / name, Limits()), words_of(case)
        assert abs(len(found) - len(known)) <= 1
        count = min(len(found), len(known))
        assert differing(found[:count], known[:count]) <= most


@pytest.mark.parametrize("size", [1, 997, 5000, 100_000])
def test_blocks_make_no_difference(plain: NDArray[np.float32], size: int) -> None:
    few = plain[:40_000] if size == 1 else plain
    cut = [few[start : start + size] for start in range(0, len(few), size)]
    assert np.array_equal(chromaprint(cut), chromaprint([few]))


def test_a_word_takes_a_window_of_sound(plain: NDArray[np.float32]) -> None:
    shortest = 4096 + 1365 * (4 + 15)
    assert len(chromaprint([plain[: shortest - 1]])) == 0
    assert np.array_equal(chromaprint([plain[:shortest]]), chromaprint([plain])[:1])
    assert len(chromaprint([])) == 0


def test_what_is_too_faint_is_silence(plain: NDArray[np.float32]) -> None:
    assert set(chromaprint([np.zeros(60_000, np.float32)]).tolist()) == {SILENCE}
    assert set(chromaprint([plain * 1e-5]).tolist()) == {SILENCE}
    whole = chromaprint([plain])
    assert (whole == SILENCE).sum() == 10
    assert differing(chromaprint([plain / 4]), whole) <= 2


def test_other_music_has_other_words(plain: NDArray[np.float32]) -> None:
    one, other = chromaprint([plain]), chromaprint([melody(RATE, 16, 5, [1.0])[:, 0]])
    assert differing(one, other) > 0.3 * 32 * len(one)


def test_bad_files_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(b"ID3" + bytes(400))
    with pytest.raises(InputError):
        read_chromaprint(path, Limits())
