"""A thousand damaged copies of registered masters through the whole check, in this process.

For each: the answer comes in time; it is an error of ours in one line, or a report of the contract whose verdict is
possible for changed bytes; and nothing is said of a file in which an independent look finds neither a picture nor
sound. Bits are flipped all over the file or in its first bytes, where containers keep what a decoder believes.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import pytest

import haechi as api
from haechi.check.report import report_json, report_schema
from haechi.core.errors import HaechiError, InputError
from haechi.core.media.audio import read_audio
from haechi.core.media.decode import FrameRequest, read_frames
from haechi.core.media.encode import write_audio, write_video
from haechi.core.records import Kind, Report, Verdict
from haechi.core.settings import Limits
from tiny_masters import RATE, TinyMasters

LONGEST_S = 60.0
HEAD_BYTES = 400
POSSIBLE = {Verdict.AUTHENTIC_COPY, Verdict.ALTERED, Verdict.INCONCLUSIVE, Verdict.NOT_OURS}
# Kind of file, and how many mutations of it; 1,000 in all. CPU for one that still decodes: a clip 1 s, a still 0.4 s,
# sound 0.2 s; what is refused costs nothing.
MUTATIONS = {
    "jpg": 110,
    "png": 340,
    "webp": 75,
    "gif": 70,
    "avif": 80,
    "tiff": 35,
    "moving.gif": 20,
    "mp4": 90,
    "webm": 35,
    "avi": 35,
    "mp3": 60,
    "wav": 50,
}
SHARES = (0.0005, 0.003, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 0.999)


@dataclass
class Outcomes:
    """What became of the mutations of one kind."""

    refused: int = 0
    reports: int = 0
    matched: int = 0


def write_copy(kind: str, path: Path, masters: TinyMasters) -> None:
    """A plain copy of a tiny master as a file of that kind."""
    picture, frames, sound = masters.picture, masters.frames, masters.sound
    if kind == "moving.gif":
        small = [picture.resize((96, 96)).rotate(2 * k) for k in range(3)]
        small[0].save(path, save_all=True, append_images=small[1:], duration=200)
    elif kind == "mp4":
        write_video(path, frames, RATE, crf=24, audio=sound[:16_000])
    elif kind == "webm":
        write_video(path, frames, RATE, codec="libvpx-vp9", crf=32)
    elif kind == "avi":
        write_video(path, frames, RATE, codec="mpeg4")
    elif kind in {"mp3", "wav"}:
        write_audio(path, 0.9 * sound, 16_000, codec="libmp3lame" if kind == "mp3" else "pcm_s16le")
    else:
        picture.resize((160, 160)).save(path, quality=80)


def flipped(data: bytes, seed: str) -> bytes:
    """One to a hundred flipped bits; in every second file half of them near its beginning."""
    rng = random.Random(seed)
    mutated = bytearray(data)
    in_head = rng.random() < 0.5
    for index in range(rng.choice([1, 1, 2, 4, 15, 100])):
        end = min(HEAD_BYTES, len(mutated)) if in_head and index % 2 == 0 else len(mutated)
        mutated[rng.randrange(end)] ^= 1 << rng.randrange(8)
    return bytes(mutated)


def something_decodes(path: Path) -> bool:
    """Whether any picture or sound comes out, asked apart from the check."""

    def sounds() -> Iterator[object]:
        return iter(read_audio(path, Limits()))

    looks: tuple[Callable[[], Iterator[object]], ...] = (
        lambda: read_frames(path, Limits(), FrameRequest(max_side=64)),
        sounds,
    )
    for look in looks:
        try:
            if next(look(), None) is not None:
                return True
        except HaechiError:
            continue
    return False


def judge(path: Path, masters: TinyMasters, outcomes: Outcomes) -> None:
    """Check one damaged file and hold the answer against the promises."""
    start = time.monotonic()
    try:
        report = api.check(path, home=masters.home)
    except InputError as error:
        outcomes.refused += 1
        assert len(str(error).splitlines()) == 1
        assert str(error).startswith((path.name, str(path)))
        return
    finally:
        assert time.monotonic() - start < LONGEST_S
    outcomes.reports += 1
    outcomes.matched += report.release is not None
    hold_to_promises(report)
    assert something_decodes(path)


def hold_to_promises(report: Report) -> None:
    jsonschema.validate(report_json(report), report_schema())
    assert report.verdict in POSSIBLE
    if report.probe.kind is not Kind.AUDIO:
        assert report.probe.width and report.probe.height
    if report.verdict in {Verdict.AUTHENTIC_COPY, Verdict.ALTERED}:
        assert report.decided_by == "comparison"
        assert report.release is not None
        assert report.release.segments
    else:
        assert not report.changes


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", MUTATIONS)
def test_flipped_bits(kind: str, tmp_path: Path, tiny_masters: TinyMasters) -> None:
    path = tmp_path / f"copy.{kind}"
    write_copy(kind, path, tiny_masters)
    data = path.read_bytes()
    outcomes = Outcomes()
    judge(path, tiny_masters, outcomes)
    assert outcomes.matched == 1, "the undamaged copy must match, or nothing is tried"
    for seed in range(MUTATIONS[kind]):
        damaged = tmp_path / f"{seed}.{kind}"
        damaged.write_bytes(flipped(data, f"{kind} {seed}"))
        judge(damaged, tiny_masters, outcomes)
        damaged.unlink()
    assert outcomes.refused + outcomes.reports == 1 + MUTATIONS[kind]
    assert outcomes.refused
    assert outcomes.matched > 1 or kind == "png"  # each chunk of a PNG has a checksum


@pytest.mark.parametrize("kind", MUTATIONS)
def test_truncated_at_many_places(kind: str, tmp_path: Path, tiny_masters: TinyMasters) -> None:
    whole = tmp_path / f"whole.{kind}"
    write_copy(kind, whole, tiny_masters)
    data = whole.read_bytes()
    outcomes = Outcomes()
    for share in SHARES:
        cut = tmp_path / f"cut {share}.{kind}"
        cut.write_bytes(data[: max(1, int(len(data) * share))])
        judge(cut, tiny_masters, outcomes)
    assert outcomes.refused


def test_a_thousand() -> None:
    assert sum(MUTATIONS.values()) == 1000
