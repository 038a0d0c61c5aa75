"""Does this installation compute what it must? Known inputs, known results, no network, nothing of the user's
touched.

Vectors (inputs and outputs as JSON) ship in `haechi.workflows.vectors`. The comparison is tried end to end: a
short clip is made from the sample photograph that comes with the weights, copied plainly and with the mouth
painted over, and both copies are compared with it. Without the weights that part is not tested, and says so.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from haechi.check.pair import compare_pair
from haechi.core.errors import HaechiError, InputError
from haechi.core.fingerprint.chromaprint import read_chromaprint
from haechi.core.fingerprint.index import HammingIndex
from haechi.core.fingerprint.pdq import pdq
from haechi.core.media.decode import read_frames
from haechi.core.media.encode import write_audio, write_video
from haechi.core.media.models import missing_models, model_path
from haechi.core.media.probe import hash_file, probe_media
from haechi.core.records import Kind, Release, Report, Verdict
from haechi.core.settings import Settings
from haechi.core.store import open_store

Image = NDArray[np.uint8]

_PDQ_TOLERANCE_BITS = 2
_CHROMAPRINT_TOLERANCE_BITS = 2
_CODES = 4096
_FRAMES_PER_S = 25
_FRAMES = 60
_SIDE = 384
_REPAINTED = range(20, 40)
_MOUTH = (slice(150, 172), slice(205, 247))
_CHEEK = (slice(122, 144), slice(186, 228))
"""Rows and columns in the sample photograph, 512 x 512 pixels."""


@dataclass(frozen=True, slots=True)
class Test:
    """One test. `ok` is None when it could not be tried here.

    `detail` says what came out or what is missing.
    """

    name: str
    ok: bool | None
    detail: str


class _NotTestedError(Exception):
    """Something that the test needs is not installed."""


def run_selftest(settings: Settings) -> Iterator[Test]:
    """Run every test in turn; one that fails does not keep the others from running."""
    tests: tuple[tuple[str, Callable[[Path, Settings], str]], ...] = (
        ("digests", _digests),
        ("pdq", _pdq),
        ("hamming", _hamming),
        ("chromaprint", _chromaprint),
        ("store", _store),
        ("decoding", _decoding),
        ("weights", _weights),
        ("comparison", _comparison),
    )
    for name, test in tests:
        with tempfile.TemporaryDirectory(prefix="haechi-selftest-") as folder:
            try:
                yield Test(name, True, test(Path(folder), settings))
            except _NotTestedError as error:
                yield Test(name, None, str(error))
            except (HaechiError, AssertionError, OSError) as error:
                yield Test(name, False, str(error) or type(error).__name__)


def vectors(name: str) -> list[dict[str, Any]]:
    """The cases of one vector file."""
    text = files("haechi.workflows.vectors").joinpath(f"{name}.json").read_text(encoding="utf-8")
    cases: list[dict[str, Any]] = json.loads(text)["cases"]
    return cases


def _digests(folder: Path, _settings: Settings) -> str:
    cases = vectors("digests")
    for case in cases:
        path = folder / "input"
        path.write_bytes(bytes.fromhex(case["input"]) * case["times"])
        _expect(hash_file(path) == case["output"], f"another digest than {case['output']}")
    return f"{len(cases)} vectors"


def _pdq(_folder: Path, _settings: Settings) -> str:
    cases = vectors("pdq")
    worst = 0
    for case in cases:
        found = pdq(picture(case["width"], case["height"], case["waves"]))
        worst = max(worst, (int(found.hex, 16) ^ int(case["output"], 16)).bit_count())
    _expect(worst <= _PDQ_TOLERANCE_BITS, f"{worst} of 256 bits differ")
    return f"{len(cases)} vectors, at most {worst} of 256 bits differ"


def _hamming(folder: Path, _settings: Settings) -> str:
    digests = [hashlib.sha256(str(i).encode()).digest() for i in range(_CODES)]
    codes = np.frombuffer(b"".join(digests), np.uint8).reshape(_CODES, 32)
    HammingIndex.build(codes).save(folder / "index")
    index = HammingIndex.load(folder / "index")
    cases = vectors("hamming")
    for case in cases:
        bits = np.unpackbits(codes[case["entry"]])
        bits[case["flipped"]] ^= 1
        hits = index.search(np.packbits(bits)[None], case["radius"])
        found = [list(hit) for hit in zip(hits.entry.tolist(), hits.distance.tolist(), strict=True)]
        _expect(found == case["output"], f"found {found} instead of {case['output']}")
    return f"{len(cases)} vectors among {_CODES} codes"


def _chromaprint(folder: Path, settings: Settings) -> str:
    cases = vectors("chromaprint")
    worst = 0
    for case in cases:
        sound = melody(case["rate"], case["seconds"], case["first"], case["gains"])
        write_audio(folder / "input.wav", sound, case["rate"])
        found = read_chromaprint(folder / "input.wav", settings.limits)
        known = np.array([int(word, 16) for word in case["output"].split()], np.uint32)
        _expect(len(found) == len(known), f"{len(found)} words instead of {len(known)}")
        differing = int(np.bitwise_count(found ^ known).sum())
        _expect(differing <= _CHROMAPRINT_TOLERANCE_BITS, f"{differing} of {32 * len(known)} bits differ")
        worst = max(worst, differing)
    return f"{len(cases)} vectors, at most {worst} bits differ"


def melody(rate: int, seconds: int, first: int, gains: list[float]) -> NDArray[np.float32]:
    """Made music, float32 (n, channels): four chords a second, noise, and after a third 4 s of silence.

    Args:
        rate: samples per second.
        seconds: its duration.
        first: its first note; others give other music.
        gains: of each channel.
    """
    count = rate * seconds
    time_s = np.arange(count) / rate
    chords = np.arange(4 * seconds)[:, None] ** 2 * 5 + np.arange(1, 4) * 23 * np.arange(4 * seconds)[:, None] + first
    hertz = 55 * 2.0 ** (chords % 72 / 12)
    wave = 0.2 * np.sin(2 * np.pi * hertz[(4 * time_s).astype(np.int64)] * time_s[:, None]).sum(1)
    wave += 0.1 * (np.arange(count, dtype=np.int64) ** 2 * 7919 % 1009 / 504.5 - 1)
    wave[count // 3 : count // 3 + 4 * rate] = 0
    return np.asarray(np.rint(32767 * wave[:, None] * np.array(gains)) / 32768, np.float32)


def picture(width: int, height: int, waves: list[list[float]]) -> Image:
    """A smooth picture, BGR uint8 (height, width, 3): a sum of plane waves, the same on every machine.

    Args:
        width: pixels.
        height: pixels.
        waves: cycles across, cycles down, phase (radians), amplitudes in blue, green and red.
    """
    x, y = np.meshgrid(np.arange(width) / width, np.arange(height) / height)
    total = np.full((height, width, 3), 128.0)
    for across, down, phase, *amplitudes in waves:
        total += np.sin(2 * np.pi * (across * x + down * y) + phase)[..., None] * np.array(amplitudes)
    return np.clip(np.round(total), 0, 255).astype(np.uint8)


def _store(folder: Path, _settings: Settings) -> str:
    store = open_store(folder / "home")
    with store.writing():
        proxy = store.put_blob(b"copy")
        release = Release("R-1", "t", Kind.VIDEO, "sha256:0", "f", None, None, "now", 1.0, 1, 1, proxy)
        store.add_release(release, [])
    again = open_store(folder / "home")
    _expect(again.releases() == [release], "a release was not read back as it was written")
    _expect(again.problems() == [], "; ".join(again.problems()))
    return "a release was kept and read back"


def _decoding(folder: Path, settings: Settings) -> str:
    path = folder / "clip.mp4"
    shades = [np.full((48, 64, 3), 10 * i, np.uint8) for i in range(20)]
    write_video(path, shades, 10.0)
    info = probe_media(path, settings.limits)
    _expect((info.kind, info.width, info.height) == (Kind.VIDEO, 64, 48), f"probed as {info}")
    frames = list(read_frames(path, settings.limits))
    _expect(len(frames) == len(shades), f"{len(frames)} of {len(shades)} frames decoded")
    worst = max(abs(float(f.image.mean()) - float(s.mean())) for f, s in zip(frames, shades, strict=True))
    _expect(worst < 6, f"brightness off by {worst:.1f}")
    _expect(abs(frames[-1].time_s - 1.9) < 0.05, f"last frame at {frames[-1].time_s:.3f} s instead of 1.900 s")
    return f"{len(frames)} frames, brightness within {worst:.1f} of 255"


def _weights(_folder: Path, settings: Settings) -> str:
    missing = [model.name for model in missing_models(settings.models)]
    if missing:
        raise _NotTestedError(f"not pulled or damaged: {', '.join(missing)}; run haechi models pull")
    return "all as pinned"


def _comparison(folder: Path, settings: Settings) -> str:
    try:
        photograph = _photograph(settings)
    except InputError as error:
        raise _NotTestedError(str(error)) from error
    frames = [_view(photograph, i / _FRAMES_PER_S) for i in range(_FRAMES)]
    repainted = _repainted(photograph)
    fake = [_view(repainted, i / _FRAMES_PER_S) if i in _REPAINTED else frame for i, frame in enumerate(frames)]
    write_video(folder / "master.mp4", frames, _FRAMES_PER_S, crf=14)
    write_video(folder / "plain.mp4", frames, _FRAMES_PER_S, crf=28)
    write_video(folder / "fake.mp4", fake, _FRAMES_PER_S, crf=28)
    plain, altered = (
        compare_pair(folder / name, folder / "master.mp4", settings, pictures=False)
        for name in ("plain.mp4", "fake.mp4")
    )
    _expect(plain.verdict is Verdict.AUTHENTIC_COPY, f"a plain copy came out as {plain.verdict}")
    _expect(altered.verdict is Verdict.ALTERED, f"an altered copy came out as {altered.verdict}")
    overlap = _overlap(altered)
    _expect(overlap > 0.5, f"the altered stretch was found with an overlap of {overlap:.2f} only")
    return f"plain copy and altered copy told apart, stretch found with an overlap of {overlap:.2f}"


def _photograph(settings: Settings) -> Image:
    data = np.frombuffer(model_path("astronaut.png", settings.models).read_bytes(), np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if image is None:
        raise InputError("the sample photograph cannot be decoded")
    return np.asarray(image, np.uint8)


def _view(image: Image, time_s: float) -> Image:
    """What a slowly, unevenly moving camera sees of the photograph."""
    scale = (1.25 + 0.08 * np.sin(1.1 * time_s)) * _SIDE / 512
    x, y = 235 + 14 * np.sin(1.7 * time_s), 210 + 10 * np.cos(2.3 * time_s) + 3 * time_s
    matrix = np.array([[scale, 0, _SIDE / 2 - scale * x], [0, scale, _SIDE / 2 - scale * y]])
    view = cv2.warpAffine(image, matrix, (_SIDE, _SIDE), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(view, np.uint8)


def _repainted(image: Image) -> Image:
    """The photograph with its own cheek laid over the mouth, with soft edges."""
    height, width = 22, 42
    weight = np.zeros((height, width), np.float32)
    cv2.ellipse(weight, (width // 2, height // 2), (18, 9), 0, 0, 360, 1.0, -1)
    weight = np.asarray(cv2.GaussianBlur(weight, (0, 0), 2), np.float32)
    painted = image.copy()
    blended = weight[..., None] * image[_CHEEK] + (1 - weight[..., None]) * image[_MOUTH]
    painted[_MOUTH] = np.round(blended).astype(np.uint8)
    return painted


def _overlap(report: Report) -> float:
    """Intersection over union, in time, of the strongest change and the repainted stretch."""
    if not report.changes:
        return 0.0
    found = max(report.changes, key=lambda change: change.strength).span
    start_s, end_s = _REPAINTED.start / _FRAMES_PER_S, _REPAINTED.stop / _FRAMES_PER_S
    common = max(0.0, min(found.end_s, end_s) - max(found.start_s, start_s))
    return common / (max(found.end_s, end_s) - min(found.start_s, start_s))


def _expect(condition: bool, otherwise: str) -> None:
    if not condition:
        raise AssertionError(otherwise)
