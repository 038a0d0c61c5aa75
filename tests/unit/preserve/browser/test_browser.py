from __future__ import annotations

import gzip
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from haechi.core.fetch import Exchange
from haechi.preserve.browser import browser, traffic
from haechi.preserve.browser.browser import Browser, find_browser
from haechi.preserve.browser.watch import end, processes


def exchange(folder: Path, body: bytes, *headers: tuple[str, str]) -> Exchange:
    path = folder / "body"
    path.write_bytes(body)
    at = "2026-11-22T00:00:00+00:00"
    return Exchange("https://e.org/", "1.1.1.1", (), 200, "OK", headers, path, len(body), "", None, at, at)


def test_browser_needs_the_extra_and_a_chromium(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "find_spec", lambda _: None)
    assert find_browser(Path("/any")) is None
    monkeypatch.setattr(browser, "find_spec", lambda _: object())
    monkeypatch.setattr(browser.shutil, "which", lambda _: None)
    assert find_browser(None) is None
    named = find_browser(Path("/any"))
    assert named is not None
    assert named.executable == Path("/any")


def test_browser_gets_no_network_and_nothing_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HAECHI_PASSWORD_FILE", "/secret")
    options = Browser(Path("/any")).options(tmp_path)
    assert "--host-resolver-rules=MAP * ~NOTFOUND" in options["args"]
    assert "--proxy-bypass-list=<-loopback>" in options["args"]
    assert options["proxy"]["server"].endswith(".invalid:9")
    assert options["chromium_sandbox"] is (os.geteuid() != 0)
    assert "HAECHI_PASSWORD_FILE" not in options["env"]
    assert {options["env"][name] for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME")} == {str(tmp_path)}


def test_browser_is_told_no_cookies_and_bounded_bodies(tmp_path: Path) -> None:
    headers = (("Set-Cookie", "a=b"), ("Content-Encoding", "gzip"), ("X-A", "1"), ("x-a", "2"))
    told = traffic._answer(exchange(tmp_path, gzip.compress(b"body"), *headers), 1000)
    assert told == {"status": 200, "headers": {"x-a": "1, 2"}, "body": b"body"}
    for body in (gzip.compress(bytes(100_000)), b"no gzip at all", bytes(2000)):
        with pytest.raises(traffic._RefusedError):
            traffic._answer(exchange(tmp_path, body, *headers), 1000)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are found by /proc")
def test_processes_are_found_by_their_folder_and_ended(tmp_path: Path) -> None:
    inner = "import time; time.sleep(60)"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    child = subprocess.Popen([sys.executable, "-c", outer, f"--user-data-dir={tmp_path}"])
    try:
        limit = time.monotonic() + 20
        while len(found := processes(tmp_path)) < 2 and time.monotonic() < limit:
            time.sleep(0.05)
        assert child.pid in found and len(found) == 2
        end(found)
    finally:
        child.kill()
        child.wait(20)
    assert processes(tmp_path) == []
    assert processes(tmp_path / "other") == []
