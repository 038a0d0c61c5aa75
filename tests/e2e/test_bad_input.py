"""Bad input through the whole check: always one clear line, never a traceback, a hang, or a verdict on nothing.

Every file is checked by the library and, all of them in one run, by the installed command.
"""

from __future__ import annotations

import ctypes
import io
import json
import os
import resource
import shutil
import struct
import subprocess
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import jsonschema
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import haechi as api
from clips import Frames
from haechi.check.report import report_json, report_schema
from haechi.core.media import sandbox
from haechi.core.media.encode import write_audio, write_video
from haechi.core.store import open_store
from tiny_masters import RATE, TinyMasters

Run = Callable[..., Any]
Sound = NDArray[np.float32]
LONGEST_S = 60.0
HOURS_10_MS = 36_000_000.0


def png_header(width: int, height: int) -> bytes:
    """A picture that claims a size and holds next to nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))


def gif_header(width: int, height: int) -> bytes:
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", width, height, 0, 0, 0)
        + b"\x2c"
        + struct.pack("<HHHHB", 0, 0, width, height, 0)
    )


def without_frames(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()


def claiming_ten_hours(path: Path, frames: Frames) -> None:
    """A silent clip whose header claims 36,000 s."""
    write_video(path, frames, RATE)
    data = bytearray(path.read_bytes())
    if path.suffix == ".mkv":
        at = data.index(b"\x44\x89\x88") + 3  # Matroska's Duration, an 8-byte float in ms
        data[at : at + 8] = struct.pack(">d", HOURS_10_MS)
    else:
        for box in (b"mvhd", b"mdhd"):  # version 0: flags, two dates, ticks a second, length in ticks
            at = data.index(box) + 16
            (ticks,) = struct.unpack(">I", data[at : at + 4])
            data[at + 4 : at + 8] = struct.pack(">I", ticks * 36_000)
    path.write_bytes(data)


def with_exif(picture: Image.Image, exif: bytes) -> bytes:
    plain = io.BytesIO()
    picture.save(plain, "JPEG", quality=85)
    data = plain.getvalue()
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]


def fill_unreadable(folder: Path, masters: TinyMasters) -> None:
    """Files on which nothing but an error can be said."""
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("this is a text, not a video\n" * 50, encoding="utf-8")
    for side in (16_384, 65_000):
        (folder / f"bomb {side}.png").write_bytes(png_header(side, side))
    (folder / "bomb wide.png").write_bytes(png_header(2_000_000_000, 1))
    (folder / "bomb zero.png").write_bytes(png_header(0, 5))
    (folder / "bomb.gif").write_bytes(gif_header(65_535, 65_535))
    Image.new("L", (16_000, 16_000), 77).save(folder / "16k.jpg", quality=30)
    without_frames(folder / "no frames.mkv")
    without_frames(folder / "no frames.mp4")
    write_video(folder / "ten hours.mkv", masters.frames[:4], RATE, times_s=[0.0, 9e3, 18e3, 36e3])
    (folder / "dead link.mp4").symlink_to(folder / "nowhere")
    (folder / "loop.mp4").symlink_to(folder / "loop.mp4")
    (folder / "zero link.mp4").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.mp4")
    (folder / "cut.jpg").write_bytes(with_exif(masters.picture, b"")[:3000])


def fill_readable(folder: Path, masters: TinyMasters) -> None:
    """Odd files on which something can be said."""
    write_audio(folder / "sound only.m4a", masters.sound, 16_000, codec="aac")
    write_audio(folder / "strange sound.wav", masters.sound[::-1].copy(), 16_000)
    write_video(folder / "one frame.mp4", masters.frames[:1], RATE)
    claiming_ten_hours(folder / "claims ten hours.mkv", masters.frames)
    claiming_ten_hours(folder / "claims ten hours.mp4", masters.frames)
    Image.new("RGB", (1, 1), (9, 99, 200)).save(folder / "1x1.png")
    Image.new("RGB", (1, 1), (9, 99, 200)).save(folder / "1x1.jpg")
    Image.new("RGB", (1, 1), (9, 99, 200)).save(folder / "1x1.gif")
    write_video(folder / "1x1.mkv", [np.full((1, 1, 3), 90, np.uint8)] * 3, RATE, codec="ffv1", pixel_format="bgr0")
    Image.new("L", (5_000, 1), 70).save(folder / "5000x1.png")
    Image.new("L", (10_900, 10_900), 70).save(folder / "under the limit.png")
    (folder / "exif garbage.jpg").write_bytes(with_exif(masters.picture, b"Exif\0\0" + bytes(range(256)) * 3))
    endless = struct.pack("<2sHIHHHIII", b"II", 42, 8, 1, 0x0112, 3, 0xFFFFFFFF, 0x7FFFFFFF, 8)
    (folder / "exif endless.jpg").write_bytes(with_exif(masters.picture, b"Exif\0\0" + endless))
    masters.picture.save(folder / "사진 한 장 (최종).jpg", quality=85)
    (folder / "link.jpg").symlink_to(folder / "사진 한 장 (최종).jpg")
    write_video(folder / "영상 한 편.mp4", masters.frames, RATE, crf=24)


COPIES = {
    "sound only.m4a",
    "claims ten hours.mkv",
    "claims ten hours.mp4",
    "exif garbage.jpg",
    "exif endless.jpg",
    "사진 한 장 (최종).jpg",
    "link.jpg",
    "영상 한 편.mp4",
}
STRANGERS = {
    "strange sound.wav",
    "1x1.png",
    "1x1.jpg",
    "1x1.gif",
    "1x1.mkv",
    "5000x1.png",
    "under the limit.png",
}
UNDECIDED = {"one frame.mp4"}


@pytest.fixture(scope="module")
def unreadable(tmp_path_factory: pytest.TempPathFactory, tiny_masters: TinyMasters) -> Path:
    folder = tmp_path_factory.mktemp("unreadable") / "못 읽는 files"
    folder.mkdir()
    fill_unreadable(folder, tiny_masters)
    return folder


@pytest.fixture(scope="module")
def readable(tmp_path_factory: pytest.TempPathFactory, tiny_masters: TinyMasters) -> Path:
    folder = tmp_path_factory.mktemp("readable") / "이상한 files"
    folder.mkdir()
    fill_readable(folder, tiny_masters)
    return folder


@pytest.fixture(scope="module")
def checked(haechi: Run, unreadable: Path, readable: Path, tiny_masters: TinyMasters) -> Any:
    """One run of the command over everything bad, and devices."""
    named = [*sorted(unreadable.iterdir()), *sorted(readable.iterdir())]
    others = ["/dev/zero", "/dev/null", "/nowhere/at all.mp4", f"{readable}/{'long ' * 60}.mp4", "two\nlines.mp4"]
    return haechi("--home", tiny_masters.home, "check", "--json", *named, *others)


def lines_about(run: Any, path: object) -> list[str]:
    return [line for line in run.err.splitlines() if line.startswith(f"haechi: {path}: ")]


def test_command_says_one_line_of_each_unreadable_file(checked: Any, unreadable: Path) -> None:
    assert checked.code == 3
    for path in (*unreadable.iterdir(), "/dev/zero", "/dev/null", "/nowhere/at all.mp4"):
        assert len(lines_about(checked, path)) == 1, path
    assert len(checked.err.splitlines()) == len(list(unreadable.iterdir())) + 5
    assert "bug" not in checked.err


def test_command_answers_for_every_readable_file(checked: Any, readable: Path) -> None:
    reports = {Path(report["probe"]["path"]).name: report for report in checked.objects}
    assert set(reports) == {path.name for path in readable.iterdir()}
    for report in reports.values():
        jsonschema.validate(report, report_schema())
    assert {name for name, r in reports.items() if r["verdict"] == "authentic_copy"} - UNDECIDED == COPIES
    assert {name for name, r in reports.items() if r["verdict"] == "not_ours"} - UNDECIDED == STRANGERS


def test_library_says_one_line_of_each_unreadable_file(unreadable: Path, tiny_masters: TinyMasters) -> None:
    for path in [*sorted(unreadable.iterdir()), Path("/dev/zero"), Path("/dev/null"), unreadable, Path("a\0b.mp4")]:
        start = time.monotonic()
        with pytest.raises(api.HaechiError) as caught:
            api.check(path, home=tiny_masters.home)
        assert time.monotonic() - start < LONGEST_S, path
        assert len(str(caught.value).splitlines()) == 1


def test_library_answers_for_every_readable_file(readable: Path, tiny_masters: TinyMasters) -> None:
    for path in sorted(readable.iterdir()):
        start = time.monotonic()
        report = api.check(path, home=tiny_masters.home, pictures=True)
        assert time.monotonic() - start < LONGEST_S, path
        jsonschema.validate(report_json(report), report_schema())
        if path.name in COPIES:
            assert (report.verdict, report.changes) == ("authentic_copy", ()), path
        elif path.name in STRANGERS:
            assert (report.verdict, report.release) == ("not_ours", None), path
        else:
            assert report.verdict in {"authentic_copy", "inconclusive", "not_ours"}, path


@pytest.mark.parametrize("name", ["16k.jpg", "bomb 16384.png"])
def test_16k_when_the_limit_is_raised(
    name: str, unreadable: Path, tiny_masters: TinyMasters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAECHI_LIMIT_MAX_PIXELS", "300000000")
    start = time.monotonic()
    if name.startswith("bomb"):
        with pytest.raises(api.HaechiError):
            api.check(unreadable / name, home=tiny_masters.home)
    else:
        assert api.check(unreadable / name, home=tiny_masters.home).verdict == "not_ours"
    assert time.monotonic() - start < LONGEST_S


def test_file_without_permission(
    readable: Path, tiny_masters: TinyMasters, tmp_path: Path, haechi_path: Path, environment: dict[str, str]
) -> None:
    secret, folder = tmp_path / "비밀 secret.mp4", tmp_path / "locked"
    folder.mkdir()
    for path in (secret, folder / "inside.mp4"):
        shutil.copy(readable / "one frame.mp4", path)
    secret.chmod(0)
    folder.chmod(0)
    try:
        done = subprocess.run(
            [
                haechi_path,
                "--home",
                tiny_masters.home,
                "check",
                secret,
                folder / "inside.mp4",
                folder,
                readable / "1x1.png",
            ],
            capture_output=True,
            text=True,
            env=environment,
            timeout=120,
            preexec_fn=as_anybody,
        )
    finally:
        folder.chmod(0o700)
    assert done.returncode == 3, done.stderr
    assert [line for line in done.stdout.splitlines() if "1x1.png" in line]
    assert len(done.stderr.splitlines()) == 3, done.stderr
    assert "bug" not in done.stderr and "Traceback" not in done.stderr


def as_anybody() -> None:
    """Take the right to read everything from root (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH)."""
    for capability in (1, 2):
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


@pytest.fixture
def changed_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, str, Callable[[Path], None]], None]:
    """Change a file as soon as one job of its decoding has ended, as a download or a stranger would."""

    def arrange(path: Path, job: str, change: Callable[[Path], None]) -> None:
        run_job, done = sandbox.run_job, []

        def and_change(name: str, wanted: Path, *rest: Any) -> Iterator[Any]:
            try:
                yield from run_job(name, wanted, *rest)
            finally:
                if name == job and wanted == path and not done:
                    done.append(True)
                    change(path)

        monkeypatch.setattr(sandbox, "run_job", and_change)

    return arrange


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def replace(path: Path) -> None:
    other = path.with_name("other.jpg")
    Image.new("RGB", (64, 64), (1, 2, 3)).save(other)
    other.replace(path)


@pytest.mark.parametrize("change", [grow, replace, Path.unlink], ids=["grown", "replaced", "deleted"])
@pytest.mark.parametrize("job", ["survey", "frames"])
def test_file_that_changes_while_it_is_read_has_no_verdict(
    job: str,
    change: Callable[[Path], None],
    readable: Path,
    tiny_masters: TinyMasters,
    tmp_path: Path,
    changed_after: Callable[[Path, str, Callable[[Path], None]], None],
) -> None:
    path = tmp_path / "아직 copying.jpg"
    shutil.copy(readable / "사진 한 장 (최종).jpg", path)
    changed_after(path, job, change)
    with pytest.raises(api.HaechiError) as caught:
        api.check(path, home=tiny_masters.home)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("side", ["probe", "master"])
def test_file_that_changes_while_it_is_compared_has_no_verdict(
    side: str,
    readable: Path,
    tiny_masters: TinyMasters,
    tmp_path: Path,
    changed_after: Callable[[Path, str, Callable[[Path], None]], None],
) -> None:
    paths = {name: tmp_path / f"{name}.jpg" for name in ("probe", "master")}
    for path in paths.values():
        shutil.copy(readable / "사진 한 장 (최종).jpg", path)
    changed_after(paths[side], "frames", replace)
    with pytest.raises(api.HaechiError, match="changed"):
        api.compare(paths["probe"], paths["master"])


def test_compare_says_one_line_of_a_bad_probe_or_master(
    haechi: Run, unreadable: Path, readable: Path, tmp_path: Path
) -> None:
    good = readable / "사진 한 장 (최종).jpg"
    for pair in (
        (unreadable / "text.mp4", good),
        (good, unreadable / "dead link.mp4"),
        (good, tmp_path / "absent.mov"),
    ):
        run = haechi("compare", *pair)
        assert (run.code, run.out) == (3, ""), pair
        assert len(run.err.splitlines()) == 1
        assert next(path.name for path in pair if path != good) in run.err


@pytest.mark.parametrize("limit", [500, 20_000, 60_000])
def test_disk_that_fills_up_while_registering_leaves_nothing(
    limit: int, tmp_path: Path, master_clip: Path, haechi: Run, haechi_path: Path, environment: dict[str, str]
) -> None:
    home = tmp_path / "home"
    haechi("--home", home, "release", "list")  # the database is there already
    done = subprocess.run(
        [haechi_path, "--home", home, "release", "add", master_clip],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode in {1, 3}, done.stdout
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "bug" not in done.stderr
    store = open_store(home)
    assert (store.releases(), store.problems()) == ([], [])
    assert not [path for part in ("blobs", "incoming") for path in (home / part).rglob("*") if path.is_file()]
    assert haechi("--home", home, "release", "add", master_clip).code == 0
    assert json.loads(haechi("--home", home, "check", "--json", master_clip).out)["verdict"] == "authentic"
