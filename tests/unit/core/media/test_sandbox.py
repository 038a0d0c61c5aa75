"""The child process: what it refuses, how it dies, and that nothing is left behind."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from haechi.core.errors import HaechiError, InputError, UnreadableMediaError, UnsupportedMediaError
from haechi.core.media import sandbox
from haechi.core.media.decode import FrameRequest, read_frames, read_image
from haechi.core.media.encode import write_video
from haechi.core.media.probe import hash_file, probe_media
from haechi.core.settings import Limits


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, scene: Callable[..., list[np.ndarray]]) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    write_video(path, scene(120, 320, 240), 25)
    return path


def children() -> list[int]:
    """Decoding children that are alive now."""
    server = sandbox._server
    assert server is not None
    listed = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return [int(child) for child in listed.split()]


def wait_for(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_refuses_devices_pipes_and_folders_without_blocking(tmp_path: Path, limits: Limits) -> None:
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    link = tmp_path / "zero.mp4"
    link.symlink_to("/dev/zero")
    local = tmp_path / "socket.mp4"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(local))
        start = time.monotonic()
        for path in (pipe, link, Path("/dev/zero"), Path("/dev/stdin"), tmp_path, local):
            with pytest.raises(InputError, match=r"regular file|folder"):
                probe_media(path, limits)
            with pytest.raises(InputError):
                hash_file(path)
        assert time.monotonic() - start < 2


def test_missing_empty_and_oversized_files(tmp_path: Path, clip: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_image(tmp_path / "none.jpg", Limits())
    empty = tmp_path / "empty.mp4"
    empty.touch()
    with pytest.raises(UnreadableMediaError, match="empty"):
        probe_media(empty, Limits())
    with pytest.raises(UnreadableMediaError, match="HAECHI_LIMIT_MAX_BYTES"):
        probe_media(clip, Limits(max_bytes=1000))
    with pytest.raises(InputError):
        probe_media(tmp_path / "nul\0byte.mp4", Limits())


def test_unreadable_file(clip: Path, limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(InputError, match="permissions"):
        probe_media(clip, limits)


def test_symlink_and_korean_path(clip: Path, korean_folder: Path, limits: Limits) -> None:
    link = korean_folder / "영상 파일.mp4"
    link.symlink_to(clip)
    assert probe_media(link, limits).width == 320
    assert read_image(link, limits).image.shape == (240, 320, 3)
    assert hash_file(link) == hash_file(clip)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_death_of_the_child_is_an_error_for_the_file(clip: Path, limits: Limits, number: int) -> None:
    frames = read_frames(clip, limits)
    next(frames)
    for child in children():
        os.kill(child, number)
    with pytest.raises(UnreadableMediaError, match=r"clip\.mp4: .*(crashed|stopped)") as caught:
        list(frames)
    assert "\n" not in str(caught.value)
    assert len(list(read_frames(clip, limits))) == 120  # the next file is not affected


def test_stall_is_noticed(clip: Path) -> None:
    frames = read_frames(clip, Limits(stall_s=0.5))
    next(frames)
    stopped = children()
    for child in stopped:
        os.kill(child, signal.SIGSTOP)
    with pytest.raises(UnreadableMediaError, match="no progress"):
        list(frames)
    assert wait_for(lambda: not set(stopped) & set(children()))


def test_memory_limit(tmp_path: Path) -> None:
    big = tmp_path / "big.png"
    cv2.imwrite(str(big), np.zeros((6000, 6000, 3), np.uint8))
    with pytest.raises(UnreadableMediaError, match="HAECHI_LIMIT_MAX_MEMORY_BYTES"):
        read_image(big, Limits(max_memory_bytes=64_000_000))
    assert read_image(big, Limits()).image.shape == (6000, 6000, 3)


def test_closing_or_dropping_the_iterator_ends_the_child(clip: Path, limits: Limits) -> None:
    frames = read_frames(clip, limits)
    next(frames)
    assert children()
    frames.close()
    assert children() == []
    dropped = read_frames(clip, limits)
    next(dropped)
    del dropped
    gc.collect()
    assert wait_for(lambda: children() == [])


def test_stopping_ends_what_runs_and_starts_nothing_more(
    clip: Path, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "_ending", threading.Event())
    frames = read_frames(clip, limits)
    next(frames)
    (child,) = children()
    sandbox.stop_jobs()
    assert wait_for(lambda: not Path(f"/proc/{child}").exists())
    with pytest.raises(HaechiError):
        list(frames)
    with pytest.raises(HaechiError, match="is ending"):
        probe_media(clip, limits)


def test_no_descriptor_is_leaked(clip: Path, limits: Limits) -> None:
    read_image(clip, limits)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        list(read_frames(clip, limits, FrameRequest(end_s=0.2)))
        with pytest.raises(HaechiError):
            read_image(Path(__file__), limits)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_works_from_many_threads(clip: Path, limits: Limits) -> None:
    def total(_: int) -> int:
        return sum(int(f.image.sum()) for f in read_frames(clip, limits, FrameRequest(max_side=64, end_s=1.0)))

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(total, range(12)))) == 1
    assert threading.active_count() < 10


def test_the_server_is_started_again_after_its_death(clip: Path, limits: Limits) -> None:
    read_image(clip, limits)
    server = sandbox._server
    assert server is not None
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(60)
    assert read_image(clip, limits).image.shape == (240, 320, 3)


def test_works_in_a_fork_and_ends_with_the_process(clip: Path) -> None:
    code = f"""
import os, pathlib
from haechi.core.media import sandbox
from haechi.core.media.decode import read_image
from haechi.core.settings import Limits
path = pathlib.Path({str(clip)!r})
assert read_image(path, Limits()).image.shape == (240, 320, 3)
first = sandbox._server.process.pid
child = os.fork()
if child == 0:
    try:
        assert read_image(path, Limits()).image.shape == (240, 320, 3)
        assert sandbox._server.process.pid != first
        sandbox._server.stop()
        os._exit(0)
    finally:
        os._exit(1)
assert os.waitpid(child, 0)[1] == 0
print(first)
"""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert wait_for(lambda: not Path(f"/proc/{done.stdout.strip()}").exists())


def test_a_file_that_changes_while_it_is_read(tmp_path: Path, clip: Path, limits: Limits) -> None:
    growing = tmp_path / "growing.mp4"
    growing.write_bytes(clip.read_bytes())
    frames = read_frames(growing, limits)
    next(frames)
    with growing.open("ab") as handle:
        handle.write(b"more")
    with pytest.raises(UnreadableMediaError, match="changed while it was read"):
        list(frames)


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile '{secret}'\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{secret}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n",
        '<svg xmlns="http://www.w3.org/2000/svg"><image href="file://{secret}"/></svg>\n',
        '<?xml version="1.0"?><MPD><Period><BaseURL>http://127.0.0.1:{port}/</BaseURL></Period></MPD>\n',
        "[InternetShortcut]\nURL=http://127.0.0.1:{port}/\n",
        "v=0\nc=IN IP4 127.0.0.1\nm=video {port} RTP/AVP 96\n",
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".svg"])
def test_nothing_but_the_file_itself_is_opened(
    tmp_path: Path, clip: Path, limits: Limits, text: str, suffix: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        trap = tmp_path / f"trap{suffix}"
        trap.write_text(text.format(secret=clip, port=listener.getsockname()[1]))
        for read in (probe_media, read_image):
            with pytest.raises((UnreadableMediaError, UnsupportedMediaError)):
                read(trap, limits)
        with pytest.raises(TimeoutError):
            listener.accept()


def test_software_versions() -> None:
    versions = sandbox.software_versions()
    assert {"pyav", "ffmpeg", "libavcodec", "opencv", "pillow"} <= set(versions)


def test_warm_up_starts_the_server() -> None:
    sandbox.warm_up()
    assert sandbox._server is not None
    assert sandbox._server.process.poll() is None
