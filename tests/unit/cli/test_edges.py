from __future__ import annotations

import json
import os
import platform
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from haechi.core.store import open_store

Haechi = Callable[..., Any]
COMMANDS = [
    ["artist", "add"],
    ["artist", "list"],
    ["artist", "show"],
    ["artist", "remove"],
    ["release", "add"],
    ["release", "list"],
    ["release", "remove"],
    ["keys", "new"],
    ["keys", "add"],
    ["keys", "list"],
    ["keys", "show"],
    ["keys", "tsa"],
    ["protect"],
    ["verify"],
    ["check"],
    ["compare"],
    ["bank", "add"],
    ["bank", "list"],
    ["bank", "remove"],
    ["case", "new"],
    ["case", "list"],
    ["case", "show"],
    ["case", "lane"],
    ["case", "close"],
    ["capture"],
    ["exhibit", "add"],
    ["exhibit", "note"],
    ["exhibit", "show"],
    ["exhibit", "verify"],
    ["exhibit", "open"],
    ["exhibit", "destroy"],
    ["sighting", "add"],
    ["sighting", "show"],
    ["notice", "draft"],
    ["notice", "show"],
    ["notice", "sign"],
    ["notice", "sent"],
    ["notice", "answer"],
    ["notice", "list"],
    ["deadlines"],
    ["case", "bundle"],
    ["verify-bundle"],
    ["vault", "holders"],
    ["vault", "seal"],
    ["vault", "unseal"],
    ["approve", "list"],
    ["approve", "grant"],
    ["approve", "refuse"],
    ["ledger", "verify"],
    ["ledger", "show"],
    ["ledger", "checkpoint"],
    ["user", "add"],
    ["user", "role"],
    ["user", "list"],
    ["models", "list"],
    ["models", "pull"],
    ["doctor"],
    ["selftest"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_with_an_example(haechi: Haechi, command: list[str]) -> None:
    run = haechi(*command, "--help")
    assert run.code == 0
    assert f"Example: haechi {' '.join(command)}" in run.out
    assert "--json" in run.out
    assert "<list" not in run.out


@pytest.mark.parametrize("arguments", [["check"], ["nonsense"], ["compare", "one"], ["release", "add", "--titel", "x"]])
def test_wrong_usage(haechi: Haechi, arguments: list[str]) -> None:
    run = haechi(*arguments)
    assert (run.code, run.out) == (2, "")
    assert run.err


def test_fake_without_a_reason_is_wrong_usage(haechi: Haechi, tmp_path: Path) -> None:
    assert haechi("bank", "add", tmp_path / "x.mp4").code == 2
    assert haechi("bank", "add", tmp_path / "x.mp4", "--because", " ").code == 2


def test_home_comes_from_the_option_before_the_variable(haechi: Haechi, tmp_path: Path, home: Path) -> None:
    assert haechi("--home", tmp_path / "다른 집", "release", "list").code == 0
    assert (tmp_path / "다른 집" / "haechi.db").exists()
    assert not home.exists()
    assert haechi("release", "list").code == 0
    assert (home / "haechi.db").exists()


def test_release_list_and_remove(haechi: Haechi, home: Path) -> None:
    from haechi.core.records import Kind, Release

    release = Release("R-1", "First Snow", Kind.VIDEO, "sha256:x", "a.mov", None, None, "now", 75.0, 1920, 1080, None)
    open_store(home).add_release(release, [])
    assert haechi("release", "list").lines == ["R-1  First Snow · video · 1:15 · 1920x1080"]
    assert json.loads(haechi("release", "list", "--json").out)["schema"] == "haechi.release/1"
    assert haechi("release", "remove", "R-1").code == 0
    assert haechi("release", "remove", "R-1").code == 2
    assert open_store(home).releases() == []


def test_artist_show_and_unknown_artist(haechi: Haechi, home: Path) -> None:
    open_store(home).add_artist("하늘", "contract", [])
    assert "contract" in haechi("artist", "show", "하늘").out
    assert json.loads(haechi("artist", "show", "하늘", "--json").out)["photos"] == []
    run = haechi("artist", "show", "nobody")
    assert run.code == 2
    assert "nobody" in run.err


def test_unknown_artist_of_a_release_stops_before_any_file(haechi: Haechi, tmp_path: Path) -> None:
    run = haechi("release", "add", tmp_path / "a.mov", tmp_path / "b.mov", "--artist", "nobody")
    assert run.code == 2
    assert len(run.err.splitlines()) == 1


def test_one_title_for_many_masters_is_wrong_usage(haechi: Haechi, tmp_path: Path) -> None:
    assert haechi("release", "add", tmp_path / "a.mov", tmp_path / "b.mov", "--title", "x").code == 2


@pytest.mark.parametrize("command", [["check", "--report"], ["compare", "b.mp4", "--report"], ["protect", "-o"]])
def test_a_file_in_the_place_of_a_folder_is_wrong_usage(haechi: Haechi, tmp_path: Path, command: list[str]) -> None:
    name, *options = command
    taken = tmp_path / "taken"
    taken.write_bytes(b"")
    run = haechi(name, "a.mp4", *options, taken)
    assert (run.code, run.out) == (2, "")
    assert "is a file" in run.err


@pytest.mark.parametrize("command", [["release", "add"], ["bank", "add", "--because", "x"]])
def test_a_folder_without_media_is_told(haechi: Haechi, tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "empty").mkdir()
    run = haechi(*command, tmp_path / "empty")
    assert (run.code, run.out, run.err) == (0, "", "haechi: nothing to do: no media were found\n")


def test_compare_names_the_file_that_cannot_be_read(
    haechi: Haechi, models: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HAECHI_MODELS", str(models))
    probe, master = tmp_path / "probe.png", tmp_path / "master.png"
    Image.new("RGB", (64, 64)).save(probe)
    for content in (None, b"", b"junk"):
        if content is not None:
            master.write_bytes(content)
        run = haechi("compare", probe, master)
        assert (run.code, run.err.startswith(f"haechi: {master}: ")) == (3, True), run.err


def test_what_is_not_there_is_said_to_be_missing(haechi: Haechi, tmp_path: Path) -> None:
    run = haechi("verify-bundle", tmp_path / "absent.zip")
    assert (run.code, "No such file" in run.err) == (3, True)
    assert haechi("verify-bundle", tmp_path).err == f"haechi: {tmp_path}: is not a regular file\n"
    run = haechi("sighting", "show", "--item", "E-absent")
    assert (run.code, run.err) == (0, "haechi: no exhibit shows E-absent, and no sighting names it\n")
    run = haechi("ledger", "show", "R-absent")
    assert (run.code, run.err) == (0, "haechi: nothing in the ledger names R-absent\n")


def test_unreadable_masters_get_a_line_each(haechi: Haechi, tmp_path: Path) -> None:
    (tmp_path / "empty.mov").write_bytes(b"")
    run = haechi("release", "add", tmp_path / "empty.mov", tmp_path / "absent.mov", "/dev/zero")
    assert (run.code, run.out) == (3, "")
    assert len(run.err.splitlines()) == 3


@pytest.mark.parametrize("command", [["check", "a.mp4"], ["compare", "a.mp4", "b.mp4"]])
def test_missing_weights_are_said_once_and_first(haechi: Haechi, command: list[str]) -> None:
    run = haechi(*command)
    assert (run.code, run.out) == (1, "")
    assert "haechi models pull" in run.err
    assert len(run.err.splitlines()) == 1


def test_damaged_store_is_one_line(haechi: Haechi, home: Path) -> None:
    home.mkdir()
    (home / "haechi.db").write_bytes(b"not a database" * 500)
    run = haechi("release", "list")
    assert run.code == 1
    assert "damaged" in run.err
    assert len(run.err.splitlines()) == 1


def test_unforeseen_error_is_one_line_and_keeps_its_details(
    haechi: Haechi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("haechi.core.store.open_store", broken)
    run = haechi("release", "list")
    assert run.code == 1
    assert run.err.startswith("haechi: RuntimeError: boom - this is a bug")
    assert len(run.err.splitlines()) == 1
    assert len(list(tmp_path.glob("haechi-bug-*"))) == 1
    monkeypatch.setenv("HAECHI_DEBUG", "1")
    assert "Traceback" in haechi("release", "list").err


def test_bad_setting_is_one_line(haechi: Haechi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAECHI_LIMIT_MAX_PIXELS", "many")
    run = haechi("release", "list")
    assert run.code == 2
    assert "HAECHI_LIMIT_MAX_PIXELS" in run.err
    assert len(run.err.splitlines()) == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_with_one_line(
    haechi: Haechi, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    monkeypatch.setattr("haechi.core.store.open_store", lambda *_: signal.raise_signal(number))
    run = haechi("release", "list")
    assert (run.code, run.out, run.err) == (code, "", "haechi: stopped\n")


def test_ctrl_c_that_is_switched_off_stays_so(haechi: Haechi, monkeypatch: pytest.MonkeyPatch) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    opened = []
    monkeypatch.setattr("haechi.core.store.open_store", lambda *_: opened.append(signal.getsignal(signal.SIGINT)))
    haechi("release", "list")
    assert opened == [signal.SIG_IGN]


def test_help_speaks_korean(haechi: Haechi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAECHI_LANG", "ko")
    out = haechi("check", "--help").out
    assert "사용" in out
    assert "haechi check" in out


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("group", [(), ("case",), ("keys",), ("notice",)])
def test_lists_of_commands_break_no_sentence_off(
    haechi: Haechi, monkeypatch: pytest.MonkeyPatch, group: tuple[str, ...], language: str
) -> None:
    monkeypatch.setenv("HAECHI_LANG", language)
    out = haechi(*group, "--help").out
    commands = out[out.index({"en": "\nCommands", "ko": "\n명령"}[language]) :]
    assert "..." not in commands


def run_installed(*arguments: object, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "haechi.cli", *map(str, arguments)]
    variables = os.environ | {"HAECHI_LANG": "en"} | environment
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables)


def test_broken_pipe_is_clean(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for i in range(10):
        store.add_artist(f"artist {i} " + "x" * 30_000, "c", [])
    process = run_installed("--home", tmp_path, "artist", "list", "--json")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    process.wait(timeout=30)
    process.stderr.close()


def test_help_starts_quickly_and_imports_nothing_heavy() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code = (
        "import sys; sys.argv = ['haechi', '--help']\n"
        "from haechi.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'cv2', 'sqlalchemy', 'pydantic', 'rich', 'av', 'PIL', 'numba', 'scipy', 'jinja2'}\n"
        "sys.stderr.write(','.join(sorted(heavy & set(sys.modules))))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert run.stderr == ""
    assert "check" in run.stdout
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.9  # 0.15 s when left alone


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has no heaps for each thread")
def test_threads_share_two_heaps() -> None:
    program = """
import ctypes, threading
from haechi.cli.main import _share_memory
_share_memory()
together = threading.Barrier(8)
def use():
    together.wait()
    kept = [bytes(50_000) for _ in range(20)]
    together.wait()
threads = [threading.Thread(target=use) for _ in range(8)]
[t.start() for t in threads], [t.join() for t in threads]
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
out = libc.fdopen(1, b"w")
libc.malloc_info(0, ctypes.c_void_p(out))
libc.fflush(ctypes.c_void_p(out))
"""
    heaps = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.count(
            "<heap nr"
        )
        for code in (program, program.replace("\n_share_memory()", ""))
    ]
    assert heaps[0] <= 2 < heaps[1]
